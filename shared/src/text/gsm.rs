//! Rewrites characters that GSM-7 lacks, where that makes a text smaller.

use super::Text;
use crate::encoding::{Size, septets};

/// The text as it is or, if that saves a part, with its typography and its accents rewritten in GSM-7.
pub(super) fn tightest(body: String) -> Text {
    let size = Size::of(&body);
    let rewritten = rewritten(&body);
    let smaller = Size::of(&rewritten);
    if smaller.parts < size.parts { Text { body: rewritten, size: smaller } } else { Text { body, size } }
}

/// `text` with every character rewritten that has an equal or near equal in GSM-7. Emoji and other scripts stay.
///
/// No rewriting makes a full stop, a slash, a colon or an at sign out of something else, so none can make a link.
pub(super) fn rewritten(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(mark) = chars.next_if(|next| c.is_ascii_alphabetic() && is_accent(*next)) {
            // Two accents on one letter are not decoration: Vietnamese tells words apart by them.
            if chars.peek().is_some_and(|next| is_accent(*next)) {
                out.extend([c, mark]);
            } else {
                out.push(accented(c, mark).unwrap_or(c));
            }
        } else if septets(c).is_some() {
            out.push(c);
        } else if let Some(near) = near(c) {
            out.push_str(near);
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether it is a letter, or may become one or belong to one in a rewritten text.
pub(super) fn reads_as_letter(c: char) -> bool {
    c.is_alphabetic() || is_accent(c) || near(c).is_some_and(|near| near.starts_with(char::is_alphabetic))
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// The letter of GSM-7 that a letter and a combining accent make.
fn accented(letter: char, accent: char) -> Option<char> {
    Some(match (accent, letter) {
        ('\u{300}', 'a') => 'à',
        ('\u{300}', 'e') => 'è',
        ('\u{300}', 'i') => 'ì',
        ('\u{300}', 'o') => 'ò',
        ('\u{300}', 'u') => 'ù',
        ('\u{301}', 'e') => 'é',
        ('\u{301}', 'E') => 'É',
        ('\u{303}', 'n') => 'ñ',
        ('\u{303}', 'N') => 'Ñ',
        ('\u{308}', 'a') => 'ä',
        ('\u{308}', 'o') => 'ö',
        ('\u{308}', 'u') => 'ü',
        ('\u{308}', 'A') => 'Ä',
        ('\u{308}', 'O') => 'Ö',
        ('\u{308}', 'U') => 'Ü',
        ('\u{30a}', 'a') => 'å',
        ('\u{30a}', 'A') => 'Å',
        ('\u{327}', 'C') => 'Ç',
        _ => return None,
    })
}

/// What is nearest to `c` in GSM-7, where it has no `c` itself; `None` if nothing is like it.
pub(super) fn near(c: char) -> Option<&'static str> {
    Some(match c {
        '‘' | '’' | '‚' | '‛' | '‹' | '›' | '′' | '´' | '`' | 'ʼ' => "'",
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '·' | '•' | '‣' | '∙' => "-",
        '…' => "...",
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '™' => "TM",
        '©' => "(c)",
        '®' => "(R)",
        '×' => "x",
        '→' => "->",
        '←' => "<-",
        'ª' => "a",
        'º' => "o",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'œ' => "oe",
        'Œ' => "OE",
        'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'À' | 'Á' | 'Â' | 'Ã' | 'Ā' | 'Ă' | 'Ą' => "A",
        'ç' | 'ć' | 'č' => "c",
        'Ć' | 'Č' => "C",
        'ď' => "d",
        'Ď' => "D",
        'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'È' | 'Ê' | 'Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'Ğ' => "G",
        'í' | 'î' | 'ï' | 'ī' | 'į' | 'ı' => "i",
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ī' | 'Į' | 'İ' => "I",
        'ł' => "l",
        'Ł' => "L",
        'ń' | 'ň' => "n",
        'Ń' | 'Ň' => "N",
        'ó' | 'ô' | 'õ' | 'ō' => "o",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ō' => "O",
        'ő' => "ö",
        'Ő' => "Ö",
        'ř' => "r",
        'Ř' => "R",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'Ś' | 'Š' | 'Ş' | 'Ș' => "S",
        'ť' | 'ţ' | 'ț' => "t",
        'Ť' | 'Ţ' | 'Ț' => "T",
        'ú' | 'û' | 'ū' | 'ů' | 'ų' => "u",
        'Ù' | 'Ú' | 'Û' | 'Ū' | 'Ů' | 'Ų' => "U",
        'ű' => "ü",
        'Ű' => "Ü",
        'ý' | 'ÿ' => "y",
        'Ý' | 'Ÿ' => "Y",
        'ź' | 'ż' | 'ž' => "z",
        'Ź' | 'Ż' | 'Ž' => "Z",
        _ => return None,
    })
}
