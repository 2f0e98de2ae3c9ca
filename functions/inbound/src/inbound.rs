//! Obeys what people text us: out, in, and help.
//!
//! Every step may be done twice and comes to the same, so that a reply whose handling died half-way is simply handled again.

use std::collections::BTreeSet;

use anyhow::Context;
use jiff::Timestamp;
use sms::{
    consent::{Action, Method, Statement},
    content::{Content, OptOutConfirmation},
    event::{UserId, message_id},
    gates::Rules,
    kind::{Category, Kind},
    lambda::{Notification, unreadable},
    message::{Message, Status, useful_until},
    opt_out::{OptOut, Said},
    phone::PhoneNumber,
    provider::{OptOutList, Unlisted},
    queues::{Lanes, OptOutOrder},
    recipient::{Consent, Recipient},
    reply::{self, InboundMessage, Meaning, Reading},
    stores::{Admissions, Admitted, Begun, Ledger, Messages, OptOuts, Recipients, Replies, Reply, Saved, Written},
};
use tracing::{info, warn};
use uuid::Uuid;

/// Obeys replies.
pub struct Inbound {
    pub replies: Replies,
    pub opt_outs: OptOuts,
    pub recipients: Recipients,
    pub ledger: Ledger,
    pub messages: Messages,
    pub admissions: Admissions,
    pub list: OptOutList,
    pub lanes: Lanes,
    pub stop_answered_by: StopAnsweredBy,
    /// What an answer has to pass.
    pub rules: Rules,
}

/// Who answers STOP, START and UNSTOP. Two answers would be one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAnsweredBy {
    /// The toll-free network, which also blocks the number.
    Carrier,
    /// We do: a number with self-managed opt-outs.
    Us,
}

/// A person's word: from which number, when they said it and when we got to it, and what made us hear it.
struct Word<'a> {
    phone: &'a PhoneNumber,
    at: Timestamp,
    now: Timestamp,
    method: Method,
    rule: &'a str,
    wording: &'a str,
}

/// How often a row is read again that somebody else has changed meanwhile: several words of one person at once are few.
const MOST_TRIES: usize = 10;

/// How long a reply is kept: as long as the messages it answers.
const KEPT_SECONDS: i64 = 400 * 24 * 3600;

impl Inbound {
    /// Obeys one record: a reply in its SNS envelope, or an order of another function.
    pub async fn obey(&self, body: &str, now: Timestamp) -> anyhow::Result<()> {
        if let Ok(order) = serde_json::from_str::<OptOutOrder>(body) {
            return self.follow(order, now).await;
        }
        let notification = Notification::parse(body)?;
        let payload: InboundMessage = serde_json::from_str(&notification.message).map_err(|error| unreadable("a reply", &error))?;
        self.obey_reply(&payload, notification.timestamp, now).await
    }

    async fn follow(&self, order: OptOutOrder, now: Timestamp) -> anyhow::Result<()> {
        match order {
            OptOutOrder::Blocked { phone, reason, at } => {
                let word = Word { phone: &phone, at, now, method: Method::Carrier, rule: &reason, wording: &reason };
                self.opt_out_of_everything(&word, None).await
            }
            OptOutOrder::Asked { phone, at } => {
                let rule = "stop everything on the preference page";
                self.opt_out_of_everything(&Word { phone: &phone, at, now, method: Method::SettingsPage, rule, wording: rule }, None).await
            }
            OptOutOrder::Confirmed { phone } | OptOutOrder::Missing { phone } => self.list(&phone).await,
        }
    }

