//! Each rule, at its edges.

use sms::{
    budget::Reserved,
    due::{BOOKED_AFTER, LAST_RECEIPT},
    metrics::{self, Metric},
};

use super::*;

#[tokio::test]
async fn a_text_that_waited_three_minutes_goes_on_its_lane_again_and_then_ever_more_rarely() {
    let stage = Stage::set().await.with([row(1, alert(), Status::Pending, noon(), minutes(600))]).await;
    let mut jobs = 0;
    for minute in [3, 6, 12, 24, 48, 96, 156, 216] {
        let at = noon() + minutes(minute);
        stage.run_at(at - MOMENT).await;
        assert_eq!(stage.jobs("urgent").len(), jobs, "a moment before minute {minute}");
        stage.run_at(at).await;
        stage.run_at(at).await;
        jobs += 1;
        assert_eq!(stage.jobs("urgent").len(), jobs, "minute {minute}");
    }
    assert_eq!((stage.status(1).await, stage.row(1).await.changes.len()), (Status::Pending, 1), "for readers nothing has happened");
}

#[tokio::test]
async fn a_lane_with_jobs_in_it_explains_for_an_hour_why_an_invitation_waits_but_never_why_an_alert_does() {
    let rows = [invitation(), alert()].into_iter().zip(1..).map(|(content, id)| row(id, content, Status::Pending, noon(), minutes(600)));
    let stage = Stage::set().await.with(rows).await;
    stage.embedded.queues.say_that_wait("bulk", 1);
    stage.embedded.queues.say_that_wait("urgent", 1);
    for minute in [3, 6, 12, 24, 48] {
        stage.run_at(noon() + minutes(minute)).await;
        assert_eq!(stage.jobs("bulk"), [] as [u128; 0], "minute {minute}");
    }
    assert_eq!(stage.jobs("urgent").len(), 5);
    stage.run_at(noon() + minutes(96)).await;
    assert_eq!(stage.jobs("bulk"), [1]);
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_expired_and_not_enqueued() {
    // AWS takes nothing that is to live for less than five seconds.
    let life = |seconds| LOST_AFTER + SignedDuration::from_secs(seconds);
    let stage = Stage::set().await;
    let rows = [(1, life(5)), (2, life(5) - MOMENT)].map(|(id, life)| row(id, invitation(), Status::Pending, noon(), life));
    let stage = stage.with(rows).await;
    stage.run_at(noon() + LOST_AFTER).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Pending, Status::Expired));
    assert_eq!(stage.jobs("bulk"), [1]);
    assert_eq!(stage.due_at(2).await, Some(noon() + LOST_AFTER + BOOKED_AFTER), "once more, for the books");
    stage.run_at(noon() + LOST_AFTER + BOOKED_AFTER).await;
    assert_eq!(stage.due_at(2).await, None);
    assert!(stage.row(2).await.delivery_detail.is_some_and(|why| why.contains("no use")));
}

#[tokio::test]
async fn a_lease_holds_to_its_last_moment() {
    let rows = [invitation(), alert()].into_iter().zip(1..).map(|(content, id)| row(id, content, Status::Sending, noon(), minutes(600)));
    let stage = Stage::set().await.with(rows).await;
    stage.run_at(noon() + LEASE - MOMENT).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Sending, Status::Sending));
    stage.run_at(noon() + LEASE).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Unknown, Status::Unknown));
    assert_eq!(stage.due_at(1).await, Some(noon() + LEASE + LAST_RECEIPT), "an invitation is never sent again, but a receipt may say what it costs");
    assert_eq!(stage.due_at(2).await, Some(noon() + LEASE + RESEND_AFTER), "an alert is, unless its receipt comes");
    assert_eq!((stage.jobs("urgent").len(), stage.jobs("bulk").len()), (0, 0));
    assert!(stage.row(1).await.delivery_detail.is_some());
}

#[tokio::test]
async fn a_lease_that_ended_long_ago_costs_no_further_wait() {
    let rows = [invitation(), alert()].into_iter().zip(1..).map(|(content, id)| row(id, content, Status::Sending, noon(), minutes(600)));
    let stage = Stage::set().await.with(rows).await;
    stage.run_at(noon() + LEASE + RESEND_AFTER).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Unknown, Status::Pending));
    assert_eq!((stage.jobs("bulk").len(), stage.jobs("urgent")), (0, vec![2]));
}

