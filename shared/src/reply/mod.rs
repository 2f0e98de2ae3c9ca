//! What a person meant by what they texted back: out, in, help, or something else.
//!
//! A body becomes plain words (`words`), and an ordered list of named rules (`rules`) is tried on them; the first that matches decides.
//! A rule is a few patterns over words (`pattern`), written as data in one table per language, over shared word lists (`classes`).
//! A word such as "stop" counts by its place in a clause, never as a substring.

mod categories;
mod classes;
mod pattern;
mod reaction;
mod rules;
mod spelling;
mod words;

use std::collections::BTreeSet;

pub use rules::names as rule_names;
use serde::Deserialize;

use crate::{kind::Category, phone::PhoneNumber};

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// No more texts at all.
    StopAll,
    /// No more texts of these categories; never empty.
    StopCategories(BTreeSet<Category>),
    /// Texts, or texts again.
    Start,
    /// To know what this is, or whom to ask.
    Help,
    /// Perhaps out: for a person to read. Nothing follows from it by itself.
    Unclear,
    /// Anything else: chatter.
    Other,
}

/// A reply as AWS publishes it (user guide, "two-way SMS payload"). It has no time: the SNS envelope has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InboundMessage {
    /// Who texted us.
    pub origination_number: PhoneNumber,
    /// The words.
    pub message_body: String,
    /// What AWS calls it.
    pub inbound_message_id: String,
}

/// How a reply was read, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the person wants.
    pub meaning: Meaning,
    /// The rule that says so, such as `keyword stop` or `phrase no more texts (en)`.
    pub rule: &'static str,
    /// Whether the toll-free network itself acts on it and answers: it knows exactly STOP, START and UNSTOP.
    pub network_keyword: bool,
}

/// Reads a reply, in English, Spanish or French, in time linear in its length.
///
/// Its measure is 47 CFR 64.1200(a)(10): out by any wording that a reasonable person would understand as that.
#[must_use]
pub fn read(body: &str) -> Reading {
    let (meaning, rule) = match reaction::beside_reaction(body) {
        None => rules::decide(words::plain_words(body)),
        Some(beside) => match rules::decide(words::plain_words(beside)) {
            // What stands beside a reaction may take consent back, but never gives it.
            (Meaning::Start | Meaning::Other, _) => (Meaning::Other, rules::REACTION),
            reading => reading,
        },
    };
    Reading { meaning, rule, network_keyword: is_network_keyword(body) }
}

impl Meaning {
    /// The name in rows and logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::StopAll => "stop_all",
            Self::StopCategories(_) => "stop_categories",
            Self::Start => "start",
            Self::Help => "help",
            Self::Unclear => "unclear",
            Self::Other => "other",
        }
    }
}

fn is_network_keyword(body: &str) -> bool {
    ["STOP", "START", "UNSTOP"].iter().any(|keyword| body.trim().eq_ignore_ascii_case(keyword))
}
