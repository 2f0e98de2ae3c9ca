//! The link to their settings that a person gets with the answer to HELP: made when it is sent, good for an hour, and written nowhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sms::{
    content::Content,
    event::UserId,
    message::Message,
    secrets::RotatingSecret,
    text::{House, Text, help_with_link},
    token::{Claims, Scope, TokenKeys},
};

/// Where the preference page is, and what opens it.
pub struct SettingsLink {
    pub page: String,
    pub keys: RotatingSecret<TokenKeys>,
}

/// A text to send, and what of it may be written down.
pub struct Linked {
    pub text: Text,
    pub kept: String,
}

const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A key that others replaced should not sign any more.
const KEYS_LAST: Duration = Duration::from_mins(1);

impl SettingsLink {
    /// The answer to HELP with a link, for who may have one: inbound names a user in the row of an answer only if the number is theirs and nobody else's.
    pub async fn answer(&self, message: &Message, house: &House, now: Timestamp) -> anyhow::Result<Option<Linked>> {
        let (Content::HelpReply {}, Some(user)) = (&message.content, &message.user_id) else { return Ok(None) };
        let token = self.token(user, now).await?;
        let with = |token: &str| help_with_link(message.locale, house, &format!("{}?token={token}", self.page));
        Ok(with(&token).map(|text| Linked { kept: text.body.replace(&token, "…"), text }))
    }

    async fn token(&self, user: &UserId, now: Timestamp) -> anyhow::Result<String> {
        let claims = Claims { user_id: user.clone(), scope: Scope::Manage, expires_at: (now + GOOD_FOR).as_second() };
        Ok(self.keys.get(KEYS_LAST).await?.sign(&claims))
    }
}
