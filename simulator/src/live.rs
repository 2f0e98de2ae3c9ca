//! `GET /console/live`: what happens, as it happens (server-sent events).

use std::convert::Infallible;

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, stream};
use tokio::sync::broadcast::Receiver;

use crate::simulator::{Live, Simulator};

/// Events `message`, `status` and `stats`. A page that falls behind is cut off, connects again and loads everything anew.
pub async fn events(State(simulator): State<Simulator>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(simulator.listen(), next)).keep_alive(KeepAlive::default())
}

async fn next(mut live: Receiver<Live>) -> Option<(Result<Event, Infallible>, Receiver<Live>)> {
    let happened = live.recv().await.ok()?;
    let name = match &happened {
        Live::Message { .. } => "message",
        Live::Status { .. } => "status",
        Live::Stats(_) => "stats",
    };
    let data = serde_json::to_string(&happened).unwrap_or_default();
    Some((Ok(Event::default().event(name).data(data)), live))
}
