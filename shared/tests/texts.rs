//! Texts: the words of every kind in both languages, and what can never be in a text whatever users type.

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use sms::{
    content::{
        AchievementUnlock, Alert, BattleInvitation, BattleReminder, BattleResult, Content, Digest, DirectMessage, OptOutConfirmation,
        PhoneVerification, SecurityAlert, StreakAlert,
    },
    encoding::{Encoding, Size},
    kind::{Category, Class, Kind},
    text::{CODE_PLACEHOLDER, House, Locale, Text, Unfit, harmless, render},
};

const LINK: &str = "https://allthrive.ai/b/9";

fn house() -> House {
    House { link_domains: vec!["allthrive.ai".into(), "thrive.example".into()], support_contact: "help@allthrive.ai".into() }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a moment")
}

fn try_say(content: &Content, locale: Locale) -> Result<Text, Unfit> {
    render(&harmless(content.clone()), locale, &house(), now(), "123456")
}

fn say(content: &Content, locale: Locale) -> String {
    try_say(content, locale).expect("a text").body
}

fn invitation(inviter: &str, topic: &str) -> Content {
    Content::BattleInvitation(BattleInvitation { inviter_name: inviter.into(), battle_topic: topic.into(), invitation_link: LINK.into() })
}

fn invitation_to(link: &str) -> Content {
    Content::BattleInvitation(BattleInvitation { inviter_name: "Grace".into(), battle_topic: "Haiku duel".into(), invitation_link: link.into() })
}

fn alert(alert: Alert, detail: &str, link: &str) -> Content {
    Content::SecurityAlert(SecurityAlert { alert, detail: detail.into(), link: link.into() })
}

fn reminder(ends_at: Timestamp) -> Content {
    Content::BattleReminder(BattleReminder { battle_topic: "Haiku duel".into(), ends_at, battle_link: LINK.into() })
}

/// One of every kind, with the given words in every place that users type in.
fn every_kind(typed: &str) -> Vec<Content> {
    vec![
        invitation(typed, typed),
        Content::BattleResult(BattleResult { battle_topic: typed.into(), result_summary: typed.into(), result_link: LINK.into() }),
        Content::BattleReminder(BattleReminder { battle_topic: typed.into(), ends_at: now() + 65.minutes(), battle_link: LINK.into() }),
        Content::StreakAlert(StreakAlert { streak_count: 12, action_link: LINK.into() }),
        Content::DirectMessage(DirectMessage { sender_name: typed.into(), conversation_link: LINK.into(), recipient_last_seen_at: None }),
        Content::AchievementUnlock(AchievementUnlock { achievement_name: typed.into(), achievement_link: LINK.into() }),
        alert(Alert::NewLogin, typed, LINK),
        alert(Alert::PasswordChanged, typed, LINK),
        alert(Alert::EmailChanged, typed, LINK),
        alert(Alert::PhoneChanged, typed, LINK),
        Content::PhoneVerification(PhoneVerification { phone: "+12025550104".parse().expect("a number") }),
        Content::OptInConfirmation {},
        Content::OptOutConfirmation(OptOutConfirmation { categories: vec![] }),
        Content::OptOutConfirmation(OptOutConfirmation { categories: vec![Category::StreakAlerts, Category::BattleInvitations] }),
        Content::OptOutConfirmation(OptOutConfirmation { categories: Category::ALL.to_vec() }),
        Content::HelpReply {},
        digest([(Category::DirectMessages, 1), (Category::BattleInvitations, 2)]),
        digest(Category::ALL.map(|category| (category, 50))),
    ]
}

fn digest(texts: impl IntoIterator<Item = (Category, u32)>) -> Content {
    Content::Digest(Digest { texts: texts.into_iter().collect() })
}

/// What `harmless` makes of a topic.
fn cleaned(typed: &str) -> String {
    let Content::BattleReminder(reminder) =
        harmless(Content::BattleReminder(BattleReminder { battle_topic: typed.into(), ends_at: now(), battle_link: LINK.into() }))
    else {
        unreachable!("the kind stays")
    };
    reminder.battle_topic
}

