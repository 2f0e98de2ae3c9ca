//! Warm batches: how long each takes, how much of a processor it needs, and how much memory its process.

use serde_json::{Map, Value, json};

use crate::{
    Effort,
    contestant::Contestant,
    pipeline::{Pipeline, Sample, gentle},
    process::{ms, peak_memory},
};

const SIZES: [usize; 4] = [1, 2, 5, 10];

/// Every contestant in turn, batch after batch.
pub async fn measure(contestants: &[Contestant], effort: Effort) -> anyhow::Result<Value> {
    let mut pipelines = Vec::new();
    for contestant in contestants {
        pipelines.push((contestant.name, Pipeline::new(contestant, gentle()).await?));
    }
    let mut figures = Map::new();
    for size in SIZES {
        for _ in 0..effort.batches {
            for (name, pipeline) in &mut pipelines {
                let produced = pipeline.produce(size).await?;
                note(&mut figures, name, "producer", size, produced);
                let sent = pipeline.send(size).await?;
                note(&mut figures, name, "sender", size, sent);
                for received in pipeline.receive(size).await? {
                    note(&mut figures, name, "receipts", size, received);
                }
            }
        }
        crate::say(&format!("{} batches of {size}", effort.batches));
    }
    let mut memory = Map::new();
    for (name, pipeline) in &pipelines {
        let of_each = ["producer", "sender", "receipts"].into_iter().filter_map(|function| Some((function, pipeline.process(function)?)));
        let peaks =
            of_each.map(|(function, process)| Ok((function.to_owned(), json!(peak_memory(process)?)))).collect::<anyhow::Result<Map<_, _>>>()?;
        memory.insert((*name).to_owned(), Value::Object(peaks));
    }
    Ok(json!({"batches": figures, "peak_memory": memory}))
}

/// Adds a sample to `contestant.function.size`.
fn note(figures: &mut Map<String, Value>, contestant: &str, function: &str, size: usize, sample: Sample) {
    let place = figures.entry(contestant).or_insert_with(|| json!({}));
    let place = &mut place[function][size.to_string()];
    for (name, value) in [("latency_ms", ms(sample.latency)), ("cpu_ms", ms(sample.cpu))] {
        match place[name].as_array_mut() {
            Some(list) => list.push(json!(value)),
            None => place[name] = json!([value]),
        }
    }
}
