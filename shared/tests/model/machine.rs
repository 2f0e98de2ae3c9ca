//! The state machine as people tell it: one line a change, what it leads out of and where it leads to. Nothing here comes from the code that it is held against.

use std::sync::LazyLock;

use sms::message::{Change, Status};

pub static MACHINE: LazyLock<Machine> = LazyLock::new(|| Machine::read(TOLD));

const TOLD: &str = "
    Claimed     Pending                       -> Sending
    Released    Sending                       -> Pending
    Accepted    Sending                       -> Sent
    Refused     Sending                       -> Failed
    Unanswered  Sending                       -> Unknown
    OptedOut    Sending Held                  -> Suppressed
    Lapsed      Pending Sending Held          -> Expired
    Deferred    Sending                       -> Held
    Handed      Pending Sending Unknown       -> Sent
    Arrived     Pending Sending Unknown Sent  -> Delivered
    Lost        Pending Sending Unknown Sent  -> Undelivered
    Abandoned   Sending                       -> Unknown
    Retried     Unknown                       -> Pending
    Due         Held                          -> Pending
    Merged      Held                          -> Merged
    CrowdedOut  Held                          -> Suppressed
    Erased      Pending Held                  -> Suppressed
";

pub const CHANGES: [Change; 17] = [
    Change::Claimed,
    Change::Released,
    Change::Accepted,
    Change::Refused,
    Change::Unanswered,
    Change::OptedOut,
    Change::Lapsed,
    Change::Deferred,
    Change::Handed,
    Change::Arrived,
    Change::Lost,
    Change::Abandoned,
    Change::Retried,
    Change::Due,
    Change::Merged,
    Change::CrowdedOut,
    Change::Erased,
];

/// Where each change leads from each status, if anywhere.
pub struct Machine([[Option<Status>; CHANGES.len()]; Status::ALL.len()]);

impl Machine {
    fn read(told: &str) -> Self {
        let mut machine = Self([[None; CHANGES.len()]; Status::ALL.len()]);
        for line in told.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (from, to) = line.split_once("->").expect("an arrow");
            let mut words = from.split_whitespace();
            let change = named(&CHANGES, words.next().expect("a change"));
            for from in words {
                machine.0[named(&Status::ALL, from) as usize][change as usize] = Some(named(&Status::ALL, to.trim()));
            }
        }
        machine
    }

    pub fn after(&self, status: Status, change: Change) -> Option<Status> {
        self.0[status as usize][change as usize]
    }

    pub fn edges(&self) -> impl Iterator<Item = (Status, Change)> {
        pairs().filter(|(status, change)| self.after(*status, *change).is_some())
    }

    /// What must be refused.
    pub fn illegal(&self) -> impl Iterator<Item = (Status, Change)> {
        pairs().filter(|(status, change)| self.after(*status, *change).is_none())
    }
}

fn pairs() -> impl Iterator<Item = (Status, Change)> {
    Status::ALL.into_iter().flat_map(|status| CHANGES.map(|change| (status, change)))
}

pub fn named<T: Copy + std::fmt::Debug>(all: &[T], name: &str) -> T {
    *all.iter().find(|one| format!("{one:?}") == name).expect(name)
}
