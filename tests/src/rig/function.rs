//! A function's real binary, as `sam build` made it, kept by a Lambda runtime API of our own until it answers or dies.

use std::{
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, StatusCode},
    routing::{get, post},
};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    process::Child,
    sync::{Mutex as AsyncMutex, mpsc},
};

use super::{
    clock::Clock,
    cloud::Cloud,
    wire::{Hand, Wire},
};

/// A process of a function.
pub struct Function {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<Result<Value, String>>,
    wire: Wire,
    log: Arc<Mutex<String>>,
    time_out: Duration,
}

/// What an invocation came to.
#[derive(Debug)]
pub enum Outcome {
    /// It answered.
    Answer(Value),
    /// It said that it failed.
    Failed(String),
    /// The process is gone: it was killed, or ran out of time.
    Died,
}

#[derive(Clone)]
struct Runtime {
    events: Arc<AsyncMutex<mpsc::UnboundedReceiver<Value>>>,
    answers: mpsc::UnboundedSender<Result<Value, String>>,
    wire: Wire,
    clock: Clock,
    time_out: SignedDuration,
}

impl Function {
    /// Starts the binary of `name`, whose every call goes by `hand`.
    pub async fn start(name: &'static str, environment: &[(String, String)], cloud: &Cloud, hand: Hand, time_out: Duration) -> anyhow::Result<Self> {
        let (wire, aws) = Wire::to(cloud.clone(), name, hand).await?;
        let (events, events_come) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let runtime = Runtime {
            events: Arc::new(AsyncMutex::new(events_come)),
            answers: answer,
            wire: wire.clone(),
            clock: cloud.clock.clone(),
            time_out: SignedDuration::try_from(time_out)?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let runtime_api = listener.local_addr()?.to_string();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(succeeded))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let mut child = tokio::process::Command::new(binary(name))
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(cloud.clock.environment())
            .envs([("AWS_LAMBDA_RUNTIME_API", runtime_api.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"), ("AWS_LAMBDA_LOG_GROUP_NAME", "none"), ("AWS_LAMBDA_LOG_STREAM_NAME", "none")])
            .envs([("AWS_ENDPOINT_URL", format!("http://{aws}"))])
            .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the {name}'s binary does not start: is it built?"))?;
        let log = Arc::new(Mutex::new(String::new()));
        if let Some(mut stdout) = child.stdout.take() {
            let kept = log.clone();
            tokio::spawn(async move {
                let mut some = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = stdout.read(&mut some).await {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&some[..count]));
                }
            });
        }
        Ok(Self { child, events, answers, wire, log, time_out })
    }

    /// Invokes it. A process that dies is dead for good.
    pub async fn invoke(&mut self, event: Value) -> anyhow::Result<Outcome> {
        self.events.send(event)?;
        let outcome = tokio::select! {
            () = self.wire.death() => Outcome::Died,
            answer = tokio::time::timeout(self.time_out, self.answers.recv()) => match answer {
                Ok(Some(Ok(answer))) => Outcome::Answer(answer),
                Ok(Some(Err(error))) => Outcome::Failed(error),
                Ok(None) | Err(_) => Outcome::Died,
            },
        };
        if matches!(outcome, Outcome::Died) {
            // SIGKILL: nothing in the process hears of it.
            self.child.kill().await?;
        }
        Ok(outcome)
    }

    /// What it said on standard output.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where the binary of a function is.
#[must_use]
pub fn binary(name: &str) -> String {
    format!("{}/../.aws-sam/build/{}/bootstrap", env!("CARGO_MANIFEST_DIR"), logical_id(name))
}

/// What the template calls a function.
#[must_use]
pub fn logical_id(name: &str) -> String {
    format!("{}{}Function", name[..1].to_uppercase(), &name[1..])
}

async fn next(State(runtime): State<Runtime>) -> ([(HeaderName, String); 3], Json<Value>) {
    let event = runtime.events.lock().await.recv().await;
    if event.is_none() {
        std::future::pending::<()>().await;
    }
    let deadline = runtime.clock.now() + runtime.time_out;
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), "1".to_owned()),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), deadline.as_millisecond().to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), "arn:aws:lambda:us-east-1:000000000000:function:local".to_owned()),
    ];
    (headers, Json(event.unwrap_or_default()))
}

/// The runtime gives its answer no content type.
async fn succeeded(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    answered(&runtime, serde_json::from_slice(&body).map_err(|error| error.to_string()))
}

async fn failed(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    answered(&runtime, Err(String::from_utf8_lossy(&body).into_owned()))
}

fn answered(runtime: &Runtime, answer: Result<Value, String>) -> StatusCode {
    if runtime.wire.hears_answer() {
        drop(runtime.answers.send(answer));
    }
    StatusCode::ACCEPTED
}
