//! The daily comparison of our opt-outs with AWS's list.

use std::collections::BTreeSet;

use serde_json::json;
use sms::{
    consent::Method,
    metrics::{self, Metric},
    opt_out::OptOut,
    phone::PhoneNumber,
    stores::Stage as Progress,
};

use super::*;

fn phone(n: usize) -> PhoneNumber {
    format!("+1202555{n:04}").parse().expect("phone")
}

fn opted_out(n: usize, since: Option<Timestamp>) -> OptOut {
    OptOut {
        phone: phone(n),
        everything_since: since,
        categories: BTreeSet::new(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: since.unwrap_or_else(long_ago),
        revision: None,
    }
}

fn long_ago() -> Timestamp {
    noon() - minutes(600)
}

impl Stage {
    async fn with_opt_outs(self, ours: impl IntoIterator<Item = OptOut>, theirs: impl IntoIterator<Item = usize>) -> Self {
        for row in ours {
            assert!(self.reconciler.opt_outs.say(&row).await.expect("say"));
        }
        for n in theirs {
            self.reconciler.list.put(&phone(n)).await.expect("put");
        }
        self
    }

    /// Runs every minute until the comparison is done, and answers how many runs that took.
    async fn compare(&self) -> usize {
        for run in 1..200 {
            self.run_at(noon()).await;
            if self.found().await.0 == Progress::Done {
                return run;
            }
        }
        panic!("the comparison never ends");
    }

    async fn found(&self) -> (Progress, u64, u64) {
        let comparison = self.reconciler.comparisons.get().await.expect("get").expect("a comparison");
        (comparison.stage, comparison.only_theirs, comparison.only_ours)
    }

    fn orders(&self, kind: &str) -> BTreeSet<String> {
        let orders = self.embedded.queues.bodies("inbound").into_iter().map(|body| serde_json::from_str::<Value>(&body).expect("an order"));
        orders.filter_map(|order| order[kind]["phone"].as_str().map(str::to_owned)).collect()
    }
}

fn e164(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|n| phone(n).as_e164().to_owned()).collect()
}

#[tokio::test]
async fn once_a_day_aws_is_asked_what_may_be_spent_and_its_limit_holds_this_month_and_next() {
    let stage = Stage::set().await;
    let limits = async || {
        let rows = stage.embedded.scan("LimitsTable").await.expect("scan");
        let limit = |row: &Value| Some((row["limit_id"].as_str()?.to_owned(), row["aws_limit"].as_i64()?));
        rows.iter().filter_map(limit).collect::<BTreeSet<_>>()
    };
    let both = |limit| [("budget/2026-11".to_owned(), limit), ("budget/2026-12".to_owned(), limit)].into();
    stage.run_at(noon()).await;
    assert_eq!(limits().await, both(1_000_000_000));
    stage.simulator.simulator.set_faults(simulator::Faults { spend_limit_usd: Some(7.0), ..simulator::Faults::default() });
    stage.compare().await;
    stage.run_at(noon() + minutes(24 * 60) - MOMENT).await;
    assert_eq!(limits().await, both(1_000_000_000), "asked once a day");
    stage.run_at(noon() + minutes(24 * 60)).await;
    assert_eq!(limits().await, both(7_000_000));
}

#[tokio::test]
async fn what_may_be_spent_is_asked_daily_however_long_the_comparison_takes() {
    let stage = Stage::set().await.with_opt_outs((0..40).map(|n| opted_out(n, Some(long_ago()))), 0..40).await;
    stage.run_at(noon()).await;
    stage.simulator.simulator.set_faults(simulator::Faults { spend_limit_usd: Some(7.0), ..simulator::Faults::default() });
    let limit = async || {
        let rows = stage.embedded.scan("LimitsTable").await.expect("scan");
        rows.iter().find(|row| row["limit_id"] == "budget/2026-11").and_then(|row| row["aws_limit"].as_i64())
    };
    let tomorrow = noon() + minutes(24 * 60);
    stage.run_at(tomorrow - MOMENT).await;
    assert_eq!(limit().await, Some(1_000_000_000));
    stage.run_at(tomorrow).await;
    assert!(matches!(stage.found().await.0, Progress::Ours { .. }), "yesterday's comparison is still under way");
    assert_eq!(limit().await, Some(7_000_000));
    drop(stage.embedded.calls.take());
    for _ in 0..12 {
        stage.run_at(tomorrow).await;
    }
    let asked = stage.embedded.calls.take().into_iter().filter(|call| call.ends_with("UpdateItem")).count();
    assert_eq!(asked, 0, "once");
}

#[tokio::test]
async fn lists_that_agree_bring_no_orders() {
    let stage = Stage::set().await.with_opt_outs((0..12).map(|n| opted_out(n, Some(long_ago()))), 0..12).await;
    assert_eq!(stage.compare().await, 4, "one page of theirs, five and five and two of ours");
    assert_eq!((stage.found().await, stage.embedded.queues.bodies("inbound").len()), ((Progress::Done, 0, 0), 0));
}

