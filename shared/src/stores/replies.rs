//! The replies table: everything that people texted us, how it was read, and what was done.

use anyhow::Context;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::put_item::PutItemError, operation::update_item::UpdateItemError, types::AttributeValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Item, row};
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

/// A place among the replies of a number: behind this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it was received, as the row has it.
    pub received_at: String,
    /// Its key.
    pub inbound_message_id: String,
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
        let finished = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET obeyed_at = :now")
            .condition_expression("attribute_exists(inbound_message_id)")
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .send()
            .await;
        match finished.map_err(SdkError::into_service_error) {
            // Its person was erased meanwhile, and it with them.
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }

    /// At most `most` replies from `phone`, oldest first, from behind `after`; and where to go on, if there may be more. By an index, which may lag behind the table by moments.
    pub async fn of(&self, phone: &PhoneNumber, after: Option<&Place>, most: i32) -> anyhow::Result<(Vec<Reply>, Option<Place>)> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_phone")
            .key_condition_expression("phone = :phone")
            .expression_attribute_values(":phone", AttributeValue::S(phone.as_e164().to_owned()))
            .limit(most)
            .set_exclusive_start_key(after.map(|place| place.start_key(phone)))
            .send()
            .await
            .with_context(|| format!("Query on {}", self.table))?;
        let next = answer.last_evaluated_key.map(|mut key| {
            let mut text = |name: &str| key.remove(name).and_then(|value| value.as_s().ok().cloned()).context("a key without its parts");
            Ok::<_, anyhow::Error>(Place { received_at: text("received_at")?, inbound_message_id: text("inbound_message_id")? })
        });
        let replies = answer.items.unwrap_or_default().into_iter().map(|item| row(item, &self.table)).collect::<Result<_, _>>()?;
        Ok((replies, next.transpose()?))
    }

    /// Forgets a reply.
    pub async fn delete(&self, inbound_message_id: &str) -> anyhow::Result<()> {
        let key = Item::from([("inbound_message_id".to_owned(), AttributeValue::S(inbound_message_id.to_owned()))]);
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.with_context(|| format!("DeleteItem on {}", self.table))?;
        Ok(())
    }
}

impl Place {
    fn start_key(&self, phone: &PhoneNumber) -> Item {
        let key = [("phone", phone.as_e164()), ("received_at", &self.received_at), ("inbound_message_id", &self.inbound_message_id)];
        key.into_iter().map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).collect()
    }
}
