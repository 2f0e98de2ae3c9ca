//! The status page: what CloudWatch's dashboard shows of a deployed stack, for the local one, straight from its tables and queues.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use axum::{Json, Router, extract::State, http::header, routing::get};
use jiff::{SignedDuration, Timestamp, Unit, tz::TimeZone};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_dynamo::aws_sdk_dynamodb_1::from_item;

use crate::{
    console::{Table, configured, html},
    problem::Problem,
    simulator::Simulator,
};

/// The queues whose depth is shown, by name.
#[derive(Debug, Clone)]
pub struct Queues {
    /// The client of the cloud that has them.
    pub client: aws_sdk_sqs::Client,
    /// Name and address of each, in the order of the page.
    pub urls: Vec<(&'static str, String)>,
}

/// How many minutes back the texts go.
const MINUTES: usize = 60;

/// All that the page draws.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    /// How many texts of each minute have which status now, oldest first.
    minutes: Vec<BTreeMap<String, u32>>,
    /// The same texts by their type.
    types: BTreeMap<String, BTreeMap<String, u32>>,
    /// For how many seconds the text of each lane has been waiting there that waits the longest.
    waits: BTreeMap<String, i64>,
    parts: u32,
    codes: Codes,
    /// Calls that were one too many.
    throttled: u64,
    spend: Option<Spend>,
    queues: Vec<Depth>,
}

/// The month's money, in micro-USD.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spend {
    committed: i64,
    settled: i64,
    /// What it comes to by the end of the month, if it goes on like this.
    forecast: i64,
    budget: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Depth {
    name: &'static str,
    waiting: u32,
    in_flight: u32,
    delayed: u32,
}

/// The codes of the last hour, and those of them that came back.
#[derive(Debug, Default, Serialize)]
struct Codes {
    asked: u32,
    back: u32,
}

/// What is looked at of a message's row.
#[derive(Debug, Deserialize)]
struct Text {
    status: String,
    r#type: String,
    created_at: Timestamp,
    #[serde(default)]
    parts: u32,
}

/// What is looked at of the row of a text that waits in its lane.
#[derive(Debug, Deserialize)]
struct Waiting {
    lane: String,
    /// How it came to its status, oldest first.
    changes: Vec<Entered>,
}

#[derive(Debug, Deserialize)]
struct Entered {
    status: String,
    at: Timestamp,
}

/// What is looked at of a month's row.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Month {
    committed: i64,
    settled: i64,
    /// What AWS allows, where it was asked.
    aws_limit: Option<i64>,
}

