//! What the pages say, once for each language.

mod english;
mod spanish;

use jiff::{SignedDuration, Zoned};
use sms::{
    consent::{Action, Method},
    gates::Gate,
    kind::{Category, Kind},
    message::Status,
    text::Locale,
};

/// Everything that a page says in one language.
pub struct Words {
    pub locale: Locale,
    /// The other language, in itself, and its code.
    pub other: (&'static str, Locale),
    pub title: &'static str,
    pub error: &'static str,
    pub skip: &'static str,
    pub language_switch: &'static str,
    pub stop: &'static str,
    pub stop_hint: &'static str,
    pub looking_only: &'static str,
    pub faults: &'static str,

    pub phone: &'static str,
    pub phone_proven: fn(&str) -> String,
    pub phone_unproven: fn(&str) -> String,
    pub phone_none: &'static str,
    pub phone_prove: &'static str,
    pub phone_change: &'static str,
    pub phone_change_hint: &'static str,
    pub phone_label: &'static str,
    pub phone_hint: &'static str,
    pub send_code: &'static str,
    pub code_sent_to: fn(&str) -> String,
    pub code_for: fn(i64) -> String,
    pub code_label: &'static str,
    pub code_hint: &'static str,
    pub check_code: &'static str,
    pub resend_code: &'static str,
    pub other_number: &'static str,

    pub texts: &'static str,
    pub texts_on: fn(&str) -> String,
    pub texts_off: &'static str,
    pub texts_stopped: &'static str,
    pub texts_label: &'static str,
    pub texts_needs_phone: &'static str,
    pub disclosure: fn(&str) -> String,
    pub kinds: &'static str,
    pub kinds_hint: &'static str,
    /// Its name, and what it means.
    pub category: fn(Category) -> (&'static str, &'static str),
    pub category_stopped: &'static str,
    pub example: &'static str,
    pub example_of: fn(&str) -> String,
    pub quiet: &'static str,
    pub quiet_hours: &'static str,
    pub zone_label: &'static str,
    pub zone_none: &'static str,
    pub zone_us: &'static str,
    pub language_label: &'static str,
    pub save: &'static str,

    pub history: &'static str,
    pub history_none: &'static str,
    pub history_older: &'static str,
    pub history_newest: &'static str,
    pub kind: fn(Kind) -> &'static str,
    pub status: fn(Status) -> &'static str,
    /// What a status means, where a gate did not say no.
    pub meaning: fn(Status) -> &'static str,
    pub why_sent: fn(Kind) -> &'static str,
    pub why_not: fn(Gate) -> &'static str,
    pub stopped_meanwhile: &'static str,
    pub code_hidden: &'static str,

    pub ledger: &'static str,
    pub ledger_hint: &'static str,
    pub ledger_none: &'static str,
    pub ledger_broken: &'static str,
    pub action: fn(Action) -> &'static str,
    pub method: fn(Method) -> &'static str,
    pub for_number: fn(&str) -> String,
    pub from_address: fn(&str) -> String,
    pub wording: fn(Option<&str>) -> String,

    pub footer: fn(&str) -> String,
    pub moment: fn(&Zoned) -> String,

    pub done_code: &'static str,
    pub done_proven: &'static str,
    pub done_saved: &'static str,
    pub done_stopped: &'static str,

    pub bad_phone: &'static str,
    pub bad_country: &'static str,
    pub too_many_codes: fn(SignedDuration) -> String,
    pub bad_code: &'static str,
    pub wrong_code: fn(u64) -> String,
    pub code_locked: &'static str,
    pub code_over: &'static str,
    pub no_kind: &'static str,
    pub bad_zone: &'static str,
    pub stale: &'static str,
    pub conflict: &'static str,

    pub no_link: &'static str,
    pub no_link_what: &'static str,
    pub not_from_here: &'static str,
    pub not_from_here_what: &'static str,
    pub broken: &'static str,
    pub broken_what: &'static str,
    pub opening: &'static str,
    pub again: &'static str,
}

impl Words {
    /// Those of `locale`.
    pub fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::En => &english::WORDS,
            Locale::Es => &spanish::WORDS,
        }
    }
}
