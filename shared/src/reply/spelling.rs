//! One spelling for each word: texting shorthand, slips, and words written in pieces.

use std::{collections::HashMap, sync::LazyLock};

use super::words::{is_break, squeezed};

/// A word, and what people write for it.
const SPELLINGS: &[(&str, &str)] = &[
    (
        "stop",
        "stopall stopp sstop stopit stopthis stopnow stopplease stoppls plsstop pleasestop stoptext stoptexts stopmessages stopmsgs stoptexting stoptextingme stopmessagingme stopsendingme stahp stpo sotp tsop",
    ),
    ("unsubscribe", "unsub unsubs unscribe unsuscribe unsubcribe desubscribe unsubme unsubscribeme"),
    ("optout", "optoutall optuot"),
    ("cancel", "cancle cancell cancal cacel canel cancelall"),
    ("quit", "qiut quitt"),
    ("remove", "removeme remov romove"),
    ("start", "strat satrt startt"),
    ("unstop", "unstopp unstopall"),
    ("help", "hlep helpp hepl"),
    ("please", "pls plz plse pleas pleez plis plss pl0x"),
    ("you", "u yall youguys"),
    ("your", "ur yours youre"),
    ("text", "txt tex"),
    ("texts", "txts txtmsgs textmessages"),
    ("texting", "txting textin txtin texing textting textng txtng txtn"),
    ("texted", "txted"),
    ("message", "msg mesage messge mssg"),
    ("messages", "msgs mesages messges mssgs msges messeges"),
    ("messaging", "msging mesaging messagin msgin messging"),
    ("sending", "sendin"),
    ("number", "num nbr numbr nmbr"),
    ("thanks", "thx tks ty thnx thanx thankyou tysm"),
    ("dont", "dnt donot dont dony doont"),
    ("cant", "cannot"),
    ("because", "cuz coz bc cause"),
    ("to", "2"),
    ("for", "4"),
    ("more", "mor"),
    ("anymore", "anymor"),
    ("interested", "intrested intersted interestd"),
    ("wanna", "wana"),
    ("with", "w wit"),
    ("fucking", "fing fking fuckin fckin fcking effing frigging friggin freaking freakin fkn fkin fuckn fukin fuking"),
    ("lol", "lmao lmfao rofl lolol lul hehe hihi mdr ptdr jeje xd"),
    ("que", "q ke"),
    ("por", "x"),
    ("porfavor", "xfa porfa porfis"),
    ("sms", "smses smss"),
    ("mensaje", "msj mensage mensje"),
    ("mensajes", "msjs mensages mensjes"),
];

/// Two words that are one.
const JOINS: &[(&str, &str, &str)] = &[
    ("opt", "out", "optout"),
    ("opted", "out", "optedout"),
    ("opted", "in", "optedin"),
    ("opting", "out", "optout"),
    ("opt", "in", "optin"),
    ("opting", "in", "optin"),
    ("un", "subscribe", "unsubscribe"),
    ("re", "subscribe", "resubscribe"),
    ("un", "stop", "unstop"),
    ("non", "stop", "nonstop"),
    ("no", "more", "nomore"),
    ("for", "ever", "forever"),
    ("any", "more", "anymore"),
    ("any", "longer", "anymore"),
    ("no", "longer", "dont"),
    ("do", "not", "dont"),
    ("can", "not", "cant"),
    ("did", "not", "didnt"),
    ("does", "not", "doesnt"),
    ("will", "not", "wont"),
    ("would", "not", "wouldnt"),
    ("could", "not", "couldnt"),
    ("should", "not", "shouldnt"),
    ("is", "not", "isnt"),
    ("was", "not", "wasnt"),
    ("have", "not", "havent"),
    ("has", "not", "hasnt"),
    ("por", "favor", "porfavor"),
    ("s", "il", "sil"),
    ("text", "message", "message"),
    ("text", "messages", "messages"),
];

static CANONICAL: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| SPELLINGS.iter().flat_map(|(word, slips)| slips.split(' ').map(|slip| (squeezed(slip), squeezed(word)))).collect());

/// The one spelling of a folded word.
pub(super) fn canonical(word: &str) -> String {
    let letters: String = if word.starts_with(char::is_alphabetic) { word.chars().map(letter_for).collect() } else { word.to_owned() };
    let short = squeezed(&letters);
    match short.as_str() {
        // "Yesss!" cheers; only "yes" agrees.
        "yes" | "si" | "oui" => letters,
        // Perhaps one of a word in pieces: see `spelled_out`.
        letter if is_letter(letter) => short,
        _ if is_laughter(&short) => "lol".to_owned(),
        _ if is_unsubscribe(&short) => "unsubscribe".to_owned(),
        _ => usual(short),
    }
}

fn usual(word: String) -> String {
    CANONICAL.get(&word).cloned().unwrap_or(word)
}

/// `words` with those in pieces put together: "S T O P", "opt out", "do not", "don t".
pub(super) fn joined(words: &[String]) -> Vec<String> {
    let mut whole: Vec<String> = Vec::with_capacity(words.len());
    for word in spelled_out(words) {
        let pair = whole.last().and_then(|last| pair(last, &word));
        match pair {
            Some(pair) => {
                whole.pop();
                whole.push(pair);
            }
            None => whole.push(word),
        }
    }
    whole
}

fn pair(first: &str, second: &str) -> Option<String> {
    if second == "t" && first.ends_with('n') {
        return Some(format!("{first}t"));
    }
    JOINS.iter().find(|(a, b, _)| *a == first && *b == second).map(|(_, _, whole)| squeezed(whole))
}

/// Joins three single letters or more, whether or not breaks are between them.
fn spelled_out(words: &[String]) -> Vec<String> {
    let mut whole = Vec::with_capacity(words.len());
    let mut rest = words;
    while let Some(word) = rest.first() {
        let run = rest.iter().take_while(|word| is_letter(word) || is_break(word)).count();
        let letters: String = rest[..run].iter().filter(|word| is_letter(word)).map(String::as_str).collect();
        if is_letter(word) && letters.len() >= 3 {
            whole.push(canonical(&letters));
            rest = &rest[run..];
        } else {
            whole.push(if is_letter(word) { usual(word.clone()) } else { word.clone() });
            rest = &rest[1..];
        }
    }
    whole
}

fn is_letter(word: &str) -> bool {
    word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A digit after a letter stands for the letter that it looks like.
fn letter_for(c: char) -> char {
    match c {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        _ => c,
    }
}

/// "haha", "hahah", "jajaja", "ahah".
fn is_laughter(word: &str) -> bool {
    word.len() >= 4 && (word.bytes().all(|byte| b"ha".contains(&byte)) || word.bytes().all(|byte| b"ja".contains(&byte)))
}

/// "Unsubscribe" with up to two slips; not "unsubscribed", which tells of the past.
fn is_unsubscribe(word: &str) -> bool {
    let near = (9..=13).contains(&word.len()) && word.starts_with("un") && !word.ends_with('d') && !word.ends_with("ing");
    near && distance(word, "unsubscribe") <= 2
}

/// Letters to add, drop or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let changed = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
