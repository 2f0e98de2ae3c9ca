//! The recipients table, and the consent ledger that is written with it.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    types::{AttributeValue, Put, TransactWriteItem, Update},
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Batch, Item, OptOuts, attribute, batch_get, overtaken, row, rows_of};
use crate::{
    consent::{LedgerEntry, LedgerHead, Statement},
    event::UserId,
    opt_out::OptOut,
    phone::PhoneNumber,
    recipient::{Consent, Recipient},
};

/// The recipients table.
#[derive(Debug, Clone)]
pub struct Recipients {
    pub(super) client: Client,
    pub(super) table: String,
}

/// The consents table: every consent there ever was, in one chain of hashes per person. There is no way to change or delete an entry; one of an erased person gets a day on which DynamoDB may forget it.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(super) client: Client,
    pub(super) table: String,
}

impl Recipients {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The rows of `users`, by one `BatchGetItem`.
    pub async fn batch(&self, users: impl IntoIterator<Item = &UserId>) -> anyhow::Result<Batch<Recipient>> {
        batch_get(&self.client, &self.table, "user_id", users.into_iter().map(|user| user.as_str().to_owned()).collect()).await
    }

    /// The row of `user`.
    pub async fn get(&self, user: &UserId) -> anyhow::Result<Option<Recipient>> {
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key(user))).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }

    /// The rows of `users`, and those of `phones` in `opt_outs`, as they are at this moment, by one `BatchGetItem`. At most 100 together, and at least one.
    pub async fn with_opt_outs(
        &self,
        users: &BTreeSet<UserId>,
        opt_outs: &OptOuts,
        phones: &BTreeSet<PhoneNumber>,
    ) -> anyhow::Result<(Vec<Recipient>, Vec<OptOut>)> {
        let users = (&self.table, "user_id", users.iter().map(|user| user.as_str().to_owned()).collect::<Vec<_>>());
        let phones = (&opt_outs.table, "phone", phones.iter().map(|phone| phone.as_e164().to_owned()).collect::<Vec<_>>());
        let wanted = [users, phones].into_iter().filter(|(_, _, values)| !values.is_empty());
        let wanted = wanted.map(|(table, key, values)| Ok((table.clone(), rows_of(key, values)?))).collect::<anyhow::Result<HashMap<_, _>>>()?;
        let tables = || format!("BatchGetItem on {} and {}", self.table, opt_outs.table);
        let answer = self.client.batch_get_item().set_request_items(Some(wanted)).send().await.with_context(tables)?;
        anyhow::ensure!(answer.unprocessed_keys.is_none_or(|left| left.is_empty()), "{}: DynamoDB did not get to all of it", tables());
        let mut found = answer.responses.unwrap_or_default();
        let (recipients, opted_out) = (found.remove(&self.table).unwrap_or_default(), found.remove(&opt_outs.table).unwrap_or_default());
        let recipients = recipients.into_iter().map(|item| row(item, &self.table)).collect::<Result<_, _>>()?;
        Ok((recipients, opted_out.into_iter().map(|item| row(item, &opt_outs.table)).collect::<Result<_, _>>()?))
    }

    /// Everybody with the number `phone`, verified or not. From an index, which may lag behind the table by moments.
    pub async fn with_phone(&self, phone: &PhoneNumber) -> anyhow::Result<Vec<UserId>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_phone")
            .key_condition_expression("phone = :phone")
            .expression_attribute_values(":phone", AttributeValue::S(phone.as_e164().to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut users = Vec::new();
        while let Some(mut item) = pages.try_next().await.with_context(|| format!("Query on {}", self.table))? {
            let id = item.remove("user_id").and_then(|id| id.as_s().ok().cloned()).context("a recipient without an id")?;
            users.push(UserId::try_from(id).map_err(anyhow::Error::msg)?);
        }
        Ok(users)
    }

    /// Writes a whole row, whatever was there. For seeding and tests: consent is changed by [`Ledger::state`] alone.
    pub async fn put(&self, recipient: &Recipient) -> anyhow::Result<()> {
        let item = to_item(recipient)?;
        self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await.with_context(|| format!("PutItem on {}", self.table))?;
        Ok(())
    }

    /// The part of a transaction that changes what differs between the two, if the row is still at the version of `before`.
    fn change(&self, before: &Recipient, after: &Recipient) -> anyhow::Result<TransactWriteItem> {
        let (old, new): (Item, Item) = (to_item(before)?, to_item(after)?);
        let mut set = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).collect::<Vec<_>>();
        set.sort_by_key(|(name, _)| *name);
        let gone = old.keys().filter(|name| !new.contains_key(*name)).collect::<Vec<_>>();

        let sets = set.iter().enumerate().map(|(n, (name, _))| format!("#{name} = :set{n}")).collect::<Vec<_>>().join(", ");
        let removes = gone.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", ");
        let expression = if removes.is_empty() { format!("SET {sets}") } else { format!("SET {sets} REMOVE {removes}") };
        let unchanged = if before.version == 0 { "attribute_not_exists(#version) OR #version = :before" } else { "#version = :before" };
        let names = set.iter().map(|(name, _)| *name).chain(gone).map(|name| (format!("#{name}"), name.clone())).collect();
        let values = set.into_iter().enumerate().map(|(n, (_, value))| (format!(":set{n}"), value.clone()));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(&before.user_id)))
            .update_expression(expression)
            .condition_expression(unchanged)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values.chain([(":before".to_owned(), attribute(before.version)?)]).collect()));
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }
}

