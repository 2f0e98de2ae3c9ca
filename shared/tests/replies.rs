//! What people text back, against a labelled corpus: `replies.tsv`, written by what a reasonable person means.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sms::{
    kind::Category,
    reply::{Meaning, read},
};

/// The corpus: body, meaning, line.
fn corpus() -> Vec<(String, Meaning, usize)> {
    let text = include_str!("replies.tsv");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    lines.map(|(n, line)| entry(line, n + 1)).collect()
}

fn entry(line: &str, n: usize) -> (String, Meaning, usize) {
    let (body, label) = line.split_once('\t').unwrap_or_else(|| panic!("line {n} has no tab"));
    let mut words = label.split(' ');
    let meaning = match words.next() {
        Some("stop_all") => Meaning::StopAll,
        Some("stop_categories") => Meaning::StopCategories(words.map(|name| category(name, n)).collect()),
        Some("start") => Meaning::Start,
        Some("help") => Meaning::Help,
        Some("unclear") => Meaning::Unclear,
        Some("other") => Meaning::Other,
        _ => panic!("line {n} has no meaning"),
    };
    (body.to_owned(), meaning, n)
}

fn category(name: &str, n: usize) -> Category {
    Category::ALL.into_iter().find(|category| category.as_str() == name).unwrap_or_else(|| panic!("line {n}: no category {name}"))
}

#[test]
fn every_reply_of_the_corpus_is_read_as_it_was_meant() {
    let corpus = corpus();
    assert!(corpus.len() >= 300, "{} replies", corpus.len());
    let wrong = corpus.iter().filter_map(|(body, meant, n)| {
        let reading = read(body);
        (reading.meaning != *meant).then(|| format!("line {n}: {body:?} is {meant:?}, read as {:?} by {}", reading.meaning, reading.rule))
    });
    let wrong = wrong.collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
}

#[test]
fn a_third_of_the_corpus_is_about_something_else() {
    let other = corpus().iter().filter(|(_, meaning, _)| *meaning == Meaning::Other).count();
    assert!(other >= 150, "{other}");
}

#[test]
fn every_rule_is_hit_by_the_corpus() {
    let hit = corpus().iter().map(|(body, ..)| read(body).rule).collect::<BTreeSet<_>>();
    let rules = sms::reply::rules().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(hit, rules);
}

#[test]
fn the_network_acts_on_three_words_and_on_nothing_else() {
    for body in ["STOP", " stop ", "Stop", "START", "unstop"] {
        assert!(read(body).network_keyword, "{body:?}");
    }
    for body in ["STOP please", "stop.", "UNSUBSCRIBE", "yes", "please stop texting me", ""] {
        assert!(!read(body).network_keyword, "{body:?}");
    }
}

#[test]
fn a_megabyte_is_read_as_quickly_as_its_beginning() {
    assert_eq!(read(&"stop ".repeat(200_000)).meaning, Meaning::Other);
    assert_eq!(read(&"dont ".repeat(200_000)).meaning, Meaning::Other);
    assert_eq!(read(&"\u{200b}".repeat(1_000_000)).meaning, Meaning::Other);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(body in any::<String>()) {
        drop(read(&body));
    }

    #[test]
    fn words_in_any_order_are_read_without_a_panic(words in proptest::collection::vec("(stop|dont|text|me|no|more|please|off|list|remove|my|number|~|\\^|\\$|\\?)", 0..40)) {
        drop(read(&words.join(" ")));
    }

    #[test]
    fn case_punctuation_and_space_change_nothing_about_a_keyword(
        word in "(stop|quit|end|cancel|unsubscribe|revoke|opt out|start|unstop|help|info)",
        before in "[ .!*]{0,3}",
        after in "[ .!*\n]{0,3}",
        upper in proptest::collection::vec(any::<bool>(), 12),
    ) {
        let cased = word.chars().zip(upper.iter().cycle()).map(|(c, upper)| if *upper { c.to_ascii_uppercase() } else { c });
        let reply = format!("{before}{}{after}", cased.collect::<String>());
        prop_assert_eq!(read(&reply).meaning, read(&word).meaning);
    }
}
