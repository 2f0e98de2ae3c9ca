//! The texts in English.

use super::{House, Setting, Wording, bound_code, left, line, typed, with_footer};
use crate::{
    content::{Alert, Content, Digest, OptOutConfirmation},
    kind::Category,
};

const FOOTER: &str = "Reply STOP to opt out";

pub(super) fn words(content: &Content, setting: &Setting<'_>) -> String {
    let said = match setting.wording {
        Wording::Full => full(content, setting),
        Wording::Brief => brief(content, setting),
    };
    with_footer(content.kind(), said, FOOTER)
}

fn full(content: &Content, setting: &Setting<'_>) -> String {
    match content {
        Content::BattleInvitation(data) => format!(
            "AllThrive: {} has challenged you to a battle on AllThrive!\nTopic: {}\nAccept the challenge: {}",
            typed(&data.inviter_name, "Someone"),
            typed(&data.battle_topic, "a new battle"),
            data.invitation_link
        ),
        Content::BattleResult(data) => format!(
            "AllThrive: Battle Update\nTopic: {}\n{}\nSee the result: {}",
            typed(&data.battle_topic, "your battle"),
            typed(&data.result_summary, "It is decided."),
            data.result_link
        ),
        Content::BattleReminder(data) => format!(
            "AllThrive: Battle Reminder\nTopic: {}\nIt ends {}.\nGo to the battle: {}",
            typed(&data.battle_topic, "your battle"),
            left::in_english(data.ends_at, setting.now),
            data.battle_link
        ),
        Content::StreakAlert(data) => {
            format!("AllThrive: Your {}-day streak is at risk!\nKeep it going today: {}", data.streak_count, data.action_link)
        }
        Content::DirectMessage(data) => {
            format!("AllThrive: {} sent you a message.\nRead it: {}", typed(&data.sender_name, "Someone"), data.conversation_link)
        }
        Content::AchievementUnlock(data) => format!(
            "AllThrive: Achievement unlocked!\n{}\nSee it: {}",
            typed(&data.achievement_name, "You reached something new."),
            data.achievement_link
        ),
        Content::SecurityAlert(data) => {
            format!("AllThrive: {}\n{}Not you? Secure your account: {}", happened(data.alert), line(&data.detail), data.link)
        }
        Content::PhoneVerification(_) => {
            let sentence = format!("Your AllThrive verification code is: {}. This code expires in 10 minutes.", setting.code);
            bound_code(&sentence, setting)
        }
        // CTIA Messaging Principles 5.1.2.1: the programme, the contact, the way out, that it recurs and how often, the fees.
        Content::OptInConfirmation {} => format!(
            "AllThrive: You're signed up for recurring texts about battles, streaks, messages and achievements.\nMsg frequency varies. \
             Msg & data rates may apply.\nReply HELP for help, STOP to opt out.\nContact: {}",
            setting.house.support_contact
        ),
        Content::OptOutConfirmation(data) => opted_out(data),
        Content::HelpReply {} => help(setting.wording, setting.house, None),
        Content::Digest(data) => digest(data, setting.house),
    }
}

pub(super) fn help(wording: Wording, house: &House, link: Option<&str>) -> String {
    let programme = match wording {
        Wording::Full => "AllThrive: texts about battles, streaks, messages and achievements.\nMsg frequency varies. Msg & data rates may apply.",
        Wording::Brief => "AllThrive texts. Msg & data rates may apply.",
    };
    let settings = link.map(|link| format!("\nYour settings, for 1 hour: {link}")).unwrap_or_default();
    format!("{programme}\nReply STOP to opt out.\nHelp: {}{settings}", house.support_contact)
}

fn brief(content: &Content, setting: &Setting<'_>) -> String {
    match content {
        Content::BattleInvitation(data) => format!(
            "AllThrive: {} has challenged you to a battle!\n{}{}",
            typed(&data.inviter_name, "Someone"),
            line(&data.battle_topic),
            data.invitation_link
        ),
        Content::BattleResult(data) => {
            format!("AllThrive: Battle Update\n{}{}{}", line(&data.battle_topic), line(&data.result_summary), data.result_link)
        }
        Content::BattleReminder(data) => format!(
            "AllThrive: Battle Reminder\n{}It ends {}.\n{}",
            line(&data.battle_topic),
            left::in_english(data.ends_at, setting.now),
            data.battle_link
        ),
        Content::StreakAlert(data) => format!("AllThrive: Your {}-day streak is at risk!\n{}", data.streak_count, data.action_link),
        Content::DirectMessage(data) => {
            format!("AllThrive: {} sent you a message.\n{}", typed(&data.sender_name, "Someone"), data.conversation_link)
        }
        Content::AchievementUnlock(data) => {
            format!("AllThrive: Achievement unlocked!\n{}{}", line(&data.achievement_name), data.achievement_link)
        }
        Content::SecurityAlert(data) => {
            format!("AllThrive: {}\n{}Not you? {}", happened(data.alert), line(&data.detail), data.link)
        }
        _ => full(content, setting),
    }
}

fn digest(data: &Digest, house: &House) -> String {
    let waiting = data.texts.iter().map(|(category, texts)| format!("{texts} {}", counted(*category, *texts))).collect::<Vec<_>>().join(", ");
    let link = house.link_domains.first().map(|site| format!("\nSee them: https://{site}")).unwrap_or_default();
    format!("AllThrive: Waiting for you: {waiting}.{link}")
}

fn counted(category: Category, texts: u32) -> &'static str {
    let (one, several) = match category {
        Category::BattleInvitations => ("battle invitation", "battle invitations"),
        Category::BattleResults => ("battle result", "battle results"),
        Category::BattleReminders => ("battle reminder", "battle reminders"),
        Category::StreakAlerts => ("streak alert", "streak alerts"),
        Category::DirectMessages => ("message", "messages"),
        Category::Achievements => ("achievement", "achievements"),
    };
    if texts == 1 { one } else { several }
}

fn happened(alert: Alert) -> &'static str {
    match alert {
        Alert::NewLogin => "New login to your account.",
        Alert::PasswordChanged => "Your password was changed.",
        Alert::EmailChanged => "Your email address was changed.",
        Alert::PhoneChanged => "Your phone number was changed.",
    }
}

/// No marketing in it (47 CFR 64.1200(a)(12)).
fn opted_out(data: &OptOutConfirmation) -> String {
    if data.categories.is_empty() {
        return "AllThrive: You're opted out and will get no more texts from us. Reply START to get them again.".to_owned();
    }
    let named: Vec<&str> = Category::ALL.into_iter().filter(|category| data.categories.contains(category)).map(name).collect();
    format!("AllThrive: You will get no more texts about {}. Other texts go on. Reply START to get them again, STOP to end all.", named.join(", "))
}

fn name(category: Category) -> &'static str {
    match category {
        Category::BattleInvitations => "battle invitations",
        Category::BattleResults => "battle results",
        Category::BattleReminders => "battle reminders",
        Category::StreakAlerts => "streaks",
        Category::DirectMessages => "direct messages",
        Category::Achievements => "achievements",
    }
}
