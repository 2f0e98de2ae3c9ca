//! What the page reads and does.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use axum::{Router, extract::State, routing::post};
use serde_json::{Value, json};
use simulator::{
    Config, Running, Sink,
    console::{Console, Table},
    status::Queues,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{http, sdk, until};

/// What a service of AWS was asked, body by body.
type Asked = Arc<Mutex<Vec<String>>>;

/// A service that gives everybody the same answer.
async fn service(answer: &'static str) -> (String, Asked) {
    let asked = Asked::default();
    let hear = move |State(asked): State<Asked>, body: String| async move {
        asked.lock().unwrap().push(body);
        answer
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(post(hear)).with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn database() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&sdk(&format!("http://{}", listener.local_addr().unwrap())));
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    client
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

fn attribute(name: &str) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
}

async fn tables(client: &Client) -> Console {
    let table = |name: &str, key_name: &str| {
        client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest).key_schema(key(key_name, KeyType::Hash))
    };
    table("recipients", "user_id").attribute_definitions(attribute("user_id")).send().await.unwrap();
    table("verifications", "verification_id").attribute_definitions(attribute("verification_id")).send().await.unwrap();
    table("limits", "limit_id").attribute_definitions(attribute("limit_id")).send().await.unwrap();
    let by_user = GlobalSecondaryIndex::builder()
        .index_name("by_user")
        .key_schema(key("user_id", KeyType::Hash))
        .key_schema(key("created_at", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .unwrap();
    let messages = ["message_id", "user_id", "created_at"]
        .into_iter()
        .fold(table("messages", "message_id"), |table, name| table.attribute_definitions(attribute(name)));
    messages.global_secondary_indexes(by_user).send().await.unwrap();
    let table = |name: &str| Some(Table { client: client.clone(), name: name.into() });
    let (recipients, messages, limits, verifications) = (table("recipients"), table("messages"), table("limits"), table("verifications"));
    Console { events_dir: PathBuf::from("no-such-directory"), recipients, messages, limits, verifications, ..Console::default() }
}

async fn put(client: &Client, table: &str, item: Value) {
    let item: HashMap<String, AttributeValue> = serde_dynamo::to_item(item).unwrap();
    client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

async fn start(console: Console) -> Running {
    Running::start(Config { console, ..Config::default() }).await.unwrap()
}

async fn get(running: &Running, path: &str) -> (u16, Value) {
    http(&running.url(), &format!("GET {path}"), &[], "").await
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn people_are_listed_with_the_five_of_the_seed_first() {
    let client = database().await;
    let running = start(tables(&client).await).await;
    let consent = |revoked_at: Value| json!({"given_at": "2026-11-01T10:00:00.000Z", "phone": "+12025550101", "revoked_at": revoked_at});
    for (user, consent) in
        [("u10", json!(null)), ("u2", consent(json!(null))), ("eve", consent(json!("2026-11-02T10:00:00.000Z"))), ("ada", consent(json!(null)))]
    {
        let item = json!({"user_id": user, "phone": "+12025550101", "phone_verified_at": "2026-11-01T10:00:00.000Z", "sms_enabled": true, "consent": consent});
        put(&client, "recipients", item).await;
    }
    put(&client, "recipients", json!({"user_id": "dee"})).await;
    let (status, people) = get(&running, "/console/people").await;
    let listed = people
        .as_array()
        .unwrap()
        .iter()
        .map(|person| (person["userId"].as_str().unwrap(), person["consent"].as_bool().unwrap()))
        .collect::<Vec<_>>();
    assert_eq!((status, listed), (200, vec![("ada", true), ("dee", false), ("eve", false), ("u2", true), ("u10", false)]));
    assert_eq!(people[0], json!({"userId": "ada", "phone": "+12025550101", "verified": true, "consent": true, "smsEnabled": true}));
    assert_eq!(people[1], json!({"userId": "dee", "phone": null, "verified": false, "consent": false, "smsEnabled": false}));
}

#[tokio::test]
async fn rows_come_newest_first_and_without_the_number() {
    let client = database().await;
    let running = start(tables(&client).await).await;
    for n in 1..=3 {
        let row = json!({"message_id": format!("m{n}"), "user_id": "ada", "created_at": format!("2026-11-22T10:00:0{n}.000Z"), "phone": "+12025550101",
            "phone_masked": "+*********01", "parts": 1, "gates": [{"gate": "schema", "verdict": "pass"}], "data": {"phone": "+12025550101", "x": 1}});
        put(&client, "messages", row).await;
    }
    put(&client, "messages", json!({"message_id": "m9", "user_id": "ben", "created_at": "2026-11-22T10:00:00.000Z"})).await;
    let (status, rows) = get(&running, "/console/rows?userId=ada&limit=2").await;
    let ids = rows.as_array().unwrap().iter().map(|row| row["message_id"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((status, ids), (200, vec!["m3", "m2"]));
    let expected = json!({"message_id": "m3", "user_id": "ada", "created_at": "2026-11-22T10:00:03.000Z", "phone_masked": "+*********01", "parts": 1,
        "gates": [{"gate": "schema", "verdict": "pass"}], "data": {"x": 1}});
    assert_eq!(rows[0], expected);
    assert_eq!(get(&running, "/console/rows/m3").await, (200, expected));
    assert_eq!(get(&running, "/console/rows/m7").await.0, 404);
    assert_eq!(get(&running, "/console/rows?userId=zoe").await, (200, json!([])));
}

#[tokio::test]
async fn an_event_goes_to_the_queue_as_it_is() {
    let (url, asked) = service(r#"{"MessageId":"q-1"}"#).await;
    let queue = (aws_sdk_sqs::Client::new(&sdk(&url)), format!("{url}/000000000000/events"));
    let running = start(Console { events_queue: Some(queue), ..Console::default() }).await;
    let event = r#"{ "specversion":"1.0", "id":"1" }"#;
    let publish = async |headers: &[(&str, &str)], body: &str| http(&running.url(), "POST /console/events", headers, body).await;
    assert_eq!(publish(&[JSON], event).await, (202, json!({"sqsMessageId": "q-1"})));
    let call = serde_json::from_str::<Value>(&asked.lock().unwrap()[0]).unwrap();
    assert_eq!(call["MessageBody"], event);
    assert_eq!(publish(&[("Content-Type", "text/plain")], event).await.0, 415);
    assert_eq!(publish(&[JSON], "{").await.0, 400);
}

#[tokio::test]
async fn the_status_page_has_the_texts_of_the_last_hour_the_months_money_and_the_depth_of_the_queues() {
    let client = database().await;
    let (url, asked) = service(
        r#"{"Attributes":{"ApproximateNumberOfMessages":"3","ApproximateNumberOfMessagesNotVisible":"2","ApproximateNumberOfMessagesDelayed":"1"}}"#,
    )
    .await;
    let queues = Queues { client: aws_sdk_sqs::Client::new(&sdk(&url)), urls: vec![("urgent", format!("{url}/000000000000/urgent"))] };
    let running = start(Console { queues: Some(queues), monthly_budget: Some(50_000_000), ..tables(&client).await }).await;
    let now = jiff::Timestamp::now();
    let ago = |minutes| format!("{:.3}", now - jiff::SignedDuration::from_mins(minutes));
    for (n, (minutes, status, parts)) in
        [(2, "delivered", 2), (2, "undelivered", 1), (2, "suppressed", 1), (90, "delivered", 4)].into_iter().enumerate()
    {
        let row = json!({"message_id": format!("m{n}"), "user_id": "ada", "created_at": ago(minutes), "status": status, "parts": parts, "type": "battle_result", "lane": "bulk"});
        put(&client, "messages", row).await;
    }
    // It was held all night, and came to its lane two minutes ago.
    let changes = json!([{"status": "held", "at": ago(540)}, {"status": "pending", "at": ago(2)}]);
    let released = json!({"message_id": "m9", "user_id": "ada", "created_at": ago(540), "status": "pending", "changes": changes, "parts": 1, "type": "battle_result", "lane": "bulk"});
    put(&client, "messages", released).await;
    // One that came back, one that did not, one that says another once more, and one of long ago.
    for (n, (minutes, more)) in
        [(2, json!({"used_at": ago(1)})), (2, json!({})), (2, json!({"repeats": "v1"})), (90, json!({"used_at": ago(89)}))].into_iter().enumerate()
    {
        let mut row = json!({"verification_id": format!("v{n}"), "created_at": ago(minutes)});
        row.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        put(&client, "verifications", row).await;
    }
    let month = format!("budget/{}", now.strftime("%Y-%m"));
    put(&client, "limits", json!({"limit_id": month, "committed": 20_000, "settled": 10_000})).await;

    let (status, figures) = get(&running, "/console/status").await;
    assert_eq!(status, 200, "{figures}");
    let minutes = figures["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 60);
    let count = |status: &str| minutes.iter().filter_map(|minute| minute[status].as_u64()).sum::<u64>();
    assert_eq!((count("delivered"), count("undelivered"), count("suppressed")), (1, 1, 1), "not what is older than an hour");
    assert_eq!(figures["parts"], 3, "of what AWS took");
    assert_eq!(figures["types"], json!({"battle_result": {"delivered": 1, "undelivered": 1, "suppressed": 1}}));
    assert_eq!((&figures["codes"], &figures["throttled"]), (&json!({"asked": 2, "back": 1}), &json!(0)));
    assert_eq!(figures["waits"]["urgent"], 0);
    assert!(figures["waits"]["bulk"].as_i64().is_some_and(|seconds| (120..180).contains(&seconds)), "{figures}");
    assert_eq!(
        (&figures["spend"]["committed"], &figures["spend"]["settled"], &figures["spend"]["budget"]),
        (&json!(20_000), &json!(10_000), &json!(50_000_000))
    );
    assert_eq!(figures["queues"], json!([{"name": "urgent", "waiting": 3, "inFlight": 2, "delayed": 1}]));
    assert!(asked.lock().unwrap()[0].contains("/urgent"));
}

#[tokio::test]
async fn what_is_not_configured_says_so() {
    let running = start(Console::default()).await;
    for (path, variable) in [
        ("/console/people", "RECIPIENTS_TABLE"),
        ("/console/rows?userId=ada", "MESSAGES_TABLE"),
        ("/console/samples", "EVENTS_DIR"),
        ("/console/status", "MESSAGES_TABLE"),
    ] {
        let (status, problem) = get(&running, path).await;
        assert_eq!(status, 503);
        assert!(problem["detail"].as_str().unwrap().contains(variable), "{problem}");
    }
    assert_eq!(http(&running.url(), "POST /console/events", &[JSON], "{}").await.0, 503);
}

#[tokio::test]
async fn samples_are_the_cloud_events_of_the_directory() {
    let directory = std::env::temp_dir().join(format!("simulator-samples-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let event = json!({"specversion": "1.0", "type": "com.allthrive.sms.battle_invitation.v1", "data": {}});
    std::fs::write(directory.join("battle_invitation.json"), event.to_string()).unwrap();
    std::fs::write(directory.join("sqs.json"), r#"{"Records":[]}"#).unwrap();
    std::fs::write(directory.join("notes.txt"), "").unwrap();
    let running = start(Console { events_dir: directory.clone(), ..Console::default() }).await;
    assert_eq!(get(&running, "/console/samples").await, (200, json!([{"type": "battle_invitation", "event": event}])));
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn the_page_and_the_table_of_outcomes_are_served() {
    let running = start(Console::default()).await;
    for (path, part) in [("/", "<!doctype html>"), ("/console.js", "//"), ("/console.css", "{")] {
        let (status, body) = get(&running, path).await;
        assert!(status == 200 && body.as_str().unwrap().contains(part), "{path}");
    }
    let (_, outcomes) = get(&running, "/console/outcomes").await;
    assert!(outcomes.as_array().unwrap().contains(&json!({"phone": "+15005550004", "outcome": "accepted, and never a receipt"})));
}

#[tokio::test]
async fn what_happens_is_heard_live() {
    let running = start(Console::default()).await;
    let mut live = TcpStream::connect(running.url().trim_start_matches("http://")).await.unwrap();
    live.write_all(b"GET /console/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let ears = heard.clone();
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = live.read(&mut bytes).await {
            ears.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    });
    until("the stream is open", || heard.lock().unwrap().contains("text/event-stream")).await;
    http(&running.url(), "POST /phones/+12025550101/messages", &[JSON], r#"{"body":"Hi"}"#).await;
    http(&running.url(), "DELETE /stats", &[], "").await;
    until("both events came", || heard.lock().unwrap().contains("event: stats")).await;
    let heard = heard.lock().unwrap();
    let data = heard.split("event: message\ndata: ").nth(1).unwrap().lines().next().unwrap();
    let message = serde_json::from_str::<Value>(data).unwrap();
    assert_eq!(
        (&message["phone"], &message["message"]["body"], &message["message"]["status"]),
        (&json!("+12025550101"), &json!("Hi"), &json!("received"))
    );
}

#[tokio::test]
async fn topics_get_the_message_and_a_topic_that_is_gone_is_an_error_to_the_person() {
    let (url, asked) = service("<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>").await;
    let topic = |url: &str| Sink::Topic { client: aws_sdk_sns::Client::new(&sdk(url)), arn: "arn:aws:sns:us-east-1:000000000000:inbound".into() };
    let running = Running::start(Config { inbound: topic(&url), ..Config::default() }).await.unwrap();
    let texts = async |running: &Running| http(&running.url(), "POST /phones/+12025550101/messages", &[JSON], r#"{"body":"Hi"}"#).await;
    assert_eq!(texts(&running).await.0, 202);
    let call = asked.lock().unwrap()[0].clone();
    assert!(call.contains("Action=Publish") && call.contains("TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Ainbound"), "{call}");
    assert!(call.contains("originationNumber") && !call.contains("Subject") && !call.contains("MessageAttributes"), "{call}");
    let running = Running::start(Config { inbound: topic("http://127.0.0.1:1"), ..Config::default() }).await.unwrap();
    assert_eq!(texts(&running).await.0, 502);
}
