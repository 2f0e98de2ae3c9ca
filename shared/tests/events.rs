//! Events: what is read, what is refused, and that the samples and schemas in `events/` say the same as the code.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use sms::{
    content::{Alert, Content},
    event::{self, Event},
    text::{self, House, Locale},
};

const TYPES: [&str; 8] = [
    "battle_invitation",
    "battle_result",
    "battle_reminder",
    "streak_alert",
    "direct_message",
    "achievement_unlock",
    "security_alert",
    "phone_verification",
];

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn file(name: &str) -> String {
    fs::read_to_string(events().join(name)).unwrap_or_else(|error| panic!("events/{name}: {error}"))
}

fn json_file(name: &str) -> Value {
    serde_json::from_str(&file(name)).expect(name)
}

/// A sample event, changed by `change`.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut event = json_file(&format!("{name}.json"));
    change(&mut event);
    event.to_string()
}

fn refusal(text: &str) -> String {
    match Event::parse(text) {
        Ok(_) => panic!("read: {}", text.chars().take(200).collect::<String>()),
        Err(why) => why.to_string(),
    }
}

fn house() -> House {
    House { link_domains: vec!["allthrive.ai".into()], support_contact: "help@allthrive.ai".into() }
}

#[test]
fn the_samples_are_one_event_of_every_type() {
    for name in TYPES {
        let event = Event::parse(&file(&format!("{name}.json"))).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(event.content.kind().as_str(), name);
        assert_eq!(event.user_id.as_str(), if name == "phone_verification" { "dee" } else { "ada" });
        assert_eq!(event.expirytime, None, "{name}: a sample is good at any time");
    }
    let files = fs::read_dir(events()).expect("events").filter_map(Result::ok).filter(|entry| entry.path().extension().is_some_and(|e| e == "json"));
    assert_eq!(files.count(), TYPES.len());
}

#[test]
fn every_sample_renders_within_its_part_limit_in_every_language() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a moment");
    for name in TYPES {
        let content = text::harmless(Event::parse(&file(&format!("{name}.json"))).expect(name).content);
        for locale in [Locale::En, Locale::Es] {
            let text = text::render(&content, locale, &house(), now, text::CODE_PLACEHOLDER).expect(name);
            assert_eq!(text.size.parts, 1, "{name} in {locale:?}: samples are short");
            assert!(text.size.parts <= content.kind().part_limit());
        }
    }
}

#[test]
fn an_event_says_who_what_and_until_when() {
    let text = changed("security_alert", |event| event["expirytime"] = json!("2026-11-22T18:00:00+01:00"));
    let event = Event::parse(&text).expect("an event");
    assert_eq!(event.source, "allthrive/accounts");
    assert_eq!(event.expirytime, Some("2026-11-22T17:00:00Z".parse().expect("a moment")));
    assert_eq!(event.related, None);
    let Content::SecurityAlert(alert) = &event.content else { panic!("another kind") };
    assert_eq!(alert.alert, Alert::NewLogin);

    let related = Event::parse(&file("battle_invitation.json")).expect("an event").related.expect("a thing");
    assert_eq!((related.kind.as_str(), related.id.as_str()), ("Battle", "9"));
}

#[test]
fn an_event_has_the_same_message_id_every_time() {
    let event = Event::parse(&file("battle_invitation.json")).expect("an event");
    let again = changed("battle_invitation", |event| event["data"]["battle_topic"] = json!("Something else"));
    assert_eq!(Event::parse(&again).expect("an event").message_id(), event.message_id());
    assert_ne!(event::message_id("allthrive/battles", "1"), event::message_id("allthrive/battle", "s1"));

    let job: Value = serde_json::from_str(json_file("invoke/sender.json")["Records"][0]["body"].as_str().expect("a body")).expect("a job");
    assert_eq!(job, json!({"message_id": event.message_id()}), "the sample for the sender is about the sample invitation");
}

