//! The demo: a page of the main app that embeds both custom elements, and as much of the main app's backend as they need.

use std::time::SystemTime;

use anyhow::Context;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use sms::event::UserId;

use crate::{
    console::{configured, html},
    guard,
    problem::Problem,
    simulator::Simulator,
};

/// The main app's backend: it signs its calls, as a backend does.
#[derive(Debug, Clone)]
pub struct MainApp {
    api: Url,
    http: reqwest::Client,
    credentials: SharedCredentialsProvider,
    region: Region,
}

/// What a browser's request may tell the API, and what the answer may tell the browser.
const THERE: [HeaderName; 5] = [header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH, header::IF_NONE_MATCH, header::USER_AGENT];
const BACK: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::RETRY_AFTER, header::CACHE_CONTROL];

/// The routes.
pub fn routes() -> Router<Simulator> {
    Router::new()
        .route("/demo", get(async || html(include_str!("../page/demo.html"))))
        .route("/demo.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../page/demo.css"))))
        .route("/demo.js", get(async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../page/demo.js"))))
        .route("/demo/token", post(token))
        .route("/demo/api/sms-elements.js", get(script))
        .route("/demo/api/v1/me/{*rest}", get(me).patch(me).post(me))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Visitor {
    user_id: UserId,
}

/// The main app knows who its visitor is; here the visitor says so.
async fn token(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let app = main_app(&simulator)?;
    if !guard::says_json(&headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The Content-Type must be application/json."));
    }
    let visitor = serde_json::from_slice::<Visitor>(&body).map_err(|_| Problem::bad_request("The body is not like {\"userId\":\"42\"}."))?;
    let token = app.token(&visitor.user_id).await.map_err(|error| Problem::bad_gateway(&error))?;
    Ok((StatusCode::CREATED, Json(token)))
}

async fn script(State(simulator): State<Simulator>, headers: HeaderMap) -> Result<Response, Problem> {
    main_app(&simulator)?.pass_on(Method::GET, &["sms-elements.js"], None, &headers, Bytes::new()).await
}

async fn me(
    State(simulator): State<Simulator>,
    method: Method,
    Path(rest): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let path = ["v1", "me"].into_iter().chain(rest.split('/')).collect::<Vec<_>>();
    main_app(&simulator)?.pass_on(method, &path, query.as_deref(), &headers, body).await
}

fn main_app(simulator: &Simulator) -> Result<&MainApp, Problem> {
    configured(simulator.config().console.main_app.as_ref(), "API_URL")
}

impl MainApp {
    /// For the API at `url`, with the credentials of `sdk`.
    pub fn new(sdk: &SdkConfig, url: &str) -> anyhow::Result<Self> {
        let api = Url::parse(url).ok().filter(|url| url.scheme() == "http").context("API_URL is no http URL")?;
        let credentials = sdk.credentials_provider().context("there are no AWS credentials")?;
        let region = sdk.region().cloned().context("there is no AWS region")?;
        Ok(Self { api, http: reqwest::Client::builder().no_proxy().build()?, credentials, region })
    }

    /// The API's answer to `POST /v1/users/{userId}/tokens`.
    async fn token(&self, user: &UserId) -> anyhow::Result<Value> {
        let body = json!({"expiresIn": 900}).to_string();
        let request =
            http::Request::post(self.url(&["v1", "users", user.as_str(), "tokens"]).as_str()).header(header::CONTENT_TYPE, "application/json");
        let request = self.signed(request.body(body)?).await?;
        let answer = self.http.execute(request.try_into()?).await.map_err(reqwest::Error::without_url).context("the API does not answer")?;
        let status = answer.status();
        anyhow::ensure!(status == StatusCode::CREATED, "the API answered {status} when it was asked for a token");
        answer.json().await.context("the API's answer is no JSON")
    }

    /// Signature Version 4, for API Gateway.
    async fn signed(&self, mut request: http::Request<String>) -> anyhow::Result<http::Request<String>> {
        let identity = self.credentials.provide_credentials().await?.into();
        let signing = v4::SigningParams::builder().identity(&identity).region(self.region.as_ref()).name("execute-api").time(SystemTime::now());
        let signing = signing.settings(SigningSettings::default()).build()?.into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let url = request.uri().to_string();
        let signable = SignableRequest::new(request.method().as_str(), &url, headers, SignableBody::Bytes(request.body().as_bytes()))?;
        let (instructions, _) = sign(signable, &signing)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }

    /// Hands a browser's request on to the API, unsigned: what it may do is in its token.
    async fn pass_on(&self, method: Method, path: &[&str], query: Option<&str>, headers: &HeaderMap, body: Bytes) -> Result<Response, Problem> {
        let mut url = self.url(path);
        url.set_query(query);
        let told = THERE.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect::<HeaderMap>();
        let answer = self.http.request(method, url).headers(told).body(body).send().await;
        let answer = answer.map_err(|error| Problem::bad_gateway(&anyhow::Error::from(error.without_url()).context("The API does not answer")))?;
        let said = BACK.iter().filter_map(|name| Some((name.clone(), answer.headers().get(name)?.clone()))).collect::<HeaderMap>();
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| Problem::bad_gateway(&error.without_url().into()))?;
        Ok((status, said, body).into_response())
    }

    /// Encoded, and never above the API's own path: `.` and `..` are left out.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}
