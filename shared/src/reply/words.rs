//! A reply as plain lower-case words.

/// The words of a reply.
pub(super) struct Words {
    /// Lower case, without accents, apostrophes and punctuation.
    pub tokens: Vec<String>,
    /// Whether it ends in a question mark.
    pub asks: bool,
    /// How many of the words are the first sentence.
    pub first_sentence: usize,
}

/// As much of a reply as is read.
const LONGEST: usize = 2_000;

pub(super) fn words(body: &str) -> Words {
    let read = body.chars().take(LONGEST).filter(|c| !is_invisible(*c)).map(plain).collect::<String>();
    let asks = read.trim_end().ends_with(['?', '？']);
    let letters = read.to_lowercase().chars().map(without_accent).collect::<String>();
    let sentence_end = letters.find(['!', '.', ',', ';', '\n']).unwrap_or(letters.len());
    Words { tokens: tokens(&letters), asks, first_sentence: tokens(&letters[..sentence_end]).len() }
}

fn tokens(letters: &str) -> Vec<String> {
    let words = letters.split(|c: char| !c.is_alphanumeric() && c != '\'').flat_map(parted).filter(|word| !word.is_empty());
    joined(words.map(|word| correct(&unstretched(&word)).to_owned()).collect())
}

/// Zero-width and bidirectional controls, variation selectors, soft hyphen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Full-width letters and typographic apostrophes as their everyday selves.
fn plain(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '’' | '‘' | '´' | '`' | 'ʼ' | '′' => '\'',
        c => c,
    }
}

fn without_accent(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'ä' | 'ã' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        // Combining accents, of text that was decomposed, fall away with the punctuation.
        c => c,
    }
}

/// `m'envoyer` is two words, `don't` is one.
fn parted(word: &str) -> Vec<String> {
    match word.split_once('\'') {
        Some((before, after)) if matches!(before, "m" | "n" | "s" | "j" | "l" | "d" | "c" | "qu") && after.len() >= 2 => {
            vec![before.to_owned(), after.replace('\'', "")]
        }
        _ => vec![word.replace('\'', "")],
    }
}

/// `stoooop` is `stop`: of three and more of one letter, one stays.
fn unstretched(word: &str) -> String {
    let letters = word.chars().collect::<Vec<_>>();
    let run = |n: usize| {
        letters[..=n].iter().rev().take_while(|c| **c == letters[n]).count() + letters[n + 1..].iter().take_while(|c| **c == letters[n]).count()
    };
    let stretched = |n: usize| letters[n].is_alphabetic() && run(n) >= 3;
    letters.iter().enumerate().filter(|(n, c)| !stretched(*n) || *n == 0 || letters[n - 1] != **c).map(|(_, c)| *c).collect()
}

/// The typing errors that are seen most.
fn correct(word: &str) -> &str {
    match word {
        "stpo" | "sotp" | "stopp" | "sotop" | "tsop" | "ztop" => "stop",
        "unsuscribe" | "unsubcribe" | "unsubscibe" | "unsubscrib" | "unsubscribed" | "unsub" | "unsubscribeme" => "unsubscribe",
        "cancle" | "cancell" | "canceled" | "cancelled" => "cancel",
        "plz" | "pls" | "plez" | "pleas" | "plese" => "please",
        "dnt" | "dont" | "donot" => "dont",
        "u" => "you",
        "ur" => "your",
        "txt" | "txts" | "msg" | "msgs" | "massages" | "mesages" | "messeges" => "texts",
        "txting" | "textin" => "texting",
        "sendin" => "sending",
        "msging" | "messagin" => "messaging",
        "q" => "que",
        other => other,
    }
}

/// `s t o p` is `stop`; `opt out` and `stop all` are one word each.
fn joined(tokens: Vec<String>) -> Vec<String> {
    if tokens.len() > 2 && tokens.iter().all(|token| token.chars().count() == 1) {
        return vec![tokens.concat()];
    }
    let mut joined: Vec<String> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let pair = match (joined.last().map(String::as_str), token.as_str()) {
            (Some("opt" | "opted" | "opting"), "out") => Some("optout"),
            (Some("opt"), "in") => Some("optin"),
            (Some("un"), "subscribe") => Some("unsubscribe"),
            (Some("un"), "stop") => Some("unstop"),
            (Some("do" | "did" | "does" | "will" | "would" | "can"), "not") => Some("dont"),
            _ => None,
        };
        match pair {
            Some(pair) => {
                joined.pop();
                joined.push(pair.to_owned());
            }
            None => joined.push(token),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn typography_accents_and_stretching_fall_away() {
        for (body, tokens) in [
            ("Please don’t text me!!!", "please dont text me"),
            ("ＳＴＯＰ", "stop"),
            ("S.T.O.P", "stop"),
            ("s t o p", "stop"),
            ("St\u{200b}op", "stop"),
            ("stoooooop", "stop"),
            ("¡Ya no más!", "ya no mas"),
            ("arrêtez de m’envoyer ça", "arretez de m envoyer ca"),
            ("opt-out", "optout"),
            ("Opt Out", "optout"),
            ("do not text", "dont text"),
            ("👋", ""),
            ("", ""),
        ] {
            assert_eq!(words(body).tokens.join(" "), tokens, "{body}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_very_long_reply_is_read() {
        assert_eq!(words(&"a ".repeat(1_000_000)).tokens.len(), 1_000);
    }
}
