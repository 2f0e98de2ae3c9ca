//! Preferences: read, changed, and never overwritten unseen.

use futures::future::join_all;
use serde_json::Value;

use super::{Answer, Call, Stage, ada, ben, json};

async fn patch(stage: &Stage, body: Value) -> Answer {
    stage.ask(Call::signed("PATCH", "/v1/users/ada/preferences").json(&body)).await
}

fn all_off() -> Value {
    json!({"battleInvitations": false, "battleResults": false, "battleReminders": false, "streakAlerts": false,
        "directMessages": false, "achievements": false})
}

#[tokio::test]
async fn somebody_without_a_row_has_everything_off() {
    let stage = Stage::set().await;
    let answer = stage.ask(Call::signed("GET", "/v1/users/new/preferences")).await;
    let expected = json!({"phoneNumber": null, "phoneVerified": false, "smsEnabled": false, "categories": all_off(), "timeZone": null,
        "locale": null, "hasConsent": false, "consentGivenAt": null});
    assert_eq!((answer.status, answer.body), (200, expected));
    assert!(stage.rows("RecipientsTable").await.is_empty(), "to look is to change nothing");
}

#[tokio::test]
async fn the_sample_for_a_call_by_hand_gets_what_ada_wants() {
    let stage = Stage::set().await.with(ada()).await;
    let event = serde_json::from_str(include_str!("../../../../events/invoke/api.json")).expect("a sample");
    let answer = stage.ask(Call { event }).await;
    assert_eq!((answer.status, &answer.body["phoneVerified"]), (200, &json!(true)), "{answer:?}");
}

#[tokio::test]
async fn only_what_is_named_changes() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = patch(&stage, json!({"categories": {"streakAlerts": false}, "timeZone": "europe/madrid", "locale": "es-MX"})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["categories"]["streakAlerts"], false);
    assert_eq!(answer.body["categories"]["battleResults"], true);
    assert_eq!([&answer.body["timeZone"], &answer.body["locale"]], ["Europe/Madrid", "es-MX"]);
    assert!(stage.rows("ConsentsTable").await.is_empty(), "nobody said yes or no");
    let answer = patch(&stage, json!({"timeZone": null})).await;
    assert_eq!([&answer.body["timeZone"], &answer.body["locale"]], [&json!(null), &json!("es-MX")]);
}

#[tokio::test]
async fn the_master_switch_is_consent() {
    let stage = Stage::set().await.with(ben()).await;
    let on = stage.me("ada", "PATCH", "preferences").header("if-match", "*").json(&json!({"smsEnabled": true, "disclosureVersion": "2026-11.es"}));
    let answer = stage.ask(on).await;
    assert_eq!([&answer.body["smsEnabled"], &answer.body["hasConsent"]], [true, true]);
    assert_eq!(answer.body["consentGivenAt"], "2026-11-23T10:00:00.000Z");
    assert_eq!(patch(&stage, json!({"smsEnabled": true})).await.status, 200);
    let answer = patch(&stage, json!({"smsEnabled": false, "origin": {"ip": "198.51.100.4", "userAgent": "Phone"}})).await;
    assert_eq!([&answer.body["smsEnabled"], &answer.body["hasConsent"]], [false, false]);

    let story = stage.ask(Call::signed("GET", "/v1/users/ada/consent")).await.body;
    assert_eq!([&story["verified"], &story["brokenAt"]], [&json!(true), &json!(null)]);
    let entries = story["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2, "to say yes twice is to say it once");
    assert_eq!([&entries[0]["action"], &entries[0]["method"], &entries[0]["ip"]], ["given", "settings_page", "203.0.113.7"]);
    assert_eq!([&entries[0]["disclosureVersion"], &entries[0]["userAgent"]], ["2026-11.es", "Test/1"]);
    assert!(entries[0]["wording"].as_str().is_some_and(|wording| wording.starts_with("Al activar")));
    assert_eq!([&entries[1]["action"], &entries[1]["ip"], &entries[1]["userAgent"]], ["revoked", "198.51.100.4", "Phone"]);
}

#[tokio::test]
async fn consent_needs_a_number_to_be_for() {
    let stage = Stage::set().await;
    assert_eq!(patch(&stage, json!({"smsEnabled": true})).await.problem(), "phone-number-needed");
    assert_eq!(patch(&stage, json!({"smsEnabled": false, "categories": {"achievements": true}})).await.status, 200);
}

#[tokio::test]
async fn an_array_is_no_object() {
    let stage = Stage::set().await.with(ada()).await;
    for (body, field) in [
        (json!([false]), "."),
        (json!({"categories": [false, false]}), "categories"),
        (json!({"smsEnabled": false, "origin": ["198.51.100.4", "Phone"]}), "origin"),
    ] {
        let answer = patch(&stage, body).await;
        assert_eq!((answer.problem(), &answer.body["errors"][0]["field"]), ("invalid", &json!(field)));
    }
}

#[tokio::test]
async fn where_a_person_is_they_cannot_say_themselves() {
    let stage = Stage::set().await.with(ben()).await;
    let body = json!({"smsEnabled": true, "origin": {"ip": "198.51.100.4"}});
    let answer = stage.ask(stage.me("ada", "PATCH", "preferences").header("if-match", "*").json(&body)).await;
    assert_eq!((answer.problem(), &answer.body["errors"][0]["field"]), ("invalid", &json!("origin")));
}

#[tokio::test]
async fn two_tabs_do_not_overwrite_one_another() {
    let stage = Stage::set().await.with(ada()).await;
    let seen = stage.ask(stage.me("ada", "GET", "preferences")).await;
    let change =
        |tag: &str, on: bool| stage.me("ada", "PATCH", "preferences").header("if-match", tag).json(&json!({"categories": {"achievements": on}}));
    let first = stage.ask(change(seen.header("etag"), false)).await;
    assert_eq!(first.status, 200);
    assert_ne!(first.header("etag"), seen.header("etag"));
    assert_eq!(stage.ask(change(seen.header("etag"), true)).await.problem(), "precondition-failed");
    assert_eq!(stage.ask(change(first.header("etag"), true)).await.status, 200);
    let unseen = stage.me("ada", "PATCH", "preferences").json(&json!({}));
    assert_eq!(stage.ask(unseen).await.problem(), "precondition-required");
}

#[tokio::test]
async fn of_many_at_once_who_saw_the_same_one_wins() {
    let stage = Stage::set().await.with(ada()).await;
    let seen = stage.ask(stage.me("ada", "GET", "preferences")).await;
    let change = |n: i32| {
        let body = json!({"locale": format!("en-{n:03}")});
        stage.ask(stage.me("ada", "PATCH", "preferences").header("if-match", seen.header("etag")).json(&body))
    };
    let answers = join_all((0..20).map(change)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.problem() == "precondition-failed"));
}

