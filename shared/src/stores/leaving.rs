//! What erasing a person does to the tables. Each step may be done twice and comes to the same.

use std::ops::ControlFlow;

use anyhow::{Context, bail};
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, Ledger, Limits, Messages, Recipients, Saved, Verifications, attribute, batch_get, messages, overtaken, recipients, verifications};
use crate::{
    consent::{LedgerEntry, Statement},
    erasure::{Erasure, Tenure},
    event::UserId,
    message::{Change, Entered, Message},
    metrics,
    recipient::Recipient,
    verification::Verification,
};

/// How many writes go out at once.
const AT_ONCE: usize = 25;
/// How often the erasing of a row is begun anew when others change it at the same time.
const TRIES: u32 = 5;

impl Ledger {
    /// Puts the mark of an erasure in the place of the row of `before`, and `statement`, which says so, at the end of the ledger: both, or nothing if the row has changed.
    pub async fn mark_erased(
        &self,
        recipients: &Recipients,
        before: &Recipient,
        statement: Statement,
        kept_until: Timestamp,
        numbers: Vec<Tenure>,
    ) -> anyhow::Result<Saved> {
        let at = statement.at;
        let entry = LedgerEntry::after(before.ledger.as_ref(), before.user_id.clone(), statement);
        let mark = before.mark(Erasure { at, kept_until, ledger: entry.head(), finished_at: None, numbers });
        // The whole row, so that nothing stays that this program does not know.
        let put = Put::builder().table_name(&recipients.table).set_item(Some(to_item(&mark)?));
        let unchanged = if before.version == 0 { "attribute_not_exists(version) OR version = :before" } else { "version = :before" };
        let put = put.condition_expression(unchanged).expression_attribute_values(":before", attribute(before.version)?).build()?;
        let items = [TransactWriteItem::builder().put(put).build(), self.append(&entry)?];
        match self.client.transact_write_items().set_transact_items(Some(items.into())).send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes(Box::new(mark))),
            Err(error) if overtaken(&error) => Ok(Saved::Overtaken),
            Err(error) => Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.table, recipients.table)),
        }
    }

    /// Lets DynamoDB forget the entries of `user` from `first` to `last` at `kept_until`. What they say is not touched.
    pub async fn seal(&self, user: &UserId, first: u64, last: u64, kept_until: Timestamp) -> anyhow::Result<()> {
        let places = (first..=last).collect::<Vec<_>>();
        for some in places.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|seq| self.seal_one(user, *seq, kept_until))).await?;
        }
        Ok(())
    }

    async fn seal_one(&self, user: &UserId, seq: u64, kept_until: Timestamp) -> anyhow::Result<()> {
        let mut key = recipients::key(user);
        key.insert("seq".to_owned(), attribute(seq)?);
        // The role allows an update that names these three attributes and no other.
        let sealed = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("SET expires_at = :end")
            .condition_expression("attribute_exists(user_id)")
            .expression_attribute_values(":end", attribute(kept_until.as_second())?)
            .send()
            .await;
        match sealed.map_err(SdkError::into_service_error) {
            // One that is missing is for the chain to show, not in the way of an erasure.
            Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }
}

impl Messages {
    /// Takes everything personal out of the row that was read as `row`. What waits will not go out; what a sender has in its hands may. Answers with what is left, for the books.
    pub async fn erase(&self, row: &Message, now: Timestamp) -> anyhow::Result<Message> {
        let mut row = row.clone();
        for _ in 0..TRIES {
            if row.erased_at.is_some() {
                return Ok(row);
            }
            match self.erase_as_read(&row, now).await? {
                ControlFlow::Break(left) => return Ok(left),
                ControlFlow::Continue(changed) => row = changed,
            }
        }
        bail!("others kept changing a row of {} while it was to be erased", self.table)
    }

    /// Erases the row if it still is as it was read and breaks with what is left; else goes on with what it is now.
    async fn erase_as_read(&self, row: &Message, now: Timestamp) -> anyhow::Result<ControlFlow<Message, Message>> {
        let change = [Change::Erased, Change::Abandoned].into_iter().find_map(|change| row.status.after(change));
        let status = change.unwrap_or(row.status);
        let erased = Message { status, ..row.clone() }.erased(now);
        let (old, mut new) = (messages::item(row)?, messages::item(&erased)?);
        // A sender may write the words down at this very moment.
        let gone = old.keys().filter(|name| !new.contains_key(*name)).cloned().chain(["body".to_owned()]).collect::<std::collections::BTreeSet<_>>();
        new.retain(|name, value| name != "changes" && old.get(name) != Some(value));
        new.insert("status".to_owned(), attribute(status)?);

        let sets = new.keys().map(|name| format!("#{name} = :{name}")).collect::<Vec<_>>().join(", ");
        let removes = gone.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", ");
        let entered = change.map(|status| Entered { status, at: now });
        let expression = format!("SET {sets}, #changes = list_append(#changes, :entered) REMOVE {removes}");
        let named = new.keys().chain(&gone).cloned().chain(["changes".to_owned(), "attempts".to_owned()]);
        let values = new.iter().map(|(name, value)| (format!(":{name}"), value.clone())).chain([
            (":entered".to_owned(), attribute(entered.into_iter().collect::<Vec<_>>())?),
            (":was".to_owned(), attribute(row.status)?),
            (":tried".to_owned(), attribute(row.attempts)?),
        ]);
        // It may just be moved to the books of another day.
        let (same_books, reserved) = match old.get("reserved") {
            Some(reserved) => (" AND #reserved = :reserved_was", Some((":reserved_was".to_owned(), reserved.clone()))),
            None => (" AND attribute_not_exists(#reserved)", None),
        };
        let (named, values) = (named.chain(["reserved".to_owned()]), values.chain(reserved));
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(messages::key(row.message_id)))
            .update_expression(expression)
            .condition_expression(format!("#status = :was AND #attempts = :tried{same_books}"))
            .set_expression_attribute_names(Some(named.map(|name| (format!("#{name}"), name)).collect()))
            .set_expression_attribute_values(Some(values.collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated.map_err(SdkError::into_service_error) {
            Ok(_) => {
                if change.is_some() {
                    metrics::count(now, &erased);
                }
                Ok(ControlFlow::Break(erased))
            }
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item {
                Some(item) => Ok(ControlFlow::Continue(super::row(item, &self.table)?)),
                // DynamoDB has forgotten it.
                None => Ok(ControlFlow::Break(erased)),
            },
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }
}

impl Verifications {
    /// Those of `ids` (at most 100) that there are.
    pub async fn batch(&self, ids: &[Uuid]) -> anyhow::Result<Vec<Verification>> {
        let ids = ids.iter().map(Uuid::to_string).collect();
        let batch = batch_get::<Verification>(&self.client, &self.table, "verification_id", ids).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(batch.found)
    }

    /// Forgets a verification: its code works no more.
    pub async fn delete(&self, id: Uuid) -> anyhow::Result<()> {
        let key = verifications::key(id);
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.with_context(|| format!("DeleteItem on {}", self.table))?;
        Ok(())
    }
}

impl Limits {
    /// Forgets how often something was done.
    pub async fn delete(&self, id: &str) -> anyhow::Result<()> {
        let key = Item::from([("limit_id".to_owned(), AttributeValue::S(id.to_owned()))]);
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.with_context(|| format!("DeleteItem on {}", self.table))?;
        Ok(())
    }
}
