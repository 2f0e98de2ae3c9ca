//! The recipients table, and the consent ledger that is written with it.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, Put, TransactWriteItem, Update},
};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Batch, Item, attribute, batch_get, row};
use crate::{
    consent::{LedgerEntry, Statement},
    event::UserId,
    phone::PhoneNumber,
    recipient::{Consent, Recipient},
};

/// The recipients table.
#[derive(Debug, Clone)]
pub struct Recipients {
    client: Client,
    table: String,
}

/// The consents table: every consent there ever was, in one chain of hashes per person. There is no way to change or delete an entry.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
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
}

impl Ledger {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Appends `statement` to the ledger of `recipient`, and makes `consent` and `sms_enabled` what follows from it: all in one transaction, or nothing.
    ///
    /// `Err` also when somebody else wrote to the ledger since the row was read: read it again and decide anew.
    pub async fn state(
        &self,
        recipients: &Recipients,
        recipient: &Recipient,
        statement: Statement,
        consent: &Consent,
        sms_enabled: bool,
    ) -> anyhow::Result<()> {
        let entry = LedgerEntry::after(recipient.ledger.as_ref(), recipient.user_id.clone(), statement);
        let append =
            Put::builder().table_name(&self.table).set_item(Some(to_item(&entry)?)).condition_expression("attribute_not_exists(user_id)").build()?;
        let follow = Update::builder()
            .table_name(&recipients.table)
            .set_key(Some(key(&recipient.user_id)))
            .update_expression("SET consent = :consent, sms_enabled = :enabled, ledger = :head")
            .expression_attribute_values(":consent", attribute(consent)?)
            .expression_attribute_values(":enabled", attribute(sms_enabled)?)
            .expression_attribute_values(":head", attribute(entry.head())?);
        let follow = match &recipient.ledger {
            Some(head) => follow.condition_expression("ledger = :before").expression_attribute_values(":before", attribute(head)?),
            None => follow.condition_expression("attribute_exists(user_id) AND attribute_not_exists(ledger)"),
        };
        self.client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(append).build())
            .transact_items(TransactWriteItem::builder().update(follow.build()?).build())
            .send()
            .await
            .with_context(|| format!("TransactWriteItems on {} and {}", self.table, recipients.table))?;
        Ok(())
    }

    /// All entries of `user`, oldest first.
    pub async fn of(&self, user: &UserId) -> anyhow::Result<Vec<LedgerEntry>> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(user.as_str().to_owned()))
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

fn key(user: &UserId) -> Item {
    Item::from([("user_id".to_owned(), AttributeValue::S(user.as_str().to_owned()))])
}
