//! Leaving: all is handed out, all is gone, and nothing comes back by itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use sms::{
    consent::{Action, verify},
    content::{Content, StreakAlert},
    event::message_id,
    gates::{self, Gate},
    message::{Change, Message, Status},
    opt_out::OptOut,
    recipient::Recipient,
    stores::{Ledger, Messages, Notes, OptOuts, Replies, Reply},
};
use uuid::Uuid;

use super::{Answer, Call, Method, PHONE, SignedDuration, Stage, ben, json, phone, user};
use crate::tests::start_of_time;

const FORMER: &str = "+12025550199";
const YES: &str = r#"{"action": "opt_in", "disclosureVersion": "2026-11.en"}"#;

fn messages(stage: &Stage) -> Messages {
    Messages::new(stage.embedded.dynamodb.clone(), "MessagesTable".into())
}

fn replies(stage: &Stage) -> Replies {
    Replies::new(stage.embedded.dynamodb.clone(), "RepliesTable".into())
}

fn ledger(stage: &Stage) -> Ledger {
    Ledger::new(stage.embedded.dynamodb.clone(), "ConsentsTable".into())
}

fn reply(id: &str, number: &str, body: &str, at: Timestamp) -> Reply {
    Reply {
        inbound_message_id: id.into(),
        phone: phone(number),
        body: body.into(),
        meaning: "other".into(),
        rule: "rule".into(),
        review: false,
        received_at: at,
        obeyed_at: Some(at),
        expires_at: at.as_second() + 1000,
    }
}

/// A text to Ada that went through `changes`.
async fn text(stage: &Stage, id: u128, changes: &[Change]) -> Uuid {
    let streak = Content::StreakAlert(StreakAlert { streak_count: 7, action_link: "https://allthrive.ai/secret".into() });
    let message = Message::new(Uuid::from_u128(id), streak, stage.now() + SignedDuration::from_hours(1), stage.now()).to(Some(phone(PHONE)));
    let message = Message { user_id: Some(user("ada")), body: Some("secret words".into()), event_id: Some("ada-7".into()), ..message };
    messages(stage).write(&message).await.expect("write");
    for change in changes {
        messages(stage).change(message.message_id, *change, None, Notes::default(), stage.now()).await.expect("change");
    }
    message.message_id
}

