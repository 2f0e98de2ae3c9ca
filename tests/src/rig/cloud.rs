//! What the rig has for AWS: DynamoDB with the tables of the template, SQS, the provider, and two secrets.

use anyhow::Context;
use aws_config::SdkConfig;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use simulator::{Faults, Running, Sink};
use sms::phone::PhoneNumber;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use super::{clock::Clock, sqs::Sqs};
use crate::embedded::{Embedded, sdk};

/// The services, and the clock by which they go. Clones are the same.
#[derive(Clone)]
pub struct Cloud {
    /// DynamoDB.
    pub database: Arc<Embedded>,
    /// SQS.
    pub sqs: Sqs,
    /// The provider and the phones.
    pub provider: Arc<Running>,
    /// What time it is.
    pub clock: Clock,
    receipts: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    replies: Arc<Mutex<mpsc::UnboundedReceiver<String>>>,
    receipts_take: Arc<std::sync::Mutex<SignedDuration>>,
    /// Whether receipts come without what AWS was given to remember.
    strays: Arc<AtomicBool>,
    /// The last receipts of texts, as the provider published them.
    last_words: Arc<std::sync::Mutex<Vec<Value>>>,
    /// How often AWS took a text and whoever had handed it over may not have written that down.
    doubts: Arc<std::sync::Mutex<BTreeMap<Uuid, u64>>>,
    http: reqwest::Client,
    /// What DynamoDB's calls have used, while somebody wants to know.
    meter: Arc<std::sync::Mutex<Option<Units>>>,
}

/// What DynamoDB charges for, as it says of each call: read and write units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Of reading.
    pub read: f64,
    /// Of writing, indexes too.
    pub write: f64,
}

/// The operations of DynamoDB that read.
pub const READS: [&str; 5] = ["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"];

