//! One run: every text that is due gets its next step, and then the opt-outs are compared a bit further.
//!
//! A run may die between any two calls, and another may do the same at the same time: each change is a conditional write that one of them wins, and a job too many
//! sends nothing, since one sender wins the claim.

use std::collections::HashMap;

use futures::{StreamExt, future::join_all, stream};
use jiff::{SignedDuration, Timestamp};
use sms::{
    closing::{Closed, Closing},
    due::SHARDS,
    gates::{self, Gate, Rules},
    kind::Lane,
    message::{Change, Message},
    provider::{OptOutList, SpendLimit},
    queues::{Lanes, OptOutOrders},
    stores::{Admissions, Changed, Comparisons, Due, DueCursor, Messages, Notes, OptOuts, Rebooked, Recipients, Resend},
};
use tokio::sync::OnceCell;
use tracing::{error, info};
use uuid::Uuid;

use crate::step::{Step, last_receipt, step};

/// Settles what no event settles.
pub struct Reconciler {
    pub messages: Messages,
    pub recipients: Recipients,
    pub admissions: Admissions,
    pub closing: Closing,
    pub opt_outs: OptOuts,
    pub comparisons: Comparisons,
    pub list: OptOutList,
    pub spend_limit: SpendLimit,
    pub lanes: Lanes,
    pub orders: OptOutOrders,
    /// What a digest has to pass.
    pub rules: Rules,
    /// How long a receipt is waited for before a text that may have gone out is sent again.
    pub resend_after: SignedDuration,
    /// How many texts one run looks at.
    pub most: usize,
}

/// How many texts one run looks at: more than a toll-free number sends in a minute, and a few seconds of work.
pub const MOST: usize = 1000;

/// How many texts are read from one part of the index at a time. From four parts at once that makes a full `BatchGetItem`.
const PAGE: usize = 25;

/// How many texts are worked on side by side.
pub const SIDE_BY_SIDE: usize = 10;

/// Nothing new is begun with less time left.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// Held texts go on their lane one by one over this many seconds, so that eight o'clock is no burst. The next run comes after it.
const SPREAD_SECONDS: u16 = 50;

/// A lane with jobs in it explains for so long why a text waits.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// What AWS did not take about a code, it is told again after this long.
const TELL_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Where there was no money for a second text, there may be some after this long: AWS's own limit closes the budget for as long.
const ASK_FOR_MONEY_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A text that is to go on its lane.
struct Job {
    message: Message,
    delay: u16,
    /// When it is due again, if no change has said so yet.
    again: Option<Timestamp>,
}

/// What a run knows of the bulk lane, once it has asked.
type BulkIsBusy = OnceCell<bool>;

impl Reconciler {
    /// Does what there is to do, as far as the time until `deadline` goes. `Err` says that some of it failed; all else is done, and the next run tries again.
    pub async fn run(&self, deadline: Timestamp, clock: impl Fn() -> Timestamp) -> anyhow::Result<()> {
        let failed = self.settle_due(deadline, &clock).await?;
        if clock() + MARGIN < deadline {
            self.compare(clock()).await?;
        }
        anyhow::ensure!(failed == 0, "{failed} texts could not be settled: see the log");
        Ok(())
    }

    /// Urgent texts first, then bulk ones, from all their parts alike. Answers how many failed.
    async fn settle_due(&self, deadline: Timestamp, clock: &impl Fn() -> Timestamp) -> anyhow::Result<usize> {
        let (mut left, mut failed, busy) = (self.most, 0, BulkIsBusy::new());
        for shards in [&SHARDS[..1], &SHARDS[1..]] {
            let mut open = shards.iter().map(|shard| (*shard, None)).collect::<Vec<_>>();
            while !open.is_empty() && left > 0 && clock() + MARGIN < deadline {
                let now = clock();
                let (ids, rest) = self.next_page(open, left, now).await?;
                open = rest;
                left = left.saturating_sub(ids.len());
                failed += self.settle(&ids, &busy, now).await?;
            }
        }
        Ok(failed)
    }

