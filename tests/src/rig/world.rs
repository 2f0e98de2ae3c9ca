//! Somebody's world: the cloud, the functions, the poller between them, people who text, and what must hold whatever broke.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};
use serde_json::{Value, json};
use sms::{
    caps::Caps,
    consent::{LedgerEntry, Method},
    due,
    event::message_id,
    kind::{Class, Kind},
    message::{Message, Status},
    opt_out::OptOut,
    recipient::{Categories, Consent, Recipient},
    stores::{Item, Ledger, OptOuts, Recipients},
};

use super::{
    caps::caps_hold,
    clock::Clock,
    cloud::Cloud,
    function::{Function, Outcome, logical_id},
    secrets::Secrets,
    sqs::{DEAD, Polling},
    taken::receipts_hold,
    wire::Hand,
};
use crate::{
    binary::defaults,
    stack::{Published, user},
};

/// The functions that a queue feeds, and those queues.
const FED: [(&str, &str); 5] =
    [("producer", "EventsQueue"), ("sender", "UrgentQueue"), ("sender", "BulkQueue"), ("receipts", "ReceiptsQueue"), ("inbound", "InboundQueue")];

/// All functions.
pub const FUNCTIONS: [&str; 6] = ["producer", "sender", "receipts", "inbound", "api", "reconciler"];

/// What a part costs at most, in micro-USD. The provider bills less: who does not hear what it bills is found out.
pub const PRICE: usize = 9100;

/// What is no secret and no parameter of the template with a default, and the price list with [`PRICE`] in it.
const SETTINGS: [(&str, &str); 7] = [
    ("CODE_SECRET", "codes"),
    ("TOKEN_KEYS", "tokens"),
    ("PARTS_PER_SECOND", "100000"),
    ("REQUESTS_PER_SECOND", "100000"),
    ("QUIET_HOURS", "off"),
    ("PRICES", "US=9100"),
    ("PREFERENCES_URL", "https://sms.allthrive.ai/preferences"),
];

/// What may go out again if nobody can tell whether it did: an alert and a code, and nothing else, whatever the functions think.
const RESENT: [Kind; 2] = [Kind::SecurityAlert, Kind::PhoneVerification];

/// After so many rounds something goes round in circles.
const MOST_ROUNDS: usize = 80;

/// A cloud with functions in it.
pub struct World {
    /// The cloud.
    pub cloud: Cloud,
    /// What each function is told, by its name.
    environments: BTreeMap<&'static str, Vec<(String, String)>>,
    /// How each queue is polled, and for whom.
    pub feeds: Vec<(&'static str, Polling)>,
    /// Events that were published.
    published: Mutex<Vec<Value>>,
    /// When the runs of the reconciler to which nothing happened began and ended.
    reconciled: Mutex<Vec<(Timestamp, Timestamp)>>,
    log: Mutex<String>,
}

/// What did not hold.
#[derive(Debug, Default)]
pub struct Broken(pub Vec<String>);

impl Broken {
    /// Notes `what` if it does not hold.
    pub fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

impl World {
    /// A new one, whose clock can be moved. `settings` are for all functions, and win over what the template says.
    pub async fn new(folder: &Path, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::by(Clock::new(folder)?, settings).await
    }