/// Ada has proven a number and then another, said yes, been texted in every state, and texted back; others share the tables with her.
async fn full_life() -> Stage {
    let stage = Stage::set().await.with(Recipient { phone: Some(phone(FORMER)), ..ben() }).await;
    let opted_in = stage.ask(stage.me("ada", "POST", "opt-in").text(YES)).await;
    assert_eq!(opted_in.status, 200, "{opted_in:?}");
    replies(&stage).begin(&reply("former", FORMER, "hello from before", start_of_time())).await.expect("begin");
    stage.later(60);
    let started = stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    let guess = json!({"verificationId": started.body["verificationId"], "code": stage.code(&started.body["verificationId"]).await});
    assert_eq!(stage.ask(stage.me("ada", "POST", "verifications/check").json(&guess)).await.status, 200);
    assert_eq!(stage.ask(stage.me("ada", "POST", "opt-in").text(YES)).await.status, 200);
    stage.later(60);
    for (id, changes) in
        [(1, &[][..]), (2, &[Change::Claimed]), (3, &[Change::Claimed, Change::Accepted]), (4, &[Change::Claimed, Change::Accepted, Change::Arrived])]
    {
        text(&stage, id, changes).await;
    }
    let at = stage.now();
    replies(&stage).begin(&reply("help", PHONE, "HELP me secretly", at)).await.expect("begin");
    let help = Message::new(message_id("sms/replies", "help"), Content::HelpReply {}, at, at).to(Some(phone(PHONE)));
    messages(&stage).write(&help).await.expect("a stranger's answer");
    // After the number had gone to somebody else.
    replies(&stage).begin(&reply("stranger", FORMER, "I am somebody else", at)).await.expect("begin");
    let opt_out = OptOut {
        phone: phone(PHONE),
        everything_since: Some(at),
        categories: BTreeSet::new(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: at,
        revision: None,
    };
    OptOuts::new(stage.embedded.dynamodb.clone(), "OptOutsTable".into()).say(&opt_out).await.expect("say");
    stage.later(60);
    stage
}

async fn delete(stage: &Stage) -> Answer {
    stage.ask(Call::signed("DELETE", "/v1/users/ada")).await
}

/// All that the tables still say, but for the sealed ledger, the opt-out and the counters of numbers.
async fn remains(stage: &Stage) -> String {
    let mut text = String::new();
    for table in ["RecipientsTable", "MessagesTable", "VerificationsTable", "RepliesTable", "LimitsTable"] {
        for row in stage.rows(table).await {
            let kept = row["inbound_message_id"] == "stranger"
                || row["limit_id"].as_str().is_some_and(|id| ["number/", "hours/", "address/"].iter().any(|kind| id.starts_with(kind)));
            if !kept {
                text += &row.to_string();
            }
        }
    }
    text
}

async fn assert_gone(stage: &Stage) {
    let left = remains(stage).await;
    for personal in [PHONE, FORMER, "***", "secret", "hello", "Test/1", "203.0.113", "ada-7", "/ada"] {
        assert!(!left.contains(personal), "{personal} is left in {left}");
    }
    assert_eq!(left.matches("\"ada\"").count(), 1, "the mark alone names her: {left}");
    let mark = stage.recipient("ada").await;
    assert!(mark.erased && mark.erasures.len() == 1 && mark.erasures[0].finished_at.is_some() && mark.erasures[0].numbers.is_empty(), "{mark:?}");

    let kept_until = "2030-11-23T10:03:00Z".parse::<Timestamp>().expect("instant").as_second();
    let rows = stage.rows("ConsentsTable").await;
    assert!(rows.iter().all(|row| row["expires_at"] == kept_until), "{rows:?}");
    let entries = ledger(stage).of(&user("ada")).await.expect("entries");
    assert_eq!(verify(&entries, mark.ledger.as_ref()), Ok(()));
    let actions = entries.iter().map(|entry| entry.statement.action).collect::<Vec<_>>();
    assert_eq!(actions, [Action::Given, Action::Revoked, Action::Given, Action::Revoked, Action::Erased]);
    let [.., revoked, erased] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((revoked.statement.method, erased.statement.method), (Method::Api, Method::Api));
    assert_eq!((&erased.statement.phone, &erased.statement.ip, &erased.statement.wording), (&None, &None, &None), "no more than that it was done");
    assert_eq!(stage.rows("OptOutsTable").await.len(), 1);
    assert_eq!(stage.rows("VerificationsTable").await, Vec::<Value>::new());
}

#[tokio::test]
async fn of_an_erased_person_nothing_is_left_but_the_opt_out_and_the_sealed_ledger() {
    let stage = full_life().await;
    let before = stage.rows("MessagesTable").await;
    assert_eq!(delete(&stage).await.status, 204);
    assert_gone(&stage).await;
    assert_eq!(stage.rows("RepliesTable").await.len(), 1, "what somebody else said with a number that was hers");

    let after = stage.rows("MessagesTable").await;
    assert_eq!(after.len(), before.len(), "what was sent and what it cost is still counted");
    for row in &after {
        let was = before.iter().find(|was| was["message_id"] == row["message_id"]).expect("the row before");
        for name in ["type", "class", "lane", "country", "created_at", "parts", "price", "estimated_price", "expires_at", "encoding"] {
            assert_eq!(row[name], was[name], "{name}");
        }
    }
}

#[tokio::test]
async fn what_waits_does_not_go_out_and_what_is_on_its_way_can_still_be_settled() {
    let stage = full_life().await;
    delete(&stage).await;
    let status = async |id| messages(&stage).get(Uuid::from_u128(id)).await.expect("get").expect("row").status;
    let statuses = [status(1).await, status(2).await, status(3).await, status(4).await];
    assert_eq!(statuses, [Status::Suppressed, Status::Unknown, Status::Sent, Status::Delivered]);

    let claimed = messages(&stage).change(Uuid::from_u128(1), Change::Claimed, None, Notes::default(), stage.now()).await;
    assert!(matches!(claimed.expect("change"), sms::stores::Changed::No(Some(_))), "no sender gets it");
    // The sender comes back from its call with the words, and finds that it may not write them down.
    let words = || Notes::default().with("body", "secret words").expect("notes");
    let accepted = messages(&stage).change(Uuid::from_u128(2), Change::Accepted, Some(1), words(), stage.now()).await.expect("change");
    assert!(matches!(accepted, sms::stores::Changed::No(Some(_))));
    messages(&stage).note(Uuid::from_u128(2), Status::Unknown, words(), stage.now()).await.expect("note");
    for id in [2, 3] {
        messages(&stage)
            .change(Uuid::from_u128(id), Change::Arrived, None, Notes::default().with("price", 5810).expect("notes"), stage.now())
            .await
            .expect("change");
        let row = messages(&stage).get(Uuid::from_u128(id)).await.expect("get").expect("row");
        assert_eq!((row.status, row.price.map(|price| price.0), row.body), (Status::Delivered, Some(5810), None));
    }
    assert_gone(&stage).await;
}

#[tokio::test]
async fn to_erase_twice_is_to_erase_once() {
    let stage = full_life().await;
    delete(&stage).await;
    let once = (stage.rows("RecipientsTable").await, stage.rows("ConsentsTable").await);
    stage.later(3600);
    assert_eq!(delete(&stage).await.status, 204);
    assert_eq!((stage.rows("RecipientsTable").await, stage.rows("ConsentsTable").await), once);
    // A text that was being decided when she was erased, and came late.
    text(&stage, 9, &[]).await;
    assert_eq!(delete(&stage).await.status, 204);
    assert_gone(&stage).await;
}

#[tokio::test]
async fn who_was_never_known_can_be_erased_too() {
    let stage = Stage::set().await;
    assert_eq!(delete(&stage).await.status, 204);
    assert_eq!(delete(&stage).await.status, 204);
    let rows = stage.rows("ConsentsTable").await;
    assert_eq!((rows.len(), &rows[0]["action"]), (1, &json!("erased")));
    assert!(stage.recipient("ada").await.erased);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_dies_anywhere_is_finished_by_the_next_try() {
    let stage = full_life().await;
    drop(stage.embedded.calls.take());
    assert_eq!(delete(&stage).await.status, 204);
    let calls = stage.embedded.calls.take().len();
    assert!(calls > 30, "an erasure takes more than {calls} calls");
    for some in (0..calls).collect::<Vec<_>>().chunks(4) {
        for death in some.iter().map(|calls| tokio::spawn(erased_in_spite_of_a_death_after(*calls))).collect::<Vec<_>>() {
            death.await.expect("a life");
        }
    }
}

async fn erased_in_spite_of_a_death_after(calls: usize) {
    let stage = full_life().await;
    stage.embedded.calls.fail_after(calls);
    assert_eq!(delete(&stage).await.problem(), "internal", "call {calls}");
    assert!(!stage.embedded.calls.heal(), "call {calls} was made");
    let row = stage.recipient("ada").await;
    if row.erased && row.erasures[0].finished_at.is_none() {
        stage.later(1);
        assert_eq!(come_back(&stage).await.problem(), "conflict", "nobody moves in while things are being carried out");
    }
    *stage.clock.lock().expect("clock") = start_of_time() + SignedDuration::from_mins(3);
    assert_eq!(delete(&stage).await.status, 204, "call {calls}");
    assert_gone(&stage).await;
}

#[tokio::test]
async fn a_long_life_is_erased_in_several_requests() {
    let stage = Stage::set().await.with(ben()).await;
    for id in 0..501 {
        text(&stage, id, &[]).await;
    }
    let first = delete(&stage).await;
    assert_eq!((first.status, first.header("retry-after")), (202, "1"));
    assert!(stage.recipient("ada").await.erasures[0].finished_at.is_none());
    assert_eq!(delete(&stage).await.status, 204);
    assert!(!remains(&stage).await.contains(PHONE));
}

#[tokio::test]
async fn replies_of_a_number_that_somebody_else_has_too_stay_with_them() {
    let stage = full_life().await.with(Recipient { user_id: user("bob"), ..ben() }).await;
    assert_eq!(delete(&stage).await.status, 204);
    let left = stage.rows("RepliesTable").await;
    assert_eq!(left.iter().map(|row| row["inbound_message_id"].as_str().expect("id")).collect::<BTreeSet<_>>(), BTreeSet::from(["help", "stranger"]));
}

/// She proves her number again.
async fn come_back(stage: &Stage) -> Answer {
    let started = stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    assert_eq!(started.status, 202, "{started:?}");
    let guess = json!({"verificationId": started.body["verificationId"], "code": stage.code(&started.body["verificationId"]).await});
    stage.ask(stage.me("ada", "POST", "verifications/check").json(&guess)).await
}

#[tokio::test]
async fn nothing_but_a_proven_number_brings_an_erased_person_back() {
    let stage = full_life().await;
    let started = stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    let guess = json!({"verificationId": started.body["verificationId"], "code": stage.code(&started.body["verificationId"]).await});
    delete(&stage).await;
    for body in [r#"{"smsEnabled": true}"#, r#"{"timeZone": "Europe/Madrid"}"#] {
        assert_eq!(stage.ask(Call::signed("PATCH", "/v1/users/ada/preferences").text(body)).await.problem(), "erased");
    }
    for body in [YES, r#"{"action": "shown"}"#, r#"{"action": "dismiss"}"#] {
        assert_eq!(stage.ask(stage.me("ada", "POST", "opt-in").text(body)).await.problem(), "erased");
    }
    assert_eq!(stage.ask(stage.me("ada", "POST", "verifications/check").json(&guess)).await.problem(), "not-found", "begun in a life that is over");
    assert_eq!(stage.ask(stage.me("ada", "GET", "opt-in")).await.body["showPrompt"], false, "nobody asks her");
    let consent = stage.ask(Call::signed("GET", "/v1/users/ada/consent")).await.body;
    assert_eq!(consent, json!({"entries": [], "verified": true, "brokenAt": null, "numbers": []}), "sealed");
    assert_gone(&stage).await;
}

#[tokio::test]
async fn who_comes_back_starts_afresh_behind_the_seal() {
    let stage = full_life().await;
    delete(&stage).await;
    stage.later(60);
    assert_eq!(come_back(&stage).await.status, 200);
    let row = stage.recipient("ada").await;
    assert_eq!((row.erased, row.sms_enabled, row.standing_consent(), row.expires_at, row.erasures.len()), (false, false, None, None, 1));
    let welcomes = async || stage.rows("MessagesTable").await.iter().filter(|row| row["type"] == "opt_in_confirmation").count();
    let before = welcomes().await;
    assert_eq!(stage.ask(stage.me("ada", "POST", "opt-in").text(YES)).await.status, 200);
    assert_eq!(welcomes().await, before + 1, "a first opt-in once more");

    let story = stage.ask(Call::signed("GET", "/v1/users/ada/consent")).await.body;
    assert_eq!((&story["verified"], &story["entries"][0]["seq"], story["entries"].as_array().map(Vec::len)), (&json!(true), &json!(6), Some(1)));
    let all = ledger(&stage).of(&user("ada")).await.expect("entries");
    assert_eq!(verify(&all, stage.recipient("ada").await.ledger.as_ref()), Ok(()), "one chain, for who may see all of it");
    let page = stage.ask(Call::signed("GET", "/v1/users/ada/export")).await.body;
    assert!(!page.to_string().contains(FORMER), "what was erased does not come back with her: {page}");

    stage.later(60);
    assert_eq!(delete(&stage).await.status, 204);
    let ends = stage.rows("ConsentsTable").await.iter().map(|row| row["expires_at"].as_i64().expect("an end")).collect::<BTreeSet<_>>();
    assert_eq!(ends.len(), 2, "each life's ledger goes in its own time: {ends:?}");
    assert_eq!(stage.recipient("ada").await.erasures.len(), 2);
}

#[tokio::test]
async fn every_later_event_ends_at_the_recipient_gate_and_leaves_nothing() {
    let stage = full_life().await;
    delete(&stage).await;
    let mark = stage.recipient("ada").await;
    let event = sms::event::Event {
        source: "allthrive/streaks".into(),
        id: "8".into(),
        time: None,
        expirytime: None,
        user_id: user("ada"),
        related: None,
        content: Content::StreakAlert(StreakAlert { streak_count: 8, action_link: "https://allthrive.ai/secret".into() }),
    };
    let row = gates::decide(&event, Some(&mark), None, &sms::books::Books::default(), &super::rules(), stage.now());
    let last = row.gates.last().expect("a gate");
    assert_eq!((row.status, last.gate, last.detail.as_deref()), (Status::Suppressed, Gate::Recipient, Some("the recipient was erased")));
    let text = serde_json::to_string(&row).expect("json");
    assert!(!text.contains("ada") && !text.contains("secret"), "{text}");
}

#[test]
fn a_stripped_text_of_every_kind_can_still_be_read() {
    let at = start_of_time();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events")).expect("events/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let sample = std::fs::read_to_string(&path).expect("a sample");
        let event = sms::event::Event::parse(&sample).expect("an event");
        let message =
            Message { user_id: Some(event.user_id.clone()), body: Some("words".into()), ..Message::new(Uuid::nil(), event.content, at, at) };
        let row = serde_json::to_value(message.erased(at)).expect("json");
        let read: Message = serde_json::from_value(row.clone()).expect("a message");
        assert_eq!((read.kind(), read.user_id, read.body), (message.kind(), None, None));
        let data = serde_json::from_str::<Value>(&sample).expect("json")["data"].as_object().cloned().unwrap_or_default();
        for value in data.values().filter_map(Value::as_str).filter(|value| value.len() > 3 && value.parse::<Timestamp>().is_err()) {
            assert!(row["type"] == "security_alert" && row["data"]["alert"] == value || !row.to_string().contains(value), "{value} in {row}");
        }
    }
}

async fn export(stage: &Stage) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut path = "/v1/users/ada/export".to_owned();
    loop {
        let page = stage.ask(Call::signed("GET", &path)).await;
        assert_eq!(page.status, 200, "{page:?}");
        let next = page.body["nextCursor"].as_str().map(|cursor| format!("/v1/users/ada/export?cursor={cursor}"));
        pages.push(page.body);
        match next {
            Some(next) => path = next,
            None => return pages,
        }
    }
}