impl Cloud {
    /// An empty one, in which receipts come at once.
    pub async fn start(clock: Clock) -> anyhow::Result<Self> {
        let ((receipts, receipts_come), (replies, replies_come)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let told = clock.clone();
        let config = simulator::Config {
            receipts: Sink::Channel(receipts),
            inbound: Sink::Channel(replies),
            clock: simulator::Clock(Arc::new(move || told.now())),
            ..Default::default()
        };
        let provider = Running::start(config).await?;
        provider.simulator.set_faults(Faults { parts_per_second: None, receipt_delay_ms: 0, ..Faults::default() });
        Ok(Self {
            database: Arc::new(Embedded::start().await?),
            sqs: Sqs::default(),
            provider: Arc::new(provider),
            clock,
            receipts: Arc::new(Mutex::new(receipts_come)),
            replies: Arc::new(Mutex::new(replies_come)),
            receipts_take: Arc::default(),
            strays: Arc::default(),
            last_words: Arc::default(),
            doubts: Arc::default(),
            http: reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?,
            meter: Arc::default(),
        })
    }

    /// A configuration of the SDK that reaches DynamoDB without any hand in between.
    #[must_use]
    pub fn sdk(&self) -> SdkConfig {
        sdk(&self.database.dynamodb_url)
    }

    /// Makes a call; `None` if the connection breaks.
    pub async fn call(&self, target: &str, headers: &HeaderMap, body: Bytes, in_part: bool) -> Option<Response> {
        match target.split_once('.') {
            Some((service, operation)) if service.starts_with("DynamoDB") => {
                let is_metered = self.meter.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                let body = if is_metered { asking_for_units(&body) } else { body };
                let answer = self.forward(&self.database.dynamodb_url, headers, body).await?;
                if is_metered { self.read_meter(operation, answer).await } else { Some(answer) }
            }
            Some(("PinpointSMSVoiceV2", _)) => self.forward(&self.provider.url(), headers, body).await,
            Some(("AmazonSQS", operation)) => {
                let request = serde_json::from_slice::<Value>(&body).unwrap_or_default();
                // Every other one, the first among them.
                let seen = std::cell::Cell::new(0);
                let refuses = || in_part && seen.replace(seen.get() + 1) % 2 == 0;
                Some(axum::Json(self.sqs.answer(operation, &request, self.clock.now(), refuses)).into_response())
            }
            Some(("secretsmanager", _)) => {
                let codes = String::from_utf8_lossy(&body).contains("codes");
                let keys = json!({"current": "k".repeat(64), "previous": ""}).to_string();
                Some(axum::Json(json!({"SecretString": if codes { "s".repeat(64) } else { keys }})).into_response())
            }
            _ => Some(StatusCode::NOT_FOUND.into_response()),
        }
    }

    /// Begins to count what DynamoDB charges for.
    pub fn meter(&self) {
        *self.meter.lock().unwrap_or_else(PoisonError::into_inner) = Some(Units::default());
    }

    /// What was used since [`Self::meter`], which this ends.
    #[must_use]
    pub fn used(&self) -> Units {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    async fn read_meter(&self, operation: &str, answer: Response) -> Option<Response> {
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.ok()?;
        let said = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let consumed = &said["ConsumedCapacity"];
        let tables = consumed.as_array().map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let units = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum::<f64>();
        if let Some(meter) = self.meter.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *(if READS.contains(&operation) { &mut meter.read } else { &mut meter.write }) += units;
        }
        Some(Response::from_parts(parts, Body::from(bytes)))
    }

    async fn forward(&self, url: &str, headers: &HeaderMap, body: Bytes) -> Option<Response> {
        let mut request = self.http.post(url).body(body);
        for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.ok()?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await.ok()?;
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        for name in ["content-type", "x-amzn-errortype", "x-amzn-requestid", "x-amz-crc32"] {
            if let Some(value) = headers.get(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Some(response)
    }

    /// From now on receipts are on their way for so long.
    pub fn receipts_take(&self, time: SignedDuration) {
        *self.receipts_take.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Takes what the provider published since the last time to the queues that subscribe to it, in the envelope of SNS; `twice` says which of it comes twice.
    pub async fn deliver(&self, twice: impl Fn() -> bool) -> usize {
        let mut delivered = 0;
        let receipts_take = *self.receipts_take.lock().unwrap_or_else(PoisonError::into_inner);
        for (channel, queue, takes) in [(&self.receipts, "ReceiptsQueue", receipts_take), (&self.replies, "InboundQueue", SignedDuration::ZERO)] {
            let mut channel = channel.lock().await;
            while let Ok(message) = channel.try_recv() {
                let message = if queue == "ReceiptsQueue" { self.receipt(message) } else { message };
                let envelope = json!({"Type": "Notification", "MessageId": Uuid::new_v4().to_string(), "TopicArn": "arn:aws:sns:us-east-1:000000000000:topic",
                    "Message": message, "Timestamp": self.clock.now().to_string()});
                for _ in 0..if twice() { 2 } else { 1 } {
                    self.sqs.put(queue, &envelope.to_string(), Value::Null, self.clock.now() + takes);
                }
                delivered += 1;
            }
        }
        delivered
    }

    /// From now on receipts do not say whose they are.
    pub fn receipts_stray(&self) {
        self.strays.store(true, Ordering::Release);
    }

    /// A receipt as it goes out. The last one of a text is kept in mind.
    fn receipt(&self, message: String) -> String {
        let mut event = serde_json::from_str::<Value>(&message).unwrap_or_default();
        if event["isFinal"] == true {
            self.last_words.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        }
        if !self.strays.load(Ordering::Acquire) {
            return message;
        }
        event.as_object_mut().map(|members| members.remove("context"));
        event.to_string()
    }

    /// AWS took a text, and whoever handed it over may not write that down.
    pub fn doubt(&self, message_id: Uuid) {
        *self.doubts.lock().unwrap_or_else(PoisonError::into_inner).entry(message_id).or_default() += 1;
    }

    /// How often that was so.
    #[must_use]
    pub fn doubts(&self, message_id: Uuid) -> u64 {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).get(&message_id).copied().unwrap_or_default()
    }

    /// The last receipts of texts that are on their way or have come, as the provider published them.
    #[must_use]
    pub fn last_words(&self) -> Vec<Value> {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The numbers of all phones with a text on them.
    pub async fn phones(&self) -> anyhow::Result<Vec<PhoneNumber>> {
        let phones = self.http.get(format!("{}/phones", self.provider.url())).send().await?.error_for_status()?.json::<Vec<Value>>().await?;
        phones.iter().map(|phone| Ok(phone["phone"].as_str().context("a phone without a number")?.parse::<PhoneNumber>()?)).collect()
    }
}

/// The request, with a wish to be told what it uses: the SDK does not notice that there is more in the answer.
fn asking_for_units(body: &Bytes) -> Bytes {
    let mut request = serde_json::from_slice::<Value>(body).unwrap_or_default();
    if request.is_object() {
        request["ReturnConsumedCapacity"] = "TOTAL".into();
    }
    Bytes::from(request.to_string())
}
