//! The consent ledger: append-only, one chain of hashes per person, so that a changed or missing entry shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{event::UserId, moment, phone::PhoneNumber};

/// How a consent was given or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The prompt in the main app.
    OptInModal,
    /// The settings page.
    SettingsPage,
    /// Proving a number.
    PhoneVerification,
    /// A word texted to us.
    SmsKeyword,
    /// A backend, acting for the person.
    Api,
    /// The carrier or AWS told us that the phone has blocked us.
    Carrier,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Yes.
    Given,
    /// No, from now on.
    Revoked,
}

/// One entry: who said what, when, how, and on seeing which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Whose ledger: the partition key.
    pub user_id: UserId,
    /// Its place, from 1: the sort key.
    pub seq: u64,
    /// Hash of the entry before: 64 hex digits, zeros for the first.
    pub previous: String,
    /// SHA-256 of all the other fields as JSON, in this order: 64 hex digits.
    #[serde(default)]
    pub hash: String,
    /// What they said.
    #[serde(flatten)]
    pub statement: Statement,
}

/// What a ledger entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// Yes or no.
    pub action: Action,
    /// How.
    pub method: Method,
    /// The number it is about.
    pub phone: PhoneNumber,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The version of the words they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure_version: Option<String>,
    /// The words they saw, or the word they texted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
}

/// Where a person's ledger ends; in their row, so that an entry and what it changes are written together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// `seq` of the last entry.
    pub seq: u64,
    /// `hash` of the last entry.
    pub hash: String,
}

/// The first entry that does not fit its chain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the consent ledger is broken at entry {seq}")]
pub struct Broken {
    /// Its place.
    pub seq: u64,
}

impl LedgerEntry {
    /// The entry that follows `head`.
    #[must_use]
    pub fn after(head: Option<&LedgerHead>, user_id: UserId, statement: Statement) -> Self {
        let (seq, previous) = head.map_or_else(|| (1, "0".repeat(64)), |head| (head.seq + 1, head.hash.clone()));
        let entry = Self { user_id, seq, previous, hash: String::new(), statement };
        Self { hash: entry.fingerprint(), ..entry }
    }

    /// The head of a ledger that ends in this entry.
    #[must_use]
    pub fn head(&self) -> LedgerHead {
        LedgerHead { seq: self.seq, hash: self.hash.clone() }
    }

    fn fingerprint(&self) -> String {
        let hashed = Self { hash: String::new(), ..self.clone() };
        // Struct fields are written in their order, so the same entry is always the same JSON.
        let json = serde_json::to_vec(&hashed).unwrap_or_default();
        Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Checks that `entries`, oldest first, are one whole chain that ends in `head`.
pub fn verify(entries: &[LedgerEntry], head: Option<&LedgerHead>) -> Result<(), Broken> {
    let mut previous: Option<LedgerHead> = None;
    for entry in entries {
        let expected = LedgerEntry::after(previous.as_ref(), entry.user_id.clone(), entry.statement.clone());
        if *entry != expected {
            return Err(Broken { seq: expected.seq });
        }
        previous = Some(entry.head());
    }
    if previous.as_ref() == head { Ok(()) } else { Err(Broken { seq: head.map_or(1, |head| head.seq) }) }
}

#[cfg(test)]
mod tests {
    use super::{Action, Broken, LedgerEntry, Method, Statement, verify};
    use crate::event::UserId;

    fn statement(action: Action, second: i64) -> Statement {
        Statement {
            at: jiff::Timestamp::from_second(second).expect("instant"),
            action,
            method: Method::SmsKeyword,
            phone: "+12025550101".parse().expect("phone"),
            ip: None,
            user_agent: None,
            disclosure_version: None,
            wording: Some("START".into()),
        }
    }

    fn chain() -> Vec<LedgerEntry> {
        let ada = UserId::try_from("ada".to_owned()).expect("user");
        let first = LedgerEntry::after(None, ada.clone(), statement(Action::Given, 1));
        let second = LedgerEntry::after(Some(&first.head()), ada.clone(), statement(Action::Revoked, 2));
        let third = LedgerEntry::after(Some(&second.head()), ada, statement(Action::Given, 3));
        vec![first, second, third]
    }

    #[test]
    fn a_whole_chain_holds() {
        let chain = chain();
        assert_eq!(verify(&chain, Some(&chain[2].head())), Ok(()));
        assert_eq!(verify(&[], None), Ok(()));
    }

    #[test]
    fn a_changed_missing_or_added_entry_shows() {
        let whole = chain();
        let head = whole[2].head();
        let mut changed = whole.clone();
        changed[1].statement.action = Action::Given;
        assert_eq!(verify(&changed, Some(&head)), Err(Broken { seq: 2 }));
        assert_eq!(verify(&whole[1..], Some(&head)), Err(Broken { seq: 1 }));
        assert_eq!(verify(&[whole[0].clone(), whole[2].clone()], Some(&head)), Err(Broken { seq: 2 }));
        assert_eq!(verify(&whole[..2], Some(&head)), Err(Broken { seq: 3 }));
        assert_eq!(verify(&[], Some(&head)), Err(Broken { seq: 3 }));
    }
}
