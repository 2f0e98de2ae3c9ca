//! Many texts at once, while everything that can break does, by a schedule that a seed decides.
//!
//! The seed decides who the people are, what is published and said, and what becomes of the n-th call of each function to each operation. Which process makes that call
//! is up to the machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::{join_all, try_join_all};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::Faults;
use sms::{
    gates::Gate,
    message::{Message, Status},
    phone::PhoneNumber,
};

use super::{
    caps::is_last_word,
    cloud::READS,
    function::{Function, Outcome},
    sqs::{DEAD, Polling},
    wire::{Call, Fate, Hand},
    words::{WORDS, Words},
    world::{Broken, PRICE, World},
};
use crate::stack::{Published, refused_by};

/// What is different from the template's defaults: money for six texts in ten, answers of our own to STOP, a breaker of codes that is about other things, and caps that
/// refuse one text in ten where everybody is wished four.
const SETTINGS: [(&str, &str); 5] =
    [("STOP_ANSWERED_BY", "us"), ("CODES_PER_HOUR", "1000000"), ("DAILY_CAP", "3"), ("HOURLY_CAP", "4"), ("HOURLY_CAP_SAME", "2")];

/// In a storm of so many messages everything happens that can.
const BIG: usize = 10_000;

/// Events in a wave. After each a minute passes.
const WAVE: usize = 500;

/// Processes of a function that work side by side.
const SIDE_BY_SIDE: usize = 4;

/// How long receipts are on their way: longer than the reconciler waits for one before it sends a text in doubt again, so that no receipt hides a second text.
const RECEIPTS_TAKE: SignedDuration = SignedDuration::from_secs(150);

/// How long a function may take that is fed with records: more than two of the longest calls that it makes. Each that runs out of it takes that long.
const TIME_OUT: Duration = Duration::from_secs(12);

/// How long the reconciler may take: it begins nothing in its last ten seconds.
const RECONCILERS_TIME_OUT: Duration = Duration::from_secs(20);

/// An answer that is late by this comes when nobody waits any more.
const TOO_LATE: Duration = Duration::from_secs(30);

/// The faults, with how often each strikes, in 10,000 calls; conflicts only those that write, and parts only batches.
const DATABASE: &[(&str, u64, Fate)] = &[
    ("throttled by DynamoDB", 40, Fate::Refused("ProvisionedThroughputExceededException")),
    ("errors of DynamoDB", 20, Fate::Refused("InternalServerError")),
    ("conflicts of writes", 60, Fate::Conflict),
    ("connections to DynamoDB lost", 20, Fate::Lost),
    ("answers of DynamoDB lost", 30, Fate::Unanswered),
    ("late answers of DynamoDB", 30, Fate::Late(Duration::from_millis(40))),
    ("deaths before a call of DynamoDB", 6, Fate::DiesBefore),
    ("deaths during a call of DynamoDB", 6, Fate::DiesDuring),
    ("deaths after a call of DynamoDB", 6, Fate::DiesAfter),
    ("out of time in a call of DynamoDB", 2, Fate::Hangs),
];
const QUEUES: &[(&str, u64, Fate)] = &[
    ("batches taken in part", 600, Fate::InPart),
    ("errors of SQS", 50, Fate::Refused("InternalError")),
    ("answers of SQS lost", 80, Fate::Unanswered),
    ("deaths during a call of SQS", 20, Fate::DiesDuring),
];
const PROVIDER: &[(&str, u64, Fate)] = &[
    ("throttled by AWS SMS", 150, Fate::Refused("ThrottlingException")),
    ("errors of AWS SMS", 100, Fate::Refused("InternalServerException")),
    ("connections to AWS SMS lost", 80, Fate::Lost),
    ("answers of AWS SMS lost", 150, Fate::Unanswered),
    ("late answers of AWS SMS", 50, Fate::Late(Duration::from_millis(40))),
    ("deaths before a call of AWS SMS", 30, Fate::DiesBefore),
    ("deaths during a call of AWS SMS", 50, Fate::DiesDuring),
    ("deaths after a call of AWS SMS", 30, Fate::DiesAfter),
    ("out of time in a call of AWS SMS", 15, Fate::Hangs),
];
/// The function's own answer is lost, or does not come in time: Lambda hears nothing, ends the process, and the batch comes again.
const ANSWERS: &[(&str, u64, Fate)] = &[("batches done and not deleted", 100, Fate::DiesBefore), ("answers out of time", 15, Fate::Late(TOO_LATE))];
/// SQS delivers at least once, and that is not once.
const AGAIN: &str = "records delivered again";
/// Nor does it keep an order.
const OVERTAKEN: &str = "batches that overtook others";
/// SNS publishes at least once.
const TWICE: &str = "receipts and replies published twice";
/// The main app publishes at least once.
const EVENT_TWICE: &str = "events published twice";
const STRETCH: &str = "calls of a table that is throttled for a while";
/// A stretch of so many calls of one table, half of which are throttled, comes once in so many.
const THROTTLED_STRETCH: u64 = 60;
const ONE_STRETCH_IN: u64 = 60;

