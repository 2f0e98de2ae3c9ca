//! The month's money: what is left of it for a text, and what a text has cost in the end.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    kind::Class,
    message::{Message, Status},
    moment,
    money::MicroUsd,
};

/// What may be spent within a month, by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// By everything together.
    pub monthly: MicroUsd,
    /// By promotional texts, if they have a budget of their own.
    pub promotional: Option<MicroUsd>,
    /// By transactional texts, if they have a budget of their own.
    pub transactional: Option<MicroUsd>,
    /// Per cent of `monthly` that promotional texts leave alone.
    pub kept_percent: u8,
}

/// The row of a month in the limits table. What is committed is what is spent and what is reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Its key.
    pub limit_id: String,
    /// By everything together.
    #[serde(default)]
    pub committed: MicroUsd,
    /// By promotional texts.
    #[serde(default)]
    pub promotional: MicroUsd,
    /// By transactional texts.
    #[serde(default)]
    pub transactional: MicroUsd,
    /// What of it was billed.
    #[serde(default)]
    pub settled: MicroUsd,
    /// AWS says that its own limit is reached: until then nothing is tried. Epoch milliseconds.
    #[serde(default)]
    pub closed_until: i64,
    /// What AWS lets the account spend, as it said on the last day that it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_limit: Option<MicroUsd>,
}

/// What is set aside for a text from its admission on, and where it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The estimated price, of every time that it may have gone out.
    pub amount: MicroUsd,
    /// What of it is for times that nobody heard of again before it was sent once more: they may be billed as well.
    #[serde(default, skip_serializing_if = "MicroUsd::is_nothing")]
    pub resent: MicroUsd,
    /// The month whose money it is, such as `2026-11`.
    pub month: String,
    /// The day of the user's that it is counted in, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
}

/// What a text has cost when all is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// What AWS and the carrier take for it.
    pub price: MicroUsd,
    /// Whether it reached nobody, so that it uses up no cap.
    pub uncounted: bool,
}

/// How long AWS is left alone after it said that its monthly limit is reached. It may be raised at any time.
pub const CLOSED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long a month's row is kept: as long as the messages that made it.
pub const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The month of `at` by UTC, such as `2026-11`.
#[must_use]
pub fn month(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

impl Budget {
    /// The budget in a month in which AWS may allow less.
    #[must_use]
    pub fn within(self, spent: &Spent) -> Self {
        Self { monthly: spent.aws_limit.map_or(self.monthly, |limit| limit.min(self.monthly)), ..self }
    }

    /// What everything together may come to with a text of `class` added.
    #[must_use]
    pub fn ceiling(&self, class: Class) -> MicroUsd {
        match class {
            Class::Transactional => self.monthly,
            Class::Promotional => {
                let ceiling = i128::from(self.monthly.0) * i128::from(100 - self.kept_percent.min(100)) / 100;
                MicroUsd(i64::try_from(ceiling).unwrap_or(self.monthly.0))
            }
        }
    }

    /// What the texts of `class` may come to, if they have a budget of their own.
    #[must_use]
    pub fn of(&self, class: Class) -> Option<MicroUsd> {
        match class {
            Class::Promotional => self.promotional,
            Class::Transactional => self.transactional,
        }
    }

    /// Why a text of `class` that costs `price` cannot be afforded at `now`.
    #[must_use]
    pub fn refuse(&self, class: Class, price: MicroUsd, spent: &Spent, now: Timestamp) -> Option<String> {
        let budget = self.within(spent);
        if let Some(until) = spent.closed(now) {
            return Some(format!("AWS's own monthly spend limit is reached: tried again after {}", moment::text(until)));
        }
        let over = |committed: MicroUsd, most: MicroUsd| committed.0.saturating_add(price.0) > most.0;
        if over(spent.committed, budget.ceiling(class)) {
            let kept =
                if class == Class::Promotional { format!(", {}% of it kept for transactional texts", self.kept_percent) } else { String::new() };
            return Some(format!("{} of this month's {} are spent or reserved{kept}: {price} are too much", spent.committed, budget.monthly));
        }
        let most = self.of(class).filter(|most| over(spent.by(class), *most))?;
        Some(format!("{} of this month's {most} for {} texts are spent or reserved: {price} are too much", spent.by(class), class.as_str()))
    }

    /// How much of the month's money is spent or reserved.
    #[must_use]
    pub fn used_percent(&self, spent: &Spent) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share of money, to look at")]
        let (used, all) = (spent.committed.0 as f64, self.within(spent).monthly.0.max(1) as f64);
        used / all * 100.0
    }
}

impl Spent {
    /// The key of a month.
    #[must_use]
    pub fn key(month: &str) -> String {
        format!("budget/{month}")
    }

    /// A month in which nothing was spent.
    #[must_use]
    pub fn new(limit_id: String) -> Self {
        let none = MicroUsd::default();
        Self { limit_id, committed: none, promotional: none, transactional: none, settled: none, closed_until: 0, aws_limit: None }
    }

    /// Of this class.
    #[must_use]
    pub fn by(&self, class: Class) -> MicroUsd {
        match class {
            Class::Promotional => self.promotional,
            Class::Transactional => self.transactional,
        }
    }

    /// With `amount` more reserved.
    #[must_use]
    pub fn and(&self, class: Class, amount: MicroUsd) -> Self {
        let mut after = self.clone();
        let of_class = match class {
            Class::Promotional => &mut after.promotional,
            Class::Transactional => &mut after.transactional,
        };
        of_class.0 += amount.0;
        after.committed.0 += amount.0;
        after
    }

    /// Until when AWS refuses everything, if it does at `now`.
    #[must_use]
    pub fn closed(&self, now: Timestamp) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.closed_until).ok().filter(|until| *until > now)
    }
}

