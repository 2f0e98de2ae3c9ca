//! How AWS counts a text: its encoding and its message parts.
//!
//! 140 bytes a part: 160 GSM-7 characters in one part and 153 in each of several, or 70 and 67 in UCS-2
//! (AWS End User Messaging SMS user guide, "SMS character limits").

use serde::{Deserialize, Serialize};

/// The encoding of a text, chosen by its characters alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Encoding {
    /// GSM 03.38: seven bits a character.
    Gsm,
    /// UCS-2: sixteen bits a unit.
    Unicode,
}

/// The size of a text on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its encoding.
    pub encoding: Encoding,
    /// Its message parts: what the rate limit counts and the price multiplies.
    pub parts: u32,
}

/// A way to fewer message parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// Without these characters, each with its place counted from 1, it would be in GSM-7 and have so many parts.
    Plain {
        /// What GSM-7 lacks.
        characters: Vec<(char, usize)>,
        /// The parts without them.
        parts: u32,
    },
    /// With so many characters less it would have so many parts.
    Shorter {
        /// How many characters.
        by: usize,
        /// The parts then.
        parts: u32,
    },
}

/// The longest text that AWS sends, in GSM-7 septets (10 parts) and in UCS-2 units (see [`Size::is_sendable`]).
pub const LONGEST: (usize, usize) = (1530, 630);

impl Size {
    /// The size of `text`.
    ///
    /// A two-septet character, or a surrogate pair, is never split between two parts, as phones need it; AWS does not say how it counts there,
    /// and this is the larger of the two counts.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text.chars().all(|c| septets(c).is_some()) {
            let parts = parts(text.chars().filter_map(septets), 160, 153);
            Self { encoding: Encoding::Gsm, parts }
        } else {
            let parts = parts(text.chars().map(char::len_utf16), 70, 67);
            Self { encoding: Encoding::Unicode, parts }
        }
    }

    /// Whether AWS would take `text`: not empty, and not over [`LONGEST`].
    #[must_use]
    pub fn is_sendable(text: &str) -> bool {
        let units = match Self::of(text).encoding {
            Encoding::Gsm => text.chars().filter_map(septets).sum::<usize>() <= LONGEST.0,
            Encoding::Unicode => text.chars().map(char::len_utf16).sum::<usize>() <= LONGEST.1,
        };
        units && !text.trim().is_empty()
    }
}

/// What would make `text` cheaper, if anything: the characters that keep it out of GSM-7, and how many characters too many it has for one part less.
#[must_use]
pub fn savings(text: &str) -> Vec<Saving> {
    let size = Size::of(text);
    let replaced = text.chars().map(|c| if septets(c).is_some() { c } else { '?' }).collect::<String>();
    let plain = Size::of(&replaced);
    let mut savings = Vec::new();
    if plain.parts < size.parts {
        let strange = text.chars().enumerate().filter(|(_, c)| septets(*c).is_none());
        savings.push(Saving::Plain { characters: strange.map(|(at, c)| (c, at + 1)).collect(), parts: plain.parts });
    }
    if size.parts > 1 {
        let characters = text.chars().collect::<Vec<_>>();
        let fits = |kept: &usize| Size::of(&characters[..*kept].iter().collect::<String>()).parts < size.parts;
        if let Some(kept) = (0..characters.len()).rev().find(fits) {
            savings.push(Saving::Shorter { by: characters.len() - kept, parts: size.parts - 1 });
        }
    }
    savings
}

/// The septets of a character in GSM-7 (GSM 03.38): one if it is in the basic table, two behind the escape, or `None` if GSM-7 lacks it.
#[must_use]
pub fn septets(c: char) -> Option<usize> {
    match c {
        'a'..='z' | ' '..='Z' | '_' | '\n' | '\r' => Some(1),
        '£' | '¥' | '¤' | '§' | '¡' | '¿' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'à' | 'Ç' | 'É' | 'Ø' | 'ø' | 'Å' | 'å' | 'Æ' | 'æ' | 'ß' => {
            Some(1)
        }
        'Ä' | 'Ö' | 'Ñ' | 'Ü' | 'ä' | 'ö' | 'ñ' | 'ü' | 'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        _ => None,
    }
}

