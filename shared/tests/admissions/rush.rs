//! A thousand wishes at once, with everything that may become of them: nothing is ever over the budget or a cap, nothing leaks, and in the end the books say what the receipts said.

mod fate;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    thread,
};

use fate::{Drawn, content, drawn};
use futures::StreamExt;
use journeys::embedded::{Calls, sdk};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sms::{
    budget::Budget,
    caps::Caps,
    event::{Event, UserId},
    gates::{Rules, Verdict},
    kind::Class,
    message::{Change, Message, Status},
    money::MicroUsd,
    recipient::Recipient,
    stores::{Admissions, Admitted, Notes, Wish},
};

use super::{Stage, event, now, person, rules};

/// Different wishes under different rules; `ADMISSIONS_SEEDS`, with commas between, adds others.
const SEEDS: [u64; 3] = [1, 2, 3];

const WISHES: usize = 1000;

/// So often at least everything that may happen did happen.
const ENOUGH: usize = 3;

/// Why texts were refused, by the words of their gates.
const REFUSALS: [&str; 7] = [
    "promotional texts on",
    "texts to this number",
    "with the same words",
    "kept for transactional texts",
    "for promotional texts",
    "for transactional texts",
    // The whole budget, by a text that nothing is kept from.
    "spent or reserved: ",
];

/// What is short, and who wishes for it.
struct World {
    rules: Rules,
    people: Vec<Recipient>,
    /// The most that AWS charges for a text for which 1000 or more are reserved.
    dearest: i64,
}

/// A wish of the queue.
struct Job<'a> {
    event: Event,
    person: &'a Recipient,
    drawn: &'a Drawn,
}

/// What a run has seen happen.
#[derive(Debug, Default)]
struct Seen {
    refusals: BTreeMap<&'static str, usize>,
    fates: BTreeMap<&'static str, usize>,
    /// By the calls that were made before.
    deaths: BTreeMap<usize, usize>,
    /// Receipts above what was reserved, and below.
    above: usize,
    below: usize,
}

/// Money of either class, in micro-USD.
#[derive(Debug, Default, Clone, Copy)]
struct Money {
    promotional: i64,
    transactional: i64,
}

/// One process of a function. It has a connection of its own, so that it can die alone.
struct Process {
    calls: Calls,
    admissions: Admissions,
}

struct Rush {
    stage: Stage,
    deaths: Mutex<BTreeMap<usize, usize>>,
}

impl Money {
    fn of(&mut self, class: Class) -> &mut i64 {
        match class {
            Class::Promotional => &mut self.promotional,
            Class::Transactional => &mut self.transactional,
        }
    }
}

/// In one world the whole budget is what is short, in the next that of each class, in the last the caps are.
///
/// Where money is short everybody has a number of their own, since two decisions about one number wait for each other, and only those that do not could overspend; and
/// no receipt is above what was reserved, so that the books may never be over anything by anything. Where there is plenty, receipts are above and below.
fn world(seed: u64) -> World {
    let rich = Budget { monthly: MicroUsd(10_000_000), promotional: None, transactional: None, kept_percent: 20 };
    let of_classes = Budget { promotional: Some(MicroUsd(90_000)), transactional: Some(MicroUsd(60_000)), ..rich };
    let (budget, caps, people, numbers, dearest) = match seed % 3 {
        0 => (Budget { monthly: MicroUsd(200_000), ..rich }, Caps::default(), 400, 400, 800),
        1 => (of_classes, Caps::default(), 400, 400, 800),
        _ => (rich, Caps { per_day: 3, same_per_hour: 2, any_per_hour: 6 }, 80, 40, 2500),
    };
    let person = |n: usize| Recipient { user_id: UserId::try_from(format!("u{n}")).expect("user"), ..person(n % numbers) };
    World { rules: Rules { budget, caps, ..rules() }, people: (0..people).map(person).collect(), dearest }
}

impl Process {
    fn of(stage: &Stage) -> Self {
        let calls = Calls::default();
        let config = aws_sdk_dynamodb::config::Builder::from(&sdk(&stage.embedded.dynamodb_url)).interceptor(calls.clone()).build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        Self { calls, admissions: Admissions::new(client, "MessagesTable".into(), "LimitsTable".into()) }
    }

    /// What comes of `work` if the process dies after `calls` calls; then there is a new one.
    async fn dying<T>(&self, calls: usize, work: impl Future<Output = T>) -> T {
        self.calls.end_after(Some(calls));
        let done = work.await;
        self.calls.end_after(None);
        done
    }
}

impl Rush {
    /// A batch of the queue: first by a process that dies, if it is to, then as often as others are faster.
    async fn admit(&self, process: &Process, batch: &[Job<'_>]) -> Vec<Admitted> {
        let wishes = batch.iter().map(|job| Wish { event: &job.event, recipient: Some(job.person), opt_out: None }).collect::<Vec<_>>();
        let admit = || process.admissions.admit(&wishes, &self.stage.rules, now(), async |_, message| Ok(message));
        if let Some(calls) = batch[0].drawn.dies_after {
            drop(process.dying(calls, admit()).await);
        }
        for _ in 0..100 {
            match admit().await.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(admitted) => return admitted,
                Err(error) => assert!(error.to_string().contains("others were faster"), "{error:#}"),
            }
        }
        panic!("others were faster a hundred times");
    }

