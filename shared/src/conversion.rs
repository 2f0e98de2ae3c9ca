//! Conversion: how many of the codes that were asked for came back, by the prefix of the number; and when a prefix is blocked for a while.
//!
//! Who pumps texts asks for codes to a range of numbers, has a share of what each costs, and never gives a code back. So the sign is a prefix that suddenly
//! wants many codes and gives hardly any back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{moment, phone::PhoneNumber};

/// The codes that are judged were asked for within so long.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// A younger code is not judged: somebody may just be reading it.
pub const RIPE_AFTER: SignedDuration = SignedDuration::from_mins(3);
/// What is usual for a prefix is taken from so long before that.
pub const PAST: SignedDuration = SignedDuration::from_hours(24);
/// Fewer codes within [`WINDOW`] prove nothing, and cost less than thirty cents.
pub const LEAST_ASKED: u64 = 30;
/// How many times the codes that usually come back in an hour have to be asked for to be growth.
pub const GROWTH: u64 = 3;
/// At least so many of a hundred have to come back. People give back most of theirs, also on a bad day; a pump would have to own the phones.
pub const LEAST_PERCENT: u64 = 20;
/// How long a prefix is blocked.
pub const BLOCKED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Codes of a prefix within some time. A code that was said several times is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many were asked for.
    pub asked: u64,
    /// How many of those came back.
    pub back: u64,
}

/// The row of a prefix's hour in the limits table: `a05` codes were asked for in its sixth minute, and `b05` of those came back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hour {
    /// Its key, see [`hour_id`].
    pub limit_id: String,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
    /// The counts.
    #[serde(flatten)]
    pub minutes: BTreeMap<String, u64>,
}

/// The row of a blocked prefix in the limits table. Who knows better deletes it, and the prefix is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its key, see [`block_id`].
    pub limit_id: String,
    /// Until when.
    #[serde(with = "moment")]
    pub blocked_until: Timestamp,
    /// How many codes had been asked for.
    pub asked: u64,
    /// How many of those had come back.
    pub back: u64,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

/// The part of a number that it shares with the numbers its carrier was given together.
///
/// In the North American Numbering Plan that is area code and exchange (`+1312556`): ten thousand numbers, of which a carrier gets all or a tenth. A longer prefix
/// would let a pump walk from one to the next before any has thirty codes; a shorter one would make a whole city suffer. Elsewhere carriers are given blocks of
/// a hundred thousand or more, so that the last five digits are cut off.
#[must_use]
pub fn prefix(phone: &PhoneNumber) -> &str {
    let number = phone.as_e164();
    let cut = if number.starts_with("+1") { 4 } else { 5 };
    &number[..number.len() - cut]
}

/// Whether a prefix is to be blocked: it asks for much, for more than is usual for it, and hardly anything comes back.
///
/// What is usual is what came *back* in the past: codes that nobody gave back may have been a pump's, which would else only have to begin slowly. So a carrier that
/// delivers nothing for a while is not blocked by the people who press "again", and a prefix without a past is judged by the other two.
#[must_use]
pub fn has_collapsed(recent: Count, past: Count) -> bool {
    let hours = PAST.as_hours().unsigned_abs();
    let is_much = recent.asked >= LEAST_ASKED;
    let is_growth = recent.asked * hours >= GROWTH * past.back;
    let comes_back = recent.back * 100 >= LEAST_PERCENT * recent.asked;
    is_much && is_growth && !comes_back
}

/// The key of the hour that `at` is in, and the names of the attributes that count its minute: asked and back.
#[must_use]
pub fn place(prefix: &str, at: Timestamp) -> (String, String, String) {
    let minute = minute(at);
    (hour_id(prefix, minute.div_euclid(60)), format!("a{:02}", minute.rem_euclid(60)), format!("b{:02}", minute.rem_euclid(60)))
}

/// The keys of all hours that [`counts`] needs at `now`.
#[must_use]
pub fn hour_ids(prefix: &str, now: Timestamp) -> Vec<String> {
    let hours = minute(now - WINDOW - PAST).div_euclid(60)..=minute(now).div_euclid(60);
    hours.map(|hour| hour_id(prefix, hour)).collect()
}

/// What the hours say at `now`: of the codes that are judged, and of the past before them.
#[must_use]
pub fn counts(hours: &[Hour], now: Timestamp) -> (Count, Count) {
    let recent = minute(now - WINDOW)..=minute(now - RIPE_AFTER);
    let past = minute(now - WINDOW - PAST)..*recent.start();
    let (mut now, mut then) = (Count::default(), Count::default());
    for hour in hours {
        let Some(start) = hour.limit_id.rsplit('/').next().and_then(|number| Some(number.parse::<i64>().ok()? * 60)) else { continue };
        for (name, count) in &hour.minutes {
            let Some(at) = name.get(1..).and_then(|minute| Some(start + minute.parse::<i64>().ok()?)) else { continue };
            let sum = match at {
                at if recent.contains(&at) => &mut now,
                at if past.contains(&at) => &mut then,
                _ => continue,
            };
            if name.starts_with('a') { sum.asked += count } else { sum.back += count }
        }
    }
    (now, then)
}

/// When an hour in which something happened at `at` is of no use any more: epoch seconds.
#[must_use]
pub fn forget_hour(at: Timestamp) -> i64 {
    (at + WINDOW + PAST + SignedDuration::from_hours(2)).as_second()
}

