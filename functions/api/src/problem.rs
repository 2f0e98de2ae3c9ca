//! Errors as RFC 9457 has them: a `type` that programs may rely on, words for people, and nothing of what the request said.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use tracing::error;

/// Where the types of problems are named.
const BASE: &str = "https://allthrive.ai/problems/";

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    MalformedJson,
    NoToken,
    InvalidToken,
    InsufficientScope,
    NotABackend,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PhoneNumberNeeded,
    CodeExpired,
    CodeUsed,
    Erased,
    PreconditionFailed,
    BodyTooLarge,
    NotJson,
    Invalid,
    CountryNotAllowed,
    WrongCode,
    PreconditionRequired,
    TooManyCodes,
    CodeLocked,
    Internal,
}

/// What is wrong with a request.
#[derive(Debug)]
pub struct Problem {
    pub kind: Kind,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Kind {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 22] = [
        Self::MalformedJson,
        Self::NoToken,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::NotABackend,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::PhoneNumberNeeded,
        Self::CodeExpired,
        Self::CodeUsed,
        Self::Erased,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::NotJson,
        Self::Invalid,
        Self::CountryNotAllowed,
        Self::WrongCode,
        Self::PreconditionRequired,
        Self::TooManyCodes,
        Self::CodeLocked,
        Self::Internal,
    ];

    /// Status, the last part of `type`, and title.
    pub fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::MalformedJson => (400, "malformed-json", "The body is not JSON"),
            Self::NoToken => (401, "no-token", "A user token is needed"),
            Self::InvalidToken => (401, "invalid-token", "The user token is not valid"),
            Self::InsufficientScope => (403, "insufficient-scope", "The user token allows looking only"),
            Self::NotABackend => (403, "not-a-backend", "Only a backend that signs its calls may do this"),
            Self::NotFound => (404, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "The method is not allowed here"),
            Self::Conflict => (409, "conflict", "Somebody else is changing the same thing"),
            Self::PhoneNumberNeeded => (409, "phone-number-needed", "A phone number has to be verified first"),
            Self::CodeExpired => (410, "code-expired", "The code has expired"),
            Self::CodeUsed => (410, "code-used", "The code was used before"),
            Self::Erased => (410, "erased", "The person was erased; they come back by verifying a number"),
            Self::PreconditionFailed => (412, "precondition-failed", "The preferences have changed since they were read"),
            Self::BodyTooLarge => (413, "body-too-large", "The body is longer than 16 KiB"),
            Self::NotJson => (415, "not-json", "The body has to be application/json"),
            Self::Invalid => (422, "invalid", "The request does not say what it should"),
            Self::CountryNotAllowed => (422, "country-not-allowed", "Numbers of this country are not texted"),
            Self::WrongCode => (422, "wrong-code", "The code is wrong"),
            Self::PreconditionRequired => (428, "precondition-required", "If-Match is needed"),
            Self::TooManyCodes => (429, "too-many-codes", "Too many codes were asked for"),
            Self::CodeLocked => (429, "code-locked", "Too many wrong codes were given"),
            Self::Internal => (500, "internal", "Something went wrong here"),
        }
    }

    /// The `type`.
    pub fn uri(self) -> String {
        format!("{BASE}{}", self.words().1)
    }

    /// This problem, with nothing more to say.
    pub fn problem(self) -> Problem {
        let (status, _, title) = self.words();
        let members = json!({"type": self.uri(), "title": title, "status": status});
        let problem = Problem { kind: self, members: members.as_object().cloned().unwrap_or_default(), headers: Vec::new() };
        if status == 401 { problem.and_header(header::WWW_AUTHENTICATE, "Bearer") } else { problem }
    }
}

impl Problem {
    /// A field that is not what it should be, and what it should be.
    pub fn invalid(field: &str, detail: &str) -> Self {
        Kind::Invalid.problem().and("errors", json!([{"field": field, "detail": detail}]))
    }

    /// Too much, until `wait` is over.
    pub fn until(kind: Kind, wait: SignedDuration) -> Self {
        // Rounded up: who comes back then should not be too early.
        let seconds = (wait.as_secs() + i64::from(wait.subsec_nanos() > 0)).max(1);
        kind.problem().and_header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// A number that it carries, such as `attemptsLeft`.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.as_u64()
    }

    /// How long it asks to wait.
    pub fn wait(&self) -> Option<SignedDuration> {
        let (_, seconds) = self.headers.iter().find(|(name, _)| name == header::RETRY_AFTER)?;
        Some(SignedDuration::from_secs(seconds.to_str().ok()?.parse().ok()?))
    }

    /// The field that it finds fault with.
    pub fn field(&self) -> Option<&str> {
        self.members.get("errors")?[0]["field"].as_str()
    }

    /// With one more member.
    pub fn and(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn and_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }
}

/// What nobody could do anything about: the log has the reason.
impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        error!(reason = format!("{error:#}"), "failed");
        Kind::Internal.problem()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.words().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = Value::Object(self.members).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        response.headers_mut().extend(self.headers);
        // For the log.
        response.extensions_mut().insert(self.kind);
        response
    }
}