    async fn obey_reply(&self, payload: &InboundMessage, at: Timestamp, now: Timestamp) -> anyhow::Result<()> {
        let reading = reply::read(&payload.message_body);
        if self.replies.begin(&kept(payload, &reading, at)).await? == Begun::Obeyed {
            info!(reply.id = payload.inbound_message_id, "obeyed before");
            return Ok(());
        }
        let word =
            Word { phone: &payload.origination_number, at, now, method: Method::SmsKeyword, rule: reading.rule, wording: &payload.message_body };
        let answer = message_id("sms/replies", &payload.inbound_message_id);
        // The network has answered already: a second answer would be ours.
        let answered = reading.network_keyword && self.stop_answered_by == StopAnsweredBy::Carrier;
        match &reading.meaning {
            Meaning::StopAll => self.opt_out_of_everything(&word, (!answered).then_some(answer)).await?,
            Meaning::StopCategories(categories) => self.opt_out_of(&word, categories.clone(), answer).await?,
            Meaning::Start => self.opt_in(&word, (!answered).then_some(answer)).await?,
            Meaning::Help => self.answer(&word, answer, Content::HelpReply {}).await?,
            Meaning::Unclear | Meaning::Other => {}
        }
        info!(reply.id = payload.inbound_message_id, reply.rule = reading.rule, reply.meaning = reading.meaning.as_str(), "obeyed");
        self.replies.finish(&payload.inbound_message_id, now).await
    }

    /// Nothing more to this number: our row first, since it is what every text is checked against.
    ///
    /// With a confirmation to come, AWS's list has to wait: it would refuse that one text too. The sender says when it is out.
    async fn opt_out_of_everything(&self, word: &Word<'_>, confirmation: Option<Uuid>) -> anyhow::Result<()> {
        // One confirmation, ever: who is out already gets no other.
        let told = |before: &OptOut| confirmation.filter(|id| before.everything_since.is_none() || before.confirmation == Some(*id));
        let said = word.said();
        let stopped = self.say(word, |before| {
            let confirmation = told(&before).or(before.confirmation);
            Some(OptOut { confirmation, ..before.stopped(&said)? })
        });
        let Some(before) = stopped.await? else { return Ok(()) };
        for user in self.recipients.with_phone(word.phone).await? {
            if let Some(recipient) = self.recipients.get(&user).await? {
                self.revoke(&recipient, word).await?;
            }
        }
        match told(&before) {
            Some(id) => self.answer(word, id, Content::OptOutConfirmation(OptOutConfirmation { categories: Vec::new() })).await,
            // It may be under way still, and who sends it orders the list.
            None if before.confirmation.is_some() => Ok(()),
            None => self.list(word.phone).await,
        }
    }

    /// Puts the number on AWS's list, unless they said START meanwhile.
    async fn list(&self, phone: &PhoneNumber) -> anyhow::Result<()> {
        match self.opt_outs.get(phone).await? {
            Some(row) if row.everything_since.is_some() => self.list.put(phone).await,
            _ => Ok(()),
        }
    }

    /// Nothing more of these categories to this number.
    async fn opt_out_of(&self, word: &Word<'_>, categories: BTreeSet<Category>, confirmation: Uuid) -> anyhow::Result<()> {
        let said = word.said();
        if self.say(word, |before| before.stopped_of(&categories, &said)).await?.is_none() {
            return Ok(());
        }
        let categories = categories.into_iter().collect();
        self.answer(word, confirmation, Content::OptOutConfirmation(OptOutConfirmation { categories })).await
    }

