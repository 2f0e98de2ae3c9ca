//! A function's real binary, as `sam build` made it, run for one event with other settings or at another time than the deployed one: by a Lambda runtime API of our own.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use anyhow::Context;
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, StatusCode},
    routing::{get, post},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::stack::{PATIENCE, Published, Stack};

/// The event that is still to be handed out, and where the answer goes.
#[derive(Clone)]
struct Invocation {
    event: Arc<Mutex<Option<Value>>>,
    /// What time it is for the function.
    at: Option<Timestamp>,
    answer: mpsc::UnboundedSender<Result<Value, String>>,
}

/// Gives `events` to the producer's binary, whose environment is that of the template's defaults but for `settings`, and answers with what it answered.
pub async fn produce(stack: &Stack, settings: &[(&str, &str)], events: &[Published]) -> anyhow::Result<Value> {
    invoke(stack, "producer", settings, None, records(events)).await
}

/// The same, at another time.
pub async fn produce_at(stack: &Stack, at: Timestamp, settings: &[(&str, &str)], events: &[Published]) -> anyhow::Result<Value> {
    invoke(stack, "producer", settings, Some(at), records(events)).await
}

/// Lets the reconciler's binary come by at another time.
pub async fn reconcile_at(stack: &Stack, at: Timestamp, settings: &[(&str, &str)]) -> anyhow::Result<Value> {
    let inbound = stack.output("EventsQueueUrl").replace("-events", "-inbound");
    let settings = settings.iter().copied().chain([("INBOUND_QUEUE_URL", inbound.as_str())]).collect::<Vec<_>>();
    invoke(stack, "reconciler", &settings, Some(at), json!({})).await
}

fn records(events: &[Published]) -> Value {
    let record = |(n, event): (usize, &Published)| {
        json!({"messageId": n.to_string(), "receiptHandle": "handle", "body": event.event.to_string(), "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:events", "awsRegion": "us-east-1"})
    };
    json!({"Records": events.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// Gives `event` to the binary of `function`, and answers with what it answered. With `at`, its clock shows that time.
async fn invoke(stack: &Stack, function: &str, settings: &[(&str, &str)], at: Option<Timestamp>, event: Value) -> anyhow::Result<Value> {
    let (answer, mut answers) = mpsc::unbounded_channel();
    let api = serve(Invocation { event: Arc::new(Mutex::new(Some(event))), at, answer }).await?;

    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let logical_id = format!("{}{}Function", function[..1].to_uppercase(), &function[1..]);
    let _child = tokio::process::Command::new(format!("{root}/.aws-sam/build/{logical_id}/bootstrap"))
        .env_clear()
        .envs(defaults(&logical_id, |name| {
            [name.to_owned(), format!("{name}Url")].into_iter().find_map(|output| stack.outputs.get(&output)).cloned()
        })?)
        .envs(settings.iter().copied())
        .envs(at.map(clock_at).transpose()?.into_iter().flatten())
        .envs([("AWS_LAMBDA_RUNTIME_API", api.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", function), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
        .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"), ("AWS_LAMBDA_LOG_GROUP_NAME", "none"), ("AWS_LAMBDA_LOG_STREAM_NAME", "none")])
        .envs([("AWS_ENDPOINT_URL", stack.aws.as_str()), ("AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", stack.console.as_str())])
        .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("the {function}'s binary does not start: is it built?"))?;
    let answer = timeout(PATIENCE, answers.recv()).await.with_context(|| format!("the {function}'s binary gave no answer"))?;
    answer.context("no answer")?.map_err(|error| anyhow::anyhow!("the {function}'s binary failed: {error}"))
}

/// What makes a process believe that it is `at`, by libfaketime. Its time-outs still take their time.
fn clock_at(at: Timestamp) -> anyhow::Result<[(&'static str, String); 4]> {
    let library = crate::rig::clock::library()?;
    let start = format!("@{}", at.strftime("%Y-%m-%d %H:%M:%S"));
    Ok([
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", start),
        ("TZ", "UTC".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ])
}

/// The environment of a function, with every parameter at its default, and every resource as `resource` calls it.
pub(crate) fn defaults(function: &str, resource: impl Fn(&str) -> Option<String>) -> anyhow::Result<Vec<(String, String)>> {
    let template = crate::template::parse(&std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))?)?;
    let variables = template["Resources"][function]["Properties"]["Environment"]["Variables"].as_object().context("no variables")?;
    let value = |value: &Value| match value["Ref"].as_str() {
        None => value.as_str().unwrap_or_default().to_owned(),
        Some(name) => match &template["Parameters"][name]["Default"] {
            Value::Null => resource(name).unwrap_or_default(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
    };
    Ok(variables.iter().map(|(name, reference)| (name.clone(), value(reference))).collect())
}

async fn serve(invocation: Invocation) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(succeeded))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
        .route("/2018-06-01/runtime/init/error", post(failed))
        .with_state(invocation);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn next(State(invocation): State<Invocation>) -> ([(HeaderName, String); 3], Json<Value>) {
    let event = invocation.event.lock().ok().and_then(|mut event| event.take());
    if event.is_none() {
        std::future::pending::<()>().await;
    }
    let deadline = invocation.at.unwrap_or_else(Timestamp::now) + SignedDuration::from_secs(30);
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), "1".to_owned()),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), deadline.as_millisecond().to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), "arn:aws:lambda:us-east-1:000000000000:function:local".to_owned()),
    ];
    (headers, Json(event.unwrap_or_default()))
}

/// The runtime gives its answer no content type.
async fn succeeded(State(invocation): State<Invocation>, body: Bytes) -> StatusCode {
    answered(&invocation, serde_json::from_slice(&body).map_err(|error| error.to_string()))
}

async fn failed(State(invocation): State<Invocation>, body: Bytes) -> StatusCode {
    answered(&invocation, Err(String::from_utf8_lossy(&body).into_owned()))
}

fn answered(invocation: &Invocation, answer: Result<Value, String>) -> StatusCode {
    drop(invocation.answer.send(answer));
    StatusCode::ACCEPTED
}
