//! A run that dies after any of its calls, and the runs that come after it.

use super::*;

/// What has to become of a text: its status, and how often it is sent from here on.
type Fate = (Status, usize);

/// One row of every sort that is due at noon, and its fate.
fn every_sort() -> Vec<(Message, Fate)> {
    let ago = |minutes| noon() - SignedDuration::from_mins(minutes);
    let day = minutes(24 * 60);
    let mut n = 0;
    let mut id = || {
        n += 1;
        n
    };
    let held = |id, end| Message { release_at: Some(noon()), ..row(id, invitation(), Status::Held, ago(60), minutes(60) + end) };
    vec![
        (row(id(), alert(), Status::Sending, ago(30), day), (Status::Delivered, 1)),
        (row(id(), invitation(), Status::Sending, ago(30), day), (Status::Unknown, 0)),
        (row(id(), alert(), Status::Pending, ago(30), day), (Status::Delivered, 1)),
        (row(id(), invitation(), Status::Pending, ago(30), day), (Status::Delivered, 1)),
        (row(id(), invitation(), Status::Pending, ago(30), minutes(30)), (Status::Expired, 0)),
        (held(id(), day), (Status::Delivered, 1)),
        (held(id(), minutes(0)), (Status::Expired, 0)),
        (in_doubt(id(), alert(), 1, ago(30)), (Status::Delivered, 1)),
        (in_doubt(id(), invitation(), 1, ago(30)), (Status::Unknown, 0)),
        (row(id(), invitation(), Status::Sent, ago(73 * 60), day), (Status::Sent, 0)),
        (row(id(), code(), Status::Delivered, ago(10), minutes(10)), (Status::Delivered, 0)),
        (row(id(), code(), Status::Unknown, ago(5), minutes(10)), (Status::Delivered, 1)),
    ]
}

/// Runs whenever something is due, with a sender whose texts all arrive, until everything is done; then looks at every fate.
async fn end_well(stage: &Stage, sender: &mut Sender, fates: &[(Message, Fate)], what: &str) {
    let mut now = noon();
    for _ in 0..20 {
        sender.work(stage, now, |_| Some(Change::Arrived)).await;
        let Some(next) = stage.due().await.into_values().min() else { break };
        now = now.max(next);
        stage.run_at(now).await;
    }
    for (row, fate) in fates {
        let id = row.message_id.as_u128();
        let texts = sender.texts.get(&id).copied().unwrap_or_default();
        assert_eq!((stage.status(id).await, texts), *fate, "{:?} {:?}, {what}", row.kind(), row.status);
    }
    assert_eq!(stage.due().await.len(), 0, "nothing is left to do, {what}");
}

#[tokio::test]
async fn whatever_call_a_run_dies_after_the_next_ones_end_it_well_and_nothing_is_sent_twice() {
    let mut deaths = 0;
    loop {
        let fates = every_sort();
        let stage = Stage::set().await.with(fates.iter().map(|(row, _)| row.clone())).await;
        stage.embedded.calls.end_after(Some(deaths));
        let survived = stage.reconciler.run(Timestamp::MAX, noon).await.is_ok();
        stage.embedded.calls.end_after(None);
        end_well(&stage, &mut Sender::default(), &fates, &format!("a death after call {deaths}")).await;
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 25, "{deaths} calls are too few for every sort of text");
}

#[tokio::test]
async fn a_run_that_dies_again_and_again_still_comes_to_an_end() {
    let fates = every_sort();
    let stage = Stage::set().await.with(fates.iter().map(|(row, _)| row.clone())).await;
    let mut sender = Sender::default();
    for calls in [0, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24] {
        stage.embedded.calls.end_after(Some(calls));
        let _ = stage.reconciler.run(Timestamp::MAX, noon).await;
        stage.embedded.calls.end_after(None);
        sender.work(&stage, noon(), |_| Some(Change::Arrived)).await;
    }
    end_well(&stage, &mut sender, &fates, "many deaths").await;
}
