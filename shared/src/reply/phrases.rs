//! Wording that a reasonable person understands as an opt-out, by grammar rather than by sentence.
//!
//! A pattern is a row of slots. A slot is one word of some (`a|b`), of a set (`@contact`), or may be missing (`?a|b`); `~` stands for up to three words, none of
//! them a negation; `^` and `$` are the reply's ends. A pattern matches anywhere in a reply unless it says otherwise.

use super::Meaning;

/// A pattern and the name by which rows and logs know it.
struct Phrase(&'static str, &'static [&'static str]);

const SETS: &[(&str, &[&str])] = &[
    (
        "contacting",
        &[
            "texting",
            "messaging",
            "sending",
            "contacting",
            "bothering",
            "spamming",
            "harassing",
            "notifying",
            "bugging",
            "annoying",
            "pestering",
            "calling",
            "emailing",
            "writing",
            "blowing",
        ],
    ),
    (
        "contact",
        &["text", "texts", "message", "contact", "bother", "spam", "notify", "bug", "harass", "write", "call", "sms", "ping", "email", "disturb"],
    ),
    (
        "texts",
        &[
            "text",
            "texts",
            "message",
            "messages",
            "sms",
            "notification",
            "notifications",
            "alert",
            "alerts",
            "update",
            "updates",
            "spam",
            "texting",
            "messaging",
            "reminders",
            "promos",
            "offers",
            "stuff",
            "crap",
            "shit",
            "these",
            "this",
            "them",
            "anything",
            "any",
        ],
    ),
    ("dont", &["dont", "never", "not", "no"]),
    (
        "list",
        &[
            "list",
            "lists",
            "database",
            "system",
            "contacts",
            "texts",
            "messages",
            "subscription",
            "this",
            "here",
            "records",
            "files",
            "it",
            "sms",
            "service",
            "alerts",
            "notifications",
            "chat",
            "thread",
        ],
    ),
    ("mensajes", &["mensajes", "mensaje", "textos", "texto", "sms", "notificaciones", "alertas", "nada", "publicidad", "spam", "esto", "estos"]),
    ("messages", &["messages", "message", "sms", "textos", "texto", "notifications", "alertes", "rien", "pub", "spam", "publicite"]),
];

/// What undoes a phrase that stands right behind it: "please don't unsubscribe me", "I did not say stop texting me".
const NEGATIONS: &[&str] =
    &["dont", "didnt", "never", "not", "wont", "cant", "cannot", "doesnt", "wouldnt", "couldnt", "nunca", "jamais", "pas", "if", "why"];

const STOP: &[Phrase] = &[
    Phrase(
        "phrase stop texting (en)",
        &[
            "quit|stop it with ?the|these|this|all texts|messages|texting|spam|notifications",
            "stop|quit|cease|discontinue|end|halt @contacting",
            "stop|quit|cease|discontinue|end|halt|cancel ?all|any|sending|with|with ?the|these|those|this|your|all|my|me|any|of ?the|these|your|text|sms|spam texts|messages|text|message|sms|notifications|alerts|texting|spam|msg",
            "stop|quit contact|text|message ?with me|us",
            "stop receiving|getting|receive|get ~ @texts",
            "stop blowing up my phone",
        ],
    ),
    Phrase(
        "phrase do not text (en)",
        &[
            "dont|never ?ever @contact|msg me|us|this|here|again|anymore|my|$",
            "dont|never ?ever send ?me|us|out ?any|anymore|another|more|these|this|your ?more @texts",
            "no|not ?more|further @contacting me|us",
            "dont|never ?ever contact|reach|hit ~ again|anymore|number",
            "^ ?please dont|never ?ever @contact ?please|pls|thanks $",
        ],
    ),
    Phrase(
        "phrase do not want (en)",
        &[
            "dont|didnt|not|never|nolonger|longer want|wanna|need|wish|like|care|wanted|wanting|asked|ask|signed|sign|agree|agreed|consent|subscribe|subscribed|interested ~ @contacted|texts|text|messages|message|sms|notifications|alerts|updates|spam|texting|contacted|texted|messaged|reminders",
            "dont|longer want|wish|need|wanna|like to be contacted|texted|messaged|bothered|subscribed|notified|on",
            "dont|longer want|wish|need ?to hear|receive|get ~",
            "dont|longer want|need ?any ?of these|this|them|any ?more|anymore ?anymore|please|thanks|ok $",
            "dont have ?my|any permission|consent",
            "want|like|wish|need|ask|asking|demand ?to be removed|unsubscribed|deleted|optout|taken",
            "want|wanna off ?of ?this|your|the|that list|texts|thing",
            "tired|sick|enough of|with|from ~ texts|messages|spam|texting|notifications|alerts",
            "i revoke|withdraw ~ consent|permission",
            "revoke|withdraw|rescind ?my|all|any consent|permission|authorization",
            "want|wish|like|need|trying|try|want ?to|me out",
        ],
    ),
    Phrase(
        "phrase no more (en)",
        &[
            "^ ?please|ok|just|thanks no more ?of ?these|this|the|your|text|from ?of @texts ?please|thanks|thank|from|ever|to ?you|me",
            "no more ?text|sms|of|these|spam texts|messages|notifications|alerts|texting|sms|updates|spam",
            "enough ?of|with ?the|these|this texts|messages|texting|spam|notifications|already",
        ],
    ),
    Phrase(
        "phrase remove me (en)",
        &[
            "take|remove|get|drop|delete|scratch|strike|pull|erase|unlist|keep me|us|my|this ?phone|cell|mobile|name|info|contact ?number off|from|out|of ~ @list",
            "take|remove|delete|drop|erase|forget|lose|unlist|scrub my|this|the ?phone|cell|mobile|contact number|info|contact|name|digits",
            "remove|unlist|unsubscribe|delete me",
            "take|get me off",
            "sign|opt|unsign|count|leave me off|out|optout",
            "deactivate|disable|cancel|end|terminate ?my|the|this|all|these ?sms|text|phone subscription|alerts|notifications|texts|sms|messages",
            "turn|switch|shut ?all ?the|these|this|them|your|off ?these|the|all|text|sms texts|messages|notifications|alerts|texting|sms|updates ?off",
            "turn|switch|shut this|these|them|it off $",
        ],
    ),
    Phrase(
        "phrase unsubscribe (en)",
        &[
            "unsubscribe|optout|unsubscribing me|us|please|now|from|this|my",
            "want|like|wish|need|how|id|ill|can|let|me|please|would ?do|me|i|to|like ?i|to|me ?to unsubscribe|optout|cancel $",
            "want|like|wish|need|how ?do|to ?i|to unsubscribe|optout",
            "^ please unsubscribe|optout",
        ],
    ),
    Phrase(
        "phrase leave me alone (en)",
        &["leave me|us alone|be", "leave me the ~ alone", "go away", "get lost", "buzz|piss|fuck|f|bugger|back off", "screw you|off", "let me be $"],
    ),
    Phrase(
        "phrase wrong number (en)",
        &["wrong number|person|phone", "not|isnt ?the|my right number|person", "this is not ~ number|phone", "no longer ~ number", "new number $"],
    ),
    Phrase(
        "phrase stop texting (es)",
        &[
            "dejen|deje|deja|dejar|paren|pare|para|parar|basta|dejes ?ya de mandar|mandarme|enviar|enviarme|escribir|escribirme|molestar|molestarme|contactar|contactarme|textear|textearme|mensajear|mandarnos|llamar|texto|mensajes|acosarme",
            "dejenme|dejeme|dejame|deja ?me|de ?en paz|tranquilo|tranquila|molestar",
            "no|ya ?me|nos|ya|no ?me mande|manden|mandes|envie|envien|envies|escriba|escriban|escribas|moleste|molesten|molestes|contacte|contacten|contactes|textee|texteen|texteés|llamen",
        ],
    ),
    Phrase(
        "phrase no more (es)",
        &[
            "no quiero|deseo que me|nos|sigan manden|mande|mandando|envien|envie|enviando|escriban|escriba|contacten|llamen",
            "no|ya ?no mas @mensajes ?por|gracias|de",
            "no|ya|ni ?no quiero|deseo|queremos|necesito|quisiera ?mas|recibir|recibiendo|seguir|que|sus|estos|tus ?mas|recibiendo|recibir|sus|estos|tus|sus|me ?mas @mensajes",
            "no|ya ?no quiero|deseo ?seguir recibir|recibiendo|recibirlos ?mas|nada|esto|estos|sus",
        ],
    ),
    Phrase(
        "phrase remove me (es)",
        &[
            "darme|denme|deme|dame|darse|dar ?me de baja",
            "quitenme|quiteme|quitame|saquenme|saqueme|sacame|borrenme|borreme|borrame|eliminenme|elimineme|eliminame|remuevanme|remuevame",
            "quiten|quite|quita|saquen|saque|borren|borre|eliminen|elimine|elimina|borra mi|este numero|telefono",
            "quiero|deseo|puedo|como ?me cancelar|cancelo|desuscribirme|desuscribir|salir|baja",
            "cancelar|cancele|cancelen|cancela ?mi|la|esta|estos suscripcion|mensajes|servicio|notificaciones",
            "desuscribirme|desuscribanme|desuscribeme|desinscribirme",
            "numero equivocado|incorrecto",
            "se equivoco|equivocaron|equivocado de numero",
        ],
    ),
    Phrase(
        "phrase stop texting (fr)",
        &[
            "arretez|arrete|arreter|cessez|cesse|stop ?moi|svp|tout ?de|d|avec|les|ces|vos|aux ?m|me|nous|les|vos|ces envoyer|ecrire|contacter|texter|harceler|messages|sms|spam|textos|deranger|embeter|notifications|envois",
            "ne m|me|nous|mecrivez|envoyez|contactez envoyez|envoie|ecrivez|ecris|contactez|contacte|textez|texte|derangez|plus ~ plus|rien|jamais",
            "ne mecrivez|menvoyez|contactez|envoyez plus",
            "m|me envoyez|ecrivez|contactez|derangez plus",
        ],
    ),
    Phrase(
        "phrase no more (fr)",
        &[
            "plus de|aucun|d @messages",
            "veux|souhaite|desire|voudrais plus|pas|ne|pas ?de|recevoir|etre|vos|rien|que ?de|vos|d|ces|ce|contacte|contactee|recevoir @messages",
            "veux|souhaite|desire plus recevoir|etre|de|rien",
            "plus aucun message|sms|texto",
        ],
    ),
    Phrase(
        "phrase remove me (fr)",
        &[
            "desabonnez|desabonner|desinscrire|desinscrivez|desabonne|desinscris ?moi",
            "retirez|supprimez|enlevez|effacez|retire|supprime|rayez moi|mon|ce|me",
            "laissez|laisse|fichez|foutez moi ?la|en tranquille|paix",
            "me desabonner|desinscrire",
            "mauvais|faux numero",
        ],
    ),
];

/// What may be an opt-out, or a word about a battle: somebody should read it.
const UNCLEAR: &[Phrase] = &[Phrase(
    "phrase unclear",
    &[
        "^ ?ok|ugh|please|just|that|thats|its enough $",
        "^ ?ugh|ok|please no more ?please|thanks|lol $",
        "^ ?im|sorry|no|really|thanks|am ?im|thanks|am|really|i ?am not interested ?thanks|thank|anymore|in ?you|this $",
        "who is|are|r this|you",
        "^ whos this|that $",
        "^ ?new who|phone this|who ?dis|this",
        "^ ?this|thats|its ?is ?just spam $",
        "why|how ?come|do|are|did ?are|do|did|keep you ?keep|have|get|got texting|messaging|text|sending|my|contacting",
        "how did you get my number",
        "reported|reporting|report ?you|as|this ?as spam",
        "block|blocked|blocking you|this|number",
        "^ ?ya basta|suficiente|assez|bastante $",
        "^ no longer interested",
        "stop wasting my time",
        "^ ?ya no mas ?por ?favor|gracias $",
        "^ no me interesa",
        "^ ?pas interesse|interessee",
        "quien es|eres",
        "qui est|etes",
        "^ deactivate|disable|unfollow|mute|delete $",
        "no entiendo",
        "too many|much texts|messages|notifications|alerts",
        "demasiados mensajes",
        "trop de messages|sms",
        "^ lawsuit|lawyer|sue|illegal|harassment|fcc",
        "i will|ill sue|report",
    ],
)];

const START: &[Phrase] = &[Phrase(
    "phrase start",
    &[
        "^ ?please|ok|can|hey|yes ?you start|resume|restart ?sending|with texting|sending|messaging|texts|messages|the|my|me|alerts|notifications ?me|us|texts|alerts|again|messages ?again|please|texts $",
        "^ ?please|hey|ok sign me ?back up ?again|for|please|to ?texts|the|please ?list $",
        "^ ?please|hey|ok opt|add|put me ?back in ?again|please|for ?texts $",
        "^ ?please|yes|i|id ?want|like ?to|me resubscribe|subscribe|optin ?me|to|again|please ?texts|please|again $",
        "^ ?i|please ?want|would ?like ?to ?get|receive|have|start texts|messages again $",
        "^ ?quiero ?recibir mensajes ?otra|de ?vez|nuevo $",
    ],
)];

const HELP: &[Phrase] = &[Phrase(
    "phrase help",
    &[
        "^ ?can|i|could|please|me ?you|need|i help ?me|please|with|us ?please|out|texts|this $",
        "^ i need help",
        "^ ?necesito ayuda",
        "^ besoin d aide",
    ],
)];

pub(super) fn read(tokens: &[&str]) -> Option<(Meaning, &'static str)> {
    let found = |phrases: &'static [Phrase]| {
        phrases.iter().find(|Phrase(_, patterns)| patterns.iter().any(|pattern| occurs(pattern, tokens))).map(|phrase| phrase.0)
    };
    let in_order = [(STOP, Meaning::StopAll), (START, Meaning::Start), (HELP, Meaning::Help), (UNCLEAR, Meaning::Unclear)];
    in_order.into_iter().find_map(|(phrases, meaning)| Some((meaning, found(phrases)?)))
}

/// The names of the rules here.
pub(super) fn rules() -> impl Iterator<Item = &'static str> {
    [STOP, START, HELP, UNCLEAR].into_iter().flatten().map(|phrase| phrase.0)
}

