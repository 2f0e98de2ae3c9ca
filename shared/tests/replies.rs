//! The corpus of replies, read as labelled; and what holds for any reply.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
    time::Duration,
};

use proptest::prelude::*;
use sms::{
    kind::Category,
    reply::{self, Meaning},
};

/// A line of the corpus.
struct Labelled {
    line: usize,
    body: String,
    meaning: Meaning,
}

/// Keywords that say everything by themselves.
const KEYWORDS: [(&str, Meaning); 17] = [
    ("stop", Meaning::StopAll),
    ("stopall", Meaning::StopAll),
    ("end", Meaning::StopAll),
    ("quit", Meaning::StopAll),
    ("cancel", Meaning::StopAll),
    ("revoke", Meaning::StopAll),
    ("remove", Meaning::StopAll),
    ("opt out", Meaning::StopAll),
    ("opt-out", Meaning::StopAll),
    ("optout", Meaning::StopAll),
    ("unsubscribe", Meaning::StopAll),
    ("arret", Meaning::StopAll),
    ("td", Meaning::StopAll),
    ("start", Meaning::Start),
    ("unstop", Meaning::Start),
    ("help", Meaning::Help),
    ("info", Meaning::Help),
];

static CORPUS: LazyLock<Vec<Labelled>> =
    LazyLock::new(|| include_str!("replies.tsv").lines().enumerate().filter_map(|(index, text)| labelled(index + 1, text)).collect());

fn labelled(line: usize, text: &str) -> Option<Labelled> {
    if text.is_empty() || text.starts_with("# ") || text == "#" {
        return None;
    }
    let (body, label) = text.split_once('\t').unwrap_or_else(|| panic!("line {line}: no tab"));
    Some(Labelled { line, body: unescaped(body), meaning: meaning(label).unwrap_or_else(|| panic!("line {line}: no meaning {label:?}")) })
}

/// `body` with its `\n`, `\t` and `\uXXXX` as what they stand for.
fn unescaped(body: &str) -> String {
    let mut parts = body.split('\\');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix('u') {
            let (code, rest) = rest.split_at(4);
            whole.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
            whole.push_str(rest);
        } else if let Some(rest) = part.strip_prefix('n') {
            whole.push('\n');
            whole.push_str(rest);
        } else {
            whole.push_str(&part.replacen('t', "\t", 1));
        }
    }
    whole
}

fn meaning(label: &str) -> Option<Meaning> {
    if let Some(names) = label.strip_prefix("stop_categories ") {
        return names.split(',').map(category).collect::<Option<_>>().map(Meaning::StopCategories);
    }
    [Meaning::StopAll, Meaning::Start, Meaning::Help, Meaning::Unclear, Meaning::Other].into_iter().find(|meaning| meaning.as_str() == label)
}

fn category(name: &str) -> Option<Category> {
    Category::ALL.into_iter().find(|category| category.as_str() == name)
}

fn is_opt_out(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::StopAll | Meaning::StopCategories(_))
}

#[test]
fn every_reply_of_the_corpus_is_read_as_labelled() {
    let mut misses = Vec::new();
    for Labelled { line, body, meaning } in CORPUS.iter() {
        let reading = reply::read(body);
        if reading.meaning != *meaning {
            misses.push(format!("line {line}: {body:?} is {meaning:?}, read as {:?} by {:?}", reading.meaning, reading.rule));
        }
    }
    assert!(misses.is_empty(), "{} replies misread:\n{}", misses.len(), misses.join("\n"));
}

#[test]
fn the_corpus_is_large_and_mixed() {
    let corpus = &*CORPUS;
    let opt_outs = corpus.iter().filter(|reply| is_opt_out(&reply.meaning)).count();
    assert!(corpus.len() >= 400, "{} replies", corpus.len());
    assert!(corpus.len() - opt_outs >= 150, "{} replies that are no opt-outs", corpus.len() - opt_outs);
    for category in Category::ALL {
        let named = |reply: &Labelled| matches!(&reply.meaning, Meaning::StopCategories(named) if named.contains(&category));
        assert!(corpus.iter().any(named), "no reply about {category:?}");
    }
}

#[test]
fn no_reply_is_in_the_corpus_twice() {
    let mut lines = BTreeMap::new();
    let repeats: Vec<_> = CORPUS.iter().filter_map(|reply| lines.insert(&reply.body, reply.line).map(|_| &reply.body)).collect();
    assert!(repeats.is_empty(), "twice: {repeats:?}");
}

#[test]
fn every_rule_decides_a_reply_of_the_corpus() {
    let used: BTreeSet<&str> = CORPUS.iter().map(|reply| reply::read(&reply.body).rule).collect();
    let unused: Vec<&str> = reply::rule_names().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "{} rules decide nothing: {unused:#?}", unused.len());
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let mut seen = BTreeSet::new();
    let repeats: Vec<&str> = reply::rule_names().filter(|name| !seen.insert(*name)).collect();
    assert!(repeats.is_empty(), "twice: {repeats:?}");
}

