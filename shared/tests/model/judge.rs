//! The reference's gates: which there are, who skips which, and a plain answer to each.

use std::{collections::BTreeMap, sync::LazyLock};

use sms::{
    event::message_id,
    gates::{Gate, Verdict},
    kind::{Category, Kind},
    message::Status,
};

use super::{
    cast::{BATTLE, DAY, HOUR, MINUTE, Moment, Money, Number, PART, Person, TextId, Twist, Wish, category},
    ledger::{self, Place},
    machine::named,
    people::{Consent, Presence},
    reference::Model,
    text::Text,
};

/// The order is a contract.
pub const ORDER: [Gate; 16] = [
    Gate::Schema,
    Gate::Duplicate,
    Gate::Recipient,
    Gate::PhoneVerified,
    Gate::Country,
    Gate::OptOut,
    Gate::Consent,
    Gate::MasterSwitch,
    Gate::Category,
    Gate::Offline,
    Gate::Expiry,
    Gate::Content,
    Gate::QuietHours,
    Gate::UserDailyCap,
    Gate::CarrierHourlyCap,
    Gate::Budget,
];

/// So is who skips what.
const SKIPS: &str = "
    BattleInvitation   Offline
    BattleResult       Offline
    BattleReminder     Offline
    StreakAlert        Offline
    DirectMessage
    AchievementUnlock  Offline
    SecurityAlert      MasterSwitch Category Offline QuietHours UserDailyCap
    PhoneVerification  Recipient PhoneVerified Consent MasterSwitch Category Offline QuietHours UserDailyCap
    Digest             Category Offline
    HelpReply
";

/// Whoever asks has agreed to the answer, at any hour; but nobody is answered without end, nor without money.
const ANSWERED: [Gate; 5] = [Gate::Country, Gate::OptOut, Gate::Content, Gate::CarrierHourlyCap, Gate::Budget];

static SKIPPED: LazyLock<BTreeMap<Kind, Vec<Gate>>> = LazyLock::new(|| SKIPS.lines().filter_map(skipped_by).collect());

fn skipped_by(line: &str) -> Option<(Kind, Vec<Gate>)> {
    let mut words = line.split_whitespace();
    let kind = named(&Kind::ALL, words.next()?);
    Some((kind, words.map(|gate| named(&ORDER, gate)).collect()))
}

/// The kinds that meet gates.
pub fn gated() -> impl Iterator<Item = Kind> {
    SKIPPED.keys().copied()
}

/// The gates of a kind, in their order: an answer to what somebody texted meets few.
pub fn met_by(kind: Kind) -> impl Iterator<Item = Gate> {
    ORDER.into_iter().filter(move |gate| kind != Kind::HelpReply || ANSWERED.contains(gate))
}

pub fn skips(kind: Kind, gate: Gate) -> bool {
    SKIPPED.get(&kind).is_some_and(|gates| gates.contains(&gate))
}

/// A text that somebody asks for.
#[derive(Debug, Clone)]
pub struct Request {
    pub id: TextId,
    pub kind: Kind,
    pub person: Person,
    pub twist: Twist,
    pub categories: Vec<Category>,
    /// None for a code.
    pub words: Option<String>,
    pub parts: i64,
    pub useful_until: Moment,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Decision {
    pub trail: Vec<(Gate, Verdict)>,
    pub status: Status,
    pub release: Option<Moment>,
}

enum Answer {
    Yes,
    No,
    TooLate,
    NotBefore(Moment),
}

/// When a promotional text may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Now,
    At(Moment),
    TooLate,
}

impl Request {
    pub fn of(id: TextId, wish: Wish, now: Moment) -> Self {
        let natural_end = now + life(wish.kind);
        let typed = if wish.twist == Twist::SameWords { "as ever".to_owned() } else { id.to_string() };
        Self {
            id,
            kind: wish.kind,
            person: wish.person,
            twist: wish.twist,
            categories: category(wish.kind).into_iter().collect(),
            words: (wish.kind != Kind::PhoneVerification).then(|| format!("{:?} {typed}", wish.kind)),
            parts: 1,
            useful_until: match wish.twist {
                Twist::Brief => now + 2 * MINUTE,
                Twist::Over => now,
                _ => natural_end,
            },
        }
    }

    /// What a number gets that asks for help, whoever has it.
    pub fn help(id: TextId, number: Number, now: Moment) -> Self {
        Self {
            id,
            kind: Kind::HelpReply,
            person: number.owners().next().expect("an owner"),
            twist: Twist::Plain,
            categories: Vec::new(),
            words: Some("help".to_owned()),
            parts: 2,
            useful_until: now + life(Kind::HelpReply),
        }
    }

    pub fn digest(id: TextId, person: Person, of: &[Text], now: Moment) -> Self {
        let mut categories = of.iter().flat_map(|part| part.categories.clone()).collect::<Vec<_>>();
        categories.sort();
        let end = of.iter().map(|part| part.useful_until).min().expect("a part");
        Self {
            id,
            kind: Kind::Digest,
            person,
            twist: Twist::Plain,
            words: Some(format!("{categories:?}")),
            categories,
            parts: 1,
            useful_until: end.min(now + life(Kind::Digest)),
        }
    }

    pub fn is_promotional(&self) -> bool {
        is_promotional(self.kind)
    }

