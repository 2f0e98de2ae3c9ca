//! Texts that the api writes of itself: decided by the same gates as every other, and sent by the sender.

use anyhow::Context;
use jiff::Timestamp;
use sms::{
    content::Content,
    event::Event,
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
        let wish = Wish { event: &event, recipient: Some(recipient), opt_out: opt_out.as_ref() };
        // The id of a row names nobody; that of this event would.
        let nameless = async |_, message| Ok(Message { event_id: None, ..message });
        let row = self.admit(wish, now, nameless).await?;
        if row.status != Status::Pending {
            return Ok(());
        }
        match self.lanes.enqueue(&[(row.message_id, row.lane)]).await.pop() {
            Some((_, error)) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Takes a wish of ours through the gates, as [`sms::stores::Admissions::admit`] does, and answers with its row: the new one, or the one that is there already.
    pub async fn admit<'a, F: Future<Output = anyhow::Result<Message>>>(
        &self,
        wish: Wish<'a>,
        now: Timestamp,
        before: impl Fn(Wish<'a>, Message) -> F,
    ) -> anyhow::Result<Message> {
        let admitted = self.admissions.admit(&[wish], &self.rules, now, before).await;
        let row = admitted.into_iter().next().context("a wish without an answer")??.row().clone();
        info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), "decided");
        Ok(row)
    }
}
