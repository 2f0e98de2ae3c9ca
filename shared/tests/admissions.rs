//! Admissions on an embedded DynamoDB: whatever happens at the same time or half-way, no cap and no budget is passed, and the books come out even.

#[path = "admissions/rush.rs"]
mod rush;

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use serde_json::Value;
use sms::{
    budget::Budget,
    caps::Caps,
    consent::Method,
    content::{BattleInvitation, Content, SecurityAlert},
    event::{Event, UserId},
    gates::{Gate, Rules, Verdict},
    kind::Kind,
    message::{Change, Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    quiet_hours::SendingHours,
    recipient::{Categories, Consent, Recipient},
    stores::{Admissions, Admitted, Messages, Notes, Wish},
    text::House,
};

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().expect("instant")
}

fn rules() -> Rules {
    Rules {
        house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
        prices: "US=1000".parse().expect("prices"),
        quiet_hours: None,
        caps: Caps::default(),
        budget: Budget { monthly: MicroUsd(1_000_000), promotional: None, transactional: None, kept_percent: 20 },
    }
}

fn person(n: usize) -> Recipient {
    let phone = || format!("+1312556{n:04}").parse().expect("phone");
    let consent = Consent { given_at: now(), method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone(), revoked_at: None };
    Recipient {
        phone: Some(phone()),
        phone_verified_at: Some(now()),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(consent),
        time_zone: Some("America/Chicago".into()),
        ..Recipient::new(UserId::try_from(format!("u{n}")).expect("user"))
    }
}

fn event(id: &str, person: &Recipient, content: Content) -> Event {
    let user_id = person.user_id.clone();
    Event { source: "test".into(), id: id.into(), time: None, expirytime: None, user_id, related: None, content }
}

fn invitation(id: &str, person: &Recipient) -> Event {
    let content =
        BattleInvitation { inviter_name: "Ada".into(), battle_topic: format!("Duel {id}"), invitation_link: "https://allthrive.ai/b".into() };
    event(id, person, Content::BattleInvitation(content))
}

fn alert(id: &str, person: &Recipient) -> Event {
    let content = SecurityAlert { alert: sms::content::Alert::NewLogin, detail: id.into(), link: "https://allthrive.ai/s".into() };
    event(id, person, Content::SecurityAlert(content))
}

struct Stage {
    embedded: Embedded,
    admissions: Admissions,
    messages: Messages,
    rules: Rules,
}

impl Stage {
    async fn set(rules: Rules) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let admissions = Admissions::new(embedded.dynamodb.clone(), "MessagesTable".into(), "LimitsTable".into());
        let messages = Messages::new(embedded.dynamodb.clone(), "MessagesTable".into());
        Self { embedded, admissions, messages, rules }
    }

    async fn admit_at(&self, now: Timestamp, wanted: &[(&Event, &Recipient)]) -> Vec<Admitted> {
        let wishes = wanted.iter().map(|(event, recipient)| Wish { event, recipient: Some(recipient), opt_out: None }).collect::<Vec<_>>();
        // A queue brings back what others were faster than.
        loop {
            let results = self.admissions.admit(&wishes, &self.rules, now, async |_, message| Ok(message)).await;
            match results.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(admitted) => return admitted,
                Err(error) => assert!(error.to_string().contains("others were faster"), "{error:#}"),
            }
        }
    }

    async fn admit(&self, event: &Event, person: &Recipient) -> Message {
        self.admit_at(now(), &[(event, person)]).await.remove(0).row().clone()
    }

    /// Takes a text through `changes`, the last of which may bring a price, and answers with its row.
    async fn after(&self, row: &Message, changes: &[Change], price: Option<i64>) -> Message {
        for change in changes {
            let notes = Notes::default().with("price", price.filter(|_| *change == Change::Arrived)).expect("notes");
            self.messages.change(row.message_id, *change, None, notes, now()).await.expect("change");
        }
        self.messages.get(row.message_id).await.expect("get").expect("row")
    }

    async fn limit(&self, id: &str) -> Value {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(id.to_owned());
        let answer = self.embedded.dynamodb.get_item().table_name("LimitsTable").key("limit_id", key).consistent_read(true).send().await;
        answer.expect("get").item.map(|item| serde_dynamo::from_item(item).expect("a row")).unwrap_or_default()
    }

    async fn committed(&self) -> i64 {
        self.limit("budget/2026-11").await["committed"].as_i64().unwrap_or_default()
    }
}

fn refused_by(row: &Message) -> Option<Gate> {
    row.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| step.gate)
}

