//! What a text needs of AWS, counted at the wire: calls by operation, and DynamoDB's units as DynamoDB says them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use journeys::rig::wire::{Call, Fate, Hand};
use serde_json::{Map, Value, json};

use crate::{contestant::Contestant, pipeline::Pipeline};

const BATCHES: usize = 20;
const SIZE: usize = 10;

/// Calls by function and operation.
type Counts = BTreeMap<String, usize>;

/// Follows texts from the event to the last receipt.
pub async fn measure(contestants: &[Contestant]) -> anyhow::Result<Value> {
    let mut results = Map::new();
    for contestant in contestants {
        let counts = Arc::new(Mutex::new(Counts::new()));
        let counted = counts.clone();
        let hand: Hand = Arc::new(move |call: &Call<'_>| {
            *counted
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(format!("{} {}.{}", call.function, call.service, call.operation))
                .or_default() += 1;
            Fate::Pass
        });
        let mut pipeline = Pipeline::new(contestant, hand).await?;
        counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let logged = |pipeline: &Pipeline, step| pipeline.process(step).map_or(0, |process| process.log().len());
        let steps = ["producer", "sender", "receipts"];
        let before = steps.map(|step| logged(&pipeline, step));
        let mut units = BTreeMap::new();
        for _ in 0..BATCHES {
            for step in steps {
                pipeline.world.cloud.meter();
                match step {
                    "producer" => drop(pipeline.produce(SIZE).await?),
                    "sender" => drop(pipeline.send(SIZE).await?),
                    _ => drop(pipeline.receive(SIZE).await?),
                }
                let used = pipeline.world.cloud.used();
                let sum = units.entry(step).or_insert((0.0, 0.0));
                *sum = (sum.0 + used.read, sum.1 + used.write);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let messages = (BATCHES * SIZE) as f64;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let per_message = |count: usize| count as f64 / messages;
        let calls = counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(name, count)| (name.clone(), json!(per_message(*count))))
            .collect::<Map<_, _>>();
        let units = units
            .into_iter()
            .map(|(step, (read, write))| (step.to_owned(), json!({"read": read / messages, "write": write / messages})))
            .collect::<Map<_, _>>();
        let log = steps
            .iter()
            .zip(before)
            .map(|(step, before)| ((*step).to_owned(), json!(per_message(logged(&pipeline, step) - before))))
            .collect::<Map<_, _>>();
        let measured = json!({"calls_per_message": calls, "units_per_message": units, "log_bytes_per_message": log, "batch": SIZE});
        results.insert(contestant.name.to_owned(), measured);
    }
    Ok(Value::Object(results))
}
