//! Pacing: at which moment a text may leave, so that an origination identity never sends faster than its carrier takes.
//!
//! GCRA, the leaky bucket as a single instant: that at which the identity has nothing booked any more. A text books the time that it takes behind it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::kind::Lane;

/// How fast an origination identity may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Message parts a second: 3 for a US toll-free number, 100 for a short code.
    pub parts_per_second: u32,
    /// Calls a second.
    pub requests_per_second: u32,
}

/// What could be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The moments of the first texts, in their order: as many as fit.
    pub slots: Vec<Timestamp>,
    /// When the identity is free again after these.
    pub free_at: Timestamp,
    /// How long until the next of them may be booked; nothing if all are.
    pub wait: Option<SignedDuration>,
}

/// How far ahead bulk may book, so that whatever is urgent never waits for it longer than this.
pub const BULK_AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// What a text's time may be rounded up by: three that take a third of a second each are no more than a second.
const ROUNDING: SignedDuration = SignedDuration::from_micros(1);

/// AWS takes one text a second to the same recipient, whoever sends it. The tenth is for a call that is on its way a little longer than the next one.
pub const RECIPIENT_GAP: SignedDuration = SignedDuration::from_millis(1100);

impl Pace {
    /// The time that a text of `parts` parts takes up: that of its parts, or that of its call if this is longer.
    #[must_use]
    pub fn takes(&self, parts: u32) -> SignedDuration {
        let micros = |amount: u32, per_second: u32| (u64::from(amount) * 1_000_000).div_ceil(u64::from(per_second.max(1)));
        let micros = micros(parts, self.parts_per_second).max(micros(1, self.requests_per_second));
        SignedDuration::try_from(Duration::from_micros(micros)).unwrap_or(SignedDuration::MAX)
    }
}

/// How far ahead a lane may book, if its sender has `patience` to wait for the slot.
#[must_use]
pub fn ahead(lane: Lane, patience: SignedDuration) -> SignedDuration {
    match lane {
        Lane::Urgent => patience,
        Lane::Bulk => patience.min(BULK_AHEAD),
    }
}

