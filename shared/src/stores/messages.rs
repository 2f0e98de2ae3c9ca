//! The messages table: written once by whoever admits a text, changed only along the state machine.

use std::collections::{HashMap, HashSet};

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use uuid::Uuid;

use super::{Item, attribute, batch_get, row};
use crate::{
    event::UserId,
    message::{Change, Entered, Message, Status},
    moment,
};

/// The messages table.
#[derive(Debug, Clone)]
pub struct Messages {
    client: Client,
    table: String,
}

/// What came of writing a new row.
#[derive(Debug)]
pub enum Written {
    /// It is the first of its id.
    New,
    /// There was one already: this.
    Repeat(Box<Message>),
}

/// What came of a change.
#[derive(Debug)]
pub enum Changed {
    /// The row now is this.
    Yes(Box<Message>),
    /// The row is such that the change changes nothing; `None` if there is no row.
    No(Option<Box<Message>>),
}

/// A place in somebody's history: behind this message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the message was written, as the row has it.
    pub created_at: String,
    /// The message.
    pub message_id: Uuid,
}

/// Some of somebody's messages, newest first.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub messages: Vec<Message>,
    /// Where to go on, if there may be more.
    pub next: Option<Cursor>,
}

/// Attributes that a change writes down beside the status.
#[derive(Debug, Clone, Default)]
pub struct Notes(Vec<(&'static str, AttributeValue)>);

impl Notes {
    /// With `name` set to `value`; nothing happens to `name` if the value is a `None`.
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> anyhow::Result<Self> {
        let value = attribute(value)?;
        if !value.is_null() {
            self.0.push((name, value));
        }
        Ok(self)
    }
}

impl Messages {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes the row of a new message, unless its id has one: the write is the duplicate gate.
    pub async fn write(&self, message: &Message) -> anyhow::Result<Written> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(message)?))
            .condition_expression("attribute_not_exists(message_id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match written.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::New),
            Err(PutItemError::ConditionalCheckFailedException(failed)) => {
                let old = failed.item.context("the row that was in the way did not come back")?;
                Ok(Written::Repeat(Box::new(row(old, &self.table)?)))
            }
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }

    /// Makes `change` of the row at `now`, if the state machine has it from the row's status. One conditional write.
    ///
    /// With `attempt`, only if the row is still in the hands of that attempt: a sender that comes back from the dead changes nothing.
    pub async fn change(&self, id: Uuid, change: Change, attempt: Option<u32>, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let (from, to) = change.edge();
        let to = to.context("a change that leads nowhere")?;
        let mut notes = notes.with("status", to)?.with("updated_at", moment::text(now))?;
        let mut edit = Edit::default();
        if change == Change::Claimed {
            edit.add = Some(("attempts", attribute(1)?));
        }
        edit.append = Some(("changes", attribute([Entered { status: to, at: now }])?));
        edit.set.append(&mut notes.0);
        edit.only_from(&from)?;
        if let Some(attempt) = attempt {
            edit.only_if("attempts", attribute(attempt)?);
        }
        self.update(id, edit).await
    }

    /// Writes `notes` down if the row is in `status`, changing nothing else.
    pub async fn note(&self, id: Uuid, status: Status, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let mut edit = Edit { set: notes.with("updated_at", moment::text(now))?.0, ..Edit::default() };
        edit.only_from(&[status])?;
        self.update(id, edit).await
    }

    /// The row of `id`.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Option<Message>> {
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }

    /// The rows of `ids` (at most 100), by one read; those that there are.
    pub async fn batch(&self, ids: Vec<Uuid>) -> anyhow::Result<HashMap<Uuid, Message>> {
        let ids = ids.into_iter().collect::<HashSet<_>>();
        let batch = batch_get::<Message>(&self.client, &self.table, "message_id", ids.iter().map(Uuid::to_string).collect()).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(batch.found.into_iter().map(|message| (message.message_id, message)).collect())
    }

    /// The message that AWS calls `provider_message_id`. From an index, which may lag behind the table by moments.
    pub async fn sent_as(&self, provider_message_id: &str) -> anyhow::Result<Option<Uuid>> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_provider_message_id")
            .key_condition_expression("provider_message_id = :id")
            .expression_attribute_values(":id", AttributeValue::S(provider_message_id.to_owned()))
            .limit(1)
            .send()
            .await
            .with_context(|| format!("Query on {}", self.table))?;
        let found = answer.items.and_then(|mut items| items.pop()).and_then(|mut item| item.remove("message_id"));
        Ok(found.and_then(|id| id.as_s().ok()?.parse().ok()))
    }

    /// At most `most` (100) messages of `user`, newest first, from behind `after`. By an index, which may lag behind the table by moments.
    pub async fn of(&self, user: &UserId, after: Option<&Cursor>, most: i32) -> anyhow::Result<Page> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_user")
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(user.as_str().to_owned()))
            .scan_index_forward(false)
            .limit(most)
            .set_exclusive_start_key(after.map(|cursor| cursor.start_key(user)))
            .send()
            .await
            .with_context(|| format!("Query on {}", self.table))?;
        let next = answer.last_evaluated_key.as_ref().map(Cursor::of).transpose()?;
        let ids = answer.items.unwrap_or_default().iter().map(|item| Ok(Cursor::of(item)?.message_id.to_string())).collect::<anyhow::Result<_>>()?;
        let batch = batch_get::<Message>(&self.client, &self.table, "message_id", ids).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        let mut messages = batch.found;
        messages.sort_by_key(|message| std::cmp::Reverse((message.created_at, message.message_id)));
        Ok(Page { messages, next })
    }

    async fn update(&self, id: Uuid, edit: Edit) -> anyhow::Result<Changed> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id)))
            .update_expression(edit.expression())
            .condition_expression(edit.condition())
            .set_expression_attribute_names(Some(edit.names()))
            .set_expression_attribute_values(Some(edit.values()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match updated.map_err(SdkError::into_service_error) {
            Ok(answer) => Ok(Changed::Yes(Box::new(row(answer.attributes.context("the changed row did not come back")?, &self.table)?))),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                Ok(Changed::No(failed.item.map(|old| row(old, &self.table)).transpose()?.map(Box::new)))
            }
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }
}

