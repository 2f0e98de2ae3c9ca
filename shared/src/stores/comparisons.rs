//! How far the comparison of our opt-outs with AWS's list has come: one row in the limits table.

use anyhow::Context;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::put_item::PutItemError, types::AttributeValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Item, attribute, row};
use crate::{moment, phone::PhoneNumber};

/// The row of the comparison.
#[derive(Debug, Clone)]
pub struct Comparisons {
    client: Client,
    table: String,
}

/// A comparison under way, or the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Grows by one with every change.
    pub revision: u64,
    /// When it began.
    #[serde(with = "moment")]
    pub begun_at: Timestamp,
    /// When AWS was last asked what it lets the account spend: daily, however long a comparison takes.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub limit_asked_at: Option<Timestamp>,
    /// What comes next.
    pub stage: Stage,
    /// Numbers found so far on AWS's list that are not opted out here.
    pub only_theirs: u64,
    /// Numbers found so far that are opted out here and not on AWS's list.
    pub only_ours: u64,
}

/// How far a comparison has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It goes through AWS's list.
    Theirs {
        /// AWS's name of the next page; none for the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// It goes through our table.
    Ours {
        /// The number it comes behind; none for the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<PhoneNumber>,
        /// How many are to be asked for one by one, since of several AWS says only that one is missing.
        #[serde(default)]
        alone: usize,
    },
    /// It is done.
    Done,
}

impl Comparisons {
    /// In the limits table, `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The row, if there ever was a comparison.
    pub async fn get(&self) -> anyhow::Result<Option<Comparison>> {
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key())).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }

    /// Writes the row, and answers whether it did: not if somebody else went on since it was read.
    pub async fn write(&self, comparison: &Comparison) -> anyhow::Result<bool> {
        let mut item: Item = to_item(comparison)?;
        item.extend(key());
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(limit_id) OR revision = :before")
            .expression_attribute_values(":before", attribute(comparison.revision - 1)?)
            .send()
            .await;
        match written.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }
}

fn key() -> Item {
    Item::from([("limit_id".to_owned(), AttributeValue::S("opt-out-comparison".to_owned()))])
}
