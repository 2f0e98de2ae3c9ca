//! Sends one text, once: claim, look again, call, write down what came of it.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sms::{
    content::Content,
    gates,
    kind::{Class, Kind, Lane},
    lambda::{TryLater, backoff, jitter, unreadable},
    message::{Change, Message, SHORTEST_LIFE, Status},
    metrics::{self, Metric},
    money::{MicroUsd, Prices},
    phone::{Country, PhoneNumber},
    provider::{Answer, Dispatch, LONGEST_CALL, Provider, THROTTLED},
    queues::{OptOutOrder, OptOutOrders, SendJob},
    quiet_hours::{self, Place, Quiet, SendingHours, Slot},
    recipient::Recipient,
    secrets::Secret,
    stores::{Admissions, Changed, Messages, Notes, OptOuts, Recipients, Verifications},
    text::{self, House, Text},
    verification::CodeSecret,
};
use tracing::{error, info, warn};

use crate::{
    company::{Company, Person},
    settings_link::{Linked, SettingsLink},
};

/// Sends texts.
pub struct Sender {
    pub messages: Messages,
    pub recipients: Recipients,
    pub admissions: Admissions,
    pub opt_outs: OptOuts,
    pub verifications: Verifications,
    pub provider: Provider,
    pub orders: OptOutOrders,
    pub code_secret: Secret<CodeSecret>,
    pub settings_link: SettingsLink,
    pub house: House,
    pub prices: Prices,
    /// When promotional texts may be sent; `None` for at any time.
    pub quiet_hours: Option<SendingHours>,
}

/// What is known of a job when its turn has come.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The lane of its text, if that is known.
    pub lane: Option<Lane>,
    /// The texts that leave with it.
    pub company: &'a Company,
}

/// What AWS says when the account has spent what it may within a month.
const SPEND_LIMIT_REACHED: &str = "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT";

/// A claimed text, after the last look at it.
enum Look {
    /// AWS may try to deliver it until `end`.
    Send {
        words: Words,
        phone: PhoneNumber,
        country: Country,
        price: MicroUsd,
        end: Timestamp,
    },
    OptedOut(String),
    Erased,
    Lapsed,
    /// It waits until `release`, by the clock of `zone`.
    Quiet {
        release: Timestamp,
        zone: Option<String>,
    },
    Unfit(String),
}

/// What the hour says of a text.
enum Hour {
    /// It may go, and AWS may try to deliver it until then.
    Good(Timestamp),
    /// It waits until then.
    Quiet(Timestamp),
    /// It would have to wait for longer than it is of use.
    TooLate,
    /// There is no hour at which it may go, for this reason.
    Never(String),
}

/// A text, and what the row keeps of it: nothing that lets anybody in.
struct Words {
    text: Text,
    kept: Option<String>,
}

impl Sender {
    /// Sends the text of one job, unless somebody else has it.
    ///
    /// `Err` says that the text surely did not go out because of this call, and that the job is to come again; a text that may have gone out is `Ok`.
    pub async fn send(&self, job: &str, turn: Turn<'_>, deadline: Timestamp, clock: fn() -> Timestamp) -> anyhow::Result<()> {
        let job: SendJob = serde_json::from_str(job).map_err(|error| unreadable("a send job", &error))?;
        if deadline < clock() + SignedDuration::try_from(LONGEST_CALL)? {
            return Err(TryLater { reason: "too little time left for a call".into(), after: std::time::Duration::ZERO }.into());
        }
        let now = clock();
        let message = match self.messages.claim(job.message_id, turn.lane, now).await? {
            Changed::Yes(message) => *message,
            Changed::No(Some(row)) => {
                info!(message.id = %job.message_id, message.status = row.status.as_str(), "nothing to send");
                // A sender may have died between its last word and the books, or the door.
                self.admissions.settle(&row, now).await?;
                return if matches!(row.status, Status::Pending | Status::Sending) { Ok(()) } else { self.close_the_door(&row).await };
            }
            Changed::No(None) => anyhow::bail!("the job's message has no row"),
        };
        match self.look_again(&message, turn.company, clock).await {
            Ok(look) => self.act(&message, look, clock).await,
            Err(error) => {
                self.conclude(&message, Change::Released, Notes::default(), clock()).await?;
                Err(error)
            }
        }
    }