#[test]
fn what_cloud_events_allows_besides_is_read() {
    for (attribute, value) in [
        ("subject", json!("battle/9")),
        ("dataschema", json!("https://allthrive.ai/schemas/1")),
        ("traceparent", json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        ("tracestate", json!("rojo=1")),
        ("datacontenttype", json!("application/json; charset=utf-8")),
        ("time", Value::Null),
    ] {
        let text = changed("battle_invitation", |event| event[attribute] = value);
        assert!(Event::parse(&text).is_ok(), "{attribute}");
    }
    let bare = changed("streak_alert", |event| {
        let event = event.as_object_mut().expect("an object");
        event.remove("time");
        event.remove("datacontenttype");
    });
    assert!(Event::parse(&bare).is_ok(), "both are optional");
    let pretty = format!(" \n{}\n ", file("streak_alert.json"));
    assert!(Event::parse(&pretty).is_ok(), "white space is no content");
}

#[test]
fn what_is_not_an_event_is_refused_with_its_place() {
    fn set(path: &'static str, value: Value) -> impl FnOnce(&mut Value) {
        move |event| *event.pointer_mut(path).expect(path) = value
    }
    fn add(path: &'static str, key: &'static str, value: Value) -> impl FnOnce(&mut Value) {
        move |event| event.pointer_mut(path).expect(path)[key] = value
    }
    fn without(path: &'static str, key: &'static str) -> impl FnOnce(&mut Value) {
        move |event| drop(event.pointer_mut(path).and_then(Value::as_object_mut).expect(path).remove(key).expect(key))
    }
    let invitation = |change: Box<dyn FnOnce(&mut Value)>| changed("battle_invitation", change);
    let long = "x".repeat(257);
    let table: Vec<(String, &str)> = vec![
        // The envelope.
        (invitation(Box::new(set("/specversion", json!("0.3")))), "specversion"),
        (invitation(Box::new(set("/specversion", json!(1.0)))), "specversion"),
        (invitation(Box::new(set("/id", json!("")))), "id"),
        (invitation(Box::new(set("/id", json!(7)))), "id"),
        (invitation(Box::new(set("/id", json!("a\nb")))), "id"),
        (invitation(Box::new(set("/id", json!("a\0b")))), "id"),
        (invitation(Box::new(set("/source", json!(long)))), "source"),
        (invitation(Box::new(set("/source", Value::Null))), "source"),
        (invitation(Box::new(set("/time", json!("yesterday")))), "time"),
        (invitation(Box::new(set("/time", json!(1_795_341_600)))), "time"),
        (invitation(Box::new(add("", "expirytime", json!("2026-13-01T00:00:00Z")))), "expirytime"),
        (invitation(Box::new(add("", "expirytime", json!("2026-12-01")))), "expirytime"),
        (invitation(Box::new(set("/datacontenttype", json!("text/xml")))), "datacontenttype"),
        (invitation(Box::new(add("", "data_base64", json!("e30=")))), "none of ours"),
        (invitation(Box::new(add("", "priority", json!(1)))), "none of ours"),
        (invitation(Box::new(without("", "specversion"))), "missing field `specversion`"),
        (invitation(Box::new(without("", "id"))), "missing field `id`"),
        (invitation(Box::new(without("", "source"))), "missing field `source`"),
        (invitation(Box::new(without("", "type"))), "missing field `type`"),
        (invitation(Box::new(without("", "data"))), "missing field `data`"),
        // The type.
        (invitation(Box::new(set("/type", json!("battle_invitation")))), "type"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms.battle_invitation.v2")))), "type"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms.battle_invitation.v1.v1")))), "type"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms.Battle_Invitation.v1")))), "type"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms.digest.v1")))), "type: none of the eight"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms.help_reply.v1")))), "type: none of the eight"),
        (invitation(Box::new(set("/type", json!("com.allthrive.sms..v1")))), "type: none of the eight"),
        // The data.
        (invitation(Box::new(set("/data", json!([])))), "data"),
        (invitation(Box::new(set("/data", json!("{}")))), "data"),
        (invitation(Box::new(set("/data", Value::Null))), "data"),
        (invitation(Box::new(without("/data", "user_id"))), "missing field `user_id`"),
        (invitation(Box::new(without("/data", "battle_topic"))), "missing field `battle_topic`"),
        (invitation(Box::new(set("/data/user_id", json!(42)))), "data.user_id"),
        (invitation(Box::new(set("/data/user_id", json!("")))), "data.user_id"),
        (invitation(Box::new(set("/data/user_id", json!("a b")))), "data.user_id"),
        (invitation(Box::new(set("/data/user_id", json!("a\0b")))), "data.user_id"),
        (invitation(Box::new(set("/data/user_id", json!("x".repeat(129))))), "data.user_id"),
        (invitation(Box::new(set("/data/inviter_name", json!(["Ada"])))), "data.inviter_name"),
        (invitation(Box::new(set("/data/inviter_name", Value::Null))), "data.inviter_name"),
        (invitation(Box::new(add("/data", "inviter", json!("Ada")))), "none of ours"),
        (invitation(Box::new(add("/data", "streak_count", json!(3)))), "none of ours"),
        (invitation(Box::new(add("/data", "code", json!("123456")))), "none of ours"),
        (invitation(Box::new(add("/data/related", "name", json!("Duel")))), "data.related"),
        (invitation(Box::new(set("/data/related", json!("Battle")))), "data.related"),
        (invitation(Box::new(set("/data/related", json!(["Battle", "9"])))), "data.related"),
        (invitation(Box::new(set("/data/related/id", json!(9)))), "data.related.id"),
        (changed("streak_alert", set("/data/streak_count", json!("12"))), "data.streak_count"),
        (changed("streak_alert", set("/data/streak_count", json!(-1))), "data.streak_count"),
        (changed("streak_alert", set("/data/streak_count", json!(1.5))), "data.streak_count"),
        (changed("streak_alert", set("/data/streak_count", json!(5_000_000_000_u64))), "data.streak_count"),
        (changed("battle_reminder", set("/data/ends_at", json!("soon"))), "data.ends_at"),
        (changed("battle_reminder", set("/data/ends_at", json!("2035-01-01T00:00:00"))), "data.ends_at"),
        (changed("security_alert", set("/data/alert", json!("hacked"))), "data.alert"),
        (changed("security_alert", set("/data/alert", json!("NewLogin"))), "data.alert"),
        (changed("phone_verification", set("/data/phone", json!("2025550104"))), "data.phone"),
        (changed("phone_verification", add("/data", "code", json!("123456"))), "none of ours"),
        // No JSON object at all.
        (String::new(), "ends too early"),
        ("{".into(), "ends too early"),
        ("null".into(), "not an event"),
        ("[]".into(), "not an event"),
        (r#"["1.0","1","s","com.allthrive.sms.streak_alert.v1",null,null,null,null,null,null,null,{"user_id":"ada"}]"#.into(), "not an event"),
        ("\"{}\"".into(), "not an event"),
        ("not json".into(), "not JSON"),
        ("{\"a\":1,}".into(), "not an event"),
        (file("streak_alert.json") + "{}", "follows"),
        (file("streak_alert.json").replacen('{', "\u{feff}{", 1), "not"),
        (file("streak_alert.json").replacen("streak_count\": 12", "streak_count\": NaN", 1), "not JSON"),
        // The same key twice, where one reader takes the first and another the last.
        (file("streak_alert.json").replacen("\"id\"", "\"id\": \"0\", \"id\"", 1), "duplicate"),
        (file("streak_alert.json").replacen("\"data\"", "\"data\": {}, \"data\"", 1), "duplicate"),
        (file("streak_alert.json").replacen("\"user_id\"", "\"user_id\": \"eve\", \"user_id\"", 1), "duplicate"),
        (file("streak_alert.json").replacen("\"streak_count\"", "\"streak_count\": 1, \"streak_count\"", 1), "duplicate"),
        (file("streak_alert.json").replacen("\"user_id\"", "\"user\\u005fid\": \"eve\", \"user_id\"", 1), "duplicate"),
        (file("battle_result.json").replacen("\"type\": \"Battle\"", "\"type\": \"Battle\", \"type\": \"Duel\"", 1), "duplicate"),
    ];
    for (text, place) in &table {
        let why = refusal(text);
        assert!(why.contains(place), "{why} does not say {place}: {}", text.chars().take(300).collect::<String>());
    }
}

