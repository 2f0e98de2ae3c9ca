//! Bytes made worse as a fuzzer would, with a seed in place of a compiler that watches.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

/// Another seed, other mutations.
const SEED: u64 = 1;

/// The most bytes that are cut, repeated or taken from another file at once.
const LONGEST_PART: usize = 64;

/// What ends a text or a string, is no text, turns it round, is not seen, looks like a five, or becomes one of these in JSON.
const OF_INTEREST: [&[u8]; 15] = [
    b"\0",
    b"\"",
    b"\\",
    b"\xff",
    b"\n",
    b"%00",
    "\u{202e}".as_bytes(),
    "\u{200b}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{665}".as_bytes(),
    "\u{96b}".as_bytes(),
    "\u{ff15}".as_bytes(),
    b"\\u0000",
    b"\\ud800",
    b"\\u202e",
];

/// Numbers that fit nowhere.
const HUGE: [&str; 6] = ["-1", "1e400", "0.1e-400", "18446744073709551616", "-9223372036854775809", "999999999999999999999999999999999999"];

/// What chance decides, the same way each time (xorshift64).
pub struct Dice(u64);

impl Dice {
    /// Those of one file of a target's corpus: whatever other files come, it keeps its own.
    pub fn of(target: &str, file: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (SEED, target, file).hash(&mut hasher);
        Self(hasher.finish() | 1)
    }

    /// One of `items`, of which there has to be one.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end.max(1)
    }

    /// Some place in `length` bytes.
    fn part(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        start..length.min(start + self.below(LONGEST_PART))
    }
}

/// `bytes` with one to four changes, and no more than `most_bytes` of it; `other` is what it may get a part of.
pub fn mutated(bytes: &[u8], other: &[u8], most_bytes: usize, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        change(&mut bytes, other, dice);
    }
    bytes.truncate(most_bytes);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let place = dice.part(bytes.len());
    let part = bytes[place.clone()].to_vec();
    let (place, new) = match dice.below(7) {
        0 => (place, flipped(part, dice)),
        1 => (place, Vec::new()),
        2 => (place.start..place.start, dice.one_of(&OF_INTEREST).to_vec()),
        3 => (place, part.repeat(2 + dice.below(16))),
        4 => (place, other[dice.part(other.len())].to_vec()),
        5 => (digits(bytes, place.start), dice.one_of(&HUGE).as_bytes().to_vec()),
        _ => nested(bytes, place.start, dice),
    };
    drop(bytes.splice(place, new));
}

/// `part` with one bit of its first byte the other way round.
fn flipped(mut part: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    if let Some(byte) = part.first_mut() {
        *byte ^= 1_u8 << dice.below(8);
    }
    part
}

/// The first digits in a row, looked for from `from` on; the end, if there are none.
fn digits(bytes: &[u8], from: usize) -> Range<usize> {
    let start = from + bytes[from..].iter().take_while(|byte| !byte.is_ascii_digit()).count();
    let end = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    start..end
}

/// All of it, or the next number from `from` on, with what it becomes within many arrays or objects.
fn nested(bytes: &[u8], from: usize, dice: &mut Dice) -> (Range<usize>, Vec<u8>) {
    let place = if dice.below(2) == 0 { 0..bytes.len() } else { digits(bytes, from) };
    let (open, close) = *dice.one_of(&[("[", "]"), (r#"{"a":"#, "}")]);
    let depth = 1 + dice.below(200);
    let new = [open.repeat(depth).as_bytes(), &bytes[place.clone()], close.repeat(depth).as_bytes()].concat();
    (place, new)
}
