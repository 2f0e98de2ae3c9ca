//! What texts cost, by day and kind: counted in the very transactions that reserve and settle, so that nobody ever has to add up the messages table.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::Deserialize;

use crate::{
    budget::{self, Bill, Budget, Spent},
    kind::{Class, Kind},
    message::{Message, Status},
    money::MicroUsd,
};

/// What is counted of some texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Line {
    /// Texts that all gates let through, but for those that reached nobody after all.
    pub admitted: i64,
    /// What those should cost, in micro-USD.
    pub estimated: i64,
    /// Of those, the texts that went out, as soon as AWS has said what became of them.
    pub sent: i64,
    /// Message parts of what was sent.
    pub parts: i64,
    /// What the sent ones have cost, in micro-USD.
    pub settled: i64,
}

/// Figures by kind.
pub type Lines = BTreeMap<Kind, Line>;

/// The row of a day in the limits table: `sent/battle_invitation` texts of that kind went out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Day {
    /// Its key, see [`key`].
    pub limit_id: String,
    /// The figures; and `expires_at`, when DynamoDB may forget the row.
    #[serde(flatten)]
    pub figures: BTreeMap<String, i64>,
}

/// A month's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costs {
    /// Its money.
    pub spent: Spent,
    /// Every day of it by UTC, such as `2026-11-23`, with what there is to say of it.
    pub days: BTreeMap<String, Lines>,
}

impl Line {
    const FIGURES: [&str; 5] = ["admitted", "estimated", "sent", "parts", "settled"];

    fn figures(self) -> [i64; 5] {
        [self.admitted, self.estimated, self.sent, self.parts, self.settled]
    }

    fn of(figure: impl Fn(&str) -> i64) -> Self {
        let [admitted, estimated, sent, parts, settled] = Self::FIGURES.map(figure);
        Self { admitted, estimated, sent, parts, settled }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            admitted: self.admitted + other.admitted,
            estimated: self.estimated + other.estimated,
            sent: self.sent + other.sent,
            parts: self.parts + other.parts,
            settled: self.settled + other.settled,
        }
    }
}

impl Day {
    /// What it says of every kind that it has anything of.
    #[must_use]
    pub fn lines(&self) -> Lines {
        let line = |kind: Kind| Line::of(|figure| self.figures.get(&attribute(figure, kind)).copied().unwrap_or_default());
        Kind::ALL.into_iter().map(|kind| (kind, line(kind))).filter(|(_, line)| *line != Line::default()).collect()
    }
}

/// The key of a day, such as `2026-11-23`.
#[must_use]
pub fn key(day: &str) -> String {
    format!("costs/{day}")
}

/// The days of a month such as `2026-11`; none if it is no month.
#[must_use]
pub fn days(month: &str) -> Vec<String> {
    let Ok(first) = format!("{month}-01").parse::<Date>() else { return Vec::new() };
    (0..first.days_in_month()).filter_map(|later| first.checked_add(i32::from(later).days()).ok()).map(|day| day.to_string()).collect()
}

/// The attributes that count `lines`, with what is to be added to each.
#[must_use]
pub fn attributes(lines: &Lines) -> Vec<(String, i64)> {
    let of_kind = |(kind, line): (&Kind, &Line)| {
        let kind = *kind;
        Line::FIGURES.into_iter().zip(line.figures()).map(move |(figure, value)| (attribute(figure, kind), value))
    };
    lines.iter().flat_map(of_kind).filter(|(_, value)| *value != 0).collect()
}

fn attribute(figure: &str, kind: Kind) -> String {
    format!("{figure}/{}", kind.as_str())
}

/// What rows that are being written add, by day.
#[must_use]
pub fn of_admission(rows: &[Message]) -> BTreeMap<String, Lines> {
    let mut days = BTreeMap::<String, Lines>::new();
    for (row, reserved) in rows.iter().filter_map(|row| Some((row, row.reserved.as_ref()?))) {
        let line = days.entry(day(row, &reserved.month)).or_default().entry(row.kind()).or_default();
        *line = line.and(Line { admitted: 1, estimated: reserved.amount.0, ..Line::default() });
    }
    days
}

/// What a row adds that is being settled at `now`, and to which day. What reached nobody was not admitted after all; what met no gate is admitted only now.
#[must_use]
pub fn of_settling(row: &Message, bill: &Bill, now: Timestamp) -> (String, Lines) {
    let (day, counted) = match &row.reserved {
        Some(reserved) => (day(row, &reserved.month), Line { admitted: 1, estimated: reserved.amount.0, ..Line::default() }),
        None => (date(now), Line::default()),
    };
    let line = if matches!(row.status, Status::Delivered | Status::Undelivered) {
        let sent = Line { sent: 1, parts: row.parts.unwrap_or_default().into(), settled: bill.price.0, ..Line::default() };
        let late = Line { admitted: 1, estimated: row.estimated_price.unwrap_or(bill.price).0, ..sent };
        if row.reserved.is_some() { sent } else { late }
    } else {
        Line { admitted: -counted.admitted, estimated: -counted.estimated, ..Line::default() }
    };
    (day, Lines::from([(row.kind(), line)]))
}

/// The day that a text counts in: the one on which it was asked for or, if it is held into another month and paid from that one's money, the first of that month. It follows
/// from what never changes in a row, so that settling finds the day again.
fn day(row: &Message, month: &str) -> String {
    if budget::month(row.created_at) == month { date(row.created_at) } else { format!("{month}-01") }
}

fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).date().to_string()
}

/// What texts of `class` may still reserve.
#[must_use]
pub fn remaining(budget: &Budget, class: Class, spent: &Spent) -> MicroUsd {
    let of_all = budget.ceiling(class).0 - spent.committed.0;
    let of_class = budget.of(class).map_or(i64::MAX, |most| most.0 - spent.by(class).0);
    MicroUsd(of_all.min(of_class))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::{Day, Line, attributes, days, of_admission, of_settling, remaining};
    use crate::{
        budget::{Budget, Reserved, Spent, bill},
        content::{Content, StreakAlert},
        kind::{Class, Kind},
        message::{Message, Status},
        money::MicroUsd,
    };

    fn row(created_at: &str, month: &str) -> Message {
        let at = created_at.parse::<Timestamp>().expect("instant");
        let streak = Content::StreakAlert(StreakAlert { streak_count: 7, action_link: String::new() });
        let reserved = Some(Reserved { amount: MicroUsd(100), month: month.into(), day: None });
        Message { reserved, parts: Some(2), price: Some(MicroUsd(60)), ..Message::new(Uuid::nil(), streak, at, at) }
    }

    #[test]
    fn a_month_has_its_days_and_what_is_no_month_has_none() {
        for (month, last) in [("2026-11", "2026-11-30"), ("2027-02", "2027-02-28"), ("2028-02", "2028-02-29"), ("2026-12", "2026-12-31")] {
            let days = days(month);
            assert_eq!((days[0].as_str(), days.last().map(String::as_str)), (format!("{month}-01").as_str(), Some(last)));
            assert_eq!(days.len().to_string(), last[8..]);
        }
        assert!(days("2026-13").is_empty() && days("").is_empty());
    }

    #[test]
    fn what_is_admitted_and_then_refused_leaves_nothing_on_the_day_it_was_counted_in() {
        for (created, month, day) in [
            ("2026-11-23T23:59:59.999Z", "2026-11", "2026-11-23"),
            ("2026-11-24T00:00:00Z", "2026-11", "2026-11-24"),
            ("2026-11-30T23:30:00Z", "2026-12", "2026-12-01"),
        ] {
            let row = row(created, month);
            let admitted = of_admission(std::slice::from_ref(&row));
            assert_eq!(admitted[day][&Kind::StreakAlert], Line { admitted: 1, estimated: 100, ..Line::default() });
            let failed = row.decided(Status::Failed);
            let (on, back) = of_settling(&failed, &bill(&failed).expect("a bill"), "2027-01-01T00:00:00Z".parse().expect("instant"));
            assert_eq!((on.as_str(), admitted[day][&Kind::StreakAlert].and(back[&Kind::StreakAlert])), (day, Line::default()));
        }
    }

    #[test]
    fn what_is_delivered_costs_what_its_receipt_says() {
        let delivered = row("2026-11-23T10:00:00Z", "2026-11").decided(Status::Delivered);
        let (_, lines) = of_settling(&delivered, &bill(&delivered).expect("a bill"), delivered.created_at);
        assert_eq!(lines[&Kind::StreakAlert], Line { sent: 1, parts: 2, settled: 60, ..Line::default() });
    }

    #[test]
    fn an_answer_that_met_no_gate_counts_on_the_day_of_its_receipt() {
        let answer = Message { reserved: None, estimated_price: Some(MicroUsd(70)), ..row("2026-11-23T23:59:00Z", "") }.decided(Status::Delivered);
        let (day, lines) = of_settling(&answer, &bill(&answer).expect("a bill"), "2026-11-24T00:01:00Z".parse().expect("instant"));
        assert_eq!((day.as_str(), lines[&Kind::StreakAlert]), ("2026-11-24", Line { admitted: 1, estimated: 70, sent: 1, parts: 2, settled: 60 }));
    }

    #[test]
    fn a_row_gives_back_what_was_added_to_it() {
        let lines = [
            (Kind::Digest, Line { admitted: 1, estimated: 2, sent: 3, parts: 4, settled: 5 }),
            (Kind::HelpReply, Line { sent: -1, ..Line::default() }),
        ];
        let lines = lines.into_iter().collect();
        let figures = attributes(&lines).into_iter().chain([("expires_at".to_owned(), 7)]).collect();
        assert_eq!(Day { limit_id: String::new(), figures }.lines(), lines);
    }

    #[test]
    fn what_remains_is_what_the_gate_would_let_through() {
        let now = "2026-11-23T10:00:00Z".parse().expect("instant");
        let spent = Spent::new("budget/2026-11".into()).and(Class::Promotional, MicroUsd(300)).and(Class::Transactional, MicroUsd(100));
        for promotional in [None, Some(MicroUsd(350)), Some(MicroUsd(900))] {
            let budget = Budget { monthly: MicroUsd(1000), promotional, transactional: None, kept_percent: 20 };
            for class in [Class::Promotional, Class::Transactional] {
                let left = remaining(&budget, class, &spent);
                assert_eq!(budget.refuse(class, left, &spent, now), None);
                assert!(budget.refuse(class, MicroUsd(left.0 + 1), &spent, now).is_some());
            }
        }
    }
}