#[test]
fn the_english_texts_read_so() {
    let texts: Vec<String> = every_kind("Haiku duel").iter().map(|content| say(content, Locale::En)).collect();
    let expected = [
        "AllThrive: Haiku duel has challenged you to a battle on AllThrive!\nTopic: Haiku duel\nAccept the challenge: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: Battle Update\nTopic: Haiku duel\nHaiku duel\nSee the result: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: Battle Reminder\nTopic: Haiku duel\nIt ends in 1 h 5 min.\nGo to the battle: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: Your 12-day streak is at risk!\nKeep it going today: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: Haiku duel sent you a message.\nRead it: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: Achievement unlocked!\nHaiku duel\nSee it: https://allthrive.ai/b/9\nReply STOP to opt out",
        "AllThrive: New login to your account.\nHaiku duel\nNot you? Secure your account: https://allthrive.ai/b/9",
        "AllThrive: Your password was changed.\nHaiku duel\nNot you? Secure your account: https://allthrive.ai/b/9",
        "AllThrive: Your email address was changed.\nHaiku duel\nNot you? Secure your account: https://allthrive.ai/b/9",
        "AllThrive: Your phone number was changed.\nHaiku duel\nNot you? Secure your account: https://allthrive.ai/b/9",
        "Your AllThrive verification code is: 123456. This code expires in 10 minutes.\n\n@allthrive.ai #123456",
        "AllThrive: You're signed up for recurring texts about battles, streaks, messages and achievements.\nMsg frequency varies. Msg & data rates may apply.\nReply HELP for help, STOP to opt out.\nContact: help@allthrive.ai",
        "AllThrive: You're opted out and will get no more texts from us. Reply START to get them again.",
        "AllThrive: You will get no more texts about battle invitations, streaks. Other texts go on. Reply START to get them again, STOP to end all.",
        "AllThrive: You will get no more texts about battle invitations, battle results, battle reminders, streaks, direct messages, achievements. Other texts go on. Reply START to get them again, STOP to end all.",
        "AllThrive: texts about battles, streaks, messages and achievements.\nMsg frequency varies. Msg & data rates may apply.\nReply STOP to opt out.\nHelp: help@allthrive.ai",
        "AllThrive: Waiting for you: 2 battle invitations, 1 message.\nSee them: https://allthrive.ai\nReply STOP to opt out",
        "AllThrive: Waiting for you: 50 battle invitations, 50 battle results, 50 battle reminders, 50 streak alerts, 50 messages, 50 achievements.\nSee them: https://allthrive.ai\nReply STOP to opt out",
    ];
    for (text, expected) in texts.iter().zip(expected) {
        assert_eq!(text, expected);
    }
    assert_eq!(texts.len(), expected.len());
}

#[test]
fn the_spanish_texts_read_so() {
    let texts: Vec<String> = every_kind("Duelo de haikus").iter().map(|content| say(content, Locale::Es)).collect();
    let expected = [
        "AllThrive: ¡Duelo de haikus te ha retado a una batalla en AllThrive!\nTema: Duelo de haikus\nAcepta el reto: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: Novedades de tu batalla\nTema: Duelo de haikus\nDuelo de haikus\nMira el resultado: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: Recordatorio de batalla\nTema: Duelo de haikus\nTermina en 1 h 5 min.\nEntra en la batalla: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: ¡Tu racha de 12 dias peligra!\nNo la pierdas hoy: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: Duelo de haikus te ha enviado un mensaje.\nLéelo: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: ¡Logro desbloqueado!\nDuelo de haikus\nMira tu logro: https://allthrive.ai/b/9\nResponde STOP para cancelar",
        "AllThrive: Nuevo acceso a tu cuenta.\nDuelo de haikus\nSi no lo reconoces, protege tu cuenta: https://allthrive.ai/b/9",
        "AllThrive: Tu contraseña ha cambiado.\nDuelo de haikus\nSi no lo reconoces, protege tu cuenta: https://allthrive.ai/b/9",
        "AllThrive: El correo de tu cuenta ha cambiado.\nDuelo de haikus\nSi no lo reconoces, protege tu cuenta: https://allthrive.ai/b/9",
        "AllThrive: El teléfono de tu cuenta ha cambiado.\nDuelo de haikus\nSi no lo reconoces, protege tu cuenta: https://allthrive.ai/b/9",
        "Tu clave de AllThrive para verificar este teléfono es: 123456. Esta clave vence en 10 minutos.\n\n@allthrive.ai #123456",
        "AllThrive: Te has suscrito a mensajes recurrentes sobre batallas, rachas, mensajes y logros.\nFrecuencia variable. Pueden aplicarse tarifas de mensajes y datos.\nResponde HELP para recibir ayuda, STOP para cancelar.\nContacto: help@allthrive.ai",
        "AllThrive: Listo, ya no te enviaremos mensajes. Responde START para volver a recibirlos.",
        "AllThrive: Ya no te enviaremos mensajes sobre invitaciones a batallas, rachas. Los otros mensajes siguen. Responde START para volver a recibirlos, STOP para cancelar todo.",
        "AllThrive: Ya no te enviaremos mensajes sobre invitaciones a batallas, resultados de batallas, recordatorios de batallas, rachas, mensajes directos, logros. Los otros mensajes siguen. Responde START para volver a recibirlos, STOP para cancelar todo.",
        "AllThrive: mensajes sobre batallas, rachas, mensajes y logros.\nFrecuencia variable. Pueden aplicarse tarifas de mensajes y datos.\nResponde STOP para cancelar.\nAyuda: help@allthrive.ai",
        "AllThrive: Tienes pendiente: 2 retos, 1 mensaje.\nEntra: https://allthrive.ai\nResponde STOP para cancelar",
        "AllThrive: Tienes pendiente: 50 retos, 50 resultados de batallas, 50 recordatorios de batallas, 50 avisos de racha, 50 mensajes, 50 logros.\nEntra: https://allthrive.ai\nResponde STOP para cancelar",
    ];
    for (text, expected) in texts.iter().zip(expected) {
        assert_eq!(text, expected);
    }
    assert_eq!(texts.len(), expected.len());
}

#[test]
fn every_kind_in_every_language_is_gsm_and_has_its_brand_and_its_way_out() {
    for typed in ["Haiku duel", ""] {
        for content in every_kind(typed) {
            for locale in [Locale::En, Locale::Es] {
                let text = try_say(&content, locale).expect("a text");
                let kind = content.kind();
                assert_eq!(text.size.encoding, Encoding::Gsm, "{}", text.body);
                assert!(text.size.parts <= kind.part_limit(), "{}", text.body);
                assert!(kind == Kind::PhoneVerification || text.body.starts_with("AllThrive: "), "{}", text.body);
                let footer = if locale == Locale::En { "\nReply STOP to opt out" } else { "\nResponde STOP para cancelar" };
                assert_eq!(text.body.ends_with(footer), kind.class() == Class::Promotional, "{}", text.body);
            }
        }
    }
}