    /// Texts again, if AWS lets the number off its list; if it does not, the opt-out stands, and its row says why.
    async fn opt_in(&self, word: &Word<'_>, confirmation: Option<Uuid>) -> anyhow::Result<()> {
        // Before AWS is asked: it takes a number off its list once in 30 days, and not for a word that a later STOP has undone.
        if self.opt_outs.get(word.phone).await?.is_some_and(|row| !row.may_start(word.at)) {
            superseded(word);
            return Ok(());
        }
        let refused = match self.list.delete(word.phone).await? {
            Unlisted::Yes => None,
            Unlisted::No(reason) => {
                warn!(phone = %word.phone, reason, "AWS keeps the number on its opt-out list, so ours does too");
                Some(reason)
            }
        };
        let said = word.said();
        let started = self.say(word, |before| match refused.clone() {
            None => before.started(&said),
            Some(reason) => before.not_started(reason, &said),
        });
        if started.await?.is_none() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for user in self.recipients.with_phone(word.phone).await? {
            if let Some(recipient) = self.recipients.get(&user).await?.filter(|recipient| recipient.verified_phone() == Some(word.phone)) {
                wanted.push(self.give(&recipient, word).await?);
            }
        }
        // Whom the word came too late for is not told that texts come again.
        let is_over = !wanted.is_empty() && wanted.iter().all(|wanted| !wanted);
        match confirmation.filter(|_| refused.is_none() && !is_over) {
            Some(id) => self.answer(word, id, Content::OptInConfirmation {}).await,
            None => Ok(()),
        }
    }

    /// Writes the number's row as `change` makes it of what it is, and answers with how it was. `None` if they said something later that undoes the word.
    async fn say(&self, word: &Word<'_>, change: impl Fn(OptOut) -> Option<OptOut>) -> anyhow::Result<Option<OptOut>> {
        for _ in 0..MOST_TRIES {
            let before = self.opt_outs.get(word.phone).await?.unwrap_or_else(|| OptOut::new(word.phone.clone(), &word.said()));
            let Some(row) = change(before.clone()) else {
                superseded(word);
                return Ok(None);
            };
            if self.opt_outs.say(&row).await? {
                return Ok(Some(before));
            }
        }
        anyhow::bail!("the opt-out of {} changes faster than it can be read", word.phone)
    }

    /// Takes back the consent of `recipient`, if there is one to take back: what was given after the word stands.
    async fn revoke(&self, recipient: &Recipient, word: &Word<'_>) -> anyhow::Result<()> {
        let Some(standing) = recipient.consent.as_ref().filter(|consent| consent.revoked_at.is_none() && consent.given_at <= word.at) else {
            return Ok(());
        };
        let consent = Consent { revoked_at: Some(word.at), ..standing.clone() };
        self.ledger.state(&self.recipients, recipient, word.statement(Action::Revoked), &consent, false).await
    }

    /// Asking for texts is consent of its own kind, unless the row tells of something later: a START that comes late undoes no newer no, and is no yes of who proved the number since. Answers whether
    /// they want texts now.
    async fn give(&self, recipient: &Recipient, word: &Word<'_>) -> anyhow::Result<bool> {
        if recipient.standing_consent().is_some() && recipient.sms_enabled {
            return Ok(true);
        }
        if tells_of_later(recipient, word.at) {
            superseded(word);
            return Ok(false);
        }
        let consent =
            Consent { given_at: word.at, method: word.method, ip: None, disclosure_version: None, phone: word.phone.clone(), revoked_at: None };
        let mut begun = recipient.clone();
        begun.begin_with_everything();
        let after = Recipient { consent: Some(consent), sms_enabled: true, ..begun };
        match self.ledger.save(&self.recipients, recipient, &after, Some(word.statement(Action::Given)), None).await? {
            Saved::Yes(_) => Ok(true),
            Saved::Overtaken => anyhow::bail!("somebody else changed the row of who said START"),
        }
    }

    /// Writes an answer's row and, if every gate lets it through, puts it on the urgent lane; the sender does the rest.
    async fn answer(&self, word: &Word<'_>, id: Uuid, content: Content) -> anyhow::Result<()> {
        let useful_until = useful_until(&content, word.at);
        let mut message = Message::new(id, content, useful_until, word.now).to(Some(word.phone.clone()));
        if let Some(user) = self.recipients.with_phone(word.phone).await?.into_iter().next() {
            // The index may still name somebody who was erased a moment ago.
            let recipient = self.recipients.get(&user).await?.filter(|recipient| !recipient.erased);
            message.locale = recipient.as_ref().map(Recipient::text_locale).unwrap_or_default();
            message.user_id = recipient.map(|recipient| recipient.user_id);
        }
        if message.kind() == Kind::HelpReply {
            message.user_id = self.sole_owner(word.phone).await?;
        }
        let row = self.admit(message, word.now).await?;
        info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), "decided");
        if row.status != Status::Pending {
            return Ok(());
        }
        let failed = self.lanes.enqueue(&[(row.message_id, row.lane)]).await;
        failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error).context("an answer did not get on its lane"))
    }
}

