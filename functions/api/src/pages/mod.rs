//! The preference page: `GET` and `POST /preferences`, for people, without scripts.
//!
//! The token of the link becomes a cookie at once, so that it stays in no address, history or `Referer`. Every form posts to the page; what worked is followed by a
//! redirect, and what did not by the page with the errors in it.

mod acts;
mod form;
mod view;
mod visitor;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use sms::text::Locale;

use self::{
    acts::{Act, Next, Refusal, Trouble},
    form::Form,
    view::{Notice, Sight},
    visitor::{NO_COOKIE, Visitor, cookie},
    words::Words,
};
use crate::{api::Api, auth::claims, problem::Problem};

/// Its two routes. They are for people, so they are not in the document of programs.
pub fn router() -> Router<Arc<Api>> {
    Router::new().route("/preferences", get(show).post(act))
}

/// The page; or, for a link with a token, the cookie and the way to the page.
async fn show(State(api): State<Arc<Api>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let query = query(&parts);
    let words = words_of(&parts, &query);
    match shown(&api, &parts, &query, words).await {
        Ok(response) => response,
        Err(_) => view::broken(words),
    }
}

async fn shown(api: &Api, parts: &Parts, query: &Form, words: &'static Words) -> Result<Response, Problem> {
    let token = query.get("token");
    if !token.is_empty() {
        return enter(api, token, query, words).await;
    }
    match Visitor::of(parts, api).await? {
        Some(visitor) => {
            Ok(view::page(StatusCode::OK, &Box::pin(Sight::of(api, &visitor, query)).await?, &Notice::done(query.get("done")), &Form::default()))
        }
        // From a page of another site the browser keeps a strict cookie back, also on the way that the redirect asks for. From a page of ours it does not.
        None if came_from_elsewhere(parts) => Ok(view::opening(words)),
        None => Ok(without_link(words)),
    }
}

/// Takes the token out of the address.
async fn enter(api: &Api, token: &str, query: &Form, words: &'static Words) -> Result<Response, Problem> {
    let claims = match claims(api, token).await {
        Ok(claims) => claims,
        Err(problem) if problem.kind.words().0 == 401 => return Ok(without_link(words)),
        Err(problem) => return Err(problem),
    };
    let mut response = see_other(&view::address(language_asked_for(query), &[]));
    response.headers_mut().extend(cookie(token, &claims, api.now()).map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// Does what a form asks for.
async fn act(State(api): State<Arc<Api>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let form = Form::read(body).await;
    let words = words_of(&parts, &form);
    match done(&api, &parts, &form, words).await {
        Ok(response) => response,
        Err(_) => view::broken(words),
    }
}

async fn done(api: &Arc<Api>, parts: &Parts, form: &Form, words: &'static Words) -> Result<Response, Problem> {
    let Some(visitor) = Visitor::of(parts, api).await? else { return Ok(without_link(words)) };
    let Some(act) = Act::of(form.get("act")).filter(|_| visitor.sent(form.get("proof"))) else { return Ok(view::not_from_here(words)) };
    let refusal = if visitor.may_change {
        match acts::perform(api, &visitor, act, form).await {
            Ok(Next { done, verification }) => {
                let verification = verification.map(|id| id.to_string()).unwrap_or_default();
                // Who has just chosen a language sees the page in it.
                let language = language_asked_for(form).filter(|_| act != Act::Save);
                let address = view::address(language, &[("done", done), ("verification", &verification)]);
                return Ok(see_other(&format!("{address}#{}", act.leads_to())));
            }
            Err(Trouble::Refused(refusal)) => refusal,
            Err(Trouble::Ours(problem)) => return Err(problem),
        }
    } else {
        Refusal::looking_only()
    };
    let sight = Box::pin(Sight::of(api, &visitor, form)).await?;
    let typed = if refusal.is_stale() { &Form::default() } else { form };
    Ok(view::page(refusal.status, &sight, &Notice::refused(refusal.faults, &sight), typed))
}

fn see_other(address: &str) -> Response {
    let location = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("preferences"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

fn without_link(words: &'static Words) -> Response {
    let mut response = view::no_link(words);
    response.headers_mut().insert(header::SET_COOKIE, NO_COOKIE);
    response
}

fn query(parts: &Parts) -> Form {
    Form::parse(parts.uri.query().unwrap_or_default().as_bytes())
}

fn came_from_elsewhere(parts: &Parts) -> bool {
    parts.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// The language that somebody asked for by the switch.
fn language_asked_for(form: &Form) -> Option<Locale> {
    [Locale::En, Locale::Es].into_iter().find(|locale| locale.as_str() == form.get("lang"))
}

/// The words for who is not known yet: the language asked for, else that of the browser.
fn words_of(parts: &Parts, form: &Form) -> &'static Words {
    let browser = || parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map(Locale::of).unwrap_or_default();
    Words::of(language_asked_for(form).unwrap_or_else(browser))
}
