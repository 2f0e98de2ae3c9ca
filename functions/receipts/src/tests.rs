//! Delivery events in, rows out: in every order that a network may bring them.

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use serde_json::{Value, json};
use sms::{
    content::{BattleInvitation, Content, PhoneVerification},
    kind::{Class, Kind},
    message::{Change, Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    queues::OptOutOrders,
    stores::{Admissions, LastWord, Messages, Notes, Written},
};
use uuid::Uuid;

use crate::receipts::Receipts;

const PHONE: &str = "+12025550101";

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

fn id() -> Uuid {
    Uuid::from_u128(1)
}

struct Stage {
    embedded: Embedded,
    receipts: Receipts,
}

impl Stage {
    /// A message that went through `changes`.
    async fn after(changes: &[Change]) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let receipts = Receipts {
            messages: Messages::new(embedded.dynamodb.clone(), "MessagesTable".into()),
            admissions: Admissions::new(embedded.dynamodb.clone(), "MessagesTable".into(), "LimitsTable".into()),
            orders: OptOutOrders::new(embedded.sqs.clone(), "http://queues/inbound".into()),
        };
        let stage = Self { embedded, receipts };
        stage.another(1, changes).await;
        stage
    }

    /// One more message, that went through `changes`.
    async fn another(&self, id: u128, changes: &[Change]) {
        let content = Content::BattleInvitation(BattleInvitation {
            inviter_name: "Ada".into(),
            battle_topic: "Haiku".into(),
            invitation_link: "https://allthrive.ai/b".into(),
        });
        let id = Uuid::from_u128(id);
        let message = Message::new(id, content, now() + SignedDuration::from_hours(1), now()).to(PHONE.parse().ok());
        assert!(matches!(self.receipts.messages.write(&message).await.expect("write"), Written::New));
        for change in changes {
            let notes =
                if *change == Change::Accepted { Notes::default().with("provider_message_id", "aws-1").expect("notes") } else { Notes::default() };
            self.receipts.messages.change(id, *change, None, notes, now()).await.expect("change");
        }
    }

    /// When a message is due, as the index has it.
    async fn due_at(&self, id: u128) -> Option<String> {
        let rows = self.embedded.scan("MessagesTable").await.expect("scan");
        let row = rows.iter().find(|row| row["message_id"] == json!(Uuid::from_u128(id))).expect("a row");
        row["due_at"].as_str().map(str::to_owned)
    }

    async fn sent() -> Self {
        Self::after(&[Change::Claimed, Change::Accepted]).await
    }

    async fn record(&self, event: &Value) -> anyhow::Result<()> {
        self.records(&[envelope(event)]).await.remove(0)
    }

    async fn records(&self, envelopes: &[String]) -> Vec<anyhow::Result<()>> {
        self.receipts.batch(&envelopes.iter().map(String::as_str).collect::<Vec<_>>(), now()).await
    }

    async fn row(&self) -> Message {
        self.receipts.messages.get(id()).await.expect("get").expect("row")
    }
}

fn envelope(event: &Value) -> String {
    json!({"Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": event.to_string(), "Timestamp": "2026-11-23T10:00:01Z"}).to_string()
}

fn receipt(kind: &str, is_final: bool) -> Value {
    let status = kind.trim_start_matches("TEXT_");
    json!({"eventType": kind, "eventVersion": "1.0", "eventTimestamp": 1_763_892_001_000_i64, "isFinal": is_final, "messageId": "aws-1",
        "destinationPhoneNumber": PHONE, "messageStatus": status, "messageStatusDescription": "words about it", "carrierName": "Carrier",
        "totalMessageParts": 2, "totalMessagePrice": 0.01162, "totalCarrierFee": 0.00604, "context": {"message_id": id().to_string()}})
}

