//! What would make a text take fewer message parts.

use super::gsm::{near, rewritten};
use crate::encoding::{Encoding, Size, septets};

/// A way to fewer parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// Without these characters, which GSM-7 has nothing like, the text would take `parts`.
    Characters {
        /// Each once, with where it first stands: 1 for the first character of the text.
        odd: Vec<(char, usize)>,
        /// The parts without them.
        parts: u32,
    },
    /// With so much less text, it would take a part less.
    Length {
        /// The characters to lose; one that takes two of its encoding's units, such as `€` or an emoji, counts twice.
        characters: usize,
        /// The parts then.
        parts: u32,
    },
}

/// What would make `body` take fewer parts; nothing if it takes one.
#[must_use]
pub fn savings(body: &str) -> Vec<Saving> {
    let size = Size::of(body);
    if size.parts < 2 {
        return Vec::new();
    }
    // What can be rewritten is rewritten wherever that alone saves a part.
    let is_odd = |c: char| septets(c).is_none() && near(c).is_none();
    let mut odd = Vec::<(char, usize)>::new();
    for (place, c) in body.chars().enumerate().filter(|(_, c)| is_odd(*c)) {
        if odd.iter().all(|(seen, _)| *seen != c) {
            odd.push((c, place + 1));
        }
    }
    let without = smallest(&body.replace(is_odd, ""));
    let characters = (!odd.is_empty() && without < size.parts).then_some(Saving::Characters { odd, parts: without });
    let parts = size.parts - 1;
    let length = Saving::Length { characters: units(body, size.encoding).saturating_sub(room(size.encoding, parts)).max(1), parts };
    characters.into_iter().chain([length]).collect()
}

/// The parts of a text as it is or as it is rewritten, whichever is less.
fn smallest(text: &str) -> u32 {
    Size::of(text).parts.min(Size::of(&rewritten(text)).parts)
}

fn units(body: &str, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Gsm => body.chars().filter_map(septets).sum(),
        Encoding::Unicode => body.chars().map(char::len_utf16).sum(),
    }
}

fn room(encoding: Encoding, parts: u32) -> usize {
    let (single, split) = match encoding {
        Encoding::Gsm => (160, 153),
        Encoding::Unicode => (70, 67),
    };
    if parts == 1 { single } else { split * usize::try_from(parts).unwrap_or(usize::MAX) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Saving, savings, smallest, units};
    use crate::encoding::Size;

    #[test]
    fn one_character_that_doubles_the_price_is_named_with_its_place() {
        let text = format!("Fête 🎉{}", "a".repeat(80));
        let found = savings(&text);
        assert_eq!(found[0], Saving::Characters { odd: vec![('🎉', 6)], parts: 1 });
        assert_eq!(found[1], Saving::Length { characters: 17, parts: 1 });
    }

    #[test]
    fn nothing_is_said_of_a_text_in_one_part_nor_of_what_would_not_help() {
        assert_eq!(savings("🎉"), []);
        assert_eq!(savings(&"a".repeat(161)), [Saving::Length { characters: 1, parts: 1 }]);
        let odd_but_long = format!("字{}", "a".repeat(130));
        assert_eq!(savings(&odd_but_long).len(), 2);
        let still_two = format!("字{}", "€".repeat(100));
        assert!(matches!(savings(&still_two)[..], [Saving::Length { .. }]), "without the one it would still take two");
    }

    proptest! {
        /// Whoever does what is advised has the parts that were promised.
        #[test]
        fn every_saving_is_one(text in "[a-zé€\\[’字🎉 ]{0,200}") {
            let size = Size::of(&text);
            for saving in savings(&text) {
                let (after, parts) = match saving {
                    Saving::Characters { odd, parts } => {
                        prop_assert!(odd.iter().all(|(c, place)| text.chars().nth(place - 1) == Some(*c)));
                        (text.replace(|c| odd.iter().any(|(seen, _)| *seen == c), ""), parts)
                    }
                    // Of texts in two parts, as all of ours are.
                    Saving::Length { characters, parts: 1 } => {
                        let (before, mut shorter) = (units(&text, size.encoding), text.clone());
                        while before - units(&shorter, size.encoding) < characters {
                            shorter.pop();
                        }
                        (shorter, 1)
                    }
                    Saving::Length { .. } => continue,
                };
                prop_assert_eq!(smallest(&after), parts);
                prop_assert!(parts < size.parts);
            }
        }
    }
}
