//! Texts that leave together: one look at the people behind them serves all.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sms::{
    event::UserId,
    message::Message,
    opt_out::OptOut,
    phone::PhoneNumber,
    recipient::Recipient,
    stores::{OptOuts, Recipients},
};
use tokio::sync::OnceCell;

/// Texts whose moments are within [`FRESH`] of each other.
#[derive(Debug, Default)]
pub struct Company {
    users: BTreeSet<UserId>,
    phones: BTreeSet<PhoneNumber>,
    seen: OnceCell<Seen>,
}

/// What is known of the person behind one text.
#[derive(Debug)]
pub struct Person {
    pub recipient: Option<Recipient>,
    pub opt_out: Option<OptOut>,
}

#[derive(Debug)]
struct Seen {
    at: Timestamp,
    recipients: Vec<Recipient>,
    opt_outs: Vec<OptOut>,
}

/// The last look before a call is not older than this: much less than the call itself may take.
pub const FRESH: SignedDuration = SignedDuration::from_millis(100);

impl Company {
    /// That of `messages`.
    pub fn of<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Self {
        let mut company = Self::default();
        for message in messages {
            company.users.extend(message.user_id.clone());
            company.phones.extend(message.phone.clone());
        }
        company
    }

    /// The person behind `message`, whose number is `phone`, as they are at `now`: read with all others of the company, unless that was done too long ago, or for others.
    pub async fn person(&self, message: &Message, phone: &PhoneNumber, tables: (&Recipients, &OptOuts), now: Timestamp) -> anyhow::Result<Person> {
        let is_one_of_them = self.phones.contains(phone) && message.user_id.as_ref().is_none_or(|user| self.users.contains(user));
        if is_one_of_them {
            let seen = self.seen.get_or_try_init(|| look(&self.users, &self.phones, tables, now)).await?;
            if now.duration_since(seen.at) <= FRESH {
                return Ok(seen.person(message, phone));
            }
        }
        let alone = look(&message.user_id.iter().cloned().collect(), &BTreeSet::from([phone.clone()]), tables, now).await?;
        Ok(alone.person(message, phone))
    }
}

impl Seen {
    fn person(&self, message: &Message, phone: &PhoneNumber) -> Person {
        let recipient = self.recipients.iter().find(|recipient| message.user_id.as_ref() == Some(&recipient.user_id));
        let opt_out = self.opt_outs.iter().find(|opt_out| opt_out.phone == *phone);
        Person { recipient: recipient.cloned(), opt_out: opt_out.cloned() }
    }
}

async fn look(
    users: &BTreeSet<UserId>,
    phones: &BTreeSet<PhoneNumber>,
    (recipients, opt_outs): (&Recipients, &OptOuts),
    at: Timestamp,
) -> anyhow::Result<Seen> {
    let (recipients, opt_outs) = recipients.with_opt_outs(users, opt_outs, phones).await?;
    Ok(Seen { at, recipients, opt_outs })
}
