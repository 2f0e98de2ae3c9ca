//! The reference: what the system is meant to do with people, texts and money, in plain Rust and whole milliseconds.

use sms::{
    gates::{Gate, Verdict},
    kind::Kind,
    message::{Change, Status},
};

use super::{
    acts::{Act, Answer, Doubt, Hand, Tariff},
    cast::{HOUR, Limits, MINUTE, Moment, Money, Number, PART, Person, TextId},
    judge::{Decision, Request, Slot},
    ledger::{Ledger, Line, month},
    people::{Door, Presence, Standing},
    text::{LEASE, Text},
};

/// What nobody looks at any more is forgotten after this.
pub const MEMORY: Moment = 6 * HOUR;

#[derive(Debug, Clone)]
pub struct Model {
    pub limits: Limits,
    pub now: Moment,
    pub people: Vec<Standing>,
    pub numbers: Vec<Door>,
    pub texts: Vec<Text>,
    /// What the gates said of the latest text.
    pub trail: Vec<(Gate, Verdict)>,
    pub hands: Vec<(Hand, Doing)>,
    pub ledger: Ledger,
    next: TextId,
}

/// What a sender is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is alone with its text.
    Claimed,
    /// It called, and has not written down the answer.
    Heard(Answer),
    /// It has written down an end, and has not come to the books.
    Ended,
}

impl Model {
    pub fn new(limits: Limits, now: Moment) -> Self {
        let people = Person::ALL.map(|person| if person == Person::Nemo { Standing::unheard() } else { Standing::here() }).into();
        let numbers = Number::ALL.map(|_| Door::default()).into();
        let (texts, trail, hands, ledger) = (Vec::new(), Vec::new(), Vec::new(), Ledger::default());
        Self { limits, now, people, numbers, texts, trail, hands, ledger, next: 0 }
    }

    pub fn act(&mut self, act: Act) {
        match act {
            Act::Wait(pause) => self.wait(pause),
            Act::Publish(wish) => self.ask(&Request::of(self.next, wish, self.now)),
            Act::Claim(id) => self.claim(id),
            Act::Call(hand, answer) => self.call(hand, answer),
            Act::Note(hand, answer) => self.note(hand, answer),
            Act::Book(hand) => self.come_to_the_books(hand),
            Act::Die(hand) => self.let_go(hand),
            Act::Receive(id, change, tariff) => self.receive(id, change, tariff),
            Act::Reconcile => self.reconcile(),
            Act::Merge(person) => self.merge(person),
            Act::Help(number) => self.ask(&Request::help(self.next, number, self.now)),
            Act::Stop(number) => self.stop(number),
            Act::StopCategory(number, category) => self.numbers[number as usize].out_of.push(category),
            Act::Start(number) => self.start(number),
            Act::Doubt(person, doubt) => self.people[person as usize].doubt(doubt),
            Act::Trust(person) => self.people[person as usize].trust(),
            Act::Erase(person) => self.people[person as usize].erase(self.now),
            Act::Sweep(person) => self.sweep(person),
        }
    }

    fn wait(&mut self, pause: Moment) {
        self.now += pause;
        let now = self.now;
        self.texts.retain(|text| text.look_at.is_some() || text.born > now - MEMORY);
        self.ledger.turn_the_page(now);
        // A sender outlives its lease only to write down what it heard.
        let lease = |hand: &Hand| self.texts.iter().find(|text| text.id == hand.text).map(|text| text.lease);
        self.hands.retain(|(hand, doing)| lease(hand).is_some_and(|lease| *doing != Doing::Claimed || now < lease));
    }

    fn text(&mut self, id: TextId) -> &mut Text {
        self.texts.iter_mut().find(|text| text.id == id).expect("a text")
    }

    fn ask(&mut self, request: &Request) {
        let decision = request.decide(self);
        self.admit(request, decision);
    }

    fn admit(&mut self, request: &Request, decision: Decision) {
        let text = self.born(request, &decision);
        if text.reserved.is_some() {
            self.ledger.0.push(self.line(request));
        }
        self.trail = decision.trail;
        self.write(text);
    }

