//! The system: the real rows, gates, books and steps of the pure core, with maps where the tables are.

mod people;
mod reconciler;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sms::{
    books::Books,
    budget::{self, Bill, Reserved},
    due,
    event::Event,
    gates::{self, Gate, Rules, Verdict},
    kind::{Class, Kind},
    message::{Change, Entered, LEASE, Message, Status},
    money::MicroUsd,
    opt_out::OptOut,
    phone::PhoneNumber,
    quiet_hours::{self, Place, Slot},
    recipient::Recipient,
};

use super::{
    acts::{Act, Answer, Hand, Tariff},
    cast::{Limits, Moment, Number, PART, Person, TextId, Wish, event, timestamp},
    machine::{CHANGES, MACHINE},
    met::Met,
    reference::MEMORY,
};

pub struct System {
    pub rules: Rules,
    pub books: Books,
    pub rows: BTreeMap<TextId, Row>,
    pub met: Met,
    /// What the gates said of the latest text.
    pub trail: Vec<(Gate, Verdict)>,
    /// Whether the books have changed since somebody looked.
    pub is_booked: bool,
    now: Timestamp,
    people: Vec<Option<Recipient>>,
    opt_outs: Vec<Option<OptOut>>,
    /// What the stores make their conditions of, by change.
    edges: [(Vec<Status>, Option<Status>); CHANGES.len()],
    next: TextId,
}

/// A row as the table has it.
pub struct Row {
    pub message: Message,
    pub due_at: Option<Timestamp>,
    /// After how many changes AWS was called, each time that the call may have sent the text.
    calls: Vec<usize>,
}

/// What a sender finds when it looks at its text once more.
enum Look {
    Send,
    End(Change),
    Defer(Timestamp),
    Gone,
}

impl System {
    pub fn new(limits: Limits, now: Moment) -> Self {
        Self {
            rules: limits.rules(),
            books: Books::default(),
            rows: BTreeMap::new(),
            met: Met::default(),
            trail: Vec::new(),
            is_booked: false,
            now: timestamp(now),
            people: Person::ALL.map(Person::recipient).into(),
            opt_outs: Number::ALL.map(|_| None).into(),
            edges: CHANGES.map(Change::edge),
            next: 0,
        }
    }

    pub fn act(&mut self, act: Act) {
        match act {
            Act::Wait(pause) => self.wait(pause),
            Act::Publish(wish) => self.publish(wish),
            Act::Claim(id) => self.claim(id),
            Act::Call(hand, answer) => self.call(hand, answer),
            Act::Note(hand, answer) => self.note(hand, answer),
            Act::Book(hand) => self.settle(hand.text),
            Act::Die(_) => {}
            Act::Receive(id, change, tariff) => self.receive(id, change, tariff),
            Act::Reconcile => self.reconcile(),
            Act::Merge(person) => self.merge(person),
            Act::Help(number) => self.help(number),
            Act::Stop(number) => self.stop(number),
            Act::StopCategory(number, category) => drop(self.opt_out(number).categories.insert(category)),
            Act::Start(number) => self.start(number),
            Act::Doubt(person, doubt) => self.doubt(person, doubt),
            Act::Trust(person) => self.trust(person),
            Act::Erase(person) => self.erase(person),
            Act::Sweep(person) => self.sweep(person),
        }
    }

    fn wait(&mut self, pause: Moment) {
        self.now += SignedDuration::from_millis(pause);
        let oldest = self.now - SignedDuration::from_millis(MEMORY);
        self.rows.retain(|_, row| row.due_at.is_some() || row.message.created_at > oldest);
    }

    fn row(&mut self, id: TextId) -> &mut Row {
        self.rows.get_mut(&id).expect("a row")
    }

    fn publish(&mut self, wish: Wish) {
        let event = event(self.next, wish, self.now.as_millisecond());
        self.admit(self.decide(&event, wish.person, &self.books));
    }

    fn decide(&self, event: &Event, person: Person, books: &Books) -> Message {
        let recipient = self.people[person as usize].as_ref();
        let opt_out = self.opt_outs[person.number() as usize].as_ref();
        gates::decide(event, recipient, opt_out, books, &self.rules, self.now)
    }

