//! The deployed local stack, as a test sees it: publish an event, look at a phone, look at a row.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};
use sms::{
    consent::Method,
    event::{UserId, message_id},
    gates::{Gate, Verdict},
    message::Message,
    recipient::{Categories, Consent, Recipient},
    stores::{Ledger, Messages, OptOuts, Recipients},
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::embedded::sdk;

/// How long anything may take before a test says that it never happened.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The running stack that `STACK_FILE` describes.
pub struct Stack {
    /// `http://127.0.0.1:<console port>`.
    pub console: String,
    /// Where the emulator of AWS is.
    pub aws: String,
    /// What the template gives out, by output.
    pub outputs: BTreeMap<String, String>,
    /// The folder of its logs.
    pub logs: std::path::PathBuf,
    /// Its DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Its logs.
    logs_client: aws_sdk_cloudwatchlogs::Client,
    /// For the console.
    pub http: reqwest::Client,
}

/// An event that a test publishes.
#[derive(Debug, Clone)]
pub struct Published {
    /// The whole event.
    pub event: Value,
}

impl Stack {
    /// Reads `STACK_FILE`, which `make test` writes, and lifts the limit of three parts a second, so that tests wait for nothing but each other.
    pub async fn open() -> anyhow::Result<Self> {
        let path = std::env::var("STACK_FILE").context("STACK_FILE is missing: run the journeys by `make test`")?;
        let known: Value = serde_json::from_str(&std::fs::read_to_string(&path).with_context(|| path.clone())?)?;
        let url = |name: &str| known[name].as_str().map(str::to_owned).with_context(|| format!("{path} has no {name}"));
        let sdk = sdk(&url("aws")?);
        let stack = Self {
            console: url("console")?,
            aws: url("aws")?,
            outputs: serde_json::from_value(known["outputs"].clone())?,
            logs: std::path::Path::new(&path).parent().context("STACK_FILE has no folder")?.to_owned(),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
            logs_client: aws_sdk_cloudwatchlogs::Client::new(&sdk),
            http: reqwest::Client::builder().no_proxy().build()?,
        };
        stack.faults(&json!({"parts_per_second": 1000})).await?;
        Ok(stack)
    }

    /// The stack's output `name`.
    #[must_use]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name}"))
    }

    /// Sets the simulator's faults; those not named are off.
    pub async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        self.http.put(format!("{}/faults", self.console)).json(faults).send().await?.error_for_status()?;
        Ok(())
    }

    /// Publishes events, ten to a `SendMessageBatch`.
    pub async fn publish(&self, events: &[Published]) -> anyhow::Result<()> {
        self.publish_bodies(&events.iter().map(|published| published.event.to_string()).collect::<Vec<_>>()).await
    }

    /// Publishes whatever it is given.
    pub async fn publish_bodies(&self, bodies: &[String]) -> anyhow::Result<()> {
        use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

        for some in bodies.chunks(10) {
            let entry = |(n, body): (usize, &String)| SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body(body).build();
            let entries = some.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let sent = self.sqs.send_message_batch().queue_url(self.output("EventsQueueUrl")).set_entries(Some(entries)).send().await?;
            anyhow::ensure!(sent.failed().is_empty(), "the queue refused {} events", sent.failed().len());
        }
        Ok(())
    }

    /// The conversation of a phone, oldest first.
    pub async fn conversation(&self, phone: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.http.get(format!("{}/phones/{phone}/messages", self.console)).send().await?.error_for_status()?;
        Ok(answer.json().await?)
    }

    /// The bodies that a phone got, oldest first.
    pub async fn received(&self, phone: &str) -> anyhow::Result<Vec<String>> {
        let to_person = self.conversation(phone).await?.into_iter().filter(|message| message["direction"] == "to_person");
        Ok(to_person.map(|message| message["body"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// A person texts us.
    pub async fn reply(&self, phone: &str, body: &str) -> anyhow::Result<()> {
        let reply = self.http.post(format!("{}/phones/{phone}/messages", self.console)).json(&json!({"body": body}));
        reply.send().await?.error_for_status()?;
        Ok(())
    }

    /// All lines of a CloudWatch log group.
    pub async fn log_group(&self, name: &str) -> anyhow::Result<String> {
        let mut pages = self.logs_client.filter_log_events().log_group_name(name).into_paginator().send();
        let mut lines = String::new();
        while let Some(page) = pages.try_next().await.with_context(|| format!("the log group {name}"))? {
            for event in page.events() {
                lines += event.message().unwrap_or_default();
                lines.push('\n');
            }
        }
        Ok(lines)
    }

    /// Somebody who agreed to everything, with a number of their own; its last digits may choose what becomes of a text.
    pub async fn person(&self, id: &str, phone: &str) -> anyhow::Result<Recipient> {
        let now = jiff::Timestamp::now();
        let consent =
            Consent { given_at: now, method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone.parse()?, revoked_at: None };
        let recipient = Recipient {
            phone: Some(phone.parse()?),
            phone_verified_at: Some(now),
            sms_enabled: true,
            categories: Categories::ALL_ON,
            consent: Some(consent),
            ..Recipient::new(user(id))
        };
        self.recipients().put(&recipient).await?;
        Ok(recipient)
    }

    /// The messages table.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages::new(self.dynamodb.clone(), self.output("MessagesTable").to_owned())
    }

    /// The recipients table.
    #[must_use]
    pub fn recipients(&self) -> Recipients {
        Recipients::new(self.dynamodb.clone(), self.output("RecipientsTable").to_owned())
    }

    /// The opt-outs table.
    #[must_use]
    pub fn opt_outs(&self) -> OptOuts {
        OptOuts::new(self.dynamodb.clone(), self.output("OptOutsTable").to_owned())
    }

    /// The consents table.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.dynamodb.clone(), self.output("ConsentsTable").to_owned())
    }

    /// The row of `published`, as soon as `wanted` says yes to it.
    pub async fn row_when(&self, published: &Published, wanted: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        let id = published.message_id();
        let mut last = None;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            last = self.messages().get(id).await?;
            if let Some(row) = last.as_ref().filter(|row| wanted(row)) {
                return Ok(row.clone());
            }
            sleep(Duration::from_millis(50)).await;
        }
        let seen = last.map(|row| (row.status, row.delivery_detail, row.changes));
        anyhow::bail!("the row of {id} never became what was waited for; it is {seen:?}")
    }

    /// The row of `published`, as soon as its status is final.
    pub async fn settled(&self, published: &Published) -> anyhow::Result<Message> {
        self.row_when(published, |row| row.status.is_final()).await
    }
}

