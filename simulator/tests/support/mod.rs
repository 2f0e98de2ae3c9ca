//! What the simulator's tests share: one in this process, the real SDK pointed at it, and plain HTTP.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_pinpointsmsvoicev2::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
};
use serde_json::Value;
use simulator::{Config, Faults, Running, Simulator, Sink};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// A simulator, and all that it tells.
pub struct Bench {
    /// It.
    pub running: Running,
    /// The SDK's client of it. One call is one request.
    pub sms: Client,
    /// Its delivery events.
    pub receipts: UnboundedReceiver<String>,
    /// Its inbound texts.
    pub inbound: UnboundedReceiver<String>,
}

/// No limits, and events at once.
pub fn quick() -> Faults {
    Faults { parts_per_second: None, receipt_delay_ms: 0, ..Faults::default() }
}

impl Bench {
    /// A simulator with these faults.
    pub async fn start(faults: Faults) -> Self {
        let ((to_receipts, receipts), (to_inbound, inbound)) = (unbounded_channel(), unbounded_channel());
        let config = Config { receipts: Sink::Channel(to_receipts), inbound: Sink::Channel(to_inbound), ..Config::default() };
        let running = Running::start(config).await.unwrap();
        running.simulator.set_faults(faults);
        let config = aws_sdk_pinpointsmsvoicev2::config::Builder::from(&sdk(&running.url())).retry_config(RetryConfig::disabled()).build();
        Self { sms: Client::from_conf(config), running, receipts, inbound }
    }

    /// The simulator itself.
    pub fn simulator(&self) -> &Simulator {
        &self.running.simulator
    }

    /// The statuses on a phone.
    pub fn statuses(&self, phone: &str) -> Vec<&'static str> {
        self.simulator().texts(&phone.parse().unwrap()).iter().map(|text| text.status).collect()
    }

    /// The next delivery event.
    pub async fn receipt(&mut self) -> Value {
        next(&mut self.receipts).await
    }

    /// The next inbound text.
    pub async fn inbound(&mut self) -> Value {
        next(&mut self.inbound).await
    }

    /// Calls the simulator without an SDK; answers status and body.
    pub async fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let url = self.running.url();
        http(&url, &format!("{method} {path}"), &[("Content-Type", "application/json")], body).await
    }
}

async fn next(channel: &mut UnboundedReceiver<String>) -> Value {
    let message = tokio::time::timeout(Duration::from_secs(10), channel.recv()).await.expect("a message within 10 s").unwrap();
    serde_json::from_str(&message).unwrap()
}

/// The SDK's configuration for a service at `url`.
pub fn sdk(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}

/// One request, such as `GET /phones`, on a connection of its own; answers status and body, which is a string where it is no JSON.
pub async fn http(url: &str, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
    let host = url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let has_host = headers.iter().any(|(name, _)| *name == "Host");
    let host = if has_host { String::new() } else { format!("Host: {host}\r\n") };
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
    let request = format!("{request} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| body.into()))
}

/// Waits until `condition` holds, for at most ten seconds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap_or_else(|_| panic!("not within 10 s: {what}"));
}
