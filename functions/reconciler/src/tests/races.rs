//! Two runs at once, and a sender between them, in an order that chance decides.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll},
};

use super::*;

/// As good as random, and the same for the same seed.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Stops `work` now and then, for anything from a moment to the time of many calls, so that others overtake it anywhere.
pub async fn jostled<T>(work: impl Future<Output = T>, mut chance: Chance) -> T {
    let mut work = pin!(work);
    let mut stop = 0;
    poll_fn(|context: &mut Context<'_>| {
        if stop == 0 && chance.below(6) == 0 {
            stop = 1 << chance.below(13);
        }
        if stop > 0 {
            stop -= 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        work.as_mut().poll(context)
    })
    .await
}

#[tokio::test]
async fn two_runs_at_once_send_nothing_twice_and_lose_nothing() {
    let stage = Stage::set().await;
    let other = Stage::reconciler(&stage.embedded, &stage.simulator);
    let mut sender = Sender::default();
    for round in 0..60 {
        let base = u128::from(round) * 100;
        let ids = (base + 1)..=(base + 5);
        // Rounds are a day apart, so that no round finds what another left.
        let now = noon() + minutes(24 * 60 * i64::try_from(round).expect("small"));
        let ago = |minutes| now - SignedDuration::from_mins(minutes);
        let held = Message { release_at: Some(now), ..row(base + 3, invitation(), Status::Held, ago(60), minutes(600)) };
        let rows = [
            row(base + 1, alert(), Status::Sending, ago(30), minutes(600)),
            row(base + 2, invitation(), Status::Pending, ago(30), minutes(600)),
            held,
            in_doubt(base + 4, alert(), 1, ago(30)),
            row(base + 5, invitation(), Status::Sending, ago(30), minutes(600)),
        ];
        for row in &rows {
            stage.reconciler.messages.write(row).await.expect("write");
        }
        let ended = Cell::new(0);
        let run = async |reconciler: &Reconciler, seed| {
            let result = jostled(reconciler.run(Timestamp::MAX, || now), Chance::new(seed)).await;
            ended.set(ended.get() + 1);
            result
        };
        // Its texts stay in its hands for a while: nobody may take them away, whatever a slow run saw before.
        let sends = async {
            while ended.get() < 2 {
                sender.work(&stage, now, |_| None).await;
                tokio::task::yield_now().await;
            }
        };
        let (one, two, ()) =
            futures::join!(run(&stage.reconciler, round * 3 + 1), run(&other, round * 3 + 2), jostled(sends, Chance::new(round * 3 + 3)));
        one.and(two).expect("neither run fails");
        sender.work(&stage, now, |_| None).await;
        for id in ids.clone() {
            stage.change(id, Change::Accepted, None, now).await;
        }
        for id in ids {
            let expected = if id == base + 5 { (Status::Unknown, 0) } else { (Status::Sent, 1) };
            let texts = sender.texts.get(&id).copied().unwrap_or_default();
            assert_eq!((stage.status(id).await, texts), expected, "text {} of round {round}", id - base);
        }
    }
}
