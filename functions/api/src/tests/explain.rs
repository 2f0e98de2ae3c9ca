//! What is explained is what happens, and nothing happens by it.

use std::cell::RefCell;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use sms::{
    budget::Budget,
    event::Event,
    gates,
    kind::Kind,
    message::{Message, Status},
    money::MicroUsd,
    opt_out::OptOut,
    quiet_hours::SendingHours,
    recipient::{Categories, Recipient},
    stores::{Admissions, Admitted, Asked, Asker, Codes, Limits, OptOuts, Wish},
};

use super::{Call, PHONE, Stage, Value, Verifications, ada, json, phone, rules, user};

/// Few enough that the breaker opens.
const CODES_PER_HOUR: u64 = 3;

/// Everything that may decide an event.
const OUTCOMES: [&str; 17] = [
    "pending",
    "held",
    "duplicate",
    "recipient",
    "phone_verified",
    "country",
    "opt_out",
    "consent",
    "master_switch",
    "category",
    "expiry",
    "content",
    "quiet_hours",
    "user_daily_cap",
    "carrier_hourly_cap",
    "budget",
    "breaker",
];

const TABLES: [&str; 7] = ["RecipientsTable", "OptOutsTable", "ConsentsTable", "MessagesTable", "VerificationsTable", "RepliesTable", "LimitsTable"];

fn invitation(id: &str, to: &str, topic: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "test", "type": "com.allthrive.sms.battle_invitation.v1",
        "data": {"user_id": to, "inviter_name": "Ben", "battle_topic": topic, "invitation_link": "https://allthrive.ai/b/9"}})
}

async fn everything(stage: &Stage) -> Vec<Vec<Value>> {
    let mut tables = Vec::new();
    for table in TABLES {
        tables.push(stage.rows(table).await);
    }
    tables
}

