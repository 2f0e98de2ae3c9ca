//! What functions put on queues for one another.

use anyhow::Context;
use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use futures::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{kind::Lane, moment, phone::PhoneNumber};

/// An order to the sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendJob {
    /// Which message; its row says the rest.
    pub message_id: Uuid,
}

/// The two lanes to the sender.
#[derive(Debug, Clone)]
pub struct Lanes {
    client: Client,
    urgent_url: String,
    bulk_url: String,
}

/// An order to the inbound function, which alone keeps the opt-outs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OptOutOrder {
    /// The carrier or AWS says that this phone wants nothing from us.
    Blocked {
        /// Which phone.
        phone: PhoneNumber,
        /// What it said, such as `Phone has blocked SMS`.
        reason: String,
        /// When it said so.
        #[serde(with = "moment")]
        at: Timestamp,
    },
    /// The confirmation is out, so that AWS may close the door behind it.
    Confirmed {
        /// Which phone.
        phone: PhoneNumber,
    },
}

/// The queue of the inbound function.
#[derive(Debug, Clone)]
pub struct OptOutOrders {
    client: Client,
    url: String,
}

impl Lanes {
    /// Over the two queues. A function that fills one lane only names that one for both.
    #[must_use]
    pub fn new(client: Client, urgent_url: String, bulk_url: String) -> Self {
        Self { client, urgent_url, bulk_url }
    }

    /// Puts the messages on their lanes, by one `SendMessageBatch` a lane, and answers with those that did not get there. At most ten a lane.
    pub async fn enqueue(&self, messages: &[(Uuid, Lane)]) -> Vec<(Uuid, anyhow::Error)> {
        let lanes = [(Lane::Urgent, &self.urgent_url), (Lane::Bulk, &self.bulk_url)];
        let sends = lanes.map(|(lane, url)| {
            let ids = messages.iter().filter(|message| message.1 == lane).map(|message| message.0).collect::<Vec<_>>();
            self.send_batch(url, ids)
        });
        join_all(sends).await.into_iter().flatten().collect()
    }

    /// Puts a message on its lane, to be taken after a while, which is at most SQS's fifteen minutes.
    pub async fn enqueue_later(&self, id: Uuid, lane: Lane, after: std::time::Duration) -> anyhow::Result<()> {
        let url = match lane {
            Lane::Urgent => &self.urgent_url,
            Lane::Bulk => &self.bulk_url,
        };
        let seconds = i32::try_from(after.as_secs() + 1).unwrap_or(900).min(900);
        let job = serde_json::to_string(&SendJob { message_id: id })?;
        self.client.send_message().queue_url(url).message_body(job).delay_seconds(seconds).send().await.context("SendMessage")?;
        Ok(())
    }

    async fn send_batch(&self, url: &str, ids: Vec<Uuid>) -> Vec<(Uuid, anyhow::Error)> {
        if ids.is_empty() {
            return Vec::new();
        }
        let entry = |id: &Uuid| {
            let job = serde_json::json!(SendJob { message_id: *id }).to_string();
            SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(job).build()
        };
        let sent = async {
            let entries = ids.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, anyhow::Error>(self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await?)
        };
        match sent.await {
            Ok(answer) => {
                let failed = answer.failed().iter();
                failed.filter_map(|entry| Some((entry.id().parse().ok()?, anyhow::anyhow!("SendMessageBatch: {}", entry.code())))).collect()
            }
            Err(error) => {
                let words = format!("SendMessageBatch: {error:#}");
                ids.into_iter().map(|id| (id, anyhow::anyhow!(words.clone()))).collect()
            }
        }
    }
}

impl OptOutOrders {
    /// Over the inbound function's queue.
    #[must_use]
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// Puts an order on it.
    pub async fn give(&self, order: &OptOutOrder) -> anyhow::Result<()> {
        let body = serde_json::to_string(order)?;
        self.client.send_message().queue_url(&self.url).message_body(body).send().await.context("SendMessage to the inbound queue")?;
        Ok(())
    }
}
