//! The verifications table: what codes are made from, never a code.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, attribute, row};
use crate::{
    event::UserId,
    moment,
    verification::{MOST_GUESSES, Verification},
};

/// The verifications table.
#[derive(Debug, Clone)]
pub struct Verifications {
    pub(super) client: Client,
    pub(super) table: String,
}

/// What came of counting a guess.
#[derive(Debug)]
pub enum Guess {
    /// It is counted, in the row that is this now: it may be looked at.
    Counted(Box<Verification>),
    /// The row takes no guess, or not from this user; `None` if there is no row.
    Refused(Option<Box<Verification>>),
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

    /// Counts a guess of `user` at `now`, before anybody looks at it: however many come at once, no more than [`MOST_GUESSES`] are ever looked at.
    pub async fn guess(&self, id: Uuid, user: &UserId, now: Timestamp) -> anyhow::Result<Guess> {
        let open = "attempts < :most AND valid_until > :now AND attribute_not_exists(used_at)";
        let mine = "user_id = :user AND attribute_not_exists(repeats)";
        let counted = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression("SET attempts = attempts + :one")
            .condition_expression(format!("{mine} AND {open}"))
            .expression_attribute_values(":user", AttributeValue::S(user.as_str().to_owned()))
            .expression_attribute_values(":one", attribute(1)?)
            .expression_attribute_values(":most", attribute(MOST_GUESSES)?)
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match counted.map_err(SdkError::into_service_error) {
            Ok(answer) => Ok(Guess::Counted(Box::new(row(answer.attributes.context("the counted row did not come back")?, &self.table)?))),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Guess::Refused(failed.item.map(|old| row(old, &self.table)).transpose()?.map(Box::new)))
            }
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }

    /// The part of a transaction that uses the code of `id` up; it fails if that has happened before.
    pub fn use_up(&self, id: Uuid, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            // Somebody may just have locked or closed it, and told AWS so: this is the last word, and has to be told again.
            .update_expression("SET used_at = :now, untold = :yes")
            .condition_expression("attribute_exists(verification_id) AND attribute_not_exists(used_at)")
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Says the code of `living` once more: in the message `text`, whose row this writes and answers with; `None` if the code was closed meanwhile.
    pub async fn repeat(&self, living: &Verification, text: Uuid) -> anyhow::Result<Option<Verification>> {
        let noted = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(living.verification_id)))
            .update_expression("ADD texts :text")
            .condition_expression("attribute_exists(verification_id) AND attribute_not_exists(closed_at) AND attribute_not_exists(used_at)")
            .expression_attribute_values(":text", AttributeValue::Ss(vec![text.to_string()]))
            .send()
            .await;
        match noted.map_err(SdkError::into_service_error) {
            Ok(_) => {}
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
        let repeated = living.repeated_in(text);
        self.write(&repeated).await?;
        Ok(Some(repeated))
    }

    /// Closes the verification `id` if its code can be given no more at `now`, and answers with its row either way, and whether this was what closed it. From then on
    /// its code is said to nobody.
    pub async fn close(&self, id: Uuid, now: Timestamp) -> anyhow::Result<Option<(Verification, bool)>> {
        let over = "attempts >= :most OR valid_until <= :now OR attribute_exists(used_at)";
        let closed = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression("SET closed_at = :now")
            .condition_expression(format!("attribute_not_exists(repeats) AND attribute_not_exists(closed_at) AND ({over})"))
            .expression_attribute_values(":most", attribute(MOST_GUESSES)?)
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let (item, is_first) = match closed.map_err(SdkError::into_service_error) {
            Ok(answer) => (answer.attributes, true),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => (failed.item, false),
            Err(error) => return Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        };
        item.map(|item| Ok((row(item, &self.table)?, is_first))).transpose()
    }

    /// Notes that AWS knows what became of `told`, unless that has changed since.
    pub async fn told(&self, told: &Verification) -> anyhow::Result<()> {
        let same = if told.used_at.is_some() { "attribute_exists(used_at)" } else { "attribute_not_exists(used_at)" };
        let noted = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(told.verification_id)))
            .update_expression("REMOVE untold")
            .condition_expression(format!("attribute_exists(verification_id) AND {same}"))
            .send()
            .await;
        match noted.map_err(SdkError::into_service_error) {
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }

    /// The row of `id`.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Option<Verification>> {
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }
}

pub(super) fn key(id: Uuid) -> Item {
    Item::from([("verification_id".to_owned(), AttributeValue::S(id.to_string()))])
}
