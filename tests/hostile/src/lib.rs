//! Everything that reads what others wrote, as functions of bytes that must hold whatever the bytes are.
//!
//! `cargo fuzz` looks for bytes for which they do not (`fuzz/`); what it found on the way is in `fuzz/corpus/`, and is tried again by every `cargo test`,
//! as are thousands of mutations of it.

mod request;

use std::fmt::Display;

use aws_lambda_events::event::sqs::SqsEvent;
use jiff::Timestamp;
use sms::{
    delivery::{CONTEXT_MESSAGE_ID, DeliveryEvent},
    encoding::Size,
    event::Event,
    lambda::{Notification, unreadable},
    message::{Message, useful_until},
    money::MicroUsd,
    phone::PhoneNumber,
    queues::{OptOutOrder, SendJob},
    reply::{self, InboundMessage},
    text::{House, Locale, render},
    token::{TokenKeys, form_proof, proves},
};

pub use request::request;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: &[(&str, Target)] =
    &[("event", event), ("batch", batch), ("receipt", receipt), ("reply", reply), ("order", order), ("token", token), ("request", request)];

/// Digits in a row that may be part of somebody's number, of a code, or of a date: an error repeats so many by no accident.
const TELLING: usize = 7;

/// Letters and digits in a row that may be part of a token, a key or a link: no name of ours has both and is so long.
const SECRET: usize = 16;

/// What is said of bad input must not repeat it: whoever reads the log would read what a person wrote.
fn quotes_nothing(error: impl Display, input: &str) {
    let error = error.to_string();
    let quoted = runs(input).find(|run| error.contains(run));
    assert!(quoted.is_none(), "an error repeats what it complains about: {error}");
    assert!(error.len() < 400 && !error.contains('\n') && !error.contains('\0'), "an error for a log is one short line: {error}");
}

/// Runs of digits that are long enough to be a number, and of letters and digits that are long enough to be a secret.
fn runs(input: &str) -> impl Iterator<Item = &str> {
    let numbers = input.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= TELLING);
    let words = input.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| run.len() >= SECRET);
    numbers.chain(words.filter(|run| run.contains(|c: char| c.is_ascii_digit()) && run.contains(|c: char| c.is_ascii_alphabetic())))
}

fn house() -> House {
    House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() }
}

/// Some day: a target gives the same answer at all times.
fn now() -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// An event of the main app: read, said in both languages, and kept in a row that reads as it was written.
pub fn event(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let event = match Event::parse(text) {
        Ok(event) => event,
        Err(error) => return quotes_nothing(error, text),
    };
    for locale in [Locale::En, Locale::Es] {
        match render(&event.content, locale, &house(), now(), "123456") {
            Ok(text) => assert!(
                Size::is_sendable(&text.body) && (1..=3).contains(&text.size.parts) && text.size == Size::of(&text.body),
                "a text that cannot be sent"
            ),
            Err(error) => quotes_nothing(error, text),
        }
    }
    let until = useful_until(&event.content, now());
    let row = Message { user_id: Some(event.user_id.clone()), ..Message::new(event.message_id(), event.content, until, now()) };
    let item: sms::stores::Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(&row).expect("a row is an item");
    let read: Message = serde_dynamo::aws_sdk_dynamodb_1::from_item(item).expect("an item is a row");
    assert_eq!(read, row);
}

/// What Lambda hands over: a batch of SQS records.
pub fn batch(bytes: &[u8]) {
    let Ok(batch) = serde_json::from_slice::<SqsEvent>(bytes) else { return };
    for body in batch.records.iter().filter_map(|record| record.body.as_deref()) {
        event(body.as_bytes());
        receipt(body.as_bytes());
        reply(body.as_bytes());
        order(body.as_bytes());
    }
}

/// A delivery event of AWS, in the envelope of SNS or without it.
pub fn receipt(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let message = published(text);
    let event = match serde_json::from_str::<DeliveryEvent>(&message) {
        Ok(event) => event,
        Err(error) => return quotes_nothing(unreadable("a delivery event", &error), &message),
    };
    for price in [event.price(), event.carrier_fee()].into_iter().flatten() {
        assert!(price >= MicroUsd(0), "a receipt that pays us");
    }
    if let Some(id) = event.own_message_id() {
        let named = event.context.get(CONTEXT_MESSAGE_ID).map(|name| name.to_ascii_lowercase().replace('-', ""));
        assert!(named.is_some_and(|name| name.contains(&id.simple().to_string())), "a message that the event does not name");
    }
    drop((event.meaning(), event.carrier(), event.is_opt_out()));
}

/// What a person texted, in the envelope of SNS, in AWS's payload, or as it is.
pub fn reply(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let message = published(text);
    let body = match serde_json::from_str::<InboundMessage>(&message) {
        Ok(message) => message.message_body,
        Err(error) => {
            quotes_nothing(unreadable("a reply", &error), &message);
            message
        }
    };
    let reading = reply::read(&body);
    assert!(reply::rule_names().any(|name| reading.rule.ends_with(name) || name == reading.rule), "a rule without a name: {}", reading.rule);
    // Space around it, and what nobody sees, is not an opinion.
    assert_eq!(reply::read(&format!(" \u{200b}{body}\u{200e}\n")).meaning, reading.meaning, "{body:?}");
}

/// What functions put on queues for one another, which somebody may have put there by hand.
pub fn order(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(error) = serde_json::from_str::<SendJob>(text) {
        quotes_nothing(unreadable("a send job", &error), text);
    }
    if let Ok(order) = serde_json::from_str::<OptOutOrder>(text) {
        // Of an instant we write milliseconds, whatever somebody else may have written.
        let written = serde_json::to_string(&order).expect("an order is JSON");
        let read = serde_json::from_str::<OptOutOrder>(&written).expect("an order reads as it was written");
        assert_eq!(serde_json::to_string(&read).expect("an order is JSON"), written);
    }
    if let Ok(phone) = text.parse::<PhoneNumber>() {
        assert!(phone.as_e164().starts_with('+') && phone.as_e164().len() <= 16 && phone.as_e164()[1..].bytes().all(|byte| byte.is_ascii_digit()));
        assert!(!phone.masked().contains(&phone.as_e164()[..phone.as_e164().len() - 4]), "a masked number that is none");
    }
}

/// A token: what was not signed is not let in, and what is let in was signed.
pub fn token(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (current, previous) = ("k".repeat(64), "p".repeat(64));
    let keys = TokenKeys::new(&format!(r#"{{"current": "{current}", "previous": "{previous}"}}"#)).expect("keys");
    let earlier = TokenKeys::new(&format!(r#"{{"current": "{previous}"}}"#)).expect("keys");
    match keys.read(text, now()) {
        Ok(claims) => assert!([&keys, &earlier].into_iter().any(|keys| keys.sign(&claims) == text), "let in, and never signed"),
        Err(error) => quotes_nothing(error, text),
    }
    assert!(proves(&form_proof(text), text));
    assert!(!proves(text, text));
    drop(TokenKeys::new(text));
}

/// What SNS wrapped, or the text itself.
fn published(text: &str) -> String {
    match Notification::parse(text) {
        Ok(notification) => notification.message,
        Err(error) => {
            quotes_nothing(error, text);
            text.to_owned()
        }
    }
}
