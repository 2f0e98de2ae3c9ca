//! What holds after every act: system and reference agree, no limit is passed, and nothing open is forgotten.

use jiff::Timestamp;
use sms::kind::Class;

use super::{
    cast::{DAY, HOUR, Number, Person, timestamp},
    judge::day,
    ledger::{self, Month, month},
    reference::Model,
    system::{Row, System},
    text::Text,
};

pub fn rows_agree(model: &Model, system: &System) {
    assert_eq!(model.texts.len(), system.rows.len(), "as many rows as texts");
    for (text, (id, row)) in model.texts.iter().zip(&system.rows) {
        assert_eq!(text.id, *id);
        agree(text, row);
        let is_left_for_good = text.is_out() && row.message.settled.is_some();
        assert!(!text.is_open() || row.due_at.is_some() || is_left_for_good, "nobody looks at {text:?}");
    }
}

pub fn gates_agree(model: &Model, system: &System) {
    assert_eq!(system.trail, model.trail, "what the gates said");
}

/// What was booked is what should be, and no limit is passed.
pub fn books_balance(model: &Model, system: &System) {
    let this = month(model.now);
    for month in this - 1..=this + 1 {
        the_money_adds_up(model, system, month);
    }
    for person in Person::LIVELY {
        the_day_has_room(model, system, person);
    }
    for number in Number::ALL {
        the_hour_has_room(model, system, number);
    }
}

fn agree(text: &Text, row: &Row) {
    let (message, id) = (&row.message, text.id);
    assert_eq!(message.status, text.status, "the status of {id}");
    assert_eq!(message.attempts, text.attempts, "the attempts of {id}");
    assert_eq!(row.due_at.map(Timestamp::as_millisecond), text.look_at, "when {id} is due, which is {:?}", text.status);
    assert_eq!(message.reserved.as_ref().map(|reserved| reserved.amount.0), text.reserved, "what is reserved for {id}");
    assert_eq!(message.settled.map(|cost| cost.0), text.settled, "what {id} has cost");
    assert_eq!(message.erased_at.is_some(), text.is_erased, "whether {id} is anybody's");
}

/// The month's money is what is reserved and what was billed, and what was reserved of it never was too much.
fn the_money_adds_up(model: &Model, system: &System, month: Month) {
    let spent = system.books.spent(&ledger::name(month));
    assert_eq!(spent.committed.0, model.ledger.committed(month), "what is committed");
    let mut reserved = spent.committed.0;
    for (class, promotional) in [(Class::Promotional, true), (Class::Transactional, false)] {
        assert_eq!(spent.by(class).0, model.ledger.committed_by(promotional, month), "what is committed to {class:?}");
        let unforeseen = model.ledger.unforeseen_by(promotional, month);
        reserved -= unforeseen;
        let own = system.rules.budget.of(class);
        assert!(own.is_none_or(|own| spent.by(class).0 - unforeseen <= own.0), "{} of {own:?} are committed to {class:?}", spent.by(class));
    }
    let monthly = system.rules.budget.monthly;
    assert!(reserved <= monthly.0, "{} of {monthly} are committed", spent.committed);
}

fn the_day_has_room(model: &Model, system: &System, person: Person) {
    let today = day(person.number(), model.now);
    for day in [today, today + 1] {
        let name = timestamp(day * DAY).strftime("%F").to_string();
        let counted = system.books.day(&person.user_id(), &name);
        assert_eq!(counted, model.ledger.on_day(person, day), "the texts of {person:?} on {name}");
        assert!(counted <= system.rules.caps.per_day, "{counted} texts to {person:?} on {name}");
    }
}

fn the_hour_has_room(model: &Model, system: &System, number: Number) {
    let since = model.now - HOUR;
    let mut counted = system.books.hours(&number.phone()).texts.into_values().filter(|text| text.at > since).collect::<Vec<_>>();
    counted.sort_by_key(|text| text.at);
    let mut meant =
        model.ledger.places().filter(|place| place.number == number && place.goes_at > since).map(|place| place.goes_at).collect::<Vec<_>>();
    meant.sort_unstable();
    assert!(counted.iter().map(|text| text.at).eq(meant.iter().copied()), "the texts to {number:?}: {counted:?}, not {meant:?}");
    for first in &counted {
        let hour = || counted.iter().filter(|text| (first.at..first.at + HOUR).contains(&text.at));
        assert!(hour().count() <= system.rules.caps.any_per_hour, "{number:?} has too many texts in an hour");
        let same = hour().filter(|text| text.words.is_some() && text.words == first.words).count();
        assert!(same <= system.rules.caps.same_per_hour, "{number:?} has the same words too often in an hour");
    }
}
