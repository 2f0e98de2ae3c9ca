//! No gate is a stub: for each there is a journey in which it alone decides. Another person, who differs in that one thing, gets the same text.

use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use journeys::{
    binary::{produce, produce_at},
    stack::{Published, Stack, eventually, refused_by, user},
};
use serde_json::json;
use sms::{
    budget::Budget,
    consent::Method,
    event::message_id,
    gates::{Gate, Verdict},
    message::{Message, Status},
    money::MicroUsd,
    opt_out::OptOut,
    recipient::{Categories, Consent, Recipient},
    stores::Admissions,
};
use uuid::Uuid;

/// What one gate has against a text, and what none has.
struct Case {
    gate: Gate,
    /// Changes a person who agreed to everything into one whom the gate stops.
    person: fn(Recipient) -> Recipient,
    kind: &'static str,
    /// Changes the event into one that the gate stops.
    event: fn(Published) -> Published,
}

const CASES: &[Case] = &[
    Case { gate: Gate::Recipient, person: |person| Recipient { phone: None, ..person }, kind: "battle_invitation", event: |event| event },
    Case {
        gate: Gate::PhoneVerified,
        person: |person| Recipient { phone_verified_at: None, ..person },
        kind: "battle_invitation",
        event: |event| event,
    },
    Case { gate: Gate::Country, person: elsewhere, kind: "battle_invitation", event: |event| event },
    Case { gate: Gate::Consent, person: |person| Recipient { consent: None, ..person }, kind: "security_alert", event: |event| event },
    Case { gate: Gate::Consent, person: revoked, kind: "battle_invitation", event: |event| event },
    Case { gate: Gate::MasterSwitch, person: |person| Recipient { sms_enabled: false, ..person }, kind: "battle_invitation", event: |event| event },
    Case {
        gate: Gate::Category,
        person: |person| Recipient { categories: Categories { streak_alerts: false, ..Categories::ALL_ON }, ..person },
        kind: "streak_alert",
        event: |event| event,
    },
    Case {
        gate: Gate::Offline,
        person: |person| person,
        kind: "direct_message",
        event: |event| event.with("recipient_last_seen_at", Timestamp::now().to_string()),
    },
    Case { gate: Gate::Expiry, person: |person| person, kind: "battle_invitation", event: over },
    Case {
        gate: Gate::Content,
        person: |person| person,
        kind: "battle_invitation",
        event: |event| event.with("invitation_link", "https://allthrive.ai.example.com/b"),
    },
];

/// A number that proves itself like any other, in a country that nobody put a price on.
fn elsewhere(person: Recipient) -> Recipient {
    let phone = "+447700900123".parse().ok();
    let consent = person.consent.clone().zip(phone.clone()).map(|(consent, phone)| Consent { phone, ..consent });
    Recipient { phone, consent, ..person }
}

fn revoked(person: Recipient) -> Recipient {
    let consent = person.consent.clone().map(|consent| Consent { revoked_at: Some(consent.given_at), ..consent });
    Recipient { consent, ..person }
}

fn over(mut event: Published) -> Published {
    event.event["expirytime"] = (Timestamp::now() - SignedDuration::from_secs(1)).to_string().into();
    event
}

/// That `gate` is the only one that said no, after all before it let the text through.
fn decided_alone(row: &Message, gate: Gate) {
    let (last, before) = row.gates.split_last().expect("gates");
    assert_eq!((last.gate, last.verdict), (gate, Verdict::Fail), "{:?}", row.gates);
    assert!(last.detail.is_some(), "no reason given by {gate:?}");
    assert!(before.iter().all(|step| matches!(step.verdict, Verdict::Pass | Verdict::Skip)), "{:?}", row.gates);
}