#[test]
fn size_and_depth_do_no_harm() {
    let huge = changed("battle_invitation", |event| event["data"]["battle_topic"] = json!("x".repeat(1 << 20)));
    let content = text::harmless(Event::parse(&huge).expect("long words are words").content);
    let Content::BattleInvitation(invitation) = content else { panic!("another kind") };
    assert_eq!(invitation.battle_topic.chars().count(), 500);

    refusal(&"[".repeat(100_000));
    refusal(&"{\"a\":".repeat(100_000));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refusal(&file("streak_alert.json").replacen("12", &deep, 1));
    refusal(&file("streak_alert.json").replacen("\"streak_count\"", &format!("\"deep\": {deep}, \"streak_count\""), 1));
}

#[test]
fn a_refusal_never_quotes_the_event() {
    const SECRET: &str = "Zanzibar";
    for name in TYPES {
        let sample = json_file(&format!("{name}.json"));
        let mut places: Vec<String> = sample.as_object().expect("an object").keys().map(|key| format!("/{key}")).collect();
        places.extend(sample["data"].as_object().expect("an object").keys().map(|key| format!("/data/{key}")));
        if sample["data"].get("related").is_some() {
            places.extend(["/data/related/type".to_owned(), "/data/related/id".to_owned()]);
        }
        for place in places {
            for value in [
                json!(SECRET),
                json!(format!("{SECRET} \n")),
                json!(format!("unknown field, expected {SECRET}")),
                json!(format!("2035-01-01T00:00:00Z{SECRET}")),
                json!(format!("2035-01-01T00:00:00[{SECRET}]")),
                json!([SECRET]),
                json!({SECRET: SECRET}),
                json!({"type": SECRET}),
            ] {
                let text = changed(name, |event| *event.pointer_mut(&place).expect("a place") = value);
                if let Err(why) = Event::parse(&text) {
                    assert!(!why.to_string().contains(SECRET), "{name}{place}: {why}");
                }
            }
        }
        for (object, key) in [("", SECRET), ("/data", SECRET), ("/data", "x, expected Zanzibar")] {
            let text = changed(name, |event| event.pointer_mut(object).expect("an object")[key] = json!(SECRET));
            assert!(!refusal(&text).contains(SECRET), "{name}{object}: {}", refusal(&text));
        }
    }
    for text in [SECRET.to_owned(), format!("\"{SECRET}\""), format!("{{\"id\": \"{SECRET}\""), format!("{{\"id\": {SECRET}}}")] {
        assert!(!refusal(&text).contains(SECRET), "{}", refusal(&text));
    }
    let twice = format!("{{\"data\": {{\"{SECRET}\": 1, \"{SECRET}\": 2}},");
    let text = file("streak_alert.json").replacen('{', &twice, 1).replacen("\"data\": {\n", "\"subject\": {\n", 1);
    assert!(!refusal(&text).contains(SECRET), "{}", refusal(&text));
}

