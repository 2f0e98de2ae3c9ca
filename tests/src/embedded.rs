//! DynamoDB in this process, with the tables of `template.yaml`; queues that keep what they are given; and a count of every call to either.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use axum::{Json, Router, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The services that a function meets, but the provider.
pub struct Embedded {
    /// The embedded DynamoDB itself.
    pub database: dynoxide::Database,
    /// A client of it.
    pub dynamodb: Client,
    /// A client of the embedded queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Where the embedded DynamoDB listens.
    pub dynamodb_url: String,
    /// What the queues got.
    pub queues: Queues,
    /// Every call so far, such as `DynamoDB_20120810.BatchGetItem`, in order.
    pub calls: Calls,
    _servers: [Server; 2],
}

/// A server in this process, which ends when this is dropped.
#[derive(Debug)]
pub struct Server(tokio::task::JoinHandle<()>);

impl Server {
    /// Runs it.
    pub fn run(serve: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(serve))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls to AWS, as they went over the wire, and how many more may.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    made: Arc<Mutex<Vec<String>>>,
    left: Arc<Mutex<Option<usize>>>,
    fails: Arc<Mutex<Option<usize>>>,
}

/// Queues by the last part of their URL. They take `SendMessage`, `SendMessageBatch`, `GetQueueAttributes` and `ChangeMessageVisibility`.
#[derive(Debug, Clone, Default)]
pub struct Queues {
    messages: Arc<Mutex<BTreeMap<String, Vec<Value>>>>,
    refuse: Arc<Mutex<Vec<String>>>,
    waiting: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Embedded {
    /// Starts both, empty.
    pub async fn start() -> anyhow::Result<Self> {
        let database = dynoxide::Database::memory().map_err(|error| anyhow::anyhow!("{error}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dynamodb_url = format!("http://{}", listener.local_addr()?);
        let tables = Server::run(dynoxide::server::serve_on(listener, database.clone()));

        let queues = Queues::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sqs_url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/", post(Queues::answer)).with_state(queues.clone());
        let lanes = Server::run(async move { drop(axum::serve(listener, router).await) });

        let calls = Calls::default();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&sdk(&dynamodb_url)).interceptor(calls.clone()).build();
        let sqs = aws_sdk_sqs::config::Builder::from(&sdk(&sqs_url)).interceptor(calls.clone()).build();
        let embedded = Self {
            database,
            dynamodb_url,
            dynamodb: Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            queues,
            calls,
            _servers: [tables, lanes],
        };
        embedded.create_tables().await?;
        drop(embedded.calls.take());
        Ok(embedded)
    }

    /// Makes every table of the template, called by its logical id.
    async fn create_tables(&self) -> anyhow::Result<()> {
        for (name, properties) in template_tables()? {
            let definition = serde_json::from_value::<TableDefinition>(properties).with_context(|| format!("{name} in template.yaml"))?;
            definition.create(&self.dynamodb, &name).await.with_context(|| format!("creating {name}"))?;
        }
        Ok(())
    }

    /// All items of a table, as plain JSON.
    pub async fn scan(&self, table: &str) -> anyhow::Result<Vec<Value>> {
        let items = self.dynamodb.scan().table_name(table).send().await?.items.unwrap_or_default();
        self.calls.forget("DynamoDB_20120810.Scan");
        Ok(serde_dynamo::aws_sdk_dynamodb_1::from_items(items)?)
    }
}

/// The SDK's configuration for a service at `url`, with credentials that no one checks.
#[must_use]
pub fn sdk(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(aws_sdk_dynamodb::config::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .build()
}

fn template_tables() -> anyhow::Result<Vec<(String, Value)>> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))?;
    let template = crate::template::parse(&text)?;
    let resources = template["Resources"].as_object().context("template.yaml has no Resources")?;
    let tables = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table");
    Ok(tables.map(|(name, resource)| (name.clone(), resource["Properties"].clone())).collect())
}

/// The part of `AWS::DynamoDB::Table` that a test needs.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableDefinition {
    attribute_definitions: Vec<BTreeMap<String, String>>,
    key_schema: Vec<BTreeMap<String, String>>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexDefinition>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexDefinition {
    index_name: String,
    key_schema: Vec<BTreeMap<String, String>>,
    projection: BTreeMap<String, String>,
}

impl TableDefinition {
    async fn create(self, client: &Client, name: &str) -> anyhow::Result<()> {
        use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection};

