//! What the page needs beyond the phones: itself, the people, the sample events, the queue that events go to, and the rows of messages.

use std::{cmp::Reverse, collections::HashMap, path::PathBuf};

use anyhow::Context;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::from_item;
use serde_json::{Value, json};

use crate::{demo::MainApp, guard, live, outcomes, problem::Problem, simulator::Simulator, status::Queues};

/// What the page may look into. Where something is missing, the page says so.
#[derive(Debug, Clone, Default)]
pub struct Console {
    /// The directory of the sample events.
    pub events_dir: PathBuf,
    /// The queue that events go to.
    pub events_queue: Option<(aws_sdk_sqs::Client, String)>,
    /// The table of recipients.
    pub recipients: Option<Table>,
    /// The table of messages.
    pub messages: Option<Table>,
    /// The table of what is counted.
    pub limits: Option<Table>,
    /// The table of verifications.
    pub verifications: Option<Table>,
    /// The queues whose depth the status page shows.
    pub queues: Option<Queues>,
    /// What a month may cost, in micro-USD.
    pub monthly_budget: Option<i64>,
    /// The main app's backend, for the demo page.
    pub main_app: Option<MainApp>,
}

/// A table and the client of the cloud that has it.
#[derive(Debug, Clone)]
pub struct Table {
    /// The client.
    pub client: aws_sdk_dynamodb::Client,
    /// The table's name.
    pub name: String,
}

