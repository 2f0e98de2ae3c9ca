//! Cold starts: from the spawn to the first `next`, and to the first answer; and the memory that this takes.

use std::{path::Path, time::Duration};

use anyhow::Context;
use journeys::rig::{function::Function, world::World};
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::{
    Effort,
    contestant::Contestant,
    pipeline::{cloud, events, gentle, measured, take},
    process::{TIME_OUT, ms, peak_memory},
};

/// Every function of every contestant, and a function that only has clients, in turn.
pub async fn measure(contestants: &[Contestant], binaries: &Path, effort: Effort) -> anyhow::Result<Value> {
    let world = cloud().await?;
    let mut figures = Map::new();
    for round in 0..effort.starts {
        for contestant in contestants {
            for function in journeys::rig::world::FUNCTIONS.into_iter().filter(|function| contestant.has(function)) {
                let process = contestant.start(&world, function, &[], gentle()).await?;
                let event = first_event(&world, contestant, function, round).await?;
                note(&mut figures, contestant.name, function, &start(process, event).await?);
            }
        }
        let empty = Function::launch(Command::new(binaries.join("empty/bootstrap")), "sender", &[], &world.cloud, gentle(), TIME_OUT).await?;
        note(&mut figures, "rust", "empty", &start(empty, json!({})).await?);
        crate::say(&format!("{} of {} starts", round + 1, effort.starts));
    }
    Ok(Value::Object(figures))
}

/// What came of a start.
struct Start {
    /// From the spawn to the first `next`.
    ready: Duration,
    /// From the spawn to the first answer.
    answered: Duration,
    /// The most memory that it had until then, in bytes.
    peak_memory: u64,
}

async fn start(mut process: Function, event: Value) -> anyhow::Result<Start> {
    let ready = process.ready().await?;
    crate::process::answer(&mut process, event).await?;
    Ok(Start { ready, answered: process.answered_after().context("it never answered")?, peak_memory: peak_memory(&process)? })
}

fn note(figures: &mut Map<String, Value>, contestant: &str, function: &str, start: &Start) {
    let function = figures.entry(contestant).or_insert_with(|| json!({})).as_object_mut().map(|functions| functions.entry(function));
    let Some(lists) = function.map(|entry| entry.or_insert_with(|| json!({"ready_ms": [], "answered_ms": [], "peak_memory": []}))) else { return };
    let samples = [("ready_ms", json!(ms(start.ready))), ("answered_ms", json!(ms(start.answered))), ("peak_memory", json!(start.peak_memory))];
    for (name, value) in samples {
        if let Some(list) = lists[name].as_array_mut() {
            list.push(value);
        }
    }
}

/// Something for a function to do: one record.
async fn first_event(world: &World, contestant: &Contestant, function: &str, round: usize) -> anyhow::Result<Value> {
    Ok(match function {
        "producer" => json!({"Records": events(round, 1)?}),
        "sender" => {
            let mut producer = contestant.start(world, "producer", &[], gentle()).await?;
            drop(take(world, "BulkQueue", 10));
            measured(&mut producer, events(round, 1)?).await?;
            json!({"Records": take(world, "BulkQueue", 1)})
        }
        other => {
            let path = format!("{}/../events/invoke/{other}.json", env!("CARGO_MANIFEST_DIR"));
            serde_json::from_str(&std::fs::read_to_string(&path).context(path)?)?
        }
    })
}
