//! The service's rate limits: parts a second, texts a second, and one text a second to one recipient.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use sms::phone::PhoneNumber;

use crate::faults::Faults;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What was let through so far: of each limit the moment at which it is all free again.
#[derive(Debug, Default)]
pub struct Pacing {
    parts: Option<Timestamp>,
    requests: Option<Timestamp>,
    recipients: HashMap<PhoneNumber, Timestamp>,
}

impl Pacing {
    /// Lets a text of `parts` parts through, or answers false and counts nothing.
    pub fn admit(&mut self, phone: &PhoneNumber, parts: u32, faults: &Faults, now: Timestamp) -> bool {
        let parts = through(self.parts, parts, faults.parts_per_second, now);
        let requests = through(self.requests, 1, faults.requests_per_second, now);
        let recipient = through(self.recipients.get(phone).copied(), 1, Some(1), now);
        let (Some(parts), Some(requests), Some(recipient)) = (parts, requests, recipient) else { return false };
        (self.parts, self.requests) = (Some(parts), Some(requests));
        self.recipients.insert(phone.clone(), recipient);
        true
    }
}

/// GCRA with a burst of one second: the moment at which the limit is all free again after `amount` more, or `None` if that is too much now.
///
/// What is larger than a second's worth has to wait until the limit is all free, and then goes through in one.
fn through(free_at: Option<Timestamp>, amount: u32, per_second: Option<u32>, now: Timestamp) -> Option<Timestamp> {
    let Some(per_second) = per_second else { return Some(now) };
    let takes = (SECOND * i32::try_from(amount).unwrap_or(i32::MAX)).checked_div(i32::try_from(per_second).unwrap_or(i32::MAX))?;
    let free_at = free_at.unwrap_or(now).max(now) + takes;
    (free_at.duration_since(now) <= takes.max(SECOND)).then_some(free_at)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use sms::phone::PhoneNumber;

    use super::Pacing;
    use crate::faults::Faults;

    fn phone(n: u32) -> PhoneNumber {
        format!("+1312556{n:04}").parse().unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms)
    }

    #[test]
    fn three_parts_a_second_pass_with_a_burst_of_one_second() {
        let (mut pacing, faults) = (Pacing::default(), Faults::default());
        let passed = (0..20).filter(|n| pacing.admit(&phone(*n), 1, &faults, at(0))).count();
        assert_eq!(passed, 3);
        assert!(!pacing.admit(&phone(50), 1, &faults, at(333)));
        assert!(pacing.admit(&phone(50), 1, &faults, at(334)));
        assert!(!pacing.admit(&phone(51), 1, &faults, at(335)));
        assert!(!pacing.admit(&phone(51), 2, &faults, at(700)), "two parts need two thirds of a second");
        assert!(pacing.admit(&phone(51), 2, &faults, at(1001)));
    }

    #[test]
    fn over_a_minute_the_rate_holds_whatever_is_asked_for() {
        let (mut pacing, faults) = (Pacing::default(), Faults::default());
        let passed = (0..60_000).step_by(7).zip(0..).filter(|(ms, n)| pacing.admit(&phone(*n), 1, &faults, at(*ms))).count();
        assert!((180..=183).contains(&passed), "{passed}");
    }

    #[test]
    fn a_text_longer_than_a_second_waits_for_an_idle_number_and_then_blocks_it() {
        let (mut pacing, faults) = (Pacing::default(), Faults::default());
        assert!(pacing.admit(&phone(1), 1, &faults, at(0)));
        assert!(!pacing.admit(&phone(2), 10, &faults, at(100)));
        assert!(pacing.admit(&phone(2), 10, &faults, at(400)));
        assert!(!pacing.admit(&phone(3), 1, &faults, at(2500)));
        assert!(pacing.admit(&phone(3), 1, &faults, at(3100)));
    }

    #[test]
    fn one_recipient_gets_one_text_a_second() {
        let (mut pacing, faults) = (Pacing::default(), Faults { parts_per_second: None, ..Faults::default() });
        assert!(pacing.admit(&phone(1), 1, &faults, at(0)));
        assert!(!pacing.admit(&phone(1), 1, &faults, at(999)));
        assert!(pacing.admit(&phone(1), 1, &faults, at(1000)));
    }

    #[test]
    fn requests_are_limited_when_told_so_and_zero_lets_nothing_through() {
        let faults = Faults { parts_per_second: None, requests_per_second: Some(1), ..Faults::default() };
        let mut pacing = Pacing::default();
        assert!(pacing.admit(&phone(1), 10, &faults, at(0)));
        assert!(!pacing.admit(&phone(2), 1, &faults, at(900)));
        assert!(pacing.admit(&phone(2), 1, &faults, at(1000)));
        let none = Faults { parts_per_second: Some(0), ..Faults::default() };
        assert!(!Pacing::default().admit(&phone(1), 1, &none, at(0)));
    }
}
