//! What the reconciler does to the system, by its own steps.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use sms::{
    budget::{self, Reserved},
    content::{Content, Digest},
    event::Event,
    gates,
    kind::Kind,
    message::{Change, Message, Status},
    money::MicroUsd,
    quiet_hours::SPREAD,
};

use super::{System, only_money};
use crate::{
    model::{
        cast::{Person, TextId},
        text::PATIENCE,
    },
    step::{Step, last_receipt, step},
};

/// Where there was no money for a second text, there may be some after this long.
const ASK_FOR_MONEY_AGAIN: SignedDuration = SignedDuration::from_hours(1);

impl System {
    pub(super) fn reconcile(&mut self) {
        let due = self.rows.iter().filter(|(_, row)| row.due_at.is_some_and(|at| at <= self.now));
        due.map(|(id, _)| *id).collect::<Vec<_>>().into_iter().for_each(|id| self.take_step(id));
    }

    fn take_step(&mut self, id: TextId) {
        let now = self.now;
        let row = self.row(id);
        match step(&row.message, now, SignedDuration::from_millis(PATIENCE)) {
            Step::Enqueue { again: at } | Step::PutOff(at) => row.due_at = Some(at),
            Step::Leave(_) => self.leave(id),
            // The verification of somebody erased is gone.
            Step::EndCode if row.message.erased_at.is_none() && row.message.useful_until > now => row.due_at = Some(row.message.useful_until),
            Step::EndCode => match last_receipt(&row.message).filter(|last| *last > now) {
                Some(last) => row.due_at = Some(last),
                None => self.leave(id),
            },
            Step::Make(Change::Due, _) if self.is_unwanted(id) => self.make(id, Change::OptedOut),
            Step::Make(Change::Due, _) if !self.rebook(id) => self.make(id, Change::CrowdedOut),
            Step::Make(Change::Retried, _) => self.resend(id),
            Step::Make(change, _) => {
                self.make(id, change);
                if change == Change::Abandoned {
                    self.take_step(id);
                }
            }
            Step::Book => {
                self.settle(id);
                self.row(id).due_at = None;
            }
        }
    }

    /// Is done with a text: no receipt is waited for any more.
    fn leave(&mut self, id: TextId) {
        if let Some(bill) = budget::last_bill(&self.row(id).message) {
            self.pay(id, bill);
        }
        self.row(id).due_at = None;
    }

    /// Lets a text in doubt be sent once more if there is money for that too, as the store's transaction does.
    fn resend(&mut self, id: TextId) {
        let now = self.now;
        let message = &self.rows[&id].message;
        let (once, price) = (message.reserved.clone().expect("a reservation"), message.estimated_price.expect("an estimate"));
        if self.rules.budget.refuse(message.class, price, &self.books.spent(&once.month), now).is_some() {
            let row = self.row(id);
            row.message.updated_at = now;
            row.due_at = Some((now + ASK_FOR_MONEY_AGAIN).min(row.message.useful_until));
            return;
        }
        self.books.count(&only_money(message, price, once.month.clone()), now);
        self.is_booked = true;
        self.make(id, Change::Retried);
        let twice = Reserved { amount: MicroUsd(once.amount.0 + price.0), resent: MicroUsd(once.resent.0 + price.0), ..once };
        self.row(id).message.reserved = Some(twice);
    }

    /// Lets a held text count where it goes if it is let go now, if there is room for it, as the store's transaction does.
    fn rebook(&mut self, id: TextId) -> bool {
        let message = &self.rows[&id].message;
        let at = message.release_at.unwrap_or(self.now).max(self.now);
        let moved = Message { reserved: gates::reserved_at(message, at), release_at: Some(at), ..message.clone() };
        if moved.reserved == message.reserved {
            return true;
        }
        let mut books = self.books.clone();
        books.uncount(message);
        if gates::crowded(message, &moved, &books, &self.rules, self.now).is_some() {
            return false;
        }
        books.count(&moved, self.now);
        self.books = books;
        self.is_booked = true;
        self.row(id).message = moved;
        true
    }

    fn make(&mut self, id: TextId, change: Change) {
        let kind = self.row(id).message.kind();
        assert!(change != Change::Retried || matches!(kind, Kind::SecurityAlert | Kind::PhoneVerification), "{kind:?} is retried");
        assert!(self.change(id, change, None), "the reconciler makes what cannot be: {change:?}");
        self.settle(id);
    }

    fn is_unwanted(&self, id: TextId) -> bool {
        let message = &self.rows[&id].message;
        gates::unwanted(message, self.recipient(message)).is_some()
    }

    /// Writes one text in place of all that wait for this morning with one whose release is due, as the store's transaction does.
    pub(super) fn merge(&mut self, person: Person) {
        let mut parts = self.rows.keys().copied().filter(|id| self.can_be_merged(*id, person)).collect::<Vec<_>>();
        if parts.iter().all(|id| self.rows[id].message.release_at > Some(self.now)) {
            return;
        }
        parts.retain(|id| self.rebook(*id));
        if parts.len() < 2 {
            return;
        }
        let mut books = self.books.clone();
        for id in &parts {
            books.uncount(&self.rows[id].message);
        }
        let digest = self.decide(&self.digest(person, &parts), person, &books);
        if digest.status != Status::Pending || !parts.iter().all(|id| shares_books(&self.rows[id].message, &digest)) {
            return;
        }
        self.books = books;
        for id in parts {
            self.change(id, Change::Merged, None);
            self.row(id).message.settled = Some(MicroUsd(0));
        }
        self.admit(digest);
    }

    fn can_be_merged(&self, id: TextId, person: Person) -> bool {
        let message = &self.rows[&id].message;
        let opt_out = self.opt_outs[person.number() as usize].as_ref();
        message.status == Status::Held
            && message.user_id == Some(person.user_id())
            && message.kind() != Kind::Digest
            && message.release_at.is_some_and(|release| release <= self.now + SPREAD)
            && message.useful_until >= self.now + SignedDuration::from_hours(1)
            && !self.is_unwanted(id)
            && opt_out.is_none_or(|opt_out| opt_out.blocks(&message.content, message.message_id).is_none())
    }

    fn digest(&self, person: Person, parts: &[TextId]) -> Event {
        let parts = parts.iter().map(|id| &self.rows[id].message);
        let mut texts = BTreeMap::new();
        for category in parts.clone().filter_map(|part| part.kind().category()) {
            *texts.entry(category).or_default() += 1;
        }
        Event {
            source: "model".into(),
            id: self.next.to_string(),
            time: None,
            expirytime: parts.map(|part| part.useful_until).min(),
            user_id: person.user_id(),
            related: None,
            content: Content::Digest(Digest { texts }),
        }
    }
}

fn shares_books(part: &Message, digest: &Message) -> bool {
    let both = part.reserved.as_ref().zip(digest.reserved.as_ref());
    both.is_some_and(|(part, digest)| (&part.month, &part.day) == (&digest.month, &digest.day))
}