        let keys = |schema: Vec<BTreeMap<String, String>>| {
            let key = |key: BTreeMap<String, String>| {
                KeySchemaElement::builder().attribute_name(&key["AttributeName"]).key_type(key["KeyType"].as_str().into()).build()
            };
            schema.into_iter().map(key).collect::<Result<Vec<_>, _>>()
        };
        let mut create = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest).set_key_schema(Some(keys(self.key_schema)?));
        for attribute in self.attribute_definitions {
            let kind = attribute["AttributeType"].as_str().into();
            create = create
                .attribute_definitions(AttributeDefinition::builder().attribute_name(&attribute["AttributeName"]).attribute_type(kind).build()?);
        }
        for index in self.global_secondary_indexes {
            let projection = Projection::builder().projection_type(index.projection["ProjectionType"].as_str().into()).build();
            let keys = keys(index.key_schema)?;
            let index = GlobalSecondaryIndex::builder().index_name(index.index_name).set_key_schema(Some(keys)).projection(projection).build()?;
            create = create.global_secondary_indexes(index);
        }
        create.send().await?;
        Ok(())
    }
}

impl Calls {
    /// The calls since the last time, in order.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.made.lock().expect("calls"))
    }

    /// From now on lets so many calls through and no other, as if the process had died then; `None` lets all through again.
    pub fn end_after(&self, calls: Option<usize>) {
        *self.left.lock().expect("calls") = calls;
    }

    /// Lets `calls` more calls through; the one after them does not leave this machine, and those behind it do again.
    pub fn fail_after(&self, calls: usize) {
        *self.fails.lock().expect("calls") = Some(calls);
    }

    /// Lets every call through; answers whether one was to fail and was not made.
    #[must_use]
    pub fn heal(&self) -> bool {
        self.fails.lock().expect("calls").take().is_some()
    }

    /// Whether this call is the one that fails.
    fn fails(&self) -> bool {
        let mut left = self.fails.lock().expect("calls");
        let fails = *left == Some(0);
        *left = left.and_then(|left| left.checked_sub(1));
        fails
    }

    fn forget(&self, operation: &str) {
        self.made.lock().expect("calls").retain(|call| call != operation);
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut aws_sdk_dynamodb::config::ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        if self.fails() {
            return Err("this call was to fail".into());
        }
        if let Some(left) = self.left.lock().expect("calls").as_mut() {
            *left = left.checked_sub(1).ok_or("the process is dead")?;
        }
        self.made.lock().expect("calls").push(target.to_owned());
        Ok(())
    }
}

impl Queues {
    /// The bodies that the queue called `name` got so far.
    #[must_use]
    pub fn bodies(&self, name: &str) -> Vec<String> {
        self.messages(name).iter().map(|message| message["MessageBody"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The messages that the queue called `name` got so far, as `SendMessage` has them.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<Value> {
        self.messages.lock().expect("queues").get(name).cloned().unwrap_or_default()
    }

    /// From now on says that so many messages wait in the queue called `name`.
    pub fn say_that_wait(&self, name: &str, messages: usize) {
        self.waiting.lock().expect("queues").insert(name.to_owned(), messages);
    }

    /// From now on refuses every message of a batch whose body contains `part`.
    pub fn refuse(&self, part: &str) {
        self.refuse.lock().expect("queues").push(part.to_owned());
    }

    /// From now on refuses nothing.
    pub fn accept(&self) {
        self.refuse.lock().expect("queues").clear();
    }

    fn keep(&self, url: &Value, message: &Value) -> bool {
        let refused = self.refuse.lock().expect("queues").iter().any(|part| message["MessageBody"].as_str().is_some_and(|body| body.contains(part)));
        if !refused {
            let name = url.as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
            self.messages.lock().expect("queues").entry(name.to_owned()).or_default().push(message.clone());
        }
        !refused
    }

    #[expect(clippy::unused_async, reason = "axum wants a future")]
    async fn answer(State(queues): State<Self>, headers: HeaderMap, body: String) -> Json<Value> {
        let request = serde_json::from_str::<Value>(&body).unwrap_or_default();
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let url = &request["QueueUrl"];
        Json(match target {
            "AmazonSQS.SendMessageBatch" => {
                let entries = request["Entries"].as_array().cloned().unwrap_or_default();
                let (kept, refused): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| queues.keep(url, entry));
                let kept = kept.iter().map(|entry| json!({"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": ""})).collect::<Vec<_>>();
                let refused =
                    refused.iter().map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false})).collect::<Vec<_>>();
                json!({"Successful": kept, "Failed": refused})
            }
            "AmazonSQS.GetQueueAttributes" => {
                let name = url.as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
                let waiting = queues.waiting.lock().expect("queues").get(name).copied().unwrap_or_default();
                json!({"Attributes": {"ApproximateNumberOfMessages": waiting.to_string()}})
            }
            "AmazonSQS.SendMessage" => {
                queues.keep(url, &request);
                json!({"MessageId": "m", "MD5OfMessageBody": ""})
            }
            _ => json!({}),
        })
    }
}
