//! Leaving: what is left of a person who was erased, and which numbers were theirs.
//!
//! The row of an erased person is a mark: it has nothing of them but their id and where their sealed ledger ends, makes every later event end at the `recipient` gate,
//! and goes when the ledger goes. They come back by verifying a number: their new ledger then follows the sealed one, so that the two are one chain.

use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    consent::{LedgerEntry, LedgerHead},
    moment,
    phone::PhoneNumber,
    recipient::Recipient,
};

/// That somebody was erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
    /// Until when the ledger as it was then is kept, sealed.
    #[serde(with = "moment")]
    pub kept_until: Timestamp,
    /// The last entry that is sealed.
    pub ledger: LedgerHead,
    /// When all was done.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// The numbers whose traces are to be removed; forgotten when all is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Tenure>,
}

/// A number, and while it was somebody's, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    /// The number.
    pub phone: PhoneNumber,
    /// The first sign that it was theirs.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// The last sign; none for the number that they have.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How much longer than the sealed ledger the mark stays: DynamoDB takes its time to forget, and nothing of the ledger may outlive what says that it is sealed.
const MARK_OUTLIVES: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The end of a time of `years` that begins at `at`.
#[must_use]
pub fn years_after(at: Timestamp, years: u8) -> Timestamp {
    at.to_zoned(TimeZone::UTC).checked_add(Span::new().years(years)).map_or(Timestamp::MAX, |end| end.timestamp())
}

/// The numbers that were theirs, by `recipient`'s row and the ledger's `entries`; in the order of the numbers.
///
/// Numbers change hands: of one that they have no more, only what came between the first and the last word of theirs about it is surely theirs.
#[must_use]
pub fn tenures(recipient: &Recipient, entries: &[LedgerEntry]) -> Vec<Tenure> {
    let mut tenures = std::collections::BTreeMap::<PhoneNumber, Tenure>::new();
    for entry in entries {
        let Some(phone) = &entry.statement.phone else { continue };
        let at = entry.statement.at;
        let tenure = tenures.entry(phone.clone()).or_insert_with(|| Tenure { phone: phone.clone(), from: at, until: Some(at) });
        tenure.from = tenure.from.min(at);
        tenure.until = tenure.until.max(Some(at));
    }
    if let (Some(phone), Some(proven_at)) = (recipient.verified_phone(), recipient.phone_verified_at) {
        let tenure = tenures.entry(phone.clone()).or_insert_with(|| Tenure { phone: phone.clone(), from: proven_at, until: None });
        tenure.from = tenure.from.min(proven_at);
        tenure.until = None;
    }
    tenures.into_values().collect()
}

impl Tenure {
    /// Whether the number was theirs at `moment`.
    #[must_use]
    pub fn covers(&self, moment: Timestamp) -> bool {
        self.from <= moment && self.until.is_none_or(|until| moment <= until)
    }
}

impl Recipient {
    /// Where the sealed part of their ledger ends.
    #[must_use]
    pub fn seal(&self) -> Option<&LedgerHead> {
        self.erasures.last().map(|erasure| &erasure.ledger)
    }

    /// Whether something that began at `moment` belongs to a life that was erased.
    #[must_use]
    pub fn was_erased_since(&self, moment: Timestamp) -> bool {
        self.erasures.last().is_some_and(|erasure| moment <= erasure.at)
    }

    /// The mark that is left of them after `erasure`.
    #[must_use]
    pub fn mark(&self, erasure: Erasure) -> Self {
        let expires_at = Some(erasure.kept_until.saturating_add(MARK_OUTLIVES).unwrap_or(Timestamp::MAX).as_second());
        let ledger = Some(erasure.ledger.clone());
        let erasures = self.erasures.iter().cloned().chain([erasure]).collect();
        Self { erased: true, erasures, expires_at, ledger, version: self.version + 1, ..Self::new(self.user_id.clone()) }
    }

    /// Somebody who comes back with nothing; their ledger goes on behind the seal.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self { erasures: self.erasures.clone(), ledger: self.ledger.clone(), version: self.version, ..Self::new(self.user_id.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Tenure, tenures, years_after};
    use crate::{
        consent::{Action, LedgerEntry, Method, Statement},
        event::UserId,
        recipient::Recipient,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("instant")
    }

    fn entry(number: &str, second: i64) -> LedgerEntry {
        let statement = Statement {
            at: at(second),
            action: Action::Given,
            method: Method::SettingsPage,
            phone: number.parse().ok(),
            ip: None,
            user_agent: None,
            disclosure_version: None,
            wording: None,
        };
        LedgerEntry::after(None, UserId::try_from("ada".to_owned()).expect("user"), statement)
    }

    #[test]
    fn a_number_is_somebodys_from_the_first_word_about_it_to_the_last() {
        let ada = Recipient::new(UserId::try_from("ada".to_owned()).expect("user"));
        let has = Recipient { phone: "+12025550102".parse().ok(), phone_verified_at: Some(at(30)), ..ada.clone() };
        let entries = [entry("+12025550101", 10), entry("+12025550101", 20), entry("+12025550102", 40), entry("+12025550102", 50)];
        let tenure = |number: &str, from, until: Option<i64>| Tenure { phone: number.parse().expect("phone"), from: at(from), until: until.map(at) };
        assert_eq!(tenures(&has, &entries), [tenure("+12025550101", 10, Some(20)), tenure("+12025550102", 30, None)]);
        let unproven = Recipient { phone_verified_at: None, ..has };
        assert_eq!(tenures(&unproven, &[]), [], "a number that nobody proved is nobody's");
        let former = &tenures(&unproven, &entries)[0];
        assert_eq!([9, 10, 20, 21].map(|second| former.covers(at(second))), [false, true, true, false]);
    }

    #[test]
    fn years_are_those_of_the_calendar() {
        let leap: Timestamp = "2028-02-29T10:00:00Z".parse().expect("instant");
        assert_eq!(years_after(leap, 4).to_string(), "2032-02-29T10:00:00Z");
        assert_eq!(years_after(leap, 1).to_string(), "2029-02-28T10:00:00Z");
    }
}
