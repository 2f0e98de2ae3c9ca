//! Makes what users typed harmless in a stranger's text: one line, nothing invisible, nothing that a phone turns into a link
//! to the web, to an address or to a number.
//!
//! Words stay as they are, even such as "reply STOP" or "your code is 123456": typed words come after the brand, behind a label or in the middle
//! of a sentence of ours, never as the last line, so they can pose neither as the footer nor as the line that hands a code to a browser.

use std::ops::Range;

use super::{
    gsm,
    shorten::{boundary, is_mark, typed},
};
use crate::content::{AchievementUnlock, BattleInvitation, BattleReminder, BattleResult, Content, DirectMessage, SecurityAlert, StreakAlert};

/// The longest field that is stored, in characters. No text has room for so many.
const LONGEST: usize = 500;

/// Addresses that phones open without `//`.
const SCHEMES: [&str; 12] =
    ["http:", "https:", "mailto:", "tel:", "sms:", "smsto:", "mms:", "mmsto:", "facetime:", "whatsapp:", "intent:", "market:"];

/// Endings that read like a top-level domain and are none, so that "Node.js" may stay.
const NOT_TOP_LEVEL: [&str; 11] = ["js", "jsx", "css", "html", "json", "txt", "pdf", "jpg", "png", "csv", "exe"];

/// The content with user-typed fields made harmless; done once, before the row is stored.
///
/// Also bounds every field, the link too: one so long could not be sent anyway.
#[must_use]
pub fn harmless(mut content: Content) -> Content {
    for text in typed(&mut content) {
        *text = field(text);
    }
    if let Some(link) = link(&mut content)
        && let Some((end, _)) = link.char_indices().nth(LONGEST)
    {
        link.truncate(end);
    }
    content
}

fn link(content: &mut Content) -> Option<&mut String> {
    match content {
        Content::BattleInvitation(BattleInvitation { invitation_link: link, .. })
        | Content::BattleResult(BattleResult { result_link: link, .. })
        | Content::BattleReminder(BattleReminder { battle_link: link, .. })
        | Content::StreakAlert(StreakAlert { action_link: link, .. })
        | Content::DirectMessage(DirectMessage { conversation_link: link, .. })
        | Content::AchievementUnlock(AchievementUnlock { achievement_link: link, .. })
        | Content::SecurityAlert(SecurityAlert { link, .. }) => Some(link),
        Content::PhoneVerification(_)
        | Content::OptInConfirmation {}
        | Content::OptOutConfirmation(_)
        | Content::HelpReply {}
        | Content::Digest(_) => None,
    }
}

/// One field made harmless. What is harmless already comes back as it is.
pub(super) fn field(text: &str) -> String {
    let visible = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let chars: Vec<char> = visible.chars().collect();
    let mut line: String = chars[..boundary(&chars, LONGEST)].iter().collect();
    // What goes may have kept apart what then reads as a link or a number. Every round leaves fewer digits, fewer words or fewer dots to part.
    loop {
        let next = masked(&without_links(&line));
        if next == line {
            return line;
        }
        line = next;
    }
}