/// The routes.
pub fn routes() -> Router<Simulator> {
    Router::new()
        .route("/status", get(async || html(include_str!("../page/status.html"))))
        .route("/status.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../page/status.css"))))
        .route("/status.js", get(async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../page/status.js"))))
        .route("/console/status", get(figures))
}

async fn figures(State(simulator): State<Simulator>) -> Result<Json<Figures>, Problem> {
    let console = &simulator.config().console;
    let messages = configured(console.messages.as_ref(), "MESSAGES_TABLE")?;
    let limits = configured(console.limits.as_ref(), "LIMITS_TABLE")?;
    let queues = configured(console.queues.as_ref(), "URGENT_QUEUE_URL")?;
    let now = Timestamp::now();
    let verifications = configured(console.verifications.as_ref(), "VERIFICATIONS_TABLE")?;
    let read = futures::future::join5(texts(messages, now), waiting(messages), month(limits, now), depths(queues), codes(verifications, now));
    let read = Box::pin(read).await;
    let all = async || Ok::<_, anyhow::Error>((read.0?, read.1?, read.2?, read.3?, read.4?));
    let (texts, waiting, month, queues, codes) = all().await.map_err(|error| Problem::bad_gateway(&error))?;
    Ok(Json(Figures {
        minutes: by_minute(&texts, now),
        types: by_type(&texts),
        waits: waits(&waiting, now),
        parts: texts.iter().filter(|text| left(text)).map(|text| text.parts).sum(),
        codes,
        throttled: simulator.stats().rejected.get("ThrottlingException").copied().unwrap_or_default(),
        spend: console.monthly_budget.map(|budget| spend(&month, budget, now)),
        queues,
    }))
}

/// The texts of the last hour.
async fn texts(table: &Table, now: Timestamp) -> anyhow::Result<Vec<Text>> {
    latest(table, &["status", "type", "created_at", "parts"], now).await
}

/// The texts that wait in a lane now, whenever they were asked for.
async fn waiting(table: &Table) -> anyhow::Result<Vec<Waiting>> {
    scan(table, &["status", "lane", "changes"], "#status = :pending", (":pending", "pending")).await
}

/// A code that was said several times is one.
async fn codes(table: &Table, now: Timestamp) -> anyhow::Result<Codes> {
    #[derive(Deserialize)]
    struct Code {
        repeats: Option<String>,
        used_at: Option<String>,
    }
    let codes = latest::<Code>(table, &["repeats", "used_at"], now).await?;
    let asked = codes.iter().filter(|code| code.repeats.is_none());
    Ok(asked.fold(Codes::default(), |codes, code| Codes { asked: codes.asked + 1, back: codes.back + u32::from(code.used_at.is_some()) }))
}

/// Some attributes of the rows of the last hour.
async fn latest<T: DeserializeOwned>(table: &Table, attributes: &[&str], now: Timestamp) -> anyhow::Result<Vec<T>> {
    let since = now - SignedDuration::from_mins(i64::try_from(MINUTES)?);
    scan(table, attributes, "created_at >= :since", (":since", &format!("{since:.3}"))).await
}

/// Some attributes of the rows that `filter` lets through, in which one name stands for a value.
async fn scan<T: DeserializeOwned>(table: &Table, attributes: &[&str], filter: &str, (name, value): (&str, &str)) -> anyhow::Result<Vec<T>> {
    let names = attributes.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect::<HashMap<_, _>>();
    let (mut rows, mut start) = (Vec::new(), None);
    loop {
        let page = table.client.scan().table_name(&table.name).set_exclusive_start_key(start);
        let page = page.filter_expression(filter).projection_expression(names.keys().cloned().collect::<Vec<_>>().join(", "));
        let page = page.set_expression_attribute_names(Some(names.clone()));
        let page = page.expression_attribute_values(name, AttributeValue::S(value.to_owned())).send().await;
        let page = page.with_context(|| format!("{} cannot be read", table.name))?;
        for item in page.items.into_iter().flatten() {
            rows.push(from_item(item)?);
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(rows);
        }
    }
}

async fn month(table: &Table, now: Timestamp) -> anyhow::Result<Month> {
    let key = AttributeValue::S(format!("budget/{}", now.to_zoned(TimeZone::UTC).strftime("%Y-%m")));
    let answer = table.client.get_item().table_name(&table.name).key("limit_id", key).send().await;
    let item = answer.with_context(|| format!("{} cannot be read", table.name))?.item;
    Ok(item.map(from_item).transpose()?.unwrap_or_default())
}

async fn depths(queues: &Queues) -> anyhow::Result<Vec<Depth>> {
    use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible};
    let depth = async |(name, url): &(&'static str, String)| {
        let answer = queues.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
        let counts: HashMap<_, _> = answer.with_context(|| format!("the {name} queue cannot be asked"))?.attributes.unwrap_or_default();
        let count = |attribute| counts.get(&attribute).and_then(|count| count.parse().ok()).unwrap_or_default();
        Ok(Depth {
            name,
            waiting: count(ApproximateNumberOfMessages),
            in_flight: count(ApproximateNumberOfMessagesNotVisible),
            delayed: count(ApproximateNumberOfMessagesDelayed),
        })
    };
    futures::future::join_all(queues.urls.iter().map(depth)).await.into_iter().collect()
}

/// Whether AWS took it.
fn left(text: &Text) -> bool {
    matches!(text.status.as_str(), "sent" | "delivered" | "undelivered")
}

fn by_minute(texts: &[Text], now: Timestamp) -> Vec<BTreeMap<String, u32>> {
    let mut minutes = vec![BTreeMap::new(); MINUTES];
    for text in texts {
        let ago = usize::try_from(now.as_second().div_euclid(60) - text.created_at.as_second().div_euclid(60));
        if let Some(minute) = ago.ok().and_then(|ago| MINUTES.checked_sub(ago + 1)) {
            *minutes[minute].entry(text.status.clone()).or_default() += 1;
        }
    }
    minutes
}

