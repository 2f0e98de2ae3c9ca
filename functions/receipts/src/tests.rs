//! Delivery events in, rows out: in every order that a network may bring them.

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use serde_json::{Value, json};
use sms::{
    content::{BattleInvitation, Content},
    kind::{Class, Kind},
    message::{Change, Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    queues::OptOutOrders,
    stores::{Admissions, Messages, Notes, Written},
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
        let content = Content::BattleInvitation(BattleInvitation {
            inviter_name: "Ada".into(),
            battle_topic: "Haiku".into(),
            invitation_link: "https://allthrive.ai/b".into(),
        });
        let message = Message::new(id(), content, now() + SignedDuration::from_hours(1), now()).to(PHONE.parse().ok());
        assert!(matches!(receipts.messages.write(&message).await.expect("write"), Written::New));
        for change in changes {
            let notes =
                if *change == Change::Accepted { Notes::default().with("provider_message_id", "aws-1").expect("notes") } else { Notes::default() };
            receipts.messages.change(id(), *change, None, notes, now()).await.expect("change");
        }
        Self { embedded, receipts }
    }

    async fn sent() -> Self {
        Self::after(&[Change::Claimed, Change::Accepted]).await
    }

    async fn record(&self, event: &Value) -> anyhow::Result<()> {
        let envelope =
            json!({"Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": event.to_string(), "Timestamp": "2026-11-23T10:00:01Z"});
        self.receipts.record(&envelope.to_string(), now()).await
    }

    async fn row(&self) -> Message {
        self.receipts.messages.get(id()).await.expect("get").expect("row")
    }
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
async fn what_is_not_about_a_text_is_no_error_and_what_is_unreadable_is_one() {
    let stage = Stage::sent().await;
    stage.record(&json!({"eventType": "VOICE_ANSWERED", "messageId": "v"})).await.expect("not ours");
    for bad in ["", "{}", "[]", "null", r#"{"Message": "no json", "Timestamp": "2026-11-23T10:00:01Z"}"#] {
        let error = stage.receipts.record(bad, now()).await.expect_err(bad);
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
