//! Journeys through the deployed local stack: from an event to a phone and back. Each has people of its own (`u1` …), so that they run side by side.

use std::time::Duration;

use journeys::stack::{Published, Stack, eventually, refused_by, user};
use serde_json::{Value, json};
use sms::{
    consent::{Action, Method, verify},
    event::message_id,
    gates::Gate,
    kind::Category,
    message::{Message, Status},
    recipient::Recipient,
};
use uuid::Uuid;

/// The phone of `u<n>`.
fn phone(n: u32) -> String {
    format!("+1312556{n:04}")
}

fn statuses(row: &Message) -> Vec<Status> {
    row.changes.iter().map(|entered| entered.status).collect()
}

async fn queue_is_empty(stack: &Stack, queue: &str) -> anyhow::Result<()> {
    use aws_sdk_sqs::types::QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};

    eventually(&format!("{queue} to be empty"), async || {
        let names = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible];
        let answer = stack.sqs.get_queue_attributes().queue_url(stack.output(queue)).set_attribute_names(Some(names.to_vec())).send().await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(names.iter().all(|name| attributes.get(name).is_some_and(|count| count == "0")).then_some(()))
    })
    .await
}

#[tokio::test]
async fn an_event_becomes_a_text_on_a_phone_and_a_row_that_tells_its_story() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let invitation = Published::sample("battle_invitation", "u1")?;
    stack.publish(std::slice::from_ref(&invitation)).await?;
    let row = stack.settled(&invitation).await?;
    assert_eq!(statuses(&row), [Status::Pending, Status::Sending, Status::Sent, Status::Delivered]);
    assert_eq!(refused_by(&row), None);
    let received = stack.received(&phone(1)).await?;
    assert_eq!(received, [row.body.clone().expect("body")]);
    assert!(received[0].contains("has challenged you to a battle on AllThrive!"), "{received:?}");
    let parts = row.parts.expect("parts");
    assert_eq!(row.price.expect("price").0, 5810 * i64::from(parts));
    assert_eq!(row.carrier_fee.expect("fee").0, 3020 * i64::from(parts));
    assert_eq!(row.estimated_price.expect("estimate").0, 8830 * i64::from(parts));
    assert!(row.carrier.is_some() && row.provider_message_id.is_some());
    Ok(())
}

#[tokio::test]
async fn every_kind_of_event_reaches_the_phone_within_its_parts() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let kinds = [
        "battle_invitation",
        "battle_result",
        "battle_reminder",
        "streak_alert",
        "direct_message",
        "achievement_unlock",
        "security_alert",
        "phone_verification",
    ];
    for (n, kind) in (10..).zip(kinds) {
        let mut event = Published::sample(kind, &format!("u{n}"))?;
        if kind == "phone_verification" {
            event = event.with("phone", phone(n));
        }
        stack.publish(std::slice::from_ref(&event)).await?;
        let row = stack.settled(&event).await?;
        assert_eq!(row.status, Status::Delivered, "{kind}: {:?}", row.gates);
        assert!(row.parts.expect("parts") <= row.kind().part_limit(), "{kind}");
        assert_eq!(stack.received(&phone(n)).await?.len(), 1, "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_code_is_on_the_phone_and_nowhere_else() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let event = Published::sample("phone_verification", "u20")?.with("phone", phone(20));
    stack.publish(std::slice::from_ref(&event)).await?;
    let row = stack.settled(&event).await?;
    let text = stack.received(&phone(20)).await?.remove(0);
    let code = text.split("code is: ").nth(1).and_then(|rest| rest.get(..6)).expect("a code").to_owned();
    assert!(code.bytes().all(|b| b.is_ascii_digit()) && text.ends_with(&format!("@allthrive.ai #{code}")), "{text}");
    assert_eq!(row.body, None);
    assert!(!serde_json::to_string(&row)?.contains(&format!("\"{code}\"")));
    Ok(())
}

#[tokio::test]
async fn please_stop_texting_me_stops_everything_and_start_brings_it_back() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let number = phone(2);
    stack.reply(&number, "Please stop texting me").await?;
    let confirmation = eventually("the one confirmation", async || Ok(stack.received(&number).await?.pop())).await?;
    assert!(confirmation.contains("AllThrive"), "{confirmation}");
    eventually("the consent to be revoked", async || {
        Ok(stack.recipients().get(&user("u2")).await?.filter(|row| row.standing_consent().is_none() && !row.sms_enabled).map(|_| ()))
    })
    .await?;

    let code = Published::sample("phone_verification", "u2")?.with("phone", number.clone());
    let events = [Published::sample("battle_invitation", "u2")?, Published::sample("security_alert", "u2")?, code];
    stack.publish(&events).await?;
    for event in &events {
        let row = stack.settled(event).await?;
        assert_eq!((row.status, refused_by(&row)), (Status::Suppressed, Some(Gate::OptOut)));
    }
    assert_eq!(stack.received(&number).await?.len(), 1, "one confirmation and nothing else");

    stack.reply(&number, "START").await?;
    eventually("the consent to be given", async || {
        Ok(stack.recipients().get(&user("u2")).await?.filter(|row| row.standing_consent().is_some() && row.sms_enabled).map(|_| ()))
    })
    .await?;
    let again = Published::sample("battle_invitation", "u2")?;
    stack.publish(std::slice::from_ref(&again)).await?;
    assert_eq!(stack.settled(&again).await?.status, Status::Delivered);

    let entries = stack.ledger().of(&user("u2")).await?;
    let said = entries.iter().map(|entry| (entry.statement.action, entry.statement.method)).collect::<Vec<_>>();
    let expected = [(Action::Given, Method::SettingsPage), (Action::Revoked, Method::SmsKeyword), (Action::Given, Method::SmsKeyword)];
    assert_eq!(said, expected);
    let head = stack.recipients().get(&user("u2")).await?.and_then(|row| row.ledger);
    assert_eq!(verify(&entries, head.as_ref()), Ok(()));
    Ok(())
}

