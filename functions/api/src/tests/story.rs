//! `GET …/consent`: every change of the ledger shows, and the whole story of a number is told.

use aws_sdk_dynamodb::types::AttributeValue;
use sms::stores::{Item, Replies, Reply};

use super::{Call, PHONE, Stage, Value, ben, json, phone};

/// Ada said yes, no, and yes again.
async fn told() -> Stage {
    let stage = Stage::set().await.with(ben()).await;
    let yes = json!({"action": "opt_in", "disclosureVersion": "2026-11.en"});
    let off = json!({"smsEnabled": false, "origin": {"ip": "203.0.113.9", "userAgent": "Test/2"}});
    stage.ask(stage.me("ada", "POST", "opt-in").json(&yes)).await;
    stage.ask(Call::signed("PATCH", "/v1/users/ada/preferences").json(&off)).await;
    stage.ask(stage.me("ada", "POST", "opt-in").json(&yes)).await;
    assert_eq!(broken_at(&stage).await, Value::Null);
    stage
}

async fn story(stage: &Stage) -> Value {
    stage.ask(Call::signed("GET", "/v1/users/ada/consent")).await.body
}

async fn broken_at(stage: &Stage) -> Value {
    let story = story(stage).await;
    assert_eq!(story["verified"], story["brokenAt"].is_null());
    story["brokenAt"].clone()
}

fn key(seq: u64) -> Item {
    Item::from([("user_id".into(), AttributeValue::S("ada".into())), ("seq".into(), AttributeValue::N(seq.to_string()))])
}

async fn entry(stage: &Stage, seq: u64) -> Item {
    let answer = stage.embedded.dynamodb.get_item().table_name("ConsentsTable").set_key(Some(key(seq))).send().await.expect("get");
    answer.item.expect("an entry")
}

async fn put(stage: &Stage, item: Item) {
    stage.embedded.dynamodb.put_item().table_name("ConsentsTable").set_item(Some(item)).send().await.expect("put");
}

async fn drop_entry(stage: &Stage, seq: u64) {
    stage.embedded.dynamodb.delete_item().table_name("ConsentsTable").set_key(Some(key(seq))).send().await.expect("delete");
}

#[tokio::test]
async fn a_change_of_any_attribute_of_any_entry_is_found() {
    let stage = told().await;
    for seq in 1..=3 {
        let whole = entry(&stage, seq).await;
        let names = whole.keys().filter(|name| !["user_id", "seq"].contains(&name.as_str()));
        assert!(names.clone().count() >= 7, "{whole:?}");
        for name in names {
            let forged = match (name.as_str(), whole[name].as_s().expect("text").as_str()) {
                ("at", at) => at.replace("2026", "2025"),
                ("action", "given") => "revoked".into(),
                ("action", _) => "given".into(),
                ("method", _) => "carrier".into(),
                ("phone", _) => "+12025550177".into(),
                (_, text) => format!("{text}x"),
            };
            put(
                &stage,
                [(name.clone(), AttributeValue::S(forged))].into_iter().fold(whole.clone(), |mut item, (name, value)| {
                    item.insert(name, value);
                    item
                }),
            )
            .await;
            assert_eq!(broken_at(&stage).await, seq, "{name} of {seq}");
        }
        put(&stage, whole).await;
        assert_eq!(broken_at(&stage).await, Value::Null);
    }
}

#[tokio::test]
async fn a_missing_a_swapped_and_an_added_entry_are_found() {
    let stage = told().await;
    let entries = [entry(&stage, 1).await, entry(&stage, 2).await, entry(&stage, 3).await];
    for seq in 1..=3 {
        drop_entry(&stage, seq).await;
        assert_eq!(broken_at(&stage).await, seq, "without {seq}");
        put(&stage, entries[usize::try_from(seq).expect("a place") - 1].clone()).await;
    }
    let at = |place: usize, seq: u64| {
        let mut item = entries[place].clone();
        item.extend(key(seq));
        item
    };
    put(&stage, at(1, 3)).await;
    put(&stage, at(2, 2)).await;
    assert_eq!(broken_at(&stage).await, 2, "swapped");
    put(&stage, at(1, 2)).await;
    put(&stage, at(2, 3)).await;
    put(&stage, at(2, 4)).await;
    assert_eq!(broken_at(&stage).await, 4, "added");
}

#[tokio::test]
async fn the_story_of_a_number_has_what_was_shown_and_what_was_answered() {
    let stage = told().await;
    stage.later(60);
    let replies = Replies::new(stage.embedded.dynamodb.clone(), "RepliesTable".into());
    let reply = |id: &str, number: &str, seconds: i64| Reply {
        inbound_message_id: id.into(),
        phone: phone(number),
        body: "Please stop".into(),
        meaning: "stop_all".into(),
        rule: "plain stop".into(),
        review: false,
        received_at: stage.now() + jiff::SignedDuration::from_secs(seconds),
        obeyed_at: None,
        expires_at: 0,
    };
    for row in [reply("b", PHONE, 2), reply("a", PHONE, 1), reply("c", "+12025550177", 1), reply("before", PHONE, -3600)] {
        replies.begin(&row).await.expect("begin");
    }
    let story = story(&stage).await;
    assert_eq!([&story["entries"][0]["wordingIsOfVersion"], &story["entries"][1]["wordingIsOfVersion"]], [&json!(true), &Value::Null]);
    assert_eq!([&story["entries"][1]["ip"], &story["entries"][1]["userAgent"]], ["203.0.113.9", "Test/2"]);
    let numbers = story["numbers"].as_array().expect("numbers");
    assert_eq!((numbers.len(), &numbers[0]["phoneNumber"], &numbers[0]["optOut"]), (1, &json!(PHONE), &Value::Null));
    let told = numbers[0]["replies"].as_array().expect("replies").iter().map(|reply| reply["receivedAt"].as_str().expect("at")).collect::<Vec<_>>();
    assert_eq!(told, ["2026-11-23T10:01:01.000Z", "2026-11-23T10:01:02.000Z"], "oldest first, and nothing from before the number was hers");
    assert_eq!(numbers[0]["replies"][0]["meaning"], "stop_all");
}
