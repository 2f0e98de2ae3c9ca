//! Rows and records as earlier versions wrote them, and a life that goes on from there.
//!
//! `UPDATE_SAMPLES=<name>` makes the test write a new one, `tests/samples/<name>.json`. None is ever changed: it stands for what is in production.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, civil::time, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sms::{kind::Lane, message::Status, recipient::Recipient};
use uuid::Uuid;

use super::{
    sqs::DEAD,
    wire::{Call, Fate, Hand},
    world::World,
};
use crate::stack::Published;

/// All that a stack holds at a moment.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The items of each table, as DynamoDB writes JSON.
    pub tables: BTreeMap<String, Vec<Value>>,
    /// The bodies in each queue.
    pub queues: BTreeMap<String, Vec<String>>,
}

/// Where samples are kept.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples")
}

impl Sample {
    /// All that is in `world`.
    pub fn of(world: &World) -> anyhow::Result<Self> {
        let database = &world.cloud.database.database;
        let known = database.list_tables(serde_json::from_value(json!({}))?).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut tables = BTreeMap::new();
        for table in known.table_names {
            let found = database.scan(serde_json::from_value(json!({"TableName": table}))?).map_err(|error| anyhow::anyhow!("{error}"))?;
            tables.insert(table, found.items.unwrap_or_default().into_iter().map(serde_json::to_value).collect::<Result<_, _>>()?);
        }
        let names = world.feeds.iter().map(|(_, polling)| polling.queue).chain([DEAD]);
        let queues = names.map(|name| (name.to_owned(), world.cloud.sqs.all(name).into_iter().map(|message| message.body).collect())).collect();
        Ok(Self { at: world.now(), tables, queues })
    }

    /// The path of every value that is anywhere in it, such as `OptOutsTable.phone.S`.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for (table, items) in &self.tables {
            for item in items {
                add_paths(table, item, &mut paths);
            }
        }
        for (queue, bodies) in &self.queues {
            for body in bodies.iter().filter_map(|body| serde_json::from_str::<Value>(body).ok()) {
                add_paths(queue, &body, &mut paths);
            }
        }
        paths
    }

    /// Puts all of it into an empty `world`, and turns its clock back to then.
    pub fn put_into(&self, world: &World) -> anyhow::Result<()> {
        world.cloud.clock.forward(self.at.duration_since(world.now()))?;
        for (table, items) in &self.tables {
            let items = items.iter().cloned().map(serde_json::from_value).collect::<Result<Vec<_>, _>>()?;
            let put = world.cloud.database.database.import_items(table, items, dynoxide::ImportOptions::default());
            put.map_err(|error| anyhow::anyhow!("{table}: {error}"))?;
        }
        for (queue, bodies) in &self.queues {
            for body in bodies {
                world.cloud.sqs.put(queue, body, Value::Null, world.now());
            }
        }
        Ok(())
    }
}

fn add_paths(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                add_paths(&format!("{path}.{}", general(name)), value, paths);
            }
        }
        Value::Array(items) => {
            for item in items {
                add_paths(path, item, paths);
            }
        }
        _ => drop(paths.insert(path.to_owned())),
    }
}

/// A name without what differs from one text, or one hour, to the next.
fn general(name: &str) -> String {
    if Uuid::parse_str(name).is_ok() { "*".into() } else { name.replace(|c: char| c.is_ascii_digit(), "#") }
}

/// The samples that there are, by name.
pub fn all() -> anyhow::Result<Vec<(String, Sample)>> {
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let path = entry?.path();
        let name = path.file_stem().context("a sample without a name")?.to_string_lossy().into_owned();
        samples.push((name, serde_json::from_slice(&std::fs::read(&path)?).with_context(|| path.display().to_string())?));
    }
    Ok(samples)
}

/// What a world has to be told in which a sample is lived: texts are held at night.
pub const SETTINGS: [(&str, &str); 1] = [("QUIET_HOURS", "on")];