#[tokio::test]
async fn a_reply_of_stop_that_comes_between_is_not_lost() {
    let stage = Stage::set().await.with(ada()).await;
    let (on, off) = tokio::join!(patch(&stage, json!({"categories": {"achievements": false}})), patch(&stage, json!({"smsEnabled": false})));
    assert_eq!([on.status, off.status], [200, 200]);
    let row = stage.recipient("ada").await;
    assert!(!row.sms_enabled && !row.categories.achievements && row.standing_consent().is_none());
}

#[tokio::test]
async fn a_tampered_ledger_says_where() {
    let stage = Stage::set().await.with(ben()).await;
    for on in [true, false, true] {
        assert_eq!(patch(&stage, json!({"smsEnabled": on})).await.status, 200);
    }
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let number = aws_sdk_dynamodb::types::AttributeValue::N("2".to_owned());
    let update = stage.embedded.dynamodb.update_item().table_name("ConsentsTable").key("user_id", text("ada")).key("seq", number);
    update.update_expression("SET ip = :ip").expression_attribute_values(":ip", text("192.0.2.1")).send().await.expect("tampering");
    let story = stage.ask(Call::signed("GET", "/v1/users/ada/consent")).await.body;
    assert_eq!([&story["verified"], &story["brokenAt"]], [&json!(false), &json!(2)]);
}

#[tokio::test]
async fn a_yes_on_the_settings_page_is_a_yes_to_something_and_welcomed_once() {
    let stage = Stage::set().await.with(ben()).await;
    let on = json!({"smsEnabled": true, "disclosureVersion": "2026-11.en"});
    let answer = patch(&stage, on.clone()).await;
    assert!(answer.body["categories"].as_object().expect("switches").values().all(|on| on == true), "{answer:?}");
    patch(&stage, json!({"categories": {"achievements": false}})).await;
    patch(&stage, json!({"smsEnabled": false})).await;
    let answer = patch(&stage, on).await;
    assert_eq!([&answer.body["categories"]["achievements"], &answer.body["categories"]["streakAlerts"]], [false, true], "what was chosen stays");
    let messages = stage.rows("MessagesTable").await;
    assert_eq!(messages.iter().map(|message| &message["type"]).collect::<Vec<_>>(), ["opt_in_confirmation"]);
}

#[tokio::test]
async fn a_yes_turns_nothing_on_that_was_turned_off_with_it_or_before_it() {
    let stage = Stage::set().await.with(ben()).await;
    let answer = patch(&stage, json!({"smsEnabled": true, "categories": all_off()})).await;
    assert_eq!((answer.status, &answer.body["hasConsent"], &answer.body["categories"]), (200, &json!(true), &all_off()), "in the same breath");

    let stage = Stage::set().await.with(ada()).await;
    for name in all_off().as_object().expect("switches").keys() {
        assert_eq!(patch(&stage, json!({"categories": {name: false}})).await.status, 200);
    }
    patch(&stage, json!({"smsEnabled": false})).await;
    let answer = patch(&stage, json!({"smsEnabled": true})).await;
    assert_eq!([&answer.body["hasConsent"], &answer.body["categories"]], [&json!(true), &all_off()], "one by one, before");
    patch(&stage, json!({"smsEnabled": false})).await;
    let yes = json!({"action": "opt_in", "disclosureVersion": "2026-11.en"});
    assert_eq!(stage.ask(stage.me("ada", "POST", "opt-in").json(&yes)).await.body["alreadyOptedIn"], true);
    let row = stage.recipient("ada").await;
    assert!(row.categories.none_on() && row.standing_consent().is_some(), "nor does the prompt");
}

#[tokio::test]
async fn a_first_yes_that_chooses_is_a_yes_to_what_it_chooses() {
    for (chosen, battles) in [(json!({"streakAlerts": true}), false), (json!({}), true)] {
        let stage = Stage::set().await.with(ben()).await;
        let answer = patch(&stage, json!({"smsEnabled": true, "categories": chosen})).await;
        let switches = &answer.body["categories"];
        assert_eq!([&switches["streakAlerts"], &switches["battleResults"]], [&json!(true), &json!(battles)], "{chosen}");
    }
}
