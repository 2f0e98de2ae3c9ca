//! Random worlds: any rows, a sender with any luck, receipts at any time, days on end.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sms::kind::{Kind, WhenUnknown};

use super::{races::Chance, *};

/// A row as chance has it: what it says, where it stands, and how many minutes before noon it took that status, lives from then, and is held.
#[derive(Debug, Clone)]
struct Drawn {
    kind: usize,
    status: usize,
    age: i64,
    life: i64,
    held: i64,
}

impl Drawn {
    fn row(&self, id: u128) -> Message {
        let content = [invitation, alert, code][self.kind]();
        let status = [Status::Pending, Status::Sending, Status::Sent, Status::Unknown, Status::Held, Status::Delivered][self.status];
        let at = noon() - minutes(self.age);
        let life = if self.kind == 2 { 10 } else { self.life };
        let release_at = (status == Status::Held).then(|| at + minutes(self.held));
        Message { release_at, ..row(id, content, status, at, minutes(life)) }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    (0..3_usize, 0..6_usize, 0..600_i64, 1..1500_i64, 0..900_i64).prop_map(|(kind, status, age, life, held)| Drawn { kind, status, age, life, held })
}

/// What a sender may meet: most texts get through; some wait, some get no answer, and now and then the sender dies.
fn luck(chance: &mut Chance) -> Option<Change> {
    match chance.below(10) {
        0 => None,
        1 | 2 => Some(Change::Unanswered),
        3 => Some(Change::Released),
        4 => Some(Change::Refused),
        _ => Some(Change::Accepted),
    }
}

/// Lets the world run until nothing is due any more, and then looks at every row.
async fn live(rows: Vec<Message>, seed: u64) {
    let stage = Stage::set().await.with(rows.clone()).await;
    let mut chance = Chance::new(seed);
    let mut sender = Sender::default();
    let mut now = noon();
    for _ in 0..400 {
        let due = stage.due().await;
        let Some(next) = due.values().min() else { break };
        now = now.max(*next);
        stage.run_at(now).await;
        sender
            .work(&stage, now, |row| {
                assert!(row.release_at.is_none_or(|release| release <= now), "a text went out in the quiet hours");
                assert!(!row.is_lapsed(now), "a text went out after its end");
                luck(&mut chance)
            })
            .await;
        let lucky = chance.below(100);
        for id in due.into_keys().filter(|id| (id + u128::from(lucky)) % 5 == 0) {
            stage.change(id, Change::Arrived, None, now).await;
        }
    }
    assert_eq!(stage.due().await.len(), 0, "the world goes on for ever");
    for before in rows {
        let after = stage.row(before.message_id.as_u128()).await;
        let doubts = after.changes.iter().filter(|entered| entered.status == Status::Unknown).count();
        let texts = sender.texts.get(&before.message_id.as_u128()).copied().unwrap_or_default();
        let what = format!("{:?}, {:?} at first, {texts} texts: {:?}", before.kind(), before.status, after.changes);
        assert!(after.status.is_final() || matches!(after.status, Status::Sent | Status::Unknown), "left over: {what}");
        let again = usize::from(before.status != Status::Sending && before.status != Status::Unknown);
        if after.kind().when_unknown() == WhenUnknown::NeverResend {
            assert!(texts <= again, "sent twice: {what}");
        } else {
            assert!(texts <= doubts + again, "sent again without a doubt: {what}");
        }
        if after.status == Status::Expired {
            assert!(after.is_lapsed(now) && texts <= doubts, "expired too soon: {what}");
        }
        let ends = after.kind() == Kind::SecurityAlert && after.status == Status::Unknown;
        assert!(!ends || after.is_lapsed(now), "an alert was given up: {what}");
    }
}

#[test]
fn in_every_world_texts_come_to_an_end_and_none_is_sent_without_need() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let mut runner = TestRunner::new(Config { cases: 40, max_shrink_iters: 30, failure_persistence: None, ..Config::default() });
    let worlds = (prop::collection::vec(drawn(), 1..10), any::<u64>());
    let result = runner.run(&worlds, |(drawn, seed)| {
        runtime.block_on(live(drawn.iter().zip(1..).map(|(drawn, id)| drawn.row(id)).collect(), seed));
        Ok(())
    });
    result.expect("every world ends well");
}
