//! The pages as HTML.

mod document;
mod history;
mod settings;
mod zones;

use axum::{http::StatusCode, response::Response};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use maud::{Markup, html};
use sms::{
    consent::LedgerEntry,
    opt_out::OptOut,
    phone::PhoneNumber,
    recipient::Recipient,
    stores::{Cursor, Page},
    text::{House, Locale},
    verification::Verification,
};

use super::{
    acts::{Act, Fault, Field},
    form::Form,
    language_asked_for,
    visitor::Visitor,
    words::Words,
};
use crate::{api::Api, problem::Problem, routes::messages};

pub use document::{broken, no_link, not_from_here, opening};

/// Everything that the page shows.
pub struct Sight<'a> {
    words: &'static Words,
    /// The language that the switch asked for; what is saved does not know it.
    language: Option<Locale>,
    may_change: bool,
    proof: String,
    recipient: Recipient,
    opt_out: Option<OptOut>,
    /// The code that is waited for.
    verification: Option<Verification>,
    history: Page,
    /// Whether the history begins further back than with the newest text.
    older: bool,
    ledger: Vec<LedgerEntry>,
    broken: bool,
    zone: TimeZone,
    now: Timestamp,
    house: &'a House,
}

/// What is to be said first.
#[derive(Default)]
pub struct Notice {
    done: Option<fn(&Words) -> &'static str>,
    faults: Vec<Fault>,
}

/// Texts on one page.
const TEXTS: i32 = 10;

impl<'a> Sight<'a> {
    /// What `visitor` may see; `asked` is the query, or the form that was sent.
    pub async fn of(api: &'a Api, visitor: &Visitor, asked: &Form) -> Result<Self, Problem> {
        let cursor: Option<Cursor> = messages::decode(asked.get("before"));
        let (known, history, checked, verification) = tokio::try_join!(
            api.person_and_opt_out(&visitor.user_id),
            async { Ok(api.messages.of(&visitor.user_id, cursor.as_ref(), TEXTS).await?) },
            api.checked_ledger(&visitor.user_id),
            api.waited_for(visitor, asked.get("verification")),
        )?;
        let (recipient, opt_out) = known;
        let (_, ledger, broken) = checked;
        let language = language_asked_for(asked);
        let zone = recipient.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        Ok(Self {
            words: Words::of(language.unwrap_or_else(|| recipient.text_locale())),
            language,
            may_change: visitor.may_change,
            proof: visitor.proof(),
            recipient,
            opt_out,
            verification,
            history,
            older: cursor.is_some(),
            ledger,
            broken: broken.is_some(),
            zone,
            now: api.now(),
            house: &api.rules.house,
        })
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    fn moment(&self, at: Timestamp) -> Markup {
        html! { time datetime=(sms::moment::text(at)) { ((self.words.moment)(&self.local(at))) } }
    }

    /// The fields that every form has.
    fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="proof" value=(self.proof);
            @if let Some(language) = self.language {
                input type="hidden" name="lang" value=(language.as_str());
            }
        }
    }

    /// The address of this page with other parameters.
    fn address(&self, parameters: &[(&str, &str)]) -> String {
        address(self.language, parameters)
    }
}

impl Api {
    /// The verification `id`, if it is the visitor's and its code may still be given.
    async fn waited_for(&self, visitor: &Visitor, id: &str) -> Result<Option<Verification>, Problem> {
        let Ok(id) = id.parse() else { return Ok(None) };
        let found = self.verifications.get(id).await?;
        Ok(found.filter(|row| row.user_id == visitor.user_id && row.repeats.is_none() && row.is_open(self.now())))
    }
}

impl Notice {
    /// Of what was done, by its name in the address.
    pub fn done(name: &str) -> Self {
        let done: Option<fn(&Words) -> &'static str> = match name {
            "code" => Some(|words| words.done_code),
            "proven" => Some(|words| words.done_proven),
            "saved" => Some(|words| words.done_saved),
            "stopped" => Some(|words| words.done_stopped),
            _ => None,
        };
        Self { done, faults: Vec::new() }
    }

    /// Of what is wrong. Where no code is waited for any more, its faults stand beside the field that asks for a new one.
    pub fn refused(mut faults: Vec<Fault>, sight: &Sight<'_>) -> Self {
        for fault in &mut faults {
            if fault.field == Field::Code && sight.verification.is_none() {
                fault.field = Field::Phone;
            }
        }
        Self { done: None, faults }
    }

    fn at(&self, field: Field) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.field == field)
    }

    /// The fault of a field, to stand beside it.
    fn beside(&self, field: Field, words: &Words) -> Markup {
        html! {
            @if let Some(fault) = self.at(field) {
                p.fault id={ (field.id()) "-fault" } { strong { (words.error) ": " } ((fault.words)(words)) }
            }
        }
    }

    /// What describes a field: its fault, if it has one, and its hint.
    fn described(&self, field: Field, hint: &str) -> String {
        if self.at(field).is_some() { format!("{}-fault {hint}", field.id()) } else { hint.to_owned() }
    }

    fn invalid(&self, field: Field) -> Option<&'static str> {
        self.at(field).map(|_| "true")
    }
}

/// The whole page.
pub fn page(status: StatusCode, sight: &Sight<'_>, notice: &Notice, typed: &Form) -> Response {
    let words = sight.words;
    let content = html! {
        (self::notice(sight, notice))
        (settings::phone(sight, notice, typed))
        (settings::texts(sight, notice, typed))
        (history::texts(sight))
        (history::ledger(sight))
    };
    let other = sight.words.other.1;
    let switch = address(Some(other), &[]);
    let title = if notice.faults.is_empty() { words.title.to_owned() } else { format!("{}: {}", words.error, words.title) };
    document::whole(status, words, &title, Some(&switch), &stop(sight), &content, &sight.house.support_contact)
}

/// The button that is always in sight.
fn stop(sight: &Sight<'_>) -> Markup {
    html! {
        @if sight.may_change {
            form method="post" action="preferences" {
                (sight.hidden())
                button.stop name="act" value=(Act::Stop.as_str()) { (sight.words.stop) span.hidden { ", " (sight.words.stop_hint) } }
            }
        }
    }
}

fn notice(sight: &Sight<'_>, notice: &Notice) -> Markup {
    let words = sight.words;
    html! {
        @if let Some(done) = notice.done {
            p.done #done role="status" tabindex="-1" { (done(words)) }
        }
        @if !notice.faults.is_empty() {
            div.faults role="alert" {
                h2 { (words.faults) }
                ul {
                    @for fault in &notice.faults {
                        li {
                            @if fault.field == Field::Page { ((fault.words)(words)) } @else { a href={ "#" (fault.field.id()) } { ((fault.words)(words)) } }
                        }
                    }
                }
            }
        }
        @if !sight.may_change && notice.faults.is_empty() {
            p.note { (words.looking_only) }
        }
    }
}

/// The address of the page, relative to itself. Parameters that are empty are left out.
pub fn address(language: Option<Locale>, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(language.map(|language| ("lang", language.as_str())));
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() { "preferences".to_owned() } else { format!("preferences?{query}") }
}

/// Enough of a number to know it by: its last four digits.
fn ending(phone: &PhoneNumber) -> &str {
    let digits = phone.as_e164();
    &digits[digits.len() - 4..]
}

/// A number as people write it, for who has just typed it.
fn written(phone: &PhoneNumber) -> String {
    match phone.as_e164().strip_prefix("+1") {
        Some(national) if national.len() == 10 => format!("+1 {} {} {}", &national[..3], &national[3..6], &national[6..]),
        _ => phone.as_e164().to_owned(),
    }
}