#[test]
fn a_language_is_spanish_if_its_tag_says_so_and_else_english() {
    for tag in ["es", "es-MX", "es_ES", "ES", "es-419", "es-Latn-US"] {
        assert_eq!(Locale::of(tag), Locale::Es, "{tag}");
    }
    for tag in ["en", "en-US", "fr", "est", "e", "", "x-es", "español"] {
        assert_eq!(Locale::of(tag), Locale::En, "{tag}");
    }
    assert_eq!(serde_json::to_string(&[Locale::En, Locale::Es]).expect("JSON"), r#"["en","es"]"#);
}

#[test]
fn a_reminder_never_promises_more_time_than_there_is() {
    for (left, english, spanish) in [
        (1.second(), "in less than a minute", "en menos de un minuto"),
        (59.seconds(), "in less than a minute", "en menos de un minuto"),
        (60.seconds(), "in 1 min", "en 1 min"),
        (119.seconds(), "in 1 min", "en 1 min"),
        (59.minutes().seconds(59), "in 59 min", "en 59 min"),
        (60.minutes(), "in 1 h", "en 1 h"),
        (65.minutes().seconds(59), "in 1 h 5 min", "en 1 h 5 min"),
        (23.hours().minutes(59).seconds(59), "in 23 h 59 min", "en 23 h 59 min"),
        (24.hours(), "in 1 day", "en 1 dia"),
        (24.hours().minutes(59), "in 1 day", "en 1 dia"),
        (47.hours().minutes(59), "in 1 day 23 h", "en 1 dia 23 h"),
        (48.hours(), "in 2 days", "en 2 dias"),
        (168.hours(), "in 7 days", "en 7 dias"),
        // A date holds wherever the reader is: in UTC it ends on the 29th at 10:00:01, in Honolulu on the 29th at 0:00:01.
        (168.hours().seconds(1), "on Nov 28, 2026", "el 28 nov 2026"),
        (170.hours(), "on Nov 29, 2026", "el 29 nov 2026"),
        (86_400.hours(), "on Sep 29, 2036", "el 29 sep 2036"),
    ] {
        let content = reminder(now() + left);
        assert!(say(&content, Locale::En).contains(&format!("\nIt ends {english}.\n")), "{}", say(&content, Locale::En));
        assert!(say(&content, Locale::Es).contains(&format!("\nTermina {spanish}.\n")), "{}", say(&content, Locale::Es));
    }
}

#[test]
fn nobody_is_reminded_of_what_is_over() {
    assert_eq!(try_say(&reminder(now()), Locale::En), Err(Unfit::Over));
    assert_eq!(try_say(&reminder(Timestamp::MIN), Locale::Es), Err(Unfit::Over));
    assert!(try_say(&reminder(Timestamp::MAX), Locale::En).is_ok());
    let at_the_end_of_time = render(&reminder(Timestamp::MAX), Locale::Es, &house(), Timestamp::MIN, CODE_PLACEHOLDER);
    assert!(at_the_end_of_time.is_ok());
}

#[test]
fn a_streak_of_one_day_is_one_day() {
    let streak = Content::StreakAlert(StreakAlert { streak_count: 1, action_link: LINK.into() });
    assert!(say(&streak, Locale::En).contains("Your 1-day streak is at risk!"));
    assert!(say(&streak, Locale::Es).contains("racha de 1 dia peligra"));
}

#[test]
fn typography_is_rewritten_only_where_that_saves_a_part() {
    // 70 units in one part: the curly apostrophe may stay. With more it costs a part and goes.
    let short = Content::OptOutConfirmation(OptOutConfirmation { categories: vec![] });
    let contact = |contact: &str| House { support_contact: contact.into(), ..house() };
    assert_eq!(render(&short, Locale::En, &contact("’"), now(), "").expect("a text").size.parts, 1);

    for (typed, said) in [
        ("It’s “on” – really…", "It's \"on\" - really..."),
        ("„Tag“ ‚nun‘ «oui» ‹si›", "\"Tag\" 'nun' \"oui\" 'si'"),
        ("a—b · c • d − e", "a-b - c - d - e"),
        ("AllThrive™ © ®", "AllThriveTM (c) (R)"),
        ("so\u{a0}much\u{202f}thin\u{2009}air", "so much thin air"),
        ("José Núñez, Zoë, François", "José Nuñez, Zoe, Francois"),
        ("Jose\u{301} Nu\u{301}n\u{303}ez", "José Nuñez"),
        ("Łukasz œuvre ﬁn 1º", "Lukasz oeuvre fin 1o"),
        ("Çà et là, ñandú y pingüino", "Çà et là, ñandu y pingüino"),
    ] {
        let content = Content::AchievementUnlock(AchievementUnlock { achievement_name: typed.into(), achievement_link: LINK.into() });
        let text = try_say(&content, Locale::En).expect("a text");
        assert!(text.body.contains(&format!("unlocked!\n{said}\n")), "{}", text.body);
        assert_eq!((text.size.encoding, text.size.parts), (Encoding::Gsm, 1), "{}", text.body);
    }
}

#[test]
fn a_text_that_saves_no_part_keeps_its_typography_and_its_accents() {
    let sent = |name: &str, locale| {
        let content = Content::DirectMessage(DirectMessage {
            sender_name: name.into(),
            conversation_link: "https://allthrive.ai/m".into(),
            recipient_last_seen_at: None,
        });
        say(&content, locale)
    };
    // Two parts either way: an emoji makes it Unicode.
    assert!(sent("Zoë’s 🔥", Locale::En).contains("Zoë’s 🔥"));
    assert!(sent("José Ramírez 🔥", Locale::Es).contains("José Ramírez 🔥"));
    let streak = Content::StreakAlert(StreakAlert { streak_count: 2, action_link: "https://allthrive.ai/b".into() });
    assert!(say(&streak, Locale::Es).contains("2 dias"), "one part instead of two");
}

#[test]
fn emoji_and_other_scripts_are_never_rewritten() {
    for typed in ["🔥 Haiku duel", "俳句の決闘", "Дуэль хайку", "Đỗ Thị Hà", "مبارزة", "हाइकु", "👩‍👩‍👧 family", "🏳️‍🌈 parade", "1️⃣ first"]
    {
        for locale in [Locale::En, Locale::Es] {
            let text = try_say(&invitation("Grace", typed), locale).expect("a text");
            assert!(text.body.contains(typed), "{}", text.body);
            assert!(text.size.encoding == Encoding::Unicode && text.size.parts == 2, "{}", text.body);
        }
    }
    // An alert has one part, and 70 characters in one part are too few: what happened matters more than a symbol or a place.
    assert!(say(&alert(Alert::NewLogin, "Pixel ☎ in Bonn", LINK), Locale::En).contains("\nPixel in Bonn\n"));
    assert_eq!(
        say(&alert(Alert::NewLogin, "Firefox, Санкт-Петербург", LINK), Locale::En),
        "AllThrive: New login to your account.\nFirefox...\nNot you? https://allthrive.ai/b/9"
    );
}

#[test]
fn long_words_are_shortened_at_a_words_end_and_the_longest_first() {
    let topic = "the quick brown fox jumps over the lazy dog and ".repeat(10);
    let text = try_say(&invitation("Grace Hopper", &topic), Locale::En).expect("a text");
    assert!(text.body.starts_with("AllThrive: Grace Hopper has challenged you"), "{}", text.body);
    assert!(text.body.contains("...\nAccept the challenge: https://allthrive.ai/b/9\n"), "{}", text.body);
    assert_eq!((text.size.encoding, text.size.parts), (Encoding::Gsm, 2));
    let shown = text.body.lines().find_map(|line| line.strip_prefix("Topic: ")).and_then(|line| line.strip_suffix("...")).expect("a topic");
    assert!(topic.starts_with(&format!("{shown} ")), "cut inside a word: {shown}");
    assert!(text.body.len() > 290, "room left over: {}", text.body.len());

    let both = try_say(&invitation(&"Grace ".repeat(80), &topic), Locale::En).expect("a text");
    assert_eq!(both.body.matches("...").count(), 2, "{}", both.body);

    let text = try_say(&invitation("Дмитрий", &"очень длинная тема ".repeat(20)), Locale::En).expect("a text");
    assert!(text.body.starts_with("AllThrive: Дмитрий has challenged you to a battle!\nочень длинная"), "{}", text.body);
    assert!(text.body.contains("…\nhttps://allthrive.ai/b/9\nReply STOP"), "{}", text.body);

    let text = try_say(&alert(Alert::NewLogin, &"Firefox on Linux near Boston ".repeat(9), LINK), Locale::En).expect("a text");
    assert_eq!(text.size.parts, 1);
    assert!(text.body.contains("\nFirefox on Linux near Boston Firefox on Linux near Boston...\nNot you? Secure your account: "), "{}", text.body);
}

#[test]
fn no_character_is_torn_apart() {
    for whole in ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "1️⃣", "e\u{301}\u{323}", "नि", "가"] {
        let clusters = |text: &str| text.matches(whole).count() * whole.chars().count();
        for pad in 0..8 {
            let name = "x".repeat(pad) + &whole.repeat(60);
            let text = try_say(&invitation("Grace", &name), Locale::En).expect("a text");
            let shown = text.body.split('\n').nth(1).and_then(|line| line.strip_suffix('…')).expect("a shortened topic");
            let shown = shown.trim_start_matches("Topic: ").trim_start_matches('x');
            assert_eq!(clusters(shown), shown.chars().count(), "{shown:?}");
        }
    }
}