/// The routes.
pub fn routes() -> Router<Simulator> {
    Router::new()
        .route("/console.css", get(|| async { ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../page/console.css")) }))
        .route("/console.js", get(|| async { ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../page/console.js")) }))
        .route("/console/people", get(people))
        .route("/console/samples", get(samples))
        .route("/console/outcomes", get(|| async { Json(outcomes::table()) }))
        .route("/console/events", post(publish))
        .route("/console/rows", get(rows))
        .route("/console/rows/{message_id}", get(row))
        .route("/console/live", get(live::events))
}

/// The page itself.
pub async fn page() -> impl IntoResponse {
    html(include_str!("../page/index.html"))
}

/// A page, with the headers that every page has.
pub(crate) fn html(page: &'static str) -> impl IntoResponse {
    // Texts are typed by strangers: should one ever become markup, it still could not load or run anything.
    let policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, page)
}

/// A person, as the list of people shows them.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    user_id: String,
    phone: Option<String>,
    verified: bool,
    consent: bool,
    sms_enabled: bool,
}

const FIRST: [&str; 5] = ["ada", "ben", "cam", "dee", "eve"];
const MOST_PAGES: usize = 50;

async fn people(State(simulator): State<Simulator>) -> Result<Json<Vec<Person>>, Problem> {
    let table = configured(simulator.config().console.recipients.as_ref(), "RECIPIENTS_TABLE")?;
    let mut people = scan(table).await.map_err(|error| Problem::bad_gateway(&error))?.iter().filter_map(person).collect::<Vec<_>>();
    // The five whom everybody knows, then the others, u2 before u10.
    people.sort_by_key(|person| (Reverse(FIRST.contains(&person.user_id.as_str())), person.user_id.len(), person.user_id.clone()));
    Ok(Json(people))
}

async fn scan(table: &Table) -> anyhow::Result<Vec<Value>> {
    let (mut items, mut start) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = table.client.scan().table_name(&table.name).set_exclusive_start_key(start).send().await;
        let page = page.with_context(|| format!("{} cannot be read", table.name))?;
        items.extend(page.items.into_iter().flatten());
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    items.into_iter().map(|item| Ok(from_item(item)?)).collect()
}

fn person(item: &Value) -> Option<Person> {
    let consent = &item["consent"];
    Some(Person {
        user_id: item["user_id"].as_str()?.to_owned(),
        phone: item["phone"].as_str().map(str::to_owned),
        verified: item["phone_verified_at"].is_string(),
        // Consent is bound to the number.
        consent: consent["given_at"].is_string() && consent["revoked_at"].is_null() && consent["phone"] == item["phone"],
        sms_enabled: item["sms_enabled"].as_bool().unwrap_or_default(),
    })
}

/// The sample events: all CloudEvents in the directory, by file name.
async fn samples(State(simulator): State<Simulator>) -> Result<Json<Vec<Value>>, Problem> {
    let directory = &simulator.config().console.events_dir;
    let files = std::fs::read_dir(directory).with_context(|| format!("EVENTS_DIR {} cannot be read", directory.display()));
    let files = files.map_err(|error| Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}.")))?;
    let mut paths =
        files.filter_map(Result::ok).map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect::<Vec<_>>();
    paths.sort();
    Ok(Json(paths.iter().filter_map(|path| sample(&std::fs::read(path).ok()?)).collect()))
}

fn sample(file: &[u8]) -> Option<Value> {
    let event = serde_json::from_slice::<Value>(file).ok().filter(|event| event["specversion"] == "1.0")?;
    let name = event["type"].as_str()?.strip_prefix("com.allthrive.sms.")?.split('.').next()?.to_owned();
    Some(json!({"type": name, "event": event}))
}

/// Sends an event to the queue, as it is.
async fn publish(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let (sqs, url) = configured(simulator.config().console.events_queue.as_ref(), "EVENTS_QUEUE_URL")?;
    if !guard::says_json(&headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The Content-Type must be application/json."));
    }
    serde_json::from_slice::<Value>(&body).map_err(|error| Problem::bad_request(format!("The event is no JSON: {error}.")))?;
    let event = String::from_utf8_lossy(&body);
    let sent = sqs.send_message().queue_url(url).message_body(event).send().await.context("The events queue did not take the event");
    let id = sent.map_err(|error| Problem::bad_gateway(&error))?.message_id;
    Ok((StatusCode::ACCEPTED, Json(json!({"sqsMessageId": id}))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowsOf {
    user_id: String,
    #[serde(default = "twenty")]
    limit: i32,
}

fn twenty() -> i32 {
    20
}

/// A person's newest rows.
async fn rows(State(simulator): State<Simulator>, Query(of): Query<RowsOf>) -> Result<Json<Vec<Value>>, Problem> {
    let table = configured(simulator.config().console.messages.as_ref(), "MESSAGES_TABLE")?;
    let ids = newest(table, &of.user_id, of.limit.clamp(1, 100)).await.map_err(|error| Problem::bad_gateway(&error))?;
    Ok(Json(fetch(table, &ids).await.map_err(|error| Problem::bad_gateway(&error))?))
}

/// One row.
async fn row(State(simulator): State<Simulator>, Path(message_id): Path<String>) -> Result<Json<Value>, Problem> {
    let table = configured(simulator.config().console.messages.as_ref(), "MESSAGES_TABLE")?;
    let rows = fetch(table, &[message_id]).await.map_err(|error| Problem::bad_gateway(&error))?;
    rows.into_iter().next().map(Json).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "There is no such row."))
}

async fn newest(table: &Table, user_id: &str, limit: i32) -> anyhow::Result<Vec<String>> {
    let query = table.client.query().table_name(&table.name).index_name("by_user").scan_index_forward(false).limit(limit);
    let query = query.key_condition_expression("user_id = :user").expression_attribute_values(":user", AttributeValue::S(user_id.to_owned()));
    let found = query.send().await.with_context(|| format!("{} cannot be asked", table.name))?;
    Ok(found.items().iter().filter_map(|item| item.get("message_id")?.as_s().ok().cloned()).collect())
}

/// The rows of `ids`, in their order, for the page's eyes.
async fn fetch(table: &Table, ids: &[String]) -> anyhow::Result<Vec<Value>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys = ids.iter().map(|id| HashMap::from([("message_id".to_owned(), AttributeValue::S(id.clone()))])).collect();
    let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
    let answer = table.client.batch_get_item().request_items(&table.name, wanted).send().await;
    let answer = answer.with_context(|| format!("{} cannot be read", table.name))?;
    let items = answer.responses.unwrap_or_default().remove(&table.name).unwrap_or_default();
    let mut rows = items.into_iter().map(|item| Ok(without_number(from_item(item)?))).collect::<anyhow::Result<Vec<_>>>()?;
    rows.sort_by_key(|row| ids.iter().position(|id| row["message_id"] == id.as_str()));
    Ok(rows)
}

/// A row shows its masked number only.
fn without_number(mut row: Value) -> Value {
    if let Some(row) = row.as_object_mut() {
        row.remove("phone");
        row.get_mut("data").and_then(Value::as_object_mut).map(|data| data.remove("phone"));
    }
    row
}

pub(crate) fn configured<'a, T>(part: Option<&'a T>, variable: &str) -> Result<&'a T, Problem> {
    part.ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{variable} is not set: start the whole system with `make run`.")))
}
