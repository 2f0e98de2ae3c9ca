//! The messages table: written once by whoever admits a text, changed only along the state machine.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};
use uuid::Uuid;

use super::{Item, attribute, batch_get, batch_items, row};
use crate::{
    budget::Reserved,
    due,
    event::UserId,
    kind::{Kind, Lane},
    message::{Change, Entered, LEASE, Message, Status},
    metrics, moment,
    money::MicroUsd,
};

/// The messages table.
#[derive(Debug, Clone)]
pub struct Messages {
    pub(super) client: Client,
    pub(super) table: String,
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

/// A row that the index says is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// The row, as it is now.
    pub message: Message,
    /// When it really is due; the index may lag behind the table by moments.
    pub at: Option<Timestamp>,
}

/// What one part of the index has that is due.
#[derive(Debug, Default)]
pub struct DuePage {
    /// Which messages, those due first in front.
    pub ids: Vec<Uuid>,
    /// Where to go on, if there may be more.
    pub next: Option<DueCursor>,
}

/// A place in one part of the index.
#[derive(Debug, Clone)]
pub struct DueCursor(Item);

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

    /// Without what they say of `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(noted, _)| *noted != name);
        self
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

    /// Makes `change` of the row at `now`, if the state machine has it from the row's status. One conditional write, which also says when the row is due next.
    ///
    /// With `attempt`, only if the row is still in the hands of that attempt: a sender that comes back from the dead changes nothing.
    pub async fn change(&self, id: Uuid, change: Change, attempt: Option<u32>, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let changed = self.make(id, change, attempt, notes, now).await?;
        if let Changed::Yes(row) = &changed {
            metrics::count(now, row);
        }
        Ok(changed)
    }

    /// Claims the row for a sender that is to be alone with it for [`LEASE`]. `lane` is that of the row, where it is known.
    pub async fn claim(&self, id: Uuid, lane: Option<Lane>, now: Timestamp) -> anyhow::Result<Changed> {
        let (from, to) = Change::Claimed.edge();
        let lease = Notes::default().with("lease_until", moment::text(now + LEASE))?;
        let mut edit = edit(Change::Claimed, &from, to.context("a change that leads nowhere")?, None, lease, now)?;
        if !lane.is_some_and(due::stays_while_sending) {
            edit.due(Some(now + LEASE))?;
        }
        self.update(id, edit).await
    }

    async fn make(&self, id: Uuid, change: Change, attempt: Option<u32>, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let (from, to) = change.edge();
        let to = to.context("a change that leads nowhere")?;
        let mut edit = edit(change, &from, to, attempt, notes.clone(), now)?;
        if due::stays(to) {
            return self.update(id, edit).await;
        }
        edit.due(due::after(to, now))?;
        if !due::outlived_by_code(to) {
            return self.update(id, edit).await;
        }
        // Receipts do not know what they are about, and a text with a code is due at another time: so the first write leaves those out, and a second is for them.
        edit.unless("type", attribute(Kind::PhoneVerification)?);
        match self.update(id, edit).await? {
            Changed::No(Some(row)) if row.kind() == Kind::PhoneVerification && from.contains(&row.status) => {
                let mut edit = self::edit(change, &from, to, attempt, notes, now)?;
                edit.due(due::after_with_code(to, now, row.useful_until))?;
                self.update(id, edit).await
            }
            changed => Ok(changed),
        }
    }

    /// Ends the held text `seen`, for which there is no room where it would count, unless it has changed since it was seen: whoever moved it meanwhile found room.
    pub async fn crowd_out(&self, seen: &Message, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let (from, to) = Change::CrowdedOut.edge();
        let to = to.context("a change that leads nowhere")?;
        let mut edit = edit(Change::CrowdedOut, &from, to, Some(seen.attempts), notes, now)?;
        edit.only_if("reserved", attribute(&seen.reserved)?);
        edit.due(due::after(to, now))?;
        let changed = self.update(seen.message_id, edit).await?;
        if let Changed::Yes(row) = &changed {
            metrics::count(now, row);
        }
        Ok(changed)
    }

    /// Says when `seen` is due next, or that it never is, unless it has changed since it was seen. For readers of the row nothing has happened.
    pub async fn put_off(&self, seen: &Message, due_at: Option<Timestamp>) -> anyhow::Result<Changed> {
        let mut edit = Edit::default();
        edit.due(due_at)?;
        edit.only_from(&[seen.status])?;
        edit.only_if("attempts", attribute(seen.attempts)?);
        self.update(seen.message_id, edit).await
    }

    /// At most `most` messages of a part of the index that are due at `now`, from behind `after`. An index may lag behind its table by moments.
    pub async fn due(&self, shard: &str, now: Timestamp, after: Option<DueCursor>, most: i32) -> anyhow::Result<DuePage> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_due")
            .key_condition_expression("due = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(moment::text(now)))
            .limit(most)
            .set_exclusive_start_key(after.map(|cursor| cursor.0))
            .send()
            .await
            .with_context(|| format!("Query on {}", self.table))?;
        let id = |item: &Item| item.get("message_id")?.as_s().ok()?.parse().ok();
        let ids = answer.items.iter().flatten().filter_map(id).collect();
        Ok(DuePage { ids, next: answer.last_evaluated_key.map(DueCursor) })
    }

    /// The rows of `ids`, at most 100, by one `BatchGetItem`, each with when it is due. A row that cannot be read is an error of its own; one that DynamoDB did not get to is left out.
    pub async fn look(&self, ids: &[Uuid]) -> anyhow::Result<Vec<anyhow::Result<Due>>> {
        let ids = ids.iter().map(Uuid::to_string).collect();
        let items = batch_items(&self.client, &self.table, "message_id", ids).await?.found;
        let due = |item: Item| {
            let at = item.get("due_at").and_then(|at| at.as_s().ok()?.parse().ok());
            let id = item.get("message_id").and_then(|id| id.as_s().ok()).cloned();
            let message = row(item, &self.table).with_context(|| format!("message {}", id.unwrap_or_default()))?;
            Ok(Due { message, at })
        };
        Ok(items.into_iter().map(due).collect())
    }

    /// Writes `notes` down if the row is in `status`, changing nothing else. Not in a row that lost everything personal: the notes may have it.
    pub async fn note(&self, id: Uuid, status: Status, notes: Notes, now: Timestamp) -> anyhow::Result<Changed> {
        let mut edit = Edit { set: notes.with("updated_at", moment::text(now))?.0, ..Edit::default() };
        edit.only_from(&[status])?;
        edit.only_without = Some("erased_at");
        self.update(id, edit).await
    }

    /// The row of `id`.
    pub async fn get(&self, id: Uuid) -> anyhow::Result<Option<Message>> {
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }

    /// The rows of `ids` (100 at most), those that there are.
    pub async fn all(&self, ids: impl IntoIterator<Item = Uuid>) -> anyhow::Result<Vec<Message>> {
        let ids = ids.into_iter().map(|id| id.to_string()).collect();
        let batch = batch_get(&self.client, &self.table, "message_id", ids).await?;
        anyhow::ensure!(batch.unprocessed.is_empty(), "DynamoDB did not get to {} rows of {}", batch.unprocessed.len(), self.table);
        Ok(batch.found)
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

/// A row as the table has it: with its place in the index of what is due.
pub(super) fn item(message: &Message) -> anyhow::Result<Item> {
    let mut item: Item = to_item(message)?;
    item.insert("due".to_owned(), AttributeValue::S(due::shard(message.message_id, message.lane).to_owned()));
    if let Some(at) = message.due_at() {
        item.insert("due_at".to_owned(), AttributeValue::S(moment::text(at)));
    }
    Ok(item)
}

/// The write that lets a text in doubt be sent again, with what is then `reserved` for it: one of a transaction.
pub(super) fn retry(table: &str, row: &Message, reserved: &Reserved, now: Timestamp) -> anyhow::Result<Update> {
    let (from, to) = Change::Retried.edge();
    let to = to.context("a change that leads nowhere")?;
    let mut edit = edit(Change::Retried, &from, to, Some(row.attempts), Notes::default().with("reserved", reserved)?, now)?;
    edit.due(due::after(to, now))?;
    edit.of_transaction(table, row.message_id)
}

/// The write that makes a held text part of the digest `into` and takes it out of the books: one of a transaction.
pub(super) fn merge(table: &str, id: Uuid, into: Uuid, now: Timestamp) -> anyhow::Result<Update> {
    let (from, to) = Change::Merged.edge();
    let notes = Notes::default().with("merged_into", into)?.with("settled", MicroUsd(0))?;
    let mut edit = edit(Change::Merged, &from, to.context("a change that leads nowhere")?, None, notes, now)?;
    edit.due(None)?;
    edit.of_transaction(table, id)
}

/// The row that `seen` becomes by `change`.
pub(super) fn foretold(seen: &Message, change: Change, notes: &Notes, now: Timestamp) -> anyhow::Result<Message> {
    let status = seen.status.after(change).context("a change that changes nothing")?;
    let mut item: Item = to_item(seen)?;
    item.extend(notes.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let row: Message = from_item(item)?;
    let changes = row.changes.iter().copied().chain([Entered { status, at: now }]).collect();
    Ok(Message { status, changes, updated_at: now, ..row })
}

/// The write that makes of the text `seen` the `foretold` row, which it ends, if nothing became of it since it was seen and it is not settled: one of a transaction.
pub(super) fn end(table: &str, seen: &Message, foretold: &Message, change: Change, notes: Notes) -> anyhow::Result<Update> {
    let mut edit = edit(change, &[seen.status], foretold.status, Some(seen.attempts), notes, foretold.updated_at)?;
    edit.only_without = Some("settled");
    edit.due(foretold.due_at())?;
    edit.of_transaction(table, seen.message_id)
}

/// The write of a change, but for when the row is due next.
fn edit(change: Change, from: &[Status], to: Status, attempt: Option<u32>, notes: Notes, now: Timestamp) -> anyhow::Result<Edit> {
    let notes = notes.with("status", to)?.with("updated_at", moment::text(now))?;
    let mut edit = Edit { set: notes.0, append: Some(("changes", attribute([Entered { status: to, at: now }])?)), ..Edit::default() };
    if change == Change::Claimed {
        edit.add = Some(("attempts", attribute(1)?));
    }
    edit.only_from(from)?;
    if let Some(attempt) = attempt {
        edit.only_if("attempts", attribute(attempt)?);
    }
    Ok(edit)
}

pub(super) fn key(id: Uuid) -> Item {
    Item::from([("message_id".to_owned(), AttributeValue::S(id.to_string()))])
}

/// An `UpdateItem`, before it is spelled out: every attribute by a placeholder, since `status`, `type` and others are reserved words.
#[derive(Default)]
struct Edit {
    set: Vec<(&'static str, AttributeValue)>,
    append: Option<(&'static str, AttributeValue)>,
    add: Option<(&'static str, AttributeValue)>,
    remove: Option<&'static str>,
    from: Vec<AttributeValue>,
    equal: Vec<(&'static str, AttributeValue)>,
    only_without: Option<&'static str>,
    differs: Option<(&'static str, AttributeValue)>,
}

impl Edit {
    fn only_from(&mut self, from: &[Status]) -> anyhow::Result<()> {
        self.from = from.iter().map(attribute).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn only_if(&mut self, name: &'static str, value: AttributeValue) {
        self.equal.push((name, value));
    }

    fn unless(&mut self, name: &'static str, value: AttributeValue) {
        self.differs = Some((name, value));
    }

    fn due(&mut self, at: Option<Timestamp>) -> anyhow::Result<()> {
        match at {
            Some(at) => self.set.push(("due_at", attribute(moment::text(at))?)),
            None => self.remove = Some("due_at"),
        }
        Ok(())
    }

    fn of_transaction(self, table: &str, id: Uuid) -> anyhow::Result<Update> {
        let update = Update::builder().table_name(table).set_key(Some(key(id)));
        let update = update.update_expression(self.expression()).condition_expression(self.condition());
        Ok(update.set_expression_attribute_names(Some(self.names())).set_expression_attribute_values(Some(self.values())).build()?)
    }

    fn expression(&self) -> String {
        let set = self.set.iter().enumerate().map(|(n, (name, _))| format!("#{name} = :set{n}"));
        let append = self.append.iter().map(|(name, _)| format!("#{name} = list_append(#{name}, :append)"));
        let assigned = set.chain(append).collect::<Vec<_>>();
        let mut expression = if assigned.is_empty() { String::new() } else { format!("SET {}", assigned.join(", ")) };
        if let Some(name) = self.remove {
            expression += &format!(" REMOVE #{name}");
        }
        if let Some((name, _)) = &self.add {
            expression += &format!(" ADD #{name} :add");
        }
        expression
    }

    fn condition(&self) -> String {
        let from = (0..self.from.len()).map(|n| format!(":from{n}")).collect::<Vec<_>>().join(", ");
        let mine = self.equal.iter().enumerate().map(|(n, (name, _))| format!(" AND #{name} = :equal{n}")).collect::<String>();
        let other = self.differs.as_ref().map(|(name, _)| format!(" AND #{name} <> :differs"));
        let without = self.only_without.map(|name| format!(" AND attribute_not_exists(#{name})"));
        format!("#status IN ({from}){mine}{}{}", other.unwrap_or_default(), without.unwrap_or_default())
    }

    fn names(&self) -> std::collections::HashMap<String, String> {
        let named = self.set.iter().chain(&self.append).chain(&self.add).chain(&self.equal).chain(&self.differs).map(|(name, _)| *name);
        named.chain(self.remove).chain(self.only_without).chain(["status"]).map(|name| (format!("#{name}"), name.to_owned())).collect()
    }

    fn values(self) -> Item {
        let set = self.set.into_iter().enumerate().map(|(n, (_, value))| (format!(":set{n}"), value));
        let from = self.from.into_iter().enumerate().map(|(n, value)| (format!(":from{n}"), value));
        let append = self.append.map(|(_, value)| (":append".to_owned(), value));
        let add = self.add.map(|(_, value)| (":add".to_owned(), value));
        let equal = self.equal.into_iter().enumerate().map(|(n, (_, value))| (format!(":equal{n}"), value));
        let differs = self.differs.map(|(_, value)| (":differs".to_owned(), value));
        set.chain(from).chain(append).chain(add).chain(equal).chain(differs).collect()
    }
}
