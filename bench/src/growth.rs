//! How the work of a text grows with the tables.

use serde_json::{Map, Value, json};

use crate::{
    Effort,
    contestant::Contestant,
    pipeline::{Pipeline, Sample, gentle},
    process::ms,
};

/// Rows that are imported at once.
const CHUNK: usize = 20_000;
const SIZE: usize = 10;

/// Batches of ten against small and large tables of people and messages, in turn.
pub async fn measure(rust: &Contestant, effort: Effort) -> anyhow::Result<Value> {
    let mut pipelines = Vec::new();
    for rows in [effort.rows / 100, effort.rows] {
        let mut pipeline = Pipeline::new(rust, gentle()).await?;
        fill(&pipeline, rows)?;
        // What the large table pushed out of memory comes back.
        for _ in 0..3 {
            pipeline.produce(SIZE).await?;
            pipeline.send(SIZE).await?;
            pipeline.receive(SIZE).await?;
        }
        pipelines.push((rows, pipeline, Map::new()));
    }
    for _ in 0..effort.batches {
        for (_, pipeline, figures) in &mut pipelines {
            note(figures, "producer", pipeline.produce(SIZE).await?);
            note(figures, "sender", pipeline.send(SIZE).await?);
            for sample in pipeline.receive(SIZE).await? {
                note(figures, "receipts", sample);
            }
        }
    }
    Ok(pipelines.into_iter().map(|(rows, _, figures)| (rows.to_string(), Value::Object(figures))).collect::<Map<_, _>>().into())
}

/// Copies of a person and of a message, under other names.
fn fill(pipeline: &Pipeline, rows: usize) -> anyhow::Result<()> {
    let database = &pipeline.world.cloud.database.database;
    for (table, key, unlike) in [("RecipientsTable", "user_id", "phone"), ("MessagesTable", "message_id", "provider_message_id")] {
        let request = serde_json::from_value(json!({"TableName": table, "Limit": 1}))?;
        let found = database.scan(request).map_err(|error| anyhow::anyhow!("{error}"))?;
        let one = found.items.and_then(|items| items.into_iter().next()).ok_or_else(|| anyhow::anyhow!("{table} is empty"))?;
        for from in (0..rows).step_by(CHUNK) {
            let copies = (from..rows.min(from + CHUNK)).map(|n| {
                let mut copy = one.clone();
                for (name, value) in [(key, format!("copy-{n}")), (unlike, format!("other-{n}"))] {
                    copy.insert(name.to_owned(), dynoxide::AttributeValue::S(value));
                }
                copy
            });
            database.import_items(table, copies.collect(), dynoxide::ImportOptions::default()).map_err(|error| anyhow::anyhow!("{error}"))?;
            crate::say(&format!("{table}: {} of {rows} rows", rows.min(from + CHUNK)));
        }
    }
    Ok(())
}

fn note(figures: &mut Map<String, Value>, function: &str, sample: Sample) {
    let place = figures.entry(function).or_insert_with(|| json!({"latency_ms": [], "cpu_ms": []}));
    for (name, value) in [("latency_ms", ms(sample.latency)), ("cpu_ms", ms(sample.cpu))] {
        if let Some(list) = place[name].as_array_mut() {
            list.push(json!(value));
        }
    }
}
