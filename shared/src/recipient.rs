//! People: whom a text may reach, and what they said yes to. No row means no.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{consent::LedgerHead, consent::Method, erasure::Erasure, event::UserId, kind::Category, moment, phone::PhoneNumber, text::Locale};

/// The row of a person in the recipients table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// Its key.
    pub user_id: UserId,
    /// The number, whether or not it is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// When the number was proven.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub phone_verified_at: Option<Timestamp>,
    /// The master switch.
    #[serde(default)]
    pub sms_enabled: bool,
    /// The six switches below it.
    #[serde(flatten)]
    pub categories: Categories,
    /// IANA name, such as `America/New_York`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// BCP 47, such as `es-MX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The last consent, given or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When the opt-in prompt was last shown.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub prompt_shown_at: Option<Timestamp>,
    /// When they said no to the prompt.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub prompt_dismissed_at: Option<Timestamp>,
    /// The last entry of their consent ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerHead>,
    /// Whether they are erased: but for `erasures` and where their ledger ends, nothing is known of them then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// Every time that they were erased, oldest first; there are some also of who came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erasures: Vec<Erasure>,
    /// When DynamoDB may forget the row: epoch seconds. Only in that of an erased person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Grows by one with every change, so that nobody overwrites what they have not seen; 0 where nobody changed anything yet.
    #[serde(default)]
    pub version: u64,
}

/// One switch per category, all off by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are six switches")]
pub struct Categories {
    /// Challenges from others.
    #[serde(default)]
    pub battle_invitations: bool,
    /// Who won.
    #[serde(default)]
    pub battle_results: bool,
    /// Battles about to end.
    #[serde(default)]
    pub battle_reminders: bool,
    /// The daily streak.
    #[serde(default)]
    pub streak_alerts: bool,
    /// Messages from others.
    #[serde(default)]
    pub direct_messages: bool,
    /// Badges and records.
    #[serde(default)]
    pub achievements: bool,
}

/// A consent as the row keeps it; the ledger has every one there ever was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    /// When it was given.
    #[serde(with = "moment")]
    pub given_at: Timestamp,
    /// How.
    pub method: Method,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Which wording they saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure_version: Option<String>,
    /// The number it is for, and no other.
    pub phone: PhoneNumber,
    /// When it was taken back.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

impl Recipient {
    /// Turns every switch on for a first yes that chooses none, which would be a yes to nothing. Whoever said yes before turned off what is off.
    pub fn begin_with_everything(&mut self) {
        if self.consent.is_none() && self.categories.none_on() {
            self.categories = Categories::ALL_ON;
        }
    }

    /// The row that everybody has who has none: everything off.
    #[must_use]
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            phone: None,
            phone_verified_at: None,
            sms_enabled: false,
            categories: Categories::default(),
            time_zone: None,
            locale: None,
            consent: None,
            prompt_shown_at: None,
            prompt_dismissed_at: None,
            ledger: None,
            erased: false,
            erasures: Vec::new(),
            expires_at: None,
            version: 0,
        }
    }

    /// The consent that holds for the number they have now.
    #[must_use]
    pub fn standing_consent(&self) -> Option<&Consent> {
        self.consent.as_ref().filter(|consent| consent.revoked_at.is_none() && Some(&consent.phone) == self.phone.as_ref())
    }

    /// The number, if it is proven to be theirs.
    #[must_use]
    pub fn verified_phone(&self) -> Option<&PhoneNumber> {
        self.phone.as_ref().filter(|_| self.phone_verified_at.is_some())
    }

    /// The language of their texts.
    #[must_use]
    pub fn text_locale(&self) -> Locale {
        self.locale.as_deref().map(Locale::of).unwrap_or_default()
    }
}

impl Categories {
    /// Every switch on.
    pub const ALL_ON: Self = Self {
        battle_invitations: true,
        battle_results: true,
        battle_reminders: true,
        streak_alerts: true,
        direct_messages: true,
        achievements: true,
    };

    /// Whether every switch is off.
    #[must_use]
    pub fn none_on(self) -> bool {
        self == Self::default()
    }

    /// Whether the switch of `category` is on.
    #[must_use]
    pub fn allow(self, category: Category) -> bool {
        match category {
            Category::BattleInvitations => self.battle_invitations,
            Category::BattleResults => self.battle_results,
            Category::BattleReminders => self.battle_reminders,
            Category::StreakAlerts => self.streak_alerts,
            Category::DirectMessages => self.direct_messages,
            Category::Achievements => self.achievements,
        }
    }
}
