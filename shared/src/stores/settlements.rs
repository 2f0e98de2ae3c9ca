//! Settles what texts have cost: the row, its month and its day in one transaction, so that the books are the sum of the rows whoever dies.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, TransactWriteItem, Update},
};
use jiff::Timestamp;

use super::{
    Admissions, Notes,
    admissions::{TRIES, let_others_pass, refused},
    attribute, messages, overtaken,
};
use crate::{
    books::day_key,
    budget::{self, Bill, Reserved, Spent},
    caps::Hours,
    costs, due,
    kind::Class,
    message::{Change, Message},
    metrics::{self, Metric},
};

/// AWS's last word on a text, for the row that it was read in.
#[derive(Debug, Clone)]
pub struct LastWord {
    /// The row.
    pub seen: Message,
    /// What became of it.
    pub change: Change,
    /// What else AWS said.
    pub notes: Notes,
}

/// What texts add to a month, in micro-USD.
#[derive(Debug, Default)]
struct Booking {
    promotional: i64,
    transactional: i64,
    settled: i64,
}

impl Admissions {
    /// Writes down what `row` has cost, once all is over with it, and takes it off the caps if it reached nobody. Once, however often it is called; nothing while the row may still change.
    pub async fn settle(&self, row: &Message, now: Timestamp) -> anyhow::Result<()> {
        match budget::bill(row) {
            Some(bill) => self.pay(row, bill, now).await,
            None => Ok(()),
        }
    }

    /// The same for a text about which no receipt is waited for any more: what it may have cost, it has.
    pub async fn settle_for_good(&self, row: &Message, now: Timestamp) -> anyhow::Result<()> {
        match budget::last_bill(row) {
            Some(bill) => self.pay(row, bill, now).await,
            None => Ok(()),
        }
    }

