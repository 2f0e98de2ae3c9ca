//! What happened: every text with its reason, and every yes and no.

use maud::{Markup, html};
use sms::{
    consent::LedgerEntry,
    gates::Verdict,
    kind::Kind,
    message::{Message, Status},
};

use super::{Sight, ending};
use crate::{pages::words::Words, routes::messages::encode};

/// Everything that was ever sent, or not.
pub fn texts(sight: &Sight<'_>) -> Markup {
    let words = sight.words;
    html! {
        section #history aria-labelledby="history-heading" {
            h2 #history-heading { (words.history) }
            @if sight.history.messages.is_empty() {
                p { (words.history_none) }
            } @else {
                ol.entries { @for message in &sight.history.messages { (text(sight, message)) } }
            }
            @if sight.older || sight.history.next.is_some() {
                nav.beside aria-label=(words.history) {
                    @if sight.older {
                        a href={ (sight.address(&[])) "#history" } { (words.history_newest) }
                    }
                    @if let Some(next) = &sight.history.next {
                        a href={ (sight.address(&[("before", &encode(next))])) "#history" } { (words.history_older) }
                    }
                }
            }
        }
    }
}

fn text(sight: &Sight<'_>, message: &Message) -> Markup {
    let words = sight.words;
    html! {
        li {
            h3 { ((words.kind)(message.kind())) }
            p.facts {
                (sight.moment(message.created_at))
                span.status.good[matches!(message.status, Status::Delivered | Status::Sent)] { ((words.status)(message.status)) }
            }
            p { (reason(words, message)) }
            @match &message.body {
                Some(body) => { p.said lang=(message.locale.as_str()) { (body) } }
                None if message.kind() == Kind::PhoneVerification => { p.hint { (words.code_hidden) } }
                None => {}
            }
        }
    }
}

/// Why it was or was not sent, and what became of it.
fn reason(words: &Words, message: &Message) -> String {
    let failed = message.gates.iter().find(|step| step.verdict == Verdict::Fail);
    match (failed, message.status) {
        (Some(step), _) => (words.why_not)(step.gate).to_owned(),
        (None, Status::Suppressed) => words.stopped_meanwhile.to_owned(),
        (None, status) => format!("{} {}", (words.why_sent)(message.kind()), (words.meaning)(status)).trim().to_owned(),
    }
}

/// Every yes and no.
pub fn ledger(sight: &Sight<'_>) -> Markup {
    let words = sight.words;
    html! {
        section #ledger aria-labelledby="ledger-heading" {
            h2 #ledger-heading { (words.ledger) }
            @if sight.broken {
                p.fault { strong { (words.ledger_broken) } }
            }
            @if sight.ledger.is_empty() {
                p { (words.ledger_none) }
            } @else {
                p.hint { (words.ledger_hint) }
                ol.entries { @for entry in sight.ledger.iter().rev() { (said(sight, entry)) } }
            }
        }
    }
}

fn said(sight: &Sight<'_>, entry: &LedgerEntry) -> Markup {
    let words = sight.words;
    let statement = &entry.statement;
    html! {
        li {
            h3 { ((words.action)(statement.action)) }
            p.facts { (sight.moment(statement.at)) }
            p {
                ((words.method)(statement.method))
                @if let Some(phone) = &statement.phone { ", " ((words.for_number)(ending(phone))) }
                @if let Some(address) = &statement.ip { ", " ((words.from_address)(address)) }
                "."
            }
            @if let Some(wording) = &statement.wording {
                details { summary { ((words.wording)(statement.disclosure_version.as_deref())) } p.said { (wording) } }
            }
        }
    }
}