#[tokio::test]
async fn an_alert_in_doubt_waits_for_its_receipt_and_each_time_twice_as_long() {
    let rows = (1..=4).map(|times| in_doubt(times as u128, alert(), times, noon()));
    let stage = Stage::set().await.with(rows).await;
    for (id, wait) in (1..).zip([2, 4, 8, 16].map(minutes)) {
        stage.run_at(noon() + wait - MOMENT).await;
        assert_eq!(stage.status(id).await, Status::Unknown, "{id}");
        stage.run_at(noon() + wait).await;
        assert_eq!(stage.status(id).await, Status::Pending, "{id}");
    }
    let mut once = stage.jobs("urgent");
    once.dedup();
    assert_eq!(once[..2], [1, 2]);
}

#[tokio::test]
async fn what_is_never_sent_again_or_known_to_aws_or_of_no_use_stays_in_doubt_and_leaves_the_index() {
    let named = Message { provider_message_id: Some("aws-1".into()), ..in_doubt(2, alert(), 1, noon()) };
    let late = Message { useful_until: noon() + minutes(1), ..in_doubt(3, alert(), 1, noon()) };
    let stage = Stage::set().await.with([in_doubt(1, invitation(), 1, noon()), named, late]).await;
    for minute in [1, 2, 600] {
        stage.run_at(noon() + minutes(minute)).await;
    }
    for id in 1..=3 {
        assert_eq!((stage.status(id).await, stage.due_at(id).await), (Status::Unknown, Some(noon() + LAST_RECEIPT)), "{id}");
    }
    stage.run_at(noon() + LAST_RECEIPT).await;
    for id in 1..=3 {
        assert_eq!((stage.status(id).await, stage.due_at(id).await), (Status::Unknown, None), "{id}");
    }
    assert_eq!((stage.jobs("urgent").len(), stage.jobs("bulk").len()), (0, 0));
}

#[tokio::test]
async fn a_receipt_that_still_comes_settles_a_doubt() {
    let stage = Stage::set().await.with([in_doubt(1, alert(), 1, noon()), in_doubt(2, invitation(), 1, noon())]).await;
    stage.run_at(noon() + minutes(1)).await;
    for id in [1, 2] {
        assert!(stage.change(id, Change::Arrived, None, noon() + minutes(1)).await.is_some());
    }
    stage.run_at(noon() + minutes(2)).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Delivered, Status::Delivered));
    assert_eq!((stage.jobs("urgent").len(), stage.due().await.len()), (0, 0));
}

impl Stage {
    async fn month(&self) -> Value {
        let rows = self.embedded.scan("LimitsTable").await.expect("scan");
        rows.into_iter().find(|row| row["limit_id"] == "budget/2026-11").unwrap_or_default()
    }

    async fn settle(&self, id: u128, at: Timestamp) {
        self.reconciler.admissions.settle(&self.row(id).await, at).await.expect("settle");
    }
}

fn reserving(row: Message) -> Message {
    let reserved = Reserved { amount: MicroUsd(1000), resent: MicroUsd(0), month: "2026-11".into(), day: None };
    Message { reserved: Some(reserved), estimated_price: Some(MicroUsd(1000)), ..row }
}