/// The line without addresses and with host names taken apart, cut behind a word where that makes it too long.
fn without_links(line: &str) -> String {
    let defused: Vec<String> = line.split(' ').filter_map(defused).collect();
    let mut out = String::with_capacity(line.len());
    let mut length = 0;
    for word in defused.iter().flat_map(|words| words.split(' ')).filter(|word| !word.is_empty()) {
        length += word.chars().count() + 1;
        if length > LONGEST + 1 {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The line with a star for every digit of a telephone number: phones offer to call those.
///
/// Numbers are those with a plus sign and eight digits or more, and those of North America: 3-3-4 digits, or ten in a row, or eleven with a one.
fn masked(line: &str) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    let starts = (0..chars.len()).filter(|at| chars[*at].is_ascii_digit() && (*at == 0 || !chars[at - 1].is_ascii_digit()));
    let groups: Vec<Range<usize>> = starts.map(|start| start..start + chars[start..].iter().take_while(|c| c.is_ascii_digit()).count()).collect();
    let near = |pair: &[Range<usize>]| {
        let between = &chars[pair[0].end..pair[1].start];
        between.len() <= 2 && between.iter().all(|c| " -.()/".contains(*c))
    };
    let mut numbers: Vec<Range<usize>> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let joined = 1 + groups[at..].windows(2).take_while(|pair| near(pair)).count();
        let group_of = &groups[at..at + joined];
        let before: String = chars[group.start.saturating_sub(2)..group.start].iter().collect();
        let international = before.ends_with('+') || before == "+(";
        if international && group_of.iter().map(ExactSizeIterator::len).sum::<usize>() >= 8 {
            numbers.extend_from_slice(group_of);
        } else if group_of.len() >= 3 && group_of[..3].iter().map(ExactSizeIterator::len).eq([3, 3, 4]) {
            numbers.extend_from_slice(&group_of[..3]);
        } else if group.len() == 10 || (group.len() == 11 && chars[group.start] == '1') {
            numbers.push(group.clone());
        }
    }
    for at in numbers.into_iter().flatten() {
        chars[at] = '*';
    }
    chars.into_iter().collect()
}

/// The visible characters: white space as spaces, full-width ASCII as ASCII, and joiners and selectors only where they belong.
fn visible(text: &str) -> String {
    let folded: Vec<char> = text.chars().filter_map(folded).collect();
    let mut kept: Vec<char> = Vec::with_capacity(folded.len());
    for (at, c) in folded.iter().copied().enumerate() {
        let before = kept.last().copied().unwrap_or(' ');
        let after = folded.get(at + 1).copied().unwrap_or(' ');
        let belongs = match c {
            '\u{200d}' if is_pictograph(after) => is_pictograph(before) || before == '\u{fe0f}',
            // In the scripts of Asia they shape letters.
            '\u{200c}' | '\u{200d}' => is_asian(before) && is_asian(after),
            '\u{fe0e}' | '\u{fe0f}' => is_pictograph(before) || (after == '\u{20e3}' && matches!(before, '0'..='9' | '#' | '*')),
            c if is_mark(c) => before != ' ' && !is_dot(before),
            _ => true,
        };
        if belongs {
            kept.push(c);
        }
    }
    kept.into_iter().collect()
}

/// The character, or what it looks like if that is ASCII, or `None` if nobody is meant to see it.
fn folded(c: char) -> Option<char> {
    match c {
        c if c.is_whitespace() => Some(' '),
        '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{115f}' | '\u{1160}' => Some(' '),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{2024}' | '\u{fe52}' => Some('.'),
        '\u{fe55}' | '\u{a789}' | '\u{2236}' => Some(':'),
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => Some('/'),
        '\u{fe6b}' => Some('@'),
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => Some(c),
        c if c.is_control() => None,
        // Format characters: soft hyphens, marks of direction, zero-width spaces, annotations.
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{17b4}' | '\u{17b5}' => None,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
        '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffd}' | '\u{13430}'..='\u{13455}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => None,
        // Private use, non-characters, and the planes where nothing is assigned but tags and selectors.
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' | '\u{40000}'.. => None,
        c if u32::from(c) & 0xfffe == 0xfffe => None,
        c => Some(c),
    }
}

/// A symbol that phones may draw as an emoji.
fn is_pictograph(c: char) -> bool {
    matches!(c, '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙')
        || matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | 'Ⓜ' | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}')
        || matches!(c, '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Whether host names are divided by it (UTS 46), once full-width ones are folded.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '。' | '｡')
}

fn is_asian(c: char) -> bool {
    c >= '\u{600}' && (c.is_alphabetic() || is_mark(c))
}

/// A word that no phone makes a link of: as it is, or with a space behind every dot of a host name, or `None` if it is an address through and through.
fn defused(word: &str) -> Option<String> {
    let chars: Vec<char> = word.chars().collect();
    // As it may be sent: a "ť" may become a "t".
    let plain: Vec<char> = gsm::rewritten(word).chars().collect();
    if word.contains("://") || has_scheme(&chars) || has_scheme(&plain) {
        return None;
    }
    let dots = host_dots(&chars);
    if dots.iter().any(|(_, end)| goes_on(&chars[*end..])) {
        return None;
    }
    let mut out = String::with_capacity(word.len());
    for (at, c) in chars.iter().enumerate() {
        out.push(*c);
        if dots.iter().any(|(dot, _)| *dot == at) {
            out.push(' ');
        }
    }
    Some(out)
}

/// Whether one of [`SCHEMES`], or `www.`, begins somewhere in the word, with something behind it.
fn has_scheme(chars: &[char]) -> bool {
    (0..chars.len()).filter(|at| *at == 0 || !chars[at - 1].is_alphanumeric()).any(|at| {
        let begins = |name: &str| {
            let rest = &chars[at..];
            rest.len() > name.len() && name.chars().zip(rest).all(|(a, b)| a.eq_ignore_ascii_case(b))
        };
        SCHEMES.iter().any(|scheme| begins(scheme)) || begins("www.")
    })
}

/// Whether a path, a query or a port follows a host name.
fn goes_on(rest: &[char]) -> bool {
    match rest {
        ['/' | '\\' | '?' | '#', _, ..] => true,
        [':', digit, ..] => digit.is_ascii_digit(),
        _ => false,
    }
}

/// The dots that make a host name or an IP address of the word, each with the place where that ends if the dot is its last.
fn host_dots(chars: &[char]) -> Vec<(usize, usize)> {
    let dots: Vec<usize> = (0..chars.len()).filter(|at| is_dot(chars[*at])).collect();
    let mut found: Vec<(usize, usize)> = dots.iter().filter_map(|dot| Some((*dot, top_level_end(chars, *dot)?))).collect();
    for four in dots.windows(3) {
        if let Some(end) = ip_end(chars, four) {
            found.extend(four.iter().map(|dot| (*dot, end)));
        }
    }
    found
}

/// Where the top-level domain behind this dot ends, if there is one: two letters or more, and a name before the dot.
fn top_level_end(chars: &[char], dot: usize) -> Option<usize> {
    let before = *chars[..dot].last().filter(|c| !is_dot(**c))?;
    let letters: String = chars[dot + 1..].iter().take_while(|c| gsm::reads_as_letter(**c)).collect();
    let plain = gsm::rewritten(&letters).to_ascii_lowercase();
    let ends_a_sentence = chars[dot] != '.' && !before.is_ascii() && !letters.is_ascii();
    let domain = plain.chars().count() >= 2 && !ends_a_sentence && !NOT_TOP_LEVEL.contains(&plain.as_str());
    domain.then_some(dot + 1 + letters.chars().count())
}

/// Where the IPv4 address with these three dots ends, if it is one.
fn ip_end(chars: &[char], dots: &[usize]) -> Option<usize> {
    let [first, second, third] = dots else { return None };
    let digits = |chars: &mut dyn Iterator<Item = &char>| chars.take_while(|c| c.is_ascii_digit()).count();
    let is_byte = |length: usize| (1..=3).contains(&length);
    let whole = |from: usize, to: usize| is_byte(to - from - 1) && chars[from + 1..to].iter().all(char::is_ascii_digit);
    let head = digits(&mut chars[..*first].iter().rev());
    let tail = digits(&mut chars[third + 1..].iter());
    (is_byte(head) && whole(*first, *second) && whole(*second, *third) && is_byte(tail)).then_some(third + 1 + tail)
}