#[tokio::test]
async fn an_export_has_all_that_is_held_and_no_code() {
    let stage = full_life().await;
    let pages = export(&stage).await;
    assert_eq!(pages.len(), 1);
    let page = &pages[0];
    assert_eq!((&page["recipient"]["phone"], &page["recipient"]["smsEnabled"]), (&json!(PHONE), &json!(true)));
    assert_eq!((&page["consent"]["verified"], page["consent"]["entries"].as_array().map(Vec::len)), (&json!(true), Some(3)));
    assert_eq!((&page["optOuts"][0]["phone"], &page["optOuts"][0]["rule"]), (&json!(PHONE), &json!("keyword stop")));
    let held = stage.rows("MessagesTable").await.iter().filter(|row| row["user_id"] == "ada").count();
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(held));
    let messages = page["messages"].as_array().expect("messages");
    assert!(messages.iter().all(|message| message["phone"].is_string() && message["gates"].is_array()), "{messages:?}");
    assert!(messages.iter().any(|message| message["body"] == "secret words" && message["eventId"] == "ada-7"));
    let bodies = page["replies"].as_array().expect("replies").iter().map(|reply| reply["body"].as_str().expect("body")).collect::<Vec<_>>();
    assert_eq!(bodies, ["HELP me secretly", "hello from before"], "not what somebody else said with her former number");
    assert_eq!(page["verifications"].as_array().map(Vec::len), Some(1));
    assert!(!page.to_string().contains("nonce"), "{page}");
    let limits = page["limits"].as_array().expect("limits").iter().map(|limit| limit["limitId"].as_str().expect("id")).collect::<BTreeSet<_>>();
    assert_eq!(limits, BTreeSet::from(["user/ada", "code/ada/+12025550101", "number/+12025550101"]));
    delete(&stage).await;
    let after = export(&stage).await.remove(0);
    assert!(!after.to_string().contains(PHONE), "{after}");
}