/// Waits until `condition` brings something, and says `what` it waited for if it never does.
pub async fn eventually<T>(what: &str, condition: impl AsyncFn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    eventually_within(PATIENCE, what, condition).await
}

/// As [`eventually`], for what takes longer.
pub async fn eventually_within<T>(patience: Duration, what: &str, condition: impl AsyncFn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(found) = condition().await? {
            return Ok(found);
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("waited {} s in vain for {what}", patience.as_secs())
}

impl Published {
    /// An event of `kind` for `user`, with an id of its own and the data of its sample in `events/`.
    pub fn sample(kind: &str, user: &str) -> anyhow::Result<Self> {
        let path = format!("{}/../events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(&path).context(path)?)?;
        event["id"] = Uuid::new_v4().to_string().into();
        event["source"] = "journeys".into();
        event["data"]["user_id"] = user.into();
        Ok(Self { event })
    }

    /// The same event with `data[name]` changed.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.event["data"][name] = value.into();
        self
    }

    /// The id of the message it asks for.
    #[must_use]
    pub fn message_id(&self) -> Uuid {
        message_id(self.event["source"].as_str().unwrap_or_default(), self.event["id"].as_str().unwrap_or_default())
    }
}

/// A user id.
#[must_use]
pub fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).unwrap_or_else(|error| panic!("{error}"))
}

/// The gate that said no.
#[must_use]
pub fn refused_by(row: &Message) -> Option<Gate> {
    row.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| step.gate)
}