    /// What held when the row was written may hold no more: the person may have opted out or switched it off, the moment may be past.
    async fn look_again(&self, message: &Message, company: &Company, clock: fn() -> Timestamp) -> anyhow::Result<Look> {
        if message.erased_at.is_some() {
            return Ok(Look::Erased);
        }
        let phone = message.phone.clone().context("a pending message without a number")?;
        let country = message.country.context("a pending message without a country")?;
        let Person { recipient, opt_out } = company.person(message, &phone, (&self.recipients, &self.opt_outs), clock()).await?;
        // To look takes a while: the closing hour may have come meanwhile.
        let now = clock();
        // A text that was decided while its person was being erased is found by nobody but us.
        if recipient.as_ref().is_some_and(|recipient| recipient.was_erased_since(message.created_at)) {
            return Ok(Look::Erased);
        }
        if let Some(why) = opt_out.and_then(|opt_out| opt_out.blocks(&message.content, message.message_id)) {
            return Ok(Look::OptedOut(why));
        }
        if let Some(why) = gates::unwanted(message, recipient.as_ref()) {
            return Ok(Look::OptedOut(why));
        }
        if message.is_lapsed(now) {
            return Ok(Look::Lapsed);
        }
        // Without a price nothing was reserved, and nothing would limit what it costs.
        let Some(price) = self.prices.of(country) else { return Ok(Look::Unfit(format!("texts to {country} are not allowed"))) };
        // They may have moved while it waited.
        let zone = recipient.as_ref().and_then(|recipient| recipient.time_zone.clone()).or_else(|| message.time_zone.clone());
        let end = match self.hour(message, &phone, zone.as_deref(), now) {
            Hour::Good(end) => end,
            Hour::Quiet(release) => return Ok(Look::Quiet { release, zone }),
            Hour::TooLate => return Ok(Look::Lapsed),
            Hour::Never(why) => return Ok(Look::OptedOut(why)),
        };
        // Since HELP was asked for the number may have become somebody else's.
        let is_theirs = recipient.as_ref().and_then(Recipient::verified_phone) == Some(&phone);
        if is_theirs && let Some(Linked { text, kept }) = self.settings_link.answer(message, &self.house, now).await? {
            let price = price.times(text.size.parts);
            return Ok(Look::Send { words: Words { text, kept: Some(kept) }, phone, country, price, end });
        }
        let code = self.code(message).await?;
        Ok(match text::render(&message.content, message.locale, &self.house, now, code.as_deref().unwrap_or(text::CODE_PLACEHOLDER)) {
            Ok(text) => {
                let kept = code.is_none().then(|| text.body.clone());
                Look::Send { price: price.times(text.size.parts), words: Words { text, kept }, phone, country, end }
            }
            Err(unfit) => Look::Unfit(unfit.to_string()),
        })
    }

    /// What the hour says of it where its person is: a promotional text that waited into the night waits for the morning, and none is to reach a phone in the quiet hours.
    fn hour(&self, message: &Message, phone: &PhoneNumber, zone: Option<&str>, now: Timestamp) -> Hour {
        let Some(hours) = self.quiet_hours.filter(|_| message.class == Class::Promotional) else { return Hour::Good(message.useful_until) };
        let Some(place) = Place::of(phone, zone) else { return Hour::Never(gates::NOBODY_KNOWS_THE_TIME.into()) };
        let from = match place.quiet(&hours, now) {
            Quiet::Until(closing) if now + SHORTEST_LIFE <= closing => return Hour::Good(closing.min(message.useful_until)),
            // AWS would still try when they have begun: it tries for that long at least.
            Quiet::Until(closing) => closing,
            Quiet::Held(..) | Quiet::Always => now,
        };
        match quiet_hours::slot(message.message_id, &place, &hours, message.useful_until, from) {
            Slot::At(release) => Hour::Quiet(release),
            // No hour is open as it closes.
            Slot::TooLate(_) | Slot::Now => Hour::TooLate,
            Slot::Never => Hour::Never(gates::at_no_hour(&place.to_string())),
        }
    }

    /// The code of a verification, made anew: it is not written anywhere.
    async fn code(&self, message: &Message) -> anyhow::Result<Option<String>> {
        if message.kind() != Kind::PhoneVerification {
            return Ok(None);
        }
        let verification = self.verifications.get(message.message_id).await?.context("a code's message without its verification")?;
        Ok(Some(verification.code(self.code_secret.get().await?)))
    }

    async fn act(&self, message: &Message, look: Look, clock: fn() -> Timestamp) -> anyhow::Result<()> {
        match look {
            Look::Send { words, phone, country, price, end } => {
                let asked_at = clock();
                let dispatch = Dispatch {
                    message_id: message.message_id,
                    phone: &phone,
                    country,
                    body: &words.text.body,
                    class: message.class,
                    max_price: price,
                    time_to_live: end.duration_since(asked_at).try_into().unwrap_or_default(),
                    gets_feedback: message.kind() == Kind::PhoneVerification,
                };
                let answer = self.provider.send(&dispatch).await;
                self.write_down(message, &words, price, answer, asked_at, clock()).await?;
            }
            Look::OptedOut(why) => self.conclude(message, Change::OptedOut, detail(&why)?, clock()).await?,
            Look::Erased => {
                self.conclude(message, Change::OptedOut, Notes::default(), clock()).await?;
                self.messages.erase(message, clock()).await?;
            }
            Look::Lapsed => self.conclude(message, Change::Lapsed, detail("of no use any more when its turn came")?, clock()).await?,
            Look::Quiet { release, zone } => {
                // The day that it will count in is one of that zone.
                let notes = detail("quiet hours began while it waited")?.with("release_at", sms::moment::text(release))?.with("time_zone", zone)?;
                self.conclude(message, Change::Deferred, notes, clock()).await?;
            }
            Look::Unfit(why) => self.conclude(message, Change::Refused, detail(&why)?, clock()).await?,
        }
        self.close_the_door(message).await
    }