    fn born(&self, request: &Request, decision: &Decision) -> Text {
        let is_admitted = matches!(decision.status, Status::Pending | Status::Held);
        let meets_person = !matches!(request.kind, Kind::PhoneVerification | Kind::HelpReply);
        let is_nobodys = meets_person && self.people[request.person as usize].presence == Presence::Erased;
        let text = Text::new(request.id, request.kind, request.number(), request.useful_until, self.now);
        Text {
            owner: Some(request.person).filter(|_| !is_nobodys && request.kind != Kind::HelpReply),
            categories: request.categories.clone(),
            parts: request.parts,
            status: decision.status,
            look_at: decision.release.map(|release| release.min(request.useful_until)).or(text.look_at).filter(|_| is_admitted),
            release: decision.release,
            reserved: is_admitted.then(|| request.price()),
            is_erased: is_nobodys,
            ..text
        }
    }

    fn line(&self, request: &Request) -> Line {
        let place = request.place(self.now);
        let (month, place) = (month(place.goes_at), Some(place));
        Line { id: request.id, promotional: request.is_promotional(), month, amount: request.price(), unforeseen: 0, place }
    }

    fn write(&mut self, text: Text) {
        self.texts.push(text);
        self.next += 1;
    }

    fn claim(&mut self, id: TextId) {
        let now = self.now;
        let text = self.text(id);
        if !text.change(Change::Claimed, now) {
            return self.settle(id);
        }
        text.attempts += 1;
        text.lease = now + LEASE;
        let hand = Hand { text: id, attempt: text.attempts };
        self.hands.push((hand, Doing::Claimed));
    }

    fn let_go(&mut self, hand: Hand) {
        self.hands.retain(|(other, _)| *other != hand);
    }

    fn go_on(&mut self, hand: Hand, doing: Doing) {
        self.let_go(hand);
        self.hands.push((hand, doing));
    }

    fn call(&mut self, hand: Hand, answer: Answer) {
        let now = self.now;
        let text = self.text(hand.text).clone();
        let Some(change) = self.second_thought(&text) else {
            self.text(hand.text).is_taken |= answer.is_taken();
            return self.go_on(hand, Doing::Heard(answer));
        };
        self.go_on(hand, Doing::Ended);
        if self.text(hand.text).change(change, now)
            && let Slot::At(release) = text.slot(now)
        {
            self.text(hand.text).release = Some(release);
        }
        if self.is_gone(&text) {
            self.settle(hand.text);
            self.strip(hand.text);
        }
    }

    /// Why a claimed text is not sent after all.
    fn second_thought(&self, text: &Text) -> Option<Change> {
        match text.slot(self.now) {
            _ if self.is_gone(text) || self.is_unwelcome(text) || self.is_unwanted(text) => Some(Change::OptedOut),
            _ if text.is_useless(self.now) => Some(Change::Lapsed),
            Slot::Now => None,
            Slot::At(_) => Some(Change::Deferred),
            Slot::TooLate => Some(Change::Lapsed),
        }
    }

    fn is_gone(&self, text: &Text) -> bool {
        let erased_since = |person: Person| self.people[person as usize].erased_at.is_some_and(|at| text.born <= at);
        text.owner.map_or(text.is_erased, erased_since)
    }

    fn is_unwelcome(&self, text: &Text) -> bool {
        let door = &self.numbers[text.number as usize];
        let passes = text.kind == Kind::OptOutConfirmation && door.confirmation == Some(text.id);
        !passes && !door.lets_in(&text.categories)
    }

    /// Whether the person behind it does not want it any more. An alert has no switch, and what they asked for they want.
    fn is_unwanted(&self, text: &Text) -> bool {
        let Some(person) = text.owner.map(|person| &self.people[person as usize]) else { return false };
        match text.kind {
            Kind::PhoneVerification | Kind::OptInConfirmation | Kind::OptOutConfirmation | Kind::HelpReply => false,
            Kind::SecurityAlert => !person.is_reachable(),
            _ => !person.wants(None) || text.categories.iter().any(|category| !person.wants(Some(*category))),
        }
    }

