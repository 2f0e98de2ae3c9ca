//! What the main app publishes: one CloudEvents 1.0 JSON object per queue record, strictly checked.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use crate::{content::Content, json::Object};

/// A wish of the main app that a person be texted.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who published it. With `id`, the idempotency key.
    pub source: String,
    /// Its name within `source`.
    pub id: String,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// When the text stops being useful (the CloudEvents extension `expirytime`).
    pub expirytime: Option<Timestamp>,
    /// Whom to text.
    pub user_id: UserId,
    /// The thing it is about.
    pub related: Option<Related>,
    /// What to say.
    pub content: Content,
}

/// A user of the main app: 1 to 128 printable characters without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

/// The thing in the main app that a text is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Related {
    /// Its model, such as `Battle`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Why a record is no event of ours: what is wrong and where, and nothing of what it said.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an event of AllThrive SMS: {0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// The field that is wrong, such as `data.phone` (`event` where it is the whole), and what is wrong with it.
    #[must_use]
    pub fn field(&self) -> (String, &str) {
        let (place, why) = self.0.split_once(": ").filter(|(place, _)| !place.contains(' ')).unwrap_or(("", &self.0));
        let named = why.strip_prefix("missing field `").or_else(|| why.strip_prefix("duplicate field `")).and_then(|rest| rest.split('`').next());
        let path = [Some(place), named].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        (if path.is_empty() { "event".to_owned() } else { path }, why)
    }
}

/// The prefix and suffix of every event type.
pub const TYPE_PREFIX: &str = "com.allthrive.sms.";
/// The version of every event type.
pub const TYPE_SUFFIX: &str = ".v1";

/// The namespace of message ids made from events: the UUID v5 of a URL of ours.
fn namespace() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://allthrive.ai/sms/events")
}

/// The id of the message that the event `id` of `source` asks for: a UUID v5, the same for every repeat.
#[must_use]
pub fn message_id(source: &str, id: &str) -> Uuid {
    Uuid::new_v5(&namespace(), format!("{source}\n{id}").as_bytes())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    time: Option<Timestamp>,
    expirytime: Option<Timestamp>,
    datacontenttype: Option<String>,
    // Allowed by CloudEvents and of no use here.
    #[serde(rename = "subject")]
    _subject: Option<String>,
    #[serde(rename = "dataschema")]
    _dataschema: Option<String>,
    #[serde(rename = "traceparent")]
    _traceparent: Option<String>,
    #[serde(rename = "tracestate")]
    _tracestate: Option<String>,
    data: Box<RawValue>,
}

impl Event {
    /// Reads one event in the structured mode of CloudEvents.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let Object(envelope): Object<Envelope> = read(text, "")?;
        if envelope.specversion != "1.0" {
            return Err(Unreadable("specversion: must be \"1.0\"".into()));
        }
        named("id", &envelope.id)?;
        named("source", &envelope.source)?;
        if envelope.datacontenttype.is_some_and(|kind| !kind.starts_with("application/json")) {
            return Err(Unreadable("datacontenttype: must be application/json".into()));
        }
        let name = envelope
            .kind
            .strip_prefix(TYPE_PREFIX)
            .and_then(|rest| rest.strip_suffix(TYPE_SUFFIX))
            .ok_or_else(|| Unreadable("type: must be com.allthrive.sms.<name>.v1".into()))?;

        let Data { user_id, related, rest: data } = read(envelope.data.get(), "data")?;
        let user_id = user_id.ok_or_else(|| Unreadable("data: missing field `user_id`".into()))?;
        let content = content(name, Value::Object(data))?;
        Ok(Self { source: envelope.source, id: envelope.id, time: envelope.time, expirytime: envelope.expirytime, user_id, related, content })
    }

    /// The id of the message it asks for.
    #[must_use]
    pub fn message_id(&self) -> Uuid {
        message_id(&self.source, &self.id)
    }
}

/// The content of the event type `name`: the eight that have events, and no other.
fn content(name: &str, data: Value) -> Result<Content, Unreadable> {
    Ok(match name {
        "battle_invitation" => Content::BattleInvitation(value(data, "data")?),
        "battle_result" => Content::BattleResult(value(data, "data")?),
        "battle_reminder" => Content::BattleReminder(value(data, "data")?),
        "streak_alert" => Content::StreakAlert(value(data, "data")?),
        "direct_message" => Content::DirectMessage(value(data, "data")?),
        "achievement_unlock" => Content::AchievementUnlock(value(data, "data")?),
        "security_alert" => Content::SecurityAlert(value(data, "data")?),
        "phone_verification" => Content::PhoneVerification(value(data, "data")?),
        _ => return Err(Unreadable("type: none of the eight event types".into())),
    })
}

/// Both halves of the idempotency key: 1 to 256 characters, none of them a control character.
fn named(attribute: &str, text: &str) -> Result<(), Unreadable> {
    if text.is_empty() || text.chars().count() > 256 || text.chars().any(char::is_control) {
        return Err(Unreadable(format!("{attribute}: must have 1 to 256 characters and no control character")));
    }
    Ok(())
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, place: &str) -> Result<T, Unreadable> {
    let mut source = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut source).map_err(|error| unreadable(place, &error))?;
    source.end().map_err(|_| Unreadable("something follows the JSON object".into()))?;
    Ok(read)
}