#[tokio::test]
async fn a_receipt_brings_status_carrier_parts_and_price() {
    let stage = Stage::sent().await;
    stage.record(&receipt("TEXT_SUCCESSFUL", false)).await.expect("record");
    assert_eq!(stage.row().await.status, Status::Sent);
    stage.record(&receipt("TEXT_DELIVERED", true)).await.expect("record");
    let row = stage.row().await;
    assert_eq!((row.status, row.parts, row.carrier.as_deref()), (Status::Delivered, Some(2), Some("Carrier")));
    assert_eq!((row.price, row.carrier_fee), (Some(MicroUsd(11_620)), Some(MicroUsd(6_040))));
    assert_eq!((row.delivery_status.as_deref(), row.delivery_detail.as_deref()), (Some("DELIVERED"), Some("words about it")));
}

#[tokio::test]
async fn a_final_status_yields_to_nothing() {
    for (first, status) in [("TEXT_DELIVERED", Status::Delivered), ("TEXT_CARRIER_BLOCKED", Status::Undelivered)] {
        let stage = Stage::sent().await;
        stage.record(&receipt(first, true)).await.expect("record");
        let settled = stage.row().await;
        for (late, is_final) in [("TEXT_QUEUED", false), ("TEXT_SUCCESSFUL", false), ("TEXT_DELIVERED", true), ("TEXT_SPAM", true), (first, true)] {
            stage.record(&receipt(late, is_final)).await.expect("late, but no error");
        }
        assert_eq!(stage.row().await, settled, "{first}");
        assert_eq!(settled.status, status);
    }
}

#[tokio::test]
async fn a_receipt_may_overtake_the_sender() {
    let stage = Stage::after(&[Change::Claimed]).await;
    stage.record(&receipt("TEXT_DELIVERED", true)).await.expect("record");
    let row = stage.row().await;
    assert_eq!((row.status, row.provider_message_id.as_deref()), (Status::Delivered, Some("aws-1")));
}

#[tokio::test]
async fn a_receipt_settles_a_text_of_unknown_outcome() {
    for (kind, is_final, status) in
        [("TEXT_SUCCESSFUL", false, Status::Sent), ("TEXT_DELIVERED", true, Status::Delivered), ("TEXT_UNREACHABLE", true, Status::Undelivered)]
    {
        let stage = Stage::after(&[Change::Claimed, Change::Unanswered]).await;
        stage.record(&receipt(kind, is_final)).await.expect("record");
        assert_eq!(stage.row().await.status, status, "{kind}");
    }
}

#[tokio::test]
async fn without_context_the_text_is_found_by_the_name_that_aws_gave_it() {
    let stage = Stage::sent().await;
    let mut event = receipt("TEXT_DELIVERED", true);
    event.as_object_mut().expect("object").remove("context");
    stage.record(&event).await.expect("record");
    assert_eq!(stage.row().await.status, Status::Delivered);
}

#[tokio::test]
async fn a_receipt_for_a_text_that_is_not_known_comes_again() {
    let stage = Stage::sent().await;
    let stranger = json!({"eventType": "TEXT_DELIVERED", "messageId": "aws-2", "isFinal": true});
    assert!(stage.record(&stranger).await.is_err());
    let mut gone = receipt("TEXT_DELIVERED", true);
    gone["context"]["message_id"] = json!(Uuid::from_u128(2));
    assert!(stage.record(&gone).await.is_err());
}

#[tokio::test]
async fn a_phone_that_blocks_us_is_an_opt_out_that_the_inbound_function_keeps() {
    let stage = Stage::sent().await;
    let mut event = receipt("TEXT_BLOCKED", true);
    event["messageStatusDescription"] = "Phone has blocked SMS".into();
    event.as_object_mut().expect("object").remove("destinationPhoneNumber");
    stage.record(&event).await.expect("record");
    assert_eq!(stage.row().await.status, Status::Undelivered);
    let order = json!({"blocked": {"phone": PHONE, "reason": "Phone has blocked SMS", "at": "2026-11-23T10:00:01.000Z"}});
    let orders = stage.embedded.queues.bodies("inbound");
    assert_eq!(orders.iter().map(|order| serde_json::from_str::<Value>(order).expect("json")).collect::<Vec<_>>(), [order]);
}

