//! Yes and no: what becomes of a person's row, what is written in their ledger; and `GET …/consent`.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sms::{
    consent::{Action, LedgerEntry, Method, Statement, verify_from},
    erasure::tenures,
    event::UserId,
    moment,
    phone::PhoneNumber,
    recipient::{Consent, Recipient},
};

use crate::{
    api::Api,
    auth::{Origin, Person},
    disclosures::{self, Disclosure},
    problem::Problem,
    routes::numbers::NumberStory,
};

/// A person's word, and how it came.
#[derive(Debug)]
pub struct Word {
    pub method: Method,
    pub origin: Origin,
    pub disclosure: Option<Disclosure>,
    pub at: Timestamp,
}

/// Somebody's whole ledger.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// Every yes and no, oldest first. Of who was erased and came back, what was said since: the chain then follows the sealed one.
    entries: Vec<Entry>,
    /// Whether the chain of hashes is whole.
    verified: bool,
    /// The first entry that does not fit the chain.
    broken_at: Option<u64>,
    /// The numbers that were theirs, with every opt-out, opt-in and reply.
    numbers: Vec<NumberStory>,
}

/// A yes or a no.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Entry {
    seq: u64,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    at: Timestamp,
    /// `given`, `revoked` or `erased`.
    action: String,
    /// How: `opt_in_modal`, `settings_page`, `phone_verification`, `sms_keyword`, `api` or `carrier`.
    method: String,
    phone_number: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    disclosure_version: Option<String>,
    /// The words they saw, or the word they texted.
    wording: Option<String>,
    /// Whether those are the words of that version, as the house keeps them; `null` where no version was shown.
    wording_is_of_version: Option<bool>,
    hash: String,
    previous: String,
}

/// Makes `recipient` say yes for the number they have, and answers with what goes in the ledger; `None` if they have no number, or if the yes stands already.
pub fn give(recipient: &mut Recipient, word: Word) -> Option<Statement> {
    let phone = recipient.phone.clone()?;
    if recipient.sms_enabled && recipient.standing_consent().is_some() {
        return None;
    }
    recipient.sms_enabled = true;
    // Who agreed in a language is texted in it, unless they chose another.
    if recipient.locale.is_none() {
        recipient.locale = word.disclosure.map(|disclosure| disclosure.language().to_owned());
    }
    recipient.consent = Some(Consent {
        given_at: word.at,
        method: word.method,
        ip: word.origin.ip.map(|ip| ip.to_string()),
        disclosure_version: word.disclosure.map(|disclosure| disclosure.version.to_owned()),
        phone: phone.clone(),
        revoked_at: None,
    });
    Some(word.statement(Action::Given, Some(phone)))
}

/// Makes `recipient` say no, and answers with what goes in the ledger; `None` if there was no yes.
pub fn revoke(recipient: &mut Recipient, word: Word) -> Option<Statement> {
    recipient.sms_enabled = false;
    let consent = recipient.consent.as_mut().filter(|consent| consent.revoked_at.is_none())?;
    consent.revoked_at = Some(word.at);
    let phone = consent.phone.clone();
    Some(word.statement(Action::Revoked, Some(phone)))
}

impl Word {
    pub fn statement(self, action: Action, phone: Option<PhoneNumber>) -> Statement {
        Statement {
            at: self.at,
            action,
            method: self.method,
            phone,
            ip: self.origin.ip.map(|ip| ip.to_string()),
            user_agent: self.origin.user_agent,
            disclosure_version: self.disclosure.map(|disclosure| disclosure.version.to_owned()),
            wording: self.disclosure.map(|disclosure| disclosure.wording.to_owned()),
        }
    }
}

pub async fn read(State(api): State<Arc<Api>>, person: Person) -> Result<Json<Story>, Problem> {
    Ok(Json(api.story(&person.user_id).await?))
}

impl Api {
    /// The whole story of `user`.
    pub async fn story(&self, user: &UserId) -> Result<Story, Problem> {
        let (recipient, entries, broken) = self.checked_ledger(user).await?;
        let numbers = self.number_stories(&tenures(&recipient, &entries)).await?;
        Ok(Story { verified: broken.is_none(), broken_at: broken, entries: entries.into_iter().map(Entry::from).collect(), numbers })
    }

    /// The ledger of `user` since they last were erased, oldest first, with the row that it goes with, and the first entry that does not fit the chain.
    pub async fn checked_ledger(&self, user: &UserId) -> Result<(Recipient, Vec<LedgerEntry>, Option<u64>), Problem> {
        // The row first: an entry that is written in between is one too many for its head, so that is read again.
        for last_try in [false, true] {
            let recipient = self.person(user).await?;
            let entries = self.ledger.since(user, recipient.seal()).await?;
            let broken = verify_from(&entries, recipient.seal(), recipient.ledger.as_ref()).err().map(|broken| broken.seq);
            if broken.is_none() || last_try {
                return Ok((recipient, entries, broken));
            }
        }
        Err(anyhow::anyhow!("the last try has an answer").into())
    }
}

impl From<LedgerEntry> for Entry {
    fn from(entry: LedgerEntry) -> Self {
        let statement = entry.statement;
        let shown = statement.disclosure_version.as_deref().map(|version| disclosures::find(version).map(|disclosure| disclosure.wording));
        Self {
            wording_is_of_version: shown.map(|wording| wording.is_some() && wording == statement.wording.as_deref()),
            seq: entry.seq,
            at: statement.at,
            action: name(statement.action),
            method: name(statement.method),
            phone_number: statement.phone.map(|phone| phone.as_e164().to_owned()),
            ip: statement.ip,
            user_agent: statement.user_agent,
            disclosure_version: statement.disclosure_version,
            wording: statement.wording,
            hash: entry.hash,
            previous: entry.previous,
        }
    }
}

/// The name that something has in rows.
pub fn name(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