/// Books texts that take `times`, from the first on as many as end within `ahead`, behind what is booked until `free_at`. What takes longer than that by itself has to find the identity free.
#[must_use]
pub fn book(free_at: Option<Timestamp>, times: &[SignedDuration], ahead: SignedDuration, now: Timestamp) -> Booking {
    let mut booking = Booking { slots: Vec::new(), free_at: free_at.unwrap_or(now).max(now), wait: None };
    let mut rounded = SignedDuration::ZERO;
    for takes in times {
        rounded += ROUNDING;
        let end = booking.free_at + *takes;
        let over = end.duration_since(now) - ahead.max(*takes);
        if over > rounded {
            booking.wait = Some(over);
            break;
        }
        booking.slots.push(booking.free_at);
        booking.free_at = end;
    }
    booking
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::{BULK_AHEAD, Pace, ahead, book};
    use crate::kind::Lane;

    const TOLL_FREE: Pace = Pace { parts_per_second: 3, requests_per_second: 3 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("instant")
    }

    fn millis(moment: Timestamp) -> i64 {
        moment.as_millisecond()
    }

    #[test]
    fn a_text_takes_the_time_of_its_parts_or_of_its_call() {
        let takes = |parts_per_second, requests_per_second, parts| Pace { parts_per_second, requests_per_second }.takes(parts).as_millis();
        assert_eq!([takes(3, 3, 1), takes(3, 3, 2), takes(3, 1, 2), takes(3, 1, 4), takes(100, 100, 1)], [333, 666, 1000, 1333, 10]);
    }

    #[test]
    fn bulk_books_a_second_ahead_and_urgent_as_far_as_it_can_wait() {
        let times = [TOLL_FREE.takes(1); 6];
        let bulk = book(None, &times, ahead(Lane::Bulk, SignedDuration::from_secs(20)), at(0));
        assert_eq!(bulk.slots.iter().copied().map(millis).collect::<Vec<_>>(), [0, 333, 666], "all that a second has, by one write");
        assert_eq!(bulk.wait.map(|wait| wait.as_millis()), Some(333));
        let urgent = book(Some(bulk.free_at), &times, ahead(Lane::Urgent, SignedDuration::from_secs(20)), at(0));
        assert_eq!((urgent.slots.len(), millis(urgent.slots[0]), urgent.wait), (6, 1000, None));
        let impatient = book(Some(at(19_900)), &times, ahead(Lane::Urgent, SignedDuration::from_secs(20)), at(0));
        assert!(impatient.slots.is_empty() && impatient.wait.is_some());
    }

    #[test]
    fn a_second_has_as_many_parts_as_the_rate_says_however_they_are_rounded() {
        for parts_per_second in 1..=120 {
            let times = [Pace { parts_per_second, requests_per_second: 120 }.takes(1); 121];
            let wanted = usize::try_from(parts_per_second).expect("small");
            assert_eq!(book(None, &times, BULK_AHEAD, at(0)).slots.len(), wanted, "{parts_per_second} a second");
        }
    }

    #[test]
    fn a_text_longer_than_a_second_goes_when_nothing_is_booked() {
        let long = [TOLL_FREE.takes(6)];
        assert_eq!(book(Some(at(0)), &long, BULK_AHEAD, at(0)).slots, [at(0)]);
        let later = book(Some(at(500)), &long, BULK_AHEAD, at(0));
        assert_eq!((later.slots.len(), later.wait), (0, Some(SignedDuration::from_millis(500))));
    }

    proptest! {
        /// Whoever books when and what: in no window are there more parts than its share of the rate and one text.
        #[test]
        fn no_window_has_more_parts_than_the_rate(
            steps in prop::collection::vec((0_i64..900, any::<bool>(), prop::collection::vec(1_u32..5, 1..6)), 1..80),
            parts_per_second in 1_u32..120,
            requests_per_second in 1_u32..120,
        ) {
            let pace = Pace { parts_per_second, requests_per_second };
            let (mut now, mut free_at, mut sent) = (0, None, Vec::new());
            for (pause, urgent, parts) in steps {
                now += pause;
                let lane = if urgent { Lane::Urgent } else { Lane::Bulk };
                let times = parts.iter().map(|parts| pace.takes(*parts)).collect::<Vec<_>>();
                let behind = free_at.map_or(now, |free_at: Timestamp| millis(free_at).max(now));
                let booking = book(free_at, &times, ahead(lane, SignedDuration::from_secs(20)), at(now));
                prop_assert!(booking.slots.is_empty() || booking.slots.iter().all(|slot| *slot >= at(now)));
                if lane == Lane::Bulk && !booking.slots.is_empty() {
                    let longest = times.iter().max().expect("one");
                    let rounded = SignedDuration::from_micros(i64::try_from(times.len()).expect("few"));
                    prop_assert!(booking.free_at <= at(now) + BULK_AHEAD.max(*longest) + rounded, "urgent waits for bulk no longer than this");
                }
                prop_assert!(booking.slots.len() == times.len() || booking.wait.is_some_and(|wait| wait > SignedDuration::ZERO));
                if let Some(first) = booking.slots.first() {
                    prop_assert!(millis(*first) >= behind);
                    free_at = Some(booking.free_at);
                }
                sent.extend(booking.slots.iter().copied().zip(parts));
            }
            for (n, (start, _)) in sent.iter().enumerate() {
                for window in [1_000, 3_700] {
                    let within = sent[n..].iter().take_while(|(slot, _)| *slot < *start + SignedDuration::from_millis(window)).collect::<Vec<_>>();
                    let parts = within.iter().map(|(_, parts)| u64::from(*parts)).sum::<u64>();
                    let last = within.last().map_or(0, |(_, parts)| u64::from(*parts));
                    let share = u64::from(parts_per_second) * u64::try_from(window).expect("window") / 1000;
                    prop_assert!(parts <= share + last + 1, "{parts} parts within {window} ms at {parts_per_second} a second");
                    let calls = u64::from(requests_per_second) * u64::try_from(window).expect("window") / 1000;
                    prop_assert!(within.len() as u64 <= calls + 2);
                }
            }
        }
    }
}