#[tokio::test]
async fn what_no_receipt_spoke_of_is_in_the_books_when_none_is_waited_for_any_more() {
    let priced = Message { price: Some(MicroUsd(700)), ..reserving(row(2, alert(), Status::Sent, noon(), minutes(600))) };
    let coded = reserving(row(4, code(), Status::Sent, noon(), minutes(10)));
    let rows = [reserving(in_doubt(1, invitation(), 1, noon())), priced, reserving(in_doubt(3, alert(), 1, noon() - minutes(800))), coded];
    let stage = Stage::set().await.with(rows).await;
    stage.run_at(noon() + LAST_RECEIPT - minutes(801)).await;
    assert_eq!(stage.month().await["settled"], Value::Null, "a receipt may still come");
    for _ in 0..3 {
        stage.run_at(noon() + LAST_RECEIPT).await;
    }
    for (id, status, price) in [(1, Status::Unknown, 1000), (2, Status::Sent, 700), (3, Status::Unknown, 1000), (4, Status::Sent, 1000)] {
        let row = stage.row(id).await;
        assert_eq!((row.status, row.settled), (status, Some(MicroUsd(price))), "{id}");
    }
    assert_eq!(stage.due().await.len(), 0);
    // What was reserved is not in this book: only what it differs by.
    let month = stage.month().await;
    assert_eq!((month["settled"].as_i64(), month["committed"].as_i64()), (Some(3700), Some(-300)));
    let costs = stage.reconciler.admissions.costs("2026-11").await.expect("costs");
    let sent = costs.days.values().flat_map(BTreeMap::values).map(|figures| figures.sent).sum::<i64>();
    assert_eq!(sent, 4, "each is in what the days have cost");

    let late = noon() + LAST_RECEIPT + minutes(1);
    for id in [1, 2] {
        assert!(stage.change(id, Change::Arrived, None, late).await.is_some());
        stage.settle(id, late).await;
        assert_eq!(stage.status(id).await, Status::Delivered, "a receipt that comes all the same says what became of it");
    }
    assert_eq!(stage.month().await["settled"].as_i64(), Some(3700), "and the books have it once");
}

#[tokio::test]
async fn whatever_call_a_run_dies_after_what_is_left_for_good_is_in_the_books_once() {
    let mut deaths = 0;
    loop {
        let stage = Stage::set().await.with([reserving(row(1, alert(), Status::Sent, noon(), minutes(600)))]).await;
        stage.embedded.calls.end_after(Some(deaths));
        let survived = stage.reconciler.run(Timestamp::MAX, || noon() + LAST_RECEIPT).await.is_ok();
        stage.embedded.calls.end_after(None);
        stage.run_at(noon() + LAST_RECEIPT).await;
        assert_eq!((stage.month().await["settled"].as_i64(), stage.due().await.len()), (Some(1000), 0), "a death after call {deaths}");
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 5, "{deaths} calls are too few");
}

#[tokio::test]
async fn an_alert_that_is_sent_again_reserves_again_and_is_settled_for_both() {
    let stage = Stage::set().await.with([reserving(in_doubt(1, alert(), 1, noon()))]).await;
    for _ in 0..2 {
        stage.run_at(noon() + RESEND_AFTER).await;
    }
    let row = stage.row(1).await;
    assert_eq!((row.status, row.reserved.as_ref().map(|reserved| reserved.amount)), (Status::Pending, Some(MicroUsd(2000))));
    assert_eq!(
        (stage.month().await["committed"].as_i64(), stage.jobs("urgent")),
        (Some(1000), vec![1]),
        "what the first one reserved is not in this book"
    );
    let later = noon() + RESEND_AFTER;
    for change in [Change::Claimed, Change::Accepted] {
        stage.change(1, change, None, later).await.expect("a change");
    }
    let notes = Notes::default().with("price", 600).expect("notes");
    let arrived = stage.reconciler.messages.change(Uuid::from_u128(1), Change::Arrived, None, notes, later).await.expect("change");
    assert!(matches!(arrived, Changed::Yes(_)));
    stage.settle(1, later).await;
    assert_eq!(stage.row(1).await.settled, Some(MicroUsd(600 + 1000)), "what the receipt says of one, and what is reserved for the other");
    let month = stage.month().await;
    assert_eq!((month["committed"].as_i64(), month["settled"].as_i64()), (Some(600), Some(1600)));
}

#[tokio::test]
async fn an_alert_that_is_refused_when_it_is_sent_again_has_cost_what_the_first_may_have() {
    let stage = Stage::set().await.with([reserving(in_doubt(1, alert(), 1, noon()))]).await;
    let later = noon() + RESEND_AFTER;
    stage.run_at(later).await;
    for change in [Change::Claimed, Change::Refused] {
        stage.change(1, change, None, later).await.expect("a change");
    }
    stage.settle(1, later).await;
    assert_eq!((stage.row(1).await.settled, stage.month().await["committed"].as_i64()), (Some(MicroUsd(1000)), Some(0)));
}

