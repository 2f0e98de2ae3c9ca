//! Admits texts: their rows, the money that is set aside for them and the caps that they use up, in one transaction or not at all.
//!
//! A row that says what is reserved for it *is* the reservation's receipt: whoever comes back after a crash reads it there, and `settled` is written once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, attribute, batch_items, overtaken, row};
use crate::{
    books::{Books, day_key},
    budget::{self, Budget, CLOSED_FOR, Spent},
    caps::{Caps, Day, Hours},
    costs::{self, DayCosts, MonthCosts},
    event::Event,
    gates::{self, Rules},
    kind::Class,
    lambda::jitter,
    message::{Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    opt_out::OptOut,
    recipient::Recipient,
};

/// The messages table and the limits table, where they are written together.
#[derive(Debug, Clone)]
pub struct Admissions {
    pub(super) client: Client,
    pub(super) messages: String,
    pub(super) limits: String,
}

/// An event that asks for a text, with what is known of whom it is for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The event.
    pub event: &'a Event,
    /// The person.
    pub recipient: Option<&'a Recipient>,
    /// The opt-out of the number.
    pub opt_out: Option<&'a OptOut>,
}

/// The row of a wish.
#[derive(Debug, Clone)]
pub enum Admitted {
    /// It was decided and written just now.
    New(Message),
    /// It was there before: the wish is a repeat.
    Repeat(Message),
}

/// What came of one transaction.
enum Wrote {
    All,
    /// Nothing: these rows were there already.
    Repeats(HashMap<Uuid, Message>),
    /// Nothing: somebody else changed what the decision went by.
    Overtaken,
}

/// How often a batch is decided anew because others were faster. Each time somebody wins.
pub(super) const TRIES: u32 = 12;

impl Admitted {
    /// The row.
    #[must_use]
    pub fn row(&self) -> &Message {
        match self {
            Self::New(row) | Self::Repeat(row) => row,
        }
    }
}

impl Admissions {
    /// Over the tables `messages` and `limits`.
    #[must_use]
    pub fn new(client: Client, messages: String, limits: String) -> Self {
        Self { client, messages, limits }
    }

    /// Takes wishes (at most 25) through the gates and writes their rows, and answers for each in turn. `before` is done with every decided row before it is written, and again if it has to be decided again; it may still refuse the row.
    ///
    /// One read and one transaction for all, if nobody interferes. A failure that is not about the books is no reason to keep the others waiting: then each is tried by itself.
    pub async fn admit<'a, F: Future<Output = anyhow::Result<Message>>>(
        &self,
        wishes: &[Wish<'a>],
        rules: &Rules,
        now: Timestamp,
        before: impl Fn(Wish<'a>, Message) -> F,
    ) -> Vec<anyhow::Result<Admitted>> {
        if let Ok(results) = self.admit_together(wishes, rules, now, &before).await {
            return results;
        }
        let mut results = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let alone = self.admit_together(std::slice::from_ref(wish), rules, now, &before).await;
            results.push(alone.and_then(|mut results| results.pop().context("a wish without an answer")?));
        }
        results
    }

    async fn admit_together<'a, F: Future<Output = anyhow::Result<Message>>>(
        &self,
        wishes: &[Wish<'a>],
        rules: &Rules,
        now: Timestamp,
        before: &impl Fn(Wish<'a>, Message) -> F,
    ) -> anyhow::Result<Vec<anyhow::Result<Admitted>>> {
        let mut done = HashMap::<Uuid, Result<Admitted, String>>::new();
        for attempt in 0..TRIES {
            let mut seen = HashSet::new();
            let open = wishes.iter().filter(|wish| !done.contains_key(&wish.event.message_id()) && seen.insert(wish.event.message_id()));
            let open = open.collect::<Vec<_>>();
            if open.is_empty() {
                break;
            }
            let books = self.books(&open, rules, now).await?;
            let mut after = books.clone();
            let (mut rows, mut dear) = (Vec::with_capacity(open.len()), Vec::new());
            for wish in open {
                let message = gates::decide(wish.event, wish.recipient, wish.opt_out, &after, rules, now);
                match before(*wish, message).await {
                    Ok(mut message) => {
                        // It may have been refused after all.
                        message.reserved = message.reserved.take().filter(|_| matches!(message.status, Status::Pending | Status::Held));
                        after.count(&message, now);
                        if let Some(price) = gates::unaffordable(&message) {
                            let month = budget::month(gates::goes_at(wish.event, wish.recipient, rules, now));
                            dear.push((month, message.class, price));
                        }
                        rows.push(message);
                    }
                    Err(error) => drop(done.insert(wish.event.message_id(), Err(format!("{error:#}")))),
                }
            }
            match self.write(&rows, &books, &after, rules, now).await? {
                Wrote::All => {
                    for (month, class, price) in dear {
                        measure_refusal(&after.spent(&month), class, price, &rules.budget, now);
                    }
                    done.extend(rows.into_iter().map(|row| (row.message_id, Ok(Admitted::New(row)))));
                }
                Wrote::Repeats(old) => done.extend(old.into_iter().map(|(id, row)| (id, Ok(Admitted::Repeat(row))))),
                Wrote::Overtaken => let_others_pass(attempt).await,
            }
        }
        let answer = |wish: &Wish<'_>| match done.get(&wish.event.message_id()) {
            Some(Ok(admitted)) => Ok(admitted.clone()),
            Some(Err(error)) => Err(anyhow!("{error}")),
            None => Err(anyhow!("others were faster {TRIES} times")),
        };
        Ok(wishes.iter().map(answer).collect())
    }