#[test]
fn a_link_is_never_cut() {
    let path = |n: usize| format!("{LINK}/{}", "a".repeat(n));
    let long = path(150);
    let text = try_say(&invitation_to(&long), Locale::En).expect("a text");
    assert!(text.body.contains(&format!(": {long}\n")), "{}", text.body);
    // Longer still, and the wording gives way, then the typed words.
    let longer = path(190);
    assert!(say(&invitation_to(&longer), Locale::En).contains("Grace has challenged you to a battle!\nHaiku duel\nhttps"));
    let longest = path(200);
    assert!(say(&invitation_to(&longest), Locale::En).contains(&longest));
    assert_eq!(try_say(&invitation_to(&path(260)), Locale::En), Err(Unfit::TooLong { field: "invitation_link", parts: 2 }));
    assert_eq!(try_say(&invitation_to(&path(100_000)), Locale::En), Err(Unfit::TooLong { field: "invitation_link", parts: 2 }));

    // An alert takes one part where it fits, and is rather two than none.
    let text = try_say(&alert(Alert::PasswordChanged, "Firefox on Linux", &path(60)), Locale::En).expect("a text");
    assert_eq!(text.size.parts, 1, "{}", text.body);
    let text = try_say(&alert(Alert::PasswordChanged, "Firefox on Linux", &path(120)), Locale::En).expect("a text");
    assert_eq!(text.size.parts, 2, "{}", text.body);
    assert!(text.body.contains("\nFirefox on Linux\nNot you? Secure your account: https"), "{}", text.body);
    assert_eq!(try_say(&alert(Alert::NewLogin, "", &path(260)), Locale::En), Err(Unfit::TooLong { field: "link", parts: 2 }));
}

