//! The verifications table: what codes are made from, never a code.

use anyhow::Context;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::put_item::PutItemError, types::AttributeValue};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, row};
use crate::verification::Verification;

/// The verifications table.
#[derive(Debug, Clone)]
pub struct Verifications {
    client: Client,
    table: String,
}

impl Verifications {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes the row, unless its id has one: a repeat keeps the code that it had.
    pub async fn write(&self, verification: &Verification) -> anyhow::Result<()> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(verification)?))
            .condition_expression("attribute_not_exists(verification_id)")
            .send()
            .await;
        match written.map_err(SdkError::into_service_error) {
            Ok(_) | Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }

    /// The row of `id`.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Option<Verification>> {
        let key = Item::from([("verification_id".to_owned(), AttributeValue::S(id.to_string()))]);
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }
}
