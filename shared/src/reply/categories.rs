//! The names that people give to categories of texts.

use std::{collections::BTreeSet, sync::LazyLock};

use super::{classes, words::squeezed};
use crate::kind::Category::{self, Achievements, BattleInvitations, BattleReminders, BattleResults, DirectMessages, StreakAlerts};

/// Names with what they stand for. "Battle" stands for any word for it. "Messages" alone are all texts, as people say it, and no category.
const NAMES: &[(&[Category], &[&str])] = &[
    (
        &[BattleInvitations],
        &[
            "battle invitation",
            "battle invitations",
            "battle invite",
            "battle invites",
            "battle challenge",
            "battle challenges",
            "battle request",
            "battle requests",
            "invitation",
            "invitations",
            "invite",
            "invites",
            "challenge",
            "challenges",
            "invitations to battle",
            "invites to battle",
            "challenge invites",
            "challenge requests",
            "challenge invitations",
            "inviting me",
            "inviting me to battle",
            "challenging me",
            "challenging me to battle",
            "invitacion",
            "invitaciones",
            "invitaciones a battle",
            "invitaciones de battle",
            "reto",
            "retos",
            "desafio",
            "desafios",
            "retarme",
            "me reten",
            "me inviten",
            "me desafien",
            "desafiarme",
            "invitarme",
            "invitarme a battle",
            "invitarme",
            "invitations a battle",
            "invitations de battle",
            "defi",
            "defis",
            "minviter",
            "dinvitation",
            "dinvitations",
            "me defier",
            "minviter a battle",
        ],
    ),
    (
        &[BattleResults],
        &[
            "battle result",
            "battle results",
            "battle update",
            "battle updates",
            "battle score",
            "battle scores",
            "battle outcomes",
            "result",
            "results",
            "results of battle",
            "score",
            "scores",
            "outcomes",
            "resultado",
            "resultados",
            "resultado de battle",
            "resultados de battle",
            "novedades de battle",
            "resultat",
            "resultats",
            "resultats de battle",
        ],
    ),
    (
        &[BattleReminders],
        &[
            "battle reminder",
            "battle reminders",
            "reminder",
            "reminders",
            "reminders about battle",
            "reminders of battle",
            "recordatorio",
            "recordatorios",
            "recordatorio de battle",
            "recordatorios de battle",
            "rappel",
            "rappels",
            "rappels de battle",
        ],
    ),
    (
        &[StreakAlerts],
        &[
            "streak",
            "streaks",
            "streak alert",
            "streak alerts",
            "streak reminder",
            "streak reminders",
            "streak warning",
            "streak warnings",
            "racha",
            "rachas",
            "alertas de racha",
            "alertas de rachas",
            "avisos de racha",
            "avisos de rachas",
            "recordatorios de racha",
            "recordatorios de rachas",
            "serie",
            "series",
            "alertes de serie",
            "alertes de series",
            "rappels de serie",
            "rappels de series",
        ],
    ),
    (
        &[DirectMessages],
        &[
            "direct message",
            "direct messages",
            "direct msg",
            "dm",
            "dms",
            "private message",
            "private messages",
            "pm",
            "pms",
            "chat message",
            "chat messages",
            "mensaje directo",
            "mensajes directos",
            "mensaje privado",
            "mensajes privados",
            "message direct",
            "messages directs",
            "message prive",
            "messages prives",
        ],
    ),
    (
        &[Achievements],
        &[
            "achievement",
            "achievements",
            "achievement unlock",
            "achievement unlocks",
            "achievement unlocked",
            "badge",
            "badges",
            "award",
            "awards",
            "trophy",
            "trophies",
            "unlocks",
            "medal",
            "medals",
            "logro",
            "logros",
            "medalla",
            "medallas",
            "insignia",
            "insignias",
            "trofeos",
            "succes",
            "trophee",
            "trophees",
            "exploit",
            "exploits",
        ],
    ),
    (&[BattleInvitations, BattleResults, BattleReminders], &["battle"]),
];

/// Names as squeezed words, the longest first.
static BY_LENGTH: LazyLock<Vec<(Vec<String>, &[Category])>> = LazyLock::new(|| {
    let mut names: Vec<(Vec<String>, &[Category])> = Vec::new();
    for (categories, spellings) in NAMES {
        names.extend(spellings.iter().map(|name| (name.split(' ').map(squeezed).collect(), *categories)));
    }
    names.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
    names
});

/// The categories that `words` name from `at` on, as in "the battle invites, and messages about streaks", and where they end.
pub(super) fn named(words: &[String], at: usize) -> Option<(usize, BTreeSet<Category>)> {
    let (mut end, mut categories) = one(words, at)?;
    loop {
        let next = skip(words, end, &["and"]);
        let Some((after, more)) = (next > end).then(|| one(words, next)).flatten() else {
            return Some((end, categories));
        };
        end = after;
        categories.extend(more);
    }
}

/// One name with what goes with it: "all those stupid battle texts", "messages about streaks".
fn one(words: &[String], at: usize) -> Option<(usize, BTreeSet<Category>)> {
    let start = skip(words, at, &["the"]);
    let (end, categories) = name(words, start).or_else(|| {
        let texts = skip(words, start, &["messages"]);
        if texts == start { None } else { name(words, skip(words, texts, &["about", "the"])) }
    })?;
    Some((skip(words, end, &["messages", "stuff"]), categories.iter().copied().collect()))
}

fn name(words: &[String], at: usize) -> Option<(usize, &'static [Category])> {
    BY_LENGTH.iter().find_map(|(name, categories)| end_of(name, words, at).map(|end| (end, *categories)))
}

fn end_of(name: &[String], words: &[String], at: usize) -> Option<usize> {
    name.iter().try_fold(at, |at, wanted| {
        // As in "invitaciones a las batallas", an article may stand before the word.
        let at = if is_battle(wanted) && name.len() > 2 { skip(words, at, &["the"]) } else { at };
        let word = words.get(at)?;
        (word == wanted || (is_battle(wanted) && is_battle(word))).then_some(at + 1)
    })
}

fn is_battle(word: &str) -> bool {
    classes::contains("battle", word)
}

/// Past all words of the `classes`.
fn skip(words: &[String], at: usize, classes: &[&str]) -> usize {
    at + words[at..].iter().take_while(|word| classes.iter().any(|class| classes::contains(class, word))).count()
}
