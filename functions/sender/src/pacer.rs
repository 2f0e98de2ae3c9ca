//! Gives every text of a batch its moment, and sends it then: no faster than the origination identity may, and no recipient twice within a second.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    pin::Pin,
    time::Duration,
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use sms::{
    kind::Lane,
    message::{Message, Status},
    pacing::{self, Pace},
    provider::{Identities, LONGEST_CALL},
    queues::{Lanes, SendJob},
    stores::{Messages, Paces},
};
use tracing::info;
use uuid::Uuid;

use crate::{
    company::{Company, FRESH},
    sender::Turn,
};

/// Paces batches of jobs.
pub struct Pacer {
    pub messages: Messages,
    pub paces: Paces,
    pub lanes: Lanes,
    pub pace: Pace,
    pub identities: Identities,
}

/// A wait, which is over some time.
pub type Nap = Pin<Box<dyn Future<Output = ()>>>;

/// What time it is, and how to wait.
pub struct Clock {
    pub now: Box<dyn Fn() -> Timestamp>,
    pub sleep: Box<dyn Fn(Duration) -> Nap>,
}

/// A job is not put off for longer, so that nobody takes it for lost.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(2);

/// A job's text, by its place in the batch.
struct Text<'a> {
    place: usize,
    body: &'a str,
    row: &'a Message,
}

/// What became of the job at a place.
type Fate = (usize, anyhow::Result<()>);

impl Clock {
    /// That on the wall.
    pub fn real() -> Self {
        Self { now: Box::new(Timestamp::now), sleep: Box::new(|time| Box::pin(tokio::time::sleep(time))) }
    }
}