/// What `row` has cost, if all is over and that was not written down yet. A row without a reservation was written past the gates, as the one confirmation of an opt-out is: it costs what it costs.
#[must_use]
pub fn bill(row: &Message) -> Option<Bill> {
    if row.settled.is_some() {
        return None;
    }
    match row.status {
        Status::Delivered | Status::Undelivered => Some(went_out(row)),
        Status::Failed | Status::Suppressed | Status::Expired | Status::Merged => {
            let price = row.reserved.as_ref()?.resent;
            Some(Bill { price, uncounted: price.is_nothing() })
        }
        Status::Pending | Status::Sending | Status::Sent | Status::Unknown | Status::Held => None,
    }
}

/// What `row` has cost as far as anybody will ever know, if that was not written down yet: no receipt is waited for any more.
#[must_use]
pub fn last_bill(row: &Message) -> Option<Bill> {
    match row.status {
        Status::Sent | Status::Unknown => row.settled.is_none().then(|| went_out(row)),
        _ => bill(row),
    }
}

/// What a text costs that went out, or may have: what its receipt says, and what is reserved for the times that no receipt spoke of.
fn went_out(row: &Message) -> Bill {
    let resent = row.reserved.as_ref().map_or(0, |reserved| reserved.resent.0);
    let real = row.price.map(|price| MicroUsd(price.0 + row.carrier_fee.unwrap_or_default().0 + resent));
    let reserved = row.reserved.as_ref().map(|reserved| reserved.amount);
    Bill { price: real.or(reserved).or(row.estimated_price).unwrap_or_default(), uncounted: false }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Budget, Spent, month};
    use crate::{kind::Class, money::MicroUsd};

    fn now() -> Timestamp {
        "2026-11-23T10:00:00Z".parse().expect("instant")
    }

    fn budget() -> Budget {
        Budget { monthly: MicroUsd(1000), promotional: None, transactional: None, kept_percent: 20 }
    }

    fn spent(promotional: i64, transactional: i64) -> Spent {
        Spent::new("budget/2026-11".into()).and(Class::Promotional, MicroUsd(promotional)).and(Class::Transactional, MicroUsd(transactional))
    }

    #[test]
    fn a_part_is_kept_for_transactional_texts_to_the_last_micro_dollar() {
        let refused = |class, price, spent: Spent| budget().refuse(class, MicroUsd(price), &spent, now()).is_some();
        assert!(!refused(Class::Promotional, 10, spent(790, 0)));
        assert!(refused(Class::Promotional, 11, spent(790, 0)));
        assert!(!refused(Class::Promotional, 10, spent(0, 790)));
        assert!(!refused(Class::Transactional, 200, spent(800, 0)));
        assert!(refused(Class::Transactional, 201, spent(800, 0)));
    }

    #[test]
    fn who_is_refused_for_what_is_kept_has_passed_the_share_that_may_be_used() {
        for monthly in [1_000_001, 50_000_049, 50_000_099] {
            let budget = Budget { monthly: MicroUsd(monthly), ..budget() };
            let most = budget.ceiling(Class::Promotional).0;
            assert!(budget.refuse(Class::Promotional, MicroUsd(1), &spent(most, 0), now()).is_some());
            assert!(budget.used_percent(&spent(most, 0).and(Class::Promotional, MicroUsd(1))) >= 80.0, "{monthly}");
        }
    }

    #[test]
    fn a_class_may_have_a_budget_of_its_own() {
        let budget = Budget { promotional: Some(MicroUsd(100)), transactional: Some(MicroUsd(50)), ..budget() };
        let refused = |class, price| budget.refuse(class, MicroUsd(price), &spent(90, 40), now()).is_some();
        assert!(!refused(Class::Promotional, 10) && refused(Class::Promotional, 11));
        assert!(!refused(Class::Transactional, 10) && refused(Class::Transactional, 11));
    }

    #[test]
    fn the_lower_of_our_budget_and_aws_s_limit_holds_also_for_what_is_kept() {
        let spent = |limit| Spent { aws_limit: Some(MicroUsd(limit)), ..spent(400, 0) };
        let refused = |class, price, limit| budget().refuse(class, MicroUsd(price), &spent(limit), now()).is_some();
        assert!(!refused(Class::Transactional, 600, 5000) && refused(Class::Transactional, 601, 5000), "ours is lower");
        assert!(!refused(Class::Transactional, 100, 500) && refused(Class::Transactional, 101, 500), "AWS's is lower");
        assert!(!refused(Class::Promotional, 0, 500) && refused(Class::Promotional, 1, 500), "a fifth of it is kept");
        assert!((budget().used_percent(&spent(500)) - 80.0).abs() < 1e-9);
    }

    #[test]
    fn what_aws_closes_stays_closed_for_a_while() {
        let closed = Spent { closed_until: now().as_millisecond() + 1, ..spent(0, 0) };
        assert!(budget().refuse(Class::Transactional, MicroUsd(1), &closed, now()).is_some_and(|why| why.contains("AWS")));
        let open = Spent { closed_until: now().as_millisecond(), ..closed };
        assert_eq!(budget().refuse(Class::Transactional, MicroUsd(1), &open, now()), None);
    }

    #[test]
    fn a_month_is_one_of_utc() {
        let month = |text: &str| month(text.parse().expect("instant"));
        assert_eq!(month("2026-11-30T23:59:59.999Z"), "2026-11");
        assert_eq!(month("2026-12-01T00:00:00Z"), "2026-12");
    }

    #[test]
    fn the_share_that_is_used_counts_what_is_reserved() {
        assert!((budget().used_percent(&spent(500, 300)) - 80.0).abs() < 1e-9);
    }
}
