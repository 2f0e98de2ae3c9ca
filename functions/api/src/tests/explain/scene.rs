//! Events of all kinds, for all kinds of people, at all hours, with everything nearly used up.

use proptest::prelude::*;
use sms::moment;

use super::event;
use crate::tests::{Categories, Consent, Method, Recipient, SignedDuration, Timestamp, Value, ada, json, phone, start_of_time, user};

/// An event, whom it is for, and how things stand when it comes.
#[derive(Debug, Clone)]
pub struct Scene {
    kind: usize,
    /// One of a few whom every text reaches and who get many, or somebody new.
    regular: Option<usize>,
    person: Trait,
    number: &'static str,
    pub opted_out: u8,
    zone: Option<&'static str>,
    locale: Option<&'static str>,
    /// Minutes after the start.
    at: i64,
    /// Minutes after `at`.
    expiry: Option<i64>,
    /// Minutes after `at`: when a battle ends, or when somebody was last seen.
    moment: i64,
    words: usize,
    link: &'static str,
    pub is_repeat: bool,
    is_blocked: bool,
    pub used: Used,
}

/// What is different about a person.
#[derive(Debug, Clone, Copy)]
pub enum Trait {
    Nothing,
    Unknown,
    NoPhone,
    Unverified,
    NoConsent,
    Revoked,
    OtherNumber,
    Off,
    NoCategory,
    Erased,
}

/// What others have used up.
#[derive(Debug, Clone)]
pub struct Used {
    pub day: Option<usize>,
    pub hours: Option<usize>,
    pub same_words: bool,
    /// What is left of the month's budget, for promotional texts.
    pub left: Option<i64>,
    pub is_closed: bool,
}

const WORDS: [&str; 7] =
    ["Haiku duel", "Fête 🎉", "¿Quién gana mañana?", "Дуэль хайку до рассвета", "“Quotes” – and… dashes", "evil.example/x", "{[€]}~"];

pub fn scene() -> impl Strategy<Value = Scene> {
    let person = prop_oneof![
        12 => Just(Trait::Nothing), 1 => Just(Trait::Unknown), 1 => Just(Trait::NoPhone), 1 => Just(Trait::Unverified), 1 => Just(Trait::NoConsent),
        1 => Just(Trait::Revoked), 1 => Just(Trait::OtherNumber), 3 => Just(Trait::Off), 3 => Just(Trait::NoCategory), 1 => Just(Trait::Erased),
    ];
    let number = prop_oneof![8 => Just("+1202555"), 2 => Just("+1512555"), 2 => Just("+1208555"), 1 => Just("+1604555"), 2 => Just("+4917055")];
    let zone = prop_oneof![3 => Just(None), 2 => Just(Some("America/New_York")), 1 => Just(Some("Pacific/Honolulu")), 1 => Just(Some("No/Such"))];
    let locale = prop_oneof![2 => Just(None), 1 => Just(Some("es-MX"))];
    let who = (prop::option::weighted(0.4, 0..6_usize), person, number, prop_oneof![8 => Just(0_u8), 1 => Just(1), 1 => Just(2)], zone, locale);
    let link = prop_oneof![12 => Just("https://allthrive.ai/b/9"), 1 => Just("https://evil.example/b")];
    // From the last week of November into December; many at few instants, so that they are in one another's way.
    let at = prop_oneof![2 => 0_i64..14 * 1440, 1 => (0_i64..6).prop_map(|n| n * 125)];
    let what = (prop_oneof![4 => 0..7_usize, 1 => Just(7)], at, prop::option::weighted(0.4, -400_i64..1200), -60_i64..2000, 0..WORDS.len() * 3, link);
    let left = prop::option::weighted(0.15, prop_oneof![Just(0_i64), Just(8829), Just(8830), Just(17_660), -20_000..20_000_i64]);
    let used = (prop::option::weighted(0.2, 8..12_usize), prop::option::weighted(0.2, 3..8_usize), any::<bool>(), left, prop::bool::weighted(0.03));
    let used = used.prop_map(|(day, hours, same_words, left, is_closed)| Used { day, hours, same_words, left, is_closed });
    (who, what, used, prop::bool::weighted(0.12), prop::bool::weighted(0.3)).prop_map(
        |((regular, person, number, opted_out, zone, locale), (kind, at, expiry, moment, words, link), used, is_repeat, is_blocked)| {
            let is_code = kind == 7;
            // A code to a blocked prefix is for somebody who has not proven that number; many codes come within few hours, where the breaker is.
            let (person, number) = if is_code && is_blocked { (Trait::Unknown, "+1202555") } else { (person, number) };
            let at = if is_code { at % 240 } else { at };
            let (person, number, opted_out) = if regular.is_some() { (Trait::Nothing, "+1202555", 0) } else { (person, number, opted_out) };
            Scene { kind, regular, person, number, opted_out, zone, locale, at, expiry, moment, words, link, is_repeat, is_blocked, used }
        },
    )
}

