//! Bodies, queries and single values of requests: read strictly, complained about without quoting them.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use sms::json::Object;

use crate::problem::{Kind, Problem};

/// The most that a body may have.
const MOST_BYTES: usize = 16 * 1024;

/// A JSON body.
pub struct Body<T>(pub T);

/// The query.
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        parse(&json_bytes(request).await?).map(Body)
    }
}

async fn json_bytes(request: Request) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        return Err(Kind::NotJson.problem());
    }
    to_bytes(request.into_body(), MOST_BYTES).await.map_err(|_| Kind::BodyTooLarge.problem())
}

/// The text of a JSON body that has a reader of its own.
pub async fn json_text(request: Request) -> Result<String, Problem> {
    let bytes = json_bytes(request).await?;
    serde_json::from_slice::<IgnoredAny>(&bytes).map_err(|_| Kind::MalformedJson.problem())?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Kind::MalformedJson.problem())
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::try_from_uri(&parts.uri).map_err(|_| Problem::invalid("query", "not a query of this route"))?;
        Ok(Self(query.0))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads JSON. What is said of a bad field is what it should be, never what it is.
fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match error.inner().classify() {
            serde_json::error::Category::Data => Problem::invalid(&path, &harmless(&error.inner().to_string())),
            _ => Kind::MalformedJson.problem(),
        }
    })?;
    json.end().map_err(|_| Kind::MalformedJson.problem())?;
    Ok(value)
}

/// The part of serde's words that is ours: it puts what it found before what it expected.
fn harmless(error: &str) -> String {
    let words = error.rsplit_once(" at line ").map_or(error, |(words, _)| words);
    if words.starts_with("missing field") || words.starts_with("duplicate field") || words.starts_with("not a") {
        return words.to_owned();
    }
    let start = if words.starts_with("unknown field") { "not a field of this" } else { "not what it should be" };
    words.rsplit_once(", expected ").map_or_else(|| start.to_owned(), |(_, expected)| format!("{start}, expected {expected}"))
}

/// A part of the path, decoded; `None` if the route has no such part. A path that is no UTF-8 leads nowhere.
pub async fn path_part<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<Option<String>, Problem> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Kind::NotFound.problem())?;
    Ok(params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()))
}

/// For `#[serde(default, deserialize_with = "present")]`: a field that may be missing, but is not `null`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The same for a struct.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Object::deserialize(deserializer).map(|object| Some(object.0))
}
