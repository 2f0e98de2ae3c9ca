//! A function's real binary, as `sam build` made it, kept by a Lambda runtime API of our own until it answers or dies.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
use simulator::line::Exchange;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex as AsyncMutex, mpsc, watch},
    task::JoinHandle,
};

use super::{
    clock::Clock,
    cloud::Cloud,
    wire::{Hand, Wire},
};
use crate::embedded::Server;

/// A process of a function.
pub struct Function {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<Result<Value, String>>,
    wire: Wire,
    /// On standard output, and on standard error: Lambda keeps both in its log.
    said: [Option<Said>; 2],
    time_out: Duration,
    started: Instant,
    moments: watch::Receiver<Moments>,
    _servers: [Server; 2],
}

/// What a process says on a stream.
struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Done when the stream has ended.
    listener: JoinHandle<()>,
}

/// When a process asked for its first event; and when it was given its last one, and answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    asked: Option<Instant>,
    given: Option<Instant>,
    answered: Option<Instant>,
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
    moments: Arc<watch::Sender<Moments>>,
}

impl Function {
    /// Starts the binary of `name`, whose every call goes by `hand`.
    pub async fn start(name: &'static str, environment: &[(String, String)], cloud: &Cloud, hand: Hand, time_out: Duration) -> anyhow::Result<Self> {
        Self::launch(Command::new(binary(name)), name, environment, cloud, hand, time_out).await
    }

    /// Starts `command` in the place of the binary of `name`.
    pub async fn launch(
        mut command: Command,
        name: &'static str,
        environment: &[(String, String)],
        cloud: &Cloud,
        hand: Hand,
        time_out: Duration,
    ) -> anyhow::Result<Self> {
        let (wire, aws, calls) = Wire::to(cloud.clone(), name, hand).await?;
        let (events, events_come) = mpsc::unbounded_channel();
        let (answer, answers) = mpsc::unbounded_channel();
        let (moments, moments_come) = watch::channel(Moments::default());
        let runtime = Runtime {
            events: Arc::new(AsyncMutex::new(events_come)),
            answers: answer,
            wire: wire.clone(),
            clock: cloud.clock.clone(),
            time_out: SignedDuration::try_from(time_out)?,
            moments: Arc::new(moments),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let runtime_api = listener.local_addr()?.to_string();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(succeeded))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(runtime);
        let server = Server::run(async move { drop(axum::serve(Exchange(listener), router).await) });

        let started = Instant::now();
        let mut child = command
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(cloud.clock.environment())
            .envs([("AWS_LAMBDA_RUNTIME_API", runtime_api.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", name), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"), ("AWS_LAMBDA_LOG_GROUP_NAME", "none"), ("AWS_LAMBDA_LOG_STREAM_NAME", "none")])
            .envs([("AWS_ENDPOINT_URL", format!("http://{aws}"))])
            .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the {name} does not start: is it built?"))?;
        let said = [child.stdout.take().map(Said::on), child.stderr.take().map(Said::on)];
        Ok(Self { child, events, answers, wire, said, time_out, started, moments: moments_come, _servers: [server, calls] })
    }

    /// Its process id, while it lives.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it asks for its first event; answers how long after its start that was.
    pub async fn ready(&mut self) -> anyhow::Result<Duration> {
        let asked = tokio::time::timeout(self.time_out, self.moments.wait_for(|moments| moments.asked.is_some()));
        let asked = asked.await.context("it never asks for an event")??.asked.context("it asked at no time")?;
        Ok(asked - self.started)
    }

    /// How long the last event took it, from the moment it was given it.
    #[must_use]
    pub fn took(&self) -> Option<Duration> {
        let moments = *self.moments.borrow();
        moments.answered?.checked_duration_since(moments.given?)
    }

    /// How long after its start it last answered.
    #[must_use]
    pub fn answered_after(&self) -> Option<Duration> {
        Some(self.moments.borrow().answered? - self.started)
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
            self.wire.dies();
            // SIGKILL: nothing in the process hears of it.
            self.child.kill().await?;
        }
        Ok(outcome)
    }

    /// What it has said until now.
    #[must_use]
    pub fn log(&self) -> String {
        self.said.iter().flatten().map(Said::text).collect()
    }

    /// Ends its process; answers with all that it said.
    pub async fn end(mut self) -> anyhow::Result<String> {
        if self.process().is_some() {
            self.child.kill().await?;
        }
        for said in self.said.iter_mut().flatten() {
            (&mut said.listener).await?;
        }
        Ok(self.log())
    }
}

impl Said {
    /// Listens to `stream`.
    fn on(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let kept = bytes.clone();
        let listener = tokio::spawn(async move {
            let mut some = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut some).await {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&some[..count]);
            }
        });
        Self { bytes, listener }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Where the binary of a function is: in the folder `FUNCTIONS`, or where `sam build` puts it.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.aws-sam/build");
    std::env::var_os("FUNCTIONS").map_or_else(built, PathBuf::from).join(logical_id(name)).join("bootstrap")
}

/// What the template calls a function.
#[must_use]
pub fn logical_id(name: &str) -> String {
    format!("{}{}Function", name[..1].to_uppercase(), &name[1..])
}

async fn next(State(runtime): State<Runtime>) -> ([(HeaderName, String); 3], Json<Value>) {
    runtime.moments.send_modify(|moments| moments.asked = moments.asked.or_else(|| Some(Instant::now())));
    let event = runtime.events.lock().await.recv().await;
    if event.is_none() {
        std::future::pending::<()>().await;
    }
    let deadline = runtime.clock.now() + runtime.time_out;
    runtime.moments.send_modify(|moments| moments.given = Some(Instant::now()));
    let headers = [
        (HeaderName::from_static("lambda-runtime-aws-request-id"), "1".to_owned()),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), deadline.as_millisecond().to_string()),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), "arn:aws:lambda:us-east-1:000000000000:function:local".to_owned()),
    ];
    (headers, Json(event.unwrap_or_default()))
}

/// The runtime gives its answer no content type.
async fn succeeded(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    answered(&runtime, serde_json::from_slice(&body).map_err(|error| error.to_string())).await
}

async fn failed(State(runtime): State<Runtime>, body: Bytes) -> StatusCode {
    answered(&runtime, Err(String::from_utf8_lossy(&body).into_owned())).await
}

async fn answered(runtime: &Runtime, answer: Result<Value, String>) -> StatusCode {
    runtime.moments.send_modify(|moments| moments.answered = Some(Instant::now()));
    if runtime.wire.hears_answer().await {
        drop(runtime.answers.send(answer));
    }
    StatusCode::ACCEPTED
}
