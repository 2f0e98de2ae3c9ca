//! SQS in this process: at least once, in no order if one is asked for, with visibility time-outs by a clock that can be moved, and a dead-letter queue.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// The queues of the stack. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Sqs(Arc<Mutex<BTreeMap<String, Vec<Stored>>>>);

/// A message in a queue.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// What it says.
    pub body: String,
    /// What came with it. A function that sets a record aside says why.
    pub attributes: Value,
    /// Whether it is a dead letter because it was tried too often, so that nobody could say why.
    pub is_worn_out: bool,
    visible_at: Timestamp,
    receives: u32,
    handle: String,
}

/// How a queue is polled, as the template has it.
#[derive(Debug, Clone, Copy)]
pub struct Polling {
    /// The queue's logical id in the template.
    pub queue: &'static str,
    /// Records in a batch.
    pub batch: usize,
    /// How long a received message is nobody else's.
    pub visibility: SignedDuration,
    /// How often it is received before it is a dead letter.
    pub tries: u32,
}

/// The dead-letter queue's logical id.
pub const DEAD: &str = "DeadLetterQueue";

impl Stored {
    /// Whether somebody said why it is a dead letter.
    #[must_use]
    pub fn has_reason(&self) -> bool {
        self.attributes["reason"]["StringValue"].as_str().is_some_and(|reason| !reason.is_empty())
    }
}

impl Sqs {
    fn queues(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Stored>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into a queue, to be seen from `visible_at` on; answers with its id.
    #[expect(clippy::must_use_candidate, reason = "most do not want to know")]
    pub fn put(&self, queue: &str, body: &str, attributes: Value, visible_at: Timestamp) -> String {
        let id = Uuid::new_v4().to_string();
        let stored = Stored { id: id.clone(), body: body.to_owned(), attributes, is_worn_out: false, visible_at, receives: 0, handle: String::new() };
        self.queues().entry(queue.to_owned()).or_default().push(stored);
        id
    }

    /// What is in a queue, seen or unseen.
    #[must_use]
    pub fn all(&self, queue: &str) -> Vec<Stored> {
        self.queues().get(queue).cloned().unwrap_or_default()
    }

    /// A batch for a function: what can be seen, as the records of Lambda's event.
    #[must_use]
    pub fn receive(&self, polling: &Polling, now: Timestamp) -> Vec<Value> {
        self.receive_after(0, polling, now).0
    }

    /// The same, but up to `most` messages that came before them stay behind; answers also how many did.
    #[must_use]
    pub fn receive_after(&self, most: usize, polling: &Polling, now: Timestamp) -> (Vec<Value>, usize) {
        let mut queues = self.queues();
        let mut records = Vec::new();
        let mut dead = Vec::new();
        let queue = queues.entry(polling.queue.to_owned()).or_default();
        let visible = queue.iter().filter(|message| message.visible_at <= now).count();
        let overtaken = most.min(visible.saturating_sub(1));
        let mut behind = 0;
        queue.retain_mut(|message| {
            if records.len() == polling.batch || message.visible_at > now {
                return true;
            }
            if behind < overtaken {
                behind += 1;
                return true;
            }
            if message.receives >= polling.tries {
                dead.push(Stored { visible_at: now, is_worn_out: true, ..message.clone() });
                return false;
            }
            message.receives += 1;
            message.visible_at = now + polling.visibility;
            message.handle = format!("{}/{}", message.id, message.receives);
            records.push(json!({"messageId": message.id, "receiptHandle": message.handle, "body": message.body,
                "attributes": {"ApproximateReceiveCount": message.receives.to_string()}, "messageAttributes": {}, "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{}", polling.queue), "awsRegion": "us-east-1"}));
            true
        });
        queues.entry(DEAD.to_owned()).or_default().extend(dead);
        (records, overtaken)
    }

    /// Removes messages of a queue.
    pub fn delete(&self, queue: &str, ids: &[String]) {
        self.queues().entry(queue.to_owned()).or_default().retain(|message| !ids.contains(&message.id));
    }

    /// Lets a message be seen again at once, although somebody has it: SQS delivers at least once.
    pub fn deliver_again(&self, queue: &str, id: &str, now: Timestamp) {
        if let Some(message) = self.queues().entry(queue.to_owned()).or_default().iter_mut().find(|message| message.id == id) {
            message.visible_at = now;
        }
    }

    /// When the next message can be seen of those that nobody can see yet.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.queues().iter().filter(|(name, _)| *name != DEAD).flat_map(|(_, queue)| queue).map(|message| message.visible_at).min()
    }

    /// Answers a call of the API. `refuses` says of each message of a batch whether the queue does not take it.
    #[must_use]
    pub fn answer(&self, operation: &str, request: &Value, now: Timestamp, refuses: impl Fn() -> bool) -> Value {
        let name = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        let keep = |message: &Value| {
            let visible_at = now + SignedDuration::from_secs(message["DelaySeconds"].as_i64().unwrap_or_default());
            self.put(name, message["MessageBody"].as_str().unwrap_or_default(), message["MessageAttributes"].clone(), visible_at)
        };
        match operation {
            "SendMessage" => json!({"MessageId": keep(request)}),
            "SendMessageBatch" => {
                let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
                let (failed, kept): (Vec<_>, Vec<_>) = entries.iter().partition(|_| refuses());
                let kept = kept.into_iter().map(|entry| json!({"Id": entry["Id"], "MessageId": keep(entry), "MD5OfMessageBody": ""}));
                let failed = failed.into_iter().map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
                json!({"Successful": kept.collect::<Vec<_>>(), "Failed": failed.collect::<Vec<_>>()})
            }
            "ChangeMessageVisibility" => {
                let seconds = SignedDuration::from_secs(request["VisibilityTimeout"].as_i64().unwrap_or_default());
                let mut queues = self.queues();
                let messages = queues.entry(name.to_owned()).or_default();
                if let Some(message) = messages.iter_mut().find(|message| Some(message.handle.as_str()) == request["ReceiptHandle"].as_str()) {
                    message.visible_at = now + seconds;
                }
                json!({})
            }
            "GetQueueAttributes" => {
                let queues = self.queues();
                let messages = queues.get(name).map(Vec::as_slice).unwrap_or_default();
                let visible = messages.iter().filter(|message| message.visible_at <= now).count();
                let flying = messages.iter().filter(|message| message.visible_at > now && !message.handle.is_empty()).count();
                json!({"Attributes": {"ApproximateNumberOfMessages": visible.to_string(), "ApproximateNumberOfMessagesNotVisible": flying.to_string(),
                    "ApproximateNumberOfMessagesDelayed": (messages.len() - visible - flying).to_string()}})
            }
            _ => json!({}),
        }
    }
}