#[tokio::test]
async fn the_tenth_promotional_text_of_a_day_is_the_last_and_alerts_do_not_count() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    for n in 0..3 {
        stage.admit(&alert(&format!("a{n}"), &ada), &ada).await;
    }
    let mut refused = Vec::new();
    for n in 0..11 {
        refused.push(refused_by(&stage.admit(&invitation(&n.to_string(), &ada), &ada).await));
    }
    assert_eq!(refused[..10], [None; 10]);
    assert_eq!(refused[10], Some(Gate::UserDailyCap));
    assert_eq!(refused_by(&stage.admit(&alert("late", &ada), &ada).await), None);
    let tomorrow = now() + SignedDuration::from_hours(15);
    assert_eq!(refused_by(stage.admit_at(tomorrow, &[(&invitation("next", &ada), &ada)]).await[0].row()), None, "it is midnight in Chicago");
}

#[tokio::test]
async fn the_cap_holds_within_one_batch_and_for_two_people_with_one_number() {
    let mut rules = rules();
    rules.caps = Caps { per_day: 3, same_per_hour: 20, any_per_hour: 5 };
    let stage = Stage::set(rules).await;
    let ada = person(1);
    let bob = Recipient { user_id: UserId::try_from("bob".to_owned()).expect("user"), ..ada.clone() };
    let events = (0..4).flat_map(|n| [invitation(&format!("a{n}"), &ada), invitation(&format!("b{n}"), &bob)]).collect::<Vec<_>>();
    let wanted = events.iter().map(|event| (event, if event.id.starts_with('a') { &ada } else { &bob })).collect::<Vec<_>>();
    let refused = stage.admit_at(now(), &wanted).await.iter().map(|admitted| refused_by(admitted.row())).collect::<Vec<_>>();
    assert_eq!(refused[..5], [None; 5]);
    assert_eq!(refused[5..], [Some(Gate::CarrierHourlyCap), Some(Gate::UserDailyCap), Some(Gate::CarrierHourlyCap)]);
}

#[tokio::test]
async fn the_same_words_twenty_times_within_an_hour_and_no_more() {
    let mut rules = rules();
    rules.caps.per_day = 100;
    let stage = Stage::set(rules).await;
    let ada = person(1);
    let same = |id: &str| Event { content: invitation("x", &ada).content, ..invitation(id, &ada) };
    for n in 0..20 {
        assert_eq!(refused_by(&stage.admit(&same(&n.to_string()), &ada).await), None);
    }
    assert_eq!(refused_by(&stage.admit(&same("20"), &ada).await), Some(Gate::CarrierHourlyCap));
    assert_eq!(refused_by(&stage.admit(&invitation("other", &ada), &ada).await), None);
    let later = now() + SignedDuration::from_hours(1);
    assert_eq!(refused_by(stage.admit_at(later, &[(&same("21"), &ada)]).await[0].row()), None);
}

#[tokio::test]
async fn promotional_texts_leave_a_part_of_the_budget_to_the_others() {
    let mut rules = rules();
    rules.budget.monthly = MicroUsd(10_000);
    let stage = Stage::set(rules).await;
    let mut parts = 0;
    let mut n = 0;
    let refused = loop {
        let person = person(n);
        let row = stage.admit(&invitation(&n.to_string(), &person), &person).await;
        if let Some(gate) = refused_by(&row) {
            break gate;
        }
        parts += row.parts.expect("parts");
        n += 1;
    };
    assert_eq!((refused, parts), (Gate::Budget, 8));
    let used = metrics::record::take().into_iter().filter_map(|(metric, value)| (metric == Metric::BudgetUsedPercent).then_some(value));
    let used = used.collect::<Vec<_>>();
    assert!(
        used.last().is_some_and(|used| *used > 80.0),
        "what was refused rings the alarm, even if nothing else ever reaches its threshold: {used:?}"
    );
    let admitted = async |id: &str| refused_by(&stage.admit(&alert(id, &person(99)), &person(99)).await);
    assert_eq!([admitted("a1").await, admitted("a2").await, admitted("a3").await], [None, None, Some(Gate::Budget)]);
    assert_eq!(stage.committed().await, 10_000);
}