    /// Takes an answer to what somebody texted through the gates that it meets, and writes its row with what it uses up; or answers with the row that is there already.
    pub async fn answer(&self, message: &Message, opt_out: Option<&OptOut>, rules: &Rules, now: Timestamp) -> anyhow::Result<Admitted> {
        let month = budget::month(now);
        for attempt in 0..TRIES {
            let hours = message.phone.as_ref().map(Hours::key);
            let books = self.read(hours.into_iter().chain([Spent::key(&month)]).collect()).await?;
            let row = gates::answer(message.clone(), opt_out, &books, rules, now);
            let mut after = books.clone();
            after.count(&row, now);
            match self.write(std::slice::from_ref(&row), &books, &after, rules, now).await? {
                Wrote::All => {
                    if let Some(price) = gates::unaffordable(&row) {
                        measure_refusal(&after.spent(&month), row.class, price, &rules.budget, now);
                    }
                    return Ok(Admitted::New(row));
                }
                Wrote::Repeats(rows) => return rows.into_values().next().map(Admitted::Repeat).context("a repeat without its row"),
                Wrote::Overtaken => let_others_pass(attempt).await,
            }
        }
        anyhow::bail!("others were faster {TRIES} times")
    }

    /// What the gates will want to know, by one read.
    pub(super) async fn books(&self, wishes: &[&Wish<'_>], rules: &Rules, now: Timestamp) -> anyhow::Result<Books> {
        self.read(wishes.iter().flat_map(|wish| gates::counted_in(wish.event, wish.recipient, rules, now)).collect()).await
    }

    /// The rows of `keys`, by one read.
    pub(super) async fn read(&self, keys: HashSet<String>) -> anyhow::Result<Books> {
        let batch = batch_items(&self.client, &self.limits, "limit_id", keys.into_iter().collect()).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.limits);
        let mut books = Books::default();
        for item in batch.found {
            let key = item.get("limit_id").and_then(|id| id.as_s().ok()).cloned().unwrap_or_default();
            match key.split('/').next() {
                Some("day") => drop(books.days.insert(key, row(item, &self.limits)?)),
                Some("hours") => drop(books.hours.insert(key, row(item, &self.limits)?)),
                _ => drop(books.months.insert(key, row(item, &self.limits)?)),
            }
        }
        Ok(books)
    }

