//! Codes: due until their end, whatever became of their texts.

use sms::{due::LAST_RECEIPT, event::UserId, verification::Verification};

use super::*;

async fn with_code(id: u128, status: Status) -> Stage {
    let in_hands_of_aws = (status == Status::Sending).then(|| "gone".to_owned());
    let text = Message { provider_message_id: in_hands_of_aws, ..row(id, code(), status, noon(), minutes(10)) };
    let stage = Stage::set().await.with([text]).await;
    let dee = UserId::try_from("dee".to_owned()).expect("user");
    let verification = Verification::new(Uuid::from_u128(id), dee, PHONE.parse().expect("phone"), [7; 16], noon());
    stage.reconciler.closing.verifications.write(&verification).await.expect("write");
    stage
}

#[tokio::test]
async fn a_code_is_due_at_its_end_whatever_its_receipts_say() {
    for (n, changes) in
        [vec![Change::Accepted], vec![Change::Handed, Change::Arrived], vec![Change::Arrived], vec![Change::Lost]].into_iter().enumerate()
    {
        let stage = with_code(1, Status::Sending).await;
        for change in changes {
            stage.change(1, change, None, noon() + minutes(1)).await.expect("changed");
        }
        assert!(stage.due_at(1).await.is_some_and(|at| at <= noon() + minutes(10)), "case {n}");
        let status = stage.status(1).await;
        stage.run_at(noon() + minutes(10) - MOMENT).await;
        assert_eq!(stage.due_at(1).await, Some(noon() + minutes(10)), "case {n}");
        stage.run_at(noon() + minutes(10)).await;
        let open = (status == Status::Sent).then(|| noon() + minutes(1) + LAST_RECEIPT);
        assert_eq!((stage.due_at(1).await, stage.status(1).await), (open, status), "case {n}: a receipt may still say what it has cost");
    }
}

#[tokio::test]
async fn every_other_text_that_arrived_is_not_due_at_all() {
    let stage = Stage::set().await.with([row(1, alert(), Status::Sending, noon(), minutes(10))]).await;
    stage.change(1, Change::Arrived, None, noon()).await.expect("changed");
    assert_eq!((stage.due_at(1).await, stage.embedded.calls.take()), (None, vec!["DynamoDB_20120810.UpdateItem".to_owned()]));
}

#[tokio::test]
async fn a_code_in_doubt_is_sent_again_while_it_lives_and_not_after() {
    let living = with_code(1, Status::Unknown).await;
    living.run_at(noon() + RESEND_AFTER).await;
    assert_eq!((living.status(1).await, living.jobs("urgent")), (Status::Pending, vec![1]));

    let ended = with_code(1, Status::Unknown).await;
    ended.run_at(noon() + minutes(10)).await;
    assert_eq!(ended.due_at(1).await, Some(noon() + minutes(15)), "AWS may yet say what it calls the text");
    // An hour after its end AWS takes it for failed by itself.
    ended.run_at(noon() + minutes(70)).await;
    let last = noon() + LAST_RECEIPT;
    assert_eq!((ended.status(1).await, ended.due_at(1).await, ended.jobs("urgent").len()), (Status::Unknown, Some(last), 0));
    ended.run_at(last).await;
    assert_eq!((ended.status(1).await, ended.due_at(1).await), (Status::Unknown, None));
}

#[tokio::test]
async fn a_code_that_outlives_its_text_is_looked_at_again_at_its_end() {
    let stage = with_code(1, Status::Sending).await;
    stage.change(1, Change::Arrived, None, noon()).await.expect("changed");
    let outlived = Message { provider_message_id: Some("gone".to_owned()), ..row(2, code(), Status::Delivered, noon(), minutes(4)) };
    stage.reconciler.messages.write(&outlived).await.expect("write");
    let first = stage.reconciler.closing.verifications.get(Uuid::from_u128(1)).await.expect("get").expect("verification");
    stage.reconciler.closing.verifications.write(&first.repeated_in(Uuid::from_u128(2))).await.expect("write");
    stage.run_at(noon() + minutes(4)).await;
    assert_eq!(stage.due_at(2).await, Some(noon() + minutes(10)), "a second message has the code of the first");
    stage.run_at(noon() + minutes(10)).await;
    assert_eq!(stage.due().await.len(), 0);
}