    pub fn number(&self) -> Number {
        self.person.number()
    }

    pub fn price(&self) -> Money {
        self.parts * PART
    }

    pub fn slot(&self, now: Moment) -> Slot {
        slot(self.id, self.kind, self.number(), self.useful_until, now)
    }

    pub fn goes_at(&self, now: Moment) -> Moment {
        match self.slot(now) {
            Slot::At(release) => release,
            Slot::Now | Slot::TooLate => now,
        }
    }

    /// The day that it counts in: only promotional texts do.
    pub fn day(&self, now: Moment) -> Option<i64> {
        self.is_promotional().then(|| day(self.number(), self.goes_at(now)))
    }

    pub fn place(&self, now: Moment) -> Place {
        Place { person: self.person, day: self.day(now), number: self.number(), goes_at: self.goes_at(now), words: self.words.clone() }
    }

    pub fn decide(&self, model: &Model) -> Decision {
        let mut decision = Decision { trail: Vec::new(), status: Status::Pending, release: None };
        for gate in met_by(self.kind) {
            let verdict = if skips(self.kind, gate) { Verdict::Skip } else { decision.hear(&self.ask(gate, model)) };
            decision.trail.push((gate, verdict));
            if verdict == Verdict::Fail {
                return Decision { release: None, ..decision };
            }
        }
        decision
    }

    fn ask(&self, gate: Gate, model: &Model) -> Answer {
        let standing = &model.people[self.person as usize];
        let number = &model.numbers[self.number() as usize];
        let now = model.now;
        match gate {
            Gate::Schema | Gate::Duplicate => Answer::Yes,
            Gate::Recipient => yes_if(standing.presence == Presence::Here),
            Gate::PhoneVerified => yes_if(standing.is_proven),
            Gate::Country => yes_if(self.number() != Number::Abroad),
            Gate::OptOut => yes_if(number.lets_in(&self.categories)),
            Gate::Consent => yes_if(standing.consent == Consent::Given),
            Gate::MasterSwitch => yes_if(standing.is_on),
            Gate::Category => yes_if(!self.categories.iter().any(|category| standing.off.contains(category))),
            Gate::Offline => yes_if(self.twist != Twist::Online),
            Gate::Expiry if self.useful_until <= now => Answer::TooLate,
            Gate::Expiry => Answer::Yes,
            Gate::Content => yes_if(self.twist != Twist::Astray || self.kind == Kind::PhoneVerification),
            Gate::QuietHours => match self.slot(now) {
                Slot::Now => Answer::Yes,
                Slot::At(release) => Answer::NotBefore(release),
                Slot::TooLate => Answer::TooLate,
            },
            Gate::UserDailyCap => yes_if(self.day(now).is_none_or(|day| model.ledger.day_has_room(&model.limits, self.person, day))),
            Gate::CarrierHourlyCap => yes_if(model.ledger.hour_has_room(&model.limits, &self.place(now))),
            Gate::Budget => yes_if(model.ledger.can_pay(&model.limits, self.is_promotional(), ledger::month(self.goes_at(now)), self.price())),
        }
    }
}

impl Decision {
    fn hear(&mut self, answer: &Answer) -> Verdict {
        match *answer {
            Answer::Yes => return Verdict::Pass,
            Answer::No => self.status = Status::Suppressed,
            Answer::TooLate => self.status = Status::Expired,
            Answer::NotBefore(release) => {
                self.status = Status::Held;
                self.release = Some(release);
                return Verdict::Hold;
            }
        }
        Verdict::Fail
    }
}

fn yes_if(it_is_so: bool) -> Answer {
    if it_is_so { Answer::Yes } else { Answer::No }
}

pub fn is_promotional(kind: Kind) -> bool {
    category(kind).is_some() || kind == Kind::Digest
}

/// The day since 1970 that it is at `number`.
pub fn day(number: Number, moment: Moment) -> i64 {
    (moment + number.offset()).div_euclid(DAY)
}

/// From eight to nine o'clock in the evening at once, else at eight or within the first twenty minutes after it, and two minutes before its end.
pub fn slot(id: TextId, kind: Kind, number: Number, useful_until: Moment, now: Moment) -> Slot {
    let opening = day(number, now) * DAY + 8 * HOUR - number.offset();
    let opening = if now < opening + 13 * HOUR { opening } else { opening + DAY };
    if !is_promotional(kind) || opening <= now {
        return Slot::Now;
    }
    if useful_until <= opening {
        return Slot::TooLate;
    }
    let room = (20 * MINUTE).min(useful_until - opening - 2 * MINUTE).max(1);
    Slot::At(opening + i64::try_from(seed(id) % room.unsigned_abs()).expect("a few minutes"))
}

/// The second half of the name that the system gives the text: it spreads the texts of a morning.
fn seed(id: TextId) -> u64 {
    message_id("model", &id.to_string()).as_u64_pair().1
}

/// How long a kind is of use by itself.
fn life(kind: Kind) -> Moment {
    match kind {
        Kind::BattleReminder => BATTLE,
        Kind::PhoneVerification => 10 * MINUTE,
        Kind::StreakAlert => 12 * HOUR,
        Kind::HelpReply => HOUR,
        _ => DAY,
    }
}
