//! The replies table: everything that people texted us, how it was read, and what was done.

use anyhow::Context;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::put_item::PutItemError, types::AttributeValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::Item;
use crate::{moment, phone::PhoneNumber};

/// The replies table.
#[derive(Debug, Clone)]
pub struct Replies {
    client: Client,
    table: String,
}

/// The row of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Its key: AWS's `inboundMessageId`.
    pub inbound_message_id: String,
    /// Who texted.
    pub phone: PhoneNumber,
    /// What they texted.
    pub body: String,
    /// What we took it for, such as `stop_all`.
    pub meaning: String,
    /// The rule that says so.
    pub rule: String,
    /// Whether somebody should read it: it may have been an opt-out.
    pub review: bool,
    /// When AWS published it.
    #[serde(with = "moment")]
    pub received_at: Timestamp,
    /// When everything that follows from it was done.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub obeyed_at: Option<Timestamp>,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

/// What came of beginning with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It is to be obeyed; perhaps not for the first time, if an earlier try died on the way.
    ToObey,
    /// It was obeyed already.
    Obeyed,
}

impl Replies {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes the reply down, unless it was obeyed already.
    pub async fn begin(&self, reply: &Reply) -> anyhow::Result<Begun> {
        let begun = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(reply)?))
            .condition_expression("attribute_not_exists(obeyed_at)")
            .send()
            .await;
        match begun.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Begun::ToObey),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(Begun::Obeyed),
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }

    /// Notes that everything that follows from the reply is done.
    pub async fn finish(&self, inbound_message_id: &str, now: Timestamp) -> anyhow::Result<()> {
        let key = Item::from([("inbound_message_id".to_owned(), AttributeValue::S(inbound_message_id.to_owned()))]);
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET obeyed_at = :now")
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .send()
            .await
            .with_context(|| format!("UpdateItem on {}", self.table))?;
        Ok(())
    }
}
