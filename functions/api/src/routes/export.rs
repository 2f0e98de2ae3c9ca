//! `GET /v1/users/{userId}/export`: all that is held on a person, as the rows have it, so that nothing that will ever be kept can be missing.
//!
//! One document a page, since API Gateway carries 6 MB at most: the first has everything but what goes on without end, texts and replies, which fill the pages after it too.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sms::{
    erasure::{Tenure, tenures},
    event::UserId,
    kind,
    message::Message,
    moment,
    stores::{Cursor, Place, id_of_number, ids_of},
};

use crate::routes::consent::Story;
use crate::{api::Api, auth::Person, body::Query, problem::Problem};

/// Rows of a kind on a page: at their longest far less than 6 MB.
const ROWS: i32 = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportQuery {
    /// `nextCursor` of the page before.
    #[serde(default)]
    #[schemars(with = "String", extend("pattern" = "^[A-Za-z0-9_-]+$"))]
    cursor: Option<String>,
}

/// A row as it is kept, its names in camelCase.
type Row = Map<String, Value>;

/// A page of all that is held on somebody. Put the lists of all pages together.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    user_id: String,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    exported_at: Timestamp,
    /// Number, preferences and consent; `null` where there are none, and on every page but the first.
    recipient: Option<Row>,
    /// Every yes and no, checked. On the first page only.
    consent: Option<Story>,
    /// What their numbers opted out of. On the first page only.
    opt_outs: Vec<Row>,
    /// How often codes were asked for lately. On the first page only.
    limits: Vec<Row>,
    /// Texts with their gates, newest first.
    messages: Vec<Row>,
    /// The proofs of numbers that the texts of this page were for, without what the codes are made from.
    verifications: Vec<Row>,
    /// What their numbers texted us, while they were theirs.
    replies: Vec<Row>,
    /// For the next page; `null` on the last one.
    next_cursor: Option<String>,
}

/// Where a page begins.
enum Start {
    Messages(Option<Cursor>),
    /// Behind a reply of the number at this place among theirs.
    Replies(usize, Option<Place>),
}

pub async fn read(State(api): State<Arc<Api>>, person: Person, Query(query): Query<ExportQuery>) -> Result<Json<Export>, Problem> {
    let first = query.cursor.is_none();
    let start = match query.cursor.as_deref() {
        None => Start::Messages(None),
        Some(cursor) => Start::decode(cursor).ok_or_else(|| Problem::invalid("cursor", "not a cursor"))?,
    };
    let mut export = Export {
        user_id: person.user_id.as_str().to_owned(),
        exported_at: api.now(),
        recipient: None,
        consent: None,
        opt_outs: Vec::new(),
        limits: Vec::new(),
        messages: Vec::new(),
        verifications: Vec::new(),
        replies: Vec::new(),
        next_cursor: None,
    };
    let recipient = api.person(&person.user_id).await?;
    let numbers = tenures(&recipient, &api.ledger.since(&person.user_id, recipient.seal()).await?);
    if first {
        export.recipient = api.recipients.get(&person.user_id).await?.map(row).transpose()?;
        export.consent = Some(api.story(&person.user_id).await?);
        api.export_numbers(&person.user_id, &numbers, &mut export).await?;
    }
    let rest = match start {
        Start::Messages(after) => api.export_messages(&person.user_id, after, &mut export).await?,
        replies @ Start::Replies(..) => replies,
    };
    export.next_cursor = match rest {
        Start::Replies(place, after) => api.export_replies(&numbers, place, after, &mut export).await?.map(|next| next.encode()),
        messages @ Start::Messages(_) => Some(messages.encode()),
    };
    Ok(Json(export))
}