#[test]
fn schemas() {
    let folder = events().join("schemas");
    let generated: Vec<(String, Value)> = event::schemas().into_iter().map(|(name, schema)| (format!("{name}.json"), schema)).collect();
    assert_eq!(generated.len(), TYPES.len());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(&folder).expect("the folder");
        for (name, schema) in &generated {
            fs::write(folder.join(name), format!("{schema:#}\n")).expect(name);
        }
    }
    for (name, schema) in &generated {
        let stored = fs::read_to_string(folder.join(name)).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        assert!(stored.as_ref() == Some(schema), "events/schemas/{name} is not what the code says: refresh it with `make schemas`");
    }
    let stored = fs::read_dir(&folder).expect("events/schemas").count();
    assert_eq!(stored, generated.len(), "events/schemas holds a schema that the code does not know");
}

#[test]
fn the_schemas_say_what_the_parser_says() {
    let refused: &[(&str, &str, Value)] = &[
        ("battle_invitation", "/specversion", json!("0.3")),
        ("battle_invitation", "/type", json!("com.allthrive.sms.battle_result.v1")),
        ("battle_invitation", "/data/user_id", json!(42)),
        ("battle_invitation", "/data/user_id", json!("")),
        ("battle_invitation", "/data/user_id", json!("a b")),
        ("battle_invitation", "/data/related", json!({"type": "Battle", "id": "9", "name": "x"})),
        ("streak_alert", "/data/streak_count", json!(-1)),
        ("security_alert", "/data/alert", json!("hacked")),
        ("phone_verification", "/data/phone", json!("2025550104")),
    ];
    for (name, schema) in event::schemas() {
        let schema = jsonschema::validator_for(&schema).expect(name);
        let sample = json_file(&format!("{name}.json"));
        if let Err(why) = schema.validate(&sample) {
            panic!("events/{name}.json: {why}");
        }
        for object in ["", "/data"] {
            let mut event = sample.clone();
            event.pointer_mut(object).expect("an object")["surplus"] = json!(1);
            assert!(!schema.is_valid(&event) && Event::parse(&event.to_string()).is_err(), "{name}: a field too many");
            for key in sample.pointer(object).and_then(Value::as_object).expect("an object").keys() {
                let mut event = sample.clone();
                event.pointer_mut(object).and_then(Value::as_object_mut).expect("an object").remove(key);
                assert_eq!(schema.is_valid(&event), Event::parse(&event.to_string()).is_ok(), "{name}{object} without {key}");
            }
        }
        for (_, place, value) in refused.iter().filter(|(kind, ..)| *kind == name) {
            let mut event = sample.clone();
            *event.pointer_mut(place).expect("a place") = value.clone();
            assert!(!schema.is_valid(&event), "{name}{place} may not be {value}");
            assert!(Event::parse(&event.to_string()).is_err(), "{name}{place} may not be {value}");
        }
    }
}