#[test]
fn links_lead_to_our_own_domains_over_https() {
    for link in [
        "https://allthrive.ai",
        "https://allthrive.ai/",
        "https://allthrive.ai/b/9?ref=sms&x=%20#top",
        "https://ALLTHRIVE.ai/b/9",
        "HTTPS://allthrive.ai/b/9",
        "https://www.allthrive.ai/b/9",
        "https://a.b.thrive.example/~x/@ada",
        "https://allthrive.ai?next=https://evil.com",
    ] {
        assert!(say(&invitation_to(link), Locale::En).contains(link), "{link}");
    }
    for link in [
        "",
        "allthrive.ai/b/9",
        "//allthrive.ai/b/9",
        "http://allthrive.ai/b/9",
        "ftp://allthrive.ai",
        "javascript:alert(1)//https://allthrive.ai",
        "https:allthrive.ai",
        "https:/allthrive.ai",
        "https:///allthrive.ai",
        "https://",
        "https:///",
        "https://.allthrive.ai",
        "https://allthrive.ai.",
        "https://allthrive.ai./b/9",
        "https://allthrive..ai",
        "https://-.allthrive.ai",
        "https://allthrive.ai:443/b/9",
        "https://allthrive.ai:/b/9",
        "https://ada@allthrive.ai/b/9",
        "https://allthrive.ai@evil.com",
        "https://allthrive.ai:x@evil.com/",
        "https://allthrive.ai\\@evil.com",
        "https://evil.com\\.allthrive.ai",
        "https://evil.com%2f.allthrive.ai",
        "https://%61llthrive.ai",
        "https://evil.com%00.allthrive.ai",
        "https://evil com.allthrive.ai",
        " https://allthrive.ai",
        "https://allthrive.ai/b 9",
        "https://allthrive.ai/b\n9",
        "https://allthrive.ai/\u{0}",
        "https://allthrive.ai/\t",
        "https://allthrive.ai/é",
        "https://allthrive.ai/`x`",
        "https://allthrive.ai/<x>",
        "https://allthrive.ai/\u{202e}",
        "https://allthrive.ai。evil.com",
        "https://аllthrive.ai",
        "https://ａllthrive.ai",
        "https://[::1]/",
        "https://_.allthrive.ai",
    ] {
        assert_eq!(try_say(&invitation_to(link), Locale::En), Err(Unfit::NotALink { field: "invitation_link" }), "{link}");
    }
    for link in [
        "https://evil.com",
        "https://allthrive.ai.evil.com",
        "https://evil.com/allthrive.ai",
        "https://evil.com/?allthrive.ai",
        "https://evil.com?.allthrive.ai",
        "https://evil.com#.allthrive.ai",
        "https://notallthrive.ai",
        "https://allthrive.aid",
        "https://ai",
        "https://xn--llthrive-2fg.ai",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://localhost",
    ] {
        assert_eq!(try_say(&invitation_to(link), Locale::En), Err(Unfit::ForeignLink { field: "invitation_link" }), "{link}");
    }
    for domains in [vec![], vec![String::new()], vec![".".into()]] {
        let house = House { link_domains: domains, ..house() };
        assert!(render(&invitation_to(LINK), Locale::En, &house, now(), "").is_err());
        let code = Content::PhoneVerification(PhoneVerification { phone: "+12025550104".parse().expect("a number") });
        assert!(render(&code, Locale::En, &house, now(), "123456").is_ok());
    }
}

#[test]
fn why_a_text_is_unfit_names_the_field_and_quotes_nothing() {
    for content in every_kind("Zanzibar") {
        let kind = content.kind();
        let mut json = serde_json::to_value(&content).expect("JSON");
        let Some(field) = json["data"].as_object().and_then(|data| data.keys().find(|key| key.ends_with("link")).cloned()) else { continue };
        for link in ["https://zanzibar.example/", "Zanzibar", &format!("{LINK}/{}", "zanzibar".repeat(50))] {
            json["data"][&field] = link.into();
            let content: Content = serde_json::from_value(json.clone()).expect("the same kind");
            let why = try_say(&content, Locale::En).expect_err("unfit").to_string();
            assert!(why.starts_with(&format!("{field}: ")), "{kind:?}: {why}");
            assert!(!why.to_lowercase().contains("zanzibar"), "{why}");
        }
    }
    let text = try_say(&invitation("Zanzibar", "Zanzibar"), Locale::En).expect("a text");
    assert!(!format!("{text:?}").contains("Zanzibar"));
}

