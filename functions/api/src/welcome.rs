//! Texts that the api writes of itself: decided by the same gates as every other, and sent by the sender.

use anyhow::Context;
use jiff::Timestamp;
use sms::{
    content::Content,
    event::Event,
    kind::Kind,
    message::{Message, Status},
    recipient::Recipient,
    stores::Wish,
};
use tracing::info;

use crate::{api::Api, problem::Problem};

impl Api {
    /// Sends the one confirmation of a first opt-in (CTIA Messaging Principles 5.1.2.1), once the number is proven; never a second one to the same number.
    pub async fn welcome(&self, recipient: &Recipient, now: Timestamp) -> Result<(), Problem> {
        let Some(phone) = recipient.verified_phone().filter(|_| recipient.sms_enabled && recipient.standing_consent().is_some()) else {
            return Ok(());
        };
        let event = Event {
            source: "sms/opt-in".to_owned(),
            id: format!("{} {}", recipient.user_id, phone.as_e164()),
            time: None,
            expirytime: None,
            user_id: recipient.user_id.clone(),
            related: None,
            content: Content::OptInConfirmation {},
        };
        let opt_out = self.opt_outs.get(phone).await?;
        let wish = Wish { event: &event, recipient: Some(recipient), opt_out: opt_out.as_ref() };
        Ok(self.send(&wish, now).await?)
    }

    /// Takes a wish of ours through the gates, writes its row, and puts it on its lane if they let it through. A row that is there already, still pending, is put there again.
    pub async fn send(&self, wish: &Wish<'_>, now: Timestamp) -> anyhow::Result<()> {
        // The id of a row names nobody; that of a welcome's event would.
        let nameless = async |_: &Wish<'_>, message: &mut Message| {
            message.event_id = message.event_id.take().filter(|_| message.kind() != Kind::OptInConfirmation);
            Ok(())
        };
        let admitted = self.admissions.admit(std::slice::from_ref(wish), &self.rules, now, nameless).await;
        let admitted = admitted.into_iter().next().context("a wish without an answer")??;
        let row = admitted.row();
        info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), "decided");
        if row.status != Status::Pending {
            return Ok(());
        }
        let failed = self.lanes.enqueue(&[(row.message_id, row.lane)]).await;
        failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }
}
