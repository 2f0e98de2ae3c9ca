//! `phone_verification` events: the same limits as the api's, at the same counters.

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sms::conversion::{LEAST_ASKED, RIPE_AFTER};

use super::{Stage, ada, event, now, refusal};

const PHONE: &str = "+12025550104";

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn number(n: usize) -> String {
    format!("+1202556{n:04}")
}

fn code(id: &str, user: &str, phone: &str) -> Value {
    event("phone_verification", id, user, json!({"phone": phone}))
}

impl Stage {
    /// The gate that said no to the event `id`, its words, and the status.
    async fn fate(&self, id: &str) -> (String, String, String) {
        let row = self.row(id).await;
        let (gate, status) = refusal(&row);
        let last = row["gates"].as_array().and_then(|steps| steps.last()?["detail"].as_str().map(str::to_owned));
        (gate, last.unwrap_or_default(), status)
    }

    async fn ask(&self, at: Timestamp, id: &str, user: &str, phone: &str) {
        let results = self.admit_at(at, &[code(id, user, phone)]).await;
        assert!(results[0].is_ok(), "{results:?}");
    }

    async fn counted(&self, limit_id: &str) -> usize {
        let rows = self.embedded.scan("LimitsTable").await.expect("scan");
        let row = rows.iter().find(|row| row["limit_id"] == limit_id);
        row.and_then(|row| row["times"].as_array()).map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn a_number_gets_five_codes_an_hour_and_the_sixth_row_says_why_there_is_none() {
    let stage = Stage::set().await;
    for n in 0..6 {
        stage.ask(later(n), &format!("c{n}"), &format!("u{n}"), PHONE).await;
    }
    assert_eq!(stage.fate("c4").await.2, "pending");
    let (gate, detail, status) = stage.fate("c5").await;
    assert_eq!((gate.as_str(), status.as_str()), ("carrier_hourly_cap", "suppressed"));
    assert_eq!(detail, "the number had 5 codes within an hour, or 10 within 24: the next code in 3595 s");
    assert_eq!(stage.jobs().len(), 5);
    stage.ask(later(3600), "c6", "u6", PHONE).await;
    assert_eq!(stage.fate("c6").await.2, "pending", "the window slides");
}

#[tokio::test]
async fn a_number_gets_ten_codes_a_day() {
    let stage = Stage::set().await;
    for n in 0..11 {
        stage.ask(later(n * 3600), &format!("c{n}"), &format!("u{n}"), PHONE).await;
    }
    assert_eq!(stage.jobs().len(), 10);
    assert_eq!(stage.fate("c10").await.0, "carrier_hourly_cap");
}

#[tokio::test]
async fn a_person_gets_ten_codes_a_day() {
    let stage = Stage::set().await;
    for n in 0..11 {
        stage.ask(now(), &format!("c{n}"), "dee", &number(n)).await;
    }
    assert_eq!(stage.jobs().len(), 10);
    let (gate, detail, status) = stage.fate("c10").await;
    assert_eq!((gate.as_str(), status.as_str()), ("user_daily_cap", "suppressed"));
    assert_eq!(detail, "the person had 10 codes within 24 hours: the next code in 86400 s");
}

#[tokio::test]
async fn thirty_seconds_lie_between_two_texts_and_the_second_says_the_same_code() {
    let stage = Stage::set().await;
    stage.ask(now(), "c0", "dee", PHONE).await;
    stage.ask(later(29), "c1", "dee", PHONE).await;
    stage.ask(later(30), "c2", "dee", PHONE).await;
    assert_eq!(stage.fate("c1").await.0, "carrier_hourly_cap");
    assert_eq!(stage.jobs().len(), 2);
    let rows = stage.embedded.scan("VerificationsTable").await.expect("scan");
    let first = rows.iter().find(|row| row["repeats"].is_null()).expect("a first");
    let second = rows.iter().find(|row| row["repeats"].is_string()).expect("a second");
    assert_eq!((rows.len(), &second["repeats"], &second["nonce"]), (2, &first["verification_id"], &first["nonce"]));
    let (row, valid_until) = (stage.row("c2").await, &first["valid_until"]);
    assert_eq!((&row["message_id"], &row["useful_until"]), (&second["verification_id"], valid_until), "a text is of no use after its code");
}

#[tokio::test]
async fn everybody_together_gets_what_the_breaker_allows() {
    let stage = Stage::with_codes_per_hour(3).await;
    for n in 0..4 {
        stage.ask(now(), &format!("c{n}"), &format!("u{n}"), &number(n)).await;
    }
    assert_eq!(stage.jobs().len(), 3);
    let (gate, detail, _) = stage.fate("c3").await;
    assert_eq!((gate.as_str(), detail.as_str()), ("carrier_hourly_cap", "everybody together had all codes of this hour: the next code in 3600 s"));
    stage.ask(later(3600), "c4", "u4", &number(4)).await;
    assert_eq!(stage.fate("c4").await.2, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_batches_at_once_no_limit_lets_one_too_many_through() {
    let stage = Stage::set().await;
    let batches = (0..10).map(|batch| (0..10).map(|n| code(&format!("c{batch}-{n}"), &format!("u{batch}-{n}"), PHONE)).collect::<Vec<_>>());
    let batches = batches.collect::<Vec<_>>();
    let results = join_all(batches.iter().map(|batch| stage.admit(batch))).await;
    // What was not decided in the crowd comes again, as the queue would bring it.
    for (batch, results) in batches.iter().zip(results) {
        for (event, result) in batch.iter().zip(results) {
            if result.is_err() {
                assert!(stage.admit(std::slice::from_ref(event)).await[0].is_ok());
            }
        }
    }
    assert_eq!((stage.jobs().len(), stage.counted(&format!("number/{PHONE}")).await), (5, 5));
    let rows = stage.embedded.scan("MessagesTable").await.expect("scan");
    assert_eq!(rows.iter().filter(|row| row["status"] == "suppressed").count(), 95);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_and_at_once_counts_once() {
    let stage = Stage::set().await;
    let events = vec![code("c", "dee", PHONE); 10];
    for results in join_all((0..4).map(|_| stage.admit(&events))).await {
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    stage.ask(later(60), "c", "dee", PHONE).await;
    for row in [format!("number/{PHONE}"), "user/dee".to_owned()] {
        assert_eq!(stage.counted(&row).await, 1, "{row}");
    }
    assert_eq!(stage.embedded.scan("MessagesTable").await.expect("scan").len(), 1);
}

#[tokio::test]
async fn an_old_event_that_comes_again_after_others_counts_nothing_and_changes_nothing() {
    let stage = Stage::set().await;
    stage.ask(now(), "c0", "dee", PHONE).await;
    stage.ask(later(30), "c1", "dee", PHONE).await;
    stage.ask(later(31), "c2", "dee", PHONE).await;
    for id in ["c0", "c1", "c2"] {
        stage.ask(later(90), id, "dee", PHONE).await;
    }
    assert_eq!(stage.counted("user/dee").await, 2);
    assert_eq!(stage.fate("c2").await.2, "suppressed", "what was refused once stays refused");
}

#[tokio::test]
async fn a_crash_before_the_row_costs_nobody_a_code() {
    let stage = Stage::set().await;
    stage.ask(now(), "c", "dee", PHONE).await;
    let id = stage.row("c").await["message_id"].as_str().expect("an id").to_owned();
    // As if the function had died right before it wrote the row.
    let key = aws_sdk_dynamodb::types::AttributeValue::S(id);
    stage.embedded.dynamodb.delete_item().table_name("MessagesTable").key("message_id", key).send().await.expect("delete");
    stage.ask(later(20), "c", "dee", PHONE).await;
    assert_eq!(stage.fate("c").await.2, "pending", "the gap of thirty seconds is no reason to refuse its own event");
    assert_eq!((stage.counted("user/dee").await, stage.embedded.scan("VerificationsTable").await.expect("scan").len()), (1, 1));
}

#[tokio::test]
async fn what_another_gate_stops_is_not_counted() {
    let stage = Stage::set().await;
    stage.ask(now(), "abroad", "dee", "+14165550123").await;
    let mut late = code("late", "dee", PHONE);
    late["expirytime"] = "2026-11-23T09:59:59Z".into();
    assert!(stage.admit(&[late]).await[0].is_ok());
    assert_eq!((stage.fate("abroad").await.0, stage.fate("late").await.0), ("country".to_owned(), "expiry".to_owned()));
    assert!(stage.embedded.scan("LimitsTable").await.expect("scan").is_empty());
}

#[tokio::test]
async fn a_pumped_prefix_is_blocked_for_events_too_but_not_for_who_owns_the_number() {
    let stage = Stage::set().await.with(ada()).await;
    let pump = |n: u64| format!("+1202555{:04}", 5000 + n);
    for n in 0..LEAST_ASKED {
        stage.ask(now(), &format!("c{n}"), &format!("u{n}"), &pump(n)).await;
    }
    let ripe = now() + RIPE_AFTER;
    stage.ask(ripe, "next", "u", &pump(500)).await;
    let (gate, detail, status) = stage.fate("next").await;
    assert_eq!((gate.as_str(), status.as_str()), ("country", "suppressed"));
    assert_eq!(detail, "codes to +1202555… are blocked until 11:03 UTC: 0 of 30 came back");
    let gates = stage.row("next").await["gates"].as_array().map(Vec::len);
    assert_eq!(gates, Some(5), "the trail ends with it");
    stage.ask(ripe, "own", "ada", "+12025550101").await;
    assert_eq!(stage.fate("own").await.2, "pending");
    assert_eq!(stage.jobs().len() as u64, LEAST_ASKED + 1);
}
