//! The tables: one concrete struct round the DynamoDB client for each.
//!
//! A conditional write is the lock here; nothing is read before it, and its outcome carries what the next step needs.

mod admissions;
mod codes;
mod comparisons;
mod digests;
mod leaving;
mod limits;
mod messages;
mod opt_outs;
mod paces;
mod rebookings;
mod recipients;
mod replies;
mod settlements;
mod verifications;

use std::collections::HashMap;

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, KeysAndAttributes},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_attribute_value};

pub use admissions::{Admissions, Admitted, Wish};
pub use codes::{Asked, Asker, Codes, RESEND_GAP, Refusal, Why, id_of_number, ids_of};
pub use comparisons::{Comparison, Comparisons, Stage};
pub use limits::Limits;
pub use messages::{Changed, Cursor, Due, DueCursor, DuePage, Messages, Notes, Page, Written};
pub use opt_outs::OptOuts;
pub use paces::Paces;
pub use rebookings::{Rebooked, Resend};
pub use recipients::{Ledger, Recipients, Saved};
pub use replies::{Begun, Place, Replies, Reply};
pub use settlements::LastWord;
pub use verifications::{Guess, Verifications};

/// A DynamoDB item.
pub type Item = HashMap<String, AttributeValue>;

/// What a `BatchGetItem` brought.
#[derive(Debug)]
pub struct Batch<T> {
    /// The rows that are there.
    pub found: Vec<T>,
    /// Keys that DynamoDB did not get to: whether they have rows is not known.
    pub unprocessed: Vec<String>,
}

/// One `BatchGetItem` for the rows of `table` whose string key `key` is among `values`; none at all for no values. At most 100 values.
async fn batch_get<T: DeserializeOwned>(client: &Client, table: &str, key: &str, values: Vec<String>) -> anyhow::Result<Batch<T>> {
    let Batch { found, unprocessed } = batch_items(client, table, key, values).await?;
    Ok(Batch { found: found.into_iter().map(|item| row(item, table)).collect::<Result<_, _>>()?, unprocessed })
}

/// The same, for a table whose rows are of several types.
async fn batch_items(client: &Client, table: &str, key: &str, values: Vec<String>) -> anyhow::Result<Batch<Item>> {
    if values.is_empty() {
        return Ok(Batch { found: Vec::new(), unprocessed: Vec::new() });
    }
    let answer =
        client.batch_get_item().request_items(table, rows_of(key, values)?).send().await.with_context(|| format!("BatchGetItem on {table}"))?;
    let found = answer.responses.and_then(|mut tables| tables.remove(table)).unwrap_or_default();
    let left = answer.unprocessed_keys.and_then(|mut tables| tables.remove(table));
    let unprocessed = left.into_iter().flat_map(|left| left.keys).filter_map(|mut item| item.remove(key)?.as_s().ok().cloned()).collect();
    Ok(Batch { found, unprocessed })
}

/// The rows whose string key `key` is among `values`, as they are at this moment.
fn rows_of(key: &str, values: Vec<String>) -> anyhow::Result<KeysAndAttributes> {
    let keys = values.into_iter().map(|value| Item::from([(key.to_owned(), AttributeValue::S(value))])).collect();
    Ok(KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?)
}

fn attribute(value: impl Serialize) -> anyhow::Result<AttributeValue> {
    to_attribute_value(value).context("a value that DynamoDB cannot hold")
}

fn row<T: DeserializeOwned>(item: Item, table: &str) -> anyhow::Result<T> {
    from_item(item).with_context(|| format!("a row of {table}"))
}

/// Whether a transaction failed because what it relied on had changed, or was just being changed.
fn overtaken(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return matches!(error, TransactWriteItemsError::TransactionInProgressException(_));
    };
    let reasons = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).filter(|code| *code != "None");
    let mut reasons = reasons.peekable();
    reasons.peek().is_some() && reasons.all(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}