fn value<T: de::DeserializeOwned>(data: Value, place: &str) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(data).map_err(|error| unreadable(place, &error))
}

fn unreadable(place: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Unreadable {
    let inner = error.inner();
    let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
    // The name of a field that is none of ours is the event's own word.
    if inner.is_syntax() {
        path.clear();
    } else if inner.to_string().starts_with("unknown field") {
        path.pop();
    }
    if !place.is_empty() {
        path.insert(0, place.to_owned());
    }
    let place = path.join(".");
    Unreadable(if place.is_empty() { discreet(inner) } else { format!("{place}: {}", discreet(inner)) })
}

/// The words of a JSON error, less the value that it quotes: what an event says belongs to people.
fn discreet(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let at = format!(" at line {} column {}", error.line(), error.column());
    let words = words.strip_suffix(&at).unwrap_or(&words);
    if error.is_eof() {
        return "the JSON ends too early".into();
    }
    if error.is_syntax() {
        return format!("not JSON{at}");
    }
    match (words.strip_prefix("missing field "), words.strip_prefix("duplicate field "), words.rsplit_once(", expected ")) {
        (Some(_), _, _) | (_, Some(_), _) => words.to_owned(),
        (_, _, Some((found, expected))) if found.starts_with("unknown field") => format!("has a field that is none of ours, expected {expected}"),
        (_, _, Some((_, expected))) => format!("expected {expected}"),
        _ => "has a value that does not fit".into(),
    }
}

/// The data of an event: what all types share, and the rest. No key comes twice.
struct Data {
    user_id: Option<UserId>,
    related: Option<Related>,
    rest: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut data = Data { user_id: None, related: None, rest: Map::new() };
                while let Some(key) = entries.next_key::<String>()? {
                    let twice = match key.as_str() {
                        "user_id" => data.user_id.replace(entries.next_value()?).is_some(),
                        "related" => data.related.replace(entries.next_value::<Object<Related>>()?.0).is_some(),
                        _ => data.rest.insert(key, entries.next_value()?).is_some(),
                    };
                    if twice {
                        return Err(de::Error::custom("duplicate field in the object"));
                    }
                }
                Ok(data)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl UserId {
    /// The id as the main app writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let printable = |c: char| !c.is_control() && !c.is_whitespace();
        if id.is_empty() || id.chars().count() > 128 || !id.chars().all(printable) {
            return Err("not a user id, expected 1 to 128 printable characters without spaces");
        }
        Ok(Self(id))
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The JSON Schema of every event type, by its short name.
#[cfg(feature = "schema")]
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    use schemars::{SchemaGenerator, generate::SchemaSettings};

    use crate::content::{
        AchievementUnlock, BattleInvitation, BattleReminder, BattleResult, DirectMessage, PhoneVerification, SecurityAlert, StreakAlert,
    };

    fn data<T: schemars::JsonSchema>() -> Value {
        let inline = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let related = SchemaGenerator::new(inline.clone()).into_root_schema_for::<Related>();
        let mut schema = SchemaGenerator::new(inline).into_root_schema_for::<T>().to_value();
        schema["properties"]["user_id"] =
            serde_json::json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^\S+$", "description": "Whom to text."});
        schema["properties"]["related"] = related.to_value();
        if let Some(required) = schema["required"].as_array_mut() {
            required.insert(0, "user_id".into());
        }
        schema
    }

    let kinds = [
        ("battle_invitation", data::<BattleInvitation>()),
        ("battle_result", data::<BattleResult>()),
        ("battle_reminder", data::<BattleReminder>()),
        ("streak_alert", data::<StreakAlert>()),
        ("direct_message", data::<DirectMessage>()),
        ("achievement_unlock", data::<AchievementUnlock>()),
        ("security_alert", data::<SecurityAlert>()),
        ("phone_verification", data::<PhoneVerification>()),
    ];
    kinds.into_iter().map(|(name, data)| (name, envelope_schema(name, &data))).collect()
}

#[cfg(feature = "schema")]
fn envelope_schema(name: &str, data: &Value) -> Value {
    let text = |words: &str| serde_json::json!({"type": "string", "minLength": 1, "maxLength": 256, "description": words});
    let moment = |words: &str| serde_json::json!({"type": "string", "format": "date-time", "description": words});
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("{TYPE_PREFIX}{name}{TYPE_SUFFIX}"),
        "type": "object",
        "additionalProperties": false,
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text("With `source`, the idempotency key: the same pair never yields a second text."),
            "source": text("Who published it, such as allthrive/battles."),
            "type": {"const": format!("{TYPE_PREFIX}{name}{TYPE_SUFFIX}")},
            "time": moment("When it happened."),
            "expirytime": moment("When the text stops being useful."),
            "datacontenttype": {"type": "string", "pattern": "^application/json"},
            "subject": {"type": "string"},
            "dataschema": {"type": "string"},
            "traceparent": {"type": "string"},
            "tracestate": {"type": "string"},
            "data": data,
        },
    })
}
