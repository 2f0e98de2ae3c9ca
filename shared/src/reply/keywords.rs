//! Replies that are a keyword and nothing else, but for what people put around one: "STOP please", "help!", "yes start again", "STOP BATTLES".

use super::Meaning;
use crate::kind::Category;

/// AWS's list, the FCC's seven, CTIA's, and their Spanish and French counterparts.
const STOP: &[&str] = &[
    "stop",
    "stopall",
    "quit",
    "end",
    "cancel",
    "unsubscribe",
    "revoke",
    "optout",
    "remove",
    "arret",
    "td",
    "arreter",
    "arretez",
    "alto",
    "parar",
    "pare",
    "paren",
    "para",
    "cancelar",
    "cancela",
    "cancelen",
    "baja",
    "detener",
    "detengan",
    "desuscribir",
    "desabonner",
    "desabonnement",
    "desinscription",
    "desinscrire",
    "halt",
    "cease",
    "desist",
    "discontinue",
];

/// Those that stop one category by its name; "end battle" or "cancel invitation" may well be about that one battle.
const STOP_BY_NAME: &[&str] = &["stop", "unsubscribe", "optout", "alto", "parar", "arret", "arretez", "mute", "disable", "no", "plus", "stopall"];

const START: &[&str] =
    &["start", "unstop", "yes", "si", "oui", "optin", "subscribe", "resubscribe", "resume", "restart", "reanudar", "iniciar", "alta", "yep", "yeah"];

const HELP: &[&str] = &["help", "info", "ayuda", "aide", "information", "informacion", "assistance"];

/// What changes nothing about a keyword.
const AROUND: &[&str] = &[
    "please",
    "now",
    "ok",
    "okay",
    "hey",
    "hi",
    "hello",
    "just",
    "already",
    "thanks",
    "thank",
    "you",
    "ty",
    "thx",
    "sir",
    "immediately",
    "asap",
    "kindly",
    "the",
    "this",
    "that",
    "it",
    "these",
    "those",
    "all",
    "any",
    "everything",
    "completely",
    "forever",
    "at",
    "once",
    "again",
    "right",
    "today",
    "your",
    "from",
    "of",
    "to",
    "for",
    "and",
    "me",
    "my",
    "us",
    "i",
    "im",
    "a",
    "said",
    "so",
    "service",
    "subscription",
    "program",
    "allthrive",
    "list",
    "number",
    "phone",
    "por",
    "favor",
    "ya",
    "gracias",
    "todo",
    "todos",
    "esto",
    "eso",
    "de",
    "los",
    "las",
    "la",
    "el",
    "mis",
    "mi",
    "me",
    "s",
    "il",
    "vous",
    "plait",
    "svp",
    "stp",
    "merci",
    "tout",
    "tous",
    "les",
    "ca",
    "cela",
    "des",
    "bloody",
    "fucking",
    "damn",
    "goddamn",
    "freaking",
    "omg",
    "ffs",
    "sending",
    "receiving",
    "getting",
];

/// What we send.
const TEXTS: &[&str] = &[
    "text",
    "texts",
    "texting",
    "message",
    "messages",
    "messaging",
    "sms",
    "notification",
    "notifications",
    "alert",
    "alerts",
    "update",
    "updates",
    "spam",
    "contacting",
    "mensaje",
    "mensajes",
    "textos",
    "texto",
    "notificaciones",
    "alertas",
    "envios",
    "messagerie",
    "textos",
    "notifs",
    "stuff",
    "crap",
    "shit",
];

fn category(word: &str) -> Option<&'static [Category]> {
    use Category::{Achievements, BattleInvitations, BattleReminders, BattleResults, DirectMessages, StreakAlerts};
    Some(match word {
        "battle" | "battles" | "batalla" | "batallas" | "bataille" | "batailles" | "duels" | "duelos" => {
            &[BattleInvitations, BattleResults, BattleReminders]
        }
        "invite" | "invites" | "invitation" | "invitations" | "invitacion" | "invitaciones" | "challenge" | "challenges" | "reto" | "retos"
        | "desafios" | "defis" => &[BattleInvitations],
        "result" | "results" | "resultado" | "resultados" | "resultats" => &[BattleResults],
        "reminder" | "reminders" | "recordatorio" | "recordatorios" | "rappel" | "rappels" => &[BattleReminders],
        "streak" | "streaks" | "racha" | "rachas" | "serie" | "series" => &[StreakAlerts],
        "direct" | "directs" | "dm" | "dms" | "directos" => &[DirectMessages],
        "achievement" | "achievements" | "badge" | "badges" | "logro" | "logros" | "succes" | "trophies" => &[Achievements],
        _ => return None,
    })
}

