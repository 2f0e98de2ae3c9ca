//! What can happen, and who makes it happen.

use std::{iter::repeat_n, sync::LazyLock};

use proptest::{prelude::*, sample::select, strategy::Union};
use proptest_state_machine::ReferenceStateMachine;
use sms::{
    kind::Category,
    message::{Change, Status},
};

use super::{
    cast::{EVENING, HOUR, Limits, MORNING, Moment, Money, NEW_YEARS_EVE, Number, PUBLISHED, Person, SECOND, TextId, Twist, Wish},
    people::Presence,
    reference::{Doing, Model},
    text::Text,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Time passes.
    Wait(Moment),
    /// The main app asks for a text.
    Publish(Wish),
    /// A sender takes a job, of which there may be too many.
    Claim(TextId),
    /// A sender looks at its text once more, and calls AWS, which answers this.
    Call(Hand, Answer),
    /// A sender writes down what AWS answered; maybe long after its lease.
    Note(Hand, Answer),
    /// A sender that has ended a text comes to the books.
    Book(Hand),
    /// A sender dies, wherever it was.
    Die(Hand),
    /// A receipt comes: early, late or once more.
    Receive(TextId, Change, Tariff),
    /// The reconciler looks at all that is due.
    Reconcile,
    /// The reconciler makes one text of all that waits for somebody's morning.
    Merge(Person),
    /// Somebody texts STOP.
    Stop(Number),
    /// Somebody texts STOP and a category.
    StopCategory(Number, Category),
    /// Somebody texts HELP.
    Help(Number),
    /// Somebody texts START.
    Start(Number),
    /// Somebody takes something back.
    Doubt(Person, Doubt),
    /// Somebody has everything on again, or is back.
    Trust(Person),
    /// Somebody is erased: their row is.
    Erase(Person),
    /// Somebody is erased: their texts are.
    Sweep(Person),
}

/// A sender with a text, by the text's attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hand {
    pub text: TextId,
    pub attempt: u32,
}

/// What a sender hears of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused,
    NotAccepted,
    /// Nothing, though AWS took the text.
    Lost,
    /// Nothing, and AWS has nothing.
    Silence,
}

/// What a receipt says of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tariff {
    Unsaid,
    Less,
    More,
}

/// What a person can take back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    Master,
    Switch(Category),
    Proof,
    Consent,
    /// They have consented with another number.
    Moved,
}

impl Answer {
    pub fn change(self) -> Change {
        match self {
            Self::Accepted => Change::Accepted,
            Self::Refused => Change::Refused,
            Self::NotAccepted => Change::Released,
            Self::Lost | Self::Silence => Change::Unanswered,
        }
    }

    /// Whether a phone may hear of it, as far as the sender knows.
    pub fn may_have_gone_out(self) -> bool {
        !matches!(self, Self::Refused | Self::NotAccepted)
    }

    /// Whether AWS has the text.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Lost)
    }
}

impl Tariff {
    const ALL: [Self; 3] = [Self::Unsaid, Self::Less, Self::More];

    pub fn price(self) -> Option<Money> {
        match self {
            Self::Unsaid => None,
            Self::Less => Some(700),
            Self::More => Some(2600),
        }
    }
}

/// Those whose turn may be next.
#[derive(Debug, Clone, Copy)]
pub enum Actor {
    Clock,
    MainApp,
    Queue,
    Sender,
    Aws,
    Reconciler,
    Doubter,
    Truster,
}

impl Actor {
    /// How often it is whose turn: senders are quick, and AWS has much to say.
    pub const TURNS: [(u32, Self); 8] = [
        (2, Self::Clock),
        (2, Self::MainApp),
        (2, Self::Queue),
        (7, Self::Sender),
        (3, Self::Aws),
        (2, Self::Reconciler),
        (1, Self::Doubter),
        (2, Self::Truster),
    ];

    /// Who does it.
    fn of(act: &Act) -> Self {
        match act {
            Act::Wait(_) => Self::Clock,
            Act::Publish(_) => Self::MainApp,
            Act::Claim(_) => Self::Queue,
            Act::Call(..) | Act::Note(..) | Act::Book(_) | Act::Die(_) => Self::Sender,
            Act::Receive(..) => Self::Aws,
            Act::Reconcile | Act::Merge(_) | Act::Sweep(_) => Self::Reconciler,
            Act::Help(_) | Act::Stop(_) | Act::StopCategory(..) | Act::Doubt(..) | Act::Erase(_) => Self::Doubter,
            Act::Start(_) | Act::Trust(_) => Self::Truster,
        }
    }

    /// All that they may do now.
    pub fn acts(self, model: &Model) -> Vec<Act> {
        match self {
            Self::Clock => PAUSES.to_vec(),
            Self::MainApp => WISHES.to_vec(),
            Self::Queue => jobs(model),
            Self::Sender => model.hands.iter().flat_map(|(hand, doing)| handiwork(*hand, *doing)).collect(),
            Self::Aws => receipts(model),
            Self::Reconciler => reconciliations(model),
            Self::Doubter => Person::LIVELY.into_iter().flat_map(doubts).collect(),
            Self::Truster => trusts(model),
        }
    }
}

