//! The wire between a function and AWS: counts every call, and asks a hand what is to become of it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use simulator::line::{Exchange, Scissors};
use sms::delivery::CONTEXT_MESSAGE_ID;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::cloud::Cloud;
use crate::embedded::Server;

/// A call, before it is made.
#[derive(Debug)]
pub struct Call<'a> {
    /// Who makes it.
    pub function: &'static str,
    /// Such as `DynamoDB`.
    pub service: &'a str,
    /// Such as `UpdateItem`.
    pub operation: &'a str,
    /// The table that it is about, or the first of them; nothing if it is about none.
    pub table: &'a str,
    /// Of how many entries or items a batch or a transaction is; 0 for anything else.
    pub size: usize,
}

/// What is to become of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is made, and answered.
    Pass,
    /// The same, later.
    Late(Duration),
    /// It does not leave: AWS answers with this exception at once.
    Refused(&'static str),
    /// The connection breaks before it left.
    Lost,
    /// It is made, and the connection breaks before the answer.
    Unanswered,
    /// Of a batch, some are taken and some not.
    InPart,
    /// Somebody else is just writing what it writes.
    Conflict,
    /// It is made, and neither its answer nor that of anything else ever comes: the process runs out of time.
    Hangs,
    /// The process dies before the call leaves.
    DiesBefore,
    /// The process dies when the call has left: it is made, and nobody hears the answer.
    DiesDuring,
    /// The process dies when the answer is there: nothing else leaves it.
    DiesAfter,
}