/// What came of saving a row.
#[derive(Debug)]
pub enum Saved {
    /// It now is this.
    Yes(Box<Recipient>),
    /// Somebody else changed it, or what goes with it, since it was read: nothing was written.
    Overtaken,
}

impl Ledger {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Appends `statement` to the ledger of `recipient`, and makes `consent` and `sms_enabled` what follows from it: all in one transaction, or nothing.
    ///
    /// `Err` also when somebody else changed the row since it was read: read it again and decide anew.
    pub async fn state(
        &self,
        recipients: &Recipients,
        recipient: &Recipient,
        statement: Statement,
        consent: &Consent,
        sms_enabled: bool,
    ) -> anyhow::Result<()> {
        let after = Recipient { consent: Some(consent.clone()), sms_enabled, ..recipient.clone() };
        match self.save(recipients, recipient, &after, Some(statement), None).await? {
            Saved::Yes(_) => Ok(()),
            Saved::Overtaken => Err(anyhow!("somebody else changed the row in {} meanwhile", recipients.table)),
        }
    }

    /// Makes the row of `before` what `after` says, with `statement` appended to the ledger and `also` done: all in one transaction, or nothing.
    ///
    /// The row keeps attributes that this program does not know. There may be no row yet: `before` is then [`Recipient::new`].
    pub async fn save(
        &self,
        recipients: &Recipients,
        before: &Recipient,
        after: &Recipient,
        statement: Option<Statement>,
        also: Option<TransactWriteItem>,
    ) -> anyhow::Result<Saved> {
        let entry = statement.map(|statement| LedgerEntry::after(before.ledger.as_ref(), before.user_id.clone(), statement));
        let head = entry.as_ref().map(LedgerEntry::head).or_else(|| before.ledger.clone());
        let after = Recipient { ledger: head, version: before.version + 1, ..after.clone() };
        let append = entry.map(|entry| self.append(&entry)).transpose()?;
        let items = [Some(recipients.change(before, &after)?), append, also].into_iter().flatten().collect();
        let saved = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        match saved.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Saved::Yes(Box::new(after))),
            Err(error) if overtaken(&error) => Ok(Saved::Overtaken),
            Err(error) => Err(error).with_context(|| format!("TransactWriteItems on {} and {}", self.table, recipients.table)),
        }
    }

    pub(super) fn append(&self, entry: &LedgerEntry) -> anyhow::Result<TransactWriteItem> {
        let put = Put::builder().table_name(&self.table).set_item(Some(to_item(entry)?)).condition_expression("attribute_not_exists(user_id)");
        Ok(TransactWriteItem::builder().put(put.build()?).build())
    }

    /// All entries of `user`, oldest first, those of an erased past too.
    pub async fn of(&self, user: &UserId) -> anyhow::Result<Vec<LedgerEntry>> {
        self.since(user, None).await
    }

    /// The entries of `user` that follow `seal`, oldest first.
    pub async fn since(&self, user: &UserId, seal: Option<&LedgerHead>) -> anyhow::Result<Vec<LedgerEntry>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user AND seq > :seal")
            .expression_attribute_values(":user", AttributeValue::S(user.as_str().to_owned()))
            .expression_attribute_values(":seal", attribute(seal.map_or(0, |seal| seal.seq))?)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut entries = Vec::new();
        while let Some(item) = pages.try_next().await.with_context(|| format!("Query on {}", self.table))? {
            entries.push(row(item, &self.table)?);
        }
        Ok(entries)
    }
}

pub(super) fn key(user: &UserId) -> Item {
    Item::from([("user_id".to_owned(), AttributeValue::S(user.as_str().to_owned()))])
}