    /// Which texts come next, at most `left`, and where to go on behind them.
    async fn next_page(
        &self,
        open: Vec<(&'static str, Option<DueCursor>)>,
        left: usize,
        now: Timestamp,
    ) -> anyhow::Result<(Vec<Uuid>, Vec<(&'static str, Option<DueCursor>)>)> {
        let most = i32::try_from(left.div_ceil(open.len()).min(PAGE))?;
        let pages = open.into_iter().map(async |(shard, after)| Ok::<_, anyhow::Error>((shard, self.messages.due(shard, now, after, most).await?)));
        let (mut ids, mut rest) = (Vec::new(), Vec::new());
        for page in join_all(pages).await {
            let (shard, page) = page?;
            ids.extend(page.ids);
            rest.extend(page.next.map(|next| (shard, Some(next))));
        }
        ids.truncate(left);
        Ok((ids, rest))
    }

    /// Does what there is to do about the texts of `ids`, and answers how many failed.
    async fn settle(&self, ids: &[Uuid], busy: &BulkIsBusy, now: Timestamp) -> anyhow::Result<usize> {
        let rows = self.messages.look(ids).await?;
        let settled = stream::iter(rows).map(async |due| self.settle_one(due?, busy, now).await).buffer_unordered(SIDE_BY_SIDE);
        let (mut jobs, mut failed) = (Vec::new(), 0);
        for settled in settled.collect::<Vec<_>>().await {
            match settled {
                Ok(job) => jobs.extend(job),
                Err(error) => {
                    error!(reason = format!("{error:#}"), "a text could not be settled");
                    failed += 1;
                }
            }
        }
        Ok(failed + self.enqueue(jobs).await)
    }

    /// Takes one text as far as it goes.
    async fn settle_one(&self, due: Due, busy: &BulkIsBusy, now: Timestamp) -> anyhow::Result<Option<Job>> {
        if due.at.is_none_or(|at| at > now) {
            return Ok(None);
        }
        let mut row = due.message;
        loop {
            match step(&row, now, self.resend_after) {
                Step::Make(Change::Due, _) => return self.release(&row, now).await,
                Step::Make(Change::Retried, _) => return self.resend(&row, now).await,
                Step::Make(change, why) => {
                    let Some(message) = self.make(&row, change, detail(why)?, now).await? else { return Ok(None) };
                    // Whether it may be sent again is a question that may have been answered long ago.
                    if change != Change::Abandoned {
                        return Ok(None);
                    }
                    row = message;
                }
                Step::Enqueue { again } if !self.lane_explains(&row, busy, now).await? => {
                    return Ok(Some(Job { message: row, delay: 0, again: Some(again) }));
                }
                Step::Enqueue { again: until } | Step::PutOff(until) => return self.messages.put_off(&row, Some(until)).await.map(|_| None),
                Step::Leave(why) => return self.leave(&row, why, now).await.map(|()| None),
                Step::EndCode => return self.end_code(&row, now).await.map(|()| None),
                Step::Book => {
                    self.admissions.settle(&row, now).await?;
                    return self.messages.put_off(&row, None).await.map(|_| None);
                }
            }
        }
    }

    /// Lets a held text go, if its person still wants it: by itself, or as a part of a digest.
    async fn release(&self, row: &Message, now: Timestamp) -> anyhow::Result<Option<Job>> {
        let recipient = match &row.user_id {
            Some(user) => self.recipients.get(user).await?,
            None => None,
        };
        if let Some(why) = gates::unwanted(row, recipient.as_ref()) {
            return self.make(row, Change::OptedOut, detail(Some(&why))?, now).await.map(|_| None);
        }
        let row = match self.admissions.rebook(row, &self.rules, now).await? {
            Rebooked::Yes(row) => row,
            Rebooked::No => return Ok(None),
            Rebooked::Full(gate, why) => return self.crowd_out(row, gate, why, now).await.map(|()| None),
        };
        if let Some(recipient) = &recipient
            && let Some(message) = self.digest(&row, recipient, now).await?
        {
            return Ok(Some(Job { delay: spread(message.message_id), message, again: None }));
        }
        let message = self.make(&row, Change::Due, Notes::default(), now).await?;
        Ok(message.map(|message| Job { delay: spread(message.message_id), message, again: None }))
    }

    /// Ends a held text for which there is no room any more: `gate` says so in its trail, in the place of what it said when the text was admitted.
    async fn crowd_out(&self, row: &Message, gate: Gate, why: String, now: Timestamp) -> anyhow::Result<()> {
        let notes = detail(Some(&why))?;
        let mut refused = row.clone();
        gates::refuse(&mut refused, gate, why);
        let changed = self.messages.crowd_out(row, notes.with("gates", refused.gates)?, now).await?;
        self.settled(row, Change::CrowdedOut, changed, now).await.map(drop)
    }

    /// Lets a text in doubt be sent once more, if there is money for it; if not, it stays in doubt and says why, and the money is asked for again.
    async fn resend(&self, row: &Message, now: Timestamp) -> anyhow::Result<Option<Job>> {
        match self.admissions.resend(row, &self.rules, now).await? {
            Resend::Yes(message) => {
                info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = message.status.as_str(), change = ?Change::Retried, "settled");
                Ok(Some(Job { message: *message, delay: 0, again: None }))
            }
            Resend::No => Ok(None),
            Resend::Full(why) => {
                self.messages.note(row.message_id, row.status, detail(Some(&format!("not sent again: {why}")))?, now).await?;
                self.messages.put_off(row, Some((now + ASK_FOR_MONEY_AGAIN).min(row.useful_until))).await.map(|_| None)
            }
        }
    }

    /// Makes `change` of the row, unless somebody was faster; answers with the row that it is now.
    async fn make(&self, row: &Message, change: Change, notes: Notes, now: Timestamp) -> anyhow::Result<Option<Message>> {
        let changed = self.messages.change(row.message_id, change, Some(row.attempts), notes, now).await?;
        self.settled(row, change, changed, now).await
    }

    /// The row after `change`, and in the books if that was its last.
    async fn settled(&self, row: &Message, change: Change, changed: Changed, now: Timestamp) -> anyhow::Result<Option<Message>> {
        match changed {
            Changed::Yes(changed) => {
                info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = changed.status.as_str(), ?change, "settled");
                // Nothing unless it is final.
                self.admissions.settle(&changed, now).await?;
                Ok(Some(*changed))
            }
            Changed::No(_) => Ok(None),
        }
    }

