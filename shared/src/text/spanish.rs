//! The texts in Spanish, in words without the accents that GSM-7 lacks wherever such words are natural.

use super::{House, Setting, Wording, bound_code, left, line, typed, with_footer};
use crate::{
    content::{Alert, Content, Digest, OptOutConfirmation},
    kind::Category,
};

// The word that carriers and phones know, in any language.
const FOOTER: &str = "Responde STOP para cancelar";

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
            "AllThrive: ¡{} te ha retado a una batalla en AllThrive!\nTema: {}\nAcepta el reto: {}",
            typed(&data.inviter_name, "Alguien"),
            typed(&data.battle_topic, "una batalla nueva"),
            data.invitation_link
        ),
        Content::BattleResult(data) => format!(
            "AllThrive: Novedades de tu batalla\nTema: {}\n{}\nMira el resultado: {}",
            typed(&data.battle_topic, "tu batalla"),
            typed(&data.result_summary, "Ya hay resultado."),
            data.result_link
        ),
        Content::BattleReminder(data) => format!(
            "AllThrive: Recordatorio de batalla\nTema: {}\nTermina {}.\nEntra en la batalla: {}",
            typed(&data.battle_topic, "tu batalla"),
            left::in_spanish(data.ends_at, setting.now),
            data.battle_link
        ),
        Content::StreakAlert(data) => {
            let days = if data.streak_count == 1 { "día" } else { "días" };
            format!("AllThrive: ¡Tu racha de {} {days} peligra!\nNo la pierdas hoy: {}", data.streak_count, data.action_link)
        }
        Content::DirectMessage(data) => {
            format!("AllThrive: {} te ha enviado un mensaje.\nLéelo: {}", typed(&data.sender_name, "Alguien"), data.conversation_link)
        }
        Content::AchievementUnlock(data) => format!(
            "AllThrive: ¡Logro desbloqueado!\n{}\nMira tu logro: {}",
            typed(&data.achievement_name, "Has conseguido algo nuevo."),
            data.achievement_link
        ),
        Content::SecurityAlert(data) => {
            format!("AllThrive: {}\n{}Si no lo reconoces, protege tu cuenta: {}", happened(data.alert), line(&data.detail), data.link)
        }
        Content::PhoneVerification(_) => {
            let sentence = format!("Tu clave de AllThrive para verificar este teléfono es: {}. Esta clave vence en 10 minutos.", setting.code);
            bound_code(&sentence, setting)
        }
        // CTIA Messaging Principles 5.1.2.1: the programme, the contact, the way out, that it recurs and how often, the fees.
        Content::OptInConfirmation {} => format!(
            "AllThrive: Te has suscrito a mensajes recurrentes sobre batallas, rachas, mensajes y logros.\nFrecuencia variable. \
             Pueden aplicarse tarifas de mensajes y datos.\nResponde HELP para recibir ayuda, STOP para cancelar.\nContacto: {}",
            setting.house.support_contact
        ),
        Content::OptOutConfirmation(data) => opted_out(data),
        Content::HelpReply {} => help(setting.wording, setting.house, None),
        Content::Digest(data) => digest(data, setting.house),
    }
}

pub(super) fn help(wording: Wording, house: &House, link: Option<&str>) -> String {
    let programme = match wording {
        Wording::Full => {
            "AllThrive: mensajes sobre batallas, rachas, mensajes y logros.\nFrecuencia variable. Pueden aplicarse tarifas de mensajes y datos."
        }
        Wording::Brief => "AllThrive: mensajes. Pueden aplicarse tarifas de mensajes y datos.",
    };
    let settings = link.map(|link| format!("\nTus ajustes, por 1 hora: {link}")).unwrap_or_default();
    format!("{programme}\nResponde STOP para cancelar.\nAyuda: {}{settings}", house.support_contact)
}

fn brief(content: &Content, setting: &Setting<'_>) -> String {
    match content {
        Content::BattleInvitation(data) => format!(
            "AllThrive: ¡{} te reta a una batalla!\n{}{}",
            typed(&data.inviter_name, "Alguien"),
            line(&data.battle_topic),
            data.invitation_link
        ),
        Content::BattleResult(data) => {
            format!("AllThrive: Tu batalla\n{}{}{}", line(&data.battle_topic), line(&data.result_summary), data.result_link)
        }
        Content::BattleReminder(data) => format!(
            "AllThrive: Tu batalla\n{}Termina {}.\n{}",
            line(&data.battle_topic),
            left::in_spanish(data.ends_at, setting.now),
            data.battle_link
        ),
        Content::StreakAlert(data) => {
            let days = if data.streak_count == 1 { "día" } else { "días" };
            format!("AllThrive: ¡Tu racha de {} {days} peligra!\n{}", data.streak_count, data.action_link)
        }
        Content::DirectMessage(data) => {
            format!("AllThrive: {} te ha escrito.\n{}", typed(&data.sender_name, "Alguien"), data.conversation_link)
        }
        Content::AchievementUnlock(data) => {
            format!("AllThrive: ¡Logro desbloqueado!\n{}{}", line(&data.achievement_name), data.achievement_link)
        }
        Content::SecurityAlert(data) => {
            format!("AllThrive: {}\n{}¿No lo reconoces? {}", happened(data.alert), line(&data.detail), data.link)
        }
        _ => full(content, setting),
    }
}

fn digest(data: &Digest, house: &House) -> String {
    let waiting = data.texts.iter().map(|(category, texts)| format!("{texts} {}", counted(*category, *texts))).collect::<Vec<_>>().join(", ");
    let link = house.link_domains.first().map(|site| format!("\nEntra: https://{site}")).unwrap_or_default();
    format!("AllThrive: Tienes pendiente: {waiting}.{link}")
}

fn counted(category: Category, texts: u32) -> &'static str {
    let (one, several) = match category {
        Category::BattleInvitations => ("reto", "retos"),
        Category::BattleResults => ("resultado de batalla", "resultados de batallas"),
        Category::BattleReminders => ("recordatorio de batalla", "recordatorios de batallas"),
        Category::StreakAlerts => ("aviso de racha", "avisos de racha"),
        Category::DirectMessages => ("mensaje", "mensajes"),
        Category::Achievements => ("logro", "logros"),
    };
    if texts == 1 { one } else { several }
}

fn happened(alert: Alert) -> &'static str {
    match alert {
        Alert::NewLogin => "Nuevo acceso a tu cuenta.",
        Alert::PasswordChanged => "Tu contraseña ha cambiado.",
        Alert::EmailChanged => "El correo de tu cuenta ha cambiado.",
        Alert::PhoneChanged => "El teléfono de tu cuenta ha cambiado.",
    }
}

/// No marketing in it (47 CFR 64.1200(a)(12)).
fn opted_out(data: &OptOutConfirmation) -> String {
    if data.categories.is_empty() {
        return "AllThrive: Listo, ya no te enviaremos mensajes. Responde START para volver a recibirlos.".to_owned();
    }
    let named: Vec<&str> = Category::ALL.into_iter().filter(|category| data.categories.contains(category)).map(name).collect();
    format!(
        "AllThrive: Ya no te enviaremos mensajes sobre {}. Los otros mensajes siguen. Responde START para volver a recibirlos, STOP para cancelar todo.",
        named.join(", ")
    )
}

fn name(category: Category) -> &'static str {
    match category {
        Category::BattleInvitations => "invitaciones a batallas",
        Category::BattleResults => "resultados de batallas",
        Category::BattleReminders => "recordatorios de batallas",
        Category::StreakAlerts => "rachas",
        Category::DirectMessages => "mensajes directos",
        Category::Achievements => "logros",
    }
}