#[test]
fn the_network_acts_on_three_words_alone() {
    for body in ["STOP", "stop", " Stop\n", "START", "start", "UNSTOP", "\tunstop "] {
        assert!(reply::read(body).network_keyword, "{body:?}");
    }
    for body in ["STOP.", "STOP please", "STOPALL", "END", "HELP", "YES", "S T O P", "", "ＳＴＯＰ", "STOP\u{200b}", "please stop texting me"] {
        assert!(!reply::read(body).network_keyword, "{body:?}");
    }
}

#[test]
fn what_the_network_acts_on_is_read_the_same_way() {
    assert_eq!(reply::read("STOP").meaning, Meaning::StopAll);
    assert_eq!(reply::read("START").meaning, Meaning::Start);
    assert_eq!(reply::read("UNSTOP").meaning, Meaning::Start);
}

/// How long this thread was on a processor so far: whoever else needs one does not count.
fn on_processor() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says so");
    Duration::from_nanos(said.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse().ok()).expect("nanoseconds"))
}

#[test]
fn a_huge_body_takes_no_longer_for_a_byte_than_a_long_one() {
    let reading = |unit: &str, bytes: usize| {
        let body = unit.repeat(bytes / unit.len());
        let before = on_processor();
        let _ = reply::read(&body);
        on_processor().saturating_sub(before)
    };
    let _ = reply::read("the first reading prepares the rules");
    for unit in [
        "a",
        "stop ",
        "please ok ",
        "please stop ",
        "<b>",
        "! ",
        "dont want ",
        "stop stop by ",
        "\u{1f6d1}",
        "\u{200b}",
        " ",
        "no more the ",
        "s t o p . ",
    ] {
        let long = reading(unit, 100_000).max(Duration::from_millis(1));
        let huge = reading(unit, 1_000_000);
        // Ten times as much: ten times as long, and not a hundred times.
        assert!(huge < long * 40, "{unit:?}: {long:?} and {huge:?}");
    }
}

#[test]
fn a_stop_at_the_start_of_a_huge_body_is_heard() {
    assert_eq!(reply::read(&format!("STOP\n{}", "x".repeat(1_000_000))).meaning, Meaning::StopAll);
    assert_eq!(reply::read(&format!("{}STOP", " ".repeat(1_000_000))).meaning, Meaning::StopAll);
}

#[test]
fn spaces_and_case_change_no_reply_of_the_corpus() {
    let mut changed = Vec::new();
    for Labelled { body, .. } in CORPUS.iter() {
        let meaning = reply::read(body).meaning;
        for other in [body.replace(' ', "   "), format!("  {body}  "), body.to_lowercase()] {
            let read = reply::read(&other).meaning;
            if read != meaning {
                changed.push(format!("{body:?} is {meaning:?}, {other:?} is {read:?}"));
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
}

proptest! {
    #[test]
    fn any_string_is_read_by_a_named_rule(body in any::<String>()) {
        let reading = reply::read(&body);
        prop_assert!(reply::rule_names().any(|name| name == reading.rule));
    }

    #[test]
    fn any_words_of_the_trade_are_read_by_a_named_rule(words in prop::collection::vec(prop::sample::select(vec![
        "stop", "STOP", "don't", "text", "texting", "me", "no", "more", "battles", "streak", "messages", "please", ",", ".", "?", "and", "the", "want",
        "unsubscribe", "start", "help", "yes", "de", "mensajes", "arrêtez", "plus", "by", "it", "lol", "🛑", "\n", "all", "except", "wrong", "number",
    ]), 0..12)) {
        let reading = reply::read(&words.join(" "));
        prop_assert!(reply::rule_names().any(|name| name == reading.rule));
        if let Meaning::StopCategories(categories) = reading.meaning {
            prop_assert!(!categories.is_empty());
        }
    }

    #[test]
    fn a_keyword_counts_in_any_case_with_any_space_and_punctuation_around_it(
        (keyword, meaning) in prop::sample::select(KEYWORDS.to_vec()),
        upper in any::<u64>(),
        before in "[ \t\n.,!?*\"“”'(\\-…]{0,6}",
        after in "[ \t\n.,!?*\"“”')\\-…]{0,6}",
    ) {
        let cased: String = keyword.chars().enumerate().map(|(i, c)| if upper >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
        let body = format!("{before}{cased}{after}");
        prop_assert_eq!(reply::read(&body).meaning, meaning, "{:?}", body);
    }

    #[test]
    fn an_opt_out_never_depends_on_the_network(index in any::<prop::sample::Index>()) {
        // An invisible character hides the keyword from the network, not from the person who typed it.
        let body = &index.get(&CORPUS).body;
        let hidden = reply::read(&format!("\u{200b}{body}\u{200b}"));
        prop_assert!(!hidden.network_keyword);
        prop_assert_eq!(hidden.meaning, reply::read(body).meaning);
    }

    #[test]
    fn stop_inside_a_longer_word_is_no_opt_out(before in "[b-z]{0,4}", after in "[b-oq-z]{3,8}") {
        let reading = reply::read(&format!("I like {before}xstop{after} a lot"));
        prop_assert!(!is_opt_out(&reading.meaning), "{:?}", reading);
    }
}