    /// Writes all rows, with what they reserve, or nothing.
    async fn write(&self, rows: &[Message], before: &Books, after: &Books, rules: &Rules, now: Timestamp) -> anyhow::Result<Wrote> {
        if rows.is_empty() {
            return Ok(Wrote::All);
        }
        let mut items = rows.iter().map(|row| self.new_row(row)).collect::<Result<Vec<_>, _>>()?;
        for (month, amounts) in amounts(rows) {
            items.push(self.reserve(&month, amounts, rules.budget.within(&before.spent(&month)), now)?);
        }
        for (key, ids) in days(rows) {
            items.push(self.count_in_day(key, ids, &rules.caps, now)?);
        }
        for (key, hours) in &after.hours {
            if before.hours.get(key) != Some(hours) {
                items.push(self.replace_hours(hours)?);
            }
        }
        let written = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        match written.map_err(SdkError::into_service_error) {
            Ok(_) => {
                measure(rows, after, &rules.budget, now);
                Ok(Wrote::All)
            }
            Err(error) => {
                let repeats = repeats(rows, &error, &self.messages)?;
                if !repeats.is_empty() {
                    return Ok(Wrote::Repeats(repeats));
                }
                if overtaken(&error) {
                    return Ok(Wrote::Overtaken);
                }
                Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits))
            }
        }
    }

    /// The write of a row, which is the duplicate gate.
    pub(super) fn new_row(&self, message: &Message) -> anyhow::Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&self.messages)
            .set_item(Some(super::messages::item(message)?))
            .condition_expression("attribute_not_exists(message_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// Sets money aside, if there is as much. Others may have done so since the books were read: then the condition decides, not what was read.
    pub(super) fn reserve(&self, month: &str, amounts: Amounts, budget: Budget, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let mut condition = "(attribute_not_exists(closed_until) OR closed_until <= :now)".to_owned();
        let mut values = Item::from([
            (":now".to_owned(), attribute(now.as_millisecond())?),
            (":all".to_owned(), attribute(amounts.promotional + amounts.transactional)?),
            (":promotional".to_owned(), attribute(amounts.promotional)?),
            (":transactional".to_owned(), attribute(amounts.transactional)?),
            (":forget".to_owned(), attribute((now + budget::KEPT).as_second())?),
        ]);
        let mut at_most = |name: &str, room: &'static str, most: i64| -> anyhow::Result<()> {
            // What is not there yet is nothing: then the amount itself must fit.
            let fresh = if most >= 0 { format!("attribute_not_exists({name}) OR ") } else { String::new() };
            condition += &format!(" AND ({fresh}{name} <= {room})");
            values.insert(room.to_owned(), attribute(most)?);
            Ok(())
        };
        at_most("committed", ":room", budget.ceiling(Class::Transactional).0 - amounts.promotional - amounts.transactional)?;
        if amounts.promotional > 0 {
            at_most("committed", ":promotional_room", budget.ceiling(Class::Promotional).0 - amounts.promotional)?;
        }
        for (class, amount, room) in
            [(Class::Promotional, amounts.promotional, ":promotional_left"), (Class::Transactional, amounts.transactional, ":transactional_left")]
        {
            if let Some(most) = budget.of(class).filter(|_| amount > 0) {
                at_most(class.as_str(), room, most.0 - amount)?;
            }
        }
        let update = self
            .update_limit(Spent::key(month))
            .update_expression("SET expires_at = :forget ADD committed :all, promotional :promotional, transactional :transactional")
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Counts texts in a user's day, if there is room for all of them.
    pub(super) fn count_in_day(&self, key: String, ids: Vec<String>, caps: &Caps, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let room = i64::try_from(caps.per_day)? - i64::try_from(ids.len())?;
        let update = self
            .update_limit(key.clone())
            .update_expression("SET expires_at = :forget ADD ids :ids")
            .condition_expression("attribute_not_exists(ids) OR size(ids) <= :room")
            .expression_attribute_values(":forget", attribute(Day::new(key, now).expires_at)?)
            .expression_attribute_values(":ids", AttributeValue::Ss(ids))
            .expression_attribute_values(":room", attribute(room)?);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Writes the texts to a number, if they are as they were read.
    pub(super) fn replace_hours(&self, hours: &Hours) -> anyhow::Result<TransactWriteItem> {
        let next = Hours { revision: hours.revision + 1, ..hours.clone() };
        let put = Put::builder().table_name(&self.limits).set_item(Some(to_item(&next)?));
        let put = match hours.revision {
            0 => put.condition_expression("attribute_not_exists(limit_id)"),
            read => put.condition_expression("revision = :read").expression_attribute_values(":read", attribute(read)?),
        };
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    pub(super) fn update_limit(&self, key: String) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder().table_name(&self.limits).key("limit_id", AttributeValue::S(key))
    }

    /// What `wish` would be decided to if it came at `now`. Nothing is written.
    pub async fn foresee(&self, wish: Wish<'_>, rules: &Rules, now: Timestamp) -> anyhow::Result<Message> {
        let books = self.books(&[&wish], rules, now).await?;
        Ok(gates::decide(wish.event, wish.recipient, wish.opt_out, &books, rules, now))
    }

    /// What `month`, such as `2026-11`, has cost, by one read.
    pub async fn costs(&self, month: &str) -> anyhow::Result<MonthCosts> {
        let keys = costs::keys(month).into_iter().chain([Spent::key(month)]).collect();
        let batch = batch_items(&self.client, &self.limits, "limit_id", keys).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.limits);
        let mut month = MonthCosts { spent: Spent::new(Spent::key(month)), days: BTreeMap::new() };
        for mut item in batch.found {
            let is_book = item.get("limit_id").is_some_and(|id| id.as_s().is_ok_and(|id| *id == month.spent.limit_id));
            if is_book {
                month.spent = row(item, &self.limits)?;
            } else {
                item.remove("expires_at");
                let day: DayCosts = row(item, &self.limits)?;
                month.days.insert(day.day().to_owned(), day.by_kind());
            }
        }
        Ok(month)
    }

    /// What AWS lets the account spend: holds this month and next, until AWS is asked again.
    pub async fn limit(&self, limit: MicroUsd, budget: &Budget, now: Timestamp) -> anyhow::Result<()> {
        let next = now.to_zoned(TimeZone::UTC).last_of_month()?.tomorrow()?.timestamp();
        for month in [now, next].map(budget::month) {
            let limited = self.client.update_item().table_name(&self.limits).key("limit_id", AttributeValue::S(Spent::key(&month)));
            let limited = limited.update_expression("SET aws_limit = :limit, expires_at = :forget");
            let limited = limited.expression_attribute_values(":limit", attribute(limit)?);
            let limited = limited.expression_attribute_values(":forget", attribute((now + budget::KEPT).as_second())?);
            let limited = limited.return_values(ReturnValue::AllNew).send().await.with_context(|| format!("UpdateItem on {}", self.limits))?;
            // Of a lower limit more may be used up than of ours, and nobody may be texted for days.
            if limit < budget.monthly && month == budget::month(now) {
                let spent = row(limited.attributes.context("the limited month did not come back")?, &self.limits)?;
                metrics::emit(now, Metric::BudgetUsedPercent, budget.used_percent(&spent));
            }
        }
        Ok(())
    }

    /// AWS says that its own limit for the month is reached: nothing is admitted for a while.
    pub async fn close(&self, now: Timestamp) -> anyhow::Result<()> {
        metrics::emit(now, Metric::AwsSpendLimitReached, 1.0);
        let closed = self.client.update_item().table_name(&self.limits);
        let closed = closed.key("limit_id", AttributeValue::S(Spent::key(&budget::month(now))));
        let closed = closed.update_expression("SET closed_until = :until, expires_at = :forget");
        let closed = closed.expression_attribute_values(":until", attribute((now + CLOSED_FOR).as_millisecond())?);
        let closed = closed.expression_attribute_values(":forget", attribute((now + budget::KEPT).as_second())?);
        closed.send().await.with_context(|| format!("UpdateItem on {}", self.limits))?;
        Ok(())
    }
}

