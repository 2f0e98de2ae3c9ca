//! The end of a verification: its row is closed once, and AWS hears of every text of it whether it was of use, so that it learns our conversion.

use std::time::Duration;

use anyhow::Context;
use aws_sdk_pinpointsmsvoicev2::{Client, error::ProvideErrorMetadata, types::MessageFeedbackStatus};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    message::Message,
    provider::discreet,
    stores::{Messages, Verifications},
    verification::Verification,
};

/// `PutMessageFeedback`.
#[derive(Debug, Clone)]
pub struct Feedback {
    client: Client,
}

/// Closes verifications.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The verifications.
    pub verifications: Verifications,
    /// The texts that carried their codes.
    pub messages: Messages,
    /// How AWS hears of it.
    pub feedback: Feedback,
}

/// How a verification stands after an attempt to close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is closed, and there is nothing left to tell AWS.
    Yes,
    /// It is closed, but AWS does not know about all of its texts: close it again later.
    Untold,
    /// Its code may still be given until then.
    NotBefore(Timestamp),
    /// There is no such row, or it repeats another: close that one.
    NoSuch,
}

/// What AWS has not heard of for this long it takes for failed by itself.
const AWS_WAITS: SignedDuration = SignedDuration::from_hours(1);

/// How long to wait for AWS: a person may be waiting behind it.
const LONGEST: Duration = Duration::from_secs(2);

impl Feedback {
    /// From the SDK's configuration.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig) -> Self {
        Self { client: Client::new(sdk) }
    }

    /// Says whether the text that AWS calls `provider_message_id` was of use. May be repeated. `Ok` as well if AWS will never take it, which is logged.
    pub async fn give(&self, provider_message_id: &str, received: bool) -> anyhow::Result<()> {
        let status = if received { MessageFeedbackStatus::Received } else { MessageFeedbackStatus::Failed };
        let Err(error) = self.client.put_message_feedback().message_id(provider_message_id).message_feedback_status(status).send().await else {
            return Ok(());
        };
        match error.code() {
            Some(refused @ ("ResourceNotFoundException" | "ValidationException" | "ConflictException")) => {
                warn!(provider_message_id, reason = refused, "AWS takes no feedback for this text");
                Ok(())
            }
            _ => Err(discreet("PutMessageFeedback", &error)),
        }
    }
}

impl Closing {
    /// Closes the verification `id` if its code is used, locked or expired, and gives AWS feedback for every text of it. Harmless to repeat, and to be repeated as long as it answers [`Closed::Untold`].
    ///
    /// `Err` is trouble with our own tables; what AWS answers is never an error.
    pub async fn close(&self, id: Uuid, now: Timestamp) -> anyhow::Result<Closed> {
        let Some((row, _)) = self.verifications.close(id, now).await?.filter(|(row, _)| row.repeats.is_none()) else {
            return Ok(Closed::NoSuch);
        };
        if row.closed_at.is_none() {
            return Ok(Closed::NotBefore(row.valid_until));
        }
        self.settle(&row, now).await
    }

    /// The same for one of many who notice at once that a code is locked: whoever closes the row gives the feedback, and nobody else.
    pub async fn close_locked(&self, id: Uuid, now: Timestamp) -> anyhow::Result<()> {
        if let Some((row, true)) = self.verifications.close(id, now).await? {
            self.settle(&row, now).await?;
        }
        Ok(())
    }

    async fn settle(&self, row: &Verification, now: Timestamp) -> anyhow::Result<Closed> {
        if !row.untold {
            return Ok(Closed::Yes);
        }
        if row.valid_until + AWS_WAITS > now && !self.tell(row).await? {
            return Ok(Closed::Untold);
        }
        self.verifications.told(row).await?;
        info!(verification.id = %row.verification_id, received = row.used_at.is_some(), texts = row.texts.len() + 1, "closed");
        Ok(Closed::Yes)
    }

    /// Whether AWS knows now about all texts of `row`.
    async fn tell(&self, row: &Verification) -> anyhow::Result<bool> {
        let texts = self.messages.all(row.texts.iter().copied().chain([row.verification_id])).await.context("the texts of a code")?;
        let told = join_all(texts.iter().map(|text| self.tell_of(text, row.used_at.is_some())));
        let told = tokio::time::timeout(LONGEST, told).await.unwrap_or_default();
        Ok(told.len() == texts.len() && told.into_iter().all(|told| told))
    }

    async fn tell_of(&self, text: &Message, received: bool) -> bool {
        let Some(id) = &text.provider_message_id else {
            // One that AWS never had needs nothing; of one on its way the name is not known yet.
            return text.status.is_final();
        };
        match self.feedback.give(id, received).await {
            Ok(()) => true,
            Err(error) => {
                warn!(message.id = %text.message_id, reason = format!("{error:#}"), "the feedback will be given later");
                false
            }
        }
    }
}
