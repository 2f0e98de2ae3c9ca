//! What every function shares: its clients, its settings, its log, and how it hands records back to their queue.

use std::{fmt::Display, str::FromStr, time::Duration};

use anyhow::Context;
pub use aws_lambda_events::event::sqs::SqsEvent;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use aws_sdk_sqs::{
    config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider, retry::RetryConfig, timeout::TimeoutConfig},
    types::MessageAttributeValue,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::{
    SdkConfig,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};
use jiff::Timestamp;
use serde::Deserialize;
use tracing::{error, warn};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{budget::Budget, caps::Caps, gates::Rules, money::MicroUsd, quiet_hours::SendingHours, text::House};

/// The value of an environment variable; a missing or unreadable one fails the init and names itself.
pub fn setting<T: FromStr<Err: Display>>(name: &str) -> anyhow::Result<T> {
    let value = std::env::var(name).with_context(|| format!("the environment variable {name} is missing"))?;
    value.parse().map_err(|error| anyhow::anyhow!("the environment variable {name} is wrong: {error}"))
}

/// The value of an environment variable that may be missing or empty.
#[must_use]
pub fn optional_setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Starts the log: one JSON object a line on standard output, of what is [`heard`] at `LOG_LEVEL`.
pub fn start_log() {
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_ansi(false);
    tracing_subscriber::registry().with(heard(optional_setting("LOG_LEVEL").as_deref())).with(lines).init();
}

/// Our own code from `level` on (`info` if that is none); a library only from `warn` on, since what it would say below has people's data in it.
fn heard(level: Option<&str>) -> Targets {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let ours = ["sms", "producer", "sender", "receipts", "inbound", "api", "reconciler"];
    Targets::new().with_default(LevelFilter::WARN).with_targets(ours.map(|target| (target, level)))
}

/// An endpoint for one service, as `AWS_ENDPOINT_URL_<SERVICE>` has it.
#[derive(Debug)]
struct EndpointOfService;

impl LoadServiceConfig for EndpointOfService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        optional_setting(&format!("{}_{}", key.env(), key.service_id().replace([' ', '-'], "_").to_uppercase()))
    }
}

/// The SDK's configuration: credentials, region and endpoints from the environment, as Lambda gives them, and one HTTP client for all services.
///
/// Without `aws-config`: it looks in files and asks services that a function does not have, and all of that would be in the binary.
pub fn sdk() -> anyhow::Result<SdkConfig> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).operation_attempt_timeout(Duration::from_secs(3)).build();
    let session = optional_setting("AWS_SESSION_TOKEN");
    let credentials =
        Credentials::new(setting::<String>("AWS_ACCESS_KEY_ID")?, setting::<String>("AWS_SECRET_ACCESS_KEY")?, session, None, "environment");
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(setting::<String>("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(EndpointOfService)
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3));
    sdk.set_endpoint_url(optional_setting("AWS_ENDPOINT_URL"));
    Ok(sdk.build())
}

/// How texts sound: `LINK_DOMAINS` and `SUPPORT_CONTACT`.
pub fn house() -> anyhow::Result<House> {
    let domains = setting::<String>("LINK_DOMAINS")?;
    Ok(House { link_domains: domains.split(',').map(|domain| domain.trim().to_owned()).collect(), support_contact: setting("SUPPORT_CONTACT")? })
}

/// What the gates go by: the settings of [`house`], `PRICES`, those of [`quiet_hours`], three caps and four of the budget.
pub fn rules() -> anyhow::Result<Rules> {
    let caps = Caps { per_day: setting("DAILY_CAP")?, same_per_hour: setting("HOURLY_CAP_SAME")?, any_per_hour: setting("HOURLY_CAP")? };
    let of_class = |name| optional_setting(name).map(|_| setting(name).map(MicroUsd)).transpose();
    let budget = Budget {
        monthly: MicroUsd(setting("MONTHLY_BUDGET")?),
        promotional: of_class("PROMOTIONAL_BUDGET")?,
        transactional: of_class("TRANSACTIONAL_BUDGET")?,
        kept_percent: setting("KEPT_FOR_TRANSACTIONAL")?,
    };
    Ok(Rules { house: house()?, prices: setting("PRICES")?, quiet_hours: quiet_hours()?, caps, budget })
}