#[test]
fn the_samples_for_the_functions_are_what_queues_deliver() {
    let bodies = |name: &str| -> Vec<Value> {
        let records = json_file(&format!("invoke/{name}.json"));
        let records = records["Records"].as_array().expect("records").clone();
        records
            .into_iter()
            .map(|record| {
                assert_eq!(record["eventSource"], "aws:sqs");
                serde_json::from_str(record["body"].as_str().expect("a body")).expect("JSON")
            })
            .collect()
    };
    let notified = |name: &str| -> Value {
        let [envelope] = bodies(name).try_into().expect("one record");
        assert_eq!(envelope["Type"], "Notification");
        serde_json::from_str(envelope["Message"].as_str().expect("a message")).expect("JSON")
    };

    let events = bodies("producer");
    assert_eq!(events, [json_file("battle_invitation.json"), json_file("security_alert.json")]);
    let id = Event::parse(&events[0].to_string()).expect("an event").message_id();

    let receipt = notified("receipts");
    assert_eq!((&receipt["eventType"], &receipt["isFinal"]), (&json!("TEXT_DELIVERED"), &json!(true)));
    assert_eq!(receipt["context"], json!({"message_id": id}));

    let reply = notified("inbound");
    assert_eq!((&reply["messageBody"], &reply["originationNumber"]), (&json!("STOP BATTLES"), &json!("+12025550101")));
}
