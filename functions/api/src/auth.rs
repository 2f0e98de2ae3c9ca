//! Who is asking: a backend that API Gateway authorised by IAM, or a person with a token.
//!
//! Only API Gateway writes the request context, and it writes an IAM identity only after it checked the signature. A backend route therefore refuses every request
//! without one, by whatever gateway route it came.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{Method, header, request::Parts},
};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use schemars::JsonSchema;
use serde::Deserialize;
use sms::{
    event::UserId,
    token::{Claims, Refused, Scope, TokenKeys},
};

use crate::{
    api::Api,
    body::path_part,
    problem::{Kind, Problem},
};

/// A backend.
pub struct Backend;

/// The person that a route is about, asked for by themselves or by a backend.
#[derive(Debug)]
pub struct Person {
    pub user_id: UserId,
    /// What API Gateway saw of the person; `None` where it saw a backend.
    seen: Option<Origin>,
}

/// Where a person was and what with, when they said something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Origin {
    /// Their IP address.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// Their browser's `User-Agent`.
    #[serde(default)]
    #[schemars(length(max = 512))]
    pub user_agent: Option<String>,
}

/// Keys are read again this often, and at once for a token of an unknown key, though not more often than that.
const KEYS_LAST: Duration = Duration::from_mins(5);
const KEYS_LAST_AT_LEAST: Duration = Duration::from_secs(10);

impl Person {
    /// Themselves, seen by API Gateway.
    pub fn visiting(user_id: UserId, seen: Origin) -> Self {
        Self { user_id, seen: Some(seen) }
    }

    /// Where the person is. Only a backend may say it: of everybody else API Gateway has seen it.
    pub fn origin(&self, said: Option<Origin>) -> Result<Origin, Problem> {
        match (&self.seen, said) {
            (Some(_), Some(_)) => Err(Problem::invalid("origin", "only a backend may say where a person is")),
            (Some(seen), None) => Ok(seen.clone()),
            (None, said) => {
                let said = said.unwrap_or_default();
                let long = said.user_agent.as_ref().is_some_and(|agent| agent.chars().count() > 512);
                if long { Err(Problem::invalid("origin.userAgent", "longer than 512 characters")) } else { Ok(said) }
            }
        }
    }

    /// Whether a backend asks for them.
    pub fn is_represented(&self) -> bool {
        self.seen.is_none()
    }
}

impl FromRequestParts<Arc<Api>> for Backend {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, Problem> {
        let iam = context(parts).and_then(|context| context.authorizer.as_ref()?.iam.as_ref());
        let arn = iam.and_then(|iam| iam.user_arn.as_deref()).unwrap_or_default();
        if arn.is_empty() { Err(Kind::NotABackend.problem()) } else { Ok(Self) }
    }
}

impl FromRequestParts<Arc<Api>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        // A route that names a user is a backend's; one that does not is the token's.
        match path_part(parts, api, "userId").await? {
            Some(user) => {
                Backend::from_request_parts(parts, api).await?;
                let user_id = UserId::try_from(user).map_err(|why| Problem::invalid("userId", why))?;
                Ok(Self { user_id, seen: None })
            }
            None => bearer(parts, api).await,
        }
    }
}

/// What `token` says, if it is good.
pub async fn claims(api: &Api, token: &str) -> Result<Claims, Problem> {
    let keys = api.token_keys.get(KEYS_LAST).await?;
    let read = |keys: &TokenKeys| keys.read(token, api.now());
    let claims = match read(&keys) {
        Err(Refused::UnknownKey) => read(&*api.token_keys.get(KEYS_LAST_AT_LEAST).await?),
        read => read,
    };
    claims.map_err(|why| Kind::InvalidToken.problem().and("detail", why.to_string()))
}

/// What API Gateway saw of whoever is asking.
pub fn origin_of(parts: &Parts) -> Origin {
    let http = context(parts).map(|context| &context.http);
    Origin {
        ip: http.and_then(|http| http.source_ip.as_deref()?.parse().ok()),
        user_agent: http.and_then(|http| http.user_agent.as_ref()).map(|agent| agent.chars().take(512).collect()),
    }
}

async fn bearer(parts: &Parts, api: &Api) -> Result<Person, Problem> {
    let value = parts.headers.get(header::AUTHORIZATION).ok_or_else(|| Kind::NoToken.problem())?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(|| Kind::InvalidToken.problem())?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Kind::NoToken.problem());
    }
    let claims = claims(api, token.trim()).await?;
    if claims.scope == Scope::Read && parts.method != Method::GET {
        return Err(Kind::InsufficientScope.problem());
    }
    Ok(Person::visiting(claims.user_id, origin_of(parts)))
}

fn context(parts: &Parts) -> Option<&ApiGatewayV2httpRequestContext> {
    match parts.extensions.get::<RequestContext>()? {
        RequestContext::ApiGatewayV2(context) => Some(context),
        _ => None,
    }
}
