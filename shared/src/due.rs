//! When somebody has to look at a text that no event may ever come for.
//!
//! It follows from the row's status alone, and is written by the very write that changes the status: `due_at`, the range of the index `by_due`.
//! A text that nothing has to be done about any more has none, so that the index holds only what is open. A row may be due earlier than that, and never later
//! than [`LONGEST_INTERVAL`] after it: each move within the index costs as much as the change itself, so on the way of nearly every text, which is over within
//! minutes, nothing is moved, and whoever finds a row due too early puts it off.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    kind::{Kind, Lane},
    message::{LEASE, Message, Status},
};

/// A text that waits in its lane for longer may be in no lane at all. A sender that has to wait puts its job off by two minutes at most.
pub const LOST_AFTER: SignedDuration = SignedDuration::from_mins(3);

/// The longest wait between two looks at a text that waits in its lane.
pub const LONGEST_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// The shortest time that a receipt is waited for before a text that may have gone out is sent again. How long it really is, is up to the reconciler.
pub const SHORTEST_DOUBT: SignedDuration = SignedDuration::from_secs(30);

/// AWS's last word on a text comes within 72 hours (user guide, "event types"); the hour is for its way to us.
pub const LAST_RECEIPT: SignedDuration = SignedDuration::from_hours(73);

/// How long after its end a text that reached nobody has given back what was reserved for it, unless who ended it died.
pub const BOOKED_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// The parts of the index. Urgent texts have one of their own, so that they never wait behind bulk ones; those are spread, because one part of an index takes a thousand writes a second.
pub const SHARDS: [&str; 5] = [URGENT, BULK[0], BULK[1], BULK[2], BULK[3]];
const URGENT: &str = "urgent";
const BULK: [&str; 4] = ["bulk-0", "bulk-1", "bulk-2", "bulk-3"];

/// The part of the index that a text is in: `due`, its hash, the same for the text's whole life.
#[must_use]
pub fn shard(id: Uuid, lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => URGENT,
        Lane::Bulk => BULK[usize::from(id.as_bytes()[15]) % BULK.len()],
    }
}

/// When a text that took `status` at `at` is due, if it carries no code.
#[must_use]
pub fn after(status: Status, at: Timestamp) -> Option<Timestamp> {
    match status {
        Status::Pending => Some(at + LOST_AFTER),
        Status::Sending => Some(at + LEASE),
        Status::Unknown => Some(at + SHORTEST_DOUBT),
        Status::Sent => Some(at + LAST_RECEIPT),
        // A text is held from its first moment, and its row says for how long.
        Status::Held => Some(at),
        // Nobody comes back to it whose death kept it out of the books.
        Status::Suppressed | Status::Expired => Some(at + BOOKED_AFTER),
        Status::Delivered | Status::Undelivered | Status::Failed | Status::Merged => None,
    }
}

/// Whether a text stays due when it was as it takes `status`, whatever [`after`] says: AWS's last word mostly comes before anybody looks.
#[must_use]
pub fn stays(status: Status) -> bool {
    status == Status::Sent
}

/// Whether a text in `lane` stays due when it was as a sender claims it. Bulk texts are not sent again whoever dies; an urgent one is not to wait for longer than its lease.
#[must_use]
pub fn stays_while_sending(lane: Lane) -> bool {
    lane == Lane::Bulk
}

/// The statuses in which nothing is left to do but to give back what was reserved.
#[must_use]
pub fn is_for_the_books(status: Status) -> bool {
    matches!(status, Status::Suppressed | Status::Expired)
}

/// When a text with a code is due. Whatever became of the text once AWS had it, its code has an end that somebody has to look at.
#[must_use]
pub fn after_with_code(status: Status, at: Timestamp, useful_until: Timestamp) -> Option<Timestamp> {
    if outlived_by_code(status) { Some(useful_until) } else { after(status, at) }
}

/// The statuses in which a text with a code is due at another time than every other text.
#[must_use]
pub fn outlived_by_code(status: Status) -> bool {
    matches!(status, Status::Sent | Status::Delivered | Status::Undelivered)
}

