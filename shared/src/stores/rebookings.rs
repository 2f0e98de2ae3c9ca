//! Changes what is reserved for a text that is admitted already: in its row and in the books, by one transaction.

use anyhow::Context;
use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, TransactWriteItem, Update},
};
use jiff::Timestamp;

use super::{
    Admissions,
    admissions::{TRIES, amounts, let_others_pass, measure_refusal, refused},
    attribute,
    messages::{self, key},
    overtaken,
};
use crate::{
    books::{Books, day_key},
    budget::{self, Reserved, Spent},
    caps::{Day, Hours},
    gates::{self, Gate, Rules},
    message::{Change, Entered, Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
};

/// What came of moving a held text to the books of another day.
#[derive(Debug)]
pub enum Rebooked {
    /// The row: it counts where it goes.
    Yes(Box<Message>),
    /// There is no room for it there: which gate says so, and why.
    Full(Gate, String),
    /// Somebody else has changed the row.
    No,
}

/// What came of reserving for a text that is to be sent once more.
#[derive(Debug)]
pub enum Resend {
    /// The row, pending.
    Yes(Box<Message>),
    /// There is no money for it, and why.
    Full(String),
    /// Somebody else has changed the row.
    No,
}

impl Admissions {
    /// Lets the held `row` count where it goes if it is let go at `now`: in that day, hour and month, on the conditions on which a new text would. It may have been admitted
    /// on another day, which then gets its room back. Nothing is read or written for a row that counts there already.
    pub async fn rebook(&self, row: &Message, rules: &Rules, now: Timestamp) -> anyhow::Result<Rebooked> {
        let at = row.release_at.unwrap_or(now).max(now);
        let moved = Message { reserved: gates::reserved_at(row, at), release_at: Some(at), ..row.clone() };
        let (Some(old), Some(new)) = (&row.reserved, &moved.reserved) else { return Ok(Rebooked::Yes(Box::new(row.clone()))) };
        if old == new {
            return Ok(Rebooked::Yes(Box::new(row.clone())));
        }
        for attempt in 0..TRIES {
            let keys = day_key(&moved, new).into_iter().chain(row.phone.as_ref().map(Hours::key)).chain([Spent::key(&new.month)]);
            let before = self.read(keys.collect()).await?;
            let mut after = before.clone();
            after.uncount(row);
            if let Some((gate, why)) = gates::crowded(row, &moved, &after, rules, now) {
                if gate == Gate::Budget {
                    measure_refusal(&after.spent(&new.month), row.class, new.amount, &rules.budget, now);
                }
                return Ok(Rebooked::Full(gate, why));
            }
            after.count(&moved, now);
            let items = self.moves(row, &moved, &before, &after, rules, now)?;
            match self.client.transact_write_items().set_transact_items(Some(items)).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => {
                    if old.month != new.month {
                        metrics::emit(now, Metric::BudgetUsedPercent, rules.budget.used_percent(&after.spent(&new.month)));
                    }
                    return Ok(Rebooked::Yes(Box::new(moved)));
                }
                Err(error) if refused(&error, 0) => return Ok(Rebooked::No),
                Err(error) if overtaken(&error) => let_others_pass(attempt).await,
                Err(error) => return Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits)),
            }
        }
        anyhow::bail!("others were faster {TRIES} times")
    }

    /// The row first, and then the books out of which and into which it goes.
    fn moves(
        &self,
        row: &Message,
        moved: &Message,
        before: &Books,
        after: &Books,
        rules: &Rules,
        now: Timestamp,
    ) -> anyhow::Result<Vec<TransactWriteItem>> {
        let (Some(old), Some(new)) = (&row.reserved, &moved.reserved) else { anyhow::bail!("a text that counts nowhere") };
        let update = Update::builder()
            .table_name(&self.messages)
            .set_key(Some(key(row.message_id)))
            .update_expression("SET reserved = :new, release_at = :at")
            .condition_expression("#status = :held AND attempts = :attempts AND reserved = :old")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":held", attribute(Status::Held)?)
            .expression_attribute_values(":attempts", attribute(row.attempts)?)
            .expression_attribute_values(":old", attribute(old)?)
            .expression_attribute_values(":new", attribute(new)?)
            .expression_attribute_values(":at", attribute(moved.release_at.map(crate::moment::text))?);
        let mut items = vec![TransactWriteItem::builder().update(update.build()?).build()];
        if old.month != new.month {
            items.push(self.give_back_month(row, old, now)?);
            for (month, amounts) in amounts(std::slice::from_ref(moved)) {
                items.push(self.reserve(&month, amounts, rules.budget.within(&before.spent(&month)), now)?);
            }
        }
        let (left, entered) = (day_key(row, old), day_key(moved, new));
        if let (Some(left), Some(entered)) = (left, entered)
            && left != entered
        {
            let id = row.message_id.to_string();
            items.push(self.leave_day(left, id.clone(), now)?);
            items.push(self.count_in_day(entered, vec![id], &rules.caps, now)?);
        }
        for (_, hours) in after.hours.iter().filter(|(key, hours)| before.hours.get(*key) != Some(hours)) {
            items.push(self.replace_hours(hours)?);
        }
        Ok(items)
    }

    fn give_back_month(&self, row: &Message, reserved: &Reserved, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let update = self
            .update_limit(Spent::key(&reserved.month))
            .update_expression("SET expires_at = :forget ADD committed :change, #class :change")
            .expression_attribute_names("#class", row.class.as_str())
            .expression_attribute_values(":change", attribute(-reserved.amount.0)?)
            .expression_attribute_values(":forget", attribute((now + budget::KEPT).as_second())?);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    fn leave_day(&self, key: String, id: String, now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let update = self
            .update_limit(key.clone())
            .update_expression("SET expires_at = :forget DELETE ids :ids")
            .expression_attribute_values(":forget", attribute(Day::new(key, now).expires_at)?)
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id]));
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Lets `row`, which may have gone out, be sent once more, if there is money for that too: both may be billed.
    pub async fn resend(&self, row: &Message, rules: &Rules, now: Timestamp) -> anyhow::Result<Resend> {
        let of_country = row.country.and_then(|country| rules.prices.of(country)).map(|price| price.times(row.parts.unwrap_or(1)));
        let price = row.estimated_price.or(of_country).unwrap_or_default();
        let goes_at = row.release_at.unwrap_or(row.created_at);
        let none = || Reserved { amount: MicroUsd(0), resent: MicroUsd(0), month: budget::month(goes_at), day: None };
        let once = row.reserved.clone().unwrap_or_else(none);
        let twice = Reserved { amount: MicroUsd(once.amount.0 + price.0), resent: MicroUsd(once.resent.0 + price.0), ..once };
        // As if it were a text of its own.
        let again = Message { reserved: Some(Reserved { amount: price, ..twice.clone() }), ..row.clone() };
        for attempt in 0..TRIES {
            let spent = self.read([Spent::key(&twice.month)].into()).await?.spent(&twice.month);
            if let Some(why) = rules.budget.refuse(row.class, price, &spent, now) {
                measure_refusal(&spent, row.class, price, &rules.budget, now);
                return Ok(Resend::Full(why));
            }
            let retry = messages::retry(&self.messages, row, &twice, now)?;
            let mut items = vec![TransactWriteItem::builder().update(retry).build()];
            for (month, amounts) in amounts(std::slice::from_ref(&again)) {
                items.push(self.reserve(&month, amounts, rules.budget.within(&spent), now)?);
            }
            match self.client.transact_write_items().set_transact_items(Some(items)).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => {
                    metrics::emit(now, Metric::BudgetUsedPercent, rules.budget.used_percent(&spent.and(row.class, price)));
                    let status = row.status.after(Change::Retried).context("a text that cannot be sent again was")?;
                    let mut changed = Message { status, reserved: Some(twice), updated_at: now, ..row.clone() };
                    changed.changes.push(Entered { status, at: now });
                    return Ok(Resend::Yes(Box::new(changed)));
                }
                Err(error) if refused(&error, 0) => return Ok(Resend::No),
                Err(error) if overtaken(&error) => let_others_pass(attempt).await,
                Err(error) => return Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits)),
            }
        }
        anyhow::bail!("others were faster {TRIES} times")
    }
}
