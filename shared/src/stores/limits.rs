//! The limits table: how often things were done lately.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, Put, TransactWriteItem},
};
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Item, attribute, batch_get, overtaken};
use crate::limits::Tally;

/// The limits table.
#[derive(Debug, Clone)]
pub struct Limits {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Limits {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The rows of `ids`, in their order, by one `BatchGetItem`; new ones where there are none.
    pub async fn read(&self, ids: &[String]) -> anyhow::Result<Vec<Tally>> {
        let mut batch = batch_get::<Tally>(&self.client, &self.table, "limit_id", ids.to_vec()).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        let mut take = |id: &String| match batch.found.iter().position(|row| row.limit_id == *id) {
            Some(place) => batch.found.swap_remove(place),
            None => Tally::new(id.clone()),
        };
        Ok(ids.iter().map(&mut take).collect())
    }

    /// Writes all rows or none, and answers whether it did: not if any of them has changed since it was read.
    pub async fn write(&self, tallies: &[Tally]) -> anyhow::Result<bool> {
        let put = |tally: &Tally| {
            let put = Put::builder().table_name(&self.table).set_item(Some(to_item(tally)?));
            let put = match tally.revision {
                0 | 1 => put.condition_expression("attribute_not_exists(limit_id)"),
                after => put.condition_expression("revision = :before").expression_attribute_values(":before", attribute(after - 1)?),
            };
            Ok::<_, anyhow::Error>(TransactWriteItem::builder().put(put.build()?).build())
        };
        let items = tallies.iter().map(put).collect::<Result<Vec<_>, _>>()?;
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(error) if overtaken(&error) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("TransactWriteItems on {}", self.table)),
        }
    }

    /// Counts `id` once more, unless that would make it more than `most`; answers whether it did. For what everybody shares: one write, no read, no transaction.
    pub async fn count(&self, id: String, most: u64, forget_at: Timestamp) -> anyhow::Result<bool> {
        let counted = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Item::from([("limit_id".to_owned(), AttributeValue::S(id))])))
            .update_expression("SET expires_at = :forget ADD times_done :one")
            .condition_expression("attribute_not_exists(times_done) OR times_done < :most")
            .expression_attribute_values(":forget", attribute(forget_at.as_second())?)
            .expression_attribute_values(":one", attribute(1)?)
            .expression_attribute_values(":most", attribute(most)?)
            .send()
            .await;
        match counted.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }
}
