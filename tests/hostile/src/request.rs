//! Requests to the api, written as HTTP has them: a request line, headers, an empty line, a body.

use std::cell::OnceCell;

use api::{Settings, Tables, router, with_a_safe_url};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use axum::{Router, body::to_bytes};
use lambda_http::{Body, LambdaEvent, request::LambdaRequest};
use serde_json::{Value, json};
use sms::{
    budget::Budget,
    caps::Caps,
    event::UserId,
    gates::Rules,
    money::MicroUsd,
    token::{Claims, Scope, TokenKeys},
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// A header that API Gateway would not let through: the request is signed, or carries a good token.
const SIGNED: &str = "x-signed";
const GOOD_TOKEN: &str = "x-good-token";
/// What a problem says of itself (RFC 9457).
const PROBLEM: &str = "application/problem+json";

thread_local! {
    static API: OnceCell<(Runtime, Router)> = const { OnceCell::new() };
}

/// A request: it gets an answer, that is no repetition of what was asked where that was refused, and no stack trace.
pub fn request(bytes: &[u8]) {
    let Some(event) = read(bytes) else { return };
    // Both: the event has a token that the bytes have not, and a body that it has in base64 is to be read in the bytes.
    let asked = format!("{event}\n{}", String::from_utf8_lossy(bytes));
    let Ok(payload) = serde_json::from_value::<LambdaRequest>(event) else { return };
    let request: lambda_http::Request = with_a_safe_url(LambdaEvent::new(payload, lambda_http::Context::default())).payload.into();
    API.with(|api| {
        let (runtime, router) = api.get_or_init(start);
        runtime.block_on(async {
            let response = router.clone().oneshot(request).await.expect("a router always answers");
            let (parts, body) = response.into_parts();
            let body = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.expect("a body in memory")).into_owned();
            let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if parts.status.is_client_error() && kind == PROBLEM {
                said_in(&serde_json::from_str(&body).expect("a problem is JSON"), &mut |said| super::quotes_nothing(said, &asked));
            }
            assert!(!parts.status.is_server_error() || kind == PROBLEM || kind.starts_with("text/html"), "{} as {kind}", parts.status);
        });
    });
}

/// Everything that a problem says, but for the names of fields, which are the caller's.
fn said_in(problem: &Value, tell: &mut impl FnMut(&str)) {
    match problem {
        Value::String(said) => tell(said),
        Value::Array(items) => items.iter().for_each(|item| said_in(item, tell)),
        Value::Object(members) => members.iter().filter(|(name, _)| *name != "field").for_each(|(_, value)| said_in(value, tell)),
        _ => {}
    }
}

/// The event that API Gateway would make of it, with a body that is no UTF-8 in base64.
fn read(bytes: &[u8]) -> Option<Value> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]);
    let body = bytes.get(end + 2..).unwrap_or_default();
    let text = str::from_utf8(body);
    let in_base64 = text.is_err();
    let body = text.map_or_else(|_| json!(Body::from(body)), Value::from);
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let mut headers: serde_json::Map<String, Value> = headers.by_ref().map(|(name, value)| (name, value.into())).collect();
    let http = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "Test/1"});
    let mut context = json!({"accountId": "1", "apiId": "a", "domainName": "d", "http": http, "requestId": "r", "routeKey": "$default",
        "stage": "$default", "time": "t", "timeEpoch": 0});
    if headers.remove(SIGNED).is_some() {
        context["authorizer"] =
            json!({"iam": {"userArn": "arn:aws:iam::1:user/app", "accountId": "1", "accessKey": "k", "callerId": "c", "userId": "u"}});
    }
    if let Some(user) = headers.remove(GOOD_TOKEN) {
        let user_id = UserId::try_from(user.as_str()?.to_owned()).ok()?;
        let expires_at = jiff::Timestamp::now().as_second() + 600;
        let token = TokenKeys::new(&keys()).ok()?.sign(&Claims { user_id, scope: Scope::Manage, expires_at });
        headers.insert("authorization".into(), format!("Bearer {token}").into());
    }
    headers.entry("host").or_insert("d".into());
    headers.entry("x-forwarded-proto").or_insert("https".into());
    Some(json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers, "requestContext": context,
        "body": body, "isBase64Encoded": in_base64}))
}

fn keys() -> String {
    json!({"current": "k".repeat(64), "previous": ""}).to_string()
}

fn start() -> (Runtime, Router) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let name = |name: &str| name.to_owned();
    let tables = Tables {
        recipients: name("recipients"),
        opt_outs: name("opt-outs"),
        consents: name("consents"),
        messages: name("messages"),
        replies: name("replies"),
        verifications: name("verifications"),
        limits: name("limits"),
    };
    let settings = Settings {
        urgent_queue: name("http://queues/urgent"),
        inbound_queue: name("http://queues/inbound"),
        code_secret: name("codes"),
        token_keys: name("tokens"),
        rules: Rules {
            house: super::house(),
            prices: "US=8830".parse().expect("prices"),
            quiet_hours: None,
            caps: Caps::default(),
            budget: Budget { monthly: MicroUsd(1_000_000_000), promotional: None, transactional: None, kept_percent: 20 },
        },
        codes_per_hour: 1000,
        consent_retention_years: 4,
    };
    let router = runtime.block_on(async { router(&empty_cloud(), tables, settings) });
    (runtime, router)
}

/// An AWS in which nothing is yet: every read finds nothing, and every write is done.
fn empty_cloud() -> SdkConfig {
    let client = infallible_client_fn(|request| {
        let asked = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let secret = if asked.contains("codes") { "s".repeat(64) } else { keys() };
        let wants_secret = request.headers().get("x-amz-target").is_some_and(|target| target.as_bytes().starts_with(b"secretsmanager"));
        let answer = if wants_secret { json!({"SecretString": secret}) } else { json!({}) };
        http::Response::builder().status(200).body(answer.to_string()).expect("a response")
    });
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url("http://127.0.0.1:9")
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .http_client(client)
        .build()
}