#[tokio::test]
async fn stop_is_answered_by_the_network_alone() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let number = phone(3);
    stack.reply(&number, "Stop").await?;
    eventually("the opt-out", async || Ok(stack.opt_outs().get(&number.parse()?).await?.filter(|row| row.everything_since.is_some()))).await?;
    queue_is_empty(&stack, "UrgentQueueUrl").await?;
    let received = stack.received(&number).await?;
    assert_eq!(received.len(), 1, "{received:?}");
    assert!(received[0].starts_with("NETWORK MSG"), "{received:?}");
    let event = Published::sample("battle_result", "u3")?;
    stack.publish(std::slice::from_ref(&event)).await?;
    assert_eq!(refused_by(&stack.settled(&event).await?), Some(Gate::OptOut));
    Ok(())
}

#[tokio::test]
async fn stop_for_a_category_stops_that_and_is_confirmed_once() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let number = phone(4);
    stack.reply(&number, "STOP BATTLES").await?;
    let row = eventually("the opt-out", async || stack.opt_outs().get(&number.parse()?).await).await?;
    assert_eq!(row.categories, [Category::BattleInvitations, Category::BattleResults, Category::BattleReminders].into());
    assert_eq!(row.everything_since, None);
    eventually("the confirmation", async || Ok(stack.received(&number).await?.pop())).await?;

    let (invitation, streak) = (Published::sample("battle_invitation", "u4")?, Published::sample("streak_alert", "u4")?);
    stack.publish(&[invitation.clone(), streak.clone()]).await?;
    assert_eq!(refused_by(&stack.settled(&invitation).await?), Some(Gate::OptOut));
    assert_eq!(stack.settled(&streak).await?.status, Status::Delivered);
    assert_eq!(stack.received(&number).await?.len(), 2, "the confirmation and the streak");
    Ok(())
}

#[tokio::test]
async fn help_is_answered_and_chatter_is_not() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let number = phone(5);
    stack.reply(&number, "stop by my place later?").await?;
    stack.reply(&number, "HELP").await?;
    let help = eventually("the answer", async || Ok(stack.received(&number).await?.pop())).await?;
    assert!(help.contains("support@allthrive.ai") && help.contains("STOP"), "{help}");
    queue_is_empty(&stack, "UrgentQueueUrl").await?;
    assert_eq!(stack.received(&number).await?.len(), 1);
    assert_eq!(stack.opt_outs().get(&number.parse()?).await?, None);
    Ok(())
}