    /// Lets an admitted text meet its fate. Another process may do the same at the same time, since a queue brings some batches twice.
    async fn meet(&self, process: &Process, row: &Message, drawn: &Drawn) {
        for change in drawn.fate.changes() {
            let receipt = drawn.fate.receipt().filter(|_| matches!(change, Change::Arrived | Change::Lost));
            let notes = Notes::default().with("price", receipt.map(|(price, _)| price)).expect("notes");
            let notes = notes.with("carrier_fee", receipt.map(|(_, fee)| fee)).expect("notes");
            self.stage.messages.change(row.message_id, *change, None, notes, now()).await.expect("change");
        }
        let row = self.stage.messages.get(row.message_id).await.expect("get").expect("row");
        if let Some(calls) = drawn.dies_after {
            let died = process.dying(calls, process.admissions.settle(&row, now())).await.is_err();
            *self.deaths.lock().expect("deaths").entry(calls).or_default() += usize::from(died);
        }
        if !drawn.is_left {
            let settle = || self.stage.admissions.settle(&row, now());
            let (once, again) = tokio::join!(settle(), settle());
            once.and(again).expect("settle");
        }
    }

    /// That nothing is over what it may be, at this moment, in the middle of it all.
    async fn look(&self) {
        let month = self.stage.limit("budget/2026-11").await;
        let of = |name: &str| month[name].as_i64().unwrap_or_default();
        let (all, promotional, transactional) = (of("committed"), of("promotional"), of("transactional"));
        assert!(promotional >= 0 && transactional >= 0 && all == promotional + transactional, "{month}");
        let budget = &self.stage.rules.budget;
        let left_to_promotional = budget.monthly.0 / 100 * i64::from(100 - budget.kept_percent);
        let most = |of_class: Option<MicroUsd>| of_class.map_or(budget.monthly.0, |most| most.0);
        assert!(all <= budget.monthly.0, "{month} is over the whole budget");
        assert!(promotional <= left_to_promotional.min(most(budget.promotional)), "{month} is over the budget of promotional texts");
        assert!(transactional <= most(budget.transactional), "{month} is over the budget of transactional texts");

        let caps = &self.stage.rules.caps;
        if *caps == Caps::default() {
            // Where money is short nobody comes near them.
            return;
        }
        for row in self.stage.embedded.scan("LimitsTable").await.expect("scan") {
            let day = row["ids"].as_array().map_or(0, Vec::len);
            let mut same = BTreeMap::<Option<&str>, usize>::new();
            for (_, text) in row["texts"].as_object().into_iter().flatten() {
                *same.entry(text["words"].as_str()).or_default() += 1;
            }
            let any = same.values().sum::<usize>();
            let most_same = same.values().max().copied().unwrap_or_default();
            assert!(day <= caps.per_day && any <= caps.any_per_hour && most_same <= caps.same_per_hour, "{row}");
        }
    }

    /// That in the end the books come out even, and say what the receipts said.
    async fn reckon(&self, jobs: &[Job<'_>]) -> Seen {
        let mut seen = Seen { deaths: self.deaths.lock().expect("deaths").clone(), ..Seen::default() };
        let (mut committed, mut receipts, mut counted) = (Money::default(), 0, BTreeMap::<String, BTreeSet<String>>::new());
        let mut costs = BTreeMap::<&str, (i64, i64)>::new();
        for job in jobs {
            let id = job.event.message_id();
            // Whoever came first may have died.
            let row = self.stage.messages.get(id).await.expect("get").expect("row");
            self.stage.admissions.settle(&row, now()).await.expect("settle");
            let row = self.stage.messages.get(id).await.expect("get").expect("row");
            if let Some(refused) = row.gates.iter().find(|step| step.verdict == Verdict::Fail) {
                let words = refused.detail.as_deref().unwrap_or_default();
                let why = REFUSALS.iter().find(|why| words.contains(**why)).unwrap_or_else(|| panic!("{refused:?}"));
                *seen.refusals.entry(why).or_default() += 1;
                assert_eq!((row.status, &row.reserved, row.settled), (Status::Suppressed, &None, None));
                continue;
            }
            let fate = job.drawn.fate;
            let reserved = row.reserved.as_ref().expect("a reservation").amount.0;
            *seen.fates.entry(fate.name()).or_default() += 1;
            assert_eq!((row.status, row.settled.map(|price| price.0)), (fate.status(), fate.costs(reserved)), "{fate:?}");
            *committed.of(row.class) += fate.costs(reserved).unwrap_or(reserved);
            let receipt = fate.costs(reserved).unwrap_or_default();
            receipts += receipt;
            seen.above += usize::from(receipt > reserved);
            seen.below += usize::from(fate.receipt().is_some() && receipt < reserved);
            if matches!(fate.status(), Status::Delivered | Status::Undelivered) {
                let (sent, settled) = costs.entry(row.kind().as_str()).or_default();
                (*sent, *settled) = (*sent + 1, *settled + receipt);
            }
            // What reached nobody uses up no cap; what may have reached somebody does.
            if !matches!(fate.status(), Status::Failed | Status::Suppressed | Status::Expired) {
                let days = (row.class == Class::Promotional).then(|| format!("day/2026-11-23/{}", job.person.user_id));
                let hours = format!("hours/{}", row.phone.as_ref().expect("a number").as_e164());
                for key in days.into_iter().chain([hours]) {
                    counted.entry(key).or_default().insert(id.to_string());
                }
            }
        }
        let month = self.stage.limit("budget/2026-11").await;
        let of = |name: &str| month[name].as_i64().unwrap_or_default();
        assert_eq!((of("promotional"), of("transactional")), (committed.promotional, committed.transactional));
        assert_eq!((of("committed"), of("settled")), (committed.promotional + committed.transactional, receipts));

        let told = self.stage.admissions.costs("2026-11").await.expect("costs");
        let told = told.days.values().flatten().map(|(kind, figures)| (*kind, (figures.sent, figures.settled.0)));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), costs);