fn parts(widths: impl Iterator<Item = usize> + Clone, single: usize, split: usize) -> u32 {
    if widths.clone().sum::<usize>() <= single {
        return 1;
    }
    let mut parts = 1;
    let mut used = 0;
    for width in widths {
        if used + width > split {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Saving, Size, savings, septets};

    /// GSM 03.38 as it is printed: the basic table but its escape character, and the extension table.
    const GSM: [&str; 2] = [
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
         ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
        "^{}\\[~]|€\u{c}",
    ];

    #[test]
    fn gsm_7_has_what_its_tables_have_and_nothing_else() {
        assert_eq!(GSM.map(|table| table.chars().count()), [127, 10]);
        for c in '\0'..=char::MAX {
            let wanted = GSM.iter().position(|table| table.contains(c)).map(|table| table + 1);
            assert_eq!(septets(c), wanted, "{c:?}");
        }
    }

    #[test]
    fn what_would_be_cheaper_is_cheaper_by_just_so_much() {
        assert_eq!(savings(&"a".repeat(160)), []);
        assert_eq!(savings(&"a".repeat(163)), [Saving::Shorter { by: 3, parts: 1 }]);
        let curly = format!("{}’{}", "a".repeat(99), "b".repeat(20));
        assert_eq!(savings(&curly), [Saving::Plain { characters: vec![('’', 100)], parts: 1 }, Saving::Shorter { by: 21, parts: 1 }]);
        assert_eq!(savings("’"), [], "one part is one part");
        let shorter = |text: &str, by: usize| Size::of(&text[..text.len() - by]).parts;
        for length in [161, 306, 307, 400, 612] {
            let text = "c".repeat(length);
            let [Saving::Shorter { by, parts }] = savings(&text)[..] else { panic!("{length}") };
            assert_eq!((shorter(&text, by), shorter(&text, by - 1)), (parts, parts + 1), "{length}");
        }
    }

    #[test]
    fn the_counts_of_the_user_guide_and_of_every_boundary() {
        let gsm = |n: usize| "a".repeat(n);
        let ucs = |n: usize| "字".repeat(n);
        let table: &[(String, Encoding, u32)] = &[
            // The user guide's own examples.
            (gsm(180), Encoding::Gsm, 2),
            (gsm(481), Encoding::Gsm, 4),
            (ucs(71), Encoding::Unicode, 2),
            (format!("{}’", gsm(129)), Encoding::Unicode, 2),
            // GSM-7, by whole characters.
            (gsm(1), Encoding::Gsm, 1),
            (gsm(159), Encoding::Gsm, 1),
            (gsm(160), Encoding::Gsm, 1),
            (gsm(161), Encoding::Gsm, 2),
            (gsm(305), Encoding::Gsm, 2),
            (gsm(306), Encoding::Gsm, 2),
            (gsm(307), Encoding::Gsm, 3),
            (gsm(459), Encoding::Gsm, 3),
            (gsm(460), Encoding::Gsm, 4),
            (gsm(1529), Encoding::Gsm, 10),
            (gsm(1530), Encoding::Gsm, 10),
            (gsm(1531), Encoding::Gsm, 11),
            // Two-septet characters.
            (format!("{}€", gsm(158)), Encoding::Gsm, 1),
            (format!("{}€", gsm(159)), Encoding::Gsm, 2),
            ("€".repeat(80), Encoding::Gsm, 1),
            ("€".repeat(81), Encoding::Gsm, 2),
            // 76 fit a part of 153 with one septet left over.
            ("€".repeat(152), Encoding::Gsm, 2),
            ("€".repeat(153), Encoding::Gsm, 3),
            (format!("{}[{}", gsm(152), gsm(152)), Encoding::Gsm, 3),
            (format!("{}[{}", gsm(152), gsm(151)), Encoding::Gsm, 2),
            (format!("{}[{}", gsm(151), gsm(153)), Encoding::Gsm, 2),
            ("^{}\\[~]|".to_owned(), Encoding::Gsm, 1),
            // The basic table's own letters.
            ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà".to_owned(), Encoding::Gsm, 1),
            ("line\nbreak\r".to_owned(), Encoding::Gsm, 1),
            // One character outside turns all of it.
            ("`".to_owned(), Encoding::Unicode, 1),
            ("ç".to_owned(), Encoding::Unicode, 1),
            ("á".to_owned(), Encoding::Unicode, 1),
            ("\t".to_owned(), Encoding::Unicode, 1),
            ("\u{a0}".to_owned(), Encoding::Unicode, 1),
            (format!("{}®", gsm(69)), Encoding::Unicode, 1),
            (format!("{}®", gsm(70)), Encoding::Unicode, 2),
            // UCS-2, by whole units.
            (ucs(69), Encoding::Unicode, 1),
            (ucs(70), Encoding::Unicode, 1),
            (ucs(133), Encoding::Unicode, 2),
            (ucs(134), Encoding::Unicode, 2),
            (ucs(135), Encoding::Unicode, 3),
            (ucs(201), Encoding::Unicode, 3),
            (ucs(202), Encoding::Unicode, 4),
            (ucs(630), Encoding::Unicode, 10),
            // A surrogate pair is two units, and stays whole.
            ("😀".repeat(35), Encoding::Unicode, 1),
            ("😀".repeat(36), Encoding::Unicode, 2),
            ("😀".repeat(66), Encoding::Unicode, 2),
            ("😀".repeat(67), Encoding::Unicode, 3),
            (format!("{}😀{}", ucs(66), ucs(66)), Encoding::Unicode, 3),
            (format!("{}😀{}", ucs(65), ucs(67)), Encoding::Unicode, 2),
        ];
        assert!(table.len() >= 40);
        for (text, encoding, parts) in table {
            let size = Size::of(text);
            assert_eq!((size.encoding, size.parts), (*encoding, *parts), "{} × {:?}…", text.chars().count(), &text.chars().next());
        }
    }

    #[test]
    fn aws_takes_ten_parts_of_gsm_and_630_characters_of_the_rest() {
        assert!(Size::is_sendable(&"a".repeat(1530)));
        assert!(!Size::is_sendable(&"a".repeat(1531)));
        assert!(!Size::is_sendable(&"€".repeat(766)));
        assert!(Size::is_sendable(&"字".repeat(630)));
        assert!(!Size::is_sendable(&"字".repeat(631)));
        assert!(!Size::is_sendable(" \n "));
    }
}
