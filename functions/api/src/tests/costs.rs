//! What a month has cost: by every text once, in the month that paid for it.

use sms::{
    budget::Reserved,
    content::{Alert, Content, SecurityAlert, StreakAlert},
    message::{Message, Status},
    money::MicroUsd,
    stores::{Admissions, Messages},
};
use uuid::Uuid;

use super::{Call, PHONE, SignedDuration, Stage, Timestamp, json, phone};

fn admissions(stage: &Stage) -> Admissions {
    Admissions::new(stage.embedded.dynamodb.clone(), "MessagesTable".into(), "LimitsTable".into())
}

/// A text of two parts that was reserved, and became `status` with a receipt of its price.
async fn settled(stage: &Stage, id: u128, content: Content, status: Status, at: Timestamp) {
    let row = Message::new(Uuid::from_u128(id), content, at, at).to(Some(phone(PHONE))).decided(status);
    let row = Message {
        parts: Some(2),
        estimated_price: Some(MicroUsd(17_660)),
        price: Some(MicroUsd(11_620)),
        carrier_fee: Some(MicroUsd(6_040)),
        reserved: Some(Reserved { amount: MicroUsd(17_660), resent: MicroUsd(0), month: sms::budget::month(at), day: None }),
        ..row
    };
    Messages::new(stage.embedded.dynamodb.clone(), "MessagesTable".into()).write(&row).await.expect("write");
    for _ in 0..2 {
        admissions(stage).settle(&row, at).await.expect("settle");
    }
}

fn streak() -> Content {
    Content::StreakAlert(StreakAlert { streak_count: 7, action_link: "https://allthrive.ai/s".into() })
}

fn alert() -> Content {
    Content::SecurityAlert(SecurityAlert { alert: Alert::NewLogin, detail: "Firefox".into(), link: "https://allthrive.ai/s".into() })
}

#[tokio::test]
async fn a_month_is_the_sum_of_its_texts_by_type_class_and_day() {
    let stage = Stage::set().await;
    let day = |days: i64| stage.now() + SignedDuration::from_hours(24 * days);
    settled(&stage, 1, streak(), Status::Delivered, day(0)).await;
    settled(&stage, 2, streak(), Status::Undelivered, day(1)).await;
    settled(&stage, 3, alert(), Status::Delivered, day(1)).await;
    settled(&stage, 4, alert(), Status::Failed, day(1)).await;
    settled(&stage, 5, alert(), Status::Delivered, day(8)).await;

    let costs = stage.ask(Call::signed("GET", "/v1/costs?month=2026-11")).await;
    assert_eq!(costs.status, 200, "{costs:?}");
    let figures = |texts: i64| json!({"sent": texts, "parts": 2 * texts, "estimated": 17_660 * texts, "settled": 17_660 * texts});
    for (name, value) in figures(3).as_object().expect("figures") {
        assert_eq!(&costs.body[name], value, "{name}");
    }
    assert_eq!(costs.body["byType"], json!({"streak_alert": figures(2), "security_alert": figures(1)}));
    assert_eq!(costs.body["byClass"], json!({"promotional": figures(2), "transactional": figures(1)}));
    assert_eq!(costs.body["byDay"], json!({"2026-11-23": figures(1), "2026-11-24": figures(2)}));
    assert_eq!((&costs.body["month"], &costs.body["budget"]), (&json!("2026-11"), &json!(1_000_000_000)));

    let this = stage.ask(Call::signed("GET", "/v1/costs")).await;
    assert_eq!(this.body, costs.body, "without a month it is this one");
    let december = stage.ask(Call::signed("GET", "/v1/costs?month=2026-12")).await;
    assert_eq!((&december.body["sent"], december.body["byDay"].as_object().map(serde_json::Map::len)), (&json!(1), Some(1)));
}

#[tokio::test]
async fn what_is_reserved_is_not_left() {
    let stage = Stage::set().await.with(super::ada()).await;
    assert_eq!(stage.ask(Call::signed("GET", "/v1/costs")).await.body["remaining"], json!(1_000_000_000));
    stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    let costs = stage.ask(Call::signed("GET", "/v1/costs")).await.body;
    assert_eq!((&costs["committed"], &costs["remaining"], &costs["sent"]), (&json!(8830), &json!(999_991_170), &json!(0)));
}

#[tokio::test]
async fn a_month_without_texts_is_empty_and_what_is_no_month_is_refused() {
    let stage = Stage::set().await;
    let empty = stage.ask(Call::signed("GET", "/v1/costs?month=2020-02")).await;
    assert_eq!((empty.status, &empty.body["sent"], &empty.body["byType"]), (200, &json!(0), &json!({})));
    for bad in ["2026-13", "2026-1", "2026-11-23", "1999-01", "", "x", "2026-00", "20261-1"] {
        assert_eq!(stage.ask(Call::signed("GET", &format!("/v1/costs?month={bad}"))).await.problem(), "invalid", "{bad}");
    }
    assert_eq!(stage.ask(Call::signed("GET", "/v1/costs?year=2026")).await.problem(), "invalid");
    assert_eq!(stage.ask(Call::new("GET", "/v1/costs")).await.problem(), "not-a-backend");
}
