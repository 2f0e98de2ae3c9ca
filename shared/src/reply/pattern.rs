//! A small language of patterns over plain words.
//!
//! A pattern is a row of steps. A step is a word, several with `|` between them, or a class (`@messages`);
//! `?` after it makes it optional, `*` lets it come any number of times. Besides there are
//!
//! * `^` and `$`: a clause begins or ends here; `^^` and `$$`: the whole body does;
//! * `..3`: up to three words of the same clause;
//! * `@categories`: names of categories, which the match tells; `@name`: a word that could be anything's name; `@doing`: a word in -ing;
//! * `.`, `,` and `?` alone: a break.

use std::collections::{BTreeSet, HashSet};

use super::{
    categories, classes,
    words::{is_break, squeezed},
};
use crate::kind::Category;

/// A pattern, ready to be matched.
pub(super) struct Pattern(Vec<Step>);

/// Where a pattern matched, and the categories it named.
pub(super) struct Match {
    pub start: usize,
    pub end: usize,
    pub named: BTreeSet<Category>,
}

/// What stands for a word that a rule took out as harmless: it matches nothing.
pub(super) const TAKEN: &str = "";

struct Step {
    what: What,
    least: usize,
    most: usize,
}

enum What {
    Word(Words),
    ClauseStart,
    ClauseEnd,
    BodyStart,
    BodyEnd,
    Categories,
}

enum Words {
    Any,
    Name,
    Doing,
    Of(HashSet<String>),
}

impl Pattern {
    pub fn new(pattern: &str) -> Self {
        Self(pattern.split_whitespace().map(Step::new).collect())
    }

    /// The first match in `words`.
    pub fn find(&self, words: &[String]) -> Option<Match> {
        (0..=words.len()).find_map(|start| matched(&self.0, words, start).map(|(end, named)| Match { start, end, named }))
    }
}

impl Step {
    fn new(step: &str) -> Self {
        let once = |what| Self { what, least: 1, most: 1 };
        match step {
            "^" => once(What::ClauseStart),
            "$" => once(What::ClauseEnd),
            "^^" => once(What::BodyStart),
            "$$" => once(What::BodyEnd),
            "@categories" => once(What::Categories),
            "?" => once(What::Word(Words::new(step))),
            _ => {
                if let Some(most) = step.strip_prefix("..") {
                    return Self { what: What::Word(Words::Any), least: 0, most: most.parse().unwrap_or(0) };
                }
                let (words, least, most) = match (step.strip_suffix('?'), step.strip_suffix('*')) {
                    (Some(words), _) => (words, 0, 1),
                    (_, Some(words)) => (words, 0, usize::MAX),
                    _ => (step, 1, 1),
                };
                Self { what: What::Word(Words::new(words)), least, most }
            }
        }
    }
}

impl Words {
    fn new(words: &str) -> Self {
        match words {
            "@name" => Self::Name,
            "@doing" => Self::Doing,
            _ => Self::Of(words.split('|').flat_map(listed).map(squeezed).collect()),
        }
    }

    fn has(&self, word: &str) -> bool {
        match self {
            Self::Any => !is_break(word) && word != TAKEN,
            Self::Name => Self::Any.has(word) && !is_doing(word) && !classes::contains("nameless", word),
            Self::Doing => is_doing(word) && !classes::contains("contacting", word) && !classes::contains("notdoing", word),
            Self::Of(words) => words.contains(word),
        }
    }
}

/// The words of a class, or the word itself.
fn listed(word: &str) -> Vec<&str> {
    match word.strip_prefix('@') {
        Some(class) => classes::words(class),
        None => vec![word],
    }
}

fn is_doing(word: &str) -> bool {
    word.len() >= 5 && word.ends_with("ing")
}

/// The end of the longest match of `steps` on `words` from `at` on, with what it named.
fn matched(steps: &[Step], words: &[String], at: usize) -> Option<(usize, BTreeSet<Category>)> {
    let Some((step, rest)) = steps.split_first() else {
        return Some((at, BTreeSet::new()));
    };
    let holds = match &step.what {
        What::Word(wanted) => {
            let most = words[at..].iter().take(step.most).take_while(|word| wanted.has(word)).count();
            return (step.least..=most).rev().find_map(|count| matched(rest, words, at + count));
        }
        What::Categories => {
            let (end, named) = categories::named(words, at)?;
            return matched(rest, words, end).map(|(end, _)| (end, named));
        }
        What::ClauseStart => at == 0 || is_break(&words[at - 1]),
        What::ClauseEnd => words.get(at).is_none_or(|word| is_break(word)),
        What::BodyStart => at == 0,
        What::BodyEnd => words[at..].iter().all(|word| word == "?"),
    };
    if holds { matched(rest, words, at) } else { None }
}
