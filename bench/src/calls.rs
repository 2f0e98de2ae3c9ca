//! What a text needs of AWS, counted at the wire: calls by operation, and DynamoDB's units as DynamoDB says them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use journeys::rig::{
    cloud::Units,
    wire::{Call, Fate, Hand},
};
use serde_json::{Map, Value, json};

use crate::{contestant::Contestant, pipeline::Pipeline};

/// Whose work a text is, in order.
const STEPS: [&str; 3] = ["producer", "sender", "receipts"];

/// What each of them is given at once, as the template has it.
const EVENTS: usize = 10;
const JOBS: usize = 5;
const RECEIPTS: usize = 10;

/// Batches of events: without waiting, and at a pace.
const BATCHES: usize = 20;
const PACED_BATCHES: usize = 4;

/// Parts a second of a toll-free number.
const PACE: u32 = 3;

/// What DynamoDB adds to the bytes of a row, and to those of an entry of an index.
const OVERHEAD: i64 = 100;

/// Calls by function and operation.
type Counts = BTreeMap<String, usize>;

/// Follows texts from the event to the last receipt.
pub async fn measure(contestants: &[Contestant]) -> anyhow::Result<Value> {
    let mut results = Map::new();
    for contestant in contestants {
        let counts = Arc::new(Mutex::new(Counts::new()));
        let mut pipeline = Pipeline::new(contestant, counting(counts.clone())).await?;
        let mut measured = without_waiting(&mut pipeline, &counts).await?;
        // Who has no receipts looks at people once a text, at any pace.
        if contestant.has("receipts") {
            measured["paced"] = at_a_pace(&mut pipeline, &counts).await?;
        }
        results.insert(contestant.name.to_owned(), measured);
    }
    Ok(Value::Object(results))
}

/// A hand that breaks nothing, and counts.
fn counting(counts: Arc<Mutex<Counts>>) -> Hand {
    Arc::new(move |call: &Call<'_>| {
        *counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(format!("{} {}.{}", call.function, call.service, call.operation))
            .or_default() += 1;
        Fate::Pass
    })
}

/// Texts that leave at once: nobody waits for a slot.
async fn without_waiting(pipeline: &mut Pipeline, counts: &Mutex<Counts>) -> anyhow::Result<Value> {
    let messages = float(BATCHES * EVENTS);
    let mut units = BTreeMap::<_, Units>::new();
    let before = STEPS.map(|step| said(pipeline, step));
    forget(counts);
    for _ in 0..BATCHES {
        for step in STEPS {
            pipeline.world.cloud.meter();
            work(pipeline, step).await?;
            let used = pipeline.world.cloud.used();
            let sum = units.entry(step).or_default();
            sum.read += used.read;
            sum.write += used.write;
        }
    }
    let units = units
        .into_iter()
        .map(|(step, used)| (step.to_owned(), json!({"read": used.read / messages, "write": used.write / messages})))
        .collect::<Map<_, _>>();
    let log = STEPS
        .iter()
        .zip(before)
        .map(|(step, before)| ((*step).to_owned(), json!(float(said(pipeline, step) - before) / messages)))
        .collect::<Map<_, _>>();
    Ok(json!({
        "calls_per_message": calls(counts, messages),
        "units_per_message": units,
        "log_bytes_per_message": log,
        "bytes_kept_per_message": kept(pipeline).await?,
        "batches": {"producer": EVENTS, "sender": JOBS, "receipts": RECEIPTS},
    }))
}

/// Texts that leave one after the other, from one sender that waits for the slot of each. Their receipts wait until a batch is full.
async fn at_a_pace(pipeline: &mut Pipeline, counts: &Mutex<Counts>) -> anyhow::Result<Value> {
    let messages = float(PACED_BATCHES * EVENTS);
    let pace = PACE.to_string();
    pipeline.replace_sender(&[("PARTS_PER_SECOND", pace.clone()), ("REQUESTS_PER_SECOND", pace)]).await?;
    // The first texts of a process need more calls than all others.
    for step in STEPS {
        work(pipeline, step).await?;
    }
    forget(counts);
    let mut sending = Duration::ZERO;
    for _ in 0..PACED_BATCHES {
        for step in STEPS {
            let took = work(pipeline, step).await?;
            if step == "sender" {
                sending += took;
            }
        }
    }
    Ok(json!({
        "parts_per_second": PACE,
        "calls_per_message": calls(counts, messages),
        "sender_seconds_per_message": sending.as_secs_f64() / messages,
    }))
}

/// Lets a function do its part for a batch of events; answers how long it was at it.
async fn work(pipeline: &mut Pipeline, step: &str) -> anyhow::Result<Duration> {
    let samples = match step {
        "producer" => vec![pipeline.produce(EVENTS).await?],
        "sender" => {
            let mut samples = Vec::new();
            for _ in 0..EVENTS / JOBS {
                samples.push(pipeline.send(JOBS).await?);
            }
            samples
        }
        _ => pipeline.receive(RECEIPTS).await?,
    };
    Ok(samples.iter().map(|sample| sample.latency).sum())
}

fn forget(counts: &Mutex<Counts>) {
    counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

fn calls(counts: &Mutex<Counts>, messages: f64) -> Map<String, Value> {
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    counts.iter().map(|(name, count)| (name.clone(), json!(float(*count) / messages))).collect()
}

/// Bytes that a function has logged so far.
fn said(pipeline: &Pipeline, step: &str) -> usize {
    pipeline.process(step).map_or(0, |process| process.log().len())
}

/// Bytes that the messages' table and its indexes keep of a message, as they are billed.
async fn kept(pipeline: &Pipeline) -> anyhow::Result<Value> {
    let described = pipeline.world.cloud.database.dynamodb.describe_table().table_name("MessagesTable").send().await?;
    let table = described.table.context("there is no table of messages")?;
    let rows = float(usize::try_from(table.item_count().context("nobody counted the rows")?)?);
    let of_table = billed(table.table_size_bytes(), table.item_count())?;
    let indexes = table.global_secondary_indexes().iter().map(|index| billed(index.index_size_bytes(), index.item_count()));
    let of_indexes = indexes.sum::<anyhow::Result<usize>>()?;
    Ok(json!({"table": float(of_table) / rows, "indexes": float(of_indexes) / rows}))
}

fn billed(bytes: Option<i64>, entries: Option<i64>) -> anyhow::Result<usize> {
    let bytes = bytes.context("nobody weighed the entries")? + OVERHEAD * entries.context("nobody counted the entries")?;
    Ok(usize::try_from(bytes)?)
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn float(number: usize) -> f64 {
    number as f64
}