#[test]
fn what_reads_as_a_link_is_taken_out_or_taken_apart() {
    for (typed, kept) in [
        // Addresses go.
        ("see https://evil.com/x now", "see now"),
        ("see (http://evil) now", "see now"),
        ("hxxps://evil.com", ""),
        ("ＨＴＴＰＳ：／／ｅｖｉｌ．ｃｏｍ", ""),
        ("ht\u{200b}tps://evil.com", ""),
        ("go to www.evil.com!", "go to"),
        ("WWW.evil", ""),
        ("bit.ly/x", ""),
        ("win at bit.ly/x, quick", "win at quick"),
        ("evil.com:8080", ""),
        ("evil.com?x=1", ""),
        ("evil.com\\x", ""),
        ("10.0.0.1/admin", ""),
        ("tel:+12025550101", ""),
        ("sms:12345", ""),
        ("(mailto:a@b.example)", ""),
        ("evil.com⁄x", ""),
        // Host names come apart, so that no phone underlines them.
        ("evil.com", "evil. com"),
        ("Evil.COM.", "Evil. COM."),
        ("mail.evil.co.uk", "mail. evil. co. uk"),
        ("evil．com", "evil. com"),
        ("evil․com", "evil. com"),
        ("evil。com", "evil。 com"),
        ("evil｡com", "evil｡ com"),
        ("ｅｖｉｌ.ｃｏｍ", "evil. com"),
        ("ev\u{ad}il.c\u{200d}om", "evil. com"),
        ("evil.\u{202e}com", "evil. com"),
        ("пример.рф", "пример. рф"),
        // And none that the rewriting would make one of.
        ("evil.ﬁ", "evil. ﬁ"),
        ("evil.×yz", "evil. ×yz"),
        ("evil.™", "evil. ™"),
        ("evil.c\u{301}om", "evil. c\u{301}om"),
        ("evil.\u{301}com", "evil. com"),
        ("ťel:+12025550101", ""),
        ("™www.evil.com", ""),
        ("💩.la", "💩. la"),
        ("ada@evil.com", "ada@evil. com"),
        ("10.0.0.1", "10. 0. 0. 1"),
        ("from 203.0.113.7", "from 203. 0. 113. 7"),
        ("evil.js.com", "evil.js. com"),
        ("(evil.com)", "(evil. com)"),
        ("evil.com,other.net", "evil. com,other. net"),
        ("end.Start", "end. Start"),
        // Telephone numbers are masked.
        ("call +12025550101 now", "call +*********** now"),
        ("+1 (202) 555-0101", "+* (***) ***-****"),
        ("+49 151 1234 5678!", "+** *** **** ****!"),
        ("1-800-555-0199", "1-***-***-****"),
        ("(202) 555-0101", "(***) ***-****"),
        ("202.555.0101 or 2025550101", "***.***.**** or **********"),
        ("２０２－５５５－０１０１", "***-***-****"),
        ("202 bit.ly/x 555 0101", "*** *** ****"),
        ("2025550101www.evil", "**********www. evil"),
        ("2025550101 www.evil", "**********"),
        // What is no link stays as it is.
        ("2026-11-22 10:00, 100-98, 10 20 30 40", "2026-11-22 10:00, 100-98, 10 20 30 40"),
        ("1000000 points, +20 XP", "1000000 points, +20 XP"),
        ("evil[.]com", "evil[.]com"),
        ("EVIL . COM", "EVIL . COM"),
        ("Dr. Who", "Dr. Who"),
        ("3.5 stars", "3.5 stars"),
        ("4.5/5", "4.5/5"),
        ("v1.2.3", "v1.2.3"),
        ("22.11.2026", "22.11.2026"),
        ("10:30", "10:30"),
        ("Node.js basics", "Node.js basics"),
        ("U.S. history", "U.S. history"),
        ("U.S.A. vs U.K.", "U.S.A. vs U.K."),
        ("and/or", "and/or"),
        ("AC/DC", "AC/DC"),
        ("e.g. this", "e.g. this"),
        ("wow...ok", "wow...ok"),
        ("so…what", "so…what"),
        (".NET", ".NET"),
        ("Re:Zero", "Re:Zero"),
        ("Motel: a story", "Motel: a story"),
        ("@ada vs #bob", "@ada vs #bob"),
        ("すごい。本当", "すごい。本当"),
        ("Who? Me! (yes) - 100% & more", "Who? Me! (yes) - 100% & more"),
    ] {
        assert_eq!(cleaned(typed), kept, "{typed:?}");
        assert_eq!(cleaned(&cleaned(typed)), kept, "{typed:?}, twice");
        assert!(!linkish(&cleaned(typed)), "{typed:?}");
    }
}

