//! What a text says, before it is put into words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    kind::{Category, Kind},
    phone::PhoneNumber,
};

/// The data of one text, by kind. In a row: the attributes `type` and `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Content {
    /// See [`Kind::BattleInvitation`].
    BattleInvitation(BattleInvitation),
    /// See [`Kind::BattleResult`].
    BattleResult(BattleResult),
    /// See [`Kind::BattleReminder`].
    BattleReminder(BattleReminder),
    /// See [`Kind::StreakAlert`].
    StreakAlert(StreakAlert),
    /// See [`Kind::DirectMessage`].
    DirectMessage(DirectMessage),
    /// See [`Kind::AchievementUnlock`].
    AchievementUnlock(AchievementUnlock),
    /// See [`Kind::SecurityAlert`].
    SecurityAlert(SecurityAlert),
    /// See [`Kind::PhoneVerification`].
    PhoneVerification(PhoneVerification),
    /// See [`Kind::OptInConfirmation`].
    OptInConfirmation {},
    /// See [`Kind::OptOutConfirmation`].
    OptOutConfirmation(OptOutConfirmation),
    /// See [`Kind::HelpReply`].
    HelpReply {},
    /// See [`Kind::Digest`].
    Digest(Digest),
}

/// A challenge to a battle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BattleInvitation {
    /// Who challenges: typed by that user.
    pub inviter_name: String,
    /// What the battle is about: typed by a user.
    pub battle_topic: String,
    /// Where to accept: https, on an allowed domain.
    pub invitation_link: String,
}

/// The outcome of a battle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BattleResult {
    /// What the battle was about: typed by a user.
    pub battle_topic: String,
    /// Who won, in a few words.
    pub result_summary: String,
    /// Where to see it: https, on an allowed domain.
    pub result_link: String,
}

/// A battle that ends soon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BattleReminder {
    /// What the battle is about: typed by a user.
    pub battle_topic: String,
    /// When it ends, RFC 3339. The text says what is left at the moment of sending.
    pub ends_at: Timestamp,
    /// Where to go: https, on an allowed domain.
    pub battle_link: String,
}

/// A streak that ends today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StreakAlert {
    /// Its length in days.
    pub streak_count: u32,
    /// Where to go: https, on an allowed domain.
    pub action_link: String,
}

/// A message from another user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DirectMessage {
    /// Who wrote: typed by that user.
    pub sender_name: String,
    /// Where to read it: https, on an allowed domain.
    pub conversation_link: String,
    /// When the recipient was last seen in the app, RFC 3339: who is there needs no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_last_seen_at: Option<Timestamp>,
}

/// An achievement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AchievementUnlock {
    /// Its name.
    pub achievement_name: String,
    /// Where to see it: https, on an allowed domain.
    pub achievement_link: String,
}

/// Something about an account's safety.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecurityAlert {
    /// What happened.
    pub alert: Alert,
    /// More about it, such as a device and a place.
    pub detail: String,
    /// Where to act: https, on an allowed domain.
    pub link: String,
}

/// What happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    /// A login from a new device or place.
    NewLogin,
    /// The password is another.
    PasswordChanged,
    /// The e-mail address is another.
    EmailChanged,
    /// The phone number is another.
    PhoneChanged,
}

/// A wish to prove a number. The code is never part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PhoneVerification {
    /// The number to prove, E.164.
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = r"^\+[1-9][0-9]{7,14}$")))]
    pub phone: PhoneNumber,
}

/// What somebody opted out of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOutConfirmation {
    /// The categories; none means everything.
    pub categories: Vec<Category>,
}

/// What waited for the morning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// How many texts of each category it stands for.
    pub texts: BTreeMap<Category, u32>,
}

impl Content {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::BattleInvitation(_) => Kind::BattleInvitation,
            Self::BattleResult(_) => Kind::BattleResult,
            Self::BattleReminder(_) => Kind::BattleReminder,
            Self::StreakAlert(_) => Kind::StreakAlert,
            Self::DirectMessage(_) => Kind::DirectMessage,
            Self::AchievementUnlock(_) => Kind::AchievementUnlock,
            Self::SecurityAlert(_) => Kind::SecurityAlert,
            Self::PhoneVerification(_) => Kind::PhoneVerification,
            Self::OptInConfirmation {} => Kind::OptInConfirmation,
            Self::OptOutConfirmation(_) => Kind::OptOutConfirmation,
            Self::HelpReply {} => Kind::HelpReply,
            Self::Digest(_) => Kind::Digest,
        }
    }

    /// The categories that it is about.
    #[must_use]
    pub fn categories(&self) -> Vec<Category> {
        match self {
            Self::Digest(data) => data.texts.keys().copied().collect(),
            _ => self.kind().category().into_iter().collect(),
        }
    }

    /// The same kind of text, with nothing of any person in it.
    #[must_use]
    pub fn blank(&self) -> Self {
        let none = String::new;
        match self {
            Self::BattleInvitation(_) => {
                Self::BattleInvitation(BattleInvitation { inviter_name: none(), battle_topic: none(), invitation_link: none() })
            }
            Self::BattleResult(_) => Self::BattleResult(BattleResult { battle_topic: none(), result_summary: none(), result_link: none() }),
            Self::BattleReminder(data) => Self::BattleReminder(BattleReminder { battle_topic: none(), ends_at: data.ends_at, battle_link: none() }),
            Self::StreakAlert(_) => Self::StreakAlert(StreakAlert { streak_count: 0, action_link: none() }),
            Self::DirectMessage(_) => {
                Self::DirectMessage(DirectMessage { sender_name: none(), conversation_link: none(), recipient_last_seen_at: None })
            }
            Self::AchievementUnlock(_) => Self::AchievementUnlock(AchievementUnlock { achievement_name: none(), achievement_link: none() }),
            Self::SecurityAlert(data) => Self::SecurityAlert(SecurityAlert { alert: data.alert, detail: none(), link: none() }),
            Self::PhoneVerification(_) => Self::PhoneVerification(PhoneVerification { phone: PhoneNumber::nobodys() }),
            Self::OptInConfirmation {} => Self::OptInConfirmation {},
            Self::OptOutConfirmation(data) => Self::OptOutConfirmation(data.clone()),
            Self::HelpReply {} => Self::HelpReply {},
            Self::Digest(data) => Self::Digest(data.clone()),
        }
    }

    /// The link in it, if it has one.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::BattleInvitation(data) => Some(&data.invitation_link),
            Self::BattleResult(data) => Some(&data.result_link),
            Self::BattleReminder(data) => Some(&data.battle_link),
            Self::StreakAlert(data) => Some(&data.action_link),
            Self::DirectMessage(data) => Some(&data.conversation_link),
            Self::AchievementUnlock(data) => Some(&data.achievement_link),
            Self::SecurityAlert(data) => Some(&data.link),
            Self::PhoneVerification(_) | Self::OptInConfirmation {} | Self::OptOutConfirmation(_) | Self::HelpReply {} | Self::Digest(_) => None,
        }
    }
}
