//! What functions put on queues for one another.

use anyhow::Context;
use aws_sdk_sqs::{
    Client,
    types::{QueueAttributeName, SendMessageBatchRequestEntry},
};
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
        /// Up to when it knows what they said: a START after it stands.
        #[serde(with = "moment")]
        at: Timestamp,
    },
    /// The confirmation is out, so that AWS may close the door behind it.
    Confirmed {
        /// Which phone.
        phone: PhoneNumber,
    },
    /// The person who has this phone pressed "Stop everything".
    Asked {
        /// Which phone.
        phone: PhoneNumber,
        /// When they pressed it.
        #[serde(with = "moment")]
        at: Timestamp,
    },
    /// AWS's list has it not, though ours had it when somebody looked.
    Missing {
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
        self.enqueue_later(&messages.iter().map(|(id, lane)| (*id, *lane, 0)).collect::<Vec<_>>()).await
    }

    /// As [`Self::enqueue`], each for so many seconds from now, at most 900.
    pub async fn enqueue_later(&self, messages: &[(Uuid, Lane, u16)]) -> Vec<(Uuid, anyhow::Error)> {
        let sends = [Lane::Urgent, Lane::Bulk].map(|wanted| {
            let jobs = messages.iter().filter(|(_, lane, _)| *lane == wanted).map(|(id, _, delay)| (*id, *delay)).collect::<Vec<_>>();
            self.send_batch(self.url(wanted), jobs)
        });
        join_all(sends).await.into_iter().flatten().collect()
    }

    /// Whether jobs wait in the lane, as far as SQS can tell.
    pub async fn is_busy(&self, lane: Lane) -> anyhow::Result<bool> {
        let waiting = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self.client.get_queue_attributes().queue_url(self.url(lane)).attribute_names(waiting.clone()).send().await;
        let attributes = answer.context("GetQueueAttributes of a lane")?.attributes.unwrap_or_default();
        Ok(attributes.get(&waiting).is_some_and(|count| count != "0"))
    }

    fn url(&self, lane: Lane) -> &str {
        match lane {
            Lane::Urgent => &self.urgent_url,
            Lane::Bulk => &self.bulk_url,
        }
    }

    async fn send_batch(&self, url: &str, jobs: Vec<(Uuid, u16)>) -> Vec<(Uuid, anyhow::Error)> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let entry = |(id, delay): &(Uuid, u16)| {
            let job = serde_json::json!(SendJob { message_id: *id }).to_string();
            let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).message_body(job);
            entry.set_delay_seconds((*delay > 0).then_some(i32::from(*delay))).build()
        };
        let sent = async {
            let entries = jobs.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, anyhow::Error>(self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await?)
        };
        match sent.await {
            Ok(answer) => {
                let failed = answer.failed().iter();
                failed.filter_map(|entry| Some((entry.id().parse().ok()?, anyhow::anyhow!("SendMessageBatch: {}", entry.code())))).collect()
            }
            Err(error) => {
                let words = format!("SendMessageBatch: {error:#}");
                jobs.into_iter().map(|(id, _)| (id, anyhow::anyhow!(words.clone()))).collect()
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