#[tokio::test]
async fn a_drift_is_found_in_both_directions_counted_and_ordered_to_be_repaired() {
    let ours = (0..30).map(|n| opted_out(n, Some(long_ago())));
    // AWS has neither 7 nor 8 nor 29, and two more that we have not.
    let theirs = (0..29).filter(|n| ![7, 8].contains(n)).chain([100, 101]);
    let stage = Stage::set().await.with_opt_outs(ours, theirs).await;
    stage.compare().await;
    assert_eq!(stage.found().await, (Progress::Done, 2, 3));
    assert_eq!((stage.orders("blocked"), stage.orders("missing")), (e164([100, 101]), e164([7, 8, 29])));
    assert_eq!(metrics::record::take(), [(Metric::OptOutDrift, 5.0)]);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_one_a_run() {
    let stage = Stage::set().await.with_opt_outs([], 0..250).await;
    for (run, found) in [(1, 100), (2, 200), (3, 250)] {
        stage.run_at(noon()).await;
        assert_eq!(stage.found().await.1, found, "run {run}");
    }
    assert_eq!((stage.compare().await, stage.orders("blocked")), (1, e164(0..250)));
}

#[tokio::test]
async fn it_is_as_old_an_opt_out_as_aws_says() {
    let stage = Stage::set().await.with_opt_outs([], [5]).await;
    let before = Timestamp::now() - SignedDuration::from_secs(60);
    stage.run_at(noon()).await;
    let order: Value = serde_json::from_str(&stage.embedded.queues.bodies("inbound")[0]).expect("json");
    let at = order["blocked"]["at"].as_str().expect("at").parse::<Timestamp>().expect("instant");
    assert!(before < at && at < Timestamp::now(), "{at}, and not the noon of this run");
    assert_eq!(order["blocked"]["reason"], json!("on AWS's opt-out list"));
}

#[tokio::test]
async fn who_opted_in_again_or_out_of_a_category_or_just_now_is_not_put_on_their_list() {
    let just_now = noon() - minutes(60) + MOMENT;
    let stage =
        Stage::set().await.with_opt_outs([opted_out(1, None), opted_out(2, Some(just_now)), opted_out(3, Some(noon() - minutes(60)))], []).await;
    stage.compare().await;
    assert_eq!((stage.found().await, stage.orders("missing")), ((Progress::Done, 0, 1), e164([3])));
}

#[tokio::test]
async fn it_begins_anew_after_a_day_and_not_before() {
    let stage = Stage::set().await.with_opt_outs([], []).await;
    stage.compare().await;
    stage.reconciler.list.put(&phone(1)).await.expect("put");
    stage.run_at(noon() + minutes(24 * 60) - MOMENT).await;
    assert_eq!(stage.found().await, (Progress::Done, 0, 0));
    stage.run_at(noon() + minutes(24 * 60)).await;
    assert_eq!(stage.found().await.1, 1);
}

#[tokio::test]
async fn a_place_in_their_list_that_aws_knows_no_more_is_given_up() {
    let stage = Stage::set().await.with_opt_outs([], 0..150).await;
    stage.run_at(noon()).await;
    let mut comparison = stage.reconciler.comparisons.get().await.expect("get").expect("a comparison");
    comparison.revision += 1;
    comparison.stage = Progress::Theirs { next: Some("yesterday".into()) };
    assert!(stage.reconciler.comparisons.write(&comparison).await.expect("write"));
    stage.run_at(noon()).await;
    assert_eq!(stage.found().await.0, Progress::Theirs { next: None });
    stage.compare().await;
    assert_eq!(stage.orders("blocked"), e164(0..150));
}

#[tokio::test]
async fn of_two_runs_at_once_one_goes_on() {
    let stage = Stage::set().await.with_opt_outs([], 0..150).await;
    let other = Stage::reconciler(&stage.embedded, &stage.simulator);
    for _ in 0..20 {
        let (one, two) = futures::join!(stage.reconciler.compare(noon()), other.compare(noon()));
        one.and(two).expect("neither fails");
    }
    assert_eq!((stage.found().await, stage.orders("blocked")), ((Progress::Done, 150, 0), e164(0..150)));
    let done = stage.reconciler.comparisons.get().await.expect("get").expect("a comparison");
    assert!(!stage.reconciler.comparisons.write(&done).await.expect("write"), "somebody else went on");
}

#[tokio::test]
async fn whatever_call_a_comparison_dies_after_every_drift_is_ordered_to_be_repaired() {
    for calls in 0..12 {
        let stage = Stage::set().await.with_opt_outs([opted_out(1, Some(long_ago())), opted_out(2, Some(long_ago()))], [2, 3]).await;
        stage.embedded.calls.end_after(Some(calls));
        for _ in 0..5 {
            let _ = stage.reconciler.compare(noon()).await;
        }
        stage.embedded.calls.end_after(None);
        stage.compare().await;
        assert_eq!((stage.orders("blocked"), stage.orders("missing")), (e164([3]), e164([1])), "after {calls} calls");
    }
}
