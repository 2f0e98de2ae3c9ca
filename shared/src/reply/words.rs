//! From a body to plain words: lower case, no accents, no tricks of type, one spelling for each word.
//!
//! Breaks between clauses stay, as the words `.`, `,` and `?`.

use super::spelling;

/// More than any phone sends in one text (AWS: 1600 characters), so that a longer body costs little more. What nobody sees takes up none of it.
const EXAMINED_BYTES: usize = 4 * 1600;

/// The words and breaks of `body`, without a break at the start, and none but `?` at the end.
pub(super) fn plain_words(body: &str) -> Vec<String> {
    let mut folded = String::new();
    for c in body.chars() {
        if folded.len() >= EXAMINED_BYTES {
            break;
        }
        if !(folded.is_empty() && c.is_whitespace()) {
            fold(c, &mut folded);
        }
    }
    let mut words = Vec::new();
    for line in folded.lines() {
        line.split_whitespace().filter(|chunk| !is_link(chunk)).for_each(|chunk| split(if chunk == "#" { "number" } else { chunk }, &mut words));
        pause(&mut words, ".");
    }
    let mut words = spelling::joined(&words);
    words.dedup();
    if words.last().is_some_and(|word| word == "." || word == ",") {
        words.pop();
    }
    words
}

/// Whether `word` is a break between clauses.
pub(super) fn is_break(word: &str) -> bool {
    matches!(word, "." | "," | "?")
}

/// Each letter once: "stopppp" and "stop", "messsage" and "message" become the same.
pub(super) fn squeezed(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    letters.dedup_by(|a, b| a == b && a.is_alphabetic());
    letters.into_iter().collect()
}

fn is_link(chunk: &str) -> bool {
    chunk.contains("://") || chunk.starts_with("www.")
}

/// Adds the words and breaks of `chunk`, which has no white space.
fn split(chunk: &str, words: &mut Vec<String>) {
    let mut word = String::new();
    let mut chars = chunk.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let more = chars.peek().is_some_and(|next| next.is_alphanumeric());
        let sign = match c {
            '\'' => continue,
            // "f***ing" is one word.
            '*' if more || chars.peek() == Some(&'*') => continue,
            _ if c.is_alphanumeric() => {
                word.push(c);
                first = false;
                continue;
            }
            ',' => ",",
            '?' => "?",
            '!' | ';' | '(' | ')' => ".",
            // Inside "S.T.O.P", "10:30" or "opt-out" they part words, but not clauses.
            '.' | ':' if !more => ".",
            '-' if first || !more => ".",
            _ => "",
        };
        say(&mut word, words);
        pause(words, sign);
    }
    say(&mut word, words);
}

fn say(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(spelling::canonical(&std::mem::take(word)));
    }
}

/// One break where several meet: a question outranks an end, an end a comma.
fn pause(words: &mut Vec<String>, sign: &str) {
    match words.last_mut() {
        Some(last) if is_break(last) && (sign == "?" || (sign == "." && last == ",")) => sign.clone_into(last),
        Some(last) if !is_break(last) && !sign.is_empty() => words.push(sign.to_owned()),
        _ => {}
    }
}

/// Adds `c` as plainly as it can be written.
fn fold(c: char, out: &mut String) {
    match c {
        '\u{300}'..='\u{36f}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {}
        '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{20e3}' => {}
        '\u{2028}' | '\u{2029}' | '\r' => out.push('\n'),
        '’' | '‘' | '‛' | 'ʼ' | '′' | '`' | '´' | '＇' => out.push('\''),
        '–' | '—' | '―' | '…' | '。' => out.push(';'),
        '🛑' => out.push_str(" stop "),
        '😂' | '🤣' | '😆' | '😹' => out.push_str(" lol "),
        _ => upright(c).to_lowercase().for_each(|c| bare(c, out)),
    }
}

/// Letters of fancy alphabets as ASCII ones: full-width, mathematical, circled, squared, flags.
fn upright(c: char) -> char {
    let code = u32::from(c);
    let letter = |first: u8, offset: u32| char::from_u32(u32::from(first) + offset).unwrap_or(c);
    match code {
        0xff01..=0xff5e => letter(b'!', code - 0xff01),
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            offset @ 0..26 => letter(b'A', offset),
            offset => letter(b'a', offset - 26),
        },
        0x24b6..=0x24cf => letter(b'A', code - 0x24b6),
        0x24d0..=0x24e9 => letter(b'a', code - 0x24d0),
        0x1f130..=0x1f149 => letter(b'A', code - 0x1f130),
        0x1f150..=0x1f169 => letter(b'A', code - 0x1f150),
        0x1f170..=0x1f189 => letter(b'A', code - 0x1f170),
        0x1f1e6..=0x1f1ff => letter(b'A', code - 0x1f1e6),
        _ => c,
    }
}

/// A lower-case letter without its accent; a Cyrillic or Greek twin as the Latin letter that it looks like.
fn bare(c: char, out: &mut String) {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ª' | 'а' | 'α' => out.push('a'),
        'ç' | 'ć' | 'č' | 'с' => out.push('c'),
        'è'..='ë' | 'ē' | 'ę' | 'ě' | 'е' | 'ё' => out.push('e'),
        'ì'..='ï' | 'ī' | 'ı' | 'і' => out.push('i'),
        'ñ' | 'ń' => out.push('n'),
        'ò'..='ö' | 'ø' | 'ō' | 'º' | 'о' | 'ο' => out.push('o'),
        'ù'..='ü' | 'ū' => out.push('u'),
        'ý' | 'ÿ' | 'у' => out.push('y'),
        'р' | 'ρ' => out.push('p'),
        'ѕ' | 'ſ' | 'š' | 'ś' => out.push('s'),
        'т' | 'τ' => out.push('t'),
        'х' => out.push('x'),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'ß' => out.push_str("ss"),
        // What `to_lowercase` leaves of a dotted capital I.
        '\u{307}' => {}
        _ => out.push(c),
    }
}
