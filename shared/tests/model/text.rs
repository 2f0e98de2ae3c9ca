//! A text of the reference: where it stands, and when somebody looks at it next.

use sms::{
    kind::{Category, Kind},
    message::{Change, Status},
};

use super::{
    cast::{HOUR, MINUTE, Moment, Money, Number, Person, SECOND, TextId},
    judge::{Slot, slot},
    machine::MACHINE,
};

/// How long a sender is alone with a text.
pub const LEASE: Moment = MINUTE;
/// How long a receipt is waited for before a text in doubt is sent again, for the first time.
pub const PATIENCE: Moment = 2 * MINUTE;
/// After this AWS has nothing more to say.
const LAST_RECEIPT: Moment = 73 * HOUR;
/// What is of use for less is not sent.
const SHORTEST_LIFE: Moment = 5 * SECOND;

#[derive(Debug, Clone)]
pub struct Text {
    pub id: TextId,
    pub kind: Kind,
    /// None once they are erased, and for what names nobody.
    pub owner: Option<Person>,
    pub number: Number,
    pub categories: Vec<Category>,
    pub parts: i64,
    pub born: Moment,
    pub useful_until: Moment,
    pub status: Status,
    /// Since when it has its status.
    pub entered: Moment,
    /// Since when nothing was written down about it.
    pub since: Moment,
    /// When somebody looks at it next.
    pub look_at: Option<Moment>,
    /// While it is held: until when.
    pub release: Option<Moment>,
    pub attempts: u32,
    pub lease: Moment,
    pub doubts: u32,
    pub last_doubt: Moment,
    /// Whether AWS has it, once or more often.
    pub is_taken: bool,
    /// Whether we know AWS's name for it.
    pub is_named: bool,
    pub is_erased: bool,
    pub reserved: Option<Money>,
    /// What of it is for the times before the last that AWS may have got it.
    pub resent: Money,
    /// What its sender thought it would cost.
    pub estimate: Option<Money>,
    /// What its receipt said.
    pub price: Option<Money>,
    pub settled: Option<Money>,
}

impl Text {
    pub fn new(id: TextId, kind: Kind, number: Number, useful_until: Moment, now: Moment) -> Self {
        Self {
            id,
            kind,
            owner: None,
            number,
            categories: Vec::new(),
            parts: 1,
            born: now,
            useful_until,
            status: Status::Pending,
            entered: now,
            since: now,
            look_at: Some(now + 3 * MINUTE),
            release: None,
            attempts: 0,
            lease: 0,
            doubts: 0,
            last_doubt: now,
            is_taken: false,
            is_named: false,
            is_erased: false,
            reserved: None,
            resent: 0,
            estimate: None,
            price: None,
            settled: None,
        }
    }

    /// Lets `change` happen, if it can.
    pub fn change(&mut self, change: Change, now: Moment) -> bool {
        let Some(to) = MACHINE.after(self.status, change) else { return false };
        self.enter(to, now);
        self.entered = now;
        if to == Status::Unknown {
            self.doubts += 1;
            self.last_doubt = now;
        }
        true
    }

    pub fn enter(&mut self, status: Status, now: Moment) {
        self.status = status;
        // Whoever looks too early puts it off.
        let stays = status == Status::Sent || (status == Status::Sending && self.may_wait());
        let before = self.look_at;
        self.touch(now);
        if stays {
            self.look_at = before;
        }
    }

    /// Sets when somebody has to look at it as if it took its status at `now`.
    pub fn touch(&mut self, now: Moment) {
        self.since = now;
        self.look_at = match self.status {
            _ if self.has_outlived_code() => Some(self.useful_until),
            Status::Pending => Some(now + 3 * MINUTE),
            Status::Sending => Some(now + LEASE),
            Status::Unknown => Some(now + 30 * SECOND),
            Status::Sent => Some(now + LAST_RECEIPT),
            Status::Held => Some(now),
            Status::Suppressed | Status::Expired => Some(now + 5 * MINUTE),
            Status::Delivered | Status::Undelivered | Status::Failed | Status::Merged => None,
        };
    }

    /// Whether it is sent in the bulk lane.
    fn may_wait(&self) -> bool {
        use Kind::{HelpReply, OptInConfirmation, OptOutConfirmation, PhoneVerification, SecurityAlert};
        !matches!(self.kind, SecurityAlert | PhoneVerification | HelpReply | OptInConfirmation | OptOutConfirmation)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Sending | Status::Sent | Status::Unknown | Status::Held)
    }

    /// AWS has it, or may have it, and may still say what becomes of it.
    pub fn is_out(&self) -> bool {
        matches!(self.status, Status::Sent | Status::Unknown)
    }

    pub fn is_useless(&self, now: Moment) -> bool {
        self.useful_until < now + SHORTEST_LIFE
    }

    pub fn slot(&self, now: Moment) -> Slot {
        slot(self.id, self.kind, self.number, self.useful_until, now)
    }

    /// Only alerts and codes, if nothing says that AWS has them.
    pub fn is_sent_again(&self) -> bool {
        matches!(self.kind, Kind::SecurityAlert | Kind::PhoneVerification) && !self.is_erased && !self.is_named
    }

    /// Two minutes after AWS may have got it, then four, then eight…
    pub fn doubted_until(&self) -> Moment {
        self.last_doubt.min(self.lease) + (PATIENCE << (self.doubts - 1).min(10))
    }

    /// A job waits for it: it is to be sent, or a sender that ended it died before it came to the books.
    pub fn has_job(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Sending) || (self.status == Status::Failed && self.has_to_give_back())
    }

    pub fn is_for_the_books(&self) -> bool {
        matches!(self.status, Status::Suppressed | Status::Expired)
    }

    pub fn has_to_give_back(&self) -> bool {
        self.reserved.is_some() && self.settled.is_none()
    }

    /// What it has cost, if it is over: what did not go out may have done so when it was tried before.
    pub fn cost(&self) -> Option<Money> {
        match self.status {
            Status::Delivered | Status::Undelivered => Some(self.cost_of_all_tries()),
            Status::Failed | Status::Suppressed | Status::Expired => self.reserved.and(Some(self.resent)),
            _ => None,
        }
    }

    pub fn cost_of_all_tries(&self) -> Money {
        self.price.map(|price| price + self.resent).or(self.reserved).or(self.estimate).unwrap_or(0)
    }

    /// Whether nobody can have got it.
    pub fn is_for_nothing(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Suppressed | Status::Expired) && self.resent == 0
    }

    pub fn has_outlived_code(&self) -> bool {
        self.kind == Kind::PhoneVerification && matches!(self.status, Status::Sent | Status::Delivered | Status::Undelivered)
    }

    /// Until when somebody has to wait, though nothing is to be done with it: until its code may not be given any more, and AWS has nothing more to say.
    pub fn rests_until(&self, now: Moment) -> Option<Moment> {
        let has_code = self.kind == Kind::PhoneVerification && !self.is_erased && (self.status != Status::Unknown || self.is_useless(now));
        let ends = [has_code.then_some(self.useful_until), self.is_out().then_some(self.entered + LAST_RECEIPT)];
        ends.into_iter().flatten().find(|end| *end > now)
    }
}
