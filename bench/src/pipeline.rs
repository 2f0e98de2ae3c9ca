//! A cloud with people in it, and the way of a text through a contestant's functions, a batch at a time.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use jiff::SignedDuration;
use journeys::{
    rig::{
        clock::Clock,
        function::Function,
        sqs::Polling,
        wire::{Fate, Hand},
        world::World,
    },
    stack::Published,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    contestant::Contestant,
    process::{answer, cpu},
};

/// People in a cloud: enough that nobody reaches a cap.
pub const PEOPLE: usize = 1000;

/// What is different from the template's defaults.
const SETTINGS: [(&str, &str); 1] = [("MONTHLY_BUDGET", "1000000000000")];

/// A contestant at work.
pub struct Pipeline {
    /// Its cloud.
    pub world: World,
    contestant: Contestant,
    hand: Hand,
    producer: Function,
    sender: Function,
    receipts: Option<Function>,
    published: usize,
}

/// What a batch took.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// From the event to its answer.
    pub latency: Duration,
    /// On a processor.
    pub cpu: Duration,
}

/// A cloud with people, and with a table for Powertools.
pub async fn cloud() -> anyhow::Result<World> {
    let world = World::by(Clock::wall(), &SETTINGS).await?;
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build()?;
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
    let table = world.cloud.database.dynamodb.create_table().table_name("IdempotencyTable").attribute_definitions(id).key_schema(key);
    table.billing_mode(BillingMode::PayPerRequest).send().await?;
    for n in 0..PEOPLE {
        world.person(&user(n), &phone(n)).await?;
    }
    Ok(world)
}

/// A hand that breaks nothing.
pub fn gentle() -> Hand {
    Arc::new(|_| Fate::Pass)
}

fn user(n: usize) -> String {
    format!("u{n}")
}

/// A number whose texts arrive.
pub fn phone(n: usize) -> String {
    format!("+1312557{:04}", n % 10_000)
}

/// Events as the producer gets them: one invitation for each of the next people.
pub fn events(from: usize, count: usize) -> anyhow::Result<Vec<Value>> {
    (from..from + count).map(|n| Ok(record(&Published::sample("battle_invitation", &user(n % PEOPLE))?.event.to_string()))).collect()
}

/// A record of SQS with this body.
pub fn record(body: &str) -> Value {
    json!({"messageId": Uuid::new_v4().to_string(), "receiptHandle": "handle", "body": body, "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:queue", "awsRegion": "us-east-1"})
}

/// Takes at most `most` records from a queue for good.
pub fn take(world: &World, queue: &'static str, most: usize) -> Vec<Value> {
    let polling = Polling { queue, batch: most, visibility: SignedDuration::from_hours(1), tries: u32::MAX };
    let records = world.cloud.sqs.receive(&polling, world.now());
    let ids = records.iter().filter_map(|record| record["messageId"].as_str().map(str::to_owned)).collect::<Vec<_>>();
    world.cloud.sqs.delete(queue, &ids);
    records
}

impl Pipeline {
    /// One with a warm process of each function.
    pub async fn new(contestant: &Contestant, hand: Hand) -> anyhow::Result<Self> {
        Self::over(cloud().await?, contestant, hand).await
    }

    /// The same over a cloud that is there.
    pub async fn over(world: World, contestant: &Contestant, hand: Hand) -> anyhow::Result<Self> {
        let producer = contestant.start(&world, "producer", &[], hand.clone()).await?;
        let sender = contestant.start(&world, "sender", &[], hand.clone()).await?;
        let receipts = if contestant.has("receipts") { Some(contestant.start(&world, "receipts", &[], hand.clone()).await?) } else { None };
        let mut pipeline = Self { world, contestant: contestant.clone(), hand, producer, sender, receipts, published: 0 };
        // The first events of a process are slower than all others.
        for _ in 0..5 {
            pipeline.produce(10).await?;
            pipeline.send(10).await?;
            pipeline.receive(10).await?;
        }
        Ok(pipeline)
    }

    /// Gives the producer a batch of events.
    pub async fn produce(&mut self, count: usize) -> anyhow::Result<Sample> {
        let records = events(self.published, count)?;
        self.published += count;
        measured(&mut self.producer, records).await
    }

    /// Gives the sender a batch of the jobs that wait.
    pub async fn send(&mut self, count: usize) -> anyhow::Result<Sample> {
        let jobs = take(&self.world, "BulkQueue", count);
        anyhow::ensure!(jobs.len() == count, "{} jobs wait and not {count}", jobs.len());
        measured(&mut self.sender, jobs).await
    }

    /// Gives the receipts function what the provider said meanwhile, in batches; `None` if the contestant has no such function.
    pub async fn receive(&mut self, count: usize) -> anyhow::Result<Vec<Sample>> {
        let Some(receipts) = &mut self.receipts else {
            return Ok(Vec::new());
        };
        // They come by tasks of the simulator.
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.world.cloud.deliver(|| false).await;
        let mut samples = Vec::new();
        loop {
            let records = take(&self.world, "ReceiptsQueue", count);
            if records.is_empty() {
                return Ok(samples);
            }
            samples.push(measured(receipts, records).await?);
        }
    }

    /// The warm process of a function.
    pub fn process(&self, function: &str) -> Option<&Function> {
        match function {
            "producer" => Some(&self.producer),
            "sender" => Some(&self.sender),
            "receipts" => self.receipts.as_ref(),
            _ => None,
        }
    }

    /// Lets another process send from now on, one with `settings`.
    pub async fn replace_sender(&mut self, settings: &[(&str, String)]) -> anyhow::Result<()> {
        self.sender = self.another_sender(settings).await?;
        Ok(())
    }

    /// Another process of the sender, with `settings`.
    pub async fn another_sender(&self, settings: &[(&str, String)]) -> anyhow::Result<Function> {
        self.contestant.start(&self.world, "sender", settings, self.hand.clone()).await
    }
}

/// Invokes a process with a batch that must succeed.
pub async fn measured(process: &mut Function, records: Vec<Value>) -> anyhow::Result<Sample> {
    let before = cpu(process)?;
    let said = answer(process, json!({"Records": records})).await?;
    let failed = said["batchItemFailures"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(failed == 0, "{failed} records failed, and the process said: {}", process.log());
    Ok(Sample { latency: process.took().context("it never answered")?, cpu: cpu(process)?.saturating_sub(before) })
}