#[tokio::test]
async fn each_gate_that_a_row_or_an_event_decides_stops_a_text_by_itself() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let mut events = Vec::new();
    for (n, case) in CASES.iter().enumerate() {
        let (stopped, twin) = (format!("gate-{n}"), format!("twin-{n}"));
        stack.person(&twin, &format!("+1312558{n:04}")).await?;
        let whole = stack.person("model", &format!("+1312558{:04}", 100 + n)).await?;
        stack.recipients().put(&(case.person)(Recipient { user_id: user(&stopped), ..whole })).await?;
        let event = (case.event)(Published::sample(case.kind, &stopped)?);
        events.push((case.gate, event, Published::sample(case.kind, &twin)?));
    }
    let all = events.iter().flat_map(|(_, event, twin)| [event.clone(), twin.clone()]).collect::<Vec<_>>();
    stack.publish(&all).await?;
    for (gate, event, twin) in &events {
        let row = stack.settled(event).await?;
        decided_alone(&row, *gate);
        assert_eq!(row.status, if *gate == Gate::Expiry { Status::Expired } else { Status::Suppressed });
        assert_eq!(stack.settled(twin).await?.status, Status::Delivered, "the twin of {gate:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_opt_out_of_the_number_stops_who_agreed_to_everything() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (number, now) = ("+13125589001", Timestamp::now());
    stack.person("stopped", number).await?;
    let everything = OptOut {
        phone: number.parse()?,
        everything_since: Some(now),
        categories: std::collections::BTreeSet::new(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: now,
        revision: None,
    };
    assert!(stack.opt_outs().say(&everything).await?);
    for kind in ["battle_invitation", "security_alert"] {
        let event = Published::sample(kind, "stopped")?;
        stack.publish(std::slice::from_ref(&event)).await?;
        decided_alone(&stack.settled(&event).await?, Gate::OptOut);
    }
    assert!(stack.received(number).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_event_that_comes_again_is_stopped_whatever_it_says_now() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("again", "+13125589002").await?;
    let event = Published::sample("battle_invitation", "again")?;
    stack.publish(std::slice::from_ref(&event)).await?;
    // Its money is settled right after its status: only then nothing changes the row any more.
    let first = stack.row_when(&event, |row| row.settled.is_some()).await?;
    // The key is all that counts.
    let repeat = event.clone().with("battle_topic", "Something else");
    let marker = Published::sample("security_alert", "again")?;
    stack.publish(&[repeat, marker.clone()]).await?;
    assert_eq!(stack.settled(&marker).await?.status, Status::Delivered);
    assert_eq!(stack.messages().get(event.message_id()).await?, Some(first), "the first row stands");
    assert_eq!(stack.received("+13125589002").await?.len(), 2, "the first and the alert");
    Ok(())
}

/// A time zone in which it is `hour` o'clock now.
fn zone_at(hour: i8) -> String {
    let here = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    // The signs of these names are the wrong way round, as POSIX has them: Etc/GMT+5 is five hours behind.
    let behind = (here - hour).rem_euclid(24);
    if behind <= 12 { format!("Etc/GMT+{behind}") } else { format!("Etc/GMT-{}", 24 - behind) }
}

#[tokio::test]
async fn an_invitation_at_night_is_held_until_the_morning_there_by_the_quiet_hours_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let people = [("night", "+13125569001", 23), ("day", "+13125569002", 12)];
    for (id, number, hour) in people {
        let recipient = stack.person(id, number).await?;
        stack.recipients().put(&Recipient { time_zone: Some(zone_at(hour)), ..recipient }).await?;
    }
    let (night, day, alert) = (
        Published::sample("battle_invitation", "night")?,
        Published::sample("battle_invitation", "day")?,
        Published::sample("security_alert", "night")?,
    );
    let mut short = Published::sample("battle_invitation", "night")?;
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    short.event["expirytime"] = soon.to_string().into();
    let answer = produce(&stack, &[("QUIET_HOURS", "on")], &[night.clone(), day.clone(), alert.clone(), short.clone()]).await?;
    assert_eq!(answer["batchItemFailures"], json!([]));

    let held = stack.row_when(&night, |_| true).await?;
    assert_eq!((held.status, refused_by(&held)), (Status::Held, None));
    let release = held.release_at.expect("a release").to_zoned(jiff::tz::TimeZone::get(&zone_at(23))?);
    assert_eq!((release.hour(), release.minute() < 20), (8, true), "{release}");
    assert_eq!(stack.settled(&day).await?.status, Status::Delivered);
    assert_eq!(stack.settled(&alert).await?.status, Status::Delivered);
    let expired = stack.settled(&short).await?;
    assert_eq!((expired.status, refused_by(&expired)), (Status::Expired, Some(Gate::QuietHours)));
    assert_eq!(stack.received("+13125569001").await?.len(), 1, "the alert and nothing else");
    Ok(())
}

#[tokio::test]
async fn the_eleventh_promotional_text_of_a_day_is_stopped_by_the_daily_cap_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("busy", "+13125569003").await?;
    let events = (0..11).map(|_| Published::sample("battle_invitation", "busy")).collect::<Result<Vec<_>, _>>()?;
    stack.publish(&events).await?;
    let mut refused = Vec::new();
    for event in &events {
        refused.extend(refused_by(&stack.settled(event).await?));
    }
    assert_eq!(refused, [Gate::UserDailyCap]);
    assert_eq!(stack.received("+13125569003").await?.len(), 10);
    Ok(())
}

#[tokio::test]
async fn the_twenty_first_text_with_the_same_words_is_stopped_by_the_hourly_cap_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("alarmed", "+13125569004").await?;
    let events = (0..21).map(|_| Published::sample("security_alert", "alarmed")).collect::<Result<Vec<_>, _>>()?;
    stack.publish(&events).await?;
    let mut refused = Vec::new();
    for event in &events {
        let row = stack.row_when(event, |_| true).await?;
        refused.extend(refused_by(&row));
    }
    assert_eq!(refused, [Gate::CarrierHourlyCap]);
    Ok(())
}