#[tokio::test]
async fn the_same_event_fifty_times_is_one_text() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let event = Published::sample("achievement_unlock", "u6")?;
    let publishing = (0..10).map(|_| {
        let (stack, event) = (&stack, &event);
        async move { stack.publish(&vec![event.clone(); 5]).await }
    });
    for published in futures::future::join_all(publishing).await {
        published?;
    }
    assert_eq!(stack.settled(&event).await?.status, Status::Delivered);
    for queue in ["EventsQueueUrl", "BulkQueueUrl"] {
        queue_is_empty(&stack, queue).await?;
    }
    assert_eq!(stack.received(&phone(6)).await?.len(), 1);
    assert_eq!(stack.settled(&event).await?.attempts, 1);
    Ok(())
}

#[tokio::test]
async fn of_a_batch_of_ten_seven_are_sent_two_explained_and_one_is_kept_with_its_reason() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let good = (30..37).map(|n| Published::sample("battle_invitation", &format!("u{n}"))).collect::<Result<Vec<_>, _>>()?;
    let stranger = Published::sample("battle_invitation", "nobody-knows-me")?;
    let without_consent = Published::sample("battle_invitation", "ben")?;
    let mark = Uuid::new_v4().to_string();
    let unreadable =
        json!({"specversion": "1.0", "id": mark, "source": "journeys", "type": "com.allthrive.sms.unheard_of.v1", "data": {"user_id": "ada"}});
    let mut batch = good.iter().map(|event| event.event.to_string()).collect::<Vec<_>>();
    batch.extend([stranger.event.to_string(), without_consent.event.to_string(), unreadable.to_string()]);
    stack.publish_bodies(&batch).await?;

    for event in &good {
        assert_eq!(stack.settled(event).await?.status, Status::Delivered);
    }
    assert_eq!(refused_by(&stack.settled(&stranger).await?), Some(Gate::Recipient));
    assert_eq!(refused_by(&stack.settled(&without_consent).await?), Some(Gate::Consent));

    let kept = eventually("the unreadable record in the dead-letter queue", async || {
        let messages = dead_letters(&stack).await?;
        Ok(messages.into_iter().find(|message| message["body"].as_str().is_some_and(|body| body.contains(&mark))))
    })
    .await?;
    assert_eq!(kept["queue"], stack.output("EventsQueueUrl").rsplit('/').next().expect("a name"));
    assert_eq!(kept["reason"], "not an event of AllThrive SMS: type: none of the eight event types");
    assert!(stack.messages().get(message_id("journeys", &mark)).await?.is_none());
    Ok(())
}

/// A look at the dead-letter queue that leaves everything in it.
async fn dead_letters(stack: &Stack) -> anyhow::Result<Vec<Value>> {
    let received = stack
        .sqs
        .receive_message()
        .queue_url(stack.output("DeadLetterQueueUrl"))
        .max_number_of_messages(10)
        .visibility_timeout(0)
        .message_attribute_names("All")
        .send()
        .await?;
    let attribute = |message: &aws_sdk_sqs::types::Message, name: &str| {
        message.message_attributes().and_then(|attributes| attributes.get(name)?.string_value()).map(str::to_owned)
    };
    Ok(received
        .messages()
        .iter()
        .map(|message| json!({"body": message.body(), "queue": attribute(message, "queue"), "reason": attribute(message, "reason")}))
        .collect())
}

