//! AWS's own opt-out list.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sms::phone::PhoneNumber;

use crate::{
    account,
    refusal::{Exception, Refusal},
};

/// The list `Default`.
#[derive(Debug, Default)]
pub struct OptOutList {
    numbers: BTreeMap<PhoneNumber, Entry>,
    deleted: HashMap<PhoneNumber, Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Timestamp,
    by_end_user: bool,
}

/// A number comes off the list once in this time.
const ONCE_IN: SignedDuration = SignedDuration::from_hours(30 * 24);

impl OptOutList {
    /// Whether texts to `phone` are refused.
    #[must_use]
    pub fn has(&self, phone: &PhoneNumber) -> bool {
        self.numbers.contains_key(phone)
    }

    /// Puts `phone` on the list, where it may be already.
    pub fn put(&mut self, phone: &PhoneNumber, by_end_user: bool, now: Timestamp) -> Value {
        let entry = *self.numbers.entry(phone.clone()).or_insert(Entry { at: now, by_end_user });
        entry.with_list(phone)
    }

    /// Takes `phone` off the list.
    pub fn delete(&mut self, phone: &PhoneNumber, now: Timestamp) -> Result<Value, Refusal> {
        let Some(entry) = self.numbers.get(phone).copied() else { return Err(missing(phone)) };
        if self.deleted.get(phone).is_some_and(|at| now.duration_since(*at) < ONCE_IN) {
            return Err(Refusal::because(Exception::Validation, "PHONE_NUMBER_CANNOT_BE_OPTED_IN"));
        }
        self.numbers.remove(phone);
        self.deleted.insert(phone.clone(), now);
        Ok(entry.with_list(phone))
    }

    /// The entries of `phones`, all of which must be on the list, or of everybody; only those `by_end_user` if that is given.
    pub fn described(&self, phones: &[PhoneNumber], by_end_user: Option<bool>) -> Result<Vec<Value>, Refusal> {
        if let Some(absent) = phones.iter().find(|phone| !self.has(phone)) {
            return Err(missing(absent));
        }
        let wanted = self.numbers.iter().filter(|(phone, _)| phones.is_empty() || phones.contains(phone));
        Ok(wanted.filter(|(_, entry)| by_end_user.is_none_or(|wanted| wanted == entry.by_end_user)).map(|(phone, entry)| entry.json(phone)).collect())
    }
}

impl Entry {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of an epoch second, as AWS writes them")]
    fn json(self, phone: &PhoneNumber) -> Value {
        let seconds = self.at.as_millisecond() as f64 / 1000.0;
        json!({"OptedOutNumber": phone.as_e164(), "OptedOutTimestamp": seconds, "EndUserOptedOut": self.by_end_user})
    }

    fn with_list(self, phone: &PhoneNumber) -> Value {
        let mut json = self.json(phone);
        json["OptOutListArn"] = account::OPT_OUT_LIST_ARN.into();
        json["OptOutListName"] = account::OPT_OUT_LIST.into();
        json
    }
}

fn missing(phone: &PhoneNumber) -> Refusal {
    Refusal::missing("opted-out-number", phone.as_e164())
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::OptOutList;
    use crate::refusal::Exception;

    #[test]
    fn a_number_comes_off_the_list_once_in_thirty_days() {
        let (mut list, phone, day) = (OptOutList::default(), "+12025550101".parse().unwrap(), SignedDuration::from_hours(24));
        let start = Timestamp::UNIX_EPOCH;
        assert_eq!(list.delete(&phone, start).unwrap_err().exception, Exception::ResourceNotFound);
        list.put(&phone, false, start);
        assert!(list.delete(&phone, start).is_ok());
        list.put(&phone, false, start + day);
        assert_eq!(list.delete(&phone, start + day * 29).unwrap_err().reason, Some("PHONE_NUMBER_CANNOT_BE_OPTED_IN"));
        assert!(list.has(&phone));
        assert!(list.delete(&phone, start + day * 30).is_ok());
    }

    #[test]
    fn putting_a_number_twice_keeps_the_first_entry() {
        let (mut list, phone) = (OptOutList::default(), "+12025550101".parse().unwrap());
        let first = list.put(&phone, true, Timestamp::UNIX_EPOCH);
        assert_eq!(list.put(&phone, false, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(9)), first);
    }
}
