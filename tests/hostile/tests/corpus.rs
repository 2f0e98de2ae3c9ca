//! What the fuzzers found worth keeping, and what people have tried since there are parsers, as ordinary tests: as it is, made worse, and very long.

#[path = "corpus/mutation.rs"]
mod mutation;

use std::{fs, panic::catch_unwind, path::Path};

use hostile::{TARGETS, Target};
use mutation::{Dice, mutated};
use serde_json::Value;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

/// By target: how many mutations a file of its corpus gets, and how many bytes they may have. A longer file is about its length, and gets none.
///
/// So few where one costs much: the rules for replies read every byte of a text several times, every body of a batch is read as a reply too, and a
/// request calls the SDK of AWS.
const EFFORT: [(&str, usize, usize); 7] = [
    ("event", 120, 20_000),
    ("batch", 6, 8_000),
    ("receipt", 200, 20_000),
    ("reply", 10, 400),
    ("order", 300, 20_000),
    ("token", 200, 4_000),
    ("request", 12, 10_000),
];

/// As much of an input that broke something as is printed: more than most have.
const SHOWN: usize = 4_000;

#[test]
fn every_target_holds_for_its_corpus() {
    for (name, target) in TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 10, "the corpus of {name} has only {} files", files.len());
        for (file, bytes) in &files {
            demand(name, *target, bytes, file);
        }
    }
}

#[test]
fn every_target_holds_for_its_corpus_made_worse() {
    for (name, target) in TARGETS {
        let (_, mutations, most_bytes) = *EFFORT.iter().find(|(of, ..)| of == name).unwrap_or_else(|| panic!("how many mutations for {name}?"));
        let files = corpus(name).into_iter().filter(|(_, bytes)| bytes.len() <= most_bytes).collect::<Vec<_>>();
        for (file, bytes) in &files {
            let mut dice = Dice::of(name, file);
            for _ in 0..mutations {
                let (_, other) = dice.one_of(&files);
                let worse = mutated(bytes, other, most_bytes, &mut dice);
                demand(name, *target, &worse, &format!("a mutation of {file}"));
            }
        }
    }
}

#[test]
fn every_target_holds_for_a_megabyte() {
    for (name, target) in TARGETS {
        demand(name, *target, megabyte(name).as_bytes(), "a megabyte");
    }
}

/// Demands that a target holds for `input`. What breaks it is printed, to become a file of the corpus; where that is not all of it, the file named has it.
fn demand(name: &str, target: Target, input: &[u8], what: &str) {
    if catch_unwind(|| target(input)).is_ok() {
        return;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("broke-{name}"));
    fs::write(&kept, input).expect("a folder for what broke something");
    let shown = input.escape_ascii().take(SHOWN).map(char::from).collect::<String>();
    panic!("{name} does not hold for {what}, {} bytes kept in {}:\n{shown}", input.len(), kept.display());
}

/// The corpus of a target, by name of file.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(Path::new(CORPUS).join(target)).unwrap_or_else(|error| panic!("the corpus of {target}: {error}"));
    let file = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("bytes"));
    let mut files = entries.map(|entry| file(entry.expect("a file"))).collect::<Vec<_>>();
    files.sort();
    files
}

/// A megabyte where the target reads somebody's words.
fn megabyte(target: &str) -> String {
    let long = "stop +12025550101 ".repeat(60_000);
    let (file, place) = match target {
        "event" => ("battle_invitation", "/data/inviter_name"),
        "batch" => ("nested-event", "/Records/0/body"),
        "receipt" => ("bare", "/messageStatusDescription"),
        "reply" => ("stop", "/messageBody"),
        "order" => ("blocked", "/blocked/reason"),
        "token" => return "A".repeat(1_000_000),
        "request" => return format!("POST /v1/explain\nx-signed: yes\ncontent-type: application/json\n\n\"{long}\""),
        _ => panic!("what is long in {target}?"),
    };
    let (_, bytes) = corpus(target).into_iter().find(|(name, _)| name == file).unwrap_or_else(|| panic!("{file} of {target}"));
    let mut json = serde_json::from_slice::<Value>(&bytes).expect("JSON");
    *json.pointer_mut(place).expect("a place in it") = long.into();
    json.to_string()
}
