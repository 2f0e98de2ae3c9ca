//! Limits on how often something may be done: exact, over a window that slides with the clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many times within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many times.
    pub most: usize,
    /// Within how long.
    pub within: SignedDuration,
}

/// The row of something that is counted in the limits table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Its key, such as `user/42`.
    pub limit_id: String,
    /// Grows by one with every change; 0 where there is no row.
    pub revision: u64,
    /// When it was done, in epoch milliseconds, oldest first.
    pub times: Vec<i64>,
    /// The verification that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_id: Option<Uuid>,
    /// The message for which it was done last, if it was done for one: the same again is nothing new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Uuid>,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

impl Limit {
    /// `most` times within `within`.
    #[must_use]
    pub const fn new(most: usize, within: SignedDuration) -> Self {
        Self { most, within }
    }
}

impl Tally {
    /// What was never done.
    #[must_use]
    pub fn new(limit_id: String) -> Self {
        Self { limit_id, revision: 0, times: Vec::new(), verification_id: None, message_id: None, expires_at: 0 }
    }

    /// How long to wait until none of `limits` is in the way any more; `None` if none is.
    #[must_use]
    pub fn wait(&self, limits: &[Limit], now: Timestamp) -> Option<SignedDuration> {
        let wait = |limit: &Limit| {
            let recent = self.since(now - limit.within);
            let free_at = recent.get(recent.len().checked_sub(limit.most)?)? + millis(limit.within);
            Some(SignedDuration::from_millis(free_at - now.as_millisecond()))
        };
        limits.iter().filter_map(wait).max()
    }

    /// The row after it is done once more at `now`. What is older than `memory` is forgotten.
    #[must_use]
    pub fn and(&self, now: Timestamp, memory: SignedDuration) -> Self {
        let times = self.since(now - memory).iter().copied().chain([now.as_millisecond()]).collect();
        Self { revision: self.revision + 1, times, expires_at: (now + memory).as_second() + 1, ..self.clone() }
    }

    fn since(&self, start: Timestamp) -> &[i64] {
        let old = self.times.iter().take_while(|time| **time <= start.as_millisecond()).count();
        &self.times[old..]
    }
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Limit, Tally};

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("instant")
    }

    fn done(seconds: &[i64]) -> Tally {
        seconds.iter().fold(Tally::new("user/ada".into()), |tally, second| tally.and(at(*second), HOUR))
    }

    #[test]
    fn a_limit_is_met_exactly_and_not_one_beyond() {
        let limit = [Limit::new(3, HOUR)];
        assert_eq!(done(&[0, 10]).wait(&limit, at(20)), None);
        assert_eq!(done(&[0, 10, 20]).wait(&limit, at(30)), Some(SignedDuration::from_secs(3570)));
    }

    #[test]
    fn the_window_slides() {
        let limit = [Limit::new(3, HOUR)];
        let tally = done(&[0, 1800, 3599]);
        assert_eq!(tally.wait(&limit, at(3599)), Some(SignedDuration::from_secs(1)));
        assert_eq!(tally.wait(&limit, at(3600)), None);
        assert_eq!(tally.and(at(3600), HOUR).wait(&limit, at(3600)), Some(SignedDuration::from_secs(1800)));
    }

    #[test]
    fn the_longest_wait_counts() {
        let limits = [Limit::new(1, SignedDuration::from_secs(30)), Limit::new(2, HOUR)];
        assert_eq!(done(&[0]).wait(&limits, at(10)), Some(SignedDuration::from_secs(20)));
        assert_eq!(done(&[0, 100]).wait(&limits, at(110)), Some(SignedDuration::from_secs(3490)));
    }
}