#[tokio::test]
async fn an_alert_in_doubt_for_which_there_is_no_money_stays_in_doubt_and_says_why_until_there_is() {
    let mut stage = Stage::set().await.with([reserving(in_doubt(1, alert(), 1, noon()))]).await;
    stage.reconciler.rules.budget.monthly = MicroUsd(999);
    let _ = metrics::record::take();
    stage.run_at(noon() + RESEND_AFTER).await;
    let row = stage.row(1).await;
    assert_eq!((row.status, row.reserved.map(|reserved| reserved.amount)), (Status::Unknown, Some(MicroUsd(1000))));
    assert!(row.delivery_detail.is_some_and(|why| why.starts_with("not sent again: ") && why.contains("too much")));
    assert!(metrics::record::take().iter().any(|(metric, used)| *metric == Metric::BudgetUsedPercent && *used > 100.0));
    assert_eq!(stage.jobs("urgent"), [] as [u128; 0]);
    stage.reconciler.rules.budget.monthly = MicroUsd(1000);
    stage.run_at(noon() + RESEND_AFTER + minutes(60) - MOMENT).await;
    assert_eq!(stage.status(1).await, Status::Unknown);
    stage.run_at(noon() + RESEND_AFTER + minutes(60)).await;
    assert_eq!((stage.status(1).await, stage.jobs("urgent")), (Status::Pending, vec![1]));
}

fn held(id: u128, release: i64, end: i64) -> Message {
    Message { release_at: Some(noon() + minutes(release)), ..row(id, invitation(), Status::Held, noon(), minutes(end)) }
}

#[tokio::test]
async fn held_texts_are_released_in_their_minute_spread_out_over_it() {
    let stage = Stage::set().await.with((1..=60).map(|id| held(id * 7919, 480, 600))).await;
    stage.run_at(noon() + minutes(480) - MOMENT).await;
    assert_eq!(stage.jobs("bulk").len(), 0);
    stage.run_at(noon() + minutes(480)).await;
    assert_eq!(stage.jobs("bulk").len(), 60);
    stage.run_at(noon() + minutes(481)).await;
    assert_eq!(stage.jobs("bulk").len(), 60, "each once");
    assert_eq!(stage.status(7919).await, Status::Pending);
    let delays = stage.embedded.queues.messages("bulk").iter().map(|job| job["DelaySeconds"].as_i64().unwrap_or_default()).collect::<Vec<_>>();
    assert!(delays.iter().all(|delay| (0..50).contains(delay)), "{delays:?}");
    let most = (0..10).map(|tenth| delays.iter().filter(|delay| *delay / 5 == tenth).count()).max();
    assert!(most < Some(15), "{delays:?}");
}

#[tokio::test]
async fn a_held_text_whose_end_comes_before_its_release_is_expired_at_its_end_with_its_reason() {
    let unreleased = Message { release_at: None, ..held(2, 0, 100) };
    let reserved = Reserved { amount: MicroUsd(8830), resent: MicroUsd(0), month: "2026-11".into(), day: None };
    let stage = Stage::set().await.with([Message { reserved: Some(reserved), ..held(1, 480, 100) }, unreleased]).await;
    stage.run_at(noon() + minutes(100) - MOMENT).await;
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Held, Status::Held));
    stage.run_at(noon() + minutes(100)).await;
    for id in [1, 2] {
        let row = stage.row(id).await;
        assert_eq!((row.status, row.delivery_detail.as_deref()), (Status::Expired, Some("of no use any more before it could be released")));
    }
    assert_eq!((stage.jobs("bulk").len(), stage.due_at(1).await), (0, None));
    assert_eq!(stage.row(1).await.settled, Some(MicroUsd(0)));
    let books = stage.embedded.scan("LimitsTable").await.expect("scan");
    assert_eq!(
        books.iter().find(|row| row["limit_id"] == "budget/2026-11").map(|book| &book["committed"]),
        Some(&serde_json::json!(-8830)),
        "given back"
    );
}