    /// Writes the outcome of the call. If that fails the row stays `sending`: the receipt, which carries our id, settles it, and no sender sends it again.
    async fn write_down(
        &self,
        message: &Message,
        Words { text, kept }: &Words,
        price: MicroUsd,
        answer: Answer,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let sent = Notes::default()
            .with("body", kept)?
            .with("parts", text.size.parts)?
            .with("encoding", text.size.encoding)?
            .with("estimated_price", price)?;
        match answer {
            Answer::Accepted(id) => {
                metrics::emit(now, Metric::Parts(message.class), f64::from(text.size.parts));
                self.accepted(message, sent.with("provider_message_id", id)?, now).await
            }
            Answer::Refused { reason, opted_out } => {
                if let Some(phone) = message.phone.clone().filter(|_| opted_out) {
                    // It held when AWS was asked: they may have said START since.
                    self.orders.give(&OptOutOrder::Blocked { phone, reason: reason.clone(), at: asked_at }).await?;
                }
                if reason == SPEND_LIMIT_REACHED {
                    error!("AWS's monthly spend limit is reached: nothing is admitted for an hour");
                    self.admissions.close(now).await?;
                }
                self.conclude(message, Change::Refused, sent.with("delivery_detail", reason)?, now).await
            }
            Answer::Unanswered(why) => self.conclude(message, Change::Unanswered, sent.with("delivery_detail", why)?, now).await,
            Answer::NotAccepted(reason) => {
                if reason == THROTTLED {
                    metrics::emit(now, Metric::Throttled, 1.0);
                }
                self.conclude(message, Change::Released, detail(&reason)?, now).await?;
                Err(TryLater { reason, after: backoff(message.attempts, jitter()) }.into())
            }
        }
    }

    /// AWS has it. If a receipt overtook this note, the status and all that the receipt said stay, and the rest is still written down.
    async fn accepted(&self, message: &Message, notes: Notes, now: Timestamp) -> anyhow::Result<()> {
        let changed = self.messages.change(message.message_id, Change::Accepted, Some(message.attempts), notes.clone(), now).await?;
        if let Changed::No(Some(row)) = changed {
            self.messages.note(message.message_id, row.status, unsaid(notes, &row), now).await?;
        }
        info!(message.id = %message.message_id, message.kind = message.kind().as_str(), message.status = "sent", "sent");
        Ok(())
    }

    async fn conclude(&self, message: &Message, change: Change, notes: Notes, now: Timestamp) -> anyhow::Result<()> {
        let id = message.message_id;
        match self.messages.change(id, change, Some(message.attempts), notes, now).await? {
            Changed::Yes(row) => {
                info!(message.id = %id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), row.delivery_detail, "settled");
                self.admissions.settle(&row, now).await?;
            }
            Changed::No(row) => {
                warn!(message.id = %id, ?change, "came too late: the row is settled already");
                // Maybe by this very change, whose answer was lost so that the SDK made it twice: then nobody else gives back what was reserved.
                if let Some(row) = row {
                    self.admissions.settle(&row, now).await?;
                }
            }
        }
        Ok(())
    }

    /// After the one confirmation of an opt-out, whatever became of it, AWS's own list may have the number.
    async fn close_the_door(&self, message: &Message) -> anyhow::Result<()> {
        match (&message.content, &message.phone) {
            (Content::OptOutConfirmation(confirmation), Some(phone)) if confirmation.categories.is_empty() => {
                self.orders.give(&OptOutOrder::Confirmed { phone: phone.clone() }).await
            }
            _ => Ok(()),
        }
    }
}

/// What of `notes` no receipt has told `row`: AWS knows better how many parts it counted, and what it called them.
fn unsaid(notes: Notes, row: &Message) -> Notes {
    let notes = if row.delivery_status.is_some() { notes.without("parts") } else { notes };
    if row.provider_message_id.is_some() { notes.without("provider_message_id") } else { notes }
}

fn detail(why: &str) -> anyhow::Result<Notes> {
    Notes::default().with("delivery_detail", why)
}
