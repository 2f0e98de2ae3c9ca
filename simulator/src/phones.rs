//! The phones, the counts and the faults over HTTP.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sms::phone::PhoneNumber;

use crate::{
    faults::Faults,
    problem::Problem,
    simulator::Simulator,
    state::{Phone, Stats, Text},
};

/// The routes.
pub fn routes() -> Router<Simulator> {
    Router::new()
        .route("/phones", get(phones))
        .route("/phones/{e164}/messages", get(texts).post(person_texts))
        .route("/stats", get(stats).delete(clear))
        .route("/faults", get(faults).put(set_faults))
}

async fn phones(State(simulator): State<Simulator>) -> Json<Vec<Phone>> {
    Json(simulator.state().phones())
}

async fn texts(State(simulator): State<Simulator>, Path(e164): Path<String>) -> Result<Json<Vec<Text>>, Problem> {
    Ok(Json(simulator.texts(&phone(&e164)?)))
}

#[derive(Deserialize)]
struct PersonTexts {
    body: String,
}

/// A person texts us: 202 once the inbound topic has it.
async fn person_texts(State(simulator): State<Simulator>, Path(e164): Path<String>, body: Bytes) -> Result<(StatusCode, Json<Value>), Problem> {
    let phone = phone(&e164)?;
    let text = serde_json::from_slice::<PersonTexts>(&body)
        .map_err(|error| Problem::bad_request(format!("The body is not like {{\"body\":\"STOP\"}}: {error}.")))?;
    if text.body.trim().is_empty() || text.body.chars().count() > 1600 {
        return Err(Problem::bad_request("A text has from 1 to 1600 characters, not all of them blank."));
    }
    let id = simulator.person_texts(&phone, &text.body).await.map_err(|error| Problem::bad_gateway(&error))?;
    Ok((StatusCode::ACCEPTED, Json(json!({"inboundMessageId": id}))))
}

async fn stats(State(simulator): State<Simulator>) -> Json<Stats> {
    Json(simulator.stats())
}

async fn clear(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(simulator): State<Simulator>) -> Json<Faults> {
    Json(simulator.faults())
}

async fn set_faults(State(simulator): State<Simulator>, body: Bytes) -> Result<Json<Faults>, Problem> {
    let faults = Faults::read(&body).map_err(Problem::bad_request)?;
    simulator.set_faults(faults.clone());
    Ok(Json(faults))
}

/// The number of a path, where a plus sign may have become a space or been left out.
fn phone(text: &str) -> Result<PhoneNumber, Problem> {
    let digits = text.trim_start_matches(['+', ' ']);
    format!("+{digits}").parse().map_err(|error| Problem::bad_request(format!("The number in the path is {error}.")))
}