fn by_type(texts: &[Text]) -> BTreeMap<String, BTreeMap<String, u32>> {
    let mut types = BTreeMap::<String, BTreeMap<_, _>>::new();
    for text in texts {
        *types.entry(text.r#type.clone()).or_default().entry(text.status.clone()).or_default() += 1;
    }
    types
}

/// From the moment on in which each came to its lane: one that was held until the morning did not wait there all night.
fn waits(waiting: &[Waiting], now: Timestamp) -> BTreeMap<String, i64> {
    let mut waits = BTreeMap::from([("bulk".to_owned(), 0), ("urgent".to_owned(), 0)]);
    for text in waiting {
        let Some(since) = text.changes.iter().rfind(|change| change.status == "pending") else { continue };
        let wait = waits.entry(text.lane.clone()).or_default();
        *wait = (*wait).max(now.duration_since(since.at).as_secs());
    }
    waits
}

/// By what the month has cost so far; on its first day too little is known to go by.
fn spend(month: &Month, budget: i64, now: Timestamp) -> Spend {
    let now = now.to_zoned(TimeZone::UTC);
    let gone = now.first_of_month().and_then(|first| first.start_of_day()?.until((Unit::Second, &now)));
    let gone = gone.map_or(0, |gone| gone.get_seconds());
    let forecast = if gone < 86_400 { month.committed } else { month.committed.saturating_mul(86_400 * i64::from(now.days_in_month())) / gone };
    let budget = month.aws_limit.map_or(budget, |limit| limit.min(budget));
    Spend { committed: month.committed, settled: month.settled, forecast, budget }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Entered, MINUTES, Month, Spend, Text, Waiting, by_minute, by_type, spend, waits};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn text(created_at: &str, status: &str) -> Text {
        Text { status: status.into(), r#type: "streak_alert".into(), created_at: at(created_at), parts: 1 }
    }

    #[test]
    fn a_text_counts_in_the_minute_in_which_it_was_asked_for() {
        let texts = [
            text("2026-11-23T09:59:59Z", "delivered"),
            text("2026-11-23T10:00:00Z", "delivered"),
            text("2026-11-23T10:00:59Z", "delivered"),
            text("2026-11-23T10:00:30Z", "failed"),
            text("2026-11-23T10:59:01Z", "sent"),
            text("2026-11-23T11:00:00Z", "of the future"),
        ];
        let minutes = by_minute(&texts, at("2026-11-23T10:59:30Z"));
        assert_eq!(minutes.len(), MINUTES);
        assert_eq!((minutes[0]["delivered"], minutes[0]["failed"], minutes[59]["sent"]), (2, 1, 1));
        assert_eq!(minutes.iter().flat_map(|minute| minute.values()).sum::<u32>(), 4);
    }

    fn waiting(changes: &[(&str, &str)]) -> Waiting {
        let changes = changes.iter().map(|(status, moment)| Entered { status: (*status).to_owned(), at: at(moment) });
        Waiting { lane: "bulk".into(), changes: changes.collect() }
    }

    #[test]
    fn a_lane_is_as_late_as_the_text_that_came_to_it_first() {
        let texts = [waiting(&[("pending", "2026-11-23T10:00:50Z")]), waiting(&[("pending", "2026-11-23T10:00:40Z")])];
        let waits = waits(&texts, at("2026-11-23T10:01:00Z"));
        assert_eq!((waits["bulk"], waits["urgent"]), (20, 0));
    }

    #[test]
    fn a_text_waits_from_its_last_way_into_the_lane() {
        let late = |changes| waits(&[waiting(changes)], at("2026-11-23T08:00:30Z"))["bulk"];
        assert_eq!(late(&[("held", "2026-11-22T23:00:00Z"), ("pending", "2026-11-23T08:00:20Z")]), 10, "it was held until the morning");
        let released = [("pending", "2026-11-23T07:59:00Z"), ("sending", "2026-11-23T08:00:00Z"), ("pending", "2026-11-23T08:00:25Z")];
        assert_eq!(late(&released), 5, "AWS did not take it");
    }

    #[test]
    fn texts_are_counted_by_type_and_status() {
        let texts = [text("2026-11-23T10:00:00Z", "delivered"), text("2026-11-23T10:00:50Z", "pending"), text("2026-11-23T10:00:40Z", "pending")];
        assert_eq!((by_type(&texts)["streak_alert"]["pending"], by_type(&texts)["streak_alert"]["delivered"]), (2, 1));
    }

    #[test]
    fn the_forecast_goes_on_as_it_went_from_the_second_day_on() {
        let month = Month { committed: 10_000_000, settled: 9_000_000, aws_limit: None };
        let forecast = |now| spend(&month, 50_000_000, at(now)).forecast;
        assert_eq!(forecast("2026-11-01T23:59:59Z"), 10_000_000);
        let half = forecast("2026-11-16T00:00:00Z");
        assert_eq!(half, 20_000_000);
        let wanted = Spend { committed: 10_000_000, settled: 9_000_000, forecast: 10_000_000, budget: 50_000_000 };
        assert_eq!(spend(&month, 50_000_000, at("2026-11-01T01:00:00Z")), wanted);
    }
}
