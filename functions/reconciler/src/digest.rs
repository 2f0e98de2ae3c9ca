//! One text in place of several that wait for the same morning, where it saves enough.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sms::{
    content::{Content, Digest},
    event::{Event, UserId},
    gates,
    kind::Kind,
    message::{Message, Status},
    opt_out::OptOut,
    quiet_hours::SPREAD,
    recipient::Recipient,
    stores::{Rebooked, Wish},
};
use tracing::info;

use crate::reconciler::Reconciler;

/// How many message parts a digest has to save. For less, the words of each are worth more.
const WORTH: u32 = 2;

/// What is of use for less than this goes by itself: a digest is of use as long as all that it stands for.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// How many texts a digest may stand for: one transaction takes a hundred writes.
const MOST: usize = 50;

/// How many of the person's latest texts are looked through.
const LATEST: i32 = 100;

/// Who asks for a digest.
const SOURCE: &str = "allthrive-sms/digests";

impl Reconciler {
    /// Writes a digest in place of `row`, whose release is due, and of what else waits for this morning with it; `None` if it had better go by itself.
    pub async fn digest(&self, row: &Message, recipient: &Recipient, now: Timestamp) -> anyhow::Result<Option<Message>> {
        let (Some(user), Some(phone)) = (&row.user_id, &row.phone) else { return Ok(None) };
        let latest = self.messages.of(user, None, LATEST).await?.messages;
        // Most often nothing else waits: then that was all.
        if !latest.iter().any(|other| other.message_id != row.message_id && other.status == Status::Held) {
            return Ok(None);
        }
        let opt_out = self.opt_outs.get(phone).await?;
        let mut parts = vec![row.clone()];
        for other in latest.into_iter().filter(|other| other.message_id != row.message_id && joins(other, row, recipient, opt_out.as_ref(), now)) {
            if parts.len() < MOST
                && let Rebooked::Yes(other) = self.admissions.rebook(&other, &self.rules, now).await?
            {
                parts.push(*other);
            }
        }
        if parts.len() < 2 || !joins(row, row, recipient, opt_out.as_ref(), now) {
            return Ok(None);
        }
        let event = event(&parts, user);
        let wish = Wish { event: &event, recipient: Some(recipient), opt_out: opt_out.as_ref() };
        let each = parts.iter().map(|part| part.parts.unwrap_or(1)).sum::<u32>();
        let is_worth_it = |digest: &Message| digest.parts.is_some_and(|parts| parts + WORTH <= each);
        let digest = self.admissions.merge(wish, &parts, &self.rules, now, is_worth_it).await?;
        if let Some(digest) = &digest {
            info!(message.id = %digest.message_id, message.kind = digest.kind().as_str(), of = parts.len(), "several held texts are one");
        }
        Ok(digest)
    }
}

/// Whether `text` can be part of a digest in place of `row`: it waits for the same morning at the same number, stays of use for a while, and is still wanted.
fn joins(text: &Message, row: &Message, recipient: &Recipient, opt_out: Option<&OptOut>, now: Timestamp) -> bool {
    text.status == Status::Held
        && text.kind() != Kind::Digest
        && text.phone == row.phone
        && text.erased_at.is_none()
        && text.release_at.is_some_and(|release| release <= now + SPREAD)
        && text.useful_until >= now + LIFE
        && gates::unwanted(text, Some(recipient)).is_none()
        && opt_out.is_none_or(|opt_out| opt_out.blocks(&text.content, text.message_id).is_none())
}

/// The digest of `parts` for `user`, as if somebody had asked for it: so it meets every gate. Its id is that of the first of them, so that two runs make one.
fn event(parts: &[Message], user: &UserId) -> Event {
    let mut texts = BTreeMap::new();
    for category in parts.iter().filter_map(|part| part.kind().category()) {
        *texts.entry(category).or_default() += 1;
    }
    Event {
        source: SOURCE.into(),
        id: parts[0].message_id.to_string(),
        time: None,
        expirytime: parts.iter().map(|part| part.useful_until).min(),
        user_id: user.clone(),
        related: None,
        content: Content::Digest(Digest { texts }),
    }
}
