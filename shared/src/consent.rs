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
    /// Everything about the person was erased, and the ledger up to here sealed.
    Erased,
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
    /// The number it is about; none where it is about no number, as an erasure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
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
    verify_from(entries, None, head)
}

/// Checks that `entries`, oldest first, are one whole chain that follows `start` and ends in `head`.
pub fn verify_from(entries: &[LedgerEntry], start: Option<&LedgerHead>, head: Option<&LedgerHead>) -> Result<(), Broken> {
    let mut previous = start.cloned();
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
    use super::{Action, Broken, LedgerEntry, Method, Statement, verify, verify_from};
    use crate::event::UserId;

    fn statement(action: Action, second: i64) -> Statement {
        Statement {
            at: jiff::Timestamp::from_second(second).expect("instant"),
            action,
            method: Method::SmsKeyword,
            phone: "+12025550101".parse().ok(),
            ip: Some("203.0.113.7".into()),
            user_agent: Some("Test/1".into()),
            disclosure_version: Some("2026-11.en".into()),
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

    #[test]
    fn a_change_of_any_field_of_any_entry_shows_there() {
        let whole = chain();
        let head = whole[2].head();
        let changes: [fn(&mut LedgerEntry); 12] = [
            |entry| entry.user_id = UserId::try_from("eve".to_owned()).expect("user"),
            |entry| entry.seq += 1,
            |entry| entry.previous = "f".repeat(64),
            |entry| entry.hash = "f".repeat(64),
            |entry| entry.statement.at += jiff::SignedDuration::from_millis(1),
            |entry| entry.statement.action = Action::Erased,
            |entry| entry.statement.method = Method::Api,
            |entry| entry.statement.phone = None,
            |entry| entry.statement.ip = Some("203.0.113.8".into()),
            |entry| entry.statement.user_agent = None,
            |entry| entry.statement.disclosure_version = Some("2026-11.es".into()),
            |entry| entry.statement.wording = Some("STOP".into()),
        ];
        for place in 0..whole.len() {
            for (n, forge) in changes.iter().enumerate() {
                let mut forged = whole.clone();
                forge(&mut forged[place]);
                assert_eq!(verify(&forged, Some(&head)), Err(Broken { seq: seq(place) }), "change {n}");
            }
        }
    }

    /// The `seq` of the entry at `place`.
    fn seq(place: usize) -> u64 {
        u64::try_from(place).expect("a place") + 1
    }

    #[test]
    fn a_changed_entry_shows_even_with_a_hash_that_fits_it() {
        let whole = chain();
        let head = whole[2].head();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place].statement.wording = Some("YES".into());
            changed[place].hash = changed[place].fingerprint();
            assert_eq!(verify(&changed, Some(&head)), Err(Broken { seq: seq(place + 1).min(3) }));
        }
    }

    #[test]
    fn swapped_and_inserted_entries_show() {
        let whole = chain();
        let head = whole[2].head();
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert_eq!(verify(&swapped, Some(&head)), Err(Broken { seq: 2 }));
        let extra = LedgerEntry::after(Some(&whole[1].head()), whole[0].user_id.clone(), statement(Action::Revoked, 9));
        let mut inserted = whole.clone();
        inserted.insert(2, extra.clone());
        assert_eq!(verify(&inserted, Some(&head)), Err(Broken { seq: 4 }));
        let mut appended = whole.clone();
        appended.push(LedgerEntry::after(Some(&head), extra.user_id, extra.statement));
        assert_eq!(verify(&appended, Some(&head)), Err(Broken { seq: 3 }), "one that the head does not know");
    }

    #[test]
    fn what_follows_a_seal_is_checked_from_there() {
        let whole = chain();
        let (seal, head) = (whole[0].head(), whole[2].head());
        assert_eq!(verify_from(&whole[1..], Some(&seal), Some(&head)), Ok(()));
        assert_eq!(verify_from(&[], Some(&seal), Some(&seal)), Ok(()), "nothing since");
        assert_eq!(verify_from(&whole[2..], Some(&seal), Some(&head)), Err(Broken { seq: 2 }));
        assert_eq!(verify_from(&whole[1..], None, Some(&head)), Err(Broken { seq: 1 }));
    }
}