#[tokio::test]
async fn a_text_that_the_month_cannot_afford_is_stopped_by_the_budget_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("poor", "+13125569005").await?;
    let (alert, invitation) = (Published::sample("security_alert", "poor")?, Published::sample("battle_invitation", "poor")?);
    produce(&stack, &[("MONTHLY_BUDGET", "8829")], std::slice::from_ref(&alert)).await?;
    produce(&stack, &[("PROMOTIONAL_BUDGET", "8829"), ("MONTHLY_BUDGET", "1000000000")], std::slice::from_ref(&invitation)).await?;
    for event in [&alert, &invitation] {
        let row = stack.settled(event).await?;
        assert_eq!((row.status, refused_by(&row), row.reserved), (Status::Suppressed, Some(Gate::Budget), None));
    }
    assert!(stack.received("+13125569005").await?.is_empty());
    Ok(())
}

/// The middle of a month ahead. Nobody else spends its money, so that a journey may have it to itself.
fn month_ahead(months: i64) -> anyhow::Result<Timestamp> {
    let month = Timestamp::now().to_zoned(TimeZone::UTC).first_of_month()?;
    Ok(month.checked_add(Span::new().months(months).days(14))?.timestamp())
}

fn admissions(stack: &Stack) -> Admissions {
    Admissions::new(stack.dynamodb.clone(), stack.output("MessagesTable").to_owned(), stack.output("LimitsTable").to_owned())
}

/// The words of the gate that decided.
fn why(row: &Message) -> &str {
    row.gates.last().and_then(|step| step.detail.as_deref()).unwrap_or_default()
}

#[tokio::test]
async fn a_text_too_many_within_an_hour_is_stopped_by_the_hourly_cap_alone_whatever_it_says() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let few = [("HOURLY_CAP", "3"), ("QUIET_HOURS", "off")];
    for (id, number) in [("flooded", "+13125569006"), ("spared", "+13125569007")] {
        stack.person(id, number).await?;
    }
    let alert = |n: u32| anyhow::Ok(Published::sample("security_alert", "flooded")?.with("detail", format!("Device {n}")));
    let events = [alert(1)?, alert(2)?, Published::sample("battle_invitation", "flooded")?, alert(3)?];
    let twin = Published::sample("security_alert", "spared")?.with("detail", "Device 3");
    let answer = produce(&stack, &few, &[events.as_slice(), std::slice::from_ref(&twin)].concat()).await?;
    assert_eq!(answer["batchItemFailures"], json!([]));
    let (last, before) = events.split_last().expect("events");
    let row = stack.settled(last).await?;
    decided_alone(&row, Gate::CarrierHourlyCap);
    assert_eq!(why(&row), "3 texts to this number within an hour");
    for event in before.iter().chain([&twin]) {
        assert_eq!(stack.settled(event).await?.status, Status::Delivered);
    }
    assert_eq!(stack.received("+13125569006").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn what_is_kept_for_transactional_texts_stops_an_invitation_by_the_budget_alone_and_no_alert() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("thrifty", "+13125569008").await?;
    // Of 3.4 parts, 2.7 are for promotional texts; an invitation has one or two.
    let (at, little) = (month_ahead(2)?, [("MONTHLY_BUDGET", "30000"), ("QUIET_HOURS", "off")]);
    let invitations = (0..3).map(|_| Published::sample("battle_invitation", "thrifty")).collect::<Result<Vec<_>, _>>()?;
    let alert = Published::sample("security_alert", "thrifty")?;
    produce_at(&stack, at, &little, &invitations).await?;
    produce_at(&stack, at, &little, std::slice::from_ref(&alert)).await?;
    let (mut sent, mut stopped) = (0, Vec::new());
    for event in &invitations {
        let row = stack.settled(event).await?;
        if row.status == Status::Delivered {
            sent += row.parts.expect("parts");
        } else {
            stopped.push(row);
        }
    }
    assert_eq!((sent, stopped.is_empty()), (2, false), "as many parts as fit into four fifths");
    for row in &stopped {
        decided_alone(row, Gate::Budget);
        assert!(why(row).contains("20% of it kept for transactional texts"), "{}", why(row));
    }
    assert_eq!(stack.settled(&alert).await?.status, Status::Delivered, "it is for this that something is kept");
    Ok(())
}

