//! No cap is passed: counted from outside, by the texts that AWS took.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sms::{
    caps::Caps,
    content::Content,
    kind::{Class, Kind},
    message::Message,
    phone::PhoneNumber,
    quiet_hours::Place,
};
use uuid::Uuid;

use super::{taken::Taken, world::Broken};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Texts, and from when on each counts. One that was sent twice counts once.
type Counted = BTreeMap<Uuid, Timestamp>;

/// Of the texts that AWS took, no more are for one phone's day than `caps` allow, and no more within any hour.
pub fn caps_hold(rows: &[Message], taken: &[Taken], caps: &Caps, broken: &mut Broken) {
    let rows = rows.iter().map(|row| (row.message_id, row)).collect::<BTreeMap<_, _>>();
    let mut days = BTreeMap::<(&PhoneNumber, String), Counted>::new();
    let mut numbers = BTreeMap::<&PhoneNumber, Counted>::new();
    let mut words = BTreeMap::<(&PhoneNumber, &str), Counted>::new();
    for text in taken {
        let Some(row) = rows.get(&text.message_id) else { continue };
        // A text counts when it was admitted, or released.
        let at = row.release_at.unwrap_or(row.created_at);
        if row.class == Class::Promotional {
            days.entry((&text.phone, day(text, row, at))).or_default().insert(row.message_id, at);
        }
        if !is_last_word(row) {
            numbers.entry(&text.phone).or_default().insert(row.message_id, at);
        }
        // A code is never the same twice.
        if !is_last_word(row) && row.kind() != Kind::PhoneVerification {
            words.entry((&text.phone, text.body.as_str())).or_default().insert(row.message_id, at);
        }
    }
    for texts in days.values() {
        broken.unless(texts.len() <= caps.per_day, || format!("{} promotional texts came to one phone on one day", texts.len()));
    }
    for texts in numbers.values().map(most_within_an_hour) {
        broken.unless(texts <= caps.any_per_hour, || format!("{texts} texts came to one phone within an hour"));
    }
    for texts in words.values().map(most_within_an_hour) {
        broken.unless(texts <= caps.same_per_hour, || format!("{texts} texts with the same words came to one phone within an hour"));
    }
}

/// Whether it is the confirmation of "stop everything": the one text that passes every gate.
#[must_use]
pub fn is_last_word(row: &Message) -> bool {
    matches!(&row.content, Content::OptOutConfirmation(confirmation) if confirmation.categories.is_empty())
}

/// The day that it was for the person.
fn day(text: &Taken, row: &Message, at: Timestamp) -> String {
    Place::of(&text.phone, row.time_zone.as_deref()).map(|place| place.day(at)).unwrap_or_default()
}

fn most_within_an_hour(texts: &Counted) -> usize {
    let within = |start: &Timestamp| {
        let hour = *start..*start + HOUR;
        texts.values().filter(|at| hour.contains(*at)).count()
    };
    texts.values().map(within).max().unwrap_or_default()
}
