//! The prompt: when it is shown, and what a yes does.

use serde_json::Value;

use super::{Answer, Call, Recipient, Stage, ben, json, user};

async fn choose(stage: &Stage, body: Value) -> Answer {
    stage.ask(stage.me("ada", "POST", "opt-in").json(&body)).await
}

async fn shown(stage: &Stage) -> bool {
    stage.ask(stage.me("ada", "GET", "opt-in?memberSince=2026-11-23T10:00:00Z")).await.body["showPrompt"] == true
}

#[tokio::test]
async fn who_joined_less_than_three_minutes_ago_is_not_asked() {
    let stage = Stage::set().await;
    stage.later(179);
    assert!(!shown(&stage).await);
    stage.later(1);
    assert!(shown(&stage).await);
    assert_eq!(stage.ask(stage.me("ada", "GET", "opt-in?memberSince=yesterday")).await.problem(), "invalid");
    assert_eq!(stage.ask(stage.me("ada", "GET", "opt-in?since=x")).await.problem(), "invalid");
}

#[tokio::test]
async fn who_was_asked_is_not_asked_again_for_a_day() {
    for action in ["remind_later", "shown"] {
        let stage = Stage::set().await;
        stage.later(600);
        assert_eq!(choose(&stage, json!({"action": action})).await.body["showPrompt"], false);
        stage.later(24 * 3600 - 1);
        assert!(!shown(&stage).await);
        stage.later(1);
        assert!(shown(&stage).await);
    }
}

#[tokio::test]
async fn who_said_no_is_never_asked_again() {
    let stage = Stage::set().await;
    assert_eq!(choose(&stage, json!({"action": "dismiss"})).await.status, 200);
    stage.later(1000 * 24 * 3600);
    assert!(!shown(&stage).await);
}

#[tokio::test]
async fn a_yes_is_kept_with_the_words_and_welcomed_once() {
    let stage = Stage::set().await.with(ben()).await;
    for _ in 0..2 {
        let answer = choose(&stage, json!({"action": "opt_in", "disclosureVersion": "2026-11.en"})).await;
        assert_eq!([&answer.body["alreadyOptedIn"], &answer.body["showPrompt"], &answer.body["phoneVerified"]], [true, false, true]);
    }
    let ledger = stage.rows("ConsentsTable").await;
    assert_eq!(ledger.len(), 1);
    assert_eq!([&ledger[0]["method"], &ledger[0]["disclosure_version"], &ledger[0]["ip"]], ["opt_in_modal", "2026-11.en", "203.0.113.7"]);
    let words = include_str!("../../../../disclosures/2026-11.en.txt").trim_end();
    assert_eq!(ledger[0]["wording"], words);
    let row = stage.recipient("ada").await;
    assert!(row.sms_enabled && row.categories.battle_invitations);

    let messages = stage.rows("MessagesTable").await;
    assert_eq!(messages.len(), 1);
    assert_eq!([&messages[0]["type"], &messages[0]["status"], &messages[0]["lane"]], ["opt_in_confirmation", "pending", "urgent"]);
    assert!(!messages[0]["gates"].as_array().expect("gates").is_empty());
    assert!(stage.jobs() >= 1);
}

#[tokio::test]
async fn a_second_opt_in_is_a_new_consent_but_no_second_welcome() {
    let stage = Stage::set().await.with(ben()).await;
    let yes = json!({"action": "opt_in", "disclosureVersion": "2026-11.en"});
    choose(&stage, yes.clone()).await;
    stage.ask(Call::signed("PATCH", "/v1/users/ada/preferences").json(&json!({"smsEnabled": false}))).await;
    choose(&stage, yes).await;
    assert_eq!(stage.rows("ConsentsTable").await.len(), 3);
    assert_eq!(stage.rows("MessagesTable").await.len(), 1);
}

#[tokio::test]
async fn a_yes_needs_words_that_there_are_and_a_number() {
    let stage = Stage::set().await;
    assert_eq!(choose(&stage, json!({"action": "opt_in"})).await.problem(), "invalid");
    assert_eq!(choose(&stage, json!({"action": "opt_in", "disclosureVersion": "1999-01.en"})).await.problem(), "invalid");
    assert_eq!(choose(&stage, json!({"action": "perhaps"})).await.problem(), "invalid");
    assert_eq!(choose(&stage, json!({"action": "opt_in", "disclosureVersion": "2026-11.en"})).await.problem(), "phone-number-needed");
    assert!(stage.rows("RecipientsTable").await.is_empty());
}

#[tokio::test]
async fn a_yes_for_a_number_that_is_not_proven_waits_with_its_welcome() {
    let unproven = Recipient { phone: ben().phone, ..Recipient::new(user("ada")) };
    let stage = Stage::set().await.with(unproven).await;
    choose(&stage, json!({"action": "opt_in", "disclosureVersion": "2026-11.en"})).await;
    assert!(stage.rows("MessagesTable").await.is_empty());
}

#[tokio::test]
async fn the_words_come_in_the_language_of_the_page_and_texts_then_follow_it() {
    let stage = Stage::set().await.with(ben()).await;
    let version = async |query: &str| stage.ask(stage.me("ada", "GET", &format!("opt-in{query}"))).await.body["disclosure"]["version"].clone();
    assert_eq!([version("").await, version("?lang=es-MX").await, version("?lang=fr").await], ["2026-11.en", "2026-11.es", "2026-11.en"]);
    choose(&stage, json!({"action": "opt_in", "disclosureVersion": "2026-11.es"})).await;
    assert_eq!(stage.recipient("ada").await.locale.as_deref(), Some("es"));
    assert_eq!(stage.rows("MessagesTable").await[0]["locale"], "es");
    assert_eq!([version("").await, version("?lang=en").await], ["2026-11.es", "2026-11.en"]);
}

#[tokio::test]
async fn a_language_that_was_chosen_stays() {
    let stage = Stage::set().await.with(Recipient { locale: Some("en-US".into()), ..ben() }).await;
    choose(&stage, json!({"action": "opt_in", "disclosureVersion": "2026-11.es"})).await;
    assert_eq!(stage.recipient("ada").await.locale.as_deref(), Some("en-US"));
}
