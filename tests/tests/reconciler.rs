//! Journeys of texts that only the reconciler finds, on the deployed local stack. Nobody calls it but its schedule.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use journeys::{
    embedded::sdk,
    stack::{Stack, eventually_within, user},
};
use serde_json::json;
use sms::{
    content::{BattleInvitation, Content, SecurityAlert},
    message::{Message, Status},
    provider::OptOutList,
    stores::Written,
};
use uuid::Uuid;

/// The schedule comes by once a minute, and the emulator looks at it every ten seconds.
const TWO_ROUNDS: Duration = Duration::from_secs(150);

fn invitation() -> Content {
    Content::BattleInvitation(BattleInvitation {
        inviter_name: "Ada".into(),
        battle_topic: "Haiku duel".into(),
        invitation_link: "https://allthrive.ai/b/9".into(),
    })
}

fn alert() -> anyhow::Result<Content> {
    let alert = serde_json::from_value(json!("new_login"))?;
    Ok(Content::SecurityAlert(SecurityAlert { alert, detail: "Firefox on Linux".into(), link: "https://allthrive.ai/security".into() }))
}

/// A row for `u<n>`, as a function left it ten minutes ago.
async fn left(stack: &Stack, n: u32, content: Content, status: Status) -> anyhow::Result<Uuid> {
    let then = Timestamp::now() - SignedDuration::from_mins(10);
    let row = Message::new(Uuid::new_v4(), content, then + SignedDuration::from_hours(2), then).to(format!("+1312556{n:04}").parse().ok());
    let sending = status == Status::Sending;
    let row = Message {
        user_id: Some(user(&format!("u{n}"))),
        attempts: u32::from(sending),
        lease_until: sending.then(|| then + SignedDuration::from_mins(1)),
        release_at: (status == Status::Held).then(|| then + SignedDuration::from_mins(9)),
        ..row.decided(status)
    };
    anyhow::ensure!(matches!(stack.messages().write(&row).await?, Written::New));
    Ok(row.message_id)
}

async fn row_in(stack: &Stack, id: Uuid, status: Status) -> anyhow::Result<Message> {
    eventually_within(TWO_ROUNDS, &format!("{id} to be {status:?}"), async || Ok(stack.messages().get(id).await?.filter(|row| row.status == status)))
        .await
}

async fn texts(stack: &Stack, n: u32) -> anyhow::Result<usize> {
    Ok(stack.received(&format!("+1312556{n:04}")).await?.len())
}

#[tokio::test]
async fn within_a_minute_the_schedule_finds_what_was_lost_left_in_doubt_or_held() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let doubtful_alert = left(&stack, 25, alert()?, Status::Sending).await?;
    let doubtful_invitation = left(&stack, 26, invitation(), Status::Sending).await?;
    let lost = left(&stack, 27, invitation(), Status::Pending).await?;
    let held = left(&stack, 28, invitation(), Status::Held).await?;

    assert_eq!(row_in(&stack, doubtful_invitation, Status::Unknown).await?.attempts, 1);
    assert_eq!(row_in(&stack, doubtful_alert, Status::Delivered).await?.attempts, 2);
    assert_eq!(row_in(&stack, lost, Status::Delivered).await?.attempts, 1);
    // It goes out some seconds into its minute.
    assert_eq!(row_in(&stack, held, Status::Delivered).await?.attempts, 1);

    // The rounds that come by while all this is waited for find nothing more to do.
    assert_eq!(stack.messages().get(doubtful_invitation).await?.map(|row| row.status), Some(Status::Unknown));
    let sent = [texts(&stack, 25).await?, texts(&stack, 26).await?, texts(&stack, 27).await?, texts(&stack, 28).await?];
    assert_eq!(sent, [1, 0, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn an_opt_out_that_aws_does_not_have_is_found_and_put_on_its_list_and_the_drift_is_a_metric() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let list = OptOutList::new(&sdk(&stack.console), "Default".into());
    // Cam said STOP before this stack was up, and AWS's list knows nothing of it.
    let cam = ["+12025550103".parse()?];
    eventually_within(TWO_ROUNDS, "cam on AWS's list", async || Ok(list.has(&cam).await?.then_some(()))).await?;
    let log = eventually_within(TWO_ROUNDS, "the drift in the log", async || {
        Ok(Some(stack.log_group("/aws/lambda/allthrive-sms-reconciler").await?).filter(|log| log.contains("OptOutDrift")))
    })
    .await?;
    assert!(log.contains(r#""Namespace":"AllThriveSms""#), "{log}");
    assert!(!log.contains("2025550103"), "a number in the log");
    Ok(())
}
