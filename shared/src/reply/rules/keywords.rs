//! Keywords, the same in any language: AWS's list, the FCC's seven (47 CFR 64.1200(a)(10)), CTIA's, and what people type for them.
//!
//! CTIA's principles (5.1.3) have case and punctuation ignored, so "stop?" is "stop".
//! "Stop" and "unsubscribe" count wherever a clause says nothing else, and so do "stop it" and "stop this": what else would "it" be?
//! "End", "quit", "cancel", "remove" and "revoke" are everyday verbs: they count if the whole reply, or its first sentence, says nothing else.
//! "Cancel it" and "end the battle" may be about one battle, and are unclear.
//!
//! After "stop", "messages" are texts, as people say it, and so everything; "direct messages" are that category.
//! An unknown word or two after it is a name that we do not have, and everything stops, as AWS would have it; what goes on as a sentence is unclear.

use super::{Language, Rule};

pub(super) const RULES: Language = Language {
    demands: &[],
    harmless: &[],
    doubts: &[(
        "stop and start at once",
        &["^^ @hi* stop ..6 start|unstop $$", "^^ start|unstop ..4 stop $$", "cancel|undo|ignore|revert|reverse ..2 stop|optout"],
    )],
    spared: &[],
    named: NAMED,
    stop: STOP,
    start: &[
        ("keyword start", &["^^ @hi* start @resume* $$", "^^ @hi* restart @resume* $$"]),
        ("keyword unstop", &["^^ @hi* unstop @resume* $$"]),
        ("keyword opt in", &["^^ @hi* optin @resume* $$", "^^ @hi* opt me back? in @resume* $$"]),
        ("keyword subscribe", &["^^ @hi* subscribe|resubscribe @resume* $$"]),
        ("keyword resume", &["^^ @hi* resume @resume* $$"]),
        // Only by itself: "yes I won" agrees to nothing.
        ("keyword yes", &["^^ yes|si|oui .|,? please|porfavor|svp|gracias|merci? $$"]),
    ],
    help: &[
        ("keyword help", &["^^ @hi* help @helping* $$", "^^ @hi* help .|,"]),
        (
            "keyword info",
            &["^^ @hi* more? info|information|infos|informacion @helping* $$", "^^ @hi* mas|plus info|informacion|information @helping* $$"],
        ),
        ("keyword ayuda", &["^^ @hi* ayuda @helping* $$", "^^ ayuda .|,"]),
        ("keyword aide", &["^^ @hi* aide|aidez @helping* $$"]),
    ],
    leading: &[
        // "STOP. I never asked for this": the keyword stands for itself.
        (
            "keyword stop, then more",
            &["^^ @hi* stop .", "^^ stop ,", "^^ stop @subject", "^^ @hi* stop already|now|immediately|please|asap|this|all|right now? @subject|or"],
        ),
        // "STOP FOO": a name that nobody knows, after the word that everybody does.
        ("keyword stop, then a name", &["^^ stop @name $", "^^ stop @name @name $"]),
    ],
    hints: &[
        ("stop, then something else", &["^^ @hi* stop"]),
        ("stop at the end", &["stop $"]),
        ("end, quit or cancel, then something else", &["^^ end|cancel|quit|remove|revoke @name $$"]),
    ],
};

const NAMED: &[Rule] = &[(
    "keyword stop, then categories",
    &[
        "^ @hi* stop|unsubscribe|optout|alto|parar|pare|paren|arret|arretez|arreter|arrete|stopper @tail* @categories @tail* $",
        "^ @hi* stop|unsubscribe @tail* @categories from|with|de @name @name? $",
    ],
)];

const STOP: &[Rule] = &[
    ("keyword stop", &["^ @hi* stop @tail* $", "^ for the last time ,? stop @tail* $"]),
    ("keyword unsubscribe", &["^ @hi* unsubscribe @tail* $", "^^ @hi* unsubscribed|optedout @tail* $$"]),
    ("keyword opt out", &["^ @hi* optout @tail* $", "^ @hi* opt me out @tail* $"]),
    ("keyword end", &["^^ @hi* end @tail* $$", "^^ @hi* end @tail* ."]),
    ("keyword quit", &["^^ @hi* quit @tail* $$", "^^ @hi* quit @tail* ."]),
    ("keyword cancel", &["^^ @hi* cancel @tail* $$", "^^ @hi* cancel @tail* ."]),
    ("keyword remove", &["^^ @hi* remove @tail* $$", "^^ @hi* remove @tail* ."]),
    ("keyword revoke", &["^^ @hi* revoke @tail* $$", "^^ @hi* revoke @tail* ."]),
    ("keyword td", &["^^ @hi* td @tail* $$"]),
    ("keyword arret", &["^^ @hi* arret @tail* $$", "^^ @hi* arret @tail* ."]),
    // Neighbours on the keyboard, letters swapped or lost. Elsewhere "atop" and "stoop" are words.
    (
        "keyword stop, mistyped",
        &["^^ @hi* stp|sto|stip|stpp|stol|stopo|stopl|stopn|stopm|stio|sytop|dtop|atop|xtop|syop|srop|sfop|sgop|stap|staph|stob|stoip|otsp|sop $$"],
    ),
];
