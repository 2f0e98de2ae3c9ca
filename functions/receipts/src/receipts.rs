//! Records what AWS says of texts: early, late, twice or out of order.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use futures::future::join_all;
use jiff::Timestamp;
use sms::{
    delivery::{DeliveryEvent, Meaning},
    lambda::{Notification, unreadable},
    message::{Change, Message, Status},
    queues::{OptOutOrder, OptOutOrders},
    stores::{Admissions, Changed, LastWord, Messages, Notes},
};
use tracing::{info, warn};
use uuid::Uuid;

/// Records delivery events.
pub struct Receipts {
    pub messages: Messages,
    pub admissions: Admissions,
    pub orders: OptOutOrders,
}

/// One delivery event.
struct News {
    id: Uuid,
    change: Change,
    event: DeliveryEvent,
    /// When it was published.
    at: Timestamp,
}

impl Receipts {
    /// Records delivery events in their SNS envelopes, and answers for each in turn.
    ///
    /// One read for all, and one transaction for all last words, if nobody interferes. `Err` also for a text that is not known (yet): the event may have overtaken the sender's note, and comes again.
    pub async fn batch(&self, bodies: &[&str], now: Timestamp) -> Vec<anyhow::Result<()>> {
        let news = join_all(bodies.iter().map(|body| self.read(body))).await;
        let ids = news.iter().flatten().flatten().map(|news| news.id).collect::<BTreeSet<_>>();
        let rows = match self.messages.all(ids).await {
            Ok(rows) => rows.into_iter().map(|row| (row.message_id, row)).collect::<BTreeMap<_, _>>(),
            Err(error) => {
                return news.into_iter().map(|news| news.and_then(|news| news.map_or(Ok(()), |_| Err(anyhow::anyhow!("{error:#}"))))).collect();
            }
        };
        let ended = self.conclude(news.iter().flatten().flatten(), &rows, now).await;
        let mut results = Vec::with_capacity(news.len());
        for news in news {
            results.push(match news {
                Ok(Some(news)) => self.record(&news, rows.get(&news.id), ended.contains(&news.id), now).await,
                other => other.map(drop),
            });
        }
        results
    }

    /// Reads one record; nothing if it is not about a text.
    async fn read(&self, body: &str) -> anyhow::Result<Option<News>> {
        let notification = Notification::parse(body)?;
        let event: DeliveryEvent = serde_json::from_str(&notification.message).map_err(|error| unreadable("a delivery event", &error))?;
        let Meaning::Change(change) = event.meaning() else {
            info!(event.kind = event.event_type, "not about a text");
            return Ok(None);
        };
        Ok(Some(News { id: self.message_id(&event).await?, change, event, at: notification.timestamp }))
    }

    /// The message that the event is about: by our own id that came back with it, else by AWS's.
    async fn message_id(&self, event: &DeliveryEvent) -> anyhow::Result<Uuid> {
        match event.own_message_id() {
            Some(id) => Ok(id),
            None => self.messages.sent_as(&event.message_id).await?.context("a receipt for a text that is not known (yet)"),
        }
    }

    /// Ends, together, the texts whose last word is among the news, and answers which: all of them or none. The first last word holds.
    async fn conclude<'a>(&self, news: impl Iterator<Item = &'a News>, rows: &BTreeMap<Uuid, Message>, now: Timestamp) -> BTreeSet<Uuid> {
        let mut words = BTreeMap::new();
        for News { id, change, event, .. } in news {
            let Some(seen) = rows.get(id).filter(|row| row.status.after(*change).is_some_and(Status::is_final)) else { continue };
            if let (Ok(notes), false) = (notes(event), words.contains_key(id)) {
                words.insert(*id, LastWord { seen: seen.clone(), change: *change, notes });
            }
        }
        if words.is_empty() {
            return BTreeSet::new();
        }
        let words = words.into_values().collect::<Vec<_>>();
        match self.admissions.conclude(&words, now).await {
            Ok(Some(rows)) => {
                for row in &rows {
                    info!(message.id = %row.message_id, message.status = row.status.as_str(), row.delivery_status, "recorded");
                }
                rows.into_iter().map(|row| row.message_id).collect()
            }
            // Each is tried by itself.
            Ok(None) => BTreeSet::new(),
            Err(error) => {
                warn!(texts = words.len(), reason = format!("{error:#}"), "not ended together");
                BTreeSet::new()
            }
        }
    }

    /// Records one event about the text that was read as `row`; if its text was `ended` just now it changes nothing any more.
    async fn record(&self, news: &News, row: Option<&Message>, ended: bool, now: Timestamp) -> anyhow::Result<()> {
        let row = row.context("a receipt for a text that is not known (yet)")?;
        if !ended {
            self.change(news, row, now).await?;
        }
        if news.event.is_opt_out() { self.report_block(news, row).await } else { Ok(()) }
    }

    async fn change(&self, News { id, change, event, .. }: &News, row: &Message, now: Timestamp) -> anyhow::Result<()> {
        let notes = notes(event)?;
        let is_progress = *change == Change::Handed && row.status == Status::Sent;
        // A repeat, maybe because the first try died before it was settled.
        if !is_progress && row.status.after(*change).is_none() {
            info!(message.id = %id, message.status = row.status.as_str(), event.kind = event.event_type, "changes nothing");
            return self.admissions.settle(row, now).await;
        }
        // Most news of progress find the row `sent` already, and only add to it.
        if is_progress && let Changed::Yes(_) = self.messages.note(*id, Status::Sent, notes.clone(), now).await? {
            return Ok(());
        }
        match self.messages.change(*id, *change, None, notes, now).await? {
            Changed::Yes(row) => {
                info!(message.id = %id, message.status = row.status.as_str(), event.kind = event.event_type, "recorded");
                self.admissions.settle(&row, now).await
            }
            Changed::No(Some(row)) => {
                info!(message.id = %id, message.status = row.status.as_str(), event.kind = event.event_type, "changes nothing");
                self.admissions.settle(&row, now).await
            }
            Changed::No(None) => anyhow::bail!("a receipt for a text that is not known (yet)"),
        }
    }

    /// The carrier says that the phone has blocked us: that is an opt-out, and the inbound function keeps those.
    async fn report_block(&self, News { id, event, at, .. }: &News, row: &Message) -> anyhow::Result<()> {
        let phone = match event.destination_phone_number.as_ref().or(row.phone.as_ref()) {
            Some(phone) => phone.clone(),
            // Whose it was is not known any more, and would not be if the event came again.
            None if row.erased_at.is_some() => return Ok(()),
            None => anyhow::bail!("a blocked text without a number"),
        };
        let reason = event.message_status_description.clone().unwrap_or_default();
        info!(message.id = %id, reason, "the phone has blocked us: an opt-out");
        // News of an old text may be late, and says nothing of what they texted after that was asked for.
        let at = event.requested_at.map_or(*at, |requested_at| requested_at.min(*at));
        self.orders.give(&OptOutOrder::Blocked { phone, reason, at }).await
    }
}

fn notes(event: &DeliveryEvent) -> anyhow::Result<Notes> {
    Notes::default()
        .with("provider_message_id", &event.message_id)?
        .with("delivery_status", &event.message_status)?
        .with("delivery_detail", &event.message_status_description)?
        .with("carrier", event.carrier())?
        .with("parts", event.total_message_parts)?
        .with("price", event.price())?
        .with("carrier_fee", event.carrier_fee())
}