        let mut kept = BTreeMap::<String, BTreeSet<String>>::new();
        for row in self.stage.embedded.scan("LimitsTable").await.expect("scan") {
            let ids = row["ids"].as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned));
            let ids = ids.chain(row["texts"].as_object().into_iter().flatten().map(|(id, _)| id.clone())).collect::<BTreeSet<_>>();
            if !ids.is_empty() {
                kept.insert(row["limit_id"].as_str().expect("a key").to_owned(), ids);
            }
        }
        assert_eq!(kept, counted, "a cap counts what may have reached somebody, and nothing else");
        seen
    }
}

async fn rush(seed: u64) -> Seen {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let World { rules, people, dearest } = world(seed);
    let drawn = prop::collection::vec(drawn(dearest), WISHES).new_tree(&mut runner).expect("wishes").current();

    let stage = Stage::set(rules).await;
    let jobs = drawn.iter().enumerate().map(|(n, drawn)| {
        let person = &people[drawn.person % people.len()];
        Job { event: event(&n.to_string(), person, content(drawn)), person, drawn }
    });
    let jobs = jobs.collect::<Vec<_>>();
    let rush = Rush { stage, deaths: Mutex::default() };
    let work = async |batch: &[Job<'_>]| {
        let process = Process::of(&rush.stage);
        for (admitted, job) in rush.admit(&process, batch).await.iter().zip(batch) {
            if admitted.row().status == Status::Pending {
                rush.meet(&process, admitted.row(), job.drawn).await;
            }
        }
        rush.look().await;
    };
    // A queue brings some batches twice.
    let batches = jobs.chunks(10).chain(jobs.chunks(70).map(|batch| &batch[..10]));
    futures::stream::iter(batches.map(work)).buffer_unordered(8).collect::<()>().await;
    rush.reckon(&jobs).await
}

#[test]
fn a_thousand_wishes_at_once_pass_no_cap_and_no_budget_and_the_books_come_out_even() {
    let more = std::env::var("ADMISSIONS_SEEDS").unwrap_or_default();
    let seeds = SEEDS.into_iter().chain(more.split(',').filter_map(|seed| seed.trim().parse().ok())).collect::<Vec<u64>>();
    let of = |seed| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime").block_on(rush(seed));
    let all = thread::scope(|scope| {
        let runs = seeds.iter().map(|seed| (*seed, scope.spawn(|| of(*seed)))).collect::<Vec<_>>();
        runs.into_iter().map(|(seed, run)| run.join().unwrap_or_else(|_| panic!("with seed {seed}"))).collect::<Vec<_>>()
    });
    let often = |what: &str, times: &dyn Fn(&Seen) -> usize| {
        let times = all.iter().map(times).sum::<usize>();
        assert!(times >= ENOUGH, "{what} is too rare to have been tested: {all:#?}");
    };
    for why in REFUSALS {
        often(why, &|seen| seen.refusals.get(why).copied().unwrap_or_default());
    }
    for fate in all.iter().flat_map(|seen| seen.fates.keys()).copied().collect::<BTreeSet<_>>() {
        often(fate, &|seen| seen.fates.get(fate).copied().unwrap_or_default());
    }
    assert_eq!(all.iter().flat_map(|seen| seen.fates.keys()).collect::<BTreeSet<_>>().len(), 11, "every fate was met");
    for calls in 0..3 {
        often(&format!("a death after {calls} calls"), &|seen| seen.deaths.get(&calls).copied().unwrap_or_default());
    }
    often("a receipt above what was reserved", &|seen| seen.above);
    often("a receipt below what was reserved", &|seen| seen.below);
}