/// One in so many receipts and replies is published twice.
const RECEIPTS_TWICE: u64 = 7;

/// So many records, less one, may be overtaken by a batch.
const MOST_OVERTAKEN: u64 = 8;

/// Dead letters that a storm may leave however small it is; a larger one, one in a hundred messages.
const FEW: usize = 3;

/// What came of a storm.
#[derive(Debug)]
pub struct Report {
    /// Texts that AWS took.
    pub sent: u64,
    /// Messages by kind and status.
    pub statuses: BTreeMap<(&'static str, &'static str), usize>,
    /// Faults that struck, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Calls that functions made.
    pub calls: u64,
    /// Records in the dead-letter queue.
    pub dead: usize,
    /// How many of them have no reason, because whoever tried them for the last time died, ran out of time, or could not say so.
    pub worn_out: usize,
    /// How much later than at the beginning it was at the end.
    pub lasted: SignedDuration,
    /// What does not hold.
    pub broken: Vec<String>,
}

/// How far a storm is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Messages published.
    pub published: usize,
    /// Of how many.
    pub of: usize,
    /// Texts that AWS took.
    pub sent: usize,
    /// When all are published: those that are still to come to an end.
    pub open: Option<usize>,
}

/// A schedule of faults.
struct Schedule {
    seed: u64,
    calls: Mutex<BTreeMap<(&'static str, String), u64>>,
    tables: Mutex<BTreeMap<String, u64>>,
    /// What else was drawn, by what it was about.
    draws: Mutex<BTreeMap<&'static str, u64>>,
    struck: Mutex<BTreeMap<&'static str, u64>>,
    made: AtomicU64,
    /// From when on everything goes well, so that the storm has an end.
    calm: AtomicUsize,
}

/// The names of all faults that there are.
fn faults() -> BTreeSet<&'static str> {
    let named = [DATABASE, QUEUES, PROVIDER, ANSWERS].into_iter().flatten().map(|(name, _, _)| *name);
    named.chain([STRETCH, AGAIN, OVERTAKEN, TWICE, EVENT_TWICE]).collect()
}

/// A number that follows from the seed and `what` alone.
fn drawn(seed: u64, what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, what).hash(&mut hasher);
    hasher.finish()
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let (calls, tables, draws, struck) = (Mutex::default(), Mutex::default(), Mutex::default(), Mutex::default());
        Self { seed, calls, tables, draws, struck, made: AtomicU64::new(0), calm: AtomicUsize::new(0) }
    }

    fn fate(&self, call: &Call<'_>) -> Fate {
        self.made.fetch_add(1, Ordering::Relaxed);
        if self.is_calm() {
            return Fate::Pass;
        }
        let operation = format!("{}.{}", call.service, call.operation);
        let nth = counted(&self.calls, (call.function, operation.clone()));
        let faults = match call.service {
            "DynamoDB" => DATABASE,
            "AmazonSQS" => QUEUES,
            "PinpointSMSVoiceV2" => PROVIDER,
            "Lambda" => ANSWERS,
            _ => return Fate::Pass,
        };
        if call.service == "DynamoDB" {
            let nth = counted(&self.tables, call.table.to_owned());
            let stretch = (call.table, nth / THROTTLED_STRETCH);
            if drawn(self.seed, stretch).is_multiple_of(ONE_STRETCH_IN) && drawn(self.seed, (stretch, nth)).is_multiple_of(2) {
                return self.strikes(STRETCH, Fate::Refused("ThrottlingException"));
            }
        }
        let mut at = drawn(self.seed, (call.function, &operation, nth)) % 10_000;
        for (name, rate, fate) in faults {
            match at.checked_sub(*rate) {
                None if !can_be(fate, call) => break,
                None => return self.strikes(name, fate.clone()),
                Some(left) => at = left,
            }
        }
        Fate::Pass
    }

    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Acquire) != 0
    }

    /// The next number below `below` that is drawn for `what`; 0 when it is calm.
    fn draw(&self, what: &'static str, below: u64) -> u64 {
        if self.is_calm() { 0 } else { drawn(self.seed, (what, counted(&self.draws, what))) % below }
    }

    /// Whether something comes twice, once in so many times.
    fn twice(&self, what: &'static str, one_in: u64) -> bool {
        let is_drawn = self.draw(what, one_in) == one_in - 1;
        if is_drawn {
            self.strikes(what, Fate::Pass);
        }
        is_drawn
    }

    fn strikes(&self, name: &'static str, fate: Fate) -> Fate {
        *self.struck.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        fate
    }
}

