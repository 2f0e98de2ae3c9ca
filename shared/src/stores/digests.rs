//! Digests: one text takes the place of several held ones, in their rows and in the books, by one transaction.

use anyhow::Context;
use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, TransactWriteItem},
};
use jiff::Timestamp;

use super::{
    Admissions, Wish,
    admissions::{TRIES, let_others_pass, refused},
    attribute, messages, overtaken,
};
use crate::{
    books::{Books, day_key},
    budget::{self, Reserved, Spent},
    gates::{self, Rules},
    kind::Class,
    message::{Message, Status},
    metrics,
};

impl Admissions {
    /// Writes one text in place of the held `parts`, if the gates let it go at once and `is_worth_it`, and answers with its row. One transaction: what they had reserved is given back, and their places in the caps are its own.
    ///
    /// `None` if each of them had better go by itself, or if one of them is held no more.
    pub async fn merge(
        &self,
        wish: Wish<'_>,
        parts: &[Message],
        rules: &Rules,
        now: Timestamp,
        is_worth_it: impl Fn(&Message) -> bool,
    ) -> anyhow::Result<Option<Message>> {
        for attempt in 0..TRIES {
            let before = self.books(&[&wish], rules, now).await?;
            let mut after = before.clone();
            for part in parts {
                after.uncount(part);
            }
            let digest = gates::decide(wish.event, wish.recipient, wish.opt_out, &after, rules, now);
            let Some(reserved) = digest.reserved.clone().filter(|_| digest.status == Status::Pending && is_worth_it(&digest)) else {
                return Ok(None);
            };
            let same_books = |part: &Message| part.reserved.as_ref().is_some_and(|of| of.month == reserved.month && of.day == reserved.day);
            if !parts.iter().all(same_books) {
                return Ok(None);
            }
            after.count(&digest, now);
            let mut items = vec![self.new_row(&digest)?];
            for part in parts {
                let merged = messages::merge(&self.messages, part.message_id, digest.message_id, now)?;
                items.push(TransactWriteItem::builder().update(merged).build());
            }
            items.push(self.give_back(&reserved, parts, now)?);
            if let Some(key) = day_key(&digest, &reserved) {
                items.push(self.replace_day(&key, &before, &after)?);
            }
            for (_, hours) in after.hours.iter().filter(|(key, hours)| before.hours.get(*key) != Some(hours)) {
                items.push(self.replace_hours(hours)?);
            }
            match self.client.transact_write_items().set_transact_items(Some(items)).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => {
                    for part in parts {
                        metrics::count(now, &Message { status: Status::Merged, ..part.clone() });
                    }
                    return Ok(Some(digest));
                }
                Err(error) if (0..=parts.len()).any(|place| refused(&error, place)) => return Ok(None),
                Err(error) if overtaken(&error) => let_others_pass(attempt).await,
                Err(error) => return Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.messages, self.limits)),
            }
        }
        anyhow::bail!("others were faster {TRIES} times")
    }

    /// Reserves for a digest out of what its parts had reserved: less than before, so that nothing has to be asked.
    fn give_back(&self, reserved: &Reserved, parts: &[Message], now: Timestamp) -> anyhow::Result<TransactWriteItem> {
        let before = parts.iter().filter_map(|part| Some(part.reserved.as_ref()?.amount.0)).sum::<i64>();
        let update = self
            .update_limit(Spent::key(&reserved.month))
            .update_expression("SET expires_at = :forget ADD committed :change, #class :change")
            .expression_attribute_names("#class", Class::Promotional.as_str())
            .expression_attribute_values(":change", attribute(reserved.amount.0 - before)?)
            .expression_attribute_values(":forget", attribute((now + budget::KEPT).as_second())?);
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Writes the texts of a user's day, if they are as they were read.
    fn replace_day(&self, key: &str, before: &Books, after: &Books) -> anyhow::Result<TransactWriteItem> {
        let ids = |books: &Books| books.days.get(key).map(|day| day.ids.iter().cloned().collect::<Vec<_>>()).filter(|ids| !ids.is_empty());
        let expires_at = after.days.get(key).map_or(0, |day| day.expires_at);
        let update = self
            .update_limit(key.to_owned())
            .update_expression("SET expires_at = :forget, ids = :after")
            .expression_attribute_values(":forget", attribute(expires_at)?)
            .expression_attribute_values(":after", AttributeValue::Ss(ids(after).context("a digest that is not counted")?));
        let update = match ids(before) {
            Some(read) => update.condition_expression("ids = :read").expression_attribute_values(":read", AttributeValue::Ss(read)),
            None => update.condition_expression("attribute_not_exists(ids)"),
        };
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}
