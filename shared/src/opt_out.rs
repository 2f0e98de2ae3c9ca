//! Opt-outs: kept by number, apart from people, and obeyed by every text to it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    consent::Method,
    content::Content,
    kind::{Category, Kind},
    moment,
    phone::PhoneNumber,
};

/// The row of a number in the opt-outs table. No row means that nobody with that number ever said stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptOut {
    /// Its key.
    pub phone: PhoneNumber,
    /// Since when nothing may be sent.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub everything_since: Option<Timestamp>,
    /// The categories that may not be sent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// The one text that may still go out: the confirmation that the law allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Uuid>,
    /// How they said it.
    pub method: Method,
    /// Which rule read it so, such as `keyword stop`.
    pub rule: String,
    /// Why AWS would not take the number off its own list when they opted in again; until it does, the opt-out stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relisting_refused: Option<String>,
    /// When the row last changed.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
}

impl OptOut {
    /// Why a text may not go out, or `None` if it may.
    #[must_use]
    pub fn blocks(&self, content: &Content, message_id: Uuid) -> Option<String> {
        if content.kind() == Kind::OptOutConfirmation && self.confirmation == Some(message_id) {
            return None;
        }
        if let Some(since) = self.everything_since {
            let refused = self.relisting_refused.as_ref().map(|reason| format!("; wants texts again, but AWS keeps it on its list: {reason}"));
            return Some(format!("opted out of everything at {} by {}{}", moment::text(since), self.rule, refused.unwrap_or_default()));
        }
        let category = content.categories().into_iter().find(|category| self.categories.contains(category))?;
        Some(format!("opted out of {} by {}", category.as_str(), self.rule))
    }
}