#[test]
fn what_is_invisible_or_breaks_a_line_is_taken_out() {
    for (typed, kept) in [
        ("a\nb\r\nc\u{85}d\u{2028}e\u{2029}f\tg\u{b}h\u{c}i", "a b c d e f g h i"),
        ("  a   b  ", "a b"),
        ("a\u{a0}\u{3000}b", "a b"),
        ("a\0b\u{7}c\u{1b}[31md\u{7f}e\u{9f}f", "abc[31mdef"),
        ("a\u{200b}b\u{200c}c\u{200d}d\u{2060}e\u{feff}f\u{ad}g\u{34f}h", "abcdefgh"),
        ("\u{202e}evil\u{202c} \u{2066}x\u{2069} \u{200e}\u{200f}\u{61c}y", "evil x y"),
        ("a\u{e000}b\u{f8ff}c\u{f0000}d\u{10ffff}e\u{fffe}f\u{fdd0}g\u{fffd}h\u{fffc}i", "abcdefghi"),
        ("x\u{e0041}\u{e007f}\u{e0101}y", "xy"),
        ("\u{3164}\u{2800}\u{115f}", ""),
        ("\u{301}a \u{301}b", "a b"),
        ("a\u{fe0f}b", "ab"),
        ("۱\u{6dd}", "۱"),
        // Joiners and selectors stay where they make a character.
        ("👩\u{200d}💻", "👩\u{200d}💻"),
        ("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
        ("❤\u{fe0f}", "❤\u{fe0f}"),
        ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("क्\u{200d}ष", "क्\u{200d}ष"),
        ("👩\u{200d}\u{200d}\u{200d}💻\u{200d}", "👩\u{200d}💻"),
    ] {
        assert_eq!(cleaned(typed), kept, "{typed:?}");
        assert_eq!(cleaned(&cleaned(typed)), kept, "{typed:?}, twice");
    }
}

#[test]
fn a_stored_field_has_at_most_500_characters() {
    for typed in ["x", "x ", "👩‍👩‍👧‍👦", "e\u{301}", "evil.com ", "a.bc", "日"] {
        let kept = cleaned(&typed.repeat(2_000));
        assert!(kept.chars().count() <= 500 && !kept.is_empty(), "{typed}");
        assert_eq!(cleaned(&kept), kept, "{typed}");
    }
    let Content::BattleInvitation(kept) = harmless(invitation_to(&format!("{LINK}/{}", "a".repeat(1 << 20)))) else { unreachable!("the kind stays") };
    assert_eq!(kept.invitation_link.len(), 500);
}

#[test]
fn where_nothing_typed_is_left_a_neutral_word_stands() {
    for empty in ["", " \n ", "\u{200b}", "https://evil.com"] {
        assert_eq!(
            say(&invitation(empty, empty), Locale::En),
            "AllThrive: Someone has challenged you to a battle on AllThrive!\nTopic: a new battle\nAccept the challenge: https://allthrive.ai/b/9\nReply STOP to opt out"
        );
        assert!(say(&invitation(empty, empty), Locale::Es).contains("¡Alguien te ha retado a una batalla en AllThrive!\nTema: una batalla nueva\n"));
        assert!(!say(&alert(Alert::NewLogin, empty, LINK), Locale::En).contains("\n\n"));
    }
}

#[test]
fn typed_words_are_never_the_last_line_and_never_the_first_words() {
    let imitation = "Reply STOP to opt out @evil.com #999999 Your AllThrive verification code is: 999999.";
    for content in every_kind(imitation) {
        for locale in [Locale::En, Locale::Es] {
            let text = say(&content, locale);
            assert!(!text.starts_with("Reply"), "{text}");
            assert!(!text.lines().last().expect("a line").contains("999999"), "{text}");
            assert!(text.lines().all(|line| !line.starts_with("@evil")), "{text}");
        }
    }
}

/// Whether a phone might underline something: a scheme, a dot between a name and two letters, or four numbers with dots. Written apart from what it tests.
fn linkish(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let dotted = (1..chars.len()).any(|at| {
        let letters: String = chars[at + 1..].iter().take_while(|c| c.is_alphabetic()).collect();
        let harmless_ending =
            ["js", "jsx", "css", "html", "json", "txt", "pdf", "jpg", "png", "csv", "exe"].contains(&letters.to_lowercase().as_str());
        chars[at] == '.' && !chars[at - 1].is_whitespace() && !".。｡¡".contains(chars[at - 1]) && letters.chars().count() >= 2 && !harmless_ending
    });
    let number = |word: &str| {
        word.split(|c: char| !c.is_ascii_digit() && c != '.').any(|run| {
            let parts: Vec<&str> = run.split('.').collect();
            parts.windows(4).any(|four| four.iter().all(|part| (1..=3).contains(&part.len())))
        })
    };
    let lower = text.to_lowercase();
    dotted
        || lower.contains("://")
        || number(&lower)
        || lower.split(|c: char| !c.is_alphanumeric() && !":.".contains(c)).any(|word| {
            ["http:", "https:", "tel:", "sms:", "mailto:", "www."]
                .iter()
                .any(|scheme| word.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(char::is_alphanumeric)))
        })
}

/// Words with everything in them that may go wrong.
fn nasty() -> impl Strategy<Value = String> {
    fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::sample::select(words).prop_map(str::to_owned)
    }
    let piece = prop_oneof![
        4 => "[a-zA-Z]{1,8}",
        2 => "[0-9]{1,4}",
        4 => one_of(&[
            ".", ".", ".", "/", ":", "@", "?", "#", "://", "www.", "http:", "tel:", "sms:", "com", "co", "js", "html", "ly", "evil.com", "bit.ly/x",
            "1.2.3.4", "+1202", "555-0101", "202", "。", "．", "｡", "․", "：", "／", "ｃｏｍ", "\u{ff20}", "⁄",
        ]),
        2 => one_of(&[" ", " ", "\n", "\t", "\u{a0}", "\u{2028}", "\u{3000}", "\u{2800}"]),
        2 => one_of(&[
            "\u{200b}", "\u{200c}", "\u{200d}", "\u{fe0f}", "\u{202e}", "\u{ad}", "\u{0}", "\u{301}", "\u{20e3}", "\u{e000}", "\u{e0041}", "\u{fffe}",
        ]),
        2 => one_of(&["👩", "💻", "🇩", "🇪", "🏽", "❤", "日本", "рф", "é", "ñ", "á", "’", "…", "—", "·", "™", "€", "[", "~", "ﬁ", "×", "ť"]),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A link that passes or, now and then, fails.
fn some_link() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9/_~=&-]{0,40}".prop_map(|path| format!("https://allthrive.ai/{path}")),
        2 => "[a-zA-Z0-9/_~=&-]{0,320}".prop_map(|path| format!("https://www.allthrive.ai/{path}")),
        1 => nasty(),
        1 => nasty().prop_map(|rest| format!("https://allthrive.ai{rest}")),
    ]
}