#[tokio::test]
async fn a_block_is_as_old_as_its_text_and_never_newer_than_its_news() {
    for (requested_at, at) in [("2026-11-23T09:00:00.250Z", "2026-11-23T09:00:00.250Z"), ("2026-11-23T10:00:02Z", "2026-11-23T10:00:01.000Z")] {
        let stage = Stage::sent().await;
        let mut event = receipt("TEXT_BLOCKED", true);
        event["messageStatusDescription"] = "Phone has blocked SMS".into();
        event["messageRequestTimestamp"] = requested_at.parse::<Timestamp>().expect("instant").as_millisecond().into();
        stage.record(&event).await.expect("record");
        let orders = stage.embedded.queues.bodies("inbound");
        let order = serde_json::from_str::<Value>(&orders[0]).expect("json");
        assert_eq!((orders.len(), &order["blocked"]["at"]), (1, &json!(at)));
    }
}

#[tokio::test]
async fn what_is_not_about_a_text_is_no_error_and_what_is_unreadable_is_one() {
    let stage = Stage::sent().await;
    stage.record(&json!({"eventType": "VOICE_ANSWERED", "messageId": "v"})).await.expect("not ours");
    for bad in ["", "{}", "[]", "null", r#"{"Message": "no json", "Timestamp": "2026-11-23T10:00:01Z"}"#] {
        let error = stage.records(&[bad.into()]).await.remove(0).expect_err(bad);
        assert!(error.to_string().starts_with("not a"), "{error}");
    }
}

#[tokio::test]
async fn the_receipt_of_an_erased_person_settles_the_price_and_brings_nothing_back() {
    let stage = Stage::sent().await;
    stage.receipts.messages.erase(&stage.row().await, now()).await.expect("erase");
    stage.record(&receipt("TEXT_SUCCESSFUL", false)).await.expect("record");
    let mut event = receipt("TEXT_BLOCKED", true);
    event["messageStatusDescription"] = "Phone has blocked SMS".into();
    event.as_object_mut().expect("object").remove("destinationPhoneNumber");
    stage.record(&event).await.expect("it would come again for ever");
    let row = stage.row().await;
    assert_eq!((row.status, row.price, row.phone), (Status::Undelivered, Some(MicroUsd(11_620)), None));
    assert!(stage.embedded.queues.bodies("inbound").is_empty(), "nobody knows whose it was");
}

#[tokio::test]
async fn a_receipt_puts_the_real_price_in_the_books_once() {
    let stage = Stage::sent().await;
    for _ in 0..2 {
        stage.record(&receipt("TEXT_DELIVERED", true)).await.expect("record");
    }
    assert_eq!(stage.row().await.settled, Some(MicroUsd(17_660)));
    let book = &stage.embedded.scan("LimitsTable").await.expect("scan")[0];
    assert_eq!((&book["committed"], &book["settled"]), (&json!(17_660), &json!(17_660)));
}

#[tokio::test]
async fn what_became_of_a_text_and_what_it_cost_is_measured_once() {
    for (kind, outcome) in [("TEXT_DELIVERED", Status::Delivered), ("TEXT_UNREACHABLE", Status::Undelivered)] {
        let stage = Stage::sent().await;
        let _ = metrics::record::take();
        for receipt in [receipt("TEXT_QUEUED", false), receipt(kind, true), receipt(kind, true), receipt("TEXT_SPAM", true)] {
            stage.record(&receipt).await.expect("record");
        }
        let once = [(Metric::Texts(Kind::BattleInvitation, outcome), 1.0), (Metric::SpentUsd(Class::Promotional), 0.01766)];
        assert_eq!(metrics::record::take(), once, "{kind}");
    }
}

