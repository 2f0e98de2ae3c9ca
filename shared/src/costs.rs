//! What texts have cost: a day's figures by kind, written by the transaction that settles each text.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{
    budget::{Bill, Spent},
    kind::Kind,
    message::Message,
    money::MicroUsd,
};

/// The row of a day, by UTC, in the limits table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DayCosts {
    /// Its key.
    pub limit_id: String,
    /// By the names that [`figures`] gives them.
    #[serde(flatten)]
    figures: BTreeMap<String, i64>,
}

/// What texts come to. Only what reached AWS and is over counts: the rest is still reserved, or has cost nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Texts.
    pub sent: i64,
    /// Their message parts.
    pub parts: i64,
    /// What they were expected to cost.
    pub estimated: MicroUsd,
    /// What they have cost, with the carriers' fees.
    pub settled: MicroUsd,
}

/// A month's figures.
#[derive(Debug, Clone)]
pub struct MonthCosts {
    /// What is spent and reserved.
    pub spent: Spent,
    /// The days on which something was sent, oldest first, such as `2026-11-23`.
    pub days: BTreeMap<String, BTreeMap<&'static str, Figures>>,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.parts += other.parts;
        self.estimated.0 += other.estimated.0;
        self.settled.0 += other.settled.0;
    }
}

/// What `row` adds to its day, once `bill` is paid; nothing if it never reached AWS.
#[must_use]
pub fn figures(row: &Message, bill: Bill) -> Option<Figures> {
    let parts = i64::from(row.parts.unwrap_or(1));
    (!bill.uncounted).then(|| Figures { sent: 1, parts, estimated: row.estimated_price.unwrap_or_default(), settled: bill.price })
}

/// The key of the day that a text of `row` belongs to: that of its release, or else of its admission, so that it is in the month whose money it takes.
#[must_use]
pub fn key_of(row: &Message) -> String {
    let day = row.release_at.unwrap_or(row.created_at).to_zoned(TimeZone::UTC).date();
    key(&day.to_string())
}

/// The keys of the days of `month`, such as `2026-11`.
#[must_use]
pub fn keys(month: &str) -> Vec<String> {
    (1..=31).map(|day| key(&format!("{month}-{day:02}"))).collect()
}

/// The attributes that `figures` of `kind` are added to, and what is added.
#[must_use]
pub fn attributes(kind: Kind, figures: Figures) -> [(String, i64); 4] {
    let name = |figure: &str| format!("{}_{figure}", kind.as_str());
    [(name("sent"), figures.sent), (name("parts"), figures.parts), (name("estimated"), figures.estimated.0), (name("settled"), figures.settled.0)]
}

impl DayCosts {
    /// Which day.
    #[must_use]
    pub fn day(&self) -> &str {
        self.limit_id.rsplit('/').next().unwrap_or_default()
    }

    /// Its figures by kind, without the kinds that have none.
    #[must_use]
    pub fn by_kind(&self) -> BTreeMap<&'static str, Figures> {
        let figures = |kind: Kind| {
            let [sent, parts, estimated, settled] =
                attributes(kind, Figures::default()).map(|(name, _)| self.figures.get(&name).copied().unwrap_or_default());
            Figures { sent, parts, estimated: MicroUsd(estimated), settled: MicroUsd(settled) }
        };
        Kind::ALL.into_iter().map(|kind| (kind.as_str(), figures(kind))).filter(|(_, figures)| *figures != Figures::default()).collect()
    }
}

fn key(day: &str) -> String {
    format!("costs/{day}")
}