fn occurs(pattern: &str, tokens: &[&str]) -> bool {
    let slots = pattern.split(' ').collect::<Vec<_>>();
    let (anchored, slots) = if slots[0] == "^" { (true, &slots[1..]) } else { (false, &slots[..]) };
    let last = if anchored { 0 } else { tokens.len() };
    (0..=last).any(|start| {
        let negated = start > 0 && NEGATIONS.contains(&tokens[start - 1])
            || start > 1
                && matches!(tokens[start - 1], "say" | "mean" | "to" | "want" | "please" | "you" | "ever")
                && NEGATIONS.contains(&tokens[start - 2]);
        !negated && matches(slots, &tokens[start..])
    })
}

fn matches(slots: &[&str], tokens: &[&str]) -> bool {
    let Some((slot, rest)) = slots.split_first() else { return true };
    match (*slot, tokens.split_first()) {
        ("$", first) => first.is_none() && rest.is_empty(),
        ("~", _) => (0..=3.min(tokens.len())).any(|gap| tokens[..gap].iter().all(|word| !NEGATIONS.contains(word)) && matches(rest, &tokens[gap..])),
        (slot, Some((word, others))) => match slot.strip_prefix('?') {
            Some(slot) => has(slot, word) && matches(rest, others) || matches(rest, tokens),
            None if has(slot, word) => matches(rest, others),
            // "…|$" is a last slot that the reply's end fits as well.
            None => false,
        },
        (slot, None) => (slot.starts_with('?') || slot.split('|').any(|word| word == "$")) && matches(rest, tokens),
    }
}

fn has(slot: &str, word: &str) -> bool {
    slot.split('|').any(|choice| match choice.strip_prefix('@') {
        Some(name) => SETS.iter().any(|(set, words)| *set == name && words.contains(&word)),
        None => choice == word,
    })
}
