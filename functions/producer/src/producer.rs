//! Decides about a batch of events: one read for the people, one for the opt-outs, one for what is counted, one transaction for all rows, one batch a lane.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use sms::{
    event::{Event, UserId},
    gates::{self, Rules, Verdict},
    kind::{Kind, Lane},
    message::{Message, Status},
    opt_out::OptOut,
    phone::PhoneNumber,
    queues::Lanes,
    recipient::Recipient,
    stores::{Admissions, Admitted, Asked, Asker, Codes, Messages, OptOuts, Recipients, Wish},
};
use tracing::info;
use uuid::Uuid;

/// Takes events, and lets those through that every gate lets through.
pub struct Producer {
    /// The people.
    pub recipients: Recipients,
    /// Who said stop.
    pub opt_outs: OptOuts,
    /// What was decided before.
    pub messages: Messages,
    /// Where decisions and what they reserve are written.
    pub admissions: Admissions,
    /// The counters of codes.
    pub codes: Codes,
    /// Where jobs go.
    pub lanes: Lanes,
    /// What the house decides.
    pub rules: Rules,
}

/// 128 bits from the operating system's cryptographic random number generator.
pub fn random() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(bytes)
}

impl Producer {
    /// Decides about every event of a batch, in its order. `Err` for one says that it was not decided, or not enqueued, and is to come again; the others are done with.
    pub async fn admit(&self, bodies: &[&str], now: Timestamp, random: fn() -> anyhow::Result<[u8; 16]>) -> Vec<anyhow::Result<()>> {
        let events = bodies.iter().map(|body| Event::parse(body).map_err(anyhow::Error::from)).collect::<Vec<_>>();
        let people = match self.people(events.iter().flatten()).await {
            Ok(people) => people,
            Err(error) => return events.into_iter().map(|event| event.and(Err(anyhow!("{error:#}")))).collect(),
        };
        let wishes = events.iter().map(|event| people.wish(event.as_ref().ok()?)).collect::<Vec<_>>();
        let readable = wishes.iter().flatten().copied().collect::<Vec<_>>();
        let prepare = |wish, message| self.prepare_code(wish, message, random, now);
        let mut admitted = self.admissions.admit(&readable, &self.rules, now, prepare).await.into_iter();
        let jobs = events.iter().zip(&wishes).map(|(event, wish)| match (event, wish) {
            (Err(error), _) => Err(anyhow!("{error:#}")),
            (Ok(_), None) => Err(anyhow!("DynamoDB did not get to this recipient")),
            (Ok(_), Some(_)) => admitted.next().context("an event without an answer").flatten().map(|admitted| job(&admitted)),
        });
        self.enqueue(jobs.collect()).await
    }

    /// Asks for a code as the api does, and at the same counters; what they refuse is a gate that says no. What the code is made from is written before the row, so
    /// that no sender finds a row without it.
    ///
    /// An event that comes again asks for nothing new: either its row is there, or a crash left the code counted under the message's id, and that is not counted twice.
    async fn prepare_code(
        &self,
        wish: Wish<'_>,
        mut message: Message,
        random: fn() -> anyhow::Result<[u8; 16]>,
        now: Timestamp,
    ) -> anyhow::Result<Message> {
        if message.kind() != Kind::PhoneVerification || message.status != Status::Pending || self.messages.get(message.message_id).await?.is_some() {
            return Ok(message);
        }
        let user = message.user_id.clone().context("a verification without a user")?;
        let phone = message.phone.clone().context("a verification without a number")?;
        let has_proven = wish.recipient.and_then(Recipient::verified_phone) == Some(&phone);
        let asker = Asker { user: &user, phone: &phone, address: None, has_proven, is_sent: true };
        match self.codes.ask(&asker, message.message_id, random()?, now).await? {
            Asked::Granted(verification) => message.useful_until = message.useful_until.min(verification.valid_until),
            Asked::Refused(refusal) => {
                let (gate, detail) = refusal.gate().context("too many ask for codes at this moment")?;
                gates::refuse(&mut message, gate, detail);
            }
        }
        Ok(message)
    }

    async fn enqueue(&self, admitted: Vec<anyhow::Result<Option<(Uuid, Lane)>>>) -> Vec<anyhow::Result<()>> {
        let mut jobs = admitted.iter().flatten().flatten().copied().collect::<Vec<_>>();
        let mut seen = HashSet::new();
        jobs.retain(|(id, _)| seen.insert(*id));
        let failed = self.lanes.enqueue(&jobs).await.into_iter().map(|(id, error)| (id, format!("{error:#}"))).collect::<HashMap<_, _>>();
        let result = |job: Option<(Uuid, Lane)>| match job.and_then(|(id, _)| failed.get(&id)) {
            Some(error) => Err(anyhow!("{error}")),
            None => Ok(()),
        };
        admitted.into_iter().map(|admitted| result(admitted?)).collect()
    }

    /// All that the gates want to know of the people in a batch, by two reads.
    async fn people<'a>(&self, events: impl Iterator<Item = &'a Event> + Clone) -> anyhow::Result<People> {
        let users = events.clone().map(|event| &event.user_id).collect::<HashSet<_>>();
        let recipients = self.recipients.batch(users).await?;
        let mut people = People {
            recipients: recipients.found.into_iter().map(|recipient| (recipient.user_id.clone(), recipient)).collect(),
            opt_outs: HashMap::new(),
            unread: recipients.unprocessed.into_iter().collect(),
        };
        let phones = events.filter_map(|event| gates::addressee(event, people.recipients.get(&event.user_id))).collect::<HashSet<_>>();
        let opt_outs = self.opt_outs.batch(phones).await?;
        people.opt_outs = opt_outs.found.into_iter().map(|opt_out| (opt_out.phone.clone(), opt_out)).collect();
        people.unread.extend(opt_outs.unprocessed);
        Ok(people)
    }
}

/// The people of a batch.
struct People {
    recipients: HashMap<UserId, Recipient>,
    opt_outs: HashMap<PhoneNumber, OptOut>,
    /// Users and numbers that DynamoDB did not get to: about them nothing can be decided now.
    unread: HashSet<String>,
}

impl People {
    /// `None` if nothing can be decided now.
    fn wish<'a>(&'a self, event: &'a Event) -> Option<Wish<'a>> {
        let recipient = self.recipients.get(&event.user_id);
        let phone = gates::addressee(event, recipient);
        let unread = self.unread.contains(event.user_id.as_str()) || phone.is_some_and(|phone| self.unread.contains(phone.as_e164()));
        (!unread).then(|| Wish { event, recipient, opt_out: phone.and_then(|phone| self.opt_outs.get(phone)) })
    }
}

/// The job of a pending row. A repeat, or a try after a crash between the row and its lane, is enqueued again: a second job does no harm, since one sender wins its claim.
fn job(admitted: &Admitted) -> Option<(Uuid, Lane)> {
    let row = admitted.row();
    if matches!(admitted, Admitted::Repeat(_)) {
        info!(message.id = %row.message_id, message.status = row.status.as_str(), "the event was seen before");
    }
    log(row);
    (row.status == Status::Pending).then_some((row.message_id, row.lane))
}

fn log(row: &Message) {
    let refused = row.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| format!("{:?}", step.gate));
    info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), refused, "decided");
}
