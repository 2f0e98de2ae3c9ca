//! Shortens what users typed, between characters as people see them and, where one is near, at the end of a word.

use super::{gsm, harmless};
use crate::{content::Content, encoding::septets};

/// More characters than these never fit the two parts that any text may take.
const MOST: usize = 306;

/// The fields that users typed.
pub(super) fn typed(content: &mut Content) -> Vec<&mut String> {
    match content {
        Content::BattleInvitation(data) => vec![&mut data.inviter_name, &mut data.battle_topic],
        Content::BattleResult(data) => vec![&mut data.battle_topic, &mut data.result_summary],
        Content::BattleReminder(data) => vec![&mut data.battle_topic],
        Content::DirectMessage(data) => vec![&mut data.sender_name],
        Content::AchievementUnlock(data) => vec![&mut data.achievement_name],
        Content::SecurityAlert(data) => vec![&mut data.detail],
        Content::StreakAlert(_)
        | Content::PhoneVerification(_)
        | Content::OptInConfirmation {}
        | Content::OptOutConfirmation(_)
        | Content::HelpReply {}
        | Content::Digest(_) => vec![],
    }
}

/// The content whole, and then with ever lower caps on the length of a typed field, down to `least`: so the longest field yields first.
pub(super) fn versions(content: &Content, least: usize) -> impl Iterator<Item = Content> {
    let longest = typed(&mut content.clone()).into_iter().map(|field| field.chars().count()).max().unwrap_or(0);
    let caps = (least.max(1)..longest.min(MOST)).rev();
    std::iter::once(content.clone()).chain(caps.map(|cap| with_typed(content, |field| cut(field, cap))))
}

/// The content in GSM-7 alone: without emoji and symbols, and without a field that would lose letters.
pub(super) fn plain(content: &Content) -> Content {
    with_typed(content, |field| {
        let field = gsm::rewritten(field);
        let lacks = |c: char| septets(c).is_none();
        if field.chars().any(|c| c.is_alphabetic() && lacks(c)) {
            return String::new();
        }
        let kept = harmless::field(&field.replace(lacks, " "));
        if kept.chars().any(char::is_alphanumeric) { kept } else { String::new() }
    })
}

/// The content with none of its typed words.
pub(super) fn bare(content: &Content) -> Content {
    with_typed(content, |_| String::new())
}

fn with_typed(content: &Content, change: impl Fn(&str) -> String) -> Content {
    let mut content = content.clone();
    for field in typed(&mut content) {
        *field = change(field);
    }
    content
}

/// At most `cap` characters of `text`, the last one an ellipsis if something is missing.
fn cut(text: &str, cap: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= cap {
        return text.to_owned();
    }
    let mut end = boundary(&chars, cap.saturating_sub(1));
    if chars[end] != ' '
        && let Some(space) = chars[..end].iter().rposition(|c| *c == ' ')
        && space * 3 >= end * 2
    {
        end = space;
    }
    let kept: String = chars[..end].iter().collect();
    // Half a word may be a host name: of `a.html`, `a.ht`.
    let kept = harmless::field(kept.trim_end_matches([' ', ',', ';', ':', '.', '-', '–', '—']));
    if kept.is_empty() { kept } else { kept + "…" }
}

/// The last place, `most` characters from the start or earlier, that is not inside what people see as one character.
///
/// A short cut through Unicode's grapheme clusters (UAX 29): marks, joiners and flags, which is what names and topics have.
pub(super) fn boundary(chars: &[char], most: usize) -> usize {
    if most >= chars.len() {
        return chars.len();
    }
    (0..=most).rev().find(|at| !joined(chars, *at)).unwrap_or(0)
}

fn joined(chars: &[char], at: usize) -> bool {
    let (before, after) = chars.split_at(at);
    let (Some(last), Some(next)) = (before.last(), after.first()) else { return false };
    let flags = before.iter().rev().take_while(|c| is_flag_letter(**c)).count();
    is_extension(*next) || *last == '\u{200d}' || (is_flag_letter(*next) && flags % 2 == 1)
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Whether it belongs to the character before it.
fn is_extension(c: char) -> bool {
    is_mark(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

/// Whether it is a combining mark: the blocks of marks, and the places that vowel signs have in the scripts of India, Sri Lanka, Thailand and Laos.
pub(super) fn is_mark(c: char) -> bool {
    match c {
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c7}' => true,
        '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' => true,
        '\u{900}'..='\u{dff}' => matches!(u32::from(c) & 0x7f, 0x00..=0x03 | 0x3a..=0x3c | 0x3e..=0x4f | 0x51..=0x57 | 0x62..=0x63),
        '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}' | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ece}' => true,
        '\u{1160}'..='\u{11ff}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' => true,
        '\u{302a}'..='\u{302f}' | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}' => true,
        _ => false,
    }
}
