//! What a month cost.

use sms::{
    message::{Change, Message},
    stores::{Messages, Notes, Wish},
};

use super::{Admissions, Call, Stage, ada, json, rules};
use crate::tests::explain::{alert, invitation};

/// Takes the event `id` through the gates, and its text through `changes`.
async fn live(stage: &Stage, event: &serde_json::Value, changes: &[Change], price: Option<i64>) {
    let admissions = Admissions::new(stage.embedded.dynamodb.clone(), "MessagesTable".into(), "LimitsTable".into());
    let messages = Messages::new(stage.embedded.dynamodb.clone(), "MessagesTable".into());
    let (event, ada) = (sms::event::Event::parse(&event.to_string()).expect("event"), ada());
    let wish = Wish { event: &event, recipient: Some(&ada), opt_out: None };
    admissions.admit(&[wish], &rules(), stage.now(), async |_, message: Message| Ok(message)).await.remove(0).expect("admitted");
    for change in changes {
        let notes = Notes::default().with("price", price).expect("notes");
        messages.change(event.message_id(), *change, None, notes, stage.now()).await.expect("change");
    }
    let row = messages.get(event.message_id()).await.expect("get").expect("row");
    admissions.settle(&row, stage.now()).await.expect("settle");
}

const SENT: [Change; 3] = [Change::Claimed, Change::Accepted, Change::Arrived];

#[tokio::test]
async fn a_month_says_what_was_sent_and_what_it_cost_by_type_class_and_day_by_one_read() {
    let stage = Stage::set().await.with(ada()).await;
    live(&stage, &invitation("1"), &SENT, Some(5000)).await;
    live(&stage, &invitation("2"), &[], None).await;
    live(&stage, &invitation("3"), &[Change::Claimed, Change::Refused], None).await;
    stage.later(24 * 3600);
    live(&stage, &alert("4"), &SENT, Some(7000)).await;

    drop(stage.embedded.calls.take());
    let costs = stage.ask(Call::signed("GET", "/v1/costs?month=2026-11")).await;
    assert_eq!(stage.embedded.calls.take(), ["DynamoDB_20120810.BatchGetItem"]);
    assert_eq!(costs.status, 200, "{costs:?}");
    let line =
        |value: &serde_json::Value| ["admitted", "sent", "parts", "estimated", "settled"].map(|figure| value[figure].as_i64().expect("a figure"));
    assert_eq!(line(&costs.body), [3, 2, 2, 3 * 8830, 12_000]);
    let committed = 5000 + 8830 + 7000;
    assert_eq!((&costs.body["month"], &costs.body["committed"]), (&json!("2026-11"), &json!(committed)));
    assert_eq!((&costs.body["remaining"], &costs.body["closedUntil"]), (&json!(1_000_000_000 - committed), &json!(null)));

    let of = |list: &str, name: &str, value: &str| {
        let list = costs.body[list].as_array().expect("a list");
        line(list.iter().find(|one| one[name] == value).expect(value))
    };
    assert_eq!(of("byType", "type", "battle_invitation"), [2, 1, 1, 2 * 8830, 5000]);
    assert_eq!(of("byType", "type", "security_alert"), [1, 1, 1, 8830, 7000]);
    assert_eq!(of("byType", "type", "digest"), [0; 5]);
    assert_eq!(of("byClass", "class", "promotional"), [2, 1, 1, 2 * 8830, 5000]);
    assert_eq!(of("byDay", "day", "2026-11-23"), [2, 1, 1, 2 * 8830, 5000]);
    assert_eq!(of("byDay", "day", "2026-11-24"), [1, 1, 1, 8830, 7000]);
    assert_eq!((costs.body["byDay"].as_array().map(Vec::len), costs.body["byType"].as_array().map(Vec::len)), (Some(30), Some(12)));
    assert_eq!(costs.body["byClass"][0]["remaining"], 800_000_000 - committed);
    assert_eq!(stage.ask(Call::signed("GET", "/v1/costs")).await.body, costs.body, "this month is what is meant");
}

#[tokio::test]
async fn a_month_without_texts_is_all_zeros_and_what_is_no_month_is_refused() {
    let stage = Stage::set().await;
    let empty = stage.ask(Call::signed("GET", "/v1/costs?month=2028-02")).await;
    assert_eq!((empty.status, &empty.body["sent"], &empty.body["committed"]), (200, &json!(0), &json!(0)));
    assert_eq!((empty.body["byDay"].as_array().map(Vec::len), &empty.body["remaining"]), (Some(29), &json!(1_000_000_000)));
    for bad in ["2026-13", "2026-00", "2026-1", "2026-011", "1999-12", "2100-01", "20266-1", "", "2026-11-23", "20%C3%A9-11", "next"] {
        let answer = stage.ask(Call::signed("GET", &format!("/v1/costs?month={bad}"))).await;
        assert_eq!((answer.status, answer.problem(), &answer.body["errors"][0]["field"]), (422, "invalid", &json!("month")), "{bad}");
    }
    for bad in ["year=2026", "month=2026-11&month=2026-12"] {
        assert_eq!(stage.ask(Call::signed("GET", &format!("/v1/costs?{bad}"))).await.problem(), "invalid", "{bad}");
    }
    assert_eq!(stage.ask(Call::new("GET", "/v1/costs")).await.problem(), "not-a-backend");
}
