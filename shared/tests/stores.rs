//! The stores on an embedded DynamoDB: who wins a race, and what a row says afterwards.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use sms::{
    consent::{Action, Method, Statement, verify},
    content::{BattleInvitation, Content},
    event::UserId,
    kind::Lane,
    message::{Change, Message, Status},
    opt_out::OptOut,
    recipient::{Consent, Recipient},
    stores::{Begun, Changed, Ledger, Messages, Notes, OptOuts, Recipients, Replies, Reply, Written},
};
use uuid::Uuid;

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).expect("user")
}

fn invitation(id: u128) -> Message {
    let content = Content::BattleInvitation(BattleInvitation {
        inviter_name: "Ada".into(),
        battle_topic: "Haiku duel".into(),
        invitation_link: "https://allthrive.ai/b/9".into(),
    });
    let message = Message::new(Uuid::from_u128(id), content, later(3600), now()).to("+12025550101".parse().ok());
    Message { user_id: Some(user("ada")), body: Some("words".into()), parts: Some(2), ..message }
}

async fn messages() -> (Embedded, Messages) {
    let embedded = Embedded::start().await.expect("embedded");
    let messages = Messages::new(embedded.dynamodb.clone(), "MessagesTable".into());
    (embedded, messages)
}

#[tokio::test]
async fn a_row_comes_back_as_it_was_written() {
    let (_embedded, messages) = messages().await;
    let message = invitation(1);
    assert!(matches!(messages.write(&message).await.expect("write"), Written::New));
    assert_eq!(messages.get(message.message_id).await.expect("get"), Some(message));
}

