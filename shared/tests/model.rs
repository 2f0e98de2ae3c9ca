//! The whole life of texts, held against a model of it in plain Rust: whatever happens, and in whatever order.
//!
//! What happens is made up by the model (`acts`), which also says what should come of it (`reference`, with `machine`, `judge`, `text`, `people` and `ledger`). The
//! pure core does it too (`system`), and after every act the two are compared (`invariants`). `MODEL_STEPS=5000000` lets more years go by.

mod model {
    pub mod acts;
    pub mod cast;
    pub mod invariants;
    pub mod judge;
    pub mod ledger;
    pub mod machine;
    pub mod met;
    pub mod people;
    pub mod reference;
    pub mod system;
    pub mod text;
}

/// What the reconciler decides is as pure as the core, and the policies for texts in doubt are in it.
#[path = "../../functions/reconciler/src/step.rs"]
mod step;

use std::{
    cell::RefCell,
    iter::repeat_n,
    sync::atomic::Ordering::SeqCst,
    thread::{self, JoinHandle, available_parallelism},
};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use proptest_state_machine::ReferenceStateMachine;
use sms::message::{Change, Status};

use model::{
    acts::{Act, Actor},
    cast::{Limits, MORNING, timestamp},
    invariants,
    machine::{CHANGES, MACHINE},
    met::Met,
    reference::Model,
    system::System,
};

/// The system and its reference, side by side.
struct Stage {
    model: Model,
    system: System,
}

impl Stage {
    fn set(model: Model) -> Self {
        let system = System::new(model.limits, model.now);
        Self { model, system }
    }

    fn play(&mut self, act: Act) {
        self.model.act(act);
        self.system.act(act);
        invariants::rows_agree(&self.model, &self.system);
        if matches!(act, Act::Publish(_) | Act::Help(_) | Act::Merge(_)) {
            invariants::gates_agree(&self.model, &self.system);
        }
        if std::mem::take(&mut self.system.is_booked) {
            invariants::books_balance(&self.model, &self.system);
        }
    }
}

#[test]
fn every_status_yields_to_what_it_is_told_to_and_to_nothing_else() {
    for status in Status::ALL {
        let real = CHANGES.map(|change| status.after(change));
        assert_eq!(real, CHANGES.map(|change| MACHINE.after(status, change)), "{status:?}");
        assert_eq!(status.is_final(), real == [None; CHANGES.len()], "{status:?}");
    }
    for (at, change) in CHANGES.into_iter().enumerate() {
        assert_eq!((change as usize, change.edge().0), (at, from(change)), "{change:?}");
    }
    assert_eq!((MACHINE.edges().count(), MACHINE.illegal().count()), (29, 158));
}

fn from(change: Change) -> Vec<Status> {
    MACHINE.edges().filter(|(_, by)| *by == change).map(|(status, _)| status).collect()
}

#[test]
fn whatever_happens_the_core_does_what_the_model_does() {
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let met = RefCell::new(Met::default());
    let played = runner.run(&Model::sequential_strategy(100..400), |(model, acts, seen)| {
        let mut stage = Stage::set(model);
        for act in acts {
            if let Some(seen) = &seen {
                seen.fetch_add(1, SeqCst);
            }
            stage.play(act);
        }
        met.borrow_mut().add(&stage.system.met);
        Ok(())
    });
    match played {
        Ok(()) => {}
        Err(TestError::Fail(why, (model, acts, _))) => panic!("{why}\nwith {:?} from {} on, after {acts:#?}", model.limits, timestamp(model.now)),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
    met.borrow().assert_everything();
}

/// How many acts a life has.
const LIFE: u64 = 50_000;

#[test]
fn years_go_by_on_a_virtual_clock_and_it_still_does() {
    let steps = std::env::var("MODEL_STEPS").map_or(250_000, |steps| steps.parse::<u64>().expect("MODEL_STEPS: a number"));
    let lives = (0..steps.div_ceil(LIFE)).collect::<Vec<_>>();
    let mut met = Met::default();
    for side_by_side in lives.chunks(available_parallelism().map_or(1, usize::from)) {
        let begun = side_by_side.iter().copied().map(begin).collect::<Vec<_>>();
        for life in begun {
            met.add(&life.join().expect("a life like the model's"));
        }
    }
    met.assert_everything();
}

/// A thread with the life's name, so that who fails can be lived again.
fn begin(life: u64) -> JoinHandle<Met> {
    thread::Builder::new().name(format!("life {life}")).spawn(move || live(life)).expect("a thread")
}

/// The same life for the same number, whenever it is lived.
fn live(life: u64) -> Met {
    let mut random = TestRng::from_seed(RngAlgorithm::XorShift, &(life + 1).to_be_bytes().repeat(2));
    let turns = Actor::TURNS.into_iter().flat_map(|(turns, actor)| repeat_n(actor, turns as usize)).collect::<Vec<_>>();
    let limits = if life.is_multiple_of(2) { Limits::THRIFTY } else { Limits::SPARING };
    let mut stage = Stage::set(Model::new(limits, MORNING));
    let mut lived = 0;
    while lived < LIFE {
        let acts = turns[random.random_range(0..turns.len())].acts(&stage.model);
        if !acts.is_empty() {
            stage.play(acts[random.random_range(0..acts.len())]);
            lived += 1;
        }
    }
    stage.system.met
}
