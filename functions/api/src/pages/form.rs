//! What a form of the page says.

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use sms::{
    kind::Category,
    phone::{NotAPhoneNumber, PhoneNumber},
    recipient::Categories,
};

/// The fields of a form, by name. A ticked box is `on`, and one that is not ticked is not there.
#[derive(Debug, Default)]
pub struct Form(HashMap<String, String>);

/// No form of ours is longer.
const MOST_BYTES: usize = 16 * 1024;

impl Form {
    /// The form in a body; an empty one, which nothing accepts, if it is too long.
    pub async fn read(body: Body) -> Self {
        let bytes = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
        Self::parse(&bytes)
    }

    /// `application/x-www-form-urlencoded`, which a query is as well.
    pub fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// What `name` says; empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default().trim()
    }

    /// Whether the box `name` is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.get(name) == "on"
    }

    /// The number, written as people write numbers; without a country it is one of the North American Numbering Plan.
    pub fn phone(&self) -> Result<PhoneNumber, NotAPhoneNumber> {
        let compact = self.get("phone").replace(|c: char| c.is_whitespace() || "()-.\u{2010}\u{2011}\u{2013}".contains(c), "");
        let digits = compact.bytes().all(|byte| byte.is_ascii_digit());
        match compact.len() {
            10 if digits => format!("+1{compact}").parse(),
            11 if digits && compact.starts_with('1') => format!("+{compact}").parse(),
            _ => compact.parse(),
        }
    }

    /// The code, with whatever people put between its digits taken out.
    pub fn code(&self) -> String {
        self.get("code").replace(|c: char| c.is_whitespace() || c == '-', "")
    }

    /// The switches.
    pub fn categories(&self) -> Categories {
        let on = |category: Category| self.ticked(category.as_str());
        Categories {
            battle_invitations: on(Category::BattleInvitations),
            battle_results: on(Category::BattleResults),
            battle_reminders: on(Category::BattleReminders),
            streak_alerts: on(Category::StreakAlerts),
            direct_messages: on(Category::DirectMessages),
            achievements: on(Category::Achievements),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_number_is_understood_as_people_write_it() {
        for written in ["202 555 0101", "(202) 555-0101", "202.555.0101", "1-202-555-0101", "+1 202 555 0101", "2025550101", " +12025550101 "] {
            let form = Form([("phone".to_owned(), written.to_owned())].into());
            assert_eq!(form.phone().expect(written).as_e164(), "+12025550101", "{written}");
        }
        for bad in ["", "555 0101", "202 555 01012", "02025550101", "+0 202 555 0101", "two", "202555010a", "２０２５５５０１０１"] {
            assert!(Form([("phone".to_owned(), bad.to_owned())].into()).phone().is_err(), "{bad}");
        }
    }
}
