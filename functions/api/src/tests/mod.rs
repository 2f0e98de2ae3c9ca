//! HTTP requests as API Gateway hands them over; rows, texts and answers out. On an embedded DynamoDB, with the real SDK in between.

mod access;
mod costs;
mod document;
mod elements;
mod explain;
mod history;
mod leaving;
mod opt_in;
mod page;
mod preferences;
mod pumping;
mod story;
mod verification_limits;
mod verifications;

use std::sync::{Arc, Mutex};

use aws_smithy_http_client::test_util::infallible_client_fn;
use axum::{Router, body::to_bytes};
use jiff::{SignedDuration, Timestamp};
use journeys::embedded::{Embedded, sdk};
use serde_json::{Value, json};
use sms::{
    budget::Budget,
    caps::Caps,
    closing::{Closing, Feedback},
    consent::Method,
    event::UserId,
    gates::Rules,
    message::Change,
    money::MicroUsd,
    phone::PhoneNumber,
    queues::{Lanes, OptOutOrders},
    recipient::{Categories, Consent, Recipient},
    secrets::{RotatingSecret, Secret},
    stores::{Admissions, Codes, Ledger, Limits, Messages, Notes, OptOuts, Recipients, Replies, Verifications},
    text::House,
    token::{Claims, Scope, TokenKeys},
    verification::CodeSecret,
};
use tower::ServiceExt;

use crate::{
    api::Api,
    routes::{router, with_a_safe_url},
};

const PHONE: &str = "+12025550101";

fn start_of_time() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

/// What the house decides, as it is by default but for the night.
fn rules() -> Rules {
    Rules {
        house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
        prices: "US=8830".parse().expect("prices"),
        quiet_hours: None,
        caps: Caps::default(),
        budget: Budget { monthly: MicroUsd(1_000_000_000), promotional: None, transactional: None, kept_percent: 20 },
    }
}

/// The api, and everything that it meets.
struct Stage {
    embedded: Embedded,
    router: Router,
    recipients: Recipients,
    verifications: Verifications,
    clock: Arc<Mutex<Timestamp>>,
    /// The value of the secret that tokens are signed with.
    keys: Arc<Mutex<String>>,
    aws: Aws,
}

/// AWS, as far as it hears what became of codes.
#[derive(Clone, Default)]
struct Aws {
    /// What it heard, as `MessageId STATUS`.
    heard: Arc<Mutex<Vec<String>>>,
    is_down: Arc<Mutex<bool>>,
}

impl Aws {
    fn feedback(&self) -> Feedback {
        let aws = self.clone();
        let client = infallible_client_fn(move |request| {
            let down = *aws.is_down.lock().expect("is_down");
            let said = serde_json::from_slice::<Value>(request.body().bytes().unwrap_or_default()).unwrap_or_default();
            let word = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
            if !down {
                aws.heard.lock().expect("heard").push(format!("{} {}", word("MessageId"), word("MessageFeedbackStatus")));
            }
            http::Response::builder().status(if down { 400 } else { 200 }).body(r#"{"__type":"ThrottlingException"}"#).expect("response")
        });
        Feedback::new(&sdk("http://127.0.0.1:9").into_builder().http_client(client).build())
    }
}

/// A request, before it is made.
struct Call {
    event: Value,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Value,
    /// The body as it is.
    text: String,
}

fn key_pair(current: char, previous: &str) -> String {
    json!({"current": current.to_string().repeat(64), "previous": previous}).to_string()
}

impl Stage {
    async fn set() -> Self {
        Self::with_codes_per_hour(1000).await
    }

    async fn with_codes_per_hour(codes_per_hour: u64) -> Self {
        Self::by(rules(), codes_per_hour).await
    }

    async fn by(rules: Rules, codes_per_hour: u64) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let clock = Arc::new(Mutex::new(start_of_time()));
        let keys = Arc::new(Mutex::new(key_pair('k', "")));
        let dynamodb = || embedded.dynamodb.clone();
        let aws = Aws::default();
        let (told, kept) = (clock.clone(), keys.clone());
        let vault = sdk("http://127.0.0.1:9").into_builder().http_client(infallible_client_fn(move |request| {
            let codes = request.body().bytes().is_some_and(|body| String::from_utf8_lossy(body).contains("codes"));
            let secret = if codes { "s".repeat(64) } else { kept.lock().expect("keys").clone() };
            http::Response::builder().status(200).body(json!({"SecretString": secret}).to_string()).expect("response")
        }));
        let vault = vault.build();
        let recipients = Recipients::new(dynamodb(), "RecipientsTable".into());
        let verifications = Verifications::new(dynamodb(), "VerificationsTable".into());
        let api = Api {
            recipients: recipients.clone(),
            opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
            ledger: Ledger::new(dynamodb(), "ConsentsTable".into()),
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            replies: Replies::new(dynamodb(), "RepliesTable".into()),
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            verifications: verifications.clone(),
            codes: Codes { limits: Limits::new(dynamodb(), "LimitsTable".into()), verifications: verifications.clone(), per_hour: codes_per_hour },
            closing: Closing {
                verifications: verifications.clone(),
                messages: Messages::new(dynamodb(), "MessagesTable".into()),
                feedback: aws.feedback(),
            },
            lanes: Lanes::new(embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/urgent".into()),
            opt_out_orders: OptOutOrders::new(embedded.sqs.clone(), "http://queues/inbound".into()),
            code_secret: Secret::new(&vault, "codes".into()),
            token_keys: RotatingSecret::new(&vault, "tokens".into()),
            rules,
            consent_retention_years: 4,
            clock: Box::new(move || *told.lock().expect("clock")),
        };
        Self { embedded, router: router(api), recipients, verifications, clock, keys, aws }
    }

