//! What a run has met: asserted, not hoped for.

use std::collections::HashMap;

use sms::{
    gates::{Gate, Verdict},
    kind::Kind,
    message::{Change, Message, Status},
};

use super::{
    judge::{ORDER, gated, met_by, skips},
    machine::{CHANGES, MACHINE},
};

type Times = [[u64; CHANGES.len()]; Status::ALL.len()];

#[derive(Debug, Clone, Default)]
pub struct Met {
    edges: Times,
    refusals: Times,
    verdicts: HashMap<(Kind, Gate, Verdict), u64>,
}

impl Met {
    pub fn edge(&mut self, status: Status, change: Change) {
        self.edges[status as usize][change as usize] += 1;
    }

    pub fn refusal(&mut self, status: Status, change: Change) {
        self.refusals[status as usize][change as usize] += 1;
    }

    pub fn decision(&mut self, message: &Message) {
        for step in &message.gates {
            *self.verdicts.entry((message.kind(), step.gate, step.verdict)).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (all, more) in [(&mut self.edges, &other.edges), (&mut self.refusals, &other.refusals)] {
            all.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(all, more)| *all += more);
        }
        for (verdict, times) in &other.verdicts {
            *self.verdicts.entry(*verdict).or_default() += times;
        }
    }

    /// Every edge of the machine was gone along, every other pair was tried and refused, and every kind of text heard of every gate what there is to hear.
    pub fn assert_everything(&self) {
        let never = |times: &Times, pairs: &mut dyn Iterator<Item = (Status, Change)>| {
            pairs.filter(|(status, change)| times[*status as usize][*change as usize] == 0).collect::<Vec<_>>()
        };
        assert_eq!(never(&self.edges, &mut MACHINE.edges()), [], "never reached");
        assert_eq!(never(&self.refusals, &mut MACHINE.illegal()), [], "never tried");
        assert_eq!(self.unheard(), [], "never heard");
    }

    /// The gates that did not skip a kind as they should, or never let it through, and those that never said no to anybody.
    fn unheard(&self) -> Vec<(Option<Kind>, Gate)> {
        let heard = |kind, gate, verdict| self.verdicts.contains_key(&(kind, gate, verdict));
        let passing = |kind, gate| if skips(kind, gate) { Verdict::Skip } else { Verdict::Pass };
        let by_kind =
            gated().flat_map(|kind| met_by(kind).map(move |gate| (kind, gate))).filter(|(kind, gate)| !heard(*kind, *gate, passing(*kind, *gate)));
        let refusing = ORDER[2..].iter().filter(|gate| !gated().any(|kind| heard(kind, **gate, Verdict::Fail)));
        by_kind.map(|(kind, gate)| (Some(kind), gate)).chain(refusing.map(|gate| (None, *gate))).collect()
    }
}
