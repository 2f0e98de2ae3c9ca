//! The limits table: how often things were done lately.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, Put, TransactWriteItem},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Item, attribute, batch_get, overtaken};
use crate::{
    conversion::{self, Block, Count, Hour},
    limits::Tally,
    moment,
};

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
            .set_key(Some(key(id)))
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

    /// How often `id` was counted.
    pub async fn counted(&self, id: String) -> anyhow::Result<u64> {
        #[derive(Deserialize)]
        struct Done {
            times_done: u64,
        }
        let batch = batch_get::<Done>(&self.client, &self.table, "limit_id", vec![id]).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(batch.found.first().map_or(0, |done| done.times_done))
    }

    /// Counts codes to numbers with `prefix` that were asked for at `at`, and those of them that came back: one write without a condition, into a row of its hour.
    pub async fn convert(&self, prefix: &str, at: Timestamp, count: Count) -> anyhow::Result<()> {
        let (id, asked, back) = conversion::place(prefix, at);
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression("SET expires_at = :forget ADD #asked :asked, #back :back")
            .expression_attribute_names("#asked", asked)
            .expression_attribute_names("#back", back)
            .expression_attribute_values(":forget", attribute(conversion::forget_hour(at))?)
            .expression_attribute_values(":asked", attribute(count.asked)?)
            .expression_attribute_values(":back", attribute(count.back)?)
            .send()
            .await
            .with_context(|| format!("UpdateItem on {}", self.table))?;
        Ok(())
    }

    /// How codes to numbers with `prefix` did lately, and in the past before that.
    pub async fn conversion(&self, prefix: &str, now: Timestamp) -> anyhow::Result<(Count, Count)> {
        let batch = batch_get::<Hour>(&self.client, &self.table, "limit_id", conversion::hour_ids(prefix, now)).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(conversion::counts(&batch.found, now))
    }

    /// The block of `prefix`, if it is blocked at `now`.
    pub async fn blocked(&self, prefix: &str, now: Timestamp) -> anyhow::Result<Option<Block>> {
        let batch = batch_get::<Block>(&self.client, &self.table, "limit_id", vec![conversion::block_id(prefix)]).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(batch.found.into_iter().next().filter(|block| block.blocked_until > now))
    }

    /// Blocks a prefix; answers whether this did it, and not somebody else a moment ago.
    pub async fn block(&self, block: &Block, now: Timestamp) -> anyhow::Result<bool> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(block)?))
            .condition_expression("attribute_not_exists(limit_id) OR blocked_until <= :now")
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .send()
            .await;
        match put.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }
}

fn key(id: String) -> Item {
    Item::from([("limit_id".to_owned(), AttributeValue::S(id))])
}
