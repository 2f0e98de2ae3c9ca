//! The wire between a function and AWS: counts every call, and asks a hand what is to become of it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
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
use tokio::net::TcpListener;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    /// It dies when it next wants something.
    Doomed,
    Dead,
}

impl Wire {
    /// The wire of `function` to `cloud`; answers with where it listens, and with what has to be kept for as long.
    pub async fn to(cloud: Cloud, function: &'static str, hand: Hand) -> anyhow::Result<(Self, SocketAddr, Server)> {
        let wire = Self { function, cloud, hand, state: Arc::new(Mutex::new(Life::Alive)), died: Arc::default() };
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
        let fate = (self.hand)(&Call { function: self.function, service: "Lambda", operation: "Answer" });
        if let Fate::Late(by) = fate {
            tokio::time::sleep(by).await;
        }
        if self.is_doomed() || matches!(fate, Fate::DiesBefore | Fate::DiesDuring | Fate::DiesAfter) {
            self.die();
        }
        self.life() != Life::Dead
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
    if wire.life() == Life::Dead {
        return cut();
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or(("", target));
    let service = service.split('_').next().unwrap_or_default();
    let fate = (wire.hand)(&Call { function: wire.function, service, operation });
    let make = async |in_part| wire.cloud.call(target, &headers, body.clone(), in_part).await;
    match fate {
        Fate::Pass => make(false).await.unwrap_or_else(cut),
        Fate::InPart => make(true).await.unwrap_or_else(cut),
        Fate::Late(by) => {
            let answer = make(false).await;
            tokio::time::sleep(by).await;
            answer.unwrap_or_else(cut)
        }
        Fate::Refused(exception) => refused(exception),
        Fate::Lost => cut(),
        Fate::Unanswered => {
            drop(make(false).await);
            cut()
        }
        Fate::DiesBefore => {
            wire.die();
            cut()
        }
        Fate::DiesDuring => {
            // Nothing of what it still wants leaves it.
            wire.set(Life::Dead);
            drop(make(false).await);
            wire.die();
            cut()
        }
        Fate::DiesAfter => {
            let answer = make(false).await.unwrap_or_else(cut);
            wire.set(Life::Doomed);
            answer
        }
    }
}

/// An exception of AWS, by its name. Those that say that AWS has a problem come with 500, the others with 400.
fn refused(exception: &'static str) -> Response {
    let status = if exception.starts_with("Internal") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    let body: Value = json!({"__type": exception, "message": "a fault of the rig"});
    (status, [(header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"), ("x-amzn-errortype", exception)], Body::from(body.to_string()))
        .into_response()
}
