//! Who has the page open: the token of the link, kept in a cookie.

use axum::http::{
    HeaderMap,
    header::{COOKIE, HeaderValue},
    request::Parts,
};
use jiff::Timestamp;
use sms::{
    event::UserId,
    token::{Claims, Scope, form_proof, proves},
};

use crate::{
    api::Api,
    auth::{Origin, Person, claims, origin_of},
    problem::Problem,
};

/// A person who has the page open.
pub struct Visitor {
    pub user_id: UserId,
    /// Whether they may change anything.
    pub may_change: bool,
    token: String,
    origin: Origin,
}

const NAME: &str = "preferences_token";

impl Visitor {
    /// Whoever the cookie says, if it says anybody.
    pub async fn of(parts: &Parts, api: &Api) -> Result<Option<Self>, Problem> {
        for token in tokens(&parts.headers) {
            match claims(api, token).await {
                Ok(claims) => {
                    let may_change = claims.scope == Scope::Manage;
                    return Ok(Some(Self { user_id: claims.user_id, may_change, token: token.to_owned(), origin: origin_of(parts) }));
                }
                Err(problem) if problem.kind.words().0 == 401 => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(None)
    }

    /// They, as the routes of the API know them.
    pub fn person(&self) -> Person {
        Person::visiting(self.user_id.clone(), self.origin.clone())
    }

    /// What every form of theirs carries, so that no other site can send one.
    pub fn proof(&self) -> String {
        form_proof(&self.token)
    }

    /// Whether a form carries it.
    pub fn sent(&self, proof: &str) -> bool {
        proves(proof, &self.token)
    }
}

/// The cookie that keeps `token` for as long as it is good. Without a `Path` it goes to wherever the page is, whatever that is below.
pub fn cookie(token: &str, claims: &Claims, now: Timestamp) -> Option<HeaderValue> {
    let seconds = claims.expires_at.saturating_sub(now.as_second()).max(0);
    HeaderValue::from_str(&format!("{NAME}={token}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict")).ok()
}

/// Forgets a cookie that is good for nothing.
pub const NO_COOKIE: HeaderValue = HeaderValue::from_static("preferences_token=; Max-Age=0; HttpOnly; Secure; SameSite=Strict");

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(|cookie| cookie.trim().strip_prefix(NAME)?.strip_prefix('='))
}