impl Pacer {
    /// Gives each job to `send` when its moment has come, and answers for each in turn. Whose moment does not come before `deadline` goes back to its lane as a new job, so that waiting costs it no try.
    pub async fn pace(
        &self,
        bodies: &[&str],
        deadline: Timestamp,
        clock: &Clock,
        send: impl AsyncFn(&str, Turn<'_>) -> anyhow::Result<()>,
    ) -> Vec<anyhow::Result<()>> {
        let ids = bodies.iter().map(|body| serde_json::from_str::<SendJob>(body).ok().map(|job| job.message_id)).collect::<Vec<_>>();
        let rows = match self.messages.all(ids.iter().flatten().copied().collect::<BTreeSet<_>>()).await {
            Ok(rows) => rows.into_iter().map(|row| (row.message_id, row)).collect::<HashMap<_, _>>(),
            Err(error) => return bodies.iter().map(|_| Err(anyhow::anyhow!("{error:#}"))).collect(),
        };
        let last = deadline - SignedDuration::try_from(LONGEST_CALL).unwrap_or_default();
        let mut queues = BTreeMap::<_, Vec<Text<'_>>>::new();
        let mut rest = Vec::new();
        for (place, (body, id)) in bodies.iter().zip(&ids).enumerate() {
            match id.and_then(|id| rows.get(&id)).and_then(|row| Some((self.identity(row)?, row))) {
                Some((identity, row)) => queues.entry((row.lane, identity)).or_default().push(Text { place, body, row }),
                // Unreadable, settled, or nobody's: the sender says what is to be done with it.
                None => rest.push((place, *body)),
            }
        }
        let queues = queues.iter().map(|((lane, identity), texts)| self.drain(*lane, identity, texts, last, clock, &send));
        let rest = rest.into_iter().map(async |(place, body)| (place, send(body, Turn { lane: None, company: &Company::default() }).await));
        let (paced, unpaced) = futures::future::join(futures::future::join_all(queues), futures::future::join_all(rest)).await;
        let mut fates = paced.into_iter().flatten().chain(unpaced).collect::<Vec<_>>();
        fates.sort_by_key(|(place, _)| *place);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }

    /// The origination identity of a row that is to be sent.
    fn identity(&self, row: &Message) -> Option<&str> {
        self.identities.of(row.country?, row.phone.as_ref()?).filter(|_| row.status == Status::Pending)
    }

    /// Sends texts from one identity: books as many as it may, and, while those go out, the next.
    async fn drain(
        &self,
        lane: Lane,
        identity: &str,
        texts: &[Text<'_>],
        last: Timestamp,
        clock: &Clock,
        send: &impl AsyncFn(&str, Turn<'_>) -> anyhow::Result<()>,
    ) -> Vec<Fate> {
        let times = texts.iter().map(|text| self.pace.takes(parts(text.row))).collect::<Vec<_>>();
        let booking = loop {
            let now = (clock.now)();
            let patience = last.duration_since(now);
            let booked = match self.paces.book(identity, &times, pacing::ahead(lane, patience), now).await {
                Ok(booked) => booked,
                Err(error) => return texts.iter().map(|text| (text.place, Err(anyhow::anyhow!("{error:#}")))).collect(),
            };
            match booked.wait.filter(|_| booked.slots.is_empty()) {
                None => break booked,
                Some(wait) if wait < patience => (clock.sleep)(wait.unsigned_abs()).await,
                Some(wait) => return self.put_back(lane, texts, wait).await,
            }
        };
        let (booked, others) = texts.split_at(booking.slots.len());
        let sends = together(booked, &booking.slots).into_iter().map(async |texts| {
            let company = Company::of(texts.iter().map(|(text, _)| text.row));
            let turn = Turn { lane: Some(lane), company: &company };
            futures::future::join_all(texts.into_iter().map(|(text, slot)| self.send_at(slot, turn, text, last, clock, send))).await
        });
        let others = async {
            match booking.wait.filter(|_| !others.is_empty()) {
                None => Vec::new(),
                Some(wait) => {
                    let patience = last.duration_since((clock.now)());
                    if wait >= patience {
                        return self.put_back(lane, others, wait).await;
                    }
                    (clock.sleep)(wait.unsigned_abs()).await;
                    self.drain(lane, identity, others, last, clock, send).await
                }
            }
        };
        let (first, others): (Vec<Vec<Fate>>, Vec<Fate>) = futures::future::join(futures::future::join_all(sends), Box::pin(others)).await;
        first.into_iter().flatten().chain(others).collect()
    }

    /// Sends a text at its slot, or a little later if the person was texted less than a second before.
    async fn send_at(
        &self,
        slot: Timestamp,
        turn: Turn<'_>,
        text: &Text<'_>,
        last: Timestamp,
        clock: &Clock,
        send: &impl AsyncFn(&str, Turn<'_>) -> anyhow::Result<()>,
    ) -> Fate {
        let mut wait = slot.duration_since((clock.now)());
        loop {
            if wait > SignedDuration::ZERO {
                (clock.sleep)(wait.unsigned_abs()).await;
            }
            let now = (clock.now)();
            let next = match &text.row.phone {
                Some(phone) => self.paces.recipient(phone, now).await,
                None => Ok(None),
            };
            match next {
                Ok(None) => return (text.place, send(text.body, turn).await),
                Ok(Some(next)) if now + next < last => wait = next,
                Ok(Some(next)) => return (text.place, self.later(text.row.lane, text.row.message_id, next).await),
                Err(error) => return (text.place, Err(error)),
            }
        }
    }

    async fn put_back(&self, lane: Lane, texts: &[Text<'_>], wait: SignedDuration) -> Vec<Fate> {
        futures::future::join_all(texts.iter().map(async |text| (text.place, self.later(lane, text.row.message_id, wait).await))).await
    }

    /// A new job in place of the old one: it would be one of the old one's few tries.
    async fn later(&self, lane: Lane, id: Uuid, wait: SignedDuration) -> anyhow::Result<()> {
        let wait = wait.min(LONGEST_DELAY);
        info!(message.id = %id, seconds = wait.as_secs(), "waits in its lane for a slot");
        let seconds = u16::try_from(wait.as_secs() + 1)?;
        match self.lanes.enqueue_later(&[(id, lane, seconds)]).await.pop() {
            Some((_, error)) => Err(error).context("no slot, and no way back to the lane"),
            None => Ok(()),
        }
    }
}

/// Texts with their slots, which come one after the other, by those that one look at their people can serve.
fn together<'a, 'b>(texts: &'a [Text<'b>], slots: &[Timestamp]) -> Vec<Vec<(&'a Text<'b>, Timestamp)>> {
    let mut groups = Vec::<Vec<(&Text<'_>, Timestamp)>>::new();
    for (text, slot) in texts.iter().zip(slots) {
        match groups.last_mut() {
            Some(group) if slot.duration_since(group[0].1) <= FRESH => group.push((text, *slot)),
            _ => groups.push(vec![(text, *slot)]),
        }
    }
    groups
}

/// The parts that a text takes, or at most takes where nobody has put it into words yet.
fn parts(row: &Message) -> u32 {
    row.parts.unwrap_or_else(|| row.kind().part_limit())
}
