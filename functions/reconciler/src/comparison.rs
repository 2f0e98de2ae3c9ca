//! Once a day: what does AWS let us spend? And who is opted out here, and whom has AWS on its list? A small step a run, since AWS takes one such question a second.
//!
//! The reconciler keeps no opt-outs: it orders inbound to. Both orders may be given twice, and neither ever lifts an opt-out.

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use sms::{
    metrics::{self, Metric},
    phone::PhoneNumber,
    queues::OptOutOrder,
    stores::{Comparison, Stage},
};
use tracing::{info, warn};

use crate::reconciler::{Reconciler, SIDE_BY_SIDE};

/// How often both lists are compared, and how often AWS is asked what may be spent.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// An opt-out as young as this may still be on its way to AWS, behind the one confirmation that AWS's list would stop.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// How many numbers AWS can be asked for at once.
const ASKED_AT_ONCE: usize = 5;

impl Reconciler {
    /// Asks what may be spent, if a day is over, and goes one step further in the comparison that is due, if one is.
    pub async fn compare(&self, now: Timestamp) -> anyhow::Result<()> {
        let before = self.comparisons.get().await.context("the comparison of opt-outs")?;
        let asked_at = before.as_ref().and_then(|before| before.limit_asked_at).filter(|asked_at| now < *asked_at + EVERY);
        let comparison = match before {
            Some(done) if done.stage == Stage::Done && now >= done.begun_at + EVERY => begin(done.revision, now),
            Some(under_way) => under_way,
            None => begin(0, now),
        };
        let was_done = comparison.stage == Stage::Done;
        if was_done && asked_at.is_some() {
            return Ok(());
        }
        let limit_asked_at = match asked_at {
            Some(asked_at) => asked_at,
            None => self.ask_limit(now).await?,
        };
        let after = match comparison.stage.clone() {
            Stage::Theirs { next } => self.compare_theirs(comparison, next).await?,
            Stage::Ours { after, alone } => self.compare_ours(comparison, after, alone, now).await?,
            Stage::Done => comparison,
        };
        let after = Comparison { revision: after.revision + 1, limit_asked_at: Some(limit_asked_at), ..after };
        if self.comparisons.write(&after).await? && after.stage == Stage::Done && !was_done {
            report(&after, now);
        }
        Ok(())
    }

    /// AWS's own spend limit holds where it is lower than ours.
    async fn ask_limit(&self, now: Timestamp) -> anyhow::Result<Timestamp> {
        let limit = self.spend_limit.monthly().await?;
        self.admissions.limit(limit, &self.rules.budget, now).await?;
        info!(limit = %limit, "AWS's own spend limit");
        Ok(now)
    }

    /// A page of AWS's list: who of it is not opted out here?
    async fn compare_theirs(&self, comparison: Comparison, next: Option<String>) -> anyhow::Result<Comparison> {
        let Some(page) = self.list.page(next).await? else {
            warn!("AWS knows the place in its opt-out list no more: from the start");
            return Ok(Comparison { stage: Stage::Theirs { next: None }, ..comparison });
        };
        let ours = self.opt_outs.batch(page.numbers.iter().map(|(phone, _)| phone)).await?;
        anyhow::ensure!(ours.unprocessed.is_empty(), "DynamoDB did not get to {} opt-outs", ours.unprocessed.len());
        let is_out = |phone: &PhoneNumber| ours.found.iter().any(|row| row.phone == *phone && row.everything_since.is_some());
        let missing = page.numbers.into_iter().filter(|(phone, _)| !is_out(phone)).collect::<Vec<_>>();
        let only_theirs = comparison.only_theirs + u64::try_from(missing.len())?;
        let orders = missing.into_iter().map(|(phone, since)| {
            warn!(%phone, "on AWS's opt-out list and not opted out here: ordered to be");
            // As old as AWS says it is, so that a START that came after it stands.
            OptOutOrder::Blocked { phone, reason: "on AWS's opt-out list".into(), at: since }
        });
        stream::iter(orders).map(Ok).try_for_each_concurrent(SIDE_BY_SIDE, async |order| self.orders.give(&order).await).await?;
        let stage = match page.next {
            Some(next) => Stage::Theirs { next: Some(next) },
            None => Stage::Ours { after: None, alone: 0 },
        };
        Ok(Comparison { stage, only_theirs, ..comparison })
    }

    /// A few of ours: has AWS all of them?
    async fn compare_ours(&self, comparison: Comparison, after: Option<PhoneNumber>, alone: usize, now: Timestamp) -> anyhow::Result<Comparison> {
        let (rows, next) = self.opt_outs.page(after.as_ref()).await?;
        let at_once = if alone > 0 { 1 } else { ASKED_AT_ONCE };
        let settled = rows.into_iter().filter(|row| row.everything_since.is_some_and(|since| since + SETTLED_AFTER <= now));
        let mut phones = settled.map(|row| row.phone).collect::<Vec<_>>();
        let last_of_page = phones.len() <= at_once;
        phones.truncate(at_once);
        let behind = if last_of_page { next } else { phones.last().cloned() };
        let stage = match behind {
            Some(phone) => Stage::Ours { after: Some(phone), alone: alone.saturating_sub(phones.len()) },
            None => Stage::Done,
        };
        if phones.is_empty() || self.list.has(&phones).await? {
            return Ok(Comparison { stage, ..comparison });
        }
        let [phone] = phones.as_slice() else {
            return Ok(Comparison { stage: Stage::Ours { after, alone: phones.len() }, ..comparison });
        };
        warn!(%phone, "opted out here and not on AWS's list: ordered to be");
        self.orders.give(&OptOutOrder::Missing { phone: phone.clone() }).await?;
        Ok(Comparison { stage, only_ours: comparison.only_ours + 1, ..comparison })
    }
}

fn begin(revision: u64, now: Timestamp) -> Comparison {
    Comparison { revision, begun_at: now, limit_asked_at: None, stage: Stage::Theirs { next: None }, only_theirs: 0, only_ours: 0 }
}

fn report(comparison: &Comparison, now: Timestamp) {
    let Comparison { only_theirs, only_ours, .. } = comparison;
    info!(only_theirs, only_ours, "our opt-outs and AWS's list are compared");
    #[expect(clippy::cast_precision_loss, reason = "a metric is a float")]
    metrics::emit(now, Metric::OptOutDrift, (only_theirs + only_ours) as f64);
}