#[tokio::test]
async fn a_batch_of_last_words_is_one_read_and_one_transaction_whatever_else_is_in_it() {
    let stage = Stage::sent().await;
    for other in 2..=4 {
        stage.another(other, &[Change::Claimed, Change::Accepted]).await;
    }
    let about = |id: u128, kind: &str, is_final: bool| {
        let mut event = receipt(kind, is_final);
        event["context"]["message_id"] = json!(Uuid::from_u128(id));
        envelope(&event)
    };
    drop(stage.embedded.calls.take());
    let records = [
        about(1, "TEXT_DELIVERED", true),
        "no record".into(),
        about(2, "TEXT_QUEUED", false),
        about(2, "TEXT_UNREACHABLE", true),
        about(99, "TEXT_DELIVERED", true),
        about(2, "TEXT_DELIVERED", true),
        about(3, "TEXT_SUCCESSFUL", false),
        about(4, "TEXT_DELIVERED", true),
    ];
    let results = stage.records(&records).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true, false, true, true, true]);
    let calls = stage.embedded.calls.take();
    let calls = calls.iter().filter_map(|call| call.split('.').nth(1)).collect::<Vec<_>>();
    assert_eq!(calls, ["BatchGetItem", "TransactWriteItems", "UpdateItem"], "and one note of progress");
    let statuses = [1, 2, 3, 4].map(|id| (id, Uuid::from_u128(id)));
    for ((id, message), status) in statuses.into_iter().zip([Status::Delivered, Status::Undelivered, Status::Sent, Status::Delivered]) {
        let row = stage.receipts.messages.get(message).await.expect("get").expect("row");
        assert_eq!((row.status, row.settled), (status, status.is_final().then_some(MicroUsd(17_660))), "{id}");
    }
    let books = stage.embedded.scan("LimitsTable").await.expect("scan");
    let book = |of: &str| books.iter().find(|row| row["limit_id"].as_str().is_some_and(|id| id.starts_with(of))).expect("a row");
    assert_eq!((&book("budget/")["settled"], &book("budget/")["promotional"]), (&json!(3 * 17_660), &json!(3 * 17_660)));
    assert_eq!((&book("costs/")["battle_invitation_sent"], &book("costs/")["battle_invitation_parts"]), (&json!(3), &json!(6)));
    assert_eq!(stage.due_at(1).await, None);
}

#[tokio::test]
async fn who_saw_an_older_row_ends_nothing_and_the_others_are_ended_one_by_one() {
    let stage = Stage::sent().await;
    stage.another(2, &[Change::Claimed, Change::Accepted]).await;
    let seen = [stage.row().await, stage.receipts.messages.get(Uuid::from_u128(2)).await.expect("get").expect("row")];
    let word = |seen: &Message| LastWord { seen: seen.clone(), change: Change::Lost, notes: Notes::default() };
    stage.record(&receipt("TEXT_DELIVERED", true)).await.expect("record");
    let settled = stage.embedded.scan("LimitsTable").await.expect("scan");
    let ended = stage.receipts.admissions.conclude(&[word(&seen[1]), word(&seen[0])], now()).await.expect("conclude");
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!(stage.row().await.status, Status::Delivered);
    assert_eq!(stage.receipts.messages.get(Uuid::from_u128(2)).await.expect("get"), Some(seen[1].clone()));
    assert_eq!(stage.embedded.scan("LimitsTable").await.expect("scan"), settled);
}

#[tokio::test]
async fn a_transaction_that_fails_leaves_each_record_to_itself() {
    let stage = Stage::sent().await;
    // The read is the first call, the transaction the second, and the SDK tries it three times.
    stage.embedded.calls.fail_after(1);
    stage.record(&receipt("TEXT_DELIVERED", true)).await.expect("record");
    let row = stage.row().await;
    assert_eq!((row.status, row.settled), (Status::Delivered, Some(MicroUsd(17_660))));
    let book = &stage.embedded.scan("LimitsTable").await.expect("scan")[0];
    assert_eq!(book["settled"], json!(17_660));
}

#[tokio::test]
async fn a_code_stays_due_until_its_end_also_if_it_is_ended_with_others() {
    let stage = Stage::sent().await;
    let code = Content::PhoneVerification(PhoneVerification { phone: PHONE.parse().expect("phone") });
    let code = Message::new(Uuid::from_u128(2), code, now() + SignedDuration::from_mins(10), now()).to(PHONE.parse().ok());
    stage.receipts.messages.write(&code).await.expect("write");
    let mut event = receipt("TEXT_DELIVERED", true);
    event["context"]["message_id"] = json!(code.message_id);
    let results = stage.records(&[envelope(&receipt("TEXT_DELIVERED", true)), envelope(&event)]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((stage.due_at(1).await, stage.due_at(2).await), (None, Some(sms::moment::text(code.useful_until))));
}
