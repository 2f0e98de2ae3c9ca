//! The frame of every page, and the pages that have nothing in it but a word.

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::Words;

const STYLE: &str = include_str!("page.css");

/// Nothing but this style: no script, no picture, no frame round it, no form to anywhere else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page: `switch` is its address in the other language, `bar` what stands beside the name.
pub fn whole(status: StatusCode, words: &Words, title: &str, switch: Option<&str>, bar: &Markup, content: &Markup, contact: &str) -> Response {
    let (other, locale) = words.other;
    let body = html! {
        a.skip href="#content" { (words.skip) }
        header {
            div.bar {
                p.brand { "AllThrive" }
                (bar)
            }
        }
        main #content tabindex="-1" {
            div.top {
                h1 { (words.title) }
                @if let Some(switch) = switch {
                    nav aria-label=(words.language_switch) { a href=(switch) lang=(locale.as_str()) hreflang=(locale.as_str()) { (other) } }
                }
            }
            (content)
        }
        footer { p { ((words.footer)(contact)) } }
    };
    answer(status, words, title, None, &body)
}

/// There is no good token. Nothing is said of anybody.
pub fn no_link(words: &Words) -> Response {
    word(StatusCode::UNAUTHORIZED, words, words.no_link, words.no_link_what)
}

/// A form that does not come from the page.
pub fn not_from_here(words: &Words) -> Response {
    word(StatusCode::FORBIDDEN, words, words.not_from_here, words.not_from_here_what)
}

/// Our fault.
pub fn broken(words: &Words) -> Response {
    word(StatusCode::INTERNAL_SERVER_ERROR, words, words.broken, words.broken_what)
}

/// Goes on to the page, from a page of ours.
pub fn opening(words: &Words) -> Response {
    let here = super::address(None, &[]);
    let body = html! {
        main #content { h1 { (words.opening) } p { a href=(here) { (words.again) } } }
    };
    answer(StatusCode::OK, words, words.opening, Some(&format!("0; url={here}")), &body)
}

fn word(status: StatusCode, words: &Words, title: &str, what: &str) -> Response {
    let body = html! {
        header { div.bar { p.brand { "AllThrive" } } }
        main #content { h1 { (title) } p { (what) } }
    };
    answer(status, words, &format!("{}: {title}", words.error), None, &body)
}

fn answer(status: StatusCode, words: &Words, title: &str, refresh: Option<&str>, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang=(words.locale.as_str()) {
            head {
                meta charset="utf-8";
                title { (title) " – AllThrive" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                @if let Some(refresh) = refresh {
                    meta http-equiv="refresh" content=(refresh);
                }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY.clone()), (header::CONTENT_LANGUAGE, HeaderValue::from_static(words.locale.as_str()))];
    (status, headers, Html(page.into_string())).into_response()
}