    /// A new one that goes by `clock`.
    pub async fn by(clock: Clock, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let cloud = Cloud::start(clock).await?;
        let template = crate::template::parse(&std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))?)?;
        let mut environments = BTreeMap::new();
        for name in FUNCTIONS {
            let resource = |id: &str| Some(if id.ends_with("Queue") { format!("http://sqs/000000000000/{id}") } else { id.to_owned() });
            let mut environment = defaults(&logical_id(name), resource)?;
            for (name, value) in SETTINGS.iter().chain(settings) {
                if let Some(entry) = environment.iter_mut().find(|(known, _)| known == name) {
                    (*value).clone_into(value_of(entry));
                }
            }
            environments.insert(name, environment);
        }
        let mut feeds = Vec::new();
        for (function, queue) in FED {
            let properties = &template["Resources"][queue]["Properties"];
            let events = template["Resources"][&logical_id(function)]["Properties"]["Events"].as_object().context("no events")?;
            let mut sources = events.values().map(|event| &event["Properties"]);
            let source =
                sources.find(|source| source["Queue"]["Fn::GetAtt"] == format!("{queue}.Arn")).with_context(|| format!("nobody polls {queue}"))?;
            let tries = &environments[function].iter().find(|(name, _)| name == "MAX_RECEIVE_COUNT").context("no MAX_RECEIVE_COUNT")?.1;
            let polling = Polling {
                queue,
                batch: usize::try_from(source["BatchSize"].as_u64().context("no BatchSize")?)?,
                visibility: SignedDuration::from_secs(properties["VisibilityTimeout"].as_i64().context("no VisibilityTimeout")?),
                tries: tries.parse()?,
            };
            feeds.push((function, polling));
        }
        let world = Self { cloud, environments, feeds, published: Mutex::default(), reconciled: Mutex::default(), log: Mutex::default() };
        Ok(world)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.cloud.clock.now()
    }

    /// Says that AWS's opt-out list was compared with ours a moment ago.
    pub async fn compared(&self) -> anyhow::Result<()> {
        use sms::stores::{Comparison, Comparisons, Stage};
        let now = self.now();
        let comparison = Comparison { revision: 1, begun_at: now, limit_asked_at: Some(now), stage: Stage::Done, only_theirs: 0, only_ours: 0 };
        Comparisons::new(self.cloud.database.dynamodb.clone(), "LimitsTable".into()).write(&comparison).await.map(drop)
    }

    /// Our number is taken for so long.
    pub async fn busy(&self, time: SignedDuration) -> anyhow::Result<()> {
        let (_, identities) = self.environment("sender").iter().find(|(name, _)| name == "ORIGINATION_IDENTITIES").context("nobody sends")?;
        let identity = identities.split_once('=').context("no identity")?.1;
        let free_at = self.now() + time;
        let row = json!({"limit_id": format!("pace/{identity}"), "free_at": free_at.as_microsecond(), "expires_at": free_at.as_second() + 3600});
        let row = to_item(row)?;
        self.cloud.database.dynamodb.put_item().table_name("LimitsTable").set_item(Some(row)).send().await?;
        Ok(())
    }

    /// What `function` is told: the names and values of its environment.
    #[must_use]
    pub fn environment(&self, function: &str) -> &[(String, String)] {
        self.environments.get(function).map_or(&[], Vec::as_slice)
    }

    /// Starts a process of `function`.
    pub async fn start(&self, function: &'static str, hand: Hand, time_out: Duration) -> anyhow::Result<Function> {
        Function::start(function, &self.environments[function], &self.cloud, hand, time_out).await
    }

    /// Runs `function` for one event, in a process of its own.
    pub async fn run(&self, function: &'static str, hand: &Hand, event: Value) -> anyhow::Result<Outcome> {
        let mut process = self.start(function, hand.clone(), Duration::from_secs(30)).await?;
        let outcome = self.invoke(function, &mut process, event).await?;
        self.heard(&process.end().await?);
        Ok(outcome)
    }

    /// Gives `process` of `function` an event, and notes if it was a reconciler that did all that there was to do.
    pub async fn invoke(&self, function: &str, process: &mut Function, event: Value) -> anyhow::Result<Outcome> {
        let began = self.now();
        let outcome = process.invoke(event).await?;
        if function == "reconciler" && matches!(outcome, Outcome::Answer(_)) {
            self.reconciled.lock().unwrap_or_else(PoisonError::into_inner).push((began, self.now()));
        }
        Ok(outcome)
    }

    /// Keeps what a process said.
    pub fn heard(&self, log: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push_str(log);
    }

