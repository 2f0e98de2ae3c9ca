//! `GET …/messages` and `GET /v1/messages/{messageId}`: every text, and why it was or was not sent.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{gates::Step, message::Message, moment, stores::Cursor};
use uuid::Uuid;

use crate::routes::consent::name;
use crate::{
    api::Api,
    auth::{Backend, Person},
    body::{Query, path_part},
    problem::{Kind, Problem},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HistoryQuery {
    /// `nextCursor` of the page before.
    #[serde(default)]
    #[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_-]+$"))]
    cursor: Option<String>,
    /// How many at most; 20 if not said.
    #[serde(default)]
    #[schemars(with = "i32", range(min = 1, max = 100))]
    limit: Option<i32>,
}

/// A page of somebody's texts, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    messages: Vec<View>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// A text.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct View {
    message_id: Uuid,
    user_id: Option<String>,
    /// Its kind, such as `battle_invitation`.
    r#type: &'static str,
    class: &'static str,
    lane: String,
    status: &'static str,
    /// All digits hidden but the last two.
    phone_number: Option<String>,
    country: Option<String>,
    locale: &'static str,
    /// The words; none where a code is in them.
    body: Option<String>,
    parts: Option<u32>,
    encoding: Option<String>,
    attempts: u32,
    provider_message_id: Option<String>,
    /// Micro-USD.
    estimated_price: Option<i64>,
    /// Micro-USD, without the carrier's fee.
    price: Option<i64>,
    /// Micro-USD.
    carrier_fee: Option<i64>,
    carrier: Option<String>,
    delivery_status: Option<String>,
    delivery_detail: Option<String>,
    /// What decided it, in order.
    gates: Vec<GateView>,
    /// How it came to its status, oldest first.
    changes: Vec<ChangeView>,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    created_at: Timestamp,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    updated_at: Timestamp,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    useful_until: Timestamp,
    /// When a held text is let go.
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    release_at: Option<Timestamp>,
    /// If `merged`: the digest that stands for it.
    merged_into: Option<Uuid>,
}

/// A gate's word.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateView {
    gate: String,
    /// `pass`, `skip`, `hold` or `fail`.
    verdict: String,
    detail: Option<String>,
}

/// A status, and since when.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeView {
    status: &'static str,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    at: Timestamp,
}

/// The id in the path; one that is none names nothing.
pub struct MessageId(Uuid);

impl<S: Send + Sync> FromRequestParts<S> for MessageId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = path_part(parts, state, "messageId").await?.and_then(|id| id.parse().ok());
        id.map(Self).ok_or_else(|| Kind::NotFound.problem())
    }
}

pub async fn history(State(api): State<Arc<Api>>, person: Person, Query(query): Query<HistoryQuery>) -> Result<Json<History>, Problem> {
    let after = query.cursor.as_deref().map(|cursor| decode(cursor).ok_or_else(|| Problem::invalid("cursor", "not a cursor"))).transpose()?;
    let most = query.limit.unwrap_or(20);
    if !(1..=100).contains(&most) {
        return Err(Problem::invalid("limit", "not a number from 1 to 100"));
    }
    let page = api.messages.of(&person.user_id, after.as_ref(), most).await?;
    Ok(Json(History { messages: page.messages.iter().map(View::of).collect(), next_cursor: page.next.as_ref().map(encode) }))
}

pub async fn one(State(api): State<Arc<Api>>, _: Backend, MessageId(id): MessageId) -> Result<Json<View>, Problem> {
    let message = api.messages.get(id).await?.ok_or_else(|| Kind::NotFound.problem())?;
    Ok(Json(View::of(&message)))
}

/// A cursor as the next page's address has it.
pub fn encode(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", cursor.created_at, cursor.message_id))
}

/// A forged cursor leads to no other person: the user is not in it.
pub fn decode(cursor: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (created_at, id) = text.split_once('/')?;
    created_at.parse::<Timestamp>().ok()?;
    Some(Cursor { created_at: created_at.to_owned(), message_id: id.parse().ok()? })
}

impl GateView {
    pub fn of(step: &Step) -> Self {
        Self { gate: name(step.gate), verdict: name(step.verdict), detail: step.detail.clone() }
    }
}

impl View {
    fn of(message: &Message) -> Self {
        Self {
            message_id: message.message_id,
            user_id: message.user_id.as_ref().map(|user| user.as_str().to_owned()),
            r#type: message.kind().as_str(),
            class: message.class.as_str(),
            lane: name(message.lane),
            status: message.status.as_str(),
            phone_number: message.phone_masked.clone(),
            country: message.country.map(|country| country.as_str().to_owned()),
            locale: message.locale.as_str(),
            body: message.body.clone(),
            parts: message.parts,
            encoding: message.encoding.map(name),
            attempts: message.attempts,
            provider_message_id: message.provider_message_id.clone(),
            estimated_price: message.estimated_price.map(|price| price.0),
            price: message.price.map(|price| price.0),
            carrier_fee: message.carrier_fee.map(|fee| fee.0),
            carrier: message.carrier.clone(),
            delivery_status: message.delivery_status.clone(),
            delivery_detail: message.delivery_detail.clone(),
            gates: message.gates.iter().map(GateView::of).collect(),
            changes: message.changes.iter().map(|change| ChangeView { status: change.status.as_str(), at: change.at }).collect(),
            created_at: message.created_at,
            updated_at: message.updated_at,
            useful_until: message.useful_until,
            release_at: message.release_at,
            merged_into: message.merged_into,
        }
    }
}
