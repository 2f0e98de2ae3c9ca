//! How many texts a person may get: per local day, and per number and hour.
//!
//! A text is counted by its id. Counting it twice, or taking it back twice, changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{event::UserId, message::Message, phone::PhoneNumber};

/// The most that anybody gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Promotional texts to a user on one of their days.
    pub per_day: usize,
    /// Texts with the same words to a number within an hour.
    pub same_per_hour: usize,
    /// Texts to a number within an hour.
    pub any_per_hour: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_day: 10, same_per_hour: 20, any_per_hour: 100 }
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How long a day's row is kept: a day may begin a day ahead, and a text may be held for the next one.
const KEPT: SignedDuration = SignedDuration::from_hours(96);

/// The row of a user's day in the limits table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Its key.
    pub limit_id: String,
    /// The texts of that day.
    #[serde(default, with = "serde_dynamo::string_set")]
    pub ids: BTreeSet<String>,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

impl Day {
    /// The key of the day, such as `2026-11-22`, of a user.
    #[must_use]
    pub fn key(user: &UserId, day: &str) -> String {
        format!("day/{day}/{user}")
    }

    /// A day without texts.
    #[must_use]
    pub fn new(limit_id: String, now: Timestamp) -> Self {
        Self { limit_id, ids: BTreeSet::new(), expires_at: (now + KEPT).as_second() }
    }
}

/// The row of a number's last hours in the limits table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Its key.
    pub limit_id: String,
    /// Grows by one with every change; 0 where there is no row.
    pub revision: u64,
    /// The texts of the last hour, and those held for later.
    pub texts: BTreeMap<Uuid, Counted>,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

/// One text to a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// When it goes, as far as is known: epoch milliseconds.
    pub at: i64,
    /// What tells its words from others; none for a code, which is never the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl Hours {
    /// The key of a number.
    #[must_use]
    pub fn key(phone: &PhoneNumber) -> String {
        format!("hours/{}", phone.as_e164())
    }

    /// A number that got nothing.
    #[must_use]
    pub fn new(limit_id: String) -> Self {
        Self { limit_id, revision: 0, texts: BTreeMap::new(), expires_at: 0 }
    }

    /// Why one more text with these words at `at` would be too many.
    ///
    /// Counts what goes less than an hour before or after: so no hour that has this text in it can have more than the cap, whichever order they were counted in.
    #[must_use]
    pub fn refuse(&self, caps: &Caps, words: Option<&str>, at: Timestamp) -> Option<String> {
        let near = self.texts.values().filter(|text| (text.at - at.as_millisecond()).abs() < millis(HOUR));
        let (mut any, mut same) = (0, 0);
        for text in near {
            any += 1;
            same += usize::from(words.is_some() && text.words.as_deref() == words);
        }
        if any >= caps.any_per_hour {
            return Some(format!("{any} texts to this number within an hour"));
        }
        (same >= caps.same_per_hour).then(|| format!("{same} texts with the same words to this number within an hour"))
    }

    /// The row with one more text, without those that matter no more.
    #[must_use]
    pub fn and(&self, id: Uuid, words: Option<String>, at: Timestamp, now: Timestamp) -> Self {
        let mut texts = self.texts.clone();
        texts.retain(|_, text| text.at > (now - HOUR).as_millisecond());
        texts.insert(id, Counted { at: at.as_millisecond(), words });
        let last = texts.values().map(|text| text.at).max().unwrap_or_default();
        Self { limit_id: self.limit_id.clone(), revision: self.revision, texts, expires_at: last.div_euclid(1000) + 2 * HOUR.as_secs() }
    }
}

/// What tells the words of a text from others, and gives none of them away.
#[must_use]
pub fn words(body: &str) -> String {
    Sha256::digest(body.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The words of a decided row.
#[must_use]
pub fn words_of(message: &Message) -> Option<String> {
    message.body.as_deref().map(words)
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{Caps, Hours};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("instant")
    }

    #[test]
    fn the_hour_rolls_and_its_edges_are_exact() {
        let caps = Caps { any_per_hour: 1, ..Caps::default() };
        let hours = Hours::new("hours/x".into()).and(Uuid::nil(), None, at(10_000), at(10_000));
        for (second, refused) in [(6400, false), (6401, true), (10_000, true), (13_599, true), (13_600, false)] {
            assert_eq!(hours.refuse(&caps, None, at(second)).is_some(), refused, "{second}");
        }
    }

    #[test]
    fn the_same_words_count_apart_and_codes_are_never_the_same() {
        let caps = Caps { same_per_hour: 2, any_per_hour: 5, ..Caps::default() };
        let texts = [Some("a"), Some("a"), None, None];
        let hours = texts
            .iter()
            .zip(0_u128..)
            .fold(Hours::new("hours/x".into()), |hours, (words, id)| hours.and(Uuid::from_u128(id), words.map(str::to_owned), at(0), at(0)));
        assert!(hours.refuse(&caps, Some("a"), at(1)).is_some_and(|why| why.contains("same words")));
        assert_eq!(hours.refuse(&caps, Some("b"), at(1)), None);
        assert_eq!(hours.refuse(&caps, None, at(1)), None);
        let hours = hours.and(Uuid::from_u128(9), None, at(0), at(0));
        assert!(hours.refuse(&caps, Some("b"), at(1)).is_some());
    }

    #[test]
    fn a_text_counts_once_and_what_is_over_is_forgotten() {
        let once = Hours::new("hours/x".into()).and(Uuid::nil(), None, at(0), at(0));
        assert_eq!(once.and(Uuid::nil(), None, at(0), at(1)).texts.len(), 1);
        assert_eq!(once.and(Uuid::max(), None, at(3601), at(3601)).texts.len(), 1, "the first is an hour old");
    }

    proptest! {
        /// Texts are counted in the order in which they come, and go at once or later: no hour has more than the cap.
        #[test]
        fn no_hour_has_more_texts_than_the_cap(steps in prop::collection::vec((0_i64..1200, 0_i64..40_000, 0_u8..3), 1..120), any in 1_usize..8, same in 1_usize..5) {
            let caps = Caps { per_day: 0, same_per_hour: same, any_per_hour: any };
            let (mut hours, mut now, mut taken) = (Hours::new("hours/x".into()), 0, Vec::new());
            for (n, (pause, later, words)) in steps.iter().enumerate() {
                now += pause;
                let goes = if later % 3 == 0 { now + later } else { now };
                let words = words.to_string();
                if hours.refuse(&caps, Some(&words), at(goes)).is_none() {
                    hours = hours.and(Uuid::from_u128(n as u128), Some(words.clone()), at(goes), at(now));
                    taken.push((goes, words));
                }
            }
            for (start, _) in &taken {
                let hour = || taken.iter().filter(|(goes, _)| (*start..start + 3600).contains(goes));
                prop_assert!(hour().count() <= any);
                for words in ["0", "1", "2"] {
                    prop_assert!(hour().filter(|(_, said)| said == words).count() <= same);
                }
            }
        }
    }
}