    /// Whether a text waits just because its lane is long. A code cannot wait for that question: a job too many costs next to nothing.
    async fn lane_explains(&self, row: &Message, busy: &BulkIsBusy, now: Timestamp) -> anyhow::Result<bool> {
        if row.lane == Lane::Urgent || now.duration_since(row.updated_at) > PATIENCE {
            return Ok(false);
        }
        busy.get_or_try_init(|| self.lanes.is_busy(Lane::Bulk)).await.copied()
    }

    /// Is done with a text. No receipt is waited for any more: one that comes all the same still says what became of it, and the books have it once.
    async fn leave(&self, row: &Message, why: &str, now: Timestamp) -> anyhow::Result<()> {
        self.admissions.settle_for_good(row, now).await?;
        self.messages.put_off(row, None).await?;
        info!(message.id = %row.message_id, message.kind = row.kind().as_str(), message.status = row.status.as_str(), why, "left as it is");
        Ok(())
    }

    /// Puts the texts on their lanes, and answers how many did not get there. Those stay due.
    async fn enqueue(&self, jobs: Vec<Job>) -> usize {
        let mut failed = HashMap::new();
        for some in jobs.chunks(10) {
            let orders = some.iter().map(|job| (job.message.message_id, job.message.lane, job.delay)).collect::<Vec<_>>();
            failed.extend(self.lanes.enqueue_later(&orders).await);
        }
        for (id, error) in &failed {
            error!(message.id = %id, reason = format!("{error:#}"), "a text did not get on its lane");
        }
        // Only now: a run that dies before this enqueues twice, one that died after it and before the lane would not enqueue at all.
        let lost = jobs.iter().filter(|job| !failed.contains_key(&job.message.message_id)).filter(|job| job.again.is_some());
        let put_off = stream::iter(lost).map(async |job| {
            info!(message.id = %job.message.message_id, message.kind = job.message.kind().as_str(), "lost, and on its lane again");
            self.messages.put_off(&job.message, job.again).await
        });
        for result in put_off.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await {
            if let Err(error) = result {
                error!(reason = format!("{error:#}"), "a text will be put on its lane once more");
            }
        }
        failed.len()
    }

    /// Closes the code of a text that is of no use any more, and lets AWS know whether it was of any.
    async fn end_code(&self, row: &Message, now: Timestamp) -> anyhow::Result<()> {
        let code = self.closing.verifications.get(row.message_id).await?;
        let first = code.and_then(|code| code.repeats).unwrap_or(row.message_id);
        let again = match self.closing.close(first, now).await? {
            Closed::Yes | Closed::NoSuch => match last_receipt(row).filter(|last| *last > now) {
                Some(last) => last,
                None => return self.leave(row, "its code has come to its end", now).await,
            },
            Closed::Untold => now + TELL_AGAIN,
            Closed::NotBefore(end) => end,
        };
        self.messages.put_off(row, Some(again)).await.map(drop)
    }
}

fn detail(why: Option<&str>) -> anyhow::Result<Notes> {
    Notes::default().with("delivery_detail", why)
}

/// How many seconds a held text waits in its lane after its release: by its id, so that two runs agree.
fn spread(id: Uuid) -> u16 {
    u16::from_be_bytes([id.as_bytes()[14], id.as_bytes()[15]]) % SPREAD_SECONDS
}