#[tokio::test]
async fn a_sent_text_without_a_last_receipt_leaves_the_index_after_three_days() {
    let stage = Stage::set().await.with([row(1, invitation(), Status::Sent, noon(), minutes(600))]).await;
    stage.run_at(noon() + LAST_RECEIPT - MOMENT).await;
    assert!(stage.due_at(1).await.is_some());
    stage.run_at(noon() + LAST_RECEIPT).await;
    assert_eq!((stage.status(1).await, stage.due_at(1).await), (Status::Sent, None));
}

#[tokio::test]
async fn a_text_that_does_not_get_on_its_lane_is_due_until_it_does() {
    let stage = Stage::set().await.with([row(1, alert(), Status::Pending, noon(), minutes(600)), in_doubt(2, alert(), 1, noon())]).await;
    stage.embedded.queues.refuse("message_id");
    assert!(stage.reconciler.run(Timestamp::MAX, || noon() + minutes(3)).await.is_err(), "an alarm has to ring");
    stage.embedded.queues.accept();
    stage.run_at(noon() + minutes(4)).await;
    assert_eq!(stage.jobs("urgent"), [1], "nobody had noted that it was enqueued");
    stage.run_at(noon() + minutes(6)).await;
    assert_eq!(stage.jobs("urgent"), [1, 2], "and the other is pending, and as good as lost");
}

#[tokio::test]
async fn a_run_looks_at_so_many_texts_and_no_more_and_at_urgent_ones_first() {
    let mut stage = Stage::set().await;
    stage.reconciler.most = 30;
    let content = |id| if id <= 100 { invitation() } else { alert() };
    let stage = stage.with((1..=110).map(|id| row(id, content(id), Status::Pending, noon(), minutes(600)))).await;
    let mut jobs = Vec::new();
    for run in 1..=4 {
        stage.run_at(noon() + LOST_AFTER).await;
        jobs = [stage.jobs("urgent"), stage.jobs("bulk")].concat();
        assert_eq!((jobs.len(), stage.jobs("urgent").len()), ((30 * run).min(110), 10), "run {run}");
    }
    jobs.sort_unstable();
    assert_eq!(jobs, (1..=110).collect::<Vec<_>>(), "each once");
}