    fn admit(&mut self, message: Message) {
        self.books.count(&message, self.now);
        self.is_booked |= message.reserved.is_some();
        self.met.decision(&message);
        self.trail = message.gates.iter().map(|step| (step.gate, step.verdict)).collect();
        self.write(message);
    }

    fn write(&mut self, message: Message) {
        let due_at = message.due_at();
        self.rows.insert(self.next, Row { message, due_at, calls: Vec::new() });
        self.refuse_all_that_is_illegal(self.next);
        self.next += 1;
    }

    /// Makes `change` as the stores do: on condition that the row's status is one of the edge's, and that `attempt` still has it in its hands.
    fn change(&mut self, id: TextId, change: Change, attempt: Option<u32>) -> bool {
        let (from, to) = &self.edges[change as usize];
        let row = self.rows.get_mut(&id).expect("a row");
        let status = row.message.status;
        if !from.contains(&status) || attempt.is_some_and(|attempt| attempt != row.message.attempts) {
            return false;
        }
        assert_eq!(*to, MACHINE.after(status, change), "{status:?} yields to {change:?}");
        assert_eq!(*to, status.after(change), "{change:?} leads to one status only");
        row.enter(to.expect("a status"), self.now);
        row.message.attempts += u32::from(change == Change::Claimed);
        self.met.edge(status, change);
        self.refuse_all_that_is_illegal(id);
        true
    }

    /// Tries every change that the row's status must not yield to.
    fn refuse_all_that_is_illegal(&mut self, id: TextId) {
        let status = self.row(id).message.status;
        for change in CHANGES.into_iter().filter(|change| MACHINE.after(status, *change).is_none()) {
            assert_eq!(status.after(change), None, "{status:?} yields to {change:?}");
            assert!(!self.change(id, change, None), "{status:?} yields to {change:?}");
            self.met.refusal(status, change);
        }
    }

    fn claim(&mut self, id: TextId) {
        if !self.change(id, Change::Claimed, None) {
            return self.settle(id);
        }
        self.row(id).message.lease_until = Some(self.now + LEASE);
    }

    fn call(&mut self, hand: Hand, answer: Answer) {
        let id = hand.text;
        match self.look_again(&self.rows[&id].message) {
            Look::Send if answer.may_have_gone_out() => self.row(id).call(),
            Look::Send => {}
            Look::End(change) => drop(self.change(id, change, Some(hand.attempt))),
            Look::Defer(release) => {
                if self.change(id, Change::Deferred, Some(hand.attempt)) {
                    self.row(id).message.release_at = Some(release);
                }
            }
            Look::Gone => {
                self.change(id, Change::OptedOut, Some(hand.attempt));
                self.settle(id);
                self.strip(id);
            }
        }
    }

    fn look_again(&self, message: &Message) -> Look {
        if self.recipient(message).map_or(message.erased_at.is_some(), |recipient| recipient.was_erased_since(message.created_at)) {
            return Look::Gone;
        }
        let phone = message.phone.as_ref().expect("a number");
        let opt_out = self.opt_outs.iter().flatten().find(|opt_out| opt_out.phone == *phone);
        if opt_out.is_some_and(|opt_out| opt_out.blocks(&message.content, message.message_id).is_some()) {
            return Look::End(Change::OptedOut);
        }
        if gates::unwanted(message, self.recipient(message)).is_some() {
            return Look::End(Change::OptedOut);
        }
        match self.slot(message, phone) {
            _ if message.is_lapsed(self.now) => Look::End(Change::Lapsed),
            Slot::Now | Slot::Never => Look::Send,
            Slot::At(release) => Look::Defer(release),
            Slot::TooLate(_) => Look::End(Change::Lapsed),
        }
    }

    fn recipient(&self, message: &Message) -> Option<&Recipient> {
        self.people.iter().flatten().find(|recipient| Some(&recipient.user_id) == message.user_id.as_ref())
    }

    fn slot(&self, message: &Message, phone: &PhoneNumber) -> Slot {
        let hours = self.rules.quiet_hours.filter(|_| message.class == Class::Promotional);
        match (hours, Place::of(phone, message.time_zone.as_deref())) {
            (Some(hours), Some(place)) => quiet_hours::slot(message.message_id, &place, &hours, message.useful_until, self.now),
            _ => Slot::Now,
        }
    }

