//! Cold starts: from the spawn to the first `next`, and to the first answer.

use std::path::Path;

use anyhow::Context;
use journeys::rig::{function::Function, world::World};
use serde_json::{Map, Value, json};
use tokio::process::Command;

use crate::{
    Effort,
    contestant::Contestant,
    pipeline::{cloud, events, gentle, measured, take},
    process::{TIME_OUT, ms},
};

/// Every function of every contestant, and a function that only has clients, in turn.
pub async fn measure(contestants: &[Contestant], binaries: &Path, effort: Effort) -> anyhow::Result<Value> {
    let world = cloud().await?;
    let mut times = Map::new();
    for round in 0..effort.starts {
        for contestant in contestants {
            for function in journeys::rig::world::FUNCTIONS.into_iter().filter(|function| contestant.has(function)) {
                let process = contestant.start(&world, function, &[], gentle()).await?;
                let event = first_event(&world, contestant, function, round).await?;
                note(&mut times, contestant.name, function, start(process, event).await?);
            }
        }
        let empty = Function::launch(Command::new(binaries.join("empty/bootstrap")), "sender", &[], &world.cloud, gentle(), TIME_OUT).await?;
        note(&mut times, "rust", "empty", start(empty, json!({})).await?);
        crate::say(&format!("{} of {} starts", round + 1, effort.starts));
    }
    Ok(Value::Object(times))
}

/// Milliseconds to the first `next`, and to the first answer.
async fn start(mut process: Function, event: Value) -> anyhow::Result<(f64, f64)> {
    let ready = process.ready().await?;
    crate::process::answer(&mut process, event).await?;
    Ok((ms(ready), ms(process.answered_after().context("it never answered")?)))
}

fn note(times: &mut Map<String, Value>, contestant: &str, function: &str, (ready, answered): (f64, f64)) {
    let function = times.entry(contestant).or_insert_with(|| json!({})).as_object_mut().map(|functions| functions.entry(function));
    let Some(figures) = function.map(|entry| entry.or_insert_with(|| json!({"ready_ms": [], "answered_ms": []}))) else { return };
    for (name, value) in [("ready_ms", ready), ("answered_ms", answered)] {
        if let Some(list) = figures[name].as_array_mut() {
            list.push(json!(value));
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