impl Inbound {
    /// Takes an answer through the gates, and answers with its row. The one confirmation of an opt-out meets none: the law wants it within minutes, there is one ever, and
    /// AWS's list waits for it.
    async fn admit(&self, message: Message, now: Timestamp) -> anyhow::Result<Message> {
        let is_last_word = matches!(&message.content, Content::OptOutConfirmation(confirmation) if confirmation.categories.is_empty());
        if is_last_word {
            return Ok(match self.messages.write(&message).await? {
                Written::New => message,
                Written::Repeat(row) => *row,
            });
        }
        let opt_out = match &message.phone {
            Some(phone) => self.opt_outs.get(phone).await?,
            None => None,
        };
        match self.admissions.answer(&message, opt_out.as_ref(), &self.rules, now).await? {
            Admitted::New(row) | Admitted::Repeat(row) => Ok(row),
        }
    }

    /// The one person who proved this number theirs; none if several did. Whom the answer to HELP names, the sender gives a link to their settings.
    async fn sole_owner(&self, phone: &PhoneNumber) -> anyhow::Result<Option<UserId>> {
        let mut owners = Vec::new();
        for user in self.recipients.with_phone(phone).await? {
            owners.extend(self.recipients.get(&user).await?.filter(|recipient| recipient.verified_phone() == Some(phone)).map(|_| user));
        }
        Ok(owners.pop().filter(|_| owners.is_empty()))
    }
}

/// The row that keeps a reply, as long as nothing is done about it.
fn kept(payload: &InboundMessage, reading: &Reading, at: Timestamp) -> Reply {
    Reply {
        inbound_message_id: payload.inbound_message_id.clone(),
        phone: payload.origination_number.clone(),
        body: payload.message_body.clone(),
        meaning: reading.meaning.as_str().to_owned(),
        rule: reading.rule.to_owned(),
        review: matches!(reading.meaning, Meaning::Unclear),
        received_at: at,
        obeyed_at: None,
        expires_at: at.as_second() + KEPT_SECONDS,
    }
}

/// Whether the row knows of a yes, a no or a proof of the number that came after `moment`.
fn tells_of_later(recipient: &Recipient, moment: Timestamp) -> bool {
    let consent = recipient.consent.as_ref();
    let known = [consent.map(|consent| consent.given_at), consent.and_then(|consent| consent.revoked_at), recipient.phone_verified_at];
    known.into_iter().flatten().any(|at| at > moment)
}

/// SNS keeps no order: a word changes nothing that comes after a later one which undoes it.
fn superseded(word: &Word<'_>) {
    info!(phone = %word.phone, rule = word.rule, "superseded: they said something else later");
}

impl Word<'_> {
    fn said(&self) -> Said {
        Said { at: self.at, method: self.method, rule: self.rule.to_owned() }
    }

    fn statement(&self, action: Action) -> Statement {
        Statement {
            at: self.at,
            action,
            method: self.method,
            phone: Some(self.phone.clone()),
            ip: None,
            user_agent: None,
            disclosure_version: None,
            wording: Some(self.wording.to_owned()),
        }
    }
}

impl std::str::FromStr for StopAnsweredBy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "carrier" => Ok(Self::Carrier),
            "us" => Ok(Self::Us),
            _ => Err("wants `carrier` or `us`"),
        }
    }
}