/// Which one of its kind this is, from 1.
fn counted<K: Ord>(counts: &Mutex<BTreeMap<K, u64>>, what: K) -> u64 {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let nth = counts.entry(what).or_default();
    *nth += 1;
    *nth
}

/// Whether a call can come to this: nothing that only reads has a conflict, and nothing but a batch is taken in part.
fn can_be(fate: &Fate, call: &Call<'_>) -> bool {
    match fate {
        Fate::Conflict => !READS.contains(&call.operation),
        Fate::InPart => call.size > 1,
        _ => true,
    }
}

/// A storm under way.
struct Storm {
    world: World,
    schedule: Arc<Schedule>,
    hand: Hand,
    idle: Mutex<BTreeMap<&'static str, Vec<Function>>>,
    /// What people said.
    words: Words,
    /// Micro-USD.
    budget: i64,
}

impl Storm {
    /// Feeds the functions, several processes of each, until nothing can be seen in any queue.
    async fn pump(&self) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.world.cloud.deliver(|| self.schedule.twice(TWICE, RECEIPTS_TWICE)).await;
            let workers = self.world.feeds.iter().flat_map(|(function, polling)| (0..SIDE_BY_SIDE).map(|_| self.drain(function, polling)));
            let worked = try_join_all(workers.collect::<Vec<_>>()).await?;
            if worked.into_iter().all(|batches| batches == 0) {
                return Ok(());
            }
        }
    }

    async fn drain(&self, function: &'static str, polling: &Polling) -> anyhow::Result<usize> {
        let mut batches = 0;
        loop {
            let most = usize::try_from(self.schedule.draw(OVERTAKEN, MOST_OVERTAKEN))?;
            let (records, overtaken) = self.world.cloud.sqs.receive_after(most, polling, self.world.now());
            if records.is_empty() {
                return Ok(batches);
            }
            batches += 1;
            if overtaken > 0 {
                self.schedule.strikes(OVERTAKEN, Fate::Pass);
            }
            let outcome = self.invoke(function, json!({"Records": records})).await?;
            self.world.conclude(polling, &records, &outcome);
            self.note_obeyed(polling, &records);
            if self.schedule.draw("again", 30) == 29 {
                for record in &records {
                    self.schedule.strikes(AGAIN, Fate::Pass);
                    self.world.cloud.sqs.put(polling.queue, record["body"].as_str().unwrap_or_default(), Value::Null, self.world.now());
                }
            }
        }
    }

    fn note_obeyed(&self, polling: &Polling, records: &[Value]) {
        if polling.queue != "InboundQueue" {
            return;
        }
        let left = self.world.cloud.sqs.all(polling.queue);
        for record in records.iter().filter(|record| left.iter().all(|message| record["messageId"] != message.id)) {
            let envelope = serde_json::from_str::<Value>(record["body"].as_str().unwrap_or_default()).unwrap_or_default();
            let said = serde_json::from_str::<Value>(envelope["Message"].as_str().unwrap_or_default()).unwrap_or_default();
            self.words.obeyed(said["inboundMessageId"].as_str().unwrap_or_default(), self.world.now());
        }
    }

    async fn invoke(&self, function: &'static str, event: Value) -> anyhow::Result<Outcome> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(function).or_default().pop();
        let mut process = if let Some(process) = idle {
            process
        } else {
            let time_out = if function == "reconciler" { RECONCILERS_TIME_OUT } else { TIME_OUT };
            self.world.start(function, self.hand.clone(), time_out).await?
        };
        let outcome = self.world.invoke(function, &mut process, event).await?;
        if matches!(outcome, Outcome::Died) {
            self.world.heard(&process.end().await?);
        } else {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(function).or_default().push(process);
        }
        Ok(outcome)
    }

    /// Lets time pass until nothing is left to happen; the longer it takes, the further the clock goes at once.
    async fn settle(&self, messages: usize, broken: &mut Broken, tell: &impl Fn(&Progress)) -> anyhow::Result<()> {
        for round in 0..400 {
            self.pump().await?;
            // Sometimes two at once, as when one run takes longer than a minute.
            let runs = 1 + usize::from(drawn(self.schedule.seed, ("two", round)) % 4 == 0);
            for outcome in join_all((0..runs).map(|_| self.invoke("reconciler", json!({})))).await {
                outcome?;
            }
            self.pump().await?;
            self.budget_holds(broken).await?;
            if round == 60 {
                // Even a storm ends: what is left must come to its end by itself.
                self.schedule.calm.store(1, Ordering::Release);
            }
            let mut wait = SignedDuration::from_secs(60);
            if self.world.cloud.sqs.next().is_none() {
                let due = self.world.due().await?;
                tell(&self.progress(messages, messages, Some(due.len())));
                let Some(next) = due.into_iter().min() else { return Ok(()) };
                wait = wait.max(next.duration_since(self.world.now()));
            }
            self.world.cloud.clock.forward(wait)?;
        }
        anyhow::bail!("the storm has no end")
    }

    /// No month's books are above the budget, but for the last words of who said STOP, which pass every gate.
    async fn budget_holds(&self, broken: &mut Broken) -> anyhow::Result<()> {
        let months = self.world.committed().await?;
        let rows = self.world.rows().await?;
        let last_words = rows.iter().filter(|(row, _)| is_last_word(row)).filter_map(|(row, _)| row.settled).map(|settled| settled.0).sum::<i64>();
        for committed in months {
            broken.unless(committed - last_words <= self.budget, || format!("{committed} are committed of a budget of {}", self.budget));
        }
        Ok(())
    }

    fn progress(&self, published: usize, of: usize, open: Option<usize>) -> Progress {
        let sent = usize::try_from(self.world.cloud.provider.simulator.stats().accepted).unwrap_or(usize::MAX);
        Progress { published, of, sent, open }
    }
}