    async fn with(self, recipient: Recipient) -> Self {
        self.recipients.put(&recipient).await.expect("recipient");
        self
    }

    fn now(&self) -> Timestamp {
        *self.clock.lock().expect("clock")
    }

    fn later(&self, seconds: i64) {
        *self.clock.lock().expect("clock") += SignedDuration::from_secs(seconds);
    }

    async fn ask(&self, call: Call) -> Answer {
        let payload = serde_json::from_value(call.event).expect("an event of API Gateway");
        let event = with_a_safe_url(lambda_http::LambdaEvent::new(payload, lambda_http::Context::default()));
        let request: lambda_http::Request = event.payload.into();
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("body");
        let (body, text) = (serde_json::from_slice(&bytes).unwrap_or_default(), String::from_utf8_lossy(&bytes).into_owned());
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    fn token(&self, user: &str) -> String {
        self.token_until(user, Scope::Manage, self.now() + SignedDuration::from_mins(15))
    }

    fn token_until(&self, user_id: &str, scope: Scope, ends: Timestamp) -> String {
        let keys = TokenKeys::new(&self.keys.lock().expect("keys")).expect("keys");
        keys.sign(&Claims { user_id: user(user_id), scope, expires_at: ends.as_second() })
    }

    /// A call of `user` for themselves.
    fn me(&self, user: &str, method: &str, path: &str) -> Call {
        Call::new(method, &format!("/v1/me/{path}")).header("authorization", &format!("Bearer {}", self.token(user)))
    }

    async fn recipient(&self, id: &str) -> Recipient {
        self.recipients.get(&user(id)).await.expect("get").expect("a row")
    }

    async fn rows(&self, table: &str) -> Vec<Value> {
        self.embedded.scan(table).await.expect("scan")
    }

    /// The sender sends the text `id`, which AWS calls `name`.
    async fn sent(&self, id: &Value, name: &str) {
        let id = id.as_str().and_then(|id| id.parse().ok()).expect("an id");
        let messages = Messages::new(self.embedded.dynamodb.clone(), "MessagesTable".into());
        messages.change(id, Change::Claimed, None, Notes::default(), self.now()).await.expect("claim");
        let notes = Notes::default().with("provider_message_id", name).expect("notes");
        messages.change(id, Change::Accepted, None, notes, self.now()).await.expect("accept");
    }

    fn heard(&self) -> Vec<String> {
        let mut heard = self.aws.heard.lock().expect("heard").clone();
        heard.sort();
        heard
    }

    fn jobs(&self) -> usize {
        self.embedded.queues.bodies("urgent").len()
    }

    /// The code that the verification `id` stands for.
    async fn code(&self, id: &Value) -> String {
        let id = id.as_str().and_then(|id| id.parse().ok()).expect("an id");
        let row = self.verifications.get(id).await.expect("get").expect("a verification");
        row.code(&CodeSecret::new(&"s".repeat(64)).expect("secret"))
    }
}

impl Call {
    fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let http = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "Test/1"});
        let context = json!({"accountId": "1", "apiId": "a", "domainName": "d", "http": http, "requestId": "r", "routeKey": "$default",
            "stage": "$default", "time": "t", "timeEpoch": 0});
        let mut event = json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": {"host": "d"},
            "requestContext": context, "isBase64Encoded": false});
        if !query.is_empty() {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.into()));
            event["queryStringParameters"] = Value::Object(pairs.collect());
        }
        Self { event }
    }

    /// A call that a backend signed.
    fn signed(method: &str, target: &str) -> Self {
        let mut call = Self::new(method, target);
        let iam = json!({"accessKey": "AKIA", "accountId": "1", "callerId": "c", "userArn": "arn:aws:iam::1:user/backend", "userId": "u"});
        call.event["requestContext"]["authorizer"] = json!({"iam": iam});
        call
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = value.into();
        self
    }

    fn at_address(mut self, ip: &str) -> Self {
        self.event["requestContext"]["http"]["sourceIp"] = ip.into();
        self
    }

    fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    fn text(self, body: &str) -> Self {
        let mut call = self.header("content-type", "application/json");
        call.event["body"] = body.into();
        call
    }
}

impl Answer {
    /// The last part of the problem's type.
    fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        self.body["type"].as_str().and_then(|uri| uri.rsplit('/').next()).expect("a type")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }
}

fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).expect("user")
}

fn phone(number: &str) -> PhoneNumber {
    number.parse().expect("phone")
}

/// Somebody whom every text reaches.
fn ada() -> Recipient {
    Recipient {
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(Consent {
            given_at: start_of_time(),
            method: Method::OptInModal,
            ip: None,
            disclosure_version: None,
            phone: phone(PHONE),
            revoked_at: None,
        }),
        ..ben()
    }
}

/// Somebody who proved a number and said nothing more.
fn ben() -> Recipient {
    Recipient { phone: Some(phone(PHONE)), phone_verified_at: Some(start_of_time()), ..Recipient::new(user("ada")) }
}
