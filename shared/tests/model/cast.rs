//! Who and what the model plays with: a few people and numbers, what may be said to them, and two houses with rules of their own.

use jiff::Timestamp;
use sms::{
    budget::Budget,
    caps::Caps,
    consent::Method,
    content::{
        AchievementUnlock, Alert, BattleInvitation, BattleReminder, BattleResult, Content, DirectMessage, PhoneVerification, SecurityAlert,
        StreakAlert,
    },
    event::{Event, UserId},
    gates::Rules,
    kind::{Category, Kind},
    money::MicroUsd,
    phone::PhoneNumber,
    quiet_hours::SendingHours,
    recipient::{Categories, Consent, Recipient},
    text::House,
};

/// Milliseconds since 1970.
pub type Moment = i64;
pub const SECOND: Moment = 1000;
pub const MINUTE: Moment = 60 * SECOND;
pub const HOUR: Moment = 60 * MINUTE;
pub const DAY: Moment = 24 * HOUR;

/// Micro-USD.
pub type Money = i64;
/// What a message part costs.
pub const PART: Money = 1000;

/// The n-th text of a run.
pub type TextId = u64;

/// A morning in Phoenix.
pub const MORNING: Moment = 1_795_449_600_000;
/// Ten minutes before its quiet hours.
pub const EVENING: Moment = 1_795_492_200_000;
/// The last hour of a year, by UTC.
pub const NEW_YEARS_EVE: Moment = 1_798_758_000_000;

pub fn timestamp(moment: Moment) -> Timestamp {
    Timestamp::from_millisecond(moment).expect("a moment")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// In Phoenix.
    Ada,
    /// In Phoenix, with Ada's number.
    Bob,
    /// In Honolulu, as her number says.
    Eve,
    /// With a number of a country that is not texted.
    Zoe,
    /// Never saved any preferences.
    Nemo,
}

impl Person {
    pub const ALL: [Self; 5] = [Self::Ada, Self::Bob, Self::Eve, Self::Zoe, Self::Nemo];
    /// Those who change their minds.
    pub const LIVELY: [Self; 3] = [Self::Ada, Self::Bob, Self::Eve];

    pub fn number(self) -> Number {
        match self {
            Self::Ada | Self::Bob => Number::Shared,
            Self::Eve => Number::Eves,
            Self::Zoe => Number::Abroad,
            Self::Nemo => Number::Nemos,
        }
    }

    pub fn user_id(self) -> UserId {
        let name = match self {
            Self::Ada => "ada",
            Self::Bob => "bob",
            Self::Eve => "eve",
            Self::Zoe => "zoe",
            Self::Nemo => "nemo",
        };
        UserId::try_from(name.to_owned()).expect("a user")
    }

    /// Their row when everything is on.
    pub fn recipient(self) -> Option<Recipient> {
        (self != Self::Nemo).then(|| all_on(Recipient::new(self.user_id()), self))
    }
}

/// `recipient` with a proven number, consent and every switch on.
pub fn all_on(recipient: Recipient, person: Person) -> Recipient {
    Recipient {
        phone: Some(person.number().phone()),
        phone_verified_at: Some(Timestamp::UNIX_EPOCH),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        time_zone: (person.number() == Number::Shared).then(|| "America/Phoenix".to_owned()),
        consent: Some(consent_for(person.number())),
        ..recipient
    }
}

pub fn consent_for(number: Number) -> Consent {
    Consent {
        given_at: Timestamp::UNIX_EPOCH,
        method: Method::SettingsPage,
        ip: None,
        disclosure_version: None,
        phone: number.phone(),
        revoked_at: None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Number {
    Shared,
    Eves,
    Abroad,
    Nemos,
}

impl Number {
    pub const ALL: [Self; 4] = [Self::Shared, Self::Eves, Self::Abroad, Self::Nemos];

    pub fn phone(self) -> PhoneNumber {
        let number = match self {
            Self::Shared => "+16025550101",
            Self::Eves => "+18085550102",
            Self::Abroad => "+442071838750",
            Self::Nemos => "+17025550103",
        };
        number.parse().expect("a number")
    }

    pub fn owners(self) -> impl Iterator<Item = Person> {
        Person::ALL.into_iter().filter(move |person| person.number() == self)
    }

    /// How far its clocks are from UTC: none of them knows a summer time.
    pub fn offset(self) -> Moment {
        match self {
            Self::Shared => -7 * HOUR,
            Self::Eves => -10 * HOUR,
            Self::Abroad | Self::Nemos => 0,
        }
    }
}

/// What the main app asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub person: Person,
    pub kind: Kind,
    pub twist: Twist,
}

/// What is special about a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// Nothing: words of its own, and of use for as long as its kind is.
    Plain,
    /// The words that all of its kind and this twist have.
    SameWords,
    /// Of use for two minutes.
    Brief,
    /// Of no use any more.
    Over,
    /// Its person is in the app, where a direct message needs no text.
    Online,
    /// Its link leads to somebody else's site.
    Astray,
}

