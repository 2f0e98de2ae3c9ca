//! What was sent, and why.

use sms::{
    content::{Content, StreakAlert},
    message::Message,
    stores::Messages,
};
use uuid::Uuid;

use super::{Call, PHONE, SignedDuration, Stage, ada, json, phone, user};

async fn text(stage: &Stage, number: u8, minutes: i64) -> Uuid {
    let at = stage.now() + SignedDuration::from_mins(minutes);
    let id = Uuid::from_u128(number.into());
    let streak = Content::StreakAlert(StreakAlert { streak_count: 7, action_link: "https://allthrive.ai/s".into() });
    let mut message = Message::new(id, streak, at, at).to(Some(phone(PHONE)));
    message.user_id = Some(user("ada"));
    Messages::new(stage.embedded.dynamodb.clone(), "MessagesTable".into()).write(&message).await.expect("write");
    id
}

#[tokio::test]
async fn history_comes_newest_first_page_by_page() {
    let stage = Stage::set().await.with(ada()).await;
    for (number, minutes) in [(1, 10), (2, 30), (3, 20), (4, 0), (5, 20)] {
        text(&stage, number, minutes).await;
    }
    let mut seen = Vec::new();
    let mut path = "messages?limit=2".to_owned();
    loop {
        let page = stage.ask(stage.me("ada", "GET", &path)).await;
        assert_eq!(page.status, 200, "{page:?}");
        let ids = page.body["messages"].as_array().expect("messages").iter().map(|message| message["messageId"].as_str().expect("id").to_owned());
        seen.extend(ids.map(|id| id.parse::<Uuid>().expect("uuid").as_u128()));
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("messages?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    assert_eq!([seen[0], seen[3], seen[4]], [2, 1, 4]);
    let others = stage.ask(stage.me("bob", "GET", &path)).await;
    assert_eq!(others.body["messages"], json!([]), "a cursor leads to nobody else's texts");
    for bad in ["messages?cursor=x", "messages?limit=0", "messages?limit=101", "messages?limit=ten", "messages?page=2"] {
        assert_eq!(stage.ask(stage.me("ada", "GET", bad)).await.problem(), "invalid", "{bad}");
    }
}

#[tokio::test]
async fn a_text_shows_its_gates_and_hides_its_number() {
    let stage = Stage::set().await.with(ada()).await;
    let started = stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    let id = started.body["verificationId"].as_str().expect("id");
    let one = stage.ask(Call::signed("GET", &format!("/v1/messages/{id}"))).await;
    assert_eq!((one.status, &one.body["type"], &one.body["body"]), (200, &json!("phone_verification"), &json!(null)));
    assert_eq!(one.body["gates"][5], json!({"gate": "opt_out", "verdict": "pass", "detail": null}));
    assert_eq!(one.body["changes"][0]["status"], "pending");
    assert!(!one.body.to_string().contains(PHONE), "{one:?}");
    let history = stage.ask(stage.me("ada", "GET", "messages")).await;
    assert_eq!(history.body["messages"][0], one.body);
}