#[tokio::test]
async fn a_text_for_next_month_is_refused_and_measured_by_that_month() {
    let mut rules = rules();
    rules.quiet_hours = Some(SendingHours::default());
    let stage = Stage::set(rules).await;
    let late = "2026-12-01T05:00:00Z".parse().expect("eleven at night in Chicago on the last of November");
    let before = late - SignedDuration::from_hours(8);
    stage.admissions.limit(MicroUsd(1_000_000), &stage.rules.budget, before).await.expect("limit");
    assert_eq!(metrics::record::take(), [], "it is not lower than ours");
    let ada = person(1);
    stage.admit_at(before, &[(&invitation("1", &ada), &ada)]).await;
    let parts = metrics::record::take();
    assert_eq!(parts, [(Metric::BudgetUsedPercent, 0.1)]);
    stage.admissions.limit(MicroUsd(1000), &stage.rules.budget, before).await.expect("limit");
    assert_eq!(metrics::record::take(), [(Metric::BudgetUsedPercent, 100.0)], "AWS's own lower limit is used up, and nobody may be texted for days");
    stage.admissions.limit(MicroUsd(1100), &stage.rules.budget, late).await.expect("limit");
    let _ = metrics::record::take();
    let refused = stage.admit_at(late, &[(&invitation("2", &ada), &ada)]).await[0].row().clone();
    assert_eq!((refused_by(&refused), refused.status), (Some(Gate::Budget), Status::Suppressed));
    let used = metrics::record::take().into_iter().filter(|(metric, _)| *metric == Metric::BudgetUsedPercent).collect::<Vec<_>>();
    let [(_, used)] = used.as_slice() else { panic!("{used:?}") };
    assert!((used - 1000.0 / 11.0).abs() < 1e-9, "nothing is used of December, and 1000 of its 1100 were wanted: {used}");
}

#[tokio::test]
async fn what_is_held_is_counted_on_the_day_and_in_the_month_of_its_release() {
    let mut rules = rules();
    rules.quiet_hours = Some(SendingHours::default());
    let stage = Stage::set(rules).await;
    let ada = person(1);
    let late = "2026-12-01T05:00:00Z".parse().expect("eleven at night in Chicago on the last of November");
    let row = stage.admit_at(late, &[(&invitation("1", &ada), &ada)]).await[0].row().clone();
    let reserved = row.reserved.expect("a reservation");
    assert_eq!((row.status, reserved.month.as_str(), reserved.day.as_deref()), (Status::Held, "2026-12", Some("2026-12-01")));
    assert_eq!(stage.limit("day/2026-12-01/u1").await["ids"][0], row.message_id.to_string());
}

#[tokio::test]
async fn a_refused_text_gives_everything_back_once() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let row = stage.admit(&invitation("1", &ada), &ada).await;
    assert!(stage.committed().await > 0);
    stage.admissions.settle(&row, now()).await.expect("settle");
    assert!(stage.committed().await > 0, "it is still on its way");
    let failed = stage.after(&row, &[Change::Claimed, Change::Refused], None).await;
    for _ in 0..2 {
        stage.admissions.settle(&failed, now()).await.expect("settle");
    }
    assert_eq!(stage.committed().await, 0);
    assert!(stage.limit("day/2026-11-23/u1").await["ids"].is_null());
    assert_eq!(stage.limit("hours/+13125560001").await["texts"], serde_json::json!({}));
}

#[tokio::test]
async fn a_delivered_text_costs_what_its_receipt_says_and_still_counts() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let row = stage.admit(&invitation("1", &ada), &ada).await;
    let delivered = stage.after(&row, &[Change::Claimed, Change::Accepted, Change::Arrived], Some(1234)).await;
    stage.admissions.settle(&delivered, now()).await.expect("settle");
    let month = stage.limit("budget/2026-11").await;
    assert_eq!((&month["committed"], &month["promotional"], &month["settled"]), (&1234.into(), &1234.into(), &1234.into()));
    assert_eq!(stage.limit("day/2026-11-23/u1").await["ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(stage.messages.get(row.message_id).await.expect("get").expect("row").settled, Some(MicroUsd(1234)));
}

#[tokio::test]
async fn an_answer_that_met_no_gate_is_in_the_books_once_it_is_billed() {
    let stage = Stage::set(rules()).await;
    let row = Message::new(uuid::Uuid::from_u128(1), Content::HelpReply {}, now() + SignedDuration::from_hours(1), now());
    stage.messages.write(&row).await.expect("write");
    let delivered = stage.after(&row, &[Change::Claimed, Change::Accepted, Change::Arrived], Some(500)).await;
    for _ in 0..2 {
        stage.admissions.settle(&delivered, now()).await.expect("settle");
    }
    assert_eq!(stage.committed().await, 500);
}

#[tokio::test]
async fn what_aws_has_closed_is_closed_for_everybody_and_opens_again() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    stage.admissions.close(now()).await.expect("close");
    assert_eq!(refused_by(&stage.admit(&invitation("1", &ada), &ada).await), Some(Gate::Budget));
    assert_eq!(refused_by(&stage.admit(&alert("2", &ada), &ada).await), Some(Gate::Budget));
    let later = now() + SignedDuration::from_hours(1);
    assert_eq!(refused_by(stage.admit_at(later, &[(&alert("3", &ada), &ada)]).await[0].row()), None);
}

