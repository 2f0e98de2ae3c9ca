//! Where delivery events and inbound texts go.

use anyhow::Context;
use tokio::sync::mpsc::UnboundedSender;

/// A place for the messages that AWS would publish to an SNS topic.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// An SNS topic.
    Topic {
        /// Client of the cloud that has the topic.
        client: aws_sdk_sns::Client,
        /// Its ARN.
        arn: String,
    },
    /// A test in the same process, which reads what would be the `Message` of the SNS envelope.
    Channel(UnboundedSender<String>),
    /// Nowhere: no topic is configured.
    #[default]
    Nowhere,
}

impl Sink {
    /// Publishes `message`.
    pub async fn publish(&self, message: String) -> anyhow::Result<()> {
        match self {
            Self::Topic { client, arn } => {
                client.publish().topic_arn(arn).message(message).send().await.with_context(|| format!("SNS did not take a message for {arn}"))?;
            }
            Self::Channel(channel) => channel.send(message).context("the channel is closed")?,
            Self::Nowhere => {}
        }
        Ok(())
    }

    /// The topic's ARN.
    #[must_use]
    pub fn topic_arn(&self) -> Option<&str> {
        match self {
            Self::Topic { arn, .. } => Some(arn),
            _ => None,
        }
    }
}
