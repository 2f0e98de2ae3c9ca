//! What to do about a text that is due. Pure: the row and the moment decide.

use jiff::{SignedDuration, Timestamp};
use sms::{
    due::{LAST_RECEIPT, LONGEST_INTERVAL, LOST_AFTER, doubt_ends, is_for_the_books},
    kind::{Kind, WhenUnknown},
    message::{Change, Message, Status},
};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// No lane may have it: it goes on its lane again, and is due again then.
    Enqueue { again: Timestamp },
    /// This happens to it, for this reason.
    Make(Change, Option<&'static str>),
    /// It has to wait until then.
    PutOff(Timestamp),
    /// Nothing has to be done about it any more, for this reason.
    Leave(&'static str),
    /// Its code has come to its end.
    EndCode,
    /// What was reserved for it is to be given back, if nobody did.
    Book,
}

/// What to do at `now` about `row`, which is due.
///
/// `resend_after` is how long a receipt is waited for before a text that may have gone out is sent again.
pub fn step(row: &Message, now: Timestamp, resend_after: SignedDuration) -> Step {
    let with_code = row.kind() == Kind::PhoneVerification;
    match row.status {
        Status::Pending if row.is_lapsed(now) => Step::Make(Change::Lapsed, Some("of no use any more before a sender took it")),
        // Each wait is as long as all before it, so that a lane that is slow for an hour is not filled over and over.
        Status::Pending => Step::Enqueue { again: now + now.duration_since(row.updated_at).clamp(LOST_AFTER, LONGEST_INTERVAL) },
        Status::Sending => match row.lease_until.filter(|lease| *lease > now) {
            Some(lease) => Step::PutOff(lease),
            None => Step::Make(Change::Abandoned, Some("the sender that had it left no word")),
        },
        Status::Unknown => in_doubt(row, now, resend_after),
        Status::Held if row.is_lapsed(now) => Step::Make(Change::Lapsed, Some("of no use any more before it could be released")),
        Status::Held => match row.release_at.unwrap_or(row.useful_until) {
            release if release > now => Step::PutOff(release),
            _ => Step::Make(Change::Due, None),
        },
        Status::Sent | Status::Delivered | Status::Undelivered if with_code => Step::EndCode,
        Status::Sent => last_receipt(row).filter(|last| *last > now).map_or(Step::Leave("no last receipt came"), Step::PutOff),
        status if is_for_the_books(status) => Step::Book,
        _ => Step::Leave("settled"),
    }
}

/// What to do about a text that may have gone out.
fn in_doubt(row: &Message, now: Timestamp, resend_after: SignedDuration) -> Step {
    let lapsed = row.is_lapsed(now);
    if lapsed && row.kind() == Kind::PhoneVerification {
        return Step::EndCode;
    }
    let stays = if lapsed {
        Some("of no use any more")
    } else if row.kind().when_unknown() == WhenUnknown::NeverResend {
        Some("its kind is never sent again")
    } else if row.erased_at.is_some() {
        Some("its person was erased")
    } else if row.provider_message_id.is_some() {
        Some("AWS has it: its name for it is known")
    } else {
        None
    };
    // It stays as it is, but a receipt may still say what it has cost.
    if let Some(why) = stays {
        return last_receipt(row).filter(|last| *last > now).map_or(Step::Leave(why), Step::PutOff);
    }
    match doubt_ends(row, resend_after) {
        end if end > now => Step::PutOff(end),
        _ => Step::Make(Change::Retried, None),
    }
}

/// Until when AWS may have something to say about a text that it has, or may have; none for one about which all is said.
pub fn last_receipt(row: &Message) -> Option<Timestamp> {
    let open = matches!(row.status, Status::Sent | Status::Unknown);
    open.then(|| row.changes.last().map_or(row.updated_at, |entered| entered.at) + LAST_RECEIPT)
}