#[tokio::test]
async fn what_is_decided_is_measured_once_and_so_is_the_share_of_the_budget_that_it_takes() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let row = stage.admit(&invitation("1", &ada), &ada).await;
    let parts = row.parts.expect("parts");
    assert_eq!(metrics::record::take(), [(Metric::BudgetUsedPercent, f64::from(parts) / 10.0)], "it is not sent yet");
    stage.admissions.close(now()).await.expect("close");
    assert_eq!(metrics::record::take(), [(Metric::AwsSpendLimitReached, 1.0)]);
    for _ in 0..2 {
        stage.admit(&invitation("2", &ada), &ada).await;
    }
    assert_eq!(metrics::record::take(), [(Metric::Texts(Kind::BattleInvitation, Status::Suppressed), 1.0)], "a repeat is no news");
    stage.messages.erase(&row, now()).await.expect("erase");
    stage.messages.erase(&row, now()).await.expect("erase");
    assert_eq!(metrics::record::take(), [(Metric::Texts(Kind::BattleInvitation, Status::Suppressed), 1.0)], "it was erased while it waited");
}

#[tokio::test]
async fn every_outcome_that_a_change_leads_to_is_measured_by_its_kind() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let ways: [(&[Change], &[Status]); 9] = [
        (&[Change::Claimed, Change::Released], &[]),
        (&[Change::Claimed, Change::Accepted, Change::Arrived], &[Status::Sent, Status::Delivered]),
        (&[Change::Claimed, Change::Accepted, Change::Lost], &[Status::Sent, Status::Undelivered]),
        (&[Change::Claimed, Change::Refused], &[Status::Failed]),
        (&[Change::Claimed, Change::Unanswered, Change::Handed], &[Status::Unknown, Status::Sent]),
        (&[Change::Claimed, Change::OptedOut], &[Status::Suppressed]),
        (&[Change::Lapsed], &[Status::Expired]),
        (&[Change::Claimed, Change::Deferred, Change::Merged], &[Status::Held, Status::Merged]),
        (&[Change::Claimed, Change::Claimed], &[]),
    ];
    for (n, (changes, outcomes)) in ways.into_iter().enumerate() {
        let row = stage.admit(&invitation(&n.to_string(), &ada), &ada).await;
        let _ = metrics::record::take();
        stage.after(&row, changes, None).await;
        let texts = outcomes.iter().map(|outcome| (Metric::Texts(Kind::BattleInvitation, *outcome), 1.0)).collect::<Vec<_>>();
        assert_eq!(metrics::record::take(), texts, "{changes:?}");
    }
}

#[tokio::test]
async fn a_repeat_reserves_nothing_and_one_bad_record_keeps_nobody_waiting() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let first = stage.admit(&invitation("1", &ada), &ada).await;
    let committed = stage.committed().await;
    let (old, new) = (invitation("1", &ada), invitation("2", &ada));
    let admitted = stage.admit_at(now(), &[(&old, &ada), (&new, &ada), (&new, &ada)]).await;
    assert!(matches!(&admitted[0], Admitted::Repeat(row) if *row == first), "{:?}", admitted[0]);
    assert!(matches!(&admitted[1], Admitted::New(row) if row.status == Status::Pending));
    assert_eq!(admitted[1].row().message_id, admitted[2].row().message_id);
    assert_eq!(stage.committed().await, committed * 2);

    let wishes = [invitation("3", &ada), invitation("4", &ada)];
    let wishes = wishes.iter().map(|event| Wish { event, recipient: Some(&ada), opt_out: None }).collect::<Vec<_>>();
    let bad = wishes[0].event.message_id();
    let before = async |wish: Wish<'_>, message| if wish.event.message_id() == bad { anyhow::bail!("no such thing") } else { Ok(message) };
    let results = stage.admissions.admit(&wishes, &stage.rules, now(), before).await;
    assert!(results[0].is_err() && results[1].is_ok());
    assert_eq!(stage.committed().await, committed * 3);
}

#[tokio::test]
async fn what_is_refused_at_the_last_moment_reserves_nothing() {
    let stage = Stage::set(rules()).await;
    let ada = person(1);
    let event = invitation("1", &ada);
    let refuse = async |_, message: Message| Ok(message.decided(Status::Suppressed));
    let wish = Wish { event: &event, recipient: Some(&ada), opt_out: None };
    let admitted = stage.admissions.admit(&[wish], &stage.rules, now(), refuse).await.remove(0).expect("admitted");
    assert_eq!((admitted.row().status, &admitted.row().reserved), (Status::Suppressed, &None));
    assert_eq!(stage.embedded.scan("LimitsTable").await.expect("scan"), Vec::<Value>::new());
}
