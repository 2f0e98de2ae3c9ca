//! Batches of jobs in; calls at their moments, or new jobs, out. Time passes only when somebody waits for it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use serde_json::json;
use sms::{
    content::{BattleInvitation, Content, PhoneVerification},
    message::{Change, Message},
    pacing::Pace,
    queues::Lanes,
    stores::{Messages, Notes, Paces},
};
use uuid::Uuid;

use crate::{
    pacer::{Clock, Pacer},
    sender::Turn,
};

fn start() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().expect("instant")
}

struct Stage {
    embedded: Embedded,
    pacer: Pacer,
    /// Microseconds since the start.
    elapsed: Arc<AtomicI64>,
    clock: Clock,
}

impl Stage {
    async fn set() -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let pacer = Pacer {
            messages: Messages::new(embedded.dynamodb.clone(), "MessagesTable".into()),
            paces: Paces::new(embedded.dynamodb.clone(), "LimitsTable".into()),
            lanes: Lanes::new(embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/bulk".into()),
            pace: Pace { parts_per_second: 3, requests_per_second: 3 },
            identities: "US=+18663448034".parse().expect("identities"),
        };
        let elapsed = Arc::new(AtomicI64::new(0));
        let (told, moved) = (elapsed.clone(), elapsed.clone());
        let clock = Clock {
            now: Box::new(move || start() + SignedDuration::from_micros(told.load(Ordering::SeqCst))),
            // Whoever waits wakes when the clock is there; the clock goes on to the nearest of them when nobody can do anything else.
            sleep: Box::new(move |time| {
                let until = moved.load(Ordering::SeqCst) + i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
                let moved = moved.clone();
                Box::pin(async move {
                    while moved.load(Ordering::SeqCst) < until {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        let now = moved.load(Ordering::SeqCst);
                        moved.store((now + 10_000).min(until).max(now), Ordering::SeqCst);
                    }
                })
            }),
        };
        Self { embedded, pacer, elapsed, clock }
    }

    /// Writes the row of a text of `parts` parts and answers with its job.
    async fn job(&self, id: u128, content: Content, phone: &str, parts: u32) -> String {
        let message = Message::new(Uuid::from_u128(id), content, start() + SignedDuration::from_hours(1), start()).to(phone.parse().ok());
        self.pacer.messages.write(&Message { parts: Some(parts), ..message }).await.expect("write");
        json!({"message_id": Uuid::from_u128(id)}).to_string()
    }

    async fn bulk(&self, id: u128, parts: u32) -> String {
        let content = BattleInvitation { inviter_name: "Ada".into(), battle_topic: "Haiku".into(), invitation_link: "https://allthrive.ai/b".into() };
        self.job(id, Content::BattleInvitation(content), &format!("+1202555{id:04}"), parts).await
    }

    async fn code(&self, id: u128) -> String {
        let phone = format!("+1202555{id:04}");
        self.job(id, Content::PhoneVerification(PhoneVerification { phone: phone.parse().expect("phone") }), &phone, 1).await
    }

    /// Paces jobs with `patience` seconds left, and answers with the jobs that were sent and the milliseconds at which they were.
    async fn pace(&self, jobs: &[String], patience: i64) -> Vec<(String, i64)> {
        let log = Mutex::new(Vec::new());
        let send = async |job: &str, _: Turn<'_>| {
            log.lock().expect("log").push((job.to_owned(), self.elapsed.load(Ordering::SeqCst) / 1000));
            Ok(())
        };
        let deadline = (self.clock.now)() + SignedDuration::from_secs(patience);
        let bodies = jobs.iter().map(String::as_str).collect::<Vec<_>>();
        let results = self.pacer.pace(&bodies, deadline, &self.clock, send).await;
        assert_eq!(results.len(), jobs.len());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        log.into_inner().expect("log")
    }

    fn bodies(&self, queue: &str) -> usize {
        self.embedded.queues.bodies(queue).len()
    }
}

#[tokio::test]
async fn a_batch_leaves_at_the_pace_of_its_parts() {
    let stage = Stage::set().await;
    let mut jobs = Vec::new();
    for id in 1..=5 {
        jobs.push(stage.bulk(id, 2).await);
    }
    let sent = stage.pace(&jobs, 30).await;
    assert_eq!(sent.iter().map(|(job, _)| job.clone()).collect::<Vec<_>>(), jobs);
    for (place, (_, at)) in (0..).zip(&sent) {
        assert!((place * 666..place * 666 + 400).contains(at), "text {place} left after {at} ms");
    }
    assert_eq!(stage.bodies("bulk"), 0);
}

#[tokio::test]
async fn an_idle_number_costs_one_read_and_one_write_a_batch() {
    let stage = Stage::set().await;
    let jobs = [stage.code(1).await, stage.code(2).await, stage.code(3).await];
    drop(stage.embedded.calls.take());
    assert_eq!(stage.pace(&jobs, 30).await.len(), 3);
    let calls = stage.embedded.calls.take();
    assert_eq!(calls.iter().filter(|call| call.ends_with(".BatchGetItem")).count(), 1, "{calls:?}");
    // One books the number, and one the second of each person.
    assert_eq!(calls.iter().filter(|call| call.ends_with(".UpdateItem")).count(), 1 + 3, "{calls:?}");
    assert_eq!(calls.len(), 5, "{calls:?}");
}

