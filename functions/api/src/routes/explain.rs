//! `POST /v1/explain`: what would become of an event, by the gates that would decide it. Nothing is written and nothing is sent.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sms::{
    encoding::{Saving, savings},
    event::Event,
    gates::{self, Gate, Step, Verdict},
    kind::Kind,
    message::{Message, Status},
    moment,
    recipient::Recipient,
    stores::{Asker, Wish},
    text,
};

use crate::{
    api::Api,
    auth::Backend,
    body::{Query, json_text},
    problem::Problem,
    routes::{consent::name, messages::GateView},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainQuery {
    /// The instant to decide at, RFC 3339, in this century; now if not said.
    #[serde(default)]
    #[schemars(with = "Timestamp", extend("pattern" = "^20[0-9]{2}-"))]
    at: Option<String>,
}

/// An event, as it would be published (see `events/schemas/`).
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub struct Asked(#[schemars(with = "Map<String, Value>")] Event);

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Event::parse(&json_text(request).await?).map(Self).map_err(|why| {
            let why = why.to_string();
            Problem::invalid("event", why.rsplit_once("SMS: ").map_or(&why, |(_, why)| why))
        })
    }
}

/// What would become of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The id that its message has or would have.
    message_id: uuid::Uuid,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    at: Timestamp,
    /// `pending` goes out; `held` does at `releaseAt`; `suppressed` and `expired` do not.
    status: &'static str,
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    release_at: Option<Timestamp>,
    /// In order, up to the one that says no.
    gates: Vec<GateView>,
    /// The text, also if it would not go; none if it cannot be put into words.
    text: Option<Words>,
}

/// A text, and what it takes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Words {
    /// A code is shown as `000000`.
    body: String,
    locale: &'static str,
    characters: usize,
    encoding: String,
    parts: u32,
    /// Micro-USD, by the price list; none if the country is not on it.
    estimated_price: Option<i64>,
    /// What would make it cheaper.
    savings: Vec<String>,
}

pub async fn explain(
    State(api): State<Arc<Api>>,
    _: Backend,
    Query(query): Query<ExplainQuery>,
    Asked(event): Asked,
) -> Result<Json<Explanation>, Problem> {
    let now = query.at.map_or_else(|| Ok(api.now()), |at| instant(&at))?;
    let recipient = api.recipients.get(&event.user_id).await?;
    let opt_out = match gates::addressee(&event, recipient.as_ref()) {
        Some(phone) => api.opt_outs.get(phone).await?,
        None => None,
    };
    let wish = Wish { event: &event, recipient: recipient.as_ref(), opt_out: opt_out.as_ref() };
    let mut row = api.admissions.foresee(wish, &api.rules, now).await?;
    if let (Kind::PhoneVerification, Status::Pending, Some(phone)) = (row.kind(), row.status, row.phone.clone()) {
        let has_proven = recipient.as_ref().and_then(Recipient::verified_phone) == Some(&phone);
        let asker = Asker { user: &event.user_id, phone: &phone, address: None, has_proven, is_sent: true };
        if let Some((gate, detail)) = api.codes.foresee(&asker, row.message_id, now).await?.and_then(|refusal| refusal.gate()) {
            gates::refuse(&mut row, gate, detail);
        }
    }
    if let Some(old) = api.messages.get(row.message_id).await? {
        repeat(&mut row, &old);
    }
    Ok(Json(Explanation {
        message_id: row.message_id,
        at: now,
        status: row.status.as_str(),
        release_at: row.release_at.filter(|_| row.status == Status::Held),
        gates: row.gates.iter().map(GateView::of).collect(),
        text: words(&api, &event, recipient.as_ref(), now),
    }))
}

/// In this century, so that no sum of times is out of range.
fn instant(text: &str) -> Result<Timestamp, Problem> {
    let at = text.parse().ok().filter(|_| text.starts_with("20"));
    at.ok_or_else(|| Problem::invalid("at", "not an instant of this century such as 2026-11-23T10:00:00Z (in a query, + is written %2B)"))
}

/// A repeat changes nothing: its row stays what it is.
fn repeat(row: &mut Message, old: &Message) {
    row.status = old.status;
    row.release_at = old.release_at;
    row.gates.retain(|step| step.gate < Gate::Duplicate);
    let detail = Some(format!("its row is there since {} and is {}", moment::text(old.created_at), old.status.as_str()));
    row.gates.push(Step { gate: Gate::Duplicate, verdict: Verdict::Fail, detail });
}

fn words(api: &Api, event: &Event, recipient: Option<&Recipient>, now: Timestamp) -> Option<Words> {
    let locale = recipient.map(Recipient::text_locale).unwrap_or_default();
    let text = text::render(&text::harmless(event.content.clone()), locale, &api.rules.house, now, text::CODE_PLACEHOLDER).ok()?;
    let price = gates::addressee(event, recipient).and_then(|phone| api.rules.prices.of(phone.country()?));
    let saving = |saving: Saving| match saving {
        Saving::Plain { characters, parts } => {
            let which = characters.iter().map(|(character, place)| format!("“{character}” at {place}")).collect::<Vec<_>>().join(", ");
            format!("GSM-7 lacks {which}: without {} it would take {}", if characters.len() == 1 { "it" } else { "them" }, in_parts(parts))
        }
        Saving::Shorter { by, parts } => format!("with {by} character{} less it would take {}", if by == 1 { "" } else { "s" }, in_parts(parts)),
    };
    Some(Words {
        locale: locale.as_str(),
        characters: text.body.chars().count(),
        encoding: name(text.size.encoding),
        parts: text.size.parts,
        estimated_price: price.map(|price| price.times(text.size.parts).0),
        savings: savings(&text.body).into_iter().map(saving).collect(),
        body: text.body,
    })
}

fn in_parts(parts: u32) -> String {
    if parts == 1 { "one part".to_owned() } else { format!("{parts} parts") }
}