    fn note(&mut self, hand: Hand, answer: Answer) {
        self.let_go(hand);
        let now = self.now;
        let text = self.text(hand.text);
        let is_its_own = text.attempts == hand.attempt && text.change(answer.change(), now);
        // That AWS has it is worth writing down at any time.
        let is_late_news = !is_its_own && answer == Answer::Accepted && !text.is_erased;
        if is_late_news {
            text.since = now;
        }
        if is_late_news || (is_its_own && answer != Answer::NotAccepted) {
            text.estimate = Some(text.parts * PART);
            text.is_named |= answer == Answer::Accepted;
        }
        if is_its_own && answer != Answer::Accepted {
            self.hands.push((hand, Doing::Ended));
        }
    }

    fn come_to_the_books(&mut self, hand: Hand) {
        self.let_go(hand);
        self.settle(hand.text);
    }

    fn receive(&mut self, id: TextId, change: Change, tariff: Tariff) {
        let now = self.now;
        let text = self.text(id);
        let is_no_news = change == Change::Handed && text.status == Status::Sent && !text.is_erased;
        if is_no_news || text.change(change, now) {
            text.since = now;
            text.is_named = true;
            text.price = tariff.price();
        }
        self.settle(id);
    }

    /// Writes down what a text has cost, once it is over.
    fn settle(&mut self, id: TextId) {
        let text = self.text(id);
        if let Some(cost) = text.cost().filter(|_| text.settled.is_none()) {
            self.pay(id, cost);
        }
    }

    fn pay(&mut self, id: TextId, cost: Money) {
        let text = self.text(id);
        text.settled = Some(cost);
        if text.is_for_the_books() {
            text.look_at = None;
        }
        let text = text.clone();
        self.book(&text, cost);
    }

    fn book(&mut self, text: &Text, cost: Money) {
        let Some(reserved) = text.reserved else {
            let line = Line { id: text.id, promotional: false, month: month(self.now), amount: cost, unforeseen: cost, place: None };
            return self.ledger.0.push(line);
        };
        // What has no person any more can only give back its money.
        if !text.is_for_nothing() || text.is_erased {
            self.ledger.correct(text.id, cost, (cost - reserved).max(0));
        } else {
            self.ledger.strike_out(text.id);
        }
    }

    fn reconcile(&mut self) {
        let due = self.texts.iter().filter(|text| text.look_at.is_some_and(|at| at <= self.now));
        due.map(|text| text.id).collect::<Vec<_>>().into_iter().for_each(|id| self.look_at(id));
    }

    fn look_at(&mut self, id: TextId) {
        let now = self.now;
        let text = self.text(id).clone();
        match text.status {
            Status::Pending | Status::Held if text.is_useless(now) => self.make(id, Change::Lapsed),
            Status::Pending => self.look_again(id, Some(now + (now - text.since).clamp(3 * MINUTE, HOUR))),
            Status::Sending if text.lease > now => self.look_again(id, Some(text.lease)),
            Status::Sending => {
                self.make(id, Change::Abandoned);
                self.look_at(id);
            }
            Status::Unknown if text.is_useless(now) || !text.is_sent_again() => self.rest(&text),
            Status::Unknown if text.doubted_until() > now => self.look_again(id, Some(text.doubted_until())),
            Status::Unknown => self.retry(&text),
            Status::Held if text.release.is_some_and(|release| release > now) => self.look_again(id, text.release),
            Status::Held if self.is_unwanted(&text) => self.make(id, Change::OptedOut),
            Status::Held if !self.rebook(&text) => self.make(id, Change::CrowdedOut),
            Status::Held => self.make(id, Change::Due),
            Status::Suppressed | Status::Expired => {
                self.settle(id);
                self.look_again(id, None);
            }
            Status::Sent | Status::Delivered | Status::Undelivered => self.rest(&text),
            Status::Failed | Status::Merged => unreachable!("nobody looks at {text:?}"),
        }
    }

    /// Leaves a text alone for as long as something may still come of it, and for good then: what it may have cost, it has.
    fn rest(&mut self, text: &Text) {
        let until = text.rests_until(self.now);
        self.look_again(text.id, until);
        if until.is_none() && text.is_out() && text.settled.is_none() {
            self.pay(text.id, text.cost_of_all_tries());
        }
    }

