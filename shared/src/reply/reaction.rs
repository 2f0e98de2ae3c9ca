//! Reactions to a text, which phones without them get as a quotation of it: `Liked “AllThrive: … Reply STOP to opt out”`.

/// What the words before the quotation start and end with; the whole of them, if there is no end.
const REACTIONS: &[(&str, &str)] = &[
    ("liked", ""),
    ("loved", ""),
    ("disliked", ""),
    ("laughed at", ""),
    ("emphasized", ""),
    ("emphasised", ""),
    ("questioned", ""),
    ("reacted ", " to"),
    ("removed a", " from"),
    ("le gustó", ""),
    ("le encantó", ""),
    ("no le gustó", ""),
    ("se rio de", ""),
    ("se rió de", ""),
    ("destacó", ""),
    ("a aimé", ""),
    ("a adoré", ""),
    ("n’a pas aimé", ""),
    ("a ri de", ""),
];

/// How long the words before the quotation can be.
const LONGEST: usize = 40;

/// A mark that opens a quotation, and those that close it.
const MARKS: &[(char, &[char])] = &[('"', &['"']), ('“', &['”']), ('„', &['“', '”']), ('”', &['”']), ('«', &['»']), ('»', &['«'])];

/// What its reader wrote after the quotation, mostly nothing, if `body` quotes a text of ours to say what they felt.
pub(super) fn beside_reaction(body: &str) -> Option<&str> {
    let body = body.trim_start_matches(|c: char| !c.is_alphabetic());
    let mark = |c: char| MARKS.iter().find(|(opens, _)| *opens == c);
    let (at, (opens, closes)) = body.char_indices().take(LONGEST).find_map(|(at, c)| Some((at, mark(c)?)))?;
    is_reaction(&body[..at]).then(|| after_quotation(&body[at + opens.len_utf8()..], *opens, closes))
}

/// Whether `before`, which comes before a quotation, says what its reader felt.
fn is_reaction(before: &str) -> bool {
    let before = before.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    REACTIONS.iter().any(|(first, last)| if last.is_empty() { before == *first } else { before.starts_with(first) && before.ends_with(last) })
}

/// What follows a quotation, which may quote something itself; nothing if a phone cut it off.
fn after_quotation<'a>(quoted: &'a str, opens: char, closes: &[char]) -> &'a str {
    if closes.contains(&opens) {
        // Marks that look the same on both sides come in pairs, and the first stands before `quoted`.
        let whole = quoted.matches(opens).count() % 2 == 1;
        return quoted.rsplit_once(opens).filter(|_| whole).map_or("", |(_, after)| after);
    }
    let mut depth = 1;
    let end = quoted.char_indices().find(|(_, c)| {
        depth += i32::from(*c == opens) - i32::from(closes.contains(c));
        depth == 0
    });
    end.map_or("", |(at, c)| &quoted[at + c.len_utf8()..])
}