fn phone_of(n: u64) -> String {
    // Every number whose text arrives: the exchange 555 is the simulator's.
    format!("+1{}556{:04}", [312, 415, 617, 702][usize::try_from(n % 4).unwrap_or_default()], n / 4 % 10_000)
}

/// Sends `messages` texts through a storm that `seed` decides; tells `tell` how it goes.
pub async fn storm(folder: &Path, seed: u64, messages: usize, tell: impl Fn(&Progress)) -> anyhow::Result<Report> {
    let budget = i64::try_from(messages * PRICE * 6 / 10)?;
    let told = budget.to_string();
    let settings = SETTINGS.into_iter().chain([("MONTHLY_BUDGET", told.as_str())]).collect::<Vec<_>>();
    let world = World::new(folder, &settings).await?;
    let faults = Faults { parts_per_second: None, receipt_delay_ms: 0, receipt_shuffle: true, carrier_handles_stop: false, ..Faults::default() };
    world.cloud.provider.simulator.set_faults(faults);
    world.cloud.receipts_take(RECEIPTS_TAKE);
    let schedule = Arc::new(Schedule::new(seed));
    let told = schedule.clone();
    let hand: Hand = Arc::new(move |call: &Call<'_>| told.fate(call));
    let storm = Storm { world, schedule, hand, idle: Mutex::default(), words: Words::default(), budget };
    let (began, mut broken) = (storm.world.now(), Broken::default());

    let people = u64::try_from(messages / 4)?.clamp(20, 4000);
    // Few of them say anything, and those say several things.
    let talkers = (people / 25).max(3);
    for n in 0..people {
        let person = storm.world.person(&format!("u{n}"), &phone_of(n)).await?;
        if n % 20 == 0 {
            storm.world.recipients().put(&sms::recipient::Recipient { sms_enabled: false, ..person }).await?;
        }
    }
    for n in 0..messages {
        let who = drawn(seed, ("who", n)) % people;
        let kind = match drawn(seed, ("kind", n)) % 100 {
            0..35 => "battle_invitation",
            35..50 => "battle_result",
            50..60 => "direct_message",
            60..70 => "achievement_unlock",
            70..80 => "streak_alert",
            80..92 => "security_alert",
            _ => "phone_verification",
        };
        let mut event = Published::sample(kind, &format!("u{who}"))?;
        event.event["id"] = format!("{seed}-{n}").into();
        event.event["source"] = "storm".into();
        if kind == "phone_verification" {
            event = event.with("phone", phone_of(who));
        }
        storm.world.publish(&event);
        if storm.schedule.twice(EVENT_TWICE, 25) {
            storm.world.publish(&event);
        }
        if drawn(seed, ("says", n)) % 40 == 0 {
            let phone = phone_of(drawn(seed, ("whose", n)) % talkers).parse::<PhoneNumber>()?;
            let words = WORDS[usize::try_from(drawn(seed, ("words", n)))? % WORDS.len()];
            storm.words.say(&storm.world, phone, words, || storm.schedule.twice(TWICE, RECEIPTS_TWICE)).await?;
        }
        if (n + 1) % WAVE == 0 || n + 1 == messages {
            storm.pump().await?;
            storm.invoke("reconciler", json!({})).await?;
            storm.budget_holds(&mut broken).await?;
            storm.world.cloud.clock.forward(SignedDuration::from_secs(60))?;
            tell(&storm.progress(n + 1, messages, None));
        }
    }
    storm.settle(messages, &mut broken, &tell).await?;
    report(storm, messages, broken, began).await
}

async fn report(storm: Storm, messages: usize, mut broken: Broken, began: Timestamp) -> anyhow::Result<Report> {
    let processes = std::mem::take(&mut *storm.idle.lock().unwrap_or_else(PoisonError::into_inner));
    for process in processes.into_values().flatten() {
        storm.world.heard(&process.end().await?);
    }
    broken.0.extend(storm.world.broken().await?.0);
    let rows = storm.world.rows().await?.into_iter().map(|(row, _)| row).collect::<Vec<_>>();
    let started = storm.words.hold(&storm.world, &rows, &storm.world.taken()?, &mut broken).await?;
    let faults = storm.schedule.struck.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if messages >= BIG {
        happened(&faults, &rows, started, &mut broken);
    }
    let dead = storm.world.cloud.sqs.all(DEAD);
    let most = messages.div_ceil(100).max(FEW);
    broken.unless(dead.len() <= most, || format!("{} dead letters of {messages} messages", dead.len()));
    let mut statuses = BTreeMap::new();
    for row in &rows {
        *statuses.entry((row.kind().as_str(), row.status.as_str())).or_default() += 1;
    }
    Ok(Report {
        sent: storm.world.cloud.provider.simulator.stats().accepted,
        statuses,
        faults,
        calls: storm.schedule.made.load(Ordering::Relaxed),
        dead: dead.len(),
        worn_out: dead.iter().filter(|letter| letter.is_worn_out).count(),
        lasted: storm.world.now().duration_since(began),
        broken: broken.0,
    })
}

/// Everything happened that can, so that it was survived and not merely spared: each fault struck, each limit refused something, and somebody started again.
fn happened(faults: &BTreeMap<&'static str, u64>, rows: &[Message], started: usize, broken: &mut Broken) {
    for name in self::faults() {
        broken.unless(faults.contains_key(name), || format!("there were no {name}"));
    }
    for gate in [Gate::UserDailyCap, Gate::CarrierHourlyCap, Gate::Budget] {
        let refused = rows.iter().any(|row| row.status == Status::Suppressed && refused_by(row) == Some(gate));
        broken.unless(refused, || format!("{gate:?} refused nothing"));
    }
    broken.unless(started > 0, || "nobody who had stopped everything started again".into());
}
