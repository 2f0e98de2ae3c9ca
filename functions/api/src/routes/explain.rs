//! `POST /v1/explain`: what would become of an event, and why. It reads what the producer reads, asks the same gates, and changes nothing.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sms::{
    event::{self, Event},
    gates::{self, Gate, Step, Verdict},
    kind::Kind,
    message::{Message, Status},
    moment,
    stores::Wish,
    text::{self, CODE_PLACEHOLDER, House},
};
use uuid::Uuid;

use crate::routes::{consent::name, messages::GateView};
use crate::{
    api::Api,
    auth::Backend,
    body::{Query, json_text},
    problem::Problem,
};

/// The most different characters that an answer names.
const MOST_CHARACTERS: usize = 10;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainQuery {
    /// The instant to decide at, RFC 3339, in this century; now if not said. What is known of the person, and what was counted, is as it is now.
    #[serde(default)]
    #[schemars(with = "Timestamp", extend("pattern" = "^20[0-9]{2}-"))]
    at: Option<String>,
}

/// An event, exactly as it is published.
pub struct Published(Event);

/// What would become of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The instant that it was decided for.
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    at: Timestamp,
    /// The text that it would be, or is if it was seen before.
    message_id: Uuid,
    /// Its kind, such as `battle_invitation`.
    r#type: &'static str,
    class: &'static str,
    lane: String,
    /// What it would be: `pending`, `held`, `suppressed` or `expired`. If the event was seen before, what its text is.
    status: &'static str,
    /// When it would be let go, if it is `held`.
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    release_at: Option<Timestamp>,
    /// The gates that it would meet, in order; the last one decides.
    gates: Vec<GateView>,
    /// The words, with 000000 for a code; none if a gate says no before there are any.
    text: Option<String>,
    encoding: Option<String>,
    parts: Option<u32>,
    /// Micro-USD.
    estimated_price: Option<i64>,
    /// What would make it cheaper.
    savings: Vec<SavingView>,
}

/// A way to fewer message parts.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SavingView {
    /// For people.
    advice: String,
    /// The parts that it would take then.
    parts: u32,
    /// What that saves, in micro-USD.
    saves: Option<i64>,
    /// The characters that make the text UCS-2, each once, the first ten.
    characters: Vec<Odd>,
    /// How many characters fewer it would take.
    shorten_by: Option<usize>,
}

/// A character that GSM-7 has nothing like.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Odd {
    character: char,
    /// Such as `U+1F389`.
    code_point: String,
    /// Where it first stands in the text: 1 is the first character.
    position: usize,
    /// The field of the event that it is from, such as `data.battle_topic`.
    field: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Published {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let text = json_text(request).await?;
        Event::parse(&text).map(Self).map_err(|error| {
            let (field, why) = error.field();
            Problem::invalid(&field, why)
        })
    }
}

pub async fn explain(
    State(api): State<Arc<Api>>,
    _: Backend,
    Query(query): Query<ExplainQuery>,
    Published(event): Published,
) -> Result<Json<Explanation>, Problem> {
    let at = query.at.map_or_else(|| Ok(api.now()), |at| instant(&at))?;
    if let Some(mut row) = api.messages.get(event.message_id()).await? {
        let seen = format!("the event was seen before: its text is {}", row.status.as_str());
        let step = |gate, verdict, detail| Step { gate, verdict, detail };
        row.gates = vec![step(Gate::Schema, Verdict::Pass, None), step(Gate::Duplicate, Verdict::Fail, Some(seen))];
        return Ok(Json(Explanation::of(&row, &api.rules.house, at)));
    }
    let recipient = api.recipients.get(&event.user_id).await?;
    let opt_out = match gates::addressee(&event, recipient.as_ref()) {
        Some(phone) => api.opt_outs.get(phone).await?,
        None => None,
    };
    let wish = Wish { event: &event, recipient: recipient.as_ref(), opt_out: opt_out.as_ref() };
    let decided = api.admissions.foresee(wish, &api.rules, at).await?;
    let decided = api.codes.foresee(decided, recipient.as_ref(), at).await?;
    Ok(Json(Explanation::of(&decided, &api.rules.house, at)))
}