    fn note(&mut self, hand: Hand, answer: Answer) {
        let is_its_own = self.change(hand.text, answer.change(), Some(hand.attempt));
        let now = self.now;
        let message = &mut self.row(hand.text).message;
        let is_late_news = !is_its_own && answer == Answer::Accepted && message.erased_at.is_none();
        if is_late_news {
            message.updated_at = now;
        }
        if is_late_news || (is_its_own && answer != Answer::NotAccepted) {
            message.estimated_price = Some(MicroUsd(PART));
        }
        if (is_late_news || is_its_own) && answer == Answer::Accepted {
            message.provider_message_id = Some("as the call said".into());
        }
    }

    fn receive(&mut self, id: TextId, change: Change, tariff: Tariff) {
        let now = self.now;
        let message = &self.row(id).message;
        let is_no_news = change == Change::Handed && message.status == Status::Sent && message.erased_at.is_none();
        if is_no_news || self.change(id, change, None) {
            let message = &mut self.row(id).message;
            message.updated_at = now;
            message.provider_message_id = Some("as the receipt said".into());
            message.price = tariff.price().map(MicroUsd);
        }
        self.settle(id);
    }

    /// Brings into the books what a text has cost, once it is over, as the store's transaction does.
    fn settle(&mut self, id: TextId) {
        if let Some(bill) = budget::bill(&self.row(id).message) {
            self.pay(id, bill);
        }
    }

    fn pay(&mut self, id: TextId, bill: Bill) {
        let row = self.rows.get_mut(&id).expect("a row");
        if bill.uncounted {
            self.books.uncount(&row.message);
        } else {
            let reserved = row.message.reserved.as_ref();
            let month = reserved.map_or_else(|| budget::month(self.now), |reserved| reserved.month.clone());
            let change = MicroUsd(bill.price.0 - reserved.map_or(0, |reserved| reserved.amount.0));
            self.books.count(&only_money(&row.message, change, month), self.now);
        }
        row.message.settled = Some(bill.price);
        if due::is_for_the_books(row.message.status) {
            row.due_at = None;
        }
        self.is_booked = true;
    }

    fn sweep(&mut self, person: Person) {
        let theirs = self.rows.iter().filter(|(_, row)| row.message.user_id == Some(person.user_id()));
        theirs.map(|(id, _)| *id).collect::<Vec<_>>().into_iter().for_each(|id| self.strip(id));
    }

    /// Takes everything personal out of a row, as the store does: when the row is due is written only if that is news.
    fn strip(&mut self, id: TextId) {
        if self.row(id).message.erased_at.is_some() {
            return;
        }
        let due_before = self.row(id).message.due_at();
        let _ = self.change(id, Change::Erased, None) || self.change(id, Change::Abandoned, None);
        let now = self.now;
        let row = self.row(id);
        row.message = row.message.erased(now);
        let due_after = row.message.due_at();
        if due_after != due_before {
            row.due_at = due_after;
        }
        self.settle(id);
    }
}

/// What changes the money of a month, and nothing else: whatever `message` costs, it is counted already.
fn only_money(message: &Message, amount: MicroUsd, month: String) -> Message {
    let reserved = Reserved { amount, resent: MicroUsd(0), month, day: None };
    Message { phone: None, reserved: Some(reserved), ..message.clone() }
}

impl Row {
    fn enter(&mut self, status: Status, now: Timestamp) {
        let message = &mut self.message;
        message.status = status;
        message.updated_at = now;
        message.changes.push(Entered { status, at: now });
        self.due_at = match message.kind() {
            _ if due::stays(status) || (status == Status::Sending && due::stays_while_sending(message.lane)) => self.due_at,
            Kind::PhoneVerification => due::after_with_code(status, now, message.useful_until),
            _ => due::after(status, now),
        };
    }

    /// AWS may have the text from now on.
    fn call(&mut self) {
        let (kind, changes) = (self.message.kind(), &self.message.changes);
        if let Some(last) = self.calls.last() {
            assert!(matches!(kind, Kind::SecurityAlert | Kind::PhoneVerification), "{kind:?} is sent again");
            assert!(changes[*last..].iter().any(|entered| entered.status == Status::Unknown), "{kind:?} is sent again without a doubt");
        }
        self.calls.push(changes.len());
    }
}