/// When promotional texts may be sent: `SENDING_HOURS`, unless `QUIET_HOURS` is `off`.
pub fn quiet_hours() -> anyhow::Result<Option<SendingHours>> {
    let hours = setting("SENDING_HOURS")?;
    match setting::<String>("QUIET_HOURS")?.as_str() {
        "on" => Ok(Some(hours)),
        "off" => Ok(None),
        _ => anyhow::bail!("the environment variable QUIET_HOURS is wrong: wants on or off"),
    }
}

/// The moment at which Lambda ends an invocation, from its epoch milliseconds.
#[must_use]
pub fn deadline(milliseconds: u64) -> Timestamp {
    i64::try_from(milliseconds).ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()).unwrap_or(Timestamp::MAX)
}

/// Where records go that were tried often enough, with the reason.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    sqs: aws_sdk_sqs::Client,
    url: String,
    function: String,
    max_receive_count: u32,
}

/// An error that knows how long to wait before the next try.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TryLater {
    /// Why.
    pub reason: String,
    /// How long.
    pub after: Duration,
}

/// A record of a batch: what it says, and how often it was received.
struct Received {
    id: String,
    body: String,
    receipt_handle: String,
    queue: String,
    times: u32,
}

impl DeadLetters {
    /// From the environment: `DEAD_LETTER_QUEUE_URL`, `MAX_RECEIVE_COUNT`, and the function's name.
    pub fn from_environment(sdk: &SdkConfig) -> anyhow::Result<Self> {
        Ok(Self {
            sqs: aws_sdk_sqs::Client::new(sdk),
            url: setting("DEAD_LETTER_QUEUE_URL")?,
            function: optional_setting("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            max_receive_count: setting("MAX_RECEIVE_COUNT")?,
        })
    }

    /// Gives a failed record its next try, or, after the last one, its place in the dead-letter queue; answers whether the queue it came from is to keep it.
    async fn keep(&self, record: &Received, error: &anyhow::Error) -> bool {
        let reason = format!("{error:#}");
        if record.times < self.max_receive_count {
            warn!(record.id, record.times, reason, "will be tried again");
            self.delay(record, error).await;
            return true;
        }
        error!(record.id, record.times, reason, "goes to the dead-letter queue");
        match self.bury(record, &reason).await {
            Ok(()) => false,
            // Then the queue's own redrive policy takes it there, without the reason.
            Err(error) => {
                error!(record.id, reason = format!("{error:#}"), "could not be put on the dead-letter queue");
                true
            }
        }
    }

    async fn bury(&self, record: &Received, reason: &str) -> anyhow::Result<()> {
        let text = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
        // An attribute must not be empty, and shares the record's size limit.
        let reason = reason.chars().take(1000).collect::<String>();
        self.sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(&record.body)
            .message_attributes("reason", text(&reason)?)
            .message_attributes("queue", text(&record.queue)?)
            .message_attributes("function", text(if self.function.is_empty() { "unknown" } else { &self.function })?)
            .send()
            .await?;
        Ok(())
    }

    /// Sets how long the record stays hidden before its next try. If that fails, the queue's own visibility time-out does the same, later.
    async fn delay(&self, record: &Received, error: &anyhow::Error) {
        let after = error.downcast_ref::<TryLater>().map_or_else(|| backoff(record.times, jitter()), |later| later.after);
        let seconds = i32::try_from(after.as_secs().clamp(1, 43_200)).unwrap_or(43_200);
        let Some((base, _)) = self.url.rsplit_once('/') else { return };
        let url = format!("{base}/{}", record.queue);
        let delayed = self.sqs.change_message_visibility().queue_url(url).receipt_handle(&record.receipt_handle).visibility_timeout(seconds);
        if let Err(error) = delayed.send().await {
            warn!(record.id, reason = format!("{:#}", anyhow::Error::from(error)), "keeps its visibility time-out");
        }
    }
}

/// The wait before try number `times` + 1: 1, 2, 4 … seconds, at most two minutes, spread by `jitter` in 0..1 over half to all of it.
#[must_use]
pub fn backoff(times: u32, jitter: f64) -> Duration {
    let ceiling = f64::from(1_u32 << times.saturating_sub(1).min(7)).min(120.0);
    Duration::from_secs_f64(ceiling * (0.5 + jitter.clamp(0.0, 1.0) / 2.0))
}

/// A random number in 0..1, to spread things; nothing secret hangs on it.
#[must_use]
pub fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

/// Gives the bodies of the batch to `work` all at once, which answers for each in turn, and hands back those to redeliver.
///
/// `Ok` takes a record off the queue for good. `Err` puts it back, and after `MAX_RECEIVE_COUNT` tries it goes to the dead-letter queue with the error as its reason.
pub async fn whole_batch(event: SqsEvent, dead: &DeadLetters, work: impl AsyncFnOnce(&[&str]) -> Vec<anyhow::Result<()>>) -> SqsBatchResponse {
    let records = event.records.into_iter().map(Received::from).collect::<Vec<_>>();
    let bodies = records.iter().map(|record| record.body.as_str()).collect::<Vec<_>>();
    let mut results = work(&bodies).await.into_iter();
    let mut response = SqsBatchResponse::default();
    for record in &records {
        let result = results.next().unwrap_or_else(|| Err(anyhow::anyhow!("the function has no answer for this record")));
        if let Err(error) = result
            && dead.keep(record, &error).await
        {
            response.add_failure(&record.id);
        }
    }
    response
}

/// Gives the records of the batch to `work`, one after the other; each fares as in [`whole_batch`].
pub async fn each_record(event: SqsEvent, dead: &DeadLetters, work: impl AsyncFn(&str) -> anyhow::Result<()>) -> SqsBatchResponse {
    let each = async |bodies: &[&str]| {
        let mut results = Vec::with_capacity(bodies.len());
        for body in bodies {
            results.push(work(body).await);
        }
        results
    };
    whole_batch(event, dead, each).await
}

impl From<SqsMessage> for Received {
    fn from(message: SqsMessage) -> Self {
        let arn = message.event_source_arn.unwrap_or_default();
        Self {
            id: message.message_id.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
            receipt_handle: message.receipt_handle.unwrap_or_default(),
            queue: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            times: message.attributes.get("ApproximateReceiveCount").and_then(|times| times.parse().ok()).unwrap_or(1),
        }
    }
}

/// What SNS wraps a published message in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Notification {
    /// What was published.
    pub message: String,
    /// When, RFC 3339.
    pub timestamp: Timestamp,
}

