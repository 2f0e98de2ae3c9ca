//! Records what AWS says of a text: early, late, twice or out of order.

use anyhow::Context;
use jiff::Timestamp;
use sms::{
    delivery::{DeliveryEvent, Meaning},
    lambda::{Notification, unreadable},
    message::{Change, Status},
    queues::{OptOutOrder, OptOutOrders},
    stores::{Admissions, Changed, Messages, Notes},
};
use tracing::info;
use uuid::Uuid;

/// Records delivery events.
pub struct Receipts {
    pub messages: Messages,
    pub admissions: Admissions,
    pub orders: OptOutOrders,
}

impl Receipts {
    /// Records one delivery event in its SNS envelope.
    ///
    /// `Err` also for a text that is not known (yet): the event may have overtaken the sender's note, and comes again.
    pub async fn record(&self, body: &str, now: Timestamp) -> anyhow::Result<()> {
        let notification = Notification::parse(body)?;
        let event: DeliveryEvent = serde_json::from_str(&notification.message).map_err(|error| unreadable("a delivery event", &error))?;
        let Meaning::Change(change) = event.meaning() else {
            info!(event.kind = event.event_type, "not about a text");
            return Ok(());
        };
        let id = self.message_id(&event).await?;
        self.change(id, change, &event, now).await?;
        if event.is_opt_out() {
            self.report_block(id, &event, notification.timestamp).await?;
        }
        Ok(())
    }

    /// The message that the event is about: by our own id that came back with it, else by AWS's.
    async fn message_id(&self, event: &DeliveryEvent) -> anyhow::Result<Uuid> {
        match event.own_message_id() {
            Some(id) => Ok(id),
            None => self.messages.sent_as(&event.message_id).await?.context("a receipt for a text that is not known (yet)"),
        }
    }

    async fn change(&self, id: Uuid, change: Change, event: &DeliveryEvent, now: Timestamp) -> anyhow::Result<()> {
        let notes = notes(event)?;
        // Most news of progress find the row `sent` already, and only add to it.
        if change == Change::Handed
            && let Changed::Yes(_) = self.messages.note(id, Status::Sent, notes.clone(), now).await?
        {
            return Ok(());
        }
        match self.messages.change(id, change, None, notes, now).await? {
            Changed::Yes(row) => {
                info!(message.id = %id, message.status = row.status.as_str(), event.kind = event.event_type, "recorded");
                self.admissions.settle(&row, now).await
            }
            // A repeat, maybe because the first try died before it was settled.
            Changed::No(Some(row)) => {
                info!(message.id = %id, message.status = row.status.as_str(), event.kind = event.event_type, "changes nothing");
                self.admissions.settle(&row, now).await
            }
            Changed::No(None) => anyhow::bail!("a receipt for a text that is not known (yet)"),
        }
    }

    /// The carrier says that the phone has blocked us: that is an opt-out, and the inbound function keeps those.
    async fn report_block(&self, id: Uuid, event: &DeliveryEvent, at: Timestamp) -> anyhow::Result<()> {
        let phone = match &event.destination_phone_number {
            Some(phone) => phone.clone(),
            None => match self.messages.get(id).await? {
                // Whose it was is not known any more, and would not be if the event came again.
                Some(row) if row.erased_at.is_some() => return Ok(()),
                row => row.and_then(|row| row.phone).context("a blocked text without a number")?,
            },
        };
        let reason = event.message_status_description.clone().unwrap_or_default();
        info!(message.id = %id, reason, "the phone has blocked us: an opt-out");
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