/// In this century, so that no sum of times is out of range.
fn instant(text: &str) -> Result<Timestamp, Problem> {
    let at = text.parse().ok().filter(|_| text.starts_with("20"));
    at.ok_or_else(|| Problem::invalid("at", "not an instant of this century such as 2026-11-23T10:00:00Z (in a query, + is written %2B)"))
}

/// One of the eight events.
pub fn schema() -> Schema {
    let of_kind = |(_, mut schema): (&str, Value)| {
        schema.as_object_mut().map(|schema| schema.remove("$schema"));
        schema
    };
    let schema = json!({"oneOf": event::schemas().into_iter().map(of_kind).collect::<Vec<_>>()});
    schema.try_into().unwrap_or_default()
}

impl Explanation {
    fn of(message: &Message, house: &House, at: Timestamp) -> Self {
        let text = match message.kind() {
            Kind::PhoneVerification if message.parts.is_some() && message.erased_at.is_none() => {
                text::render(&message.content, message.locale, house, at, CODE_PLACEHOLDER).ok().map(|text| text.body)
            }
            _ => message.body.clone(),
        };
        let savings = text.as_deref().map(text::savings).unwrap_or_default();
        Self {
            at,
            message_id: message.message_id,
            r#type: message.kind().as_str(),
            class: message.class.as_str(),
            lane: name(message.lane),
            status: message.status.as_str(),
            release_at: message.release_at.filter(|_| message.status == Status::Held),
            gates: message.gates.iter().map(GateView::of).collect(),
            text,
            encoding: message.encoding.map(name),
            parts: message.parts,
            estimated_price: message.estimated_price.map(|price| price.0),
            savings: savings.into_iter().map(|saving| SavingView::of(saving, message)).collect(),
        }
    }
}

impl SavingView {
    fn of(saving: text::Saving, message: &Message) -> Self {
        let now = message.parts.unwrap_or(1).max(1);
        let saves = |parts: u32| Some(message.estimated_price?.0 / i64::from(now) * i64::from(now.saturating_sub(parts)));
        let then = |parts: u32| format!("{parts} {} instead of {now}", if parts == 1 { "part" } else { "parts" });
        match saving {
            text::Saving::Characters { odd, parts } => {
                let data = serde_json::to_value(&message.content).map(|mut content| content["data"].take()).unwrap_or_default();
                let all = odd.len();
                let characters = odd.into_iter().take(MOST_CHARACTERS).map(|(character, position)| Odd::of(character, position, &data));
                let characters = characters.collect::<Vec<_>>();
                let first = characters.first().map(|odd| format!("{} ({}) at character {}", odd.character, odd.code_point, odd.position));
                let first = first.unwrap_or_default();
                let advice = match all {
                    1 => format!("{first} turns the whole text into UCS-2: {} without it", then(parts)),
                    _ => {
                        format!("{all} different characters, the first of them {first}, turn the whole text into UCS-2: {} without them", then(parts))
                    }
                };
                Self { advice, parts, saves: saves(parts), characters, shorten_by: None }
            }
            text::Saving::Length { characters: by, parts } => {
                let characters = if by == 1 { "1 character".to_owned() } else { format!("{by} characters") };
                let advice = format!("{characters} too many: {} if the text were so much shorter", then(parts));
                Self { advice, parts, saves: saves(parts), characters: Vec::new(), shorten_by: Some(by) }
            }
        }
    }
}

impl Odd {
    fn of(character: char, position: usize, data: &Value) -> Self {
        let fields = data.as_object().into_iter().flatten();
        let field = fields.into_iter().find(|(_, value)| value.as_str().is_some_and(|text| text.contains(character)));
        let field = field.map(|(name, _)| format!("data.{name}"));
        Self { character, code_point: format!("U+{:04X}", u32::from(character)), position, field }
    }
}