#[tokio::test]
async fn an_explanation_shows_gates_text_price_and_savings_and_changes_nothing() {
    let stage = Stage::set().await.with(ada()).await;
    stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await;
    let before = everything(&stage).await;
    drop(stage.embedded.calls.take());
    let answer = stage.ask(Call::signed("POST", "/v1/explain").json(&invitation("1", "ada", "Гonzález ’s duel"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["status"], "pending");
    assert_eq!(answer.body["gates"].as_array().map(Vec::len), Some(16));
    let text = &answer.body["text"];
    assert!(text["body"].as_str().expect("body").contains("has challenged you") || text["body"].as_str().expect("body").contains("Ben"), "{text}");
    assert_eq!(text["encoding"], "UNICODE");
    let savings = text["savings"].to_string();
    assert!(savings.contains("“Г” at ") && savings.contains("one part"), "{savings}");
    assert_eq!(text["estimatedPrice"].as_i64(), text["parts"].as_i64().map(|parts| parts * 8830));

    let code = json!({"specversion": "1.0", "id": "2", "source": "test", "type": "com.allthrive.sms.phone_verification.v1",
        "data": {"user_id": "ada", "phone": "+12025550177"}});
    let code = stage.ask(Call::signed("POST", "/v1/explain").json(&code)).await;
    assert!(code.body["text"]["body"].as_str().expect("body").contains("000000"), "{code:?}");
    let reads = ["GetItem", "BatchGetItem", "Query"];
    let calls = stage.embedded.calls.take();
    assert!(calls.iter().all(|call| reads.iter().any(|read| call.ends_with(&format!(".{read}")))), "{calls:?}");
    assert_eq!(everything(&stage).await, before);
}

#[tokio::test]
async fn what_is_no_event_is_named_and_not_quoted() {
    let stage = Stage::set().await;
    let mut no_link = invitation("1", "ada", "x");
    no_link["data"].as_object_mut().expect("data").remove("invitation_link");
    let mut unknown = invitation("1", "ada", "x");
    unknown["type"] = "com.allthrive.sms.secret_plan.v1".into();
    for (event, word) in [(no_link, "invitation_link"), (unknown, "type"), (json!({"a": 1}), "field")] {
        let answer = stage.ask(Call::signed("POST", "/v1/explain").json(&event)).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid"), "{answer:?}");
        assert!(answer.text.contains(word) && !answer.text.contains("secret_plan"), "{}", answer.text);
    }
    assert_eq!(stage.ask(Call::signed("POST", "/v1/explain").json(&json!([]))).await.status, 422);
    for at in ["yesterday", "9999-12-30T21:00:00Z", "-009999-01-01T00:00:00Z", "2026-11-23", "1970-01-01T00:00:00Z"] {
        let answer = stage.ask(Call::signed("POST", &format!("/v1/explain?at={at}")).json(&invitation("1", "ada", "x"))).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid"), "{at}");
    }
    for at in ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"] {
        let answer = stage.ask(Call::signed("POST", &format!("/v1/explain?at={at}")).json(&invitation("1", "ada", "x"))).await;
        assert_eq!(answer.status, 200, "{at} {answer:?}");
    }
    let doubled = invitation("1", "ada", "x").to_string().replacen('{', r#"{"id":"2","#, 1);
    let doubled = stage.ask(Call::signed("POST", "/v1/explain").header("content-type", "application/json").text(&doubled)).await;
    assert_eq!(doubled.status, 422, "the producer would refuse it too: {doubled:?}");
    assert_eq!(stage.ask(Call::new("POST", "/v1/explain").json(&json!({}))).await.problem(), "not-a-backend");
}

/// People of every sort: reached by all, not asked, of two minds, unproven, in other zones, abroad, stopped.
fn people() -> Vec<Recipient> {
    let at = |n: usize| phone(&format!("+1{}555{:04}", [212, 213, 312, 850, 423, 907, 808, 602][n % 8], 100 + n));
    let like = |name: &str, n: usize| {
        let consent = ada().consent.map(|consent| sms::recipient::Consent { phone: at(n), ..consent });
        Recipient { user_id: user(name), phone: Some(at(n)), consent, ..ada() }
    };
    vec![
        like("all", 0),
        like("west", 1),
        Recipient { consent: None, ..like("unasked", 2) },
        Recipient { categories: Categories { battle_invitations: false, streak_alerts: false, ..Categories::ALL_ON }, ..like("choosy", 3) },
        Recipient { sms_enabled: false, ..like("off", 4) },
        Recipient { phone_verified_at: None, ..like("unproven", 5) },
        Recipient { time_zone: Some("Asia/Tokyo".into()), ..like("tokyo", 6) },
        Recipient { phone: Some(phone("+447700900123")), ..like("abroad", 7) },
        like("stopped", 8),
        like("busy", 9),
    ]
}

/// Kind, person, id, minutes from the start, minutes until it is of no use, words.
type Drawn = (usize, usize, u32, i64, Option<i64>, String);

fn event((kind, person, id, minutes, life, words): &Drawn, people: &[Recipient], start: super::Timestamp) -> (Value, super::Timestamp) {
    let at = start + super::SignedDuration::from_mins(*minutes);
    let link = "https://allthrive.ai/b/9";
    let (kind, mut data) = [
        ("battle_invitation", json!({"inviter_name": words, "battle_topic": "Haiku", "invitation_link": link})),
        ("battle_invitation", json!({"inviter_name": "Ben", "battle_topic": words, "invitation_link": "https://evil.example/"})),
        ("streak_alert", json!({"streak_count": 7, "action_link": link})),
        ("security_alert", json!({"alert": "new_login", "detail": words, "link": link})),
        ("phone_verification", json!({"phone": if id % 5 == 0 { "+14155550100" } else { "+14155550101" }})),
        ("achievement_unlock", json!({"achievement_name": words, "achievement_link": link})),
    ][kind % 6]
        .clone();
    data["user_id"] = people.get(*person).map_or("nobody", |person| person.user_id.as_str()).into();
    let mut event =
        json!({"specversion": "1.0", "id": id.to_string(), "source": "test", "type": format!("com.allthrive.sms.{kind}.v1"), "data": data});
    if let Some(life) = life {
        event["expirytime"] = sms::moment::text(at + super::SignedDuration::from_mins(*life)).into();
    }
    (event, at)
}

#[tokio::test]
async fn of_a_thousand_events_what_is_explained_is_what_happens() {
    let house = gates::Rules {
        quiet_hours: Some(SendingHours::default()),
        // Enough for about a hundred parts.
        budget: Budget { monthly: MicroUsd(1_000_000), promotional: None, transactional: None, kept_percent: 20 },
        ..rules()
    };
    let stage = Stage::by(house.clone(), CODES_PER_HOUR).await;
    let people = people();
    for person in &people {
        stage.recipients.put(person).await.expect("put");
    }
    let dynamodb = || stage.embedded.dynamodb.clone();
    let opt_outs = OptOuts::new(dynamodb(), "OptOutsTable".into());
    let stopped = people[8].phone.clone().expect("phone");
    let stop = OptOut {
        phone: stopped,
        everything_since: Some(stage.now()),
        categories: std::collections::BTreeSet::new(),
        confirmation: None,
        method: sms::consent::Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        updated_at: stage.now(),
    };
    assert!(opt_outs.say(&stop).await.expect("say"));
    let admissions = Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into());
    let verifications = Verifications::new(dynamodb(), "VerificationsTable".into());
    let codes = Codes { limits: Limits::new(dynamodb(), "LimitsTable".into()), verifications, per_hour: CODES_PER_HOUR };

    let words = prop_oneof![3 => "[A-Za-z ]{1,30}", 1 => "[а-я’]{1,60}", 1 => "[a-z ]{80,200}"];
    // Two in three of them to who is busy.
    let person = prop_oneof![1 => 0_usize..11, 2 => Just(9_usize)];
    let one = (0_usize..6, person, 0_u32..2500, 0_i64..1200, proptest::option::weighted(0.4, -60_i64..600), words);
    let mut drawn = proptest::collection::vec(one, 1000).new_tree(&mut TestRunner::deterministic()).expect("events").current();
    drawn.sort_by_key(|drawn| drawn.3);

    let seen = RefCell::new(std::collections::BTreeMap::<String, usize>::new());
    for drawn in &drawn {
        let (body, at) = event(drawn, &people, stage.now());
        let path = format!("/v1/explain?at={}", sms::moment::text(at));
        let said = stage.ask(Call::signed("POST", &path).json(&body)).await;
        assert_eq!(said.status, 200, "{said:?}");

        let event = Event::parse(&body.to_string()).expect("an event");
        let recipient = people.iter().find(|person| person.user_id == event.user_id);
        let opt_out = match gates::addressee(&event, recipient) {
            Some(phone) => opt_outs.get(phone).await.expect("get"),
            None => None,
        };
        let wish = Wish { event: &event, recipient, opt_out: opt_out.as_ref() };
        let codes = &codes;
        // As the producer does.
        let prepare = async |wish: Wish<'_>, mut message: Message| {
            let (Kind::PhoneVerification, Status::Pending, Some(phone)) = (message.kind(), message.status, message.phone.clone()) else {
                return Ok(message);
            };
            let has_proven = wish.recipient.and_then(Recipient::verified_phone) == Some(&phone);
            let asker = Asker { user: &wish.event.user_id, phone: &phone, address: None, has_proven, is_sent: true };
            if let Asked::Refused(refusal) = codes.ask(&asker, message.message_id, [7; 16], at).await? {
                let (gate, detail) = refusal.gate().expect("a gate");
                gates::refuse(&mut message, gate, detail);
            }
            Ok(message)
        };
        let known = sms::stores::Messages::new(dynamodb(), "MessagesTable".into()).get(event.message_id()).await.expect("get").is_some();
        let prepare = async |wish: Wish<'_>, message| if known { Ok(message) } else { prepare(wish, message).await };
        let admitted = admissions.admit(&[wish], &house, at, prepare).await.remove(0).expect("admitted");

        let row = admitted.row();
        assert_eq!(said.body["status"], row.status.as_str(), "{body} {said:?}");
        let last = said.body["gates"].as_array().and_then(|gates| gates.last()).expect("a gate");
        if let Admitted::Repeat(_) = admitted {
            assert_eq!((&last["gate"], &last["verdict"]), (&json!("duplicate"), &json!("fail")), "{body}");
        } else {
            let gates = row.gates.iter().map(|step| json!({"gate": step.gate, "verdict": step.verdict, "detail": step.detail})).collect::<Vec<_>>();
            assert_eq!(said.body["gates"], json!(gates), "{body}");
            let release = row.release_at.map(sms::moment::text);
            assert_eq!(said.body["releaseAt"], json!(release), "{body}");
            if matches!(row.status, Status::Pending | Status::Held) {
                let text = &said.body["text"];
                assert_eq!((&text["parts"], &text["encoding"]), (&json!(row.parts), &json!(row.encoding)), "{body}");
                assert_eq!(text["estimatedPrice"], json!(row.estimated_price), "{body}");
            }
        }
        let breaker = last["detail"].as_str().is_some_and(|why| why.contains("everybody together"));
        let decided_by = if breaker {
            Some("breaker")
        } else if last["verdict"] == "fail" {
            last["gate"].as_str()
        } else {
            said.body["status"].as_str()
        };
        *seen.borrow_mut().entry(decided_by.unwrap_or_default().to_owned()).or_default() += 1;
    }
    let seen = seen.into_inner();
    assert!(OUTCOMES.iter().all(|gate| seen.contains_key(*gate)), "something never happened: {seen:?}");
}