#[tokio::test]
async fn a_repeat_finds_the_first_row_and_leaves_it() {
    let (_embedded, messages) = messages().await;
    let first = invitation(1);
    messages.write(&first).await.expect("write");
    let second = Message { body: Some("other words".into()), ..first.clone() };
    match messages.write(&second).await.expect("write") {
        Written::Repeat(row) => assert_eq!(*row, first),
        Written::New => panic!("written twice"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_senders_one_wins_the_claim() {
    let (_embedded, messages) = messages().await;
    messages.write(&invitation(1)).await.expect("write");
    let claims = (0..50).map(|_| {
        let messages = messages.clone();
        tokio::spawn(async move { messages.claim(Uuid::from_u128(1), Some(Lane::Bulk), now()).await })
    });
    let mut won = 0;
    for claim in claims.collect::<Vec<_>>() {
        won += usize::from(matches!(claim.await.expect("task").expect("change"), Changed::Yes(_)));
    }
    assert_eq!(won, 1);
    let row = messages.get(Uuid::from_u128(1)).await.expect("get").expect("row");
    assert_eq!((row.status, row.attempts, row.changes.len()), (Status::Sending, 1, 2));
}

#[tokio::test]
async fn every_change_is_written_down_with_its_moment() {
    let (_embedded, messages) = messages().await;
    messages.write(&invitation(1)).await.expect("write");
    let id = Uuid::from_u128(1);
    for (change, second) in [(Change::Claimed, 1), (Change::Accepted, 2), (Change::Arrived, 3)] {
        let notes = Notes::default().with("carrier", "Carrier").expect("notes");
        assert!(matches!(messages.change(id, change, None, notes, later(second)).await.expect("change"), Changed::Yes(_)), "{change:?}");
    }
    let row = messages.get(id).await.expect("get").expect("row");
    let history = row.changes.iter().map(|entered| (entered.status, entered.at)).collect::<Vec<_>>();
    assert_eq!(history, [(Status::Pending, now()), (Status::Sending, later(1)), (Status::Sent, later(2)), (Status::Delivered, later(3))]);
    assert_eq!((row.carrier.as_deref(), row.updated_at), (Some("Carrier"), later(3)));
}

#[tokio::test]
async fn what_the_state_machine_has_not_does_not_happen() {
    let (_embedded, messages) = messages().await;
    messages.write(&invitation(1)).await.expect("write");
    let id = Uuid::from_u128(1);
    match messages.change(id, Change::Accepted, None, Notes::default(), now()).await.expect("change") {
        Changed::No(Some(row)) => assert_eq!(*row, invitation(1)),
        other => panic!("{other:?}"),
    }
    let missing = messages.change(Uuid::from_u128(2), Change::Claimed, None, Notes::default(), now()).await.expect("change");
    assert!(matches!(missing, Changed::No(None)));
}

#[tokio::test]
async fn a_sender_that_comes_back_from_the_dead_changes_nothing() {
    let (_embedded, messages) = messages().await;
    messages.write(&invitation(1)).await.expect("write");
    let id = Uuid::from_u128(1);
    for change in [Change::Claimed, Change::Abandoned, Change::Retried, Change::Claimed] {
        messages.change(id, change, None, Notes::default(), now()).await.expect("change");
    }
    let dead = messages.change(id, Change::Released, Some(1), Notes::default(), now()).await.expect("change");
    assert!(matches!(dead, Changed::No(_)), "the first attempt has no say any more");
    let living = messages.change(id, Change::Accepted, Some(2), Notes::default(), now()).await.expect("change");
    assert!(matches!(living, Changed::Yes(_)));
}

#[tokio::test]
async fn a_text_is_found_by_the_name_that_aws_gave_it() {
    let (_embedded, messages) = messages().await;
    messages.write(&invitation(1)).await.expect("write");
    let id = Uuid::from_u128(1);
    messages.change(id, Change::Claimed, None, Notes::default(), now()).await.expect("change");
    let notes = Notes::default().with("provider_message_id", "aws-1").expect("notes");
    messages.change(id, Change::Accepted, Some(1), notes, now()).await.expect("change");
    assert_eq!(messages.sent_as("aws-1").await.expect("query"), Some(id));
    assert_eq!(messages.sent_as("aws-2").await.expect("query"), None);
}

#[tokio::test]
async fn an_opt_out_is_not_written_over_another_that_nobody_has_read() {
    let embedded = Embedded::start().await.expect("embedded");
    let opt_outs = OptOuts::new(embedded.dynamodb.clone(), "OptOutsTable".into());
    let said = |second, out: bool| OptOut {
        phone: "+12025550101".parse().expect("phone"),
        everything_since: out.then(|| later(second)),
        categories: BTreeSet::new(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: later(second),
        revision: None,
    };
    let phone = "+12025550101".parse().expect("phone");
    let read = async || opt_outs.get(&phone).await.expect("get").expect("a row");
    assert!(opt_outs.say(&said(2, false)).await.expect("say"));
    assert!(!opt_outs.say(&said(3, true)).await.expect("say"), "it thinks that there is no row");
    let seen = read().await;
    assert_eq!(seen, OptOut { revision: Some(1), ..said(2, false) });
    assert!(opt_outs.say(&OptOut { revision: seen.revision, ..said(3, true) }).await.expect("say"));
    assert!(!opt_outs.say(&OptOut { revision: seen.revision, ..said(4, false) }).await.expect("say"), "it has not seen the second");
    assert_eq!(opt_outs.batch([&phone]).await.expect("batch").found, [OptOut { revision: Some(2), ..said(3, true) }]);
}

#[tokio::test]
async fn a_consent_and_its_ledger_entry_are_written_together_or_not_at_all() {
    let embedded = Embedded::start().await.expect("embedded");
    let recipients = Recipients::new(embedded.dynamodb.clone(), "RecipientsTable".into());
    let ledger = Ledger::new(embedded.dynamodb.clone(), "ConsentsTable".into());
    let phone: sms::phone::PhoneNumber = "+12025550101".parse().expect("phone");
    let ada = Recipient { phone: Some(phone.clone()), ..Recipient::new(user("ada")) };
    recipients.put(&ada).await.expect("put");
    let statement = |action| Statement {
        at: now(),
        action,
        method: Method::SmsKeyword,
        phone: Some(phone.clone()),
        ip: None,
        user_agent: None,
        disclosure_version: None,
        wording: None,
    };
    let consent = Consent { given_at: now(), method: Method::SmsKeyword, ip: None, disclosure_version: None, phone: phone.clone(), revoked_at: None };

    ledger.state(&recipients, &ada, statement(Action::Given), &consent, true).await.expect("state");
    let stale = ledger.state(&recipients, &ada, statement(Action::Revoked), &consent, false).await;
    assert!(stale.is_err(), "somebody else wrote since");
    let row = recipients.get(&user("ada")).await.expect("get").expect("row");
    assert_eq!((row.standing_consent().is_some(), row.sms_enabled), (true, true));
    ledger.state(&recipients, &row, statement(Action::Revoked), &consent, false).await.expect("state");

    let entries = ledger.of(&user("ada")).await.expect("entries");
    let head = recipients.get(&user("ada")).await.expect("get").expect("row").ledger;
    assert_eq!(entries.iter().map(|entry| entry.statement.action).collect::<Vec<_>>(), [Action::Given, Action::Revoked]);
    assert_eq!(verify(&entries, head.as_ref()), Ok(()));
    assert_eq!(recipients.with_phone(&phone).await.expect("query"), [user("ada")]);
}

#[tokio::test]
async fn a_reply_is_obeyed_until_it_was_obeyed() {
    let embedded = Embedded::start().await.expect("embedded");
    let replies = Replies::new(embedded.dynamodb.clone(), "RepliesTable".into());
    let reply = Reply {
        inbound_message_id: "in-1".into(),
        phone: "+12025550101".parse().expect("phone"),
        body: "STOP".into(),
        meaning: "stop_all".into(),
        rule: "keyword stop".into(),
        review: false,
        received_at: now(),
        obeyed_at: None,
        expires_at: 0,
    };
    assert_eq!(replies.begin(&reply).await.expect("begin"), Begun::ToObey);
    assert_eq!(replies.begin(&reply).await.expect("begin"), Begun::ToObey, "the first try died on the way");
    replies.finish("in-1", now()).await.expect("finish");
    assert_eq!(replies.begin(&reply).await.expect("begin"), Begun::Obeyed);
}

/// When the row is due, as the index has it.
async fn due_at(embedded: &Embedded) -> Option<String> {
    embedded.scan("MessagesTable").await.expect("scan")[0]["due_at"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn every_change_says_in_its_one_write_when_the_row_is_due_next() {
    let table = [
        (vec![], Some(180)),
        (vec![Change::Claimed], Some(60)),
        (vec![Change::Claimed, Change::Released], Some(180)),
        (vec![Change::Claimed, Change::Accepted], Some(60)),
        (vec![Change::Claimed, Change::Unanswered], Some(30)),
        (vec![Change::Claimed, Change::Abandoned], Some(30)),
        (vec![Change::Claimed, Change::Unanswered, Change::Retried], Some(180)),
        (vec![Change::Handed], Some(180)),
        (vec![Change::Arrived], None),
        (vec![Change::Lost], None),
        (vec![Change::Lapsed], Some(300)),
        (vec![Change::Claimed, Change::Refused], None),
        (vec![Change::Claimed, Change::OptedOut], Some(300)),
    ];
    for (changes, due) in table {
        let (embedded, messages) = messages().await;
        messages.write(&invitation(1)).await.expect("write");
        for change in &changes {
            messages.change(Uuid::from_u128(1), *change, None, Notes::default(), now()).await.expect("change");
        }
        assert_eq!(embedded.calls.take().len(), 1 + changes.len(), "{changes:?}");
        assert_eq!(due_at(&embedded).await, due.map(|seconds| sms::moment::text(later(seconds))), "{changes:?}");
    }
}

#[tokio::test]
async fn the_claim_of_a_bulk_text_moves_nothing_in_the_index() {
    for (lane, due) in [(Some(Lane::Bulk), later(180)), (Some(Lane::Urgent), later(61)), (None, later(61))] {
        let (embedded, messages) = messages().await;
        messages.write(&invitation(1)).await.expect("write");
        let claimed = messages.claim(Uuid::from_u128(1), lane, later(1)).await.expect("claim");
        let Changed::Yes(row) = claimed else { panic!("{claimed:?}") };
        assert_eq!((row.status, row.attempts, row.lease_until), (Status::Sending, 1, Some(later(61))), "{lane:?}");
        assert_eq!(due_at(&embedded).await, Some(sms::moment::text(due)), "{lane:?}");
    }
}

#[tokio::test]
async fn what_is_due_is_found_in_its_order_and_page_by_page_until_it_is_put_off() {
    let (_embedded, messages) = messages().await;
    let alert = |id: u128, second| {
        let row = Message::new(Uuid::from_u128(id), Content::HelpReply {}, later(3600), later(second));
        row.to("+12025550101".parse().ok())
    };
    for (id, second) in [(1, 30), (2, 10), (3, 20), (4, 40)] {
        messages.write(&alert(id, second)).await.expect("write");
    }
    let page = messages.due("urgent", later(180 + 30), None, 2).await.expect("query");
    assert_eq!(page.ids, [Uuid::from_u128(2), Uuid::from_u128(3)]);
    let page = messages.due("urgent", later(180 + 30), page.next, 2).await.expect("query");
    assert_eq!(page.ids, [Uuid::from_u128(1)], "the fourth is due ten seconds later");

    let seen = messages.get(Uuid::from_u128(2)).await.expect("get").expect("row");
    assert!(matches!(messages.put_off(&seen, Some(later(9999))).await.expect("put off"), Changed::Yes(row) if *row == seen));
    assert!(matches!(messages.put_off(&alert(3, 20), None).await.expect("put off"), Changed::Yes(_)));
    assert_eq!(messages.due("urgent", later(9998), None, 9).await.expect("query").ids, [Uuid::from_u128(1), Uuid::from_u128(4)]);
    messages.change(Uuid::from_u128(1), Change::Claimed, None, Notes::default(), now()).await.expect("change");
    let late = messages.put_off(&alert(1, 30), None).await.expect("put off");
    assert!(matches!(late, Changed::No(Some(_))), "it has changed since it was seen");
    messages.change(Uuid::from_u128(1), Change::Released, None, Notes::default(), now()).await.expect("change");
    let late = messages.put_off(&alert(1, 30), None).await.expect("put off");
    assert!(matches!(late, Changed::No(Some(_))), "it waits again, but not as the same attempt");
}