    /// What all processes said.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The main app publishes an event.
    pub fn publish(&self, event: &Published) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).push(event.event.clone());
        self.cloud.sqs.put("EventsQueue", &event.event.to_string(), Value::Null, self.now());
    }

    /// Somebody who agreed to everything.
    pub async fn person(&self, id: &str, phone: &str) -> anyhow::Result<Recipient> {
        let now = self.now();
        let consent =
            Consent { given_at: now, method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone.parse()?, revoked_at: None };
        let recipient = Recipient {
            phone: Some(phone.parse()?),
            phone_verified_at: Some(now),
            sms_enabled: true,
            categories: Categories::ALL_ON,
            consent: Some(consent),
            time_zone: Some("America/New_York".into()),
            ..Recipient::new(user(id))
        };
        self.recipients().put(&recipient).await?;
        Ok(recipient)
    }

    /// The recipients table.
    #[must_use]
    pub fn recipients(&self) -> Recipients {
        Recipients::new(self.cloud.database.dynamodb.clone(), "RecipientsTable".into())
    }

    /// The opt-outs table.
    #[must_use]
    pub fn opt_outs(&self) -> OptOuts {
        OptOuts::new(self.cloud.database.dynamodb.clone(), "OptOutsTable".into())
    }

    /// The ledger of somebody.
    pub async fn ledger(&self, id: &str) -> anyhow::Result<Vec<LedgerEntry>> {
        Ledger::new(self.cloud.database.dynamodb.clone(), "ConsentsTable".into()).of(&user(id)).await
    }

    /// All rows of the messages table, with when each is due.
    pub async fn rows(&self) -> anyhow::Result<Vec<(Message, Option<Timestamp>)>> {
        let items = self.items("MessagesTable").await?.into_iter();
        let due = |item: &Item| item.get("due_at").and_then(|due| due.as_s().ok()?.parse().ok());
        items.map(|item| (due(&item), item)).map(|(due, item)| Ok((from_item(item)?, due))).collect()
    }

    /// All rows of the recipients table.
    pub async fn all_recipients(&self) -> anyhow::Result<Vec<Recipient>> {
        self.items("RecipientsTable").await?.into_iter().map(|item| Ok(from_item(item)?)).collect()
    }

    /// All rows of the opt-outs table.
    pub async fn all_opt_outs(&self) -> anyhow::Result<Vec<OptOut>> {
        self.items("OptOutsTable").await?.into_iter().map(|item| Ok(from_item(item)?)).collect()
    }

    async fn items(&self, table: &str) -> anyhow::Result<Vec<Item>> {
        let pages = self.cloud.database.dynamodb.scan().table_name(table).into_paginator().items().send();
        Ok(pages.collect::<Result<_, _>>().await?)
    }

    /// When each text that somebody has to look at is due. `Err` names one in doubt that is to be sent again and that nobody would look at in time.
    pub async fn due(&self) -> anyhow::Result<Vec<Timestamp>> {
        let rows = self.rows().await?;
        for (row, due) in rows.iter().filter(|(row, _)| row.status == Status::Unknown && row.useful_until > self.now()) {
            let stays = !RESENT.contains(&row.kind()) || row.provider_message_id.is_some() || row.erased_at.is_some();
            let without_money = row.delivery_detail.as_ref().is_some_and(|detail| detail.starts_with("not sent again: "));
            let until = due::doubt_ends(row, self.resend_after()?).max(row.updated_at + due::SHORTEST_DOUBT);
            let in_time = due.is_some_and(|due| due <= until);
            anyhow::ensure!(stays || without_money || in_time, "{} is in doubt until {until} and due {due:?}", row.kind().as_str());
        }
        Ok(rows.into_iter().filter_map(|(_, due)| due).collect())
    }

    /// How long a receipt is waited for before a text in doubt is sent again.
    fn resend_after(&self) -> anyhow::Result<SignedDuration> {
        Ok(SignedDuration::from_secs(self.told("reconciler", "RESEND_AFTER_SECONDS")?))
    }

    /// How many texts anybody gets.
    fn caps(&self) -> anyhow::Result<Caps> {
        let told = |name| self.told("producer", name);
        Ok(Caps { per_day: told("DAILY_CAP")?, same_per_hour: told("HOURLY_CAP_SAME")?, any_per_hour: told("HOURLY_CAP")? })
    }

    /// A number that `function` is told.
    fn told<T: FromStr<Err = std::num::ParseIntError>>(&self, function: &str, name: &str) -> anyhow::Result<T> {
        let (_, value) = self.environment(function).iter().find(|(known, _)| known == name).with_context(|| format!("no {name}"))?;
        Ok(value.parse()?)
    }

    /// Whether a text in doubt could have been sent again: between the end of its doubt and its own, a reconciler came by to which nothing happened. One that is
    /// still of use could: there is nothing left for which it would have to wait.
    fn had_its_chance(&self, row: &Message) -> anyhow::Result<bool> {
        let doubt_ends = due::doubt_ends(row, self.resend_after()?);
        let runs = self.reconciled.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(row.useful_until > self.now() || runs.iter().any(|(began, ended)| *began >= doubt_ends && *ended < row.useful_until))
    }

    /// Feeds the functions until nothing can be seen in any queue.
    pub async fn pump(&self, hand: &Hand) -> anyhow::Result<()> {
        for _ in 0..MOST_ROUNDS {
            self.arrived().await?;
            let mut idle = true;
            for (function, polling) in &self.feeds {
                let records = self.cloud.sqs.receive(polling, self.now());
                if records.is_empty() {
                    continue;
                }
                idle = false;
                let outcome = self.run(function, hand, json!({"Records": records})).await?;
                self.conclude(polling, &records, &outcome);
            }
            if idle {
                return Ok(());
            }
        }
        anyhow::bail!("the queues are never empty")
    }

    /// Feeds one function once.
    pub async fn run_fed(&self, function: &str, hand: &Hand) -> anyhow::Result<()> {
        for (name, polling) in self.feeds.iter().filter(|(name, _)| *name == function) {
            let records = self.cloud.sqs.receive(polling, self.now());
            if !records.is_empty() {
                let outcome = self.run(name, hand, json!({"Records": records})).await?;
                self.conclude(polling, &records, &outcome);
            }
        }
        Ok(())
    }

    /// Takes what the provider published to its queues, once all of it is there.
    pub async fn arrived(&self) -> anyhow::Result<()> {
        // Receipts come at once, but by tasks of their own.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.cloud.deliver(|| false).await;
        Ok(())
    }

    /// Deletes the records that a function was done with, as Lambda's poller does.
    pub fn conclude(&self, polling: &Polling, records: &[Value], outcome: &Outcome) {
        let Outcome::Answer(answer) = outcome else { return };
        let failed = answer["batchItemFailures"].as_array().into_iter().flatten().filter_map(|failure| failure["itemIdentifier"].as_str());
        let failed = failed.collect::<BTreeSet<_>>();
        let done = records.iter().filter_map(|record| record["messageId"].as_str()).filter(|id| !failed.contains(id)).map(str::to_owned);
        self.cloud.sqs.delete(polling.queue, &done.collect::<Vec<_>>());
    }

    /// Lets time pass, with a reconciler that comes by whenever something is due, until nothing is left to happen.
    pub async fn settle(&self, hand: &Hand) -> anyhow::Result<()> {
        for _ in 0..MOST_ROUNDS {
            self.pump(hand).await?;
            let due = self.due().await?.into_iter().min();
            let Some(next) = due.into_iter().chain(self.cloud.sqs.next()).min() else { return Ok(()) };
            let wait = next.duration_since(self.now());
            if wait > SignedDuration::ZERO {
                self.cloud.clock.forward(SignedDuration::from_secs(wait.as_secs() + 1))?;
            }
            if due.is_some_and(|due| due <= self.now()) {
                // A run that failed or died is followed by the next.
                self.run("reconciler", hand, json!({})).await?;
            }
        }
        anyhow::bail!("something is always left to happen: {}", self.what_is_left().await?)
    }

    async fn what_is_left(&self) -> anyhow::Result<String> {
        let rows = self.rows().await?.into_iter().filter(|(_, due)| due.is_some());
        let rows = rows.map(|(row, due)| format!("{} {} due {due:?}", row.kind().as_str(), row.status.as_str())).collect::<Vec<_>>();
        let queues = self.feeds.iter().map(|(_, polling)| format!("{}: {}", polling.queue, self.cloud.sqs.all(polling.queue).len()));
        Ok(format!("{rows:?}, {:?}", queues.collect::<Vec<_>>()))
    }

    /// What does not hold now that nothing is left to happen.
    pub async fn broken(&self) -> anyhow::Result<Broken> {
        let mut broken = Broken::default();
        let rows = self.rows().await?.into_iter().map(|(row, _)| row).collect::<Vec<_>>();
        let dead = self.cloud.sqs.all(DEAD);
        for event in self.published.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let id = message_id(event["source"].as_str().unwrap_or_default(), event["id"].as_str().unwrap_or_default());
            let body = event.to_string();
            let is_dead = || dead.iter().any(|letter| letter.body == body || letter.body.contains(&id.to_string()));
            broken.unless(rows.iter().any(|row| row.message_id == id) || is_dead(), || format!("the event of {id} is lost"));
        }
        for letter in dead.iter().filter(|letter| !letter.has_reason() && !letter.is_worn_out) {
            broken.0.push(format!("a dead letter without a reason: {}", letter.id));
        }
        let mut known = 0;
        for row in &rows {
            let times = self.cloud.provider.simulator.taken(row.message_id);
            known += times;
            let before = broken.0.len();
            text_holds(row, times, self.cloud.doubts(row.message_id), self.had_its_chance(row)?, &mut broken);
            if let Some(first) = broken.0.get_mut(before) {
                let id = row.message_id.to_string();
                first.extend(self.log().lines().filter(|line| line.contains(&id)).flat_map(|line| ["\n    ", line]));
            }
        }
        let all = self.cloud.provider.simulator.stats().accepted;
        broken.unless(known == all, || format!("{all} texts were sent, and the rows know of {known}"));
        let (taken, caps) = (self.taken()?, self.caps()?);
        receipts_hold(&rows, &taken, &mut broken);
        caps_hold(&rows, &taken, &caps, &mut broken);
        self.books_hold(&rows, &caps, &mut broken).await?;
        broken.0.extend(self.secrets(&rows).await?.found_in(&self.log()));
        Ok(broken)
    }

    /// What each month's books have of its budget: micro-USD.
    pub async fn committed(&self) -> anyhow::Result<Vec<i64>> {
        let limits = self.cloud.database.scan("LimitsTable").await?;
        Ok(months(&limits).filter_map(|row| row["committed"].as_i64()).collect())
    }

    /// The month's books are the sum of the rows, every cap holds, and what reached nobody uses up none.
    async fn books_hold(&self, rows: &[Message], caps: &Caps, broken: &mut Broken) -> anyhow::Result<()> {
        let limits = self.cloud.database.scan("LimitsTable").await?;
        // All months together: what an answer costs, for which nothing was reserved, is in the month in which it was billed.
        let (mut committed, mut settled) = (0, 0);
        for row in rows {
            committed += row.settled.or(row.reserved.as_ref().map(|reserved| reserved.amount)).map_or(0, |amount| amount.0);
            settled += row.settled.map_or(0, |settled| settled.0);
            let what = || format!("{} {}", row.kind().as_str(), row.status.as_str());
            let over = row.status.is_final() && row.reserved.is_some();
            broken.unless(!over || row.settled.is_some(), || format!("{} is not in the books", what()));
        }
        let books = ["committed", "settled"].map(|name| months(&limits).filter_map(|row| row[name].as_i64()).sum::<i64>());
        broken.unless(books == [committed, settled], || format!("the books say {books:?}, and the rows {:?}", [committed, settled]));
        for row in &limits {
            let id = row["limit_id"].as_str().unwrap_or_default();
            if id.starts_with("day/") {
                let ids = row["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<BTreeSet<_>>();
                broken.unless(ids.len() <= caps.per_day, || format!("{} texts on one day", ids.len()));
                for text in rows.iter().filter(|row| ids.contains(row.message_id.to_string().as_str())) {
                    let reached_nobody = matches!(text.status, Status::Suppressed | Status::Failed | Status::Expired | Status::Merged);
                    broken.unless(!reached_nobody, || format!("a text that is {} uses up a cap", text.status.as_str()));
                }
            }
        }
        let delivered = rows.iter().filter(|row| row.status == Status::Delivered && row.kind().class() == Class::Promotional);
        for text in delivered.filter(|text| text.reserved.as_ref().is_some_and(|reserved| reserved.day.is_some())) {
            let counted = limits.iter().any(|row| row["ids"].as_array().into_iter().flatten().any(|id| *id == text.message_id.to_string()));
            broken.unless(counted, || format!("{} was delivered and is not counted", text.kind().as_str()));
        }
        Ok(())
    }

    /// What no log may have: all that the phones show, and what the rows have of texts that were not sent.
    async fn secrets(&self, rows: &[Message]) -> anyhow::Result<Secrets> {
        let mut secrets = Secrets::default();
        for phone in self.cloud.phones().await? {
            secrets.number(&phone);
            for text in self.cloud.provider.simulator.texts(&phone) {
                secrets.body(&text.body);
            }
        }
        for row in rows {
            if let Some(phone) = &row.phone {
                secrets.number(phone);
            }
            if let Some(body) = &row.body {
                secrets.body(body);
            }
        }
        Ok(secrets)
    }
}

