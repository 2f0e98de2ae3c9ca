//! What kinds of text there are, and what follows from the kind alone.

use serde::{Deserialize, Serialize};

/// The kind of a text: the eight that the main app asks for by an event, and four that the system writes of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody challenges the person to a battle.
    BattleInvitation,
    /// A battle of theirs is decided.
    BattleResult,
    /// A battle of theirs ends soon.
    BattleReminder,
    /// Their daily streak ends unless they act today.
    StreakAlert,
    /// Somebody wrote to them while they were away.
    DirectMessage,
    /// They reached something.
    AchievementUnlock,
    /// Something about their account's safety.
    SecurityAlert,
    /// The code that proves a phone is theirs.
    PhoneVerification,
    /// The one welcome after the first opt-in (CTIA Messaging Principles 5.1.2.1).
    OptInConfirmation,
    /// The one confirmation after an opt-out (47 CFR 64.1200(a)(12)).
    OptOutConfirmation,
    /// The answer to HELP.
    HelpReply,
    /// Several held texts in one.
    Digest,
}

/// What carriers and the law call it: `PROMOTIONAL` or `TRANSACTIONAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Wanted at best: needs consent, has a STOP footer, keeps quiet at night.
    Promotional,
    /// Asked for, or owed to the person.
    Transactional,
}

/// The queue a text waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Codes, alerts and replies.
    Urgent,
    /// Everything else.
    Bulk,
}

/// One switch of the preferences, and one name that STOP may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Challenges from others.
    BattleInvitations,
    /// Who won.
    BattleResults,
    /// Battles about to end.
    BattleReminders,
    /// The daily streak.
    StreakAlerts,
    /// Messages from others.
    DirectMessages,
    /// Badges and records.
    Achievements,
}

/// What to do when AWS gave no answer, so that the text may or may not have gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnknown {
    /// A second text would annoy more than a missing one.
    NeverResend,
    /// A missing text would hurt more than a second one.
    Resend,
}

impl Category {
    /// All of them, in the order of the preference page.
    pub const ALL: [Self; 6] =
        [Self::BattleInvitations, Self::BattleResults, Self::BattleReminders, Self::StreakAlerts, Self::DirectMessages, Self::Achievements];

    /// The name in rows, gates and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BattleInvitations => "battle_invitations",
            Self::BattleResults => "battle_results",
            Self::BattleReminders => "battle_reminders",
            Self::StreakAlerts => "streak_alerts",
            Self::DirectMessages => "direct_messages",
            Self::Achievements => "achievements",
        }
    }
}

impl Kind {
    /// All of them, events first.
    pub const ALL: [Self; 12] = [
        Self::BattleInvitation,
        Self::BattleResult,
        Self::BattleReminder,
        Self::StreakAlert,
        Self::DirectMessage,
        Self::AchievementUnlock,
        Self::SecurityAlert,
        Self::PhoneVerification,
        Self::OptInConfirmation,
        Self::OptOutConfirmation,
        Self::HelpReply,
        Self::Digest,
    ];

    /// The name in events (`com.allthrive.sms.<name>.v1`), rows and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BattleInvitation => "battle_invitation",
            Self::BattleResult => "battle_result",
            Self::BattleReminder => "battle_reminder",
            Self::StreakAlert => "streak_alert",
            Self::DirectMessage => "direct_message",
            Self::AchievementUnlock => "achievement_unlock",
            Self::SecurityAlert => "security_alert",
            Self::PhoneVerification => "phone_verification",
            Self::OptInConfirmation => "opt_in_confirmation",
            Self::OptOutConfirmation => "opt_out_confirmation",
            Self::HelpReply => "help_reply",
            Self::Digest => "digest",
        }
    }

    /// Promotional or transactional.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::BattleInvitation
            | Self::BattleResult
            | Self::BattleReminder
            | Self::StreakAlert
            | Self::DirectMessage
            | Self::AchievementUnlock
            | Self::Digest => Class::Promotional,
            Self::SecurityAlert | Self::PhoneVerification | Self::OptInConfirmation | Self::OptOutConfirmation | Self::HelpReply => {
                Class::Transactional
            }
        }
    }

    /// The switch that turns it off, if it has one.
    #[must_use]
    pub fn category(self) -> Option<Category> {
        match self {
            Self::BattleInvitation => Some(Category::BattleInvitations),
            Self::BattleResult => Some(Category::BattleResults),
            Self::BattleReminder => Some(Category::BattleReminders),
            Self::StreakAlert => Some(Category::StreakAlerts),
            Self::DirectMessage => Some(Category::DirectMessages),
            Self::AchievementUnlock => Some(Category::Achievements),
            _ => None,
        }
    }

    /// Promotional texts wait in the bulk lane, all others in the urgent one.
    #[must_use]
    pub fn lane(self) -> Lane {
        match self.class() {
            Class::Promotional => Lane::Bulk,
            Class::Transactional => Lane::Urgent,
        }
    }

    /// The policy for a text that may have gone out.
    #[must_use]
    pub fn when_unknown(self) -> WhenUnknown {
        match self {
            Self::SecurityAlert | Self::PhoneVerification => WhenUnknown::Resend,
            _ => WhenUnknown::NeverResend,
        }
    }

    /// The parts a text of this kind may take. An alert whose link fills one by itself takes a second, since not sending it would be worse.
    #[must_use]
    pub fn part_limit(self) -> u32 {
        match self {
            Self::SecurityAlert | Self::PhoneVerification => 1,
            // Promotional texts; and replies, which must name the programme, the fees, the way out and the way to help (CTIA 5.1.2.1).
            _ => 2,
        }
    }
}

impl Class {
    /// The name in rows and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promotional => "promotional",
            Self::Transactional => "transactional",
        }
    }
}