/// What decides about calls; and about the function's own answer, which is no call of AWS: `Lambda`, `Answer`.
pub type Hand = Arc<dyn Fn(&Call<'_>) -> Fate + Send + Sync>;

/// The wire of one process.
#[derive(Clone)]
pub struct Wire {
    function: &'static str,
    cloud: Cloud,
    hand: Hand,
    state: Arc<Mutex<Life>>,
    died: Arc<tokio::sync::Notify>,
    /// Texts that AWS took from this process, whose outcome it may not have written down yet.
    taken: Arc<Mutex<Vec<Uuid>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    /// Nothing answers it any more.
    Stuck,
    /// It dies when it next wants something.
    Doomed,
    Dead,
}

impl Wire {
    /// The wire of `function` to `cloud`; answers with where it listens, and with what has to be kept for as long.
    pub async fn to(cloud: Cloud, function: &'static str, hand: Hand) -> anyhow::Result<(Self, SocketAddr, Server)> {
        let wire = Self { function, cloud, hand, state: Arc::new(Mutex::new(Life::Alive)), died: Arc::default(), taken: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = Router::new().fallback(answer).with_state(wire.clone()).into_make_service_with_connect_info::<Scissors>();
        let server = Server::run(async move { drop(axum::serve(Exchange(listener), service).await) });
        Ok((wire, address, server))
    }

    /// Waits until it is time for the process to die.
    pub async fn death(&self) {
        self.died.notified().await;
    }

    /// Waits for what is to become of the function's answer; `false` if nobody may hear it.
    pub async fn hears_answer(&self) -> bool {
        if self.life() == Life::Stuck {
            std::future::pending::<()>().await;
        }
        let fate = (self.hand)(&Call { function: self.function, service: "Lambda", operation: "Answer", table: "", size: 0 });
        // Whatever becomes of its answer: what it had to write down is written.
        self.taken().clear();
        if let Fate::Late(by) = fate {
            tokio::time::sleep(by).await;
        }
        if self.is_doomed() || matches!(fate, Fate::DiesBefore | Fate::DiesDuring | Fate::DiesAfter) {
            self.die();
        }
        self.life() != Life::Dead
    }

    /// Something went wrong in this process: of what it had handed over until now nobody may ever hear.
    pub fn in_doubt(&self) {
        for text in self.taken().drain(..) {
            self.cloud.doubt(text);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Uuid>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call; `None` if the connection breaks. A text that AWS takes by it is kept in mind.
    async fn make(&self, target: &str, headers: &HeaderMap, body: Bytes, in_part: bool, text: Option<Uuid>) -> Option<Response> {
        self.taken().extend(text);
        let mut unheard = Unheard { wire: self, text };
        let answer = self.cloud.call(target, headers, body, in_part).await;
        // Who breaks the connection, or says nothing, leaves it in doubt; who refuses does not.
        unheard.text = text.filter(|_| answer.is_none());
        if answer.as_ref().is_some_and(|answer| !answer.status().is_success()) {
            self.taken().retain(|taken| Some(*taken) != text);
        }
        if self.life() != Life::Alive {
            self.in_doubt();
        }
        answer
    }

    /// The process is about to be killed: nothing that it still wants is done.
    pub fn dies(&self) {
        self.set(Life::Dead);
        self.in_doubt();
    }

    fn life(&self) -> Life {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_doomed(&self) -> bool {
        self.life() == Life::Doomed
    }

    fn set(&self, life: Life) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = life;
    }

    fn die(&self) {
        self.set(Life::Dead);
        self.died.notify_one();
    }
}

/// A text that was handed over, as long as its answer was not handed back: also if whoever made the call does not wait for it any more.
struct Unheard<'a> {
    wire: &'a Wire,
    text: Option<Uuid>,
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if let Some(text) = self.text {
            self.wire.taken().retain(|taken| *taken != text);
            self.wire.cloud.doubt(text);
        }
    }
}

async fn answer(State(wire): State<Wire>, headers: HeaderMap, extensions: Extensions, body: Bytes) -> Response {
    let cut = || {
        if let Some(ConnectInfo(scissors)) = extensions.get::<ConnectInfo<Scissors>>() {
            scissors.cut();
        }
        StatusCode::OK.into_response()
    };
    if wire.is_doomed() {
        wire.die();
    }
    match wire.life() {
        Life::Dead => return cut(),
        Life::Stuck => std::future::pending().await,
        Life::Alive | Life::Doomed => {}
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or(("", target));
    let service = service.split('_').next().unwrap_or_default();
    let request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let call = Call { function: wire.function, service, operation, table: table(&request), size: size(&request) };
    let text = (operation == "SendTextMessage").then(|| request["Context"][CONTEXT_MESSAGE_ID].as_str()?.parse().ok()).flatten();
    let fate = (wire.hand)(&call);
    let make = async |in_part| wire.make(target, &headers, body.clone(), in_part, text).await;
    if !matches!(fate, Fate::Pass | Fate::Late(_) | Fate::InPart) {
        wire.in_doubt();
    }
    match fate {
        Fate::Pass => make(false).await.unwrap_or_else(cut),
        Fate::InPart => make(true).await.unwrap_or_else(cut),
        Fate::Late(by) => {
            let answer = make(false).await;
            tokio::time::sleep(by).await;
            answer.unwrap_or_else(cut)
        }
        Fate::Conflict if operation == "TransactWriteItems" => cancelled(call.size),
        Fate::Conflict => refused("TransactionConflictException"),
        Fate::Refused(exception) => refused(exception),
        Fate::Lost => cut(),
        Fate::Unanswered => {
            drop(make(false).await);
            wire.in_doubt();
            cut()
        }
        Fate::Hangs => {
            wire.set(Life::Stuck);
            drop(make(false).await);
            wire.in_doubt();
            std::future::pending().await
        }
        Fate::DiesBefore => {
            wire.die();
            cut()
        }
        Fate::DiesDuring => {
            // Nothing of what it still wants leaves it.
            wire.set(Life::Dead);
            drop(make(false).await);
            wire.in_doubt();
            wire.die();
            cut()
        }
        Fate::DiesAfter => {
            let answer = make(false).await.unwrap_or_else(cut);
            wire.in_doubt();
            wire.set(Life::Doomed);
            answer
        }
    }
}

/// The table of a request to DynamoDB, or the first of them.
fn table(request: &Value) -> &str {
    let of_many = || request["RequestItems"].as_object()?.keys().next().map(String::as_str);
    let of_first = || request["TransactItems"][0].as_object()?.values().next()?["TableName"].as_str();
    request["TableName"].as_str().or_else(of_many).or_else(of_first).unwrap_or_default()
}

/// Of how many entries or items a request is.
fn size(request: &Value) -> usize {
    ["Entries", "TransactItems"].iter().find_map(|name| request[name].as_array()).map_or(0, Vec::len)
}

/// A transaction of `size` items, the first of which somebody else is just writing.
fn cancelled(size: usize) -> Response {
    let none = || json!({"Code": "None"});
    let reasons = (0..size).map(|place| if place == 0 { json!({"Code": "TransactionConflict", "Message": "a fault of the rig"}) } else { none() });
    exception(StatusCode::BAD_REQUEST, "TransactionCanceledException", json!({"CancellationReasons": reasons.collect::<Vec<_>>()}))
}

/// An exception of AWS, by its name. Those that say that AWS has a problem come with 500, the others with 400.
fn refused(name: &'static str) -> Response {
    let status = if name.starts_with("Internal") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    exception(status, name, json!({}))
}

fn exception(status: StatusCode, name: &'static str, mut body: Value) -> Response {
    body["__type"] = name.into();
    body["message"] = "a fault of the rig".into();
    let headers = [(header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"), ("x-amzn-errortype", name)];
    (status, headers, Body::from(body.to_string())).into_response()
}
