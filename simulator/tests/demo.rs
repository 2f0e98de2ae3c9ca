//! The demo page's way to the API: signed for a token, and nothing but a person's own routes for the browser.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde_json::json;
use simulator::{Config, Running, console::Console, demo::MainApp};
use tokio::net::TcpListener;

use crate::support::{http, sdk};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// What the API was asked: method, target, and the headers.
type Asked = Arc<Mutex<Vec<(String, axum::http::HeaderMap)>>>;

async fn answer(State(asked): State<Asked>, request: Request) -> impl IntoResponse {
    asked.lock().unwrap().push((format!("{} {}", request.method(), request.uri()), request.headers().clone()));
    let status = if request.uri().path().ends_with("/tokens") { StatusCode::CREATED } else { StatusCode::PRECONDITION_FAILED };
    (status, [(header::ETAG, "\"7\""), (header::RETRY_AFTER, "9"), (header::SET_COOKIE, "a=b")], r#"{"token":"t"}"#)
}

/// A simulator whose demo talks to an API at a path, as the local one has it.
async fn start() -> (Running, Asked) {
    let asked = Asked::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/_aws/execute-api/abc/$default", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let main_app = Some(MainApp::new(&sdk(&url), &url).unwrap());
    let running = Running::start(Config { console: Console { main_app, ..Console::default() }, ..Config::default() }).await.unwrap();
    (running, asked)
}

#[tokio::test]
async fn a_token_is_asked_for_with_a_signature() {
    let (running, asked) = start().await;
    let ask = async |headers: &[(&str, &str)], body: &str| http(&running.url(), "POST /demo/token", headers, body).await;
    assert_eq!(ask(&[JSON], r#"{"userId":"a/../b?"}"#).await, (201, json!({"token": "t"})));
    let (target, headers) = asked.lock().unwrap()[0].clone();
    assert_eq!(target, "POST /_aws/execute-api/abc/$default/v1/users/a%2F..%2Fb%3F/tokens");
    let signature = headers["authorization"].to_str().unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=test/") && signature.contains("/us-east-1/execute-api/aws4_request"), "{signature}");

    assert_eq!(ask(&[("Content-Type", "text/plain")], r#"{"userId":"a"}"#).await.0, 415);
    assert_eq!(ask(&[JSON, ("Origin", "http://evil.example")], r#"{"userId":"a"}"#).await.0, 403);
    assert_eq!(ask(&[JSON], r#"{"userId":""}"#).await.0, 400);
    assert_eq!(asked.lock().unwrap().len(), 1, "none of these was passed on");
}

#[tokio::test]
async fn a_persons_own_routes_are_passed_on_with_what_they_need_and_unsigned() {
    let (running, asked) = start().await;
    let sent = [JSON, ("Authorization", "Bearer t"), ("If-Match", "\"6\""), ("User-Agent", "Test/1"), ("Cookie", "c=d")];
    let (status, _) = http(&running.url(), "PATCH /demo/api/v1/me/preferences?x=%20", &sent, "{}").await;
    assert_eq!(status, 412);
    let (target, headers) = asked.lock().unwrap()[0].clone();
    assert_eq!(target, "PATCH /_aws/execute-api/abc/$default/v1/me/preferences?x=%20");
    assert_eq!([&headers["authorization"], &headers["if-match"], &headers["user-agent"]], ["Bearer t", "\"6\"", "Test/1"]);
    assert!(!headers.contains_key("cookie"));
    let answer =
        reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{}/demo/api/sms-elements.js", running.url())).send().await.unwrap();
    assert_eq!([&answer.headers()["etag"], &answer.headers()["retry-after"]], ["\"7\"", "9"]);
    assert!(!answer.headers().contains_key("set-cookie"));
}

#[tokio::test]
async fn nothing_else_is_passed_on() {
    let (running, asked) = start().await;
    for target in
        ["GET /demo/api/v1/users/ada/preferences", "GET /demo/api/openapi.json", "DELETE /demo/api/v1/me/preferences", "POST /demo/api/v1/messages/1"]
    {
        assert!([404, 405].contains(&http(&running.url(), target, &[JSON], "").await.0), "{target}");
    }
    assert_eq!(http(&running.url(), "GET /demo/api/v1/me/preferences", &[("Origin", "http://evil.example")], "").await.0, 403);
    assert_eq!(asked.lock().unwrap().len(), 0);
    for target in
        ["GET /demo/api/v1/me/../users/ada/preferences", "GET /demo/api/v1/me/%2e%2e/users/ada/preferences", "GET /demo/api/v1/me/..%2Fusers"]
    {
        http(&running.url(), target, &[], "").await;
    }
    for (target, _) in asked.lock().unwrap().iter() {
        assert!(target.starts_with("GET /_aws/execute-api/abc/$default/v1/me/"), "{target}");
    }
}

#[tokio::test]
async fn without_an_api_the_page_says_what_is_missing() {
    let running = Running::start(Config::default()).await.unwrap();
    let (status, page) = http(&running.url(), "GET /demo", &[], "").await;
    assert!(status == 200 && page.as_str().unwrap().contains("<sms-opt-in>"), "{page}");
    let (status, problem) = http(&running.url(), "POST /demo/token", &[JSON], r#"{"userId":"a"}"#).await;
    assert!(status == 503 && problem["detail"].as_str().unwrap().contains("API_URL"), "{problem}");
}