#[tokio::test]
async fn with_little_time_left_nothing_is_begun() {
    let stage = Stage::set().await.with([row(1, alert(), Status::Pending, noon(), minutes(600))]).await;
    let now = noon() + LOST_AFTER;
    stage.reconciler.run(now + SignedDuration::from_secs(10), || now).await.expect("run");
    assert_eq!((stage.jobs("urgent").len(), stage.embedded.calls.take().len()), (0, 0));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_other() {
    let stage = Stage::set().await.with((1..=3).map(|id| row(id, alert(), Status::Pending, noon(), minutes(600)))).await;
    let spoil = stage.embedded.dynamodb.update_item().table_name("MessagesTable");
    let key = aws_sdk_dynamodb::types::AttributeValue::S(Uuid::from_u128(2).to_string());
    let spoil = spoil.key("message_id", key).update_expression("REMOVE useful_until");
    spoil.send().await.expect("spoil");
    let error = stage.reconciler.run(Timestamp::MAX, || noon() + LOST_AFTER).await.expect_err("an alarm has to ring");
    assert!(error.to_string().starts_with("1 texts"), "{error}");
    let mut jobs = stage.jobs("urgent");
    jobs.sort_unstable();
    assert_eq!(jobs, [1, 3]);
}

#[tokio::test]
async fn an_idle_minute_costs_one_query_a_part_of_the_index_and_one_look_at_the_comparison() {
    let stage = Stage::set().await.with([row(1, alert(), Status::Pending, noon(), minutes(600))]).await;
    for _ in 0..5 {
        stage.run_at(noon()).await;
    }
    drop(stage.embedded.calls.take());
    stage.run_at(noon()).await;
    let calls = stage.embedded.calls.take();
    assert_eq!(calls.iter().filter(|call| call.ends_with("Query")).count(), 5, "{calls:?}");
    assert_eq!(calls.len(), 6, "{calls:?}");
}

#[tokio::test]
async fn a_held_text_that_is_not_wanted_any_more_is_not_released() {
    use sms::{
        consent::Method,
        event::UserId,
        recipient::{Categories, Consent, Recipient},
    };

    let user = |name: &str| UserId::try_from(name.to_owned()).expect("user");
    let phone = || PHONE.parse().expect("phone");
    let consent = Consent { given_at: noon(), method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone(), revoked_at: None };
    let like = |name: &str| Recipient {
        phone: Some(phone()),
        phone_verified_at: Some(noon()),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(consent.clone()),
        ..Recipient::new(user(name))
    };
    let people = [
        (like("wants"), None),
        (Recipient { categories: Categories { battle_invitations: false, ..Categories::ALL_ON }, ..like("choosy") }, Some("battle_invitations was")),
        (Recipient { sms_enabled: false, ..like("off") }, Some("texts were switched off")),
        (Recipient { consent: Some(Consent { revoked_at: Some(noon()), ..consent.clone() }), ..like("revoked") }, Some("consent was revoked")),
        (Recipient { phone: "+12025550199".parse().ok(), ..like("moved") }, Some("the number is not theirs")),
    ];
    let rows = (1..).zip(&people).map(|(id, (person, _))| Message { user_id: Some(person.user_id.clone()), ..held(id, 480, 600) });
    let gone = Message { user_id: Some(user("gone")), ..held(9, 480, 600) };
    let stage = Stage::set().await.with(rows.chain([gone])).await;
    for (person, _) in &people {
        stage.reconciler.recipients.put(person).await.expect("put");
    }
    stage.run_at(noon() + minutes(480)).await;
    for (id, why) in (1..).zip(people.iter().map(|(_, why)| *why)).chain([(9, Some("nobody knows"))]) {
        let row = stage.row(id).await;
        let wanted = if why.is_some() { Status::Suppressed } else { Status::Pending };
        assert_eq!(row.status, wanted, "{id}");
        assert!(why.is_none_or(|why| row.delivery_detail.as_deref().is_some_and(|said| said.starts_with(why))), "{row:?}");
    }
    assert_eq!(stage.jobs("bulk"), [1]);
}

#[tokio::test]
async fn a_text_that_aws_has_and_that_is_due_too_early_is_put_off_until_the_last_receipt() {
    let stage = Stage::set().await;
    let claimed = [row(1, invitation(), Status::Pending, noon(), minutes(600)), row(2, alert(), Status::Pending, noon(), minutes(600))];
    let stage = stage.with(claimed).await;
    for (id, lane) in [(1, Lane::Bulk), (2, Lane::Urgent)] {
        let id = Uuid::from_u128(id);
        stage.reconciler.messages.claim(id, Some(lane), noon()).await.expect("claim");
        stage.reconciler.messages.change(id, Change::Accepted, None, Notes::default(), noon()).await.expect("change");
    }
    assert_eq!(stage.due().await, [(1, noon() + LOST_AFTER), (2, noon() + LEASE)].into());
    stage.run_at(noon() + LOST_AFTER).await;
    assert_eq!(stage.due().await, [(1, noon() + LAST_RECEIPT), (2, noon() + LAST_RECEIPT)].into());
    assert_eq!((stage.status(1).await, stage.status(2).await), (Status::Sent, Status::Sent));
}

#[tokio::test]
async fn a_bulk_text_whose_sender_died_is_in_doubt_once_it_is_due_and_its_lease_is_over() {
    let stage = Stage::set().await.with([row(1, invitation(), Status::Pending, noon(), minutes(600))]).await;
    let late = noon() + LOST_AFTER - MOMENT;
    stage.reconciler.messages.claim(Uuid::from_u128(1), Some(Lane::Bulk), late).await.expect("claim");
    stage.run_at(noon() + LOST_AFTER).await;
    assert_eq!((stage.status(1).await, stage.due_at(1).await), (Status::Sending, Some(late + LEASE)));
    stage.run_at(late + LEASE).await;
    assert_eq!(stage.status(1).await, Status::Unknown);
}
