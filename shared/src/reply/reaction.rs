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

/// Whether `body` quotes a text of ours to say what its reader felt.
pub(super) fn is_reaction(body: &str) -> bool {
    let start: String = body.chars().skip_while(|c| !c.is_alphabetic()).take(LONGEST).collect();
    let Some((before, _)) = start.split_once(['“', '"', '«']) else {
        return false;
    };
    let before = before.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    REACTIONS.iter().any(|(first, last)| if last.is_empty() { before == *first } else { before.starts_with(first) && before.ends_with(last) })
}
