//! What a person means by a text to us: deterministic, and every reading names its rule.
//!
//! A revocation may be made "in any reasonable manner" (47 CFR 64.1200(a)(10)): seven words by themselves, and any wording that a reasonable person
//! would understand. So a reply is read in three steps, each over whole words and never by substring: what [`words`] it has once typography, accents and
//! apostrophes are gone; whether all of it is a [keyword](keywords) with what people put around one; and whether it has one of the [`phrases`].

mod keywords;
mod phrases;
mod words;

use serde::Serialize;

use crate::kind::Category;

/// What a reply means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// No more texts at all.
    StopAll,
    /// No more texts of these categories, in their order and each once.
    StopCategories(Vec<Category>),
    /// Texts again.
    Start,
    /// Who are you, and how do I stop this?
    Help,
    /// It may be an opt-out: somebody should read it.
    Unclear,
    /// Something else.
    Other,
}

/// A meaning, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// What it means.
    pub meaning: Meaning,
    /// The rule that says so.
    pub rule: &'static str,
    /// Whether the toll-free network itself acts on it and answers: the whole reply is STOP, START or UNSTOP.
    pub network_keyword: bool,
}

/// The names of all rules.
#[must_use]
pub fn rules() -> Vec<&'static str> {
    [keywords::RULES, &[NO_RULE]].concat().into_iter().chain(phrases::rules()).collect()
}

const NO_RULE: &str = "no rule matches";

/// Reads a reply. Of a very long one, its first 2,000 characters.
#[must_use]
pub fn read(body: &str) -> Reading {
    let words = words::words(body);
    let tokens = words.tokens.iter().map(String::as_str).collect::<Vec<_>>();
    let (meaning, rule) =
        keywords::read(&tokens, words.asks, words.first_sentence).or_else(|| phrases::read(&tokens)).unwrap_or((Meaning::Other, NO_RULE));
    let network_keyword = ["stop", "start", "unstop"].iter().any(|word| body.trim().eq_ignore_ascii_case(word));
    Reading { meaning, rule, network_keyword }
}