/// The key of a prefix's block.
#[must_use]
pub fn block_id(prefix: &str) -> String {
    format!("blocked/{prefix}")
}

impl Block {
    /// A block from `now` on.
    #[must_use]
    pub fn new(prefix: &str, count: Count, now: Timestamp) -> Self {
        let blocked_until = now + BLOCKED_FOR;
        Self { limit_id: block_id(prefix), blocked_until, asked: count.asked, back: count.back, expires_at: blocked_until.as_second() + 1 }
    }

    /// Whose block it is.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.limit_id.strip_prefix("blocked/").unwrap_or_default()
    }

    /// The words for a row's gate.
    #[must_use]
    pub fn detail(&self) -> String {
        let until = self.blocked_until.strftime("%H:%M");
        format!("codes to {}… are blocked until {until} UTC: {} of {} came back", self.prefix(), self.back, self.asked)
    }
}

fn hour_id(prefix: &str, hour: i64) -> String {
    format!("conversion/{prefix}/{hour}")
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{BLOCKED_FOR, Block, Count, Hour, counts, has_collapsed, hour_ids, place, prefix};

    fn count(asked: u64, back: u64) -> Count {
        Count { asked, back }
    }

    #[test]
    fn when_a_prefix_is_blocked() {
        #[rustfmt::skip]
        let cases = [
            // this hour   the day before   blocked
            (count(30, 0),   count(0, 0),       true,  "thirty of nowhere, and nothing comes back"),
            (count(29, 0),   count(0, 0),       false, "one less proves nothing"),
            (count(30, 5),   count(0, 0),       true,  "five of thirty are less than a fifth"),
            (count(30, 6),   count(0, 0),       false, "six are a fifth"),
            (count(200, 39), count(0, 0),       true,  "the fifth is of all"),
            (count(200, 40), count(0, 0),       false, "and exact"),
            (count(30, 0),   count(240, 240),   true,  "ten came back each hour, and thirty are three times that"),
            (count(30, 0),   count(250, 248),   false, "a bit less than three times is no growth"),
            (count(200, 0),  count(2400, 1900), false, "a carrier that delivers nothing, and people who ask twice"),
            (count(240, 10), count(2400, 1900), true,  "three times the usual, and next to nothing back"),
            (count(240, 60), count(2400, 1900), false, "a good day for us"),
            (count(30, 0),   count(700, 0),     true,  "a pump that began slowly made no past for itself"),
            (count(0, 0),    count(0, 0),       false, "nothing"),
        ];
        for (recent, past, blocked, why) in cases {
            assert_eq!(has_collapsed(recent, past), blocked, "{why}");
        }
    }

    fn hours(codes: &[(i64, bool)]) -> Vec<Hour> {
        let mut hours = std::collections::BTreeMap::<String, Hour>::new();
        for (at, is_back) in codes {
            let (limit_id, asked, back) = place("+1312556", Timestamp::from_second(*at).expect("instant"));
            let hour = hours.entry(limit_id.clone()).or_insert_with(|| Hour { limit_id, expires_at: 0, minutes: [].into() });
            *hour.minutes.entry(asked).or_default() += 1;
            *hour.minutes.entry(back).or_default() += u64::from(*is_back);
        }
        hours.into_values().collect()
    }

    #[test]
    fn codes_are_judged_when_they_are_three_minutes_old_and_for_an_hour() {
        let now = Timestamp::from_second(100 * 3600 + 17 * 60).expect("instant");
        let ago = |seconds: i64| now.as_second() - seconds;
        let minutes = 60;
        for (at, recent, past) in [
            (ago(0), 0, 0),
            (ago(2 * minutes), 0, 0),
            (ago(3 * minutes), 1, 0),
            (ago(60 * minutes), 1, 0),
            (ago(61 * minutes), 0, 1),
            (ago(25 * 60 * minutes), 0, 1),
            (ago(25 * 60 * minutes + minutes), 0, 0),
        ] {
            let (now_count, then) = counts(&hours(&[(at, true)]), now);
            assert_eq!((now_count, then), (count(recent, recent), count(past, past)), "{at}");
            let is_read = hour_ids("+1312556", now).contains(&hours(&[(at, true)])[0].limit_id);
            assert!(is_read || recent + past == 0, "{at}: what is judged is read");
        }
        let (recent, past) = counts(&hours(&[(ago(200), true), (ago(200), false), (ago(7200), false)]), now);
        assert_eq!((recent, past), (count(2, 1), count(1, 0)));
    }

    #[test]
    fn a_prefix_is_what_carriers_are_given_together() {
        for (number, expected) in [("+13125560001", "+1312556"), ("+442071838750", "+4420718"), ("+12345678", "+1234")] {
            assert_eq!(prefix(&number.parse().expect("phone")), expected);
        }
    }

    #[test]
    fn a_block_says_what_happened_and_no_number() {
        let now: Timestamp = "2026-11-23T13:05:00Z".parse().expect("instant");
        let block = Block::new("+1312556", count(40, 1), now);
        assert_eq!(block.detail(), "codes to +1312556… are blocked until 14:05 UTC: 1 of 40 came back");
        assert_eq!(block.blocked_until, now + BLOCKED_FOR);
        assert!(block.expires_at > (now + BLOCKED_FOR - SignedDuration::from_secs(1)).as_second());
    }
}