    /// Ends texts (at most 25, each once) as `words` say, and settles them: all in one transaction, or nothing. Answers with the rows as they are now; nothing if one of them, or what they are booked in, has changed since it was read, or is such that it has to be settled by itself.
    pub async fn conclude(&self, words: &[LastWord], now: Timestamp) -> anyhow::Result<Option<Vec<Message>>> {
        let mut ended = Vec::with_capacity(words.len());
        let mut items = Vec::with_capacity(words.len() + 2);
        for LastWord { seen, change, notes } in words {
            let row = messages::foretold(seen, *change, notes, now)?;
            let Some(bill) = budget::bill(&row).filter(|bill| !bill.uncounted) else { return Ok(None) };
            let update = messages::end(&self.messages, seen, &row, *change, notes.clone().with("settled", bill.price)?)?;
            items.push(TransactWriteItem::builder().update(update).build());
            ended.push((Message { settled: Some(bill.price), ..row }, bill));
        }
        items.extend(self.book(&ended, now)?);
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await.map_err(SdkError::into_service_error) {
            Ok(_) => {
                for (row, bill) in &ended {
                    metrics::count(now, row);
                    measure(row.class, *bill, now);
                }
                Ok(Some(ended.into_iter().map(|(row, _)| row).collect()))
            }
            Err(error) if overtaken(&error) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits)),
        }
    }

    async fn pay(&self, row: &Message, bill: Bill, now: Timestamp) -> anyhow::Result<()> {
        if let Some(reserved) = row.reserved.as_ref().filter(|_| bill.uncounted) {
            self.uncount(row, reserved).await?;
        }
        let mark = Update::builder()
            .table_name(&self.messages)
            .key("message_id", AttributeValue::S(row.message_id.to_string()))
            .update_expression(if due::is_for_the_books(row.status) { "SET settled = :price REMOVE due_at" } else { "SET settled = :price" })
            .condition_expression("attribute_exists(message_id) AND attribute_not_exists(settled)")
            .expression_attribute_values(":price", attribute(bill.price)?);
        let mut items = vec![TransactWriteItem::builder().update(mark.build()?).build()];
        items.extend(self.book(&[(row.clone(), bill)], now)?);
        for attempt in 0..TRIES {
            match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => {
                    measure(row.class, bill, now);
                    return Ok(());
                }
                Err(error) if refused(&error, 0) => return Ok(()),
                Err(error) if overtaken(&error) => let_others_pass(attempt).await,
                Err(error) => return Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits)),
            }
        }
        anyhow::bail!("others were faster {TRIES} times")
    }

    /// The writes that put bills into the books: one for each month, and one for each day on which something was sent.
    fn book(&self, bills: &[(Message, Bill)], now: Timestamp) -> anyhow::Result<Vec<TransactWriteItem>> {
        let mut months = BTreeMap::<String, Booking>::new();
        let mut days = BTreeMap::<String, BTreeMap<String, i64>>::new();
        for (row, bill) in bills {
            let month = row.reserved.as_ref().map_or_else(|| budget::month(now), |reserved| reserved.month.clone());
            let booking = months.entry(month).or_default();
            let change = bill.price.0 - row.reserved.as_ref().map_or(0, |reserved| reserved.amount.0);
            match row.class {
                Class::Promotional => booking.promotional += change,
                Class::Transactional => booking.transactional += change,
            }
            booking.settled += bill.price.0;
            for (name, amount) in costs::figures(row, *bill).into_iter().flat_map(|figures| costs::attributes(row.kind(), figures)) {
                *days.entry(costs::key_of(row)).or_default().entry(name).or_default() += amount;
            }
        }
        let months = months.into_iter().map(|(month, Booking { promotional, transactional, settled })| {
            let amounts =
                [("committed", promotional + transactional), ("promotional", promotional), ("transactional", transactional), ("settled", settled)];
            self.add(Spent::key(&month), amounts.map(|(name, amount)| (name.to_owned(), amount)), now)
        });
        months.chain(days.into_iter().map(|(day, amounts)| self.add(day, amounts, now))).collect()
    }

    /// The write that adds amounts to a row of the limits table.
    fn add(&self, key: String, amounts: impl IntoIterator<Item = (String, i64)>, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let mut update = self.update_limit(key).expression_attribute_values(":forget", attribute((now + budget::KEPT).as_second())?);
        let mut added = Vec::new();
        for (n, (name, amount)) in amounts.into_iter().enumerate() {
            added.push(format!("#a{n} :a{n}"));
            update = update.expression_attribute_names(format!("#a{n}"), name).expression_attribute_values(format!(":a{n}"), attribute(amount)?);
        }
        let update = update.update_expression(format!("SET expires_at = :forget ADD {}", added.join(", ")));
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Takes a text off the caps. What is not there, or not any more, is no error.
    async fn uncount(&self, row: &Message, reserved: &Reserved) -> anyhow::Result<()> {
        let id = row.message_id.to_string();
        if let Some(key) = day_key(row, reserved) {
            let taken = self.client.update_item().table_name(&self.limits).key("limit_id", AttributeValue::S(key));
            let taken = taken.update_expression("DELETE ids :ids").condition_expression("attribute_exists(ids)");
            done_or_gone(taken.expression_attribute_values(":ids", AttributeValue::Ss(vec![id.clone()])).send().await, &self.limits)?;
        }
        if let Some(phone) = &row.phone {
            let taken = self.client.update_item().table_name(&self.limits).key("limit_id", AttributeValue::S(Hours::key(phone)));
            let taken = taken.update_expression("REMOVE texts.#id ADD revision :one").condition_expression("attribute_exists(texts.#id)");
            let taken = taken.expression_attribute_names("#id", id).expression_attribute_values(":one", attribute(1)?);
            done_or_gone(taken.send().await, &self.limits)?;
        }
        Ok(())
    }
}

fn measure(class: Class, bill: Bill, now: Timestamp) {
    if bill.price.0 > 0 {
        metrics::emit(now, Metric::SpentUsd(class), bill.price.in_usd());
    }
}

/// An update whose condition says that there has to be something to update.
fn done_or_gone<T, R>(answer: Result<T, SdkError<UpdateItemError, R>>, table: &str) -> anyhow::Result<()>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match answer.map_err(SdkError::into_service_error) {
        Ok(_) | Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("UpdateItem on {table}")),
    }
}
