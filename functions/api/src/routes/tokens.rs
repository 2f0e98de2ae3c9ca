//! `POST …/tokens`: a backend gets a token for one of its users.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    moment,
    token::{Claims, Scope},
};

use crate::{
    api::Api,
    auth::Person,
    body::{Body, present},
    problem::Problem,
};

/// What a token should be like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// What it allows; `manage` if not said.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Scope")]
    scope: Option<Scope>,
    /// How long it lasts, in seconds; 900 if not said.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "i64", range(min = 1, max = 86_400))]
    expires_in: Option<i64>,
}

/// A token.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// For `Authorization: Bearer …`.
    token: String,
    /// When it ends.
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    expires_at: Timestamp,
}

const A_DAY: i64 = 24 * 3600;

/// A key that others replaced should not sign any more.
const KEYS_LAST: Duration = Duration::from_mins(1);

pub async fn make(State(api): State<Arc<Api>>, person: Person, Body(request): Body<TokenRequest>) -> Result<(StatusCode, Json<Token>), Problem> {
    let seconds = request.expires_in.unwrap_or(900);
    if !(1..=A_DAY).contains(&seconds) {
        return Err(Problem::invalid("expiresIn", "not a number of seconds from 1 to 86400"));
    }
    let ends = api.now() + SignedDuration::from_secs(seconds);
    let claims = Claims { user_id: person.user_id, scope: request.scope.unwrap_or(Scope::Manage), expires_at: ends.as_second() };
    let token = api.token_keys.get(KEYS_LAST).await?.sign(&claims);
    let expires_at = Timestamp::from_second(ends.as_second()).map_err(anyhow::Error::from)?;
    Ok((StatusCode::CREATED, Json(Token { token, expires_at })))
}