#[tokio::test]
async fn what_aws_has_closed_stops_a_text_by_the_budget_alone_until_an_hour_has_gone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("locked-out", "+13125569009").await?;
    let at = month_ahead(4)?;
    let (stopped, later) = (Published::sample("security_alert", "locked-out")?, Published::sample("security_alert", "locked-out")?);
    // As the sender does when AWS says that its limit is reached.
    admissions(&stack).close(at).await?;
    produce_at(&stack, at, &[], std::slice::from_ref(&stopped)).await?;
    produce_at(&stack, at + SignedDuration::from_mins(61), &[], std::slice::from_ref(&later)).await?;
    let row = stack.settled(&stopped).await?;
    decided_alone(&row, Gate::Budget);
    assert!(why(&row).starts_with("AWS's own monthly spend limit is reached: tried again after "), "{}", why(&row));
    assert_eq!(stack.settled(&later).await?.status, Status::Delivered);
    assert_eq!(stack.received("+13125569009").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_aws_below_our_budget_stops_a_text_by_the_budget_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("limited", "+13125569010").await?;
    let (at, rich) = (month_ahead(6)?, [("MONTHLY_BUDGET", "1000000000")]);
    let ours = Budget { monthly: MicroUsd(1_000_000_000), promotional: None, transactional: None, kept_percent: 20 };
    let (stopped, sent) = (Published::sample("security_alert", "limited")?, Published::sample("security_alert", "limited")?);
    // As the reconciler does once a day. One part costs a millionth of a dollar more.
    admissions(&stack).limit(MicroUsd(8829), &ours, at).await?;
    produce_at(&stack, at, &rich, std::slice::from_ref(&stopped)).await?;
    let row = stack.settled(&stopped).await?;
    decided_alone(&row, Gate::Budget);
    assert!(why(&row).contains("of this month's") && !why(&row).contains("kept"), "{}", why(&row));
    admissions(&stack).limit(MicroUsd(8830), &ours, at).await?;
    produce_at(&stack, at, &rich, std::slice::from_ref(&sent)).await?;
    assert_eq!(stack.settled(&sent).await?.status, Status::Delivered);
    Ok(())
}

#[tokio::test]
async fn what_is_no_event_is_kept_with_its_reason_by_the_schema_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("schemed", "+13125569011").await?;
    let twin = Published::sample("battle_invitation", "schemed")?;
    let mut wrong = Published::sample("battle_invitation", "schemed")?.with("surprise", "Ada");
    let (garbled, mark) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
    wrong.event["id"] = mark.clone().into();
    stack.publish_bodies(&[format!("{{\"id\": \"{garbled}\", …"), wrong.event.to_string(), twin.event.to_string()]).await?;
    assert_eq!(stack.settled(&twin).await?.status, Status::Delivered, "it is the same event without the field");
    for (mark, reason) in [(&garbled, "not JSON"), (&mark, "data: has a field that is none of ours")] {
        let kept = eventually("the record in the dead-letter queue", async || reason_of(&stack, mark).await).await?;
        assert!(kept.starts_with(&format!("not an event of AllThrive SMS: {reason}")), "{kept}");
        assert!(!kept.contains("surprise") && !kept.contains("Ada"), "{kept}");
        assert!(stack.messages().get(message_id("journeys", mark)).await?.is_none());
    }
    assert_eq!(stack.received("+13125569011").await?.len(), 1);
    Ok(())
}

/// Why the record with `mark` in it is in the dead-letter queue, if it is; it stays there.
async fn reason_of(stack: &Stack, mark: &str) -> anyhow::Result<Option<String>> {
    let look = stack.sqs.receive_message().queue_url(stack.output("DeadLetterQueueUrl")).message_attribute_names("All");
    let found = look.max_number_of_messages(10).visibility_timeout(0).send().await?;
    let kept = found.messages().iter().find(|message| message.body().is_some_and(|body| body.contains(mark)));
    Ok(kept.and_then(|message| message.message_attributes()?.get("reason")?.string_value().map(str::to_owned)))
}