#[tokio::test]
async fn a_long_export_comes_in_pages_that_have_each_thing_once() {
    let stage = full_life().await;
    for id in 100..330 {
        text(&stage, id, &[]).await;
    }
    for n in 0..250 {
        let at = stage.now() + SignedDuration::from_secs(n);
        replies(&stage).begin(&reply(&format!("r{n}"), PHONE, &"a".repeat(1600), at)).await.expect("begin");
    }
    let pages = export(&stage).await;
    assert!(pages.len() > 4, "{}", pages.len());
    for (list, key, total) in [("messages", "messageId", 230 + 7), ("replies", "inboundMessageId", 252)] {
        let ids = pages.iter().flat_map(|page| page[list].as_array().expect("a list")).map(|row| row[key].as_str().expect("id"));
        assert_eq!((ids.clone().count(), ids.collect::<BTreeSet<_>>().len()), (total, total), "{list}");
    }
    assert!(pages[1..].iter().all(|page| page["recipient"].is_null() && page["consent"].is_null()));
    assert!(pages.iter().all(|page| page.to_string().len() < 1_000_000));
    for bad in ["x", "bQ", "ci94", "ci8wL3gveA"] {
        assert_eq!(stage.ask(Call::signed("GET", &format!("/v1/users/ada/export?cursor={bad}"))).await.problem(), "invalid", "{bad}");
    }
}

#[tokio::test]
async fn only_a_backend_may_export_and_erase() {
    let stage = full_life().await;
    for (method, path) in [("GET", "/v1/users/ada/export"), ("DELETE", "/v1/users/ada")] {
        let token = format!("Bearer {}", stage.token("ada"));
        assert_eq!(stage.ask(Call::new(method, path).header("authorization", &token)).await.problem(), "not-a-backend");
    }
    assert_eq!(stage.ask(stage.me("ada", "GET", "export")).await.problem(), "not-found");
    assert!(!stage.recipient("ada").await.erased);
}

#[tokio::test]
async fn of_many_who_erase_at_once_it_is_done_once() {
    let stage = full_life().await;
    let answers = futures::future::join_all((0..4).map(|_| delete(&stage))).await;
    for answer in &answers {
        assert!(answer.status == 204 || answer.problem() == "conflict", "{answer:?}");
    }
    assert_eq!(delete(&stage).await.status, 204);
    assert_gone(&stage).await;
}