/// Lives, in a world with [`SETTINGS`], until everything that a version writes is there at once: a text in every status, something in every table, a record of every shape in every queue.
pub async fn live(world: &World) -> anyhow::Result<()> {
    let gentle: Hand = std::sync::Arc::new(|_: &Call<'_>| Fate::Pass);
    nights(world, &gentle).await?;
    for n in 0..13 {
        world.person(&format!("u{n}"), &phone(n)).await?;
    }
    words(world, &gentle).await?;
    ends(world, &gentle).await?;
    deaths(world, &gentle).await?;
    waits(world, &gentle).await?;
    is_complete(world).await
}

/// Merged and held: it is noon, then evening, in New York, and elsewhere it is night. The reconciler that releases them begins to compare opt-outs with AWS's, and asks what AWS lets us spend.
async fn nights(world: &World, gentle: &Hand) -> anyhow::Result<()> {
    let now = world.now().to_zoned(TimeZone::get("America/New_York")?);
    let noon = now.date().to_datetime(time(12, 0, 0, 0)).to_zoned(now.time_zone().clone())?;
    let noon = if noon < now { noon.tomorrow()? } else { noon };
    world.cloud.clock.forward(SignedDuration::from_secs(noon.timestamp().duration_since(world.now()).as_secs()))?;
    for (id, n, time_zone) in [("early", 20, "Asia/Tokyo"), ("late", 21, "Europe/London")] {
        let person = world.person(id, &phone(n)).await?;
        world.recipients().put(&Recipient { time_zone: Some(time_zone.into()), ..person }).await?;
    }
    for kind in ["battle_invitation", "battle_result", "achievement_unlock"] {
        world.publish(&Published::sample(kind, "early")?);
    }
    world.pump(gentle).await?;
    let morning = world.due().await?.into_iter().min().context("nothing waits for the morning")?;
    world.cloud.clock.forward(SignedDuration::from_secs(morning.duration_since(world.now()).as_secs() + 1))?;
    world.run("reconciler", gentle, json!({})).await?;
    // What is released waits in its lane for up to a minute.
    world.cloud.clock.forward(SignedDuration::from_secs(60))?;
    world.publish(&Published::sample("battle_invitation", "late")?);
    world.pump(gentle).await
}

/// Delivered, undelivered, failed, suppressed, expired.
async fn ends(world: &World, gentle: &Hand) -> anyhow::Result<()> {
    for user in ["u0", "nobody"] {
        world.publish(&Published::sample("battle_result", user)?);
    }
    for (user, number) in [("lost", "+15005550015"), ("refused", "+15005550401"), ("unanswered", "+15005550900")] {
        world.person(user, number).await?;
        world.publish(&Published::sample("streak_alert", user)?);
    }
    world.publish(&Published::sample("phone_verification", "u1")?.with("phone", phone(1)));
    let mut over = Published::sample("direct_message", "u1")?;
    over.event["expirytime"] = sms::moment::text(world.now() - SignedDuration::from_hours(1)).into();
    world.publish(&over);
    world.pump(gentle).await
}

/// Everything stopped, a category stopped, and started again.
async fn words(world: &World, gentle: &Hand) -> anyhow::Result<()> {
    for (n, words) in [(10, "STOP"), (11, "STOP BATTLES"), (12, "STOP"), (12, "START")] {
        world.cloud.provider.simulator.person_texts(&phone(n).parse()?, words).await?;
        world.arrived().await?;
        world.run_fed("inbound", gentle).await?;
        world.cloud.clock.forward(SignedDuration::from_secs(1))?;
    }
    world.pump(gentle).await
}

/// In doubt, and claimed in either lane by a sender that died with the text in its hands.
async fn deaths(world: &World, gentle: &Hand) -> anyhow::Result<()> {
    let provider = |fate: Fate| -> Hand {
        std::sync::Arc::new(move |call: &Call<'_>| if call.service == "PinpointSMSVoiceV2" { fate.clone() } else { Fate::Pass })
    };
    world.publish(&Published::sample("streak_alert", "u0")?);
    world.run_fed("producer", gentle).await?;
    world.run_fed("sender", &provider(Fate::Refused("InternalServerException"))).await?;
    world.publish(&Published::sample("security_alert", "u2")?);
    world.publish(&Published::sample("streak_alert", "u8")?);
    world.run_fed("producer", gentle).await?;
    world.run_fed("sender", &provider(Fate::DiesBefore)).await
}

/// A reply that was obeyed; then texts in their lanes, receipts and replies on their way, orders, events that nobody has read.
async fn waits(world: &World, gentle: &Hand) -> anyhow::Result<()> {
    world.cloud.provider.simulator.person_texts(&phone(9).parse()?, "HELP").await?;
    world.arrived().await?;
    world.run_fed("inbound", gentle).await?;
    world.publish(&Published::sample("direct_message", "u3")?);
    world.run_fed("producer", gentle).await?;
    world.run_fed("sender", gentle).await?;
    for kind in ["battle_invitation", "achievement_unlock", "security_alert"] {
        world.publish(&Published::sample(kind, "u4")?);
    }
    world.publish(&Published::sample("phone_verification", "u5")?.with("phone", phone(5)));
    world.run_fed("producer", gentle).await?;
    for (n, words) in [(6, "HELP"), (7, "Please stop texting me")] {
        world.cloud.provider.simulator.person_texts(&phone(n).parse()?, words).await?;
    }
    world.publish(&Published::sample("battle_reminder", "u0")?);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    world.cloud.deliver(|| false).await;
    let orders = [
        json!({"blocked": {"phone": phone(6), "reason": "Phone has blocked SMS", "at": sms::moment::text(world.now())}}),
        json!({"confirmed": {"phone": phone(7)}}),
        json!({"missing": {"phone": phone(7)}}),
        json!({"asked": {"phone": phone(6), "at": sms::moment::text(world.now())}}),
    ];
    for order in orders {
        world.cloud.sqs.put("InboundQueue", &order.to_string(), Value::Null, world.now());
    }
    Ok(())
}

/// Nothing is missing of what [`live`] is for.
async fn is_complete(world: &World) -> anyhow::Result<()> {
    let rows = world.rows().await?.into_iter().map(|(row, _)| row).collect::<Vec<_>>();
    for status in Status::ALL {
        anyhow::ensure!(rows.iter().any(|row| row.status == status), "no text is {}", status.as_str());
    }
    for lane in [Lane::Urgent, Lane::Bulk] {
        let is_claimed = rows.iter().any(|row| row.status == Status::Sending && row.lane == lane);
        anyhow::ensure!(is_claimed, "no sender has a text of the {lane:?} lane");
    }
    let row = async |n| world.opt_outs().get(&phone(n).parse()?).await?.with_context(|| format!("u{n} has said nothing"));
    anyhow::ensure!(row(10).await?.everything_since.is_some(), "nobody has stopped everything");
    anyhow::ensure!(!row(11).await?.categories.is_empty(), "nobody has stopped a category");
    anyhow::ensure!(row(12).await?.started_at.is_some(), "nobody has started again");
    let sample = Sample::of(world)?;
    for (table, items) in &sample.tables {
        anyhow::ensure!(!items.is_empty(), "nothing is in {table}");
    }
    for (queue, bodies) in sample.queues.iter().filter(|(queue, _)| *queue != DEAD) {
        anyhow::ensure!(!bodies.is_empty(), "nothing is in {queue}");
    }
    let has_begun = sample.paths().contains("LimitsTable.stage.M.ours.M.alone.N");
    anyhow::ensure!(has_begun, "no comparison with AWS's opt-outs has begun");
    Ok(())
}

fn phone(n: usize) -> String {
    format!("+1312558{n:04}")
}
