//! A night, by a moved clock: what comes late is held, and leaves in the morning, once. Alone on the stack, since a clock is everybody's.

use jiff::{SignedDuration, Timestamp, Zoned, civil::time, tz::TimeZone};
use journeys::{
    binary::{produce_at, reconcile_at},
    stack::{Published, Stack, eventually},
};
use serde_json::json;
use sms::{
    gates::{Gate, Verdict},
    kind::Kind,
    message::{Message, Status},
    recipient::Recipient,
};

const QUIET: [(&str, &str); 1] = [("QUIET_HOURS", "on")];
const ZONE: &str = "America/New_York";

/// The next half past eleven in New York. The deployed functions, which know no night here, have yet to come to it.
fn late() -> anyhow::Result<Zoned> {
    let now = Timestamp::now().to_zoned(TimeZone::get(ZONE)?);
    let today = now.date().to_datetime(time(23, 30, 0, 0)).to_zoned(now.time_zone().clone())?;
    Ok(if today > now { today } else { today.tomorrow()? })
}

async fn sleeper(stack: &Stack, id: &str, phone: &str) -> anyhow::Result<()> {
    let person = stack.person(id, phone).await?;
    stack.recipients().put(&Recipient { time_zone: Some(ZONE.into()), ..person }).await
}

async fn row(stack: &Stack, event: &Published) -> anyhow::Result<Message> {
    stack.row_when(event, |_| true).await
}

#[tokio::test]
async fn what_comes_late_is_held_and_leaves_in_the_morning_once_several_as_one_and_what_is_over_not_at_all() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (alone, several) = ("+13125569101", "+13125569102");
    sleeper(&stack, "sleeps-alone", alone).await?;
    sleeper(&stack, "sleeps-much-wanted", several).await?;
    let late = late()?;
    let invitation = Published::sample("battle_invitation", "sleeps-alone")?;
    let mut short = Published::sample("battle_invitation", "sleeps-alone")?;
    // Of use until a moment before the first one may leave, and so decided at once; and until a moment after, and then overtaken by its end.
    let morning = late.tomorrow()?.with().hour(8).minute(0).second(0).build()?;
    short.event["expirytime"] = (morning.timestamp() - SignedDuration::from_secs(1)).to_string().into();
    let mut ends = Published::sample("battle_result", "sleeps-alone")?;
    ends.event["expirytime"] = (morning.timestamp() + SignedDuration::from_mins(30)).to_string().into();
    let three = [
        Published::sample("battle_invitation", "sleeps-much-wanted")?,
        Published::sample("battle_result", "sleeps-much-wanted")?,
        Published::sample("achievement_unlock", "sleeps-much-wanted")?,
    ];
    let all = [invitation.clone(), short.clone(), ends.clone()].into_iter().chain(three.clone()).collect::<Vec<_>>();
    let answer = produce_at(&stack, late.timestamp(), &QUIET, &all).await?;
    assert_eq!(answer["batchItemFailures"], json!([]));

    let held = row(&stack, &invitation).await?;
    let step = held.gates.iter().find(|step| step.gate == Gate::QuietHours).expect("the gate");
    assert_eq!((held.status, step.verdict, held.created_at.duration_since(late.timestamp()).as_secs() < 60), (Status::Held, Verdict::Hold, true));
    let release = held.release_at.expect("its release");
    let there = release.to_zoned(TimeZone::get(ZONE)?);
    assert_eq!((there.date(), there.hour(), there.minute() < 20), (morning.date(), 8, true), "{there}");
    assert_eq!(row(&stack, &short).await?.status, Status::Expired, "of no use in the morning");
    for event in three.iter().chain([&ends]) {
        assert_eq!(row(&stack, event).await?.status, Status::Held);
    }

    reconcile_at(&stack, morning.timestamp() - SignedDuration::from_secs(1), &QUIET).await?;
    assert_eq!(row(&stack, &invitation).await?.status, Status::Held, "a second too early");
    assert!(stack.received(alone).await?.is_empty() && stack.received(several).await?.is_empty());

    // Nobody comes by for half an hour: one has come to its end by then.
    let coming_by = morning.timestamp() + SignedDuration::from_mins(30);
    reconcile_at(&stack, coming_by, &QUIET).await?;
    reconcile_at(&stack, coming_by + SignedDuration::from_secs(1), &QUIET).await?;
    assert_eq!(stack.settled(&invitation).await?.status, Status::Delivered);
    assert_eq!(stack.settled(&ends).await?.status, Status::Expired);
    let merged = row(&stack, &three[0]).await?;
    let digest = merged.merged_into.expect("the digest that has it");
    for event in &three {
        let row = row(&stack, event).await?;
        assert_eq!((row.status, row.merged_into), (Status::Merged, Some(digest)));
    }
    let digest = eventually("the digest on the phone", async || Ok(stack.messages().get(digest).await?.filter(|row| row.status.is_final()))).await?;
    assert_eq!((digest.kind(), digest.status), (Kind::Digest, Status::Delivered));
    let texts = [stack.received(alone).await?, stack.received(several).await?];
    assert_eq!(texts.each_ref().map(Vec::len), [1, 1], "once each");
    assert!(texts[1][0].starts_with("AllThrive: Waiting for you: 1 battle invitation, 1 battle result, 1 achievement."), "{}", texts[1][0]);
    Ok(())
}
