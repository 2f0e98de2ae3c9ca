//! What is explained is what happens, and nothing happens by it.

mod scene;

use std::{collections::BTreeMap, thread};

use scene::{CLOSED_AFTER, Drawn, Scene};
use sms::{
    encoding,
    gates::{self, Step},
    message::{Message, Status},
    text::{self, CODE_PLACEHOLDER},
};

use super::{Call, PHONE, Stage, Value, ada, json};

/// Different events in different worlds; `EXPLAIN_SEEDS`, with commas between, adds others.
const SEEDS: [u64; 3] = [1, 2, 3];

/// For each of them.
const EVENTS: usize = 400;

/// So often at least each of the outcomes below was seen.
const ENOUGH: usize = 3;

/// Everything that may become of an event, by the words of the gate that decides it.
const OUTCOMES: [(&str, &str); 27] = [
    ("pending", ""),
    ("held", ""),
    ("duplicate", "its row is there since"),
    ("recipient", "no such recipient"),
    ("recipient", "erased"),
    ("phone_verified", "never verified"),
    ("country", "not allowed"),
    ("country", "are blocked until"),
    ("opt_out", "out of everything"),
    ("opt_out", "out of battle_invitations"),
    ("consent", "never given"),
    ("master_switch", "switched off"),
    ("category", "battle_invitations is switched off"),
    ("offline", "seen in the app"),
    ("expiry", "of no use since"),
    ("content", "none of the allowed domains"),
    ("quiet_hours", "of no use after"),
    ("user_daily_cap", "promotional texts on"),
    ("user_daily_cap", "the person had 10 codes"),
    ("carrier_hourly_cap", "texts to this number"),
    ("carrier_hourly_cap", "the same words"),
    ("carrier_hourly_cap", "less than 30 s ago"),
    ("carrier_hourly_cap", "everybody together"),
    ("budget", "AWS's own monthly spend limit"),
    ("budget", "kept for transactional texts"),
    ("budget", "for promotional texts"),
    ("budget", "for transactional texts"),
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

/// Which of [`OUTCOMES`] was explained; there are others, which are rarer.
fn outcome(said: &Value) -> Option<usize> {
    let last = said["gates"].as_array().and_then(|gates| gates.last()).expect("a gate");
    let decided_by = if last["verdict"] == "fail" { &last["gate"] } else { &said["status"] };
    let detail = last["detail"].as_str().unwrap_or_default();
    OUTCOMES.iter().position(|(name, words)| decided_by == name && detail.contains(words))
}

/// Compares what was explained with the row that then is there, and `before`, which was there already.
fn compare(scene: &Scene, drawn: &Drawn, said: &Value, before: Option<&Message>, row: &Message) {
    let (event, at) = (&drawn.event, drawn.at);
    let gate = |step: &Step| json!({"gate": step.gate, "verdict": step.verdict, "detail": step.detail});
    let mut gates = row.gates.iter().map(gate).collect::<Vec<_>>();
    if let Some(before) = before {
        assert_eq!(before, row, "a repeat changes nothing: {event}");
        let why = format!("its row is there since {} and is {}", sms::moment::text(row.created_at), row.status.as_str());
        gates = vec![json!({"gate": "schema", "verdict": "pass", "detail": null}), json!({"gate": "duplicate", "verdict": "fail", "detail": why})];
    }
    let release = row.release_at.filter(|_| row.status == Status::Held).map(sms::moment::text);
    assert_eq!(said["messageId"], json!(row.message_id), "{event}");
    assert_eq!(said["at"], sms::moment::text(at), "{event}");
    assert_eq!((&said["status"], &said["releaseAt"]), (&json!(row.status.as_str()), &json!(release)), "{event}");
    assert_eq!(said["gates"], json!(gates), "{event}");

    // The words are shown whatever the gates say. Where the row has them, they are these.
    let parsed = sms::event::Event::parse(&event.to_string()).expect("an event");
    let recipient = scene.person(&parsed.user_id);
    let locale = recipient.map(sms::recipient::Recipient::text_locale).unwrap_or_default();
    let words = text::render(&text::harmless(parsed.content.clone()), locale, &scene.rules.house, at, CODE_PLACEHOLDER);
    let shown = &said["text"];
    let Ok(words) = words else {
        assert!(shown.is_null() && (before.is_some() || row.body.is_none()), "{event}");
        return;
    };
    let price =
        gates::addressee(&parsed, recipient).and_then(|phone| scene.rules.prices.of(phone.country()?)).map(|price| price.times(words.size.parts));
    let wanted = json!({"body": words.body, "locale": locale.as_str(), "characters": words.body.chars().count(), "encoding": words.size.encoding,
        "parts": words.size.parts, "estimatedPrice": price, "savings": shown["savings"]});
    assert_eq!(*shown, wanted, "{event}");
    assert_eq!(shown["savings"].as_array().map(Vec::len), Some(encoding::savings(&words.body).len()), "{event}");
    if before.is_none() {
        let kept = (row.body.as_deref(), row.parts, row.estimated_price);
        assert!(kept.0.is_none_or(|body| shown["body"] == body), "{event}");
        assert!(kept.1.is_none_or(|parts| shown["parts"] == parts), "{event}");
        assert!(kept.2.is_none_or(|price| shown["estimatedPrice"] == json!(price)), "{event}");
        let goes = matches!(row.status, Status::Pending | Status::Held);
        assert!(!goes || (kept.1.is_some() && kept.2.is_some() && row.reserved.as_ref().map(|reserved| reserved.amount) == kept.2), "{event}");
    }
}

/// How often each outcome was seen.
async fn run(seed: u64) -> Vec<usize> {
    let scene = Scene::set(seed).await;
    let mut times = vec![0; OUTCOMES.len()];
    for (n, drawn) in scene.draw(seed, EVENTS).iter().enumerate() {
        if n == CLOSED_AFTER {
            scene.producer.admissions.close(drawn.at).await.expect("close");
        }
        let path = format!("/v1/explain?at={}", sms::moment::text(drawn.at));
        let said = scene.stage.ask(Call::signed("POST", &path).json(&drawn.event)).await;
        assert_eq!(said.status, 200, "{said:?}");
        let before = scene.row(drawn).await;
        let jobs = scene.jobs();
        let decided = scene.producer.admit(&[&drawn.event.to_string()], drawn.at, || Ok([7; 16])).await;
        assert!(decided.iter().all(Result::is_ok), "{decided:?}");
        let row = scene.row(drawn).await.expect("a row");
        compare(&scene, drawn, &said.body, before.as_ref(), &row);
        assert_eq!(scene.jobs() - jobs, usize::from(said.body["status"] == "pending"), "what is to go out is in its lane: {}", drawn.event);
        if let Some(outcome) = outcome(&said.body) {
            times[outcome] += 1;
        }
    }
    times
}

#[test]
fn of_a_thousand_events_what_is_explained_is_what_happens() {
    let more = std::env::var("EXPLAIN_SEEDS").unwrap_or_default();
    let more = more.split(',').filter_map(|seed| seed.trim().parse().ok());
    let seeds = SEEDS.into_iter().chain(more).collect::<Vec<u64>>();
    let of = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(run(seed))
    };
    let seen = thread::scope(|scope| {
        let runs = seeds.iter().map(|seed| (*seed, scope.spawn(|| of(*seed)))).collect::<Vec<_>>();
        runs.into_iter().map(|(seed, run)| run.join().unwrap_or_else(|_| panic!("with seed {seed}"))).collect::<Vec<_>>()
    });
    let total = OUTCOMES.iter().enumerate().map(|(n, outcome)| (outcome, seen.iter().map(|seen| seen[n]).sum::<usize>())).collect::<BTreeMap<_, _>>();
    let rare = total.iter().filter(|(_, times)| **times < ENOUGH).collect::<Vec<_>>();
    assert!(rare.is_empty(), "too rare to have been tested: {rare:?} of {total:#?}");
}
