//! What people do to the system.

use std::collections::BTreeSet;

use sms::{
    consent::{LedgerHead, Method},
    content::{Content, OptOutConfirmation},
    erasure::Erasure,
    event::message_id,
    gates,
    kind::Category,
    message::{Message, useful_until},
    opt_out::OptOut,
    recipient::{Consent, Recipient},
};

use super::System;
use crate::model::{
    acts::Doubt,
    cast::{Number, Person, all_on, consent_for},
};

impl System {
    pub(super) fn opt_out(&mut self, number: Number) -> &mut OptOut {
        let nothing = OptOut {
            phone: number.phone(),
            everything_since: None,
            categories: BTreeSet::new(),
            confirmation: None,
            method: Method::SmsKeyword,
            rule: "keyword stop".into(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: self.now,
            revision: None,
        };
        self.opt_outs[number as usize].get_or_insert(nothing)
    }

    pub(super) fn help(&mut self, number: Number) {
        let content = Content::HelpReply {};
        let useful_until = useful_until(&content, self.now);
        let id = message_id("model", &self.next.to_string());
        let message = Message::new(id, content, useful_until, self.now).to(Some(number.phone()));
        let opt_out = self.opt_outs[number as usize].as_ref();
        self.admit(gates::answer(message, opt_out, &self.books, &self.rules, self.now));
    }

    pub(super) fn stop(&mut self, number: Number) {
        let now = self.now;
        for recipient in self.owners(number) {
            recipient.consent.iter_mut().for_each(|consent| consent.revoked_at = Some(now));
        }
        if self.opt_out(number).everything_since.is_none() {
            let id = message_id("model", &self.next.to_string());
            let opt_out = self.opt_out(number);
            opt_out.everything_since = Some(now);
            opt_out.confirmation = Some(id);
            let content = Content::OptOutConfirmation(OptOutConfirmation { categories: Vec::new() });
            let useful_until = useful_until(&content, now);
            self.write(Message::new(id, content, useful_until, now).to(Some(number.phone())));
        }
    }

    pub(super) fn start(&mut self, number: Number) {
        self.opt_outs[number as usize] = None;
        for recipient in self.owners(number).filter(|recipient| recipient.verified_phone().is_some()) {
            recipient.consent = Some(consent_for(number));
            recipient.sms_enabled = true;
        }
    }

    fn owners(&mut self, number: Number) -> impl Iterator<Item = &mut Recipient> {
        let theirs = move |recipient: &&mut Recipient| recipient.phone == Some(number.phone());
        self.people.iter_mut().flatten().filter(theirs)
    }

    pub(super) fn doubt(&mut self, person: Person, doubt: Doubt) {
        let now = self.now;
        let recipient = self.person(person);
        match doubt {
            _ if recipient.erased => {}
            Doubt::Master => recipient.sms_enabled = false,
            Doubt::Switch(Category::BattleInvitations) => recipient.categories.battle_invitations = false,
            Doubt::Switch(Category::StreakAlerts) => recipient.categories.streak_alerts = false,
            Doubt::Switch(category) => unreachable!("nobody switches {category:?}"),
            Doubt::Proof => recipient.phone_verified_at = None,
            Doubt::Consent => recipient.consent = recipient.consent.take().map(|consent| Consent { revoked_at: Some(now), ..consent }),
            Doubt::Moved => recipient.consent = Some(consent_for(Number::Nemos)),
        }
    }

    pub(super) fn trust(&mut self, person: Person) {
        let recipient = self.person(person);
        let back = if recipient.erased { recipient.reborn() } else { recipient.clone() };
        // Nobody asks for any erasure but the last.
        let erasures = back.erasures.last().cloned().into_iter().collect();
        *recipient = all_on(Recipient { erasures, ..back }, person);
    }

    pub(super) fn erase(&mut self, person: Person) {
        let now = self.now;
        let recipient = self.person(person);
        if !recipient.erased {
            let ledger = LedgerHead { seq: 1, hash: String::new() };
            *recipient = recipient.mark(Erasure { at: now, kept_until: now, ledger, finished_at: None, numbers: Vec::new() });
        }
    }

    fn person(&mut self, person: Person) -> &mut Recipient {
        self.people[person as usize].as_mut().expect("a recipient")
    }
}