fn some_content() -> impl Strategy<Value = Content> {
    let moment = prop_oneof![(-1000_i64..1_000_000).prop_map(|s| now() + s.seconds()), Just(Timestamp::MAX), Just(Timestamp::MIN)];
    let alerts = prop::sample::select(vec![Alert::NewLogin, Alert::PasswordChanged, Alert::EmailChanged, Alert::PhoneChanged]);
    let categories = prop::collection::vec(prop::sample::select(Category::ALL.to_vec()), 0..9);
    (nasty(), nasty(), some_link(), moment, alerts, any::<u32>(), categories, 0..10).prop_map(
        |(one, two, link, moment, alert, count, categories, kind)| match kind {
            0 | 1 => Content::BattleInvitation(BattleInvitation { inviter_name: one, battle_topic: two, invitation_link: link }),
            2 => Content::BattleResult(BattleResult { battle_topic: one, result_summary: two, result_link: link }),
            3 => Content::BattleReminder(BattleReminder { battle_topic: one, ends_at: moment, battle_link: link }),
            4 => Content::StreakAlert(StreakAlert { streak_count: count, action_link: link }),
            5 => Content::DirectMessage(DirectMessage { sender_name: one, conversation_link: link, recipient_last_seen_at: Some(moment) }),
            6 => Content::AchievementUnlock(AchievementUnlock { achievement_name: one, achievement_link: link }),
            7 | 8 => Content::SecurityAlert(SecurityAlert { alert, detail: one, link }),
            _ => Content::OptOutConfirmation(OptOutConfirmation { categories }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_users_type_a_text_is_within_its_limit_and_has_no_link_but_its_own(
        content in some_content(),
        locale in prop::sample::select(vec![Locale::En, Locale::Es]),
    ) {
        let content = harmless(content);
        let Ok(text) = render(&content, locale, &house(), now(), "123456") else { return Ok(()) };
        prop_assert_eq!(text.size, Size::of(&text.body));
        prop_assert!(Size::is_sendable(&text.body));
        let kind = content.kind();
        let alert_with_a_long_link = kind == Kind::SecurityAlert && content.link().is_some_and(|link| link.len() > 80);
        prop_assert!(text.size.parts <= kind.part_limit() + u32::from(alert_with_a_long_link), "{}", text.body);
        prop_assert!(text.body.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text.body);
        prop_assert!(!text.body.contains(['\u{200b}', '\u{202e}', '\u{2028}', '\u{e000}']), "{:?}", text.body);
        if let Some(link) = content.link() {
            prop_assert_eq!(text.body.matches(link).count(), 1);
            let rest = text.body.replacen(link, "", 1);
            prop_assert!(!linkish(&rest), "{:?}", text.body);
        }
        // As many lines as the wording has: users add none.
        prop_assert!(text.body.lines().count() <= 5, "{:?}", text.body);
    }

    #[test]
    fn the_harmless_stays_as_it_is(content in some_content()) {
        let once = harmless(content);
        prop_assert_eq!(harmless(once.clone()), once);
    }

    #[test]
    fn innocent_words_stay_as_they_are(words in prop::collection::vec("[a-zA-Z0-9éñüÇ!'()%&+-]{1,9}[.,!?]?", 1..20)) {
        let typed = words.join(" ");
        prop_assert_eq!(cleaned(&typed), typed);
    }

    #[test]
    fn any_words_at_all_are_survived(typed in any::<String>(), link in any::<String>(), code in any::<String>()) {
        for mut content in every_kind(&typed) {
            if let Content::BattleInvitation(invitation) = &mut content {
                invitation.invitation_link.clone_from(&link);
            }
            let content = harmless(content);
            for locale in [Locale::En, Locale::Es] {
                let _ = render(&content, locale, &house(), now(), &code);
            }
        }
    }
}

#[test]
fn help_has_a_link_for_who_may_have_one_within_two_parts() {
    let base = "https://abcdefghij.execute-api.us-east-1.amazonaws.com/preferences?token=";
    for locale in [Locale::En, Locale::Es] {
        for token in [36, 48, 80] {
            let link = format!("{base}{}", "t".repeat(token));
            let text = sms::text::help_with_link(locale, &house(), &link).expect("room for the link");
            assert!(text.size.parts <= 2, "{}", text.size.parts);
            for part in ["AllThrive", "STOP", "help@allthrive.ai", &link] {
                assert!(text.body.contains(part), "{}", text.body);
            }
        }
        assert_eq!(
            sms::text::help_with_link(locale, &house(), &format!("{base}{}", "t".repeat(203))),
            None,
            "a text without it is better than three parts"
        );
    }
}