#[tokio::test]
async fn texts_that_leave_at_once_are_in_one_company_and_nobody_else_is() {
    for (parts_per_second, companies) in [(1000, vec![6]), (20, vec![3, 3]), (3, vec![1; 6])] {
        let mut stage = Stage::set().await;
        stage.pacer.pace = Pace { parts_per_second, requests_per_second: parts_per_second };
        let mut jobs = Vec::new();
        for id in 1..=6 {
            jobs.push(stage.bulk(id, 1).await);
        }
        let log = Mutex::new(Vec::<(usize, usize)>::new());
        let send = async |_: &str, turn: Turn<'_>| {
            assert_eq!(turn.lane, Some(sms::kind::Lane::Bulk));
            let company = std::ptr::from_ref(turn.company).addr();
            let mut log = log.lock().expect("log");
            match log.last_mut() {
                Some((last, size)) if *last == company => *size += 1,
                _ => log.push((company, 1)),
            }
            Ok(())
        };
        let bodies = jobs.iter().map(String::as_str).collect::<Vec<_>>();
        let results = stage.pacer.pace(&bodies, (stage.clock.now)() + SignedDuration::from_secs(30), &stage.clock, send).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let sizes = log.into_inner().expect("log").into_iter().map(|(_, size)| size).collect::<Vec<_>>();
        assert_eq!(sizes, companies, "{parts_per_second} a second");
    }
}

#[tokio::test]
async fn a_code_waits_for_bulk_a_second_at_most_whatever_waits_in_bulk() {
    let stage = Stage::set().await;
    let mut bulk = Vec::new();
    for id in 1..=5 {
        bulk.push(stage.bulk(id, 2).await);
    }
    let code = stage.code(9).await;
    let urgent = async {
        (stage.clock.sleep)(Duration::from_millis(900)).await;
        let before = stage.elapsed.load(Ordering::SeqCst) / 1000;
        stage.pace(&[code], 30).await[0].1 - before
    };
    let (sent, waited) = tokio::join!(stage.pace(&bulk, 30), urgent);
    assert_eq!(sent.len(), 5);
    assert!(waited <= 1400, "the code waited {waited} ms");
}

#[tokio::test]
async fn a_text_whose_slot_is_too_far_goes_back_as_a_new_job_and_loses_no_try() {
    let stage = Stage::set().await;
    let identity_is_taken = SignedDuration::from_secs(40);
    stage.pacer.paces.book("+18663448034", &[identity_is_taken], identity_is_taken, start()).await.expect("book");
    let (bulk, code) = (stage.bulk(1, 1).await, stage.code(2).await);
    assert_eq!(stage.pace(std::slice::from_ref(&bulk), 30).await, []);
    assert_eq!(stage.pace(std::slice::from_ref(&code), 30).await, []);
    for (queue, job) in [("bulk", bulk), ("urgent", code)] {
        let messages = stage.embedded.queues.messages(queue);
        assert_eq!(messages[0]["MessageBody"], json!(job));
        assert!(messages[0]["DelaySeconds"].as_i64().is_some_and(|seconds| (10..45).contains(&seconds)), "{messages:?}");
    }
    let month = stage.embedded.scan("LimitsTable").await.expect("scan");
    assert_eq!(month.len(), 1, "nothing was booked for them: {month:?}");
}

#[tokio::test]
async fn nobody_gets_two_texts_within_a_second() {
    let stage = Stage::set().await;
    let content = || Content::PhoneVerification(PhoneVerification { phone: "+12025550101".parse().expect("phone") });
    let jobs = [stage.job(1, content(), "+12025550101", 1).await, stage.job(2, content(), "+12025550101", 1).await];
    let sent = stage.pace(&jobs, 30).await;
    let gap = sent[1].1 - sent[0].1;
    // The clock of this test goes on while the first one is on its way: what the gap is longer than a second for.
    assert!((1000..1700).contains(&gap), "{gap} ms");
}

#[tokio::test]
async fn what_needs_no_slot_takes_none() {
    let stage = Stage::set().await;
    let settled = stage.bulk(1, 1).await;
    for change in [Change::Claimed, Change::Refused] {
        stage.pacer.messages.change(Uuid::from_u128(1), change, None, Notes::default(), start()).await.expect("change");
    }
    let jobs = [settled, json!({"message_id": Uuid::from_u128(99)}).to_string(), "no job".to_owned()];
    assert_eq!(stage.pace(&jobs, 30).await.len(), 3, "the sender says what is to be done with them");
    assert!(stage.embedded.scan("LimitsTable").await.expect("scan").is_empty());
}

#[tokio::test]
async fn two_senders_together_are_no_faster_than_one() {
    let stage = Stage::set().await;
    let mut jobs = Vec::new();
    for id in 1..=8 {
        jobs.push(stage.bulk(id, 1).await);
    }
    let (one, other) = tokio::join!(stage.pace(&jobs[..4], 30), stage.pace(&jobs[4..], 30));
    let mut moments = one.into_iter().chain(other).map(|(_, at)| at).collect::<Vec<_>>();
    moments.sort_unstable();
    assert_eq!(moments.len(), 8);
    assert!(moments[7] - moments[0] >= 7 * 333 - 400, "{moments:?}");
}