/// Money to set aside in one month, in micro-USD.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amounts {
    promotional: i64,
    transactional: i64,
}

/// What the rows reserve, by month.
pub(super) fn amounts(rows: &[Message]) -> BTreeMap<String, Amounts> {
    let mut months = BTreeMap::<String, Amounts>::new();
    for (row, reserved) in rows.iter().filter_map(|row| Some((row, row.reserved.as_ref()?))) {
        let amounts = months.entry(reserved.month.clone()).or_default();
        match row.class {
            Class::Promotional => amounts.promotional += reserved.amount.0,
            Class::Transactional => amounts.transactional += reserved.amount.0,
        }
    }
    months
}

/// The texts that count in users' days.
fn days(rows: &[Message]) -> BTreeMap<String, Vec<String>> {
    let mut days = BTreeMap::<String, Vec<String>>::new();
    for row in rows {
        if let Some(key) = row.reserved.as_ref().and_then(|reserved| day_key(row, reserved)) {
            days.entry(key).or_default().push(row.message_id.to_string());
        }
    }
    days
}

/// Counts what was decided at once, and says how much of the month's money is gone, if some of it just went.
fn measure(rows: &[Message], after: &Books, budget: &Budget, now: Timestamp) {
    for row in rows {
        metrics::count(now, row);
    }
    for month in amounts(rows).keys() {
        metrics::emit(now, Metric::BudgetUsedPercent, budget.used_percent(&after.spent(month)));
    }
}

/// Says how much of the month's money would be gone with a text that the budget just refused. Promotional texts end where the alarm is to ring: without those that are
/// refused, it never would.
pub(super) fn measure_refusal(spent: &Spent, class: Class, price: MicroUsd, budget: &Budget, now: Timestamp) {
    // That AWS refuses everything has a metric of its own.
    if spent.closed(now).is_none() {
        metrics::emit(now, Metric::BudgetUsedPercent, budget.used_percent(&spent.and(class, price)));
    }
}

/// Waits a moment before everything is decided anew.
pub(super) async fn let_others_pass(attempt: u32) {
    tokio::time::sleep(Duration::from_secs_f64(0.02 * f64::from(attempt + 1) * jitter())).await;
}

fn reasons(error: &TransactWriteItemsError) -> &[CancellationReason] {
    match error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled.cancellation_reasons(),
        _ => &[],
    }
}

/// Whether the condition of the item at `place` was not met.
pub(super) fn refused(error: &TransactWriteItemsError, place: usize) -> bool {
    reasons(error).get(place).and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
}

/// The rows that were there already. The first items of the transaction are the rows.
fn repeats(rows: &[Message], error: &TransactWriteItemsError, table: &str) -> anyhow::Result<HashMap<Uuid, Message>> {
    let refused = rows.iter().zip(reasons(error)).filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"));
    refused
        .map(|(message, reason)| {
            let old = reason.item.clone().context("the row that was in the way did not come back")?;
            Ok((message.message_id, row(old, table)?))
        })
        .collect()
}
