//! Texts that the api writes of itself: decided by the same gates as every other, and sent by the sender.

use jiff::Timestamp;
use sms::{
    content::Content,
    event::Event,
    gates,
    message::{Message, Status},
    recipient::Recipient,
    stores::Written,
};
use tracing::info;

use crate::{api::Api, problem::Problem};

impl Api {
    /// Sends the one confirmation of a first opt-in (CTIA Messaging Principles 5.1.2.1), once the number is proven; never a second one to the same number.
    pub async fn welcome(&self, recipient: &Recipient, now: Timestamp) -> Result<(), Problem> {
        let Some(phone) = recipient.verified_phone().filter(|_| recipient.sms_enabled && recipient.standing_consent().is_some()) else {
            return Ok(());
        };
        // Who was erased and came back opts in for the first time again.
        let life = recipient.erasures.len().checked_sub(1).map(|before| format!(" {}", before + 1));
        let event = Event {
            source: "sms/opt-in".to_owned(),
            id: format!("{} {}{}", recipient.user_id, phone.as_e164(), life.unwrap_or_default()),
            time: None,
            expirytime: None,
            user_id: recipient.user_id.clone(),
            related: None,
            content: Content::OptInConfirmation {},
        };
        let opt_out = self.opt_outs.get(phone).await?;
        let message = gates::decide(&event, Some(recipient), opt_out.as_ref(), &self.rules, now);
        // The id of a row names nobody; that of this event would.
        let message = Message { event_id: None, ..message };
        Ok(self.send(message).await?)
    }

    /// Writes a decided row, and puts it on its lane if the gates let it through. A row that is there already, still pending, is put there again.
    pub async fn send(&self, message: Message) -> anyhow::Result<()> {
        let row = match self.messages.write(&message).await? {
            Written::New => message,
            Written::Repeat(row) => *row,
        };
        info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), "decided");
        if row.status != Status::Pending {
            return Ok(());
        }
        let failed = self.lanes.enqueue(&[(row.message_id, row.lane)]).await;
        failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }
}