/// The books of each month among `limits`.
fn months(limits: &[Value]) -> impl Iterator<Item = &Value> {
    limits.iter().filter(|row| row["limit_id"].as_str().is_some_and(|id| id.starts_with("budget/")))
}

/// Never twice, never lost, and never without an account of it. AWS took the text so many `times`; so many times its sender may not have been able to write that down.
fn text_holds(row: &Message, times: u64, unheard: u64, had_its_chance: bool, broken: &mut Broken) {
    let (kind, status) = (row.kind(), row.status);
    let what = |why: &str| {
        let way = row.changes.iter().map(|entered| format!("{} at {}", entered.status.as_str(), entered.at)).collect::<Vec<_>>();
        let detail = row.delivery_detail.as_deref().unwrap_or("no detail");
        let until = row.useful_until;
        format!(
            "{} is {} and was sent {times} times, {unheard} of them unheard of: {why} ({detail}; {}; of use until {until})",
            kind.as_str(),
            status.as_str(),
            way.join(", ")
        )
    };
    let doubts = row.changes.iter().filter(|entered| entered.status == Status::Unknown).count() as u64;
    let doubts = doubts.min(unheard);
    let most = if RESENT.contains(&kind) { 1 + doubts } else { 1 };
    broken.unless(times <= most, || what("too often"));
    match status {
        Status::Delivered | Status::Undelivered | Status::Sent => broken.unless(times >= 1, || what("nobody sent it")),
        Status::Unknown => {
            broken.unless(!RESENT.contains(&kind) || times >= 1 || !had_its_chance, || what("it is lost"));
        }
        Status::Suppressed | Status::Failed | Status::Merged => broken.unless(times <= doubts, || what("it was not to be sent")),
        Status::Expired => broken.unless(times <= doubts, || what("it was over")),
        Status::Pending | Status::Sending | Status::Held => broken.unless(false, || what("it is not over")),
    }
    let explained = status != Status::Unknown || row.delivery_detail.is_some();
    broken.unless(explained, || what("nobody knows why"));
    let open = row.due_at().is_some() && due::outlived_by_code(status);
    broken.unless(!open || kind == Kind::PhoneVerification, || what("somebody still waits for it"));
}

fn value_of(entry: &mut (String, String)) -> &mut String {
    &mut entry.1
}
