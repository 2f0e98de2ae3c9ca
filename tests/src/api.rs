//! The HTTP API of the deployed stack, as its callers see it: a backend that signs its calls, a person with a token, or nobody. And AWS's own, without an SDK.

use std::time::SystemTime;

use anyhow::Context;
use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use serde_json::{Value, json};

use crate::stack::Stack;

/// Who calls, and how every call of theirs looks.
///
/// ```no_run
/// # async fn example(stack: &journeys::stack::Stack) -> anyhow::Result<()> {
/// use journeys::api::Caller;
///
/// let backend = Caller::backend(stack);
/// backend.get("/v1/users/ada/preferences").await?;
/// let ada = backend.person("ada").await?;
/// let answer = ada.post("/v1/me/verifications", &serde_json::json!({"phoneNumber": "+13125560001"})).await?;
/// assert_eq!(answer.status, 202);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    signs: Option<Signer>,
    headers: Vec<(String, String)>,
}

/// With what a call is signed, and for which service.
#[derive(Debug, Clone)]
struct Signer {
    keys: Credentials,
    service: &'static str,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body: JSON, or a string if it is none; null if there is none.
    pub body: Value,
}

impl Caller {
    /// Who does not say who they are.
    #[must_use]
    pub fn nobody(stack: &Stack) -> Self {
        Self { http: stack.http.clone(), base: stack.output("ApiUrl").to_owned(), signs: None, headers: Vec::new() }
    }

    /// A backend with the keys of the emulator's account.
    #[must_use]
    pub fn backend(stack: &Stack) -> Self {
        Self::with_keys(stack, &account_keys())
    }

    /// A backend with these keys.
    #[must_use]
    pub fn with_keys(stack: &Stack, keys: &Credentials) -> Self {
        Self { signs: Some(Signer { keys: keys.clone(), service: "execute-api" }), ..Self::nobody(stack) }
    }

    /// Somebody with these keys who calls a service of AWS itself, such as `iam`: for what no SDK is here for, and for calls that an SDK would not send.
    #[must_use]
    pub fn of_aws(stack: &Stack, service: &'static str, keys: &Credentials) -> Self {
        Self { base: stack.aws.clone(), signs: Some(Signer { keys: keys.clone(), service }), ..Self::nobody(stack) }
    }

    /// Somebody with this token, whatever it is.
    #[must_use]
    pub fn with_token(stack: &Stack, token: &str) -> Self {
        Self::nobody(stack).with("authorization", &format!("Bearer {token}"))
    }

    /// The person `user`, with a token that this backend gets for them.
    pub async fn person(&self, user: &str) -> anyhow::Result<Self> {
        let token = self.token(user, &json!({})).await?;
        Ok(Self { signs: None, headers: Vec::new(), ..self.clone() }.with("authorization", &format!("Bearer {token}")))
    }

    /// A token for `user`, asked for by `request`, such as `{"expiresIn": 60, "scope": "read"}`.
    pub async fn token(&self, user: &str, request: &Value) -> anyhow::Result<String> {
        let answer = self.post(&format!("/v1/users/{user}/tokens"), request).await?;
        answer.body["token"].as_str().map(str::to_owned).with_context(|| format!("no token for {user}: {answer:?}"))
    }

    /// The same caller, with one more header in every call, such as `if-match`.
    #[must_use]
    pub fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    /// `GET`; a path such as `/v1/me/preferences`, with its query if it has one.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call("GET", path, None).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.call("DELETE", path, None).await
    }

    /// `POST`, with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.call("POST", path, Some(body)).await
    }

    /// `PATCH`, with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.call("PATCH", path, Some(body)).await
    }

    /// Any method.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut headers = self.headers.clone();
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if let Some(signer) = &self.signs {
            headers.extend(signer.signature(method, &url, &headers, &body)?);
        }
        let request = self.http.request(method.parse()?, &url).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// The header `name`, empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The last part of the problem's type; empty if this is no problem.
    #[must_use]
    pub fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|uri| uri.rsplit('/').next()).unwrap_or_default()
    }

    /// What AWS calls the error, such as `AccessDenied`; empty if this is none.
    #[must_use]
    pub fn error(&self) -> &str {
        if self.status < 400 {
            return "";
        }
        let named = self.body["__type"].as_str().or_else(|| self.element("Code")).unwrap_or("an error without a name");
        named.rsplit('#').next().unwrap_or(named)
    }

    /// What is in the first element `name` of an XML body.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.as_str()?.split_once(&format!("<{name}>"))?;
        rest.split('<').next()
    }
}

/// The keys of the emulator's account, which may do anything.
#[must_use]
pub fn account_keys() -> Credentials {
    Credentials::new("test", "test", None, None, "test")
}

impl Signer {
    /// The headers that sign a call (`SigV4`).
    fn signature(&self, method: &str, url: &str, headers: &[(String, String)], body: &str) -> anyhow::Result<Vec<(String, String)>> {
        let identity = self.keys.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        // The host goes into the signature by the URL.
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new(method, url, headers, SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        Ok(instructions.into_parts().0.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}