/// The names of the rules here.
pub(super) const RULES: &[&str] = &[
    "keyword help",
    "keyword stop as a question",
    "keyword stop of something",
    "keyword stop",
    "keyword start",
    "keyword stop with categories",
    "keyword stop first",
    "keyword stop as the first sentence",
];

pub(super) fn read(tokens: &[&str], asks: bool, first_sentence: usize) -> Option<(Meaning, &'static str)> {
    let is = |set: &[&str], word: &str| set.contains(&word);
    let all = |sets: &[&[&str]]| tokens.iter().all(|word| sets.iter().any(|set| is(set, word)));
    let any = |set: &[&str]| tokens.iter().any(|word| is(set, word));
    if first_sentence < tokens.len()
        && let Some((Meaning::StopAll, _)) = read(&tokens[..first_sentence], false, first_sentence)
    {
        return Some((Meaning::StopAll, "keyword stop as the first sentence"));
    }
    if tokens.len() > 12 {
        return None;
    }
    if any(HELP) && all(&[HELP, AROUND]) {
        return Some((Meaning::Help, "keyword help"));
    }
    if let [first, "it" | "that"] = tokens
        && matches!(*first, "cancel" | "end" | "remove" | "quit" | "revoke")
    {
        return Some((Meaning::Unclear, "keyword stop of something"));
    }
    if any(STOP) && all(&[STOP, HELP, AROUND, TEXTS]) && !blocked_by_stop_inside(tokens) {
        // "stop?" may ask whether to, or how to.
        return Some(if asks && tokens.len() < 3 { (Meaning::Unclear, "keyword stop as a question") } else { (Meaning::StopAll, "keyword stop") });
    }
    if any(START) && all(&[START, AROUND, TEXTS]) {
        return Some((Meaning::Start, "keyword start"));
    }
    if let Some(reading) = categories(tokens) {
        return Some(reading);
    }
    first_word(tokens)
}

/// "this is it, the end" has only words that may stand around a keyword, and is no opt-out: a stop word comes first, or after words of politeness only.
fn blocked_by_stop_inside(tokens: &[&str]) -> bool {
    const BEFORE: &[&str] = &[
        "please", "just", "ok", "okay", "hey", "hi", "hello", "i", "said", "now", "kindly", "all", "texts", "messages", "por", "favor", "ya", "omg",
        "ffs", "fucking", "the", "text", "sms", "s", "il", "vous", "plait", "svp", "you", "me", "thanks",
    ];
    let before = tokens.iter().take_while(|word| !STOP.contains(word));
    let article = tokens.first().is_some_and(|word| *word == "the") && tokens.len() < 3;
    article || before.into_iter().any(|word| !BEFORE.contains(word) && !HELP.contains(word))
}

/// "STOP BATTLES", "no more achievement texts", "please stop the battle invitations".
fn categories(tokens: &[&str]) -> Option<(Meaning, &'static str)> {
    const MORE: &[&str] = &["more", "mas", "with", "send", "about", "turn", "off"];
    let named = tokens.iter().filter_map(|word| category(word)).collect::<Vec<_>>();
    let rest = tokens.iter().filter(|word| category(word).is_none());
    let mut verb = false;
    for word in rest {
        verb |= STOP_BY_NAME.contains(word) || *word == "off";
        let allowed = STOP_BY_NAME.contains(word) || AROUND.contains(word) || TEXTS.contains(word) || MORE.contains(word);
        if !allowed {
            return None;
        }
    }
    let no_alone = tokens.contains(&"no") && !tokens.iter().any(|word| matches!(*word, "more" | "mas"));
    if named.is_empty() || !verb || no_alone {
        return None;
    }
    // The narrowest: "battle invitations" are the invitations, not all about battles.
    let fewest = named.iter().map(|categories| categories.len()).min()?;
    let mut categories = named.into_iter().filter(|categories| categories.len() == fewest).flatten().copied().collect::<Vec<_>>();
    categories.sort();
    categories.dedup();
    Some((Meaning::StopCategories(categories), "keyword stop with categories"))
}

/// "STOP 123", "Stop bot": AWS itself acts on a reply that begins with the word, and the person expects that. Not with what goes on as a sentence.
fn first_word(tokens: &[&str]) -> Option<(Meaning, &'static str)> {
    let [first, second] = tokens else { return None };
    let sentence =
        second.ends_with("ing") || matches!(*second, "by" | "in" | "over" | "at" | "on" | "sign" | "watch" | "lol" | "game" | "date" | "motion");
    (matches!(*first, "stop" | "stopall" | "unsubscribe" | "optout") && !sentence).then_some((Meaning::StopAll, "keyword stop first"))
}