impl Api {
    /// What is kept by number.
    async fn export_numbers(&self, user: &UserId, numbers: &[Tenure], export: &mut Export) -> anyhow::Result<()> {
        for number in numbers {
            let opt_out = self.opt_outs.get(&number.phone).await?.filter(|opt_out| number.covers(opt_out.updated_at));
            export.opt_outs.extend(opt_out.map(row).transpose()?);
        }
        let ids = ids_of(user, numbers.iter().map(|number| number.phone.clone())).into_iter();
        let current = numbers.iter().filter(|number| number.until.is_none());
        let ids = ids.chain(current.map(|number| id_of_number(&number.phone))).collect::<Vec<_>>();
        for some in ids.chunks(100) {
            let counted = self.codes.limits.read(some).await?.into_iter().filter(|tally| tally.revision > 0);
            export.limits.extend(counted.map(row).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(())
    }

    async fn export_messages(&self, user: &UserId, after: Option<Cursor>, export: &mut Export) -> anyhow::Result<Start> {
        let page = self.messages.of(user, after.as_ref(), ROWS).await?;
        let codes = page.messages.iter().filter(|message| message.kind() == kind::Kind::PhoneVerification);
        let codes = codes.map(|message| message.message_id).collect::<Vec<_>>();
        for verification in self.verifications.batch(&codes).await? {
            let mut verification = row(verification)?;
            verification.remove("nonce");
            export.verifications.push(verification);
        }
        export.messages = page.messages.iter().map(row::<&Message>).collect::<Result<_, _>>()?;
        Ok(page.next.map_or(Start::Replies(0, None), |next| Start::Messages(Some(next))))
    }

    /// Replies from one place on, of number after number, until the page is full.
    async fn export_replies(
        &self,
        numbers: &[Tenure],
        mut place: usize,
        mut after: Option<Place>,
        export: &mut Export,
    ) -> anyhow::Result<Option<Start>> {
        while let Some(number) = numbers.get(place) {
            let (replies, next) = self.replies.of(&number.phone, after.as_ref(), ROWS).await?;
            let theirs = replies.into_iter().filter(|reply| number.covers(reply.received_at));
            export.replies.extend(theirs.map(row).collect::<Result<Vec<_>, _>>()?);
            place += usize::from(next.is_none());
            after = next;
            if export.replies.len() >= ROWS as usize && place < numbers.len() {
                return Ok(Some(Start::Replies(place, after)));
            }
        }
        Ok(None)
    }
}

impl Start {
    fn encode(&self) -> String {
        let text = match self {
            Self::Messages(after) => after.as_ref().map_or("m".to_owned(), |cursor| format!("m/{}/{}", cursor.created_at, cursor.message_id)),
            Self::Replies(place, after) => {
                let after = after.as_ref().map(|after| format!("/{}/{}", after.received_at, after.inbound_message_id));
                format!("r/{place}{}", after.unwrap_or_default())
            }
        };
        URL_SAFE_NO_PAD.encode(text)
    }

    /// A forged cursor leads to no other person: neither the user nor a number is in it.
    fn decode(cursor: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let is_instant = |text: &str| text.parse::<Timestamp>().is_ok();
        match text.splitn(4, '/').collect::<Vec<_>>()[..] {
            ["m", created_at, id] if is_instant(created_at) => {
                Some(Self::Messages(Some(Cursor { created_at: created_at.to_owned(), message_id: id.parse().ok()? })))
            }
            ["r", place] => Some(Self::Replies(place.parse().ok()?, None)),
            ["r", place, received_at, id] if is_instant(received_at) && !id.is_empty() => {
                let after = Place { received_at: received_at.to_owned(), inbound_message_id: id.to_owned() };
                Some(Self::Replies(place.parse().ok()?, Some(after)))
            }
            _ => None,
        }
    }
}

/// What a row says, its names in camelCase.
fn row<T: Serialize>(row: T) -> anyhow::Result<Row> {
    match camel_case(serde_json::to_value(row)?) {
        Value::Object(row) => Ok(row),
        _ => anyhow::bail!("a row that is no object"),
    }
}

fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.into_iter().map(|(name, value)| (camel(&name), camel_case(value))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(camel_case).collect()),
        plain => plain,
    }
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    first + &words.map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>()
}
