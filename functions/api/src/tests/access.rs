//! Who may ask for what, and how everybody else is told.

use std::{io::pipe, sync::Mutex};

use serde_json::Value;
use sms::token::Scope;

use super::{Call, SignedDuration, Stage, ada, json, key_pair};

const ROUTES: [(&str, &str); 8] = [
    ("GET", "preferences"),
    ("PATCH", "preferences"),
    ("GET", "opt-in"),
    ("POST", "opt-in"),
    ("POST", "verifications"),
    ("POST", "verifications/check"),
    ("GET", "messages"),
    ("GET", "consent"),
];

#[tokio::test]
async fn nobody_gets_at_a_persons_routes_without_a_token_of_theirs() {
    let stage = Stage::set().await.with(ada()).await;
    let good = stage.token("ada");
    let ended = stage.token_until("ada", Scope::Manage, stage.now());
    let foreign = sms::token::TokenKeys::new(&key_pair('f', "")).expect("keys").sign(&sms::token::Claims {
        user_id: super::user("ada"),
        scope: Scope::Manage,
        expires_at: i64::MAX,
    });
    let tampered = format!("{}A{}", &good[..20], &good[20..]);
    for (method, path) in ROUTES {
        let call = || Call::new(method, &format!("/v1/me/{path}")).json(&json!({}));
        assert_eq!(stage.ask(call()).await.problem(), "no-token", "{method} {path}");
        for (bad, why) in [(&ended, "invalid-token"), (&foreign, "invalid-token"), (&tampered, "invalid-token"), (&String::new(), "invalid-token")] {
            let answer = stage.ask(call().header("authorization", &format!("Bearer {bad}"))).await;
            assert_eq!((answer.status, answer.problem()), (401, why), "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        let signed = stage.ask(call().header("authorization", "AWS4-HMAC-SHA256 Credential=x")).await;
        assert_eq!(signed.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_is_answered_the_same_whether_or_not_the_user_exists() {
    let stage = Stage::set().await.with(ada()).await;
    let ended = |user: &str| {
        Call::new("GET", "/v1/me/preferences").header("authorization", &format!("Bearer {}", stage.token_until(user, Scope::Manage, stage.now())))
    };
    let (known, unknown) = (stage.ask(ended("ada")).await, stage.ask(ended("nobody")).await);
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    let nobody = stage.ask(stage.me("nobody", "GET", "preferences")).await;
    assert_eq!((nobody.status, &nobody.body["smsEnabled"]), (200, &json!(false)));
}

#[tokio::test]
async fn a_user_is_whom_the_path_names_whatever_the_name() {
    let stage = Stage::set().await;
    for name in ["a#b", "a?b=c", "a\\b", "ü#/opt-in"] {
        let mut call = Call::signed("GET", "/v1/users/…/opt-in");
        // As API Gateway has it: decoded.
        call.event["rawPath"] = json!(format!("/v1/users/{name}/opt-in"));
        let answer = stage.ask(call).await;
        let expected = if name.contains('/') { 404 } else { 200 };
        assert_eq!(answer.status, expected, "{name}: {}", answer.text);
    }
    let tab = stage.ask(Call::signed("GET", "/v1/users/a\tb/opt-in")).await;
    assert_eq!((tab.status, tab.problem()), (422, "invalid"), "{}", tab.text);
}

#[tokio::test]
async fn a_url_longer_than_any_of_ours_names_nothing_whatever_it_is_written_with() {
    let stage = Stage::set().await;
    for letter in ["a", " ", "%", "\u{fffd}", "^"] {
        for length in [9_000, 19_900, 20_001, 70_000, 1_000_000] {
            let long = letter.repeat(length / letter.len());
            let mut calls = ["rawPath", "rawQueryString"].map(|part| (part, Call::signed("GET", "/v1/costs")));
            calls[0].1.event["rawPath"] = json!(format!("/v1/costs/{long}"));
            calls[1].1.event["rawQueryString"] = json!(format!("other={long}"));
            for (part, call) in calls {
                let answer = stage.ask(call).await;
                let expected = if part == "rawPath" || length > 20_000 { 404 } else { 422 };
                assert_eq!(answer.status, expected, "{length} bytes of {letter:?} in {part}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_request_is_answered_whatever_host_and_scheme_its_caller_writes() {
    let stage = Stage::set().await;
    for (name, value) in [("host", "1.2.3.999"), ("host", "a b"), ("host", "d:port"), ("x-forwarded-proto", "http, https"), ("x-forwarded-proto", "")]
    {
        let answer = stage.ask(Call::signed("GET", "/v1/costs").header(name, value)).await;
        assert_eq!(answer.status, 200, "{name}: {value}: {}", answer.text);
    }
    let mut call = Call::signed("GET", "/v1/costs");
    call.event["rawPath"] = json!(":99999");
    assert_eq!(stage.ask(call).await.status, 404);
}

#[tokio::test]
async fn a_request_leaves_a_line_in_the_log_with_its_route_and_its_end_and_nothing_of_the_callers() -> anyhow::Result<()> {
    let stage = Stage::set().await.with(ada()).await;
    let (log, writer) = pipe()?;
    let logging = tracing::subscriber::set_default(tracing_subscriber::fmt().json().flatten_event(true).with_writer(Mutex::new(writer)).finish());
    for (method, path) in [("GET", "/v1/users/ada/preferences"), ("GET", "/v1/me/preferences?phone=12025550101"), ("ADA2025550101", "/ada")] {
        stage.ask(Call::signed(method, path)).await;
    }
    drop(logging);
    let lines = std::io::read_to_string(log)?;
    assert!(!lines.to_lowercase().contains("ada") && !lines.contains("5550101"), "{lines}");
    let lines = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let said = |line: &Value| ["http.request.method", "http.route", "http.response.status_code", "problem"].map(|name| line[name].clone());
    let expected = [
        [json!("GET"), json!("/v1/users/{userId}/preferences"), json!(200), json!(null)],
        [json!("GET"), json!("/v1/me/preferences"), json!(401), json!("no-token")],
        [json!("other"), json!("none"), json!(404), json!("not-found")],
    ];
    assert_eq!(lines.iter().map(said).collect::<Vec<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn a_token_leads_to_its_own_user_only() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = stage.ask(stage.me("bob", "GET", "preferences")).await;
    assert_eq!(answer.body["phoneNumber"], json!(null));
    let token = format!("Bearer {}", stage.token("bob"));
    for path in ["/v1/users/ada/preferences", "/v1/users/bob/preferences", "/v1/messages/00000000-0000-0000-0000-000000000000"] {
        assert_eq!(stage.ask(Call::new("GET", path).header("authorization", &token)).await.problem(), "not-a-backend", "{path}");
    }
}

#[tokio::test]
async fn backend_routes_refuse_what_api_gateway_did_not_authorise_by_iam() {
    let stage = Stage::set().await.with(ada()).await;
    for (method, path) in ROUTES.into_iter().chain([("POST", "tokens")]) {
        let call = || Call::new(method, &format!("/v1/users/ada/{path}")).json(&json!({}));
        assert_eq!(stage.ask(call()).await.problem(), "not-a-backend", "{method} {path}");
        for authorizer in [json!({}), json!({"iam": {}}), json!({"iam": {"userArn": ""}}), json!({"lambda": {"iam": "x"}})] {
            let mut forged = call().header("authorization", "AWS4-HMAC-SHA256 Credential=x");
            forged.event["requestContext"]["authorizer"] = authorizer;
            assert_eq!(stage.ask(forged).await.problem(), "not-a-backend", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_backend_gets_a_token_that_works_until_it_ends() {
    let stage = Stage::set().await.with(ada()).await;
    let token = async |body| stage.ask(Call::signed("POST", "/v1/users/ada/tokens").json(&body)).await;
    let made = token(json!({})).await;
    assert_eq!((made.status, &made.body["expiresAt"]), (201, &json!("2026-11-23T10:15:00.000Z")));
    let call = || Call::new("GET", "/v1/me/preferences").header("authorization", &format!("Bearer {}", made.body["token"].as_str().expect("token")));
    assert_eq!(stage.ask(call()).await.body["phoneVerified"], true);
    stage.later(900);
    assert_eq!(stage.ask(call()).await.problem(), "invalid-token");

    for seconds in [1, 86_400] {
        assert_eq!(token(json!({"expiresIn": seconds})).await.status, 201);
    }
    for bad in [json!({"expiresIn": 0}), json!({"expiresIn": 86_401}), json!({"expiresIn": "60"}), json!({"scope": "all"}), json!({"user": "x"})] {
        assert_eq!(token(bad.clone()).await.problem(), "invalid", "{bad}");
    }
}

#[tokio::test]
async fn a_token_for_looking_changes_nothing() {
    let stage = Stage::set().await.with(ada()).await;
    let token = stage.token_until("ada", Scope::Read, stage.now() + SignedDuration::from_mins(1));
    let call = |method| Call::new(method, "/v1/me/preferences").json(&json!({})).header("authorization", &format!("Bearer {token}"));
    assert_eq!(stage.ask(call("GET")).await.status, 200);
    assert_eq!(stage.ask(call("PATCH")).await.problem(), "insufficient-scope");
}

#[tokio::test]
async fn tokens_of_a_replaced_key_go_on_working() {
    let stage = Stage::set().await.with(ada()).await;
    let call = stage.me("ada", "GET", "preferences");
    *stage.keys.lock().expect("keys") = key_pair('n', &"k".repeat(64));
    assert_eq!(stage.ask(call).await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let stage = Stage::set().await;
    for path in ["/", "/v1", "/v1/me/nothing", "/v1/users/ada/unknown", "//v1/me/preferences", "/v1/users/%ff/preferences"] {
        assert_eq!(stage.ask(Call::signed("GET", path)).await.problem(), "not-found", "{path}");
    }
    let answer = stage.ask(Call::signed("DELETE", "/v1/users/ada/preferences")).await;
    assert_eq!(answer.problem(), "method-not-allowed");
    assert!(answer.header("allow").contains("PATCH"), "{answer:?}");
    assert_eq!(stage.ask(Call::signed("GET", "/v1/users/a%20b/preferences")).await.problem(), "invalid");
    for id in ["x", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(stage.ask(Call::signed("GET", &format!("/v1/messages/{id}"))).await.problem(), "not-found");
    }
}

#[tokio::test]
async fn bodies_are_json_and_short_and_never_quoted() {
    let stage = Stage::set().await.with(ada()).await;
    let call = || Call::signed("PATCH", "/v1/users/ada/preferences");
    let secret = "+12025550199";
    assert_eq!(stage.ask(call().text("{")).await.problem(), "malformed-json");
    assert_eq!(stage.ask(call().text("{} {}")).await.problem(), "malformed-json");
    assert_eq!(stage.ask(call().text("")).await.problem(), "malformed-json");
    assert_eq!(stage.ask(call().json(&json!({})).header("content-type", "text/plain")).await.problem(), "not-json");
    let long = format!("{{}}{}", " ".repeat(16 * 1024));
    assert_eq!(stage.ask(call().text(&long)).await.problem(), "body-too-large");
    for (body, field) in [
        (json!({"smsEnabled": secret}), "smsEnabled"),
        (json!({"smsEnabled": null}), "smsEnabled"),
        (json!({"smsEnabled": 1}), "smsEnabled"),
        (json!({"categories": {"streakAlerts": secret}}), "categories.streakAlerts"),
        (json!({"categories": null}), "categories"),
        (json!({"phoneNumber": secret}), "phoneNumber"),
        (json!({"timeZone": secret}), "timeZone"),
        (json!({"locale": secret}), "locale"),
        (json!({"disclosureVersion": secret}), "disclosureVersion"),
        (json!({"origin": {"ip": secret}}), "origin.ip"),
    ] {
        let answer = stage.ask(call().json(&body)).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid"), "{body}");
        assert_eq!(answer.body["errors"][0]["field"], field, "{answer:?}");
        assert!(!answer.body.to_string().contains("202555"), "{answer:?}");
    }
}

#[tokio::test]
async fn answers_are_kept_nowhere() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = stage.ask(stage.me("ada", "GET", "preferences")).await;
    assert_eq!([answer.header("cache-control"), answer.header("referrer-policy")], ["no-store", "no-referrer"]);
}