impl Cursor {
    fn of(item: &Item) -> anyhow::Result<Self> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).with_context(|| format!("an index entry without {name}"));
        Ok(Self { created_at: text("created_at")?.clone(), message_id: text("message_id")?.parse()? })
    }

    fn start_key(&self, user: &UserId) -> Item {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let key = [("user_id", text(user.as_str())), ("created_at", text(&self.created_at)), ("message_id", text(&self.message_id.to_string()))];
        key.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn key(id: Uuid) -> Item {
    Item::from([("message_id".to_owned(), AttributeValue::S(id.to_string()))])
}

/// A row as the table has it.
pub(super) fn item(message: &Message) -> anyhow::Result<Item> {
    Ok(to_item(message)?)
}

/// An `UpdateItem`, before it is spelled out: every attribute by a placeholder, since `status`, `type` and others are reserved words.
#[derive(Default)]
struct Edit {
    set: Vec<(&'static str, AttributeValue)>,
    append: Option<(&'static str, AttributeValue)>,
    add: Option<(&'static str, AttributeValue)>,
    from: Vec<AttributeValue>,
    equal: Option<(&'static str, AttributeValue)>,
}

impl Edit {
    fn only_from(&mut self, from: &[Status]) -> anyhow::Result<()> {
        self.from = from.iter().map(attribute).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn only_if(&mut self, name: &'static str, value: AttributeValue) {
        self.equal = Some((name, value));
    }

    fn expression(&self) -> String {
        let set = self.set.iter().enumerate().map(|(n, (name, _))| format!("#{name} = :set{n}"));
        let append = self.append.iter().map(|(name, _)| format!("#{name} = list_append(#{name}, :append)"));
        let mut expression = format!("SET {}", set.chain(append).collect::<Vec<_>>().join(", "));
        if let Some((name, _)) = &self.add {
            expression += &format!(" ADD #{name} :add");
        }
        expression
    }

    fn condition(&self) -> String {
        let from = (0..self.from.len()).map(|n| format!(":from{n}")).collect::<Vec<_>>().join(", ");
        let mine = self.equal.as_ref().map(|(name, _)| format!(" AND #{name} = :equal"));
        format!("#status IN ({from}){}", mine.unwrap_or_default())
    }

    fn names(&self) -> std::collections::HashMap<String, String> {
        let named = self.set.iter().chain(&self.append).chain(&self.add).chain(&self.equal).map(|(name, _)| *name);
        named.chain(["status"]).map(|name| (format!("#{name}"), name.to_owned())).collect()
    }

    fn values(self) -> Item {
        let set = self.set.into_iter().enumerate().map(|(n, (_, value))| (format!(":set{n}"), value));
        let from = self.from.into_iter().enumerate().map(|(n, value)| (format!(":from{n}"), value));
        let append = self.append.map(|(_, value)| (":append".to_owned(), value));
        let add = self.add.map(|(_, value)| (":add".to_owned(), value));
        let equal = self.equal.map(|(_, value)| (":equal".to_owned(), value));
        set.chain(from).chain(append).chain(add).chain(equal).collect()
    }
}