/// How long a reminder's battle goes on.
pub const BATTLE: Moment = 65 * MINUTE;

pub fn event(id: TextId, wish: Wish, now: Moment) -> Event {
    let end = match wish.twist {
        Twist::Brief => Some(now + 2 * MINUTE),
        Twist::Over => Some(now),
        _ => None,
    };
    Event {
        source: "model".into(),
        id: id.to_string(),
        time: None,
        expirytime: end.map(timestamp),
        user_id: wish.person.user_id(),
        related: None,
        content: content(id, wish, now),
    }
}

fn content(id: TextId, wish: Wish, now: Moment) -> Content {
    let typed = if wish.twist == Twist::SameWords { "Haiku duel".to_owned() } else { format!("Duel {id}") };
    let link = if wish.twist == Twist::Astray { "https://elsewhere.example/b" } else { "https://allthrive.ai/b" }.to_owned();
    match wish.kind {
        Kind::BattleInvitation => {
            Content::BattleInvitation(BattleInvitation { inviter_name: "Ada".into(), battle_topic: typed, invitation_link: link })
        }
        Kind::BattleResult => Content::BattleResult(BattleResult { battle_topic: typed, result_summary: "You won".into(), result_link: link }),
        Kind::BattleReminder => Content::BattleReminder(BattleReminder { battle_topic: typed, ends_at: timestamp(now + BATTLE), battle_link: link }),
        Kind::StreakAlert => Content::StreakAlert(StreakAlert { streak_count: streak(id, wish.twist), action_link: link }),
        Kind::DirectMessage => {
            let recipient_last_seen_at = (wish.twist == Twist::Online).then(|| timestamp(now - MINUTE));
            Content::DirectMessage(DirectMessage { sender_name: typed, conversation_link: link, recipient_last_seen_at })
        }
        Kind::AchievementUnlock => Content::AchievementUnlock(AchievementUnlock { achievement_name: typed, achievement_link: link }),
        Kind::SecurityAlert => Content::SecurityAlert(SecurityAlert { alert: Alert::NewLogin, detail: typed, link }),
        Kind::PhoneVerification => Content::PhoneVerification(PhoneVerification { phone: wish.person.number().phone() }),
        Kind::OptInConfirmation | Kind::OptOutConfirmation | Kind::HelpReply | Kind::Digest => unreachable!("nobody publishes these"),
    }
}

fn streak(id: TextId, twist: Twist) -> u32 {
    if twist == Twist::SameWords { 7 } else { 10 + u32::try_from(id).expect("a short run") }
}

/// The kinds that have events.
pub const PUBLISHED: [Kind; 8] = [
    Kind::BattleInvitation,
    Kind::BattleResult,
    Kind::BattleReminder,
    Kind::StreakAlert,
    Kind::DirectMessage,
    Kind::AchievementUnlock,
    Kind::SecurityAlert,
    Kind::PhoneVerification,
];

/// The category of a kind, as the contract's table of events has it.
pub fn category(kind: Kind) -> Option<Category> {
    let at = PUBLISHED.iter().position(|published| *published == kind)?;
    Category::ALL.get(at).copied()
}

/// What a house decides for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub monthly: Money,
    pub promotional: Option<Money>,
    pub transactional: Option<Money>,
    pub per_day: usize,
    pub same_per_hour: usize,
    pub any_per_hour: usize,
}

/// Per cent of the month's money that promotional texts leave alone.
pub const KEPT_PERCENT: u8 = 20;

impl Limits {
    /// Little money.
    pub const THRIFTY: Self = Self { monthly: 12 * PART, promotional: None, transactional: None, per_day: 3, same_per_hour: 2, any_per_hour: 4 };
    /// Few texts.
    pub const SPARING: Self =
        Self { monthly: 80 * PART, promotional: Some(50 * PART), transactional: Some(40 * PART), per_day: 1, same_per_hour: 1, any_per_hour: 2 };

    pub fn rules(self) -> Rules {
        Rules {
            house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "help@allthrive.ai".into() },
            prices: format!("US={PART}").parse().expect("prices"),
            quiet_hours: Some(SendingHours::default()),
            caps: Caps { per_day: self.per_day, same_per_hour: self.same_per_hour, any_per_hour: self.any_per_hour },
            budget: Budget {
                monthly: MicroUsd(self.monthly),
                promotional: self.promotional.map(MicroUsd),
                transactional: self.transactional.map(MicroUsd),
                kept_percent: KEPT_PERCENT,
            },
        }
    }
}
