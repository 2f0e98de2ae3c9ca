//! The rules in their order, and the first of them that matches.
//!
//! They are ordered by how sure they are, stage by stage, each stage in all languages.
//! Where two readings are possible, the stricter one counts if the person would expect it; where nobody can know, the reply is unclear and kept.

mod english;
mod french;
mod keywords;
mod spanish;

use std::{collections::BTreeSet, sync::LazyLock};

use super::{
    Meaning,
    pattern::{Match, Pattern, TAKEN},
};
use crate::kind::Category;

/// A rule: its name and its patterns.
type Rule = (&'static str, &'static [&'static str]);

/// The rules of a language, in the order of their stages.
struct Language {
    /// Out, though the words look like a negation or a question: "why don't you stop texting me".
    demands: &'static [Rule],
    /// Words that have nothing to do with texts, and are taken out: "stop by", "don't stop", "bus stop".
    harmless: &'static [Rule],
    /// May mean out, or may not: takes itself back, is limited in time, jokes, asks.
    doubts: &'static [Rule],
    /// Everything out but the categories it names.
    spared: &'static [Rule],
    /// The categories it names out.
    named: &'static [Rule],
    /// Out.
    stop: &'static [Rule],
    /// In. Consent is read narrowly: almost only where nothing else is said.
    start: &'static [Rule],
    /// Help.
    help: &'static [Rule],
    /// A keyword first, then something unknown: out, as the network and AWS read it.
    leading: &'static [Rule],
    /// Not sure what: kept for review.
    hints: &'static [Rule],
}

#[derive(Clone, Copy)]
enum Verdict {
    Harmless,
    StopAll,
    StopNamed,
    StopOthers,
    Start,
    Help,
    Unclear,
}

struct Compiled {
    name: &'static str,
    verdict: Verdict,
    patterns: Vec<Pattern>,
}

type Stage = (Verdict, fn(&Language) -> &'static [Rule]);

const STAGES: [Stage; 10] = [
    (Verdict::StopAll, |language| language.demands),
    (Verdict::Harmless, |language| language.harmless),
    (Verdict::Unclear, |language| language.doubts),
    (Verdict::StopOthers, |language| language.spared),
    (Verdict::StopNamed, |language| language.named),
    (Verdict::StopAll, |language| language.stop),
    (Verdict::Start, |language| language.start),
    (Verdict::Help, |language| language.help),
    (Verdict::StopAll, |language| language.leading),
    (Verdict::Unclear, |language| language.hints),
];

const LANGUAGES: [&Language; 4] = [&keywords::RULES, &english::RULES, &spanish::RULES, &french::RULES];

/// The rule for reactions, which are known before any word is read.
pub(super) const REACTION: &str = "reaction to a text";
const NOTHING: &str = "no words";
const CHATTER: &str = "chatter";

static ORDERED: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let mut ordered = Vec::new();
    for (verdict, stage) in STAGES {
        for (name, patterns) in LANGUAGES.into_iter().flat_map(stage) {
            ordered.push(Compiled { name, verdict, patterns: patterns.iter().map(|pattern| Pattern::new(pattern)).collect() });
        }
    }
    ordered
});

/// The names of all rules, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    [REACTION, NOTHING].into_iter().chain(ORDERED.iter().map(|rule| rule.name)).chain([CHATTER])
}

/// What `words` mean, and the rule that says so.
pub(super) fn decide(mut words: Vec<String>) -> (Meaning, &'static str) {
    if words.is_empty() {
        return (Meaning::Other, NOTHING);
    }
    let mut harmless = None;
    for rule in ORDERED.iter() {
        if matches!(rule.verdict, Verdict::Harmless) {
            if rule.take_out(&mut words) {
                harmless = harmless.or(Some(rule.name));
            }
        } else if let Some(found) = rule.patterns.iter().find_map(|pattern| pattern.find(&words)) {
            return (rule.verdict.meaning(found), rule.name);
        }
    }
    (Meaning::Other, harmless.unwrap_or(CHATTER))
}

impl Compiled {
    /// Takes out all that the rule calls harmless; whether there was anything.
    fn take_out(&self, words: &mut [String]) -> bool {
        let mut taken = false;
        for pattern in &self.patterns {
            while let Some(Match { start, end, .. }) = pattern.find(words).filter(|found| found.end > found.start) {
                words[start..end].fill(TAKEN.to_owned());
                taken = true;
            }
        }
        taken
    }
}

impl Verdict {
    fn meaning(self, found: Match) -> Meaning {
        match self {
            Self::Harmless => Meaning::Other,
            Self::StopAll => Meaning::StopAll,
            Self::StopNamed => some(found.named),
            Self::StopOthers => some(Category::ALL.into_iter().filter(|category| !found.named.contains(category)).collect()),
            Self::Start => Meaning::Start,
            Self::Help => Meaning::Help,
            Self::Unclear => Meaning::Unclear,
        }
    }
}

/// Categories, of which there must be some; all of them are still categories: security alerts go on.
fn some(categories: BTreeSet<Category>) -> Meaning {
    if categories.is_empty() { Meaning::Unclear } else { Meaning::StopCategories(categories) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LANGUAGES, STAGES};
    use crate::reply::{classes, spelling, words::squeezed};

    /// The words and classes of all patterns, without their signs.
    fn parts() -> BTreeSet<&'static str> {
        let rules = STAGES.iter().flat_map(|(_, stage)| LANGUAGES.into_iter().flat_map(stage));
        let steps = rules.flat_map(|(_, patterns)| patterns.iter().flat_map(|pattern| pattern.split(' ')));
        let steps = steps.filter(|step| !step.starts_with("..") && !["^", "$", "^^", "$$", "?", ".", ","].contains(step));
        steps.flat_map(|step| step.trim_end_matches(['?', '*']).split('|')).filter(|part| !["", ".", ","].contains(part)).collect()
    }

    #[test]
    fn every_class_of_a_pattern_exists() {
        for class in parts().into_iter().filter_map(|part| part.strip_prefix('@')) {
            assert!(["categories", "name", "doing"].contains(&class) || !classes::words(class).is_empty(), "@{class}");
        }
    }

    #[test]
    fn a_word_of_a_pattern_or_class_is_spelled_as_replies_are_once_they_are_plain() {
        let of_classes = classes::names().flat_map(classes::words);
        let words = parts().into_iter().filter(|part| !part.starts_with('@')).chain(of_classes);
        let odd: Vec<&str> = words.filter(|word| ![".", ",", "?"].contains(word) && spelling::canonical(word) != squeezed(word)).collect();
        assert!(odd.is_empty(), "can never match: {odd:?}");
    }
}