impl Scene {
    pub fn at(&self) -> Timestamp {
        start_of_time() + SignedDuration::from_mins(self.at)
    }

    fn later(&self, minutes: i64) -> String {
        moment::text(self.at() + SignedDuration::from_mins(minutes))
    }

    /// Users and numbers of their own, but for the regulars.
    fn id(&self, n: usize) -> usize {
        self.regular.unwrap_or(n + 10)
    }

    fn number(&self, n: usize) -> String {
        let exchange = if self.is_blocked && self.regular.is_none() && self.number == "+1202555" { "+1202558" } else { self.number };
        format!("{exchange}{:04}", self.id(n))
    }

    pub fn recipient(&self, n: usize) -> Option<Recipient> {
        let (number, other) = (phone(&self.number(n)), phone("+12025559999"));
        let given = |phone, revoked_at| {
            Some(Consent { given_at: start_of_time(), method: Method::OptInModal, ip: None, disclosure_version: None, phone, revoked_at })
        };
        let whole = Recipient {
            phone: Some(number.clone()),
            consent: given(number.clone(), None),
            time_zone: self.zone.map(str::to_owned),
            locale: self.locale.map(str::to_owned),
            ..Recipient { user_id: user(&format!("p{}", self.id(n))), ..ada() }
        };
        Some(match self.person {
            Trait::Nothing => whole,
            Trait::Unknown => return None,
            Trait::NoPhone => Recipient { phone: None, ..whole },
            Trait::Unverified => Recipient { phone_verified_at: None, ..whole },
            Trait::NoConsent => Recipient { consent: None, ..whole },
            Trait::Revoked => Recipient { consent: given(number, Some(start_of_time())), ..whole },
            Trait::OtherNumber => Recipient { consent: given(other, None), ..whole },
            Trait::Off => Recipient { sms_enabled: false, ..whole },
            Trait::NoCategory => Recipient { categories: Categories::default(), ..whole },
            Trait::Erased => Recipient { erased: true, ..Recipient::new(whole.user_id) },
        })
    }

    pub fn event(&self, n: usize) -> Value {
        let words = WORDS[self.words % WORDS.len()].repeat([1, 4, 30][self.words / WORDS.len()]);
        let (words, link) = (words.as_str(), self.link);
        let seen = if self.moment % 3 == 0 { json!(null) } else { json!(self.later(-self.moment.abs() % 9)) };
        let mut message = json!({"sender_name": words, "conversation_link": link});
        if !seen.is_null() {
            message["recipient_last_seen_at"] = seen;
        }
        let (kind, data) = match self.kind {
            0 => ("battle_invitation", json!({"inviter_name": "Bob", "battle_topic": words, "invitation_link": link})),
            1 => ("battle_result", json!({"battle_topic": words, "result_summary": words, "result_link": link})),
            2 => ("battle_reminder", json!({"battle_topic": words, "ends_at": self.later(self.moment), "battle_link": link})),
            3 => ("streak_alert", json!({"streak_count": self.words, "action_link": link})),
            4 => ("direct_message", message),
            5 => ("achievement_unlock", json!({"achievement_name": words, "achievement_link": link})),
            6 => ("security_alert", json!({"alert": "new_login", "detail": words, "link": link})),
            _ => ("phone_verification", json!({"phone": self.number(n)})),
        };
        let mut event = event(kind, &format!("e{n}"), &format!("p{}", self.id(n)), data);
        if let Some(expiry) = self.expiry {
            event["expirytime"] = self.later(expiry).into();
        }
        event
    }
}