#[tokio::test]
async fn the_people_of_the_local_stack_fare_as_the_readme_says() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let expected = [
        ("ada", Status::Delivered, None),
        ("ben", Status::Suppressed, Some(Gate::Consent)),
        ("cam", Status::Suppressed, Some(Gate::OptOut)),
        ("dee", Status::Suppressed, Some(Gate::PhoneVerified)),
        ("eve", Status::Suppressed, Some(Gate::Category)),
    ];
    let events = expected.iter().map(|(id, ..)| Published::sample("battle_invitation", id)).collect::<Result<Vec<_>, _>>()?;
    stack.publish(&events).await?;
    for (event, (id, status, gate)) in events.iter().zip(expected) {
        let row = stack.settled(event).await?;
        assert_eq!((row.status, refused_by(&row)), (status, gate), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_text_in_spanish_for_who_reads_spanish() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let recipient = stack.recipients().get(&user("u7")).await?.expect("u7");
    stack.recipients().put(&Recipient { locale: Some("es-MX".into()), ..recipient }).await?;
    let event = Published::sample("streak_alert", "u7")?;
    stack.publish(std::slice::from_ref(&event)).await?;
    stack.settled(&event).await?;
    let text = stack.received(&phone(7)).await?.remove(0);
    assert!(text.contains("racha"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_phone_that_blocks_us_is_never_texted_again() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let outcomes: Vec<Value> = stack.http.get(format!("{}/console/outcomes", stack.console)).send().await?.json().await?;
    let blocked = outcomes.iter().find(|outcome| outcome["outcome"].as_str().is_some_and(|words| words.contains("Phone has blocked SMS")));
    let number = blocked.and_then(|outcome| outcome["phone"].as_str()).expect("a number that blocks us").to_owned();
    stack.person("blocker", &number).await?;
    let first = Published::sample("battle_invitation", "blocker")?;
    stack.publish(std::slice::from_ref(&first)).await?;
    assert_eq!(stack.settled(&first).await?.status, Status::Undelivered);
    eventually("the opt-out", async || Ok(stack.opt_outs().get(&number.parse()?).await?.filter(|row| row.everything_since.is_some()))).await?;
    let second = Published::sample("security_alert", "blocker")?;
    stack.publish(std::slice::from_ref(&second)).await?;
    assert_eq!(refused_by(&stack.settled(&second).await?), Some(Gate::OptOut));
    Ok(())
}

#[tokio::test]
async fn six_texts_to_one_phone_at_once_go_out_one_after_the_other_and_once_each() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    // AWS takes one text a second to one phone.
    let events = (0..6).map(|_| Published::sample("streak_alert", "u8")).collect::<Result<Vec<_>, _>>()?;
    stack.publish(&events).await?;
    let mut attempts = 0;
    let mut sent = Vec::new();
    for event in &events {
        let row = stack.settled(event).await?;
        assert_eq!(row.status, Status::Delivered);
        attempts += row.attempts;
        sent.extend(row.changes.iter().filter(|entered| entered.status == Status::Sent).map(|entered| entered.at));
    }
    assert!(attempts < 9, "{attempts} attempts: who waits for the phone's next second is not throttled");
    let (first, last) = (sent.iter().min().expect("one"), sent.iter().max().expect("one"));
    assert!(last.duration_since(*first) >= jiff::SignedDuration::from_secs(4), "{sent:?}");
    assert_eq!(stack.received(&phone(8)).await?.len(), 6);
    Ok(())
}

#[tokio::test]
async fn make_redrive_sends_a_record_back_to_where_it_came_from() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    // A record that fails now and would not fail later: a job whose row is not there yet.
    let event = Published::sample("streak_alert", "u9")?;
    let job = json!({"message_id": event.message_id()}).to_string();
    let queue = stack.output("BulkQueueUrl");
    let name = queue.rsplit('/').next().expect("a name");
    let text = |value: &str| aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value(value).build();
    let dead = stack.sqs.send_message().queue_url(stack.output("DeadLetterQueueUrl")).message_body(&job);
    dead.message_attributes("queue", text(name)?).message_attributes("reason", text("a test")?).send().await?;
    let row = Message::new(event.message_id(), sms::event::Event::parse(&event.event.to_string())?.content, soon()?, jiff::Timestamp::now());
    stack.messages().write(&row.to(Some(phone(9).parse()?))).await?;

    let redrive = tokio::process::Command::new("make").arg("redrive").current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().await?;
    let said = String::from_utf8_lossy(&redrive.stdout).into_owned() + &String::from_utf8_lossy(&redrive.stderr);
    assert!(redrive.status.success(), "{said}");
    assert_eq!(stack.settled(&event).await?.status, Status::Delivered);
    Ok(())
}

fn soon() -> anyhow::Result<jiff::Timestamp> {
    Ok(jiff::Timestamp::now() + jiff::SignedDuration::try_from(Duration::from_mins(10))?)
}

#[tokio::test]
async fn a_delivered_text_is_in_the_books_with_its_real_price() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    stack.person("billed", "+13125569006").await?;
    let event = Published::sample("battle_invitation", "billed")?;
    stack.publish(std::slice::from_ref(&event)).await?;
    let row = stack.row_when(&event, |row| row.settled.is_some()).await?;
    assert_eq!(row.reserved.as_ref().map(|reserved| reserved.amount), row.estimated_price);
    assert_eq!(row.settled.map(|price| price.0), Some(row.price.expect("price").0 + row.carrier_fee.expect("fee").0));
    Ok(())
}