/// Until when a receipt is waited for that says what became of a text in doubt: from when AWS may have got the text last, and twice as long after each time that a text stayed in doubt,
/// since an AWS that answers nothing for an hour should not text somebody thirty times.
#[must_use]
pub fn doubt_ends(row: &Message, resend_after: SignedDuration) -> Timestamp {
    let doubts = row.changes.iter().filter(|entered| entered.status == Status::Unknown).map(|entered| entered.at).collect::<Vec<_>>();
    let times = u32::try_from(doubts.len()).unwrap_or(u32::MAX);
    let noticed = doubts.last().copied().unwrap_or(row.updated_at);
    // The reconciler may have noticed an expired lease long after nobody held it any more.
    let since = row.lease_until.map_or(noticed, |lease| noticed.min(lease));
    since + resend_after * 2_i32.pow(times.saturating_sub(1).min(10))
}

impl Message {
    /// When the row is due, as it is.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.status {
            // Without a release it waits until it is of no use: rather no text than one at night.
            Status::Held => Some(self.release_at.unwrap_or(self.useful_until).min(self.useful_until)),
            // It was never more than a wish, or is in the books.
            status if is_for_the_books(status) && (self.reserved.is_none() || self.settled.is_some()) => None,
            status if self.kind() == Kind::PhoneVerification => after_with_code(status, self.updated_at, self.useful_until),
            status => after(status, self.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::{SHARDS, after, after_with_code, shard};
    use crate::{
        budget::Reserved,
        content::{Content, PhoneVerification},
        kind::Lane,
        message::{Message, Status},
        money::MicroUsd,
    };

    const NOON: Timestamp = Timestamp::UNIX_EPOCH;

    fn later(seconds: i64) -> Timestamp {
        NOON + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn every_text_is_due_until_its_status_is_final_and_a_code_until_its_end() {
        let code_ends = later(600);
        for status in Status::ALL {
            let gives_back = matches!(status, Status::Suppressed | Status::Expired);
            assert_eq!(after(status, NOON).is_none(), status.is_final() && !gives_back, "{status:?}");
            let with_code = after_with_code(status, NOON, code_ends);
            let at_its_end = matches!(status, Status::Sent | Status::Delivered | Status::Undelivered);
            assert_eq!(with_code, if at_its_end { Some(code_ends) } else { after(status, NOON) }, "{status:?}");
        }
    }

    #[test]
    fn a_new_row_is_due_when_a_changed_one_of_its_status_would_be() {
        let code = Content::PhoneVerification(PhoneVerification { phone: "+12025550101".parse().expect("phone") });
        for (content, with_code) in [(Content::HelpReply {}, false), (code, true)] {
            for status in Status::ALL.into_iter().filter(|status| *status != Status::Held) {
                let reserved = Some(Reserved { amount: MicroUsd(1), resent: MicroUsd(0), month: "1970-01".into(), day: None });
                let row = Message { reserved, ..Message::new(Uuid::nil(), content.clone(), later(600), NOON).decided(status) };
                let changed = if with_code { after_with_code(status, NOON, later(600)) } else { after(status, NOON) };
                assert_eq!(row.due_at(), changed, "{status:?}");
            }
        }
    }

    #[test]
    fn a_held_text_is_due_at_its_release_or_at_its_end_if_that_is_first() {
        let held = Message::new(Uuid::nil(), Content::HelpReply {}, later(600), NOON).decided(Status::Held);
        let until = |release| Message { release_at: release, ..held.clone() }.due_at();
        assert_eq!([until(Some(later(599))), until(Some(later(601))), until(None)], [Some(later(599)), Some(later(600)), Some(later(600))]);
    }

    #[test]
    fn who_gave_back_what_was_reserved_or_never_had_it_is_due_no_more() {
        let reserved = Reserved { amount: MicroUsd(1), resent: MicroUsd(0), month: "1970-01".into(), day: None };
        for status in [Status::Suppressed, Status::Expired] {
            let wish = Message::new(Uuid::nil(), Content::HelpReply {}, later(600), NOON).decided(status);
            let open = Message { reserved: Some(reserved.clone()), ..wish.clone() };
            let booked = Message { settled: Some(MicroUsd(0)), ..open.clone() };
            assert_eq!([wish, open, booked].map(|row| row.due_at()), [None, Some(later(300)), None], "{status:?}");
        }
    }

    #[test]
    fn every_part_of_the_index_is_used_and_no_other() {
        let of = |lane| (0..64).map(move |id| shard(Uuid::from_u128(id), lane));
        assert_eq!(of(Lane::Bulk).chain(of(Lane::Urgent)).collect::<BTreeSet<_>>(), SHARDS.into_iter().collect());
        assert_eq!(of(Lane::Urgent).collect::<BTreeSet<_>>().len(), 1);
    }
}
