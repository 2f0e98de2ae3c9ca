//! Who may talk to the simulator: programs of this machine, and its own page.
//!
//! It listens on loopback only, but any web page in a browser here can send requests to loopback. So the `Host` must be ours (a name that an attacker
//! points at 127.0.0.1 is not), and a request that a browser says comes from another page is refused.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// Refuses what is not from here.
pub async fn only_from_here(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(detail) => Problem::new(StatusCode::FORBIDDEN, detail).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let host = text(headers, header::HOST.as_str()).unwrap_or_default();
    if !is_local(host) {
        return Some("The Host of a request must be localhost, 127.0.0.1 or [::1].");
    }
    let foreign = text(headers, header::ORIGIN.as_str()).is_some_and(|origin| origin.strip_prefix("http://") != Some(host));
    foreign.then_some("This request comes from another web page.")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

fn is_local(host: &str) -> bool {
    let port = |rest: &str| rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.strip_prefix(name).is_some_and(port))
}

/// Whether the body is said to be JSON, which a form of another page cannot say.
pub fn says_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, header::CONTENT_TYPE.as_str()).and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::refusal;

    fn is_refused(headers: &[(&'static str, &'static str)]) -> bool {
        let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        refusal(&pairs.collect::<HeaderMap>()).is_some()
    }

    #[test]
    fn requests_of_this_machine_and_of_the_page_pass() {
        for host in ["localhost", "localhost:4580", "127.0.0.1:4580", "[::1]:4580"] {
            assert!(!is_refused(&[("host", host)]), "{host}");
        }
        assert!(!is_refused(&[("host", "localhost:4580"), ("origin", "http://localhost:4580")]));
    }

    #[test]
    fn rebound_names_and_other_pages_do_not() {
        for host in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:4580", "localhost:x", "127.0.0.2"] {
            assert!(is_refused(&[("host", host)]), "{host}");
        }
        for origin in ["http://evil.example", "null", "http://localhost:3000", "https://localhost:4580", "http://127.0.0.1:4580"] {
            assert!(is_refused(&[("host", "localhost:4580"), ("origin", origin)]), "{origin}");
        }
    }
}