impl Notification {
    /// Reads an SNS envelope.
    pub fn parse(body: &str) -> anyhow::Result<Self> {
        serde_json::from_str(body).map_err(|error| unreadable("an SNS notification", &error))
    }
}

/// An error that says where JSON went wrong, and nothing of what it said.
#[must_use]
pub fn unreadable(what: &str, error: &serde_json::Error) -> anyhow::Error {
    anyhow::anyhow!("not {what}: {:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{Notification, backoff, heard};

    #[test]
    fn a_library_says_nothing_below_a_warning_whatever_our_own_level_is() {
        for level in [None, Some("debug"), Some("trace"), Some("hyper=trace"), Some("loud")] {
            assert!(!heard(level).would_enable("hyper::client", &Level::INFO), "{level:?}");
            assert!(heard(level).would_enable("aws_smithy_runtime", &Level::WARN), "{level:?}");
        }
        let ours = |level, wanted| heard(level).would_enable("sms::stores::messages", &wanted);
        assert!(ours(None, Level::INFO) && !ours(None, Level::DEBUG));
        assert!(ours(Some("debug"), Level::DEBUG) && !ours(Some("debug"), Level::TRACE));
        assert!(ours(Some("error"), Level::ERROR) && !ours(Some("error"), Level::WARN));
        assert!(ours(Some("loud"), Level::INFO) && !ours(Some("loud"), Level::DEBUG));
    }

    #[test]
    fn waits_double_are_spread_and_end_at_two_minutes() {
        let millis = |times, jitter| backoff(times, jitter).as_millis();
        assert_eq!([millis(1, 1.0), millis(2, 1.0), millis(3, 1.0), millis(8, 1.0), millis(99, 1.0)], [1000, 2000, 4000, 120_000, 120_000]);
        assert_eq!([millis(3, 0.0), millis(3, 0.5)], [2000, 3000]);
    }

    #[test]
    fn an_unreadable_notification_quotes_nothing() {
        let error = Notification::parse(r#"{"Message":"+12025550101 STOP","Timestamp":"yesterday +12025550101"}"#).expect_err("a bad time");
        assert!(!error.to_string().contains("202555"), "{error}");
    }
}