    /// Lets a text go once more, if there is money for both times; if not, somebody asks for it again an hour later.
    fn retry(&mut self, text: &Text) {
        let now = self.now;
        let can_pay = self.ledger.line(text.id).is_some_and(|line| self.ledger.can_pay(&self.limits, false, line.month, PART));
        if !can_pay {
            self.text(text.id).since = now;
            return self.look_again(text.id, Some((now + HOUR).min(text.useful_until)));
        }
        self.make(text.id, Change::Retried);
        let text = self.text(text.id);
        text.resent += PART;
        text.reserved = text.reserved.map(|reserved| reserved + PART);
        let (id, reserved) = (text.id, text.reserved.expect("a reservation"));
        self.ledger.correct(id, reserved, 0);
    }

    /// Lets a held text count where it goes if it is let go now, if there is room for it.
    fn rebook(&mut self, text: &Text) -> bool {
        let at = text.release.unwrap_or(self.now).max(self.now);
        self.text(text.id).release = Some(at);
        self.ledger.move_to(text.id, at, &self.limits)
    }

    fn look_again(&mut self, id: TextId, at: Option<Moment>) {
        self.text(id).look_at = at;
    }

    fn make(&mut self, id: TextId, change: Change) {
        let now = self.now;
        self.text(id).change(change, now);
        self.settle(id);
    }

    /// Makes one text of all that wait for this morning with one that is let go now, if all gates let it go in their place.
    fn merge(&mut self, person: Person) {
        let mut parts = self.texts.iter().filter(|text| text.owner == Some(person) && self.can_be_merged(text)).cloned().collect::<Vec<_>>();
        if parts.iter().all(|part| part.release > Some(self.now)) {
            return;
        }
        parts.retain(|part| self.rebook(part));
        if parts.len() < 2 {
            return;
        }
        let request = Request::digest(self.next, person, &parts, self.now);
        let before = self.ledger.clone();
        let (month, day) = (month(self.now), request.day(self.now));
        let are_together = parts.iter().all(|part| self.ledger.line(part.id).is_some_and(|line| line.is_of(month, day)));
        for part in &parts {
            self.ledger.strike_out(part.id);
        }
        let decision = request.decide(self);
        if decision.status != Status::Pending || !are_together {
            self.ledger = before;
            return;
        }
        for part in parts {
            self.make(part.id, Change::Merged);
            self.text(part.id).settled = Some(0);
        }
        self.admit(&request, decision);
    }

    fn can_be_merged(&self, text: &Text) -> bool {
        text.status == Status::Held
            && text.kind != Kind::Digest
            && text.release.is_some_and(|release| release <= self.now + 20 * MINUTE)
            && text.useful_until >= self.now + HOUR
            && !self.is_unwanted(text)
            && !self.is_unwelcome(text)
    }

    /// One confirmation goes out, but to who is out already.
    fn stop(&mut self, number: Number) {
        number.owners().for_each(|person| self.people[person as usize].doubt(Doubt::Consent));
        let door = &mut self.numbers[number as usize];
        if !door.is_out {
            door.is_out = true;
            door.confirmation = Some(self.next);
            self.write(Text::new(self.next, Kind::OptOutConfirmation, number, self.now + 5 * MINUTE, self.now));
        }
    }

    fn start(&mut self, number: Number) {
        self.numbers[number as usize] = Door::default();
        number.owners().for_each(|person| self.people[person as usize].start());
    }

    fn sweep(&mut self, person: Person) {
        let theirs = self.texts.iter().filter(|text| text.owner == Some(person));
        theirs.map(|text| text.id).collect::<Vec<_>>().into_iter().for_each(|id| self.strip(id));
    }

    /// Takes everything personal out of a text: what waits will not go, what a sender has may have gone.
    fn strip(&mut self, id: TextId) {
        let now = self.now;
        let text = self.text(id);
        if text.is_erased {
            return;
        }
        let changes = text.change(Change::Erased, now) || text.change(Change::Abandoned, now);
        // When a row is due is written only if that is news.
        if !changes && !text.has_outlived_code() && text.since < now {
            text.touch(now);
        }
        if text.is_for_the_books() && !text.has_to_give_back() {
            text.look_at = None;
        }
        (text.is_erased, text.owner, text.release) = (true, None, None);
        self.settle(id);
    }
}