/// Mostly short ones: much happens within a minute.
static PAUSES: LazyLock<Vec<Act>> = LazyLock::new(|| {
    let short = [1, 2, 5, 10, 20, 30, 60, 120, 180, 900].repeat(4);
    short.into_iter().map(|seconds| seconds * SECOND).chain([HOUR, 3 * HOUR, 9 * HOUR, 9 * HOUR, 30 * HOUR]).map(Act::Wait).collect()
});

static WISHES: LazyLock<Vec<Act>> = LazyLock::new(|| wishes().map(Act::Publish).collect());

/// Most of them such that a text may come of them.
fn wishes() -> impl Iterator<Item = Wish> {
    let with = |person, twists: &'static [Twist]| {
        PUBLISHED.into_iter().flat_map(move |kind| twists.iter().map(move |twist| Wish { person, kind, twist: *twist }))
    };
    let good = Person::LIVELY.into_iter().flat_map(move |person| with(person, &[Twist::Plain, Twist::SameWords, Twist::Brief]));
    let hopeless = with(Person::Ada, &[Twist::Over, Twist::Online, Twist::Astray]);
    good.chain(hopeless).chain(with(Person::Zoe, &[Twist::Plain])).chain(with(Person::Nemo, &[Twist::Plain]))
}

/// A text that waits has a job; one that is under way may have one too many; and the job of a sender that died comes again.
fn jobs(model: &Model) -> Vec<Act> {
    model.texts.iter().filter(|text| text.has_job()).map(|text| Act::Claim(text.id)).collect()
}

/// AWS takes most, and does not always say so.
const ANSWERS: [Answer; 8] =
    [Answer::Accepted, Answer::Accepted, Answer::Accepted, Answer::Lost, Answer::Lost, Answer::Silence, Answer::NotAccepted, Answer::Refused];

fn handiwork(hand: Hand, doing: Doing) -> Vec<Act> {
    let work = match doing {
        Doing::Claimed => ANSWERS.map(|answer| Act::Call(hand, answer)).to_vec(),
        Doing::Heard(answer) => vec![Act::Note(hand, answer); 3],
        Doing::Ended => vec![Act::Book(hand); 3],
    };
    work.into_iter().chain([Act::Die(hand)]).collect()
}

/// Of anything that AWS has, over or not; above all of what is about to be sent again, since that is rare.
fn receipts(model: &Model) -> Vec<Act> {
    let last = |id| [Change::Arrived, Change::Lost].into_iter().flat_map(move |change| Tariff::ALL.map(|tariff| Act::Receive(id, change, tariff)));
    let of = |id| last(id).chain([Act::Receive(id, Change::Handed, Tariff::Unsaid); 3]);
    let weight = |text: &Text| if text.status == Status::Pending { 50 } else { 1 };
    let taken = model.texts.iter().filter(|text| text.is_taken);
    taken.flat_map(|text| repeat_n(text.id, weight(text))).flat_map(of).collect()
}

fn reconciliations(model: &Model) -> Vec<Act> {
    let waits = |person| model.texts.iter().filter(|text| text.owner == Some(person) && text.status == Status::Held).count() > 1;
    let merges = Person::LIVELY.into_iter().filter(|person| waits(*person)).map(Act::Merge);
    let erased = Person::LIVELY.into_iter().filter(|person| model.people[*person as usize].presence == Presence::Erased);
    merges.chain(erased.map(Act::Sweep)).chain([Act::Reconcile]).collect()
}

fn doubts(person: Person) -> Vec<Act> {
    let number = person.number();
    let said = [
        Doubt::Master,
        Doubt::Switch(Category::BattleInvitations),
        Doubt::Switch(Category::StreakAlerts),
        Doubt::Proof,
        Doubt::Consent,
        Doubt::Moved,
    ];
    let texted = [Act::Help(number), Act::Stop(number), Act::StopCategory(number, Category::DirectMessages), Act::Erase(person)];
    said.map(|doubt| Act::Doubt(person, doubt)).into_iter().chain(texted).collect()
}

fn trusts(model: &Model) -> Vec<Act> {
    let number = |number: &Number| model.numbers[*number as usize].is_open();
    let starts = Number::ALL.into_iter().filter(|it| !number(it)).map(Act::Start);
    let doubtful = Person::LIVELY.into_iter().filter(|person| !model.people[*person as usize].is_all_on());
    starts.chain(doubtful.map(Act::Trust)).collect()
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        (select(vec![Limits::THRIFTY, Limits::SPARING]), select(vec![MORNING, EVENING, NEW_YEARS_EVE]))
            .prop_map(|(limits, now)| Self::new(limits, now))
            .boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Act> {
        let turns = Actor::TURNS.map(|(turns, actor)| (turns, actor.acts(model))).into_iter().filter(|(_, acts)| !acts.is_empty());
        Union::new_weighted(turns.map(|(turns, acts)| (turns, select(acts))).collect()).boxed()
    }

    fn apply(mut model: Self, act: &Act) -> Self {
        model.act(*act);
        model
    }

    fn preconditions(model: &Self, act: &Act) -> bool {
        Actor::of(act).acts(model).contains(act)
    }
}
