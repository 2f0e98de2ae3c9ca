//! What is counted before a text is admitted: the texts of a user's day, those of a number's hours, and the month's money.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use crate::{
    budget::{Reserved, Spent},
    caps::{self, Day, Hours},
    event::UserId,
    message::Message,
    money::MicroUsd,
    phone::PhoneNumber,
};

/// Some of it: what was read for the texts in question. What was not read counts as nothing.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub(crate) days: HashMap<String, Day>,
    pub(crate) hours: BTreeMap<String, Hours>,
    pub(crate) months: HashMap<String, Spent>,
}

impl Books {
    /// How many texts `user` has on `day`.
    #[must_use]
    pub fn day(&self, user: &UserId, day: &str) -> usize {
        self.days.get(&Day::key(user, day)).map_or(0, |day| day.ids.len())
    }

    /// The texts to `phone`.
    #[must_use]
    pub fn hours(&self, phone: &PhoneNumber) -> Hours {
        let key = Hours::key(phone);
        self.hours.get(&key).cloned().unwrap_or_else(|| Hours::new(key))
    }

    /// The money of `month`.
    #[must_use]
    pub fn spent(&self, month: &str) -> Spent {
        let key = Spent::key(month);
        self.months.get(&key).cloned().unwrap_or_else(|| Spent::new(key))
    }

    /// Counts a text that was just admitted, so that the next one of its batch meets it.
    pub fn count(&mut self, message: &Message, now: Timestamp) {
        let Some(reserved) = &message.reserved else { return };
        let spent = self.spent(&reserved.month).and(message.class, reserved.amount);
        self.months.insert(spent.limit_id.clone(), spent);
        if let Some(key) = day_key(message, reserved) {
            self.days.entry(key.clone()).or_insert_with(|| Day::new(key, now)).ids.insert(message.message_id.to_string());
        }
        if let Some(phone) = &message.phone {
            let at = message.release_at.unwrap_or(now);
            let hours = self.hours(phone).and(message.message_id, caps::words_of(message), at, now);
            self.hours.insert(hours.limit_id.clone(), hours);
        }
    }

    /// Takes back what [`Books::count`] counted.
    pub fn uncount(&mut self, message: &Message) {
        let Some(reserved) = &message.reserved else { return };
        let spent = self.spent(&reserved.month).and(message.class, MicroUsd(-reserved.amount.0));
        self.months.insert(spent.limit_id.clone(), spent);
        if let Some(day) = day_key(message, reserved).and_then(|key| self.days.get_mut(&key)) {
            day.ids.remove(&message.message_id.to_string());
        }
        if let Some(hours) = message.phone.as_ref().and_then(|phone| self.hours.get_mut(&Hours::key(phone))) {
            hours.texts.remove(&message.message_id);
        }
    }
}

/// The day's row that a text is counted in.
#[must_use]
pub fn day_key(message: &Message, reserved: &Reserved) -> Option<String> {
    Some(Day::key(message.user_id.as_ref()?, reserved.day.as_ref()?))
}
