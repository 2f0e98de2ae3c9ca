//! What would become of an event: said without a trace, and then true.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sms::{
    budget::Spent,
    caps::{Caps, Counted, Day, Hours, words_of},
    conversion::{Block, Count, prefix},
    event::Event,
    gates::{addressee, counted_in},
    kind::{Category, Class},
    message::Message,
    moment,
    opt_out::OptOut,
    quiet_hours::SendingHours,
    stores::{Admitted, Wish},
};
use uuid::Uuid;

use super::{
    Admissions, Answer, Budget, Call, Change, Codes, Limits, Messages, Method, MicroUsd, Notes, PHONE, Recipient, Rules, Stage, Timestamp, Value,
    Verifications, ada, json, phone, rules, start_of_time,
};
use scene::{Scene, scene};

fn event(kind: &str, id: &str, user: &str, mut data: Value) -> Value {
    data["user_id"] = user.into();
    json!({"specversion": "1.0", "id": id, "source": "test", "type": format!("com.allthrive.sms.{kind}.v1"), "data": data})
}

pub fn invitation(id: &str) -> Value {
    about("Haiku duel", id)
}

pub fn alert(id: &str) -> Value {
    event("security_alert", id, "ada", json!({"alert": "new_login", "detail": "Firefox on Linux", "link": "https://allthrive.ai/s"}))
}

fn about(topic: &str, id: &str) -> Value {
    event("battle_invitation", id, "ada", json!({"inviter_name": "Bob", "battle_topic": topic, "invitation_link": "https://allthrive.ai/b/9"}))
}

async fn explain(stage: &Stage, event: &Value, query: &str) -> Answer {
    stage.ask(Call::signed("POST", &format!("/v1/explain{query}")).json(event)).await
}

const TABLES: [&str; 7] = ["RecipientsTable", "OptOutsTable", "ConsentsTable", "MessagesTable", "RepliesTable", "VerificationsTable", "LimitsTable"];

/// Everything that is kept anywhere.
async fn world(stage: &Stage) -> (Vec<Vec<Value>>, [Vec<Value>; 3]) {
    let mut tables = Vec::new();
    for table in TABLES {
        tables.push(stage.rows(table).await);
    }
    (tables, ["urgent", "bulk", "inbound"].map(|queue| stage.embedded.queues.messages(queue)))
}

fn only_reads(calls: &[String]) -> bool {
    calls.iter().all(|call| [".GetItem", ".BatchGetItem"].iter().any(|read| call.ends_with(read)))
}

#[tokio::test]
async fn explaining_changes_nothing_and_only_reads() {
    let stage = Stage::set().await.with(ada()).await;
    assert_eq!(stage.ask(stage.me("ada", "POST", "verifications").json(&json!({"phoneNumber": PHONE}))).await.status, 202);
    stage.embedded.put("OptOutsTable", opt_out(phone("+12025550104"), false)).await.expect("put");
    let code = event("phone_verification", "c", "dee", json!({"phone": "+12025550104"}));
    let of_nobody = event("streak_alert", "n", "nobody", json!({"streak_count": 3, "action_link": "https://allthrive.ai/s"}));
    let before = world(&stage).await;
    assert!(before.0.iter().filter(|rows| !rows.is_empty()).count() >= 5 && !before.1[0].is_empty(), "{before:?}");
    for event in [invitation("i"), alert("a"), code, of_nobody, json!({"no": "event"})] {
        for query in ["", "?at=2026-11-24T03:00:00Z"] {
            drop(stage.embedded.calls.take());
            let answer = explain(&stage, &event, query).await;
            assert!([200, 422].contains(&answer.status), "{answer:?}");
            let calls = stage.embedded.calls.take();
            assert!(only_reads(&calls) && calls.len() <= 9, "{calls:?}");
        }
    }
    assert_eq!(world(&stage).await, before);
}

#[tokio::test]
async fn a_text_that_would_go_shows_its_gates_its_words_and_its_price() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = explain(&stage, &invitation("i"), "?at=2026-11-23T15:00:00%2B01:00").await;
    assert_eq!((answer.status, &answer.body["status"], &answer.body["at"]), (200, &json!("pending"), &json!("2026-11-23T14:00:00.000Z")));
    assert_eq!(answer.body["messageId"], sms::event::message_id("test", "i").to_string());
    assert_eq!(
        (&answer.body["type"], &answer.body["class"], &answer.body["lane"]),
        (&json!("battle_invitation"), &json!("promotional"), &json!("bulk"))
    );
    let gates = answer.body["gates"].as_array().expect("gates");
    assert_eq!((gates.len(), &gates[0]["gate"], &gates[15]["gate"]), (16, &json!("schema"), &json!("budget")));
    assert!(answer.body["text"].as_str().is_some_and(|text| text.contains("Haiku duel")), "{answer:?}");
    assert_eq!((&answer.body["encoding"], &answer.body["parts"], &answer.body["estimatedPrice"]), (&json!("GSM"), &json!(1), &json!(8830)));
    assert_eq!((&answer.body["savings"], &answer.body["releaseAt"]), (&json!([]), &json!(null)));
}

#[tokio::test]
async fn one_character_that_doubles_the_price_is_named_with_its_place_and_field() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = explain(&stage, &about("Haiku duel 🎉", "i"), "").await;
    let (text, saving) = (answer.body["text"].as_str().expect("text"), &answer.body["savings"][0]);
    assert_eq!((&answer.body["encoding"], &answer.body["parts"]), (&json!("UNICODE"), &json!(2)));
    let odd = &saving["characters"][0];
    assert_eq!((&odd["character"], &odd["codePoint"], &odd["field"]), (&json!("🎉"), &json!("U+1F389"), &json!("data.battle_topic")));
    let position = usize::try_from(odd["position"].as_u64().expect("position")).expect("small");
    assert_eq!(text.chars().nth(position - 1), Some('🎉'));
    assert_eq!((&saving["parts"], &saving["saves"]), (&json!(1), &json!(8830)));
    assert!(saving["advice"].as_str().is_some_and(|advice| advice.contains("1 part instead of 2")), "{saving}");
    let without = explain(&stage, &about("Haiku duel", "i"), "").await;
    assert_eq!(without.body["estimatedPrice"], 8830, "who takes the advice pays that");

    let long = explain(&stage, &about(&"duel ".repeat(25), "i"), "").await;
    assert_eq!((&long.body["encoding"], &long.body["parts"]), (&json!("GSM"), &json!(2)));
    let over = usize::try_from(long.body["savings"][0]["shortenBy"].as_u64().expect("characters")).expect("small");
    assert_eq!(long.body["text"].as_str().expect("text").len() - over, 160, "all of it is plain");
}

#[tokio::test]
async fn a_held_text_shows_its_release_and_a_code_is_never_shown() {
    let night = Rules { quiet_hours: Some(SendingHours::default()), ..rules() };
    let stage = Stage::with_rules(1000, night).await.with(ada()).await;
    let held = explain(&stage, &invitation("i"), "?at=2026-11-24T04:30:00Z").await;
    assert_eq!(held.body["status"], "held");
    let release = held.body["releaseAt"].as_str().expect("a release");
    assert!(("2026-11-24T13:00:00.000Z".."2026-11-24T13:20:00.000Z").contains(&release), "{release}");

    let code = event("phone_verification", "c", "dee", json!({"phone": "+12025550104"}));
    let answer = explain(&stage, &code, "").await;
    assert_eq!((&answer.body["status"], &answer.body["parts"]), (&json!("pending"), &json!(1)));
    assert!(answer.body["text"].as_str().is_some_and(|text| text.contains("000000")), "{answer:?}");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_its_field_and_quoted_nowhere() {
    let stage = Stage::set().await.with(ada()).await;
    let with = |path: &str, value: Value| {
        let mut event = invitation("i");
        *event.pointer_mut(path).expect("a place") = value;
        event
    };
    let without = |name: &str| {
        let mut event = invitation("i");
        event.as_object_mut().expect("object").remove(name);
        event
    };
    let extra = {
        let mut event = invitation("i");
        event["data"]["secret-word"] = "secret-word".into();
        event
    };
    let cases = [
        (with("/specversion", json!("secret-word")), "specversion"),
        (with("/type", json!("secret-word")), "type"),
        (with("/data/user_id", json!("secret word")), "data.user_id"),
        (with("/data/battle_topic", json!(7)), "data.battle_topic"),
        (event("phone_verification", "c", "dee", json!({"phone": "secret-word"})), "data.phone"),
        (without("id"), "id"),
        (without("data"), "data"),
        (extra, "data"),
        (json!([1]), "event"),
        (json!("secret-word"), "event"),
    ];
    for (event, field) in cases {
        let answer = explain(&stage, &event, "").await;
        assert_eq!((answer.status, answer.problem(), &answer.body["errors"][0]["field"]), (422, "invalid", &json!(field)), "{event}: {answer:?}");
        assert!(!answer.text.contains("secret"), "{answer:?}");
    }
    let raw = async |text: &str| stage.ask(Call::signed("POST", "/v1/explain").text(text)).await;
    assert_eq!(raw("{\"specversion\":").await.problem(), "malformed-json");
    assert_eq!(raw(&" ".repeat(17 * 1024)).await.problem(), "body-too-large");
    for query in ["?at=yesterday", "?at=2026-11-23", "?at=1999-12-31T23:59:59Z", "?at=2026-11-23T10:00:00+01:00", "?at=", "?when=now"] {
        assert_eq!(explain(&stage, &invitation("i"), query).await.problem(), "invalid", "{query}");
    }
    for edge in ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59Z"] {
        assert_eq!(explain(&stage, &invitation("i"), &format!("?at={edge}")).await.status, 200, "{edge}");
    }
    assert_eq!(stage.ask(Call::new("POST", "/v1/explain").json(&invitation("i"))).await.problem(), "not-a-backend");
}

#[tokio::test]
async fn events_and_answers_are_what_the_document_says() {
    let night = Rules { quiet_hours: Some(SendingHours::default()), ..rules() };
    let stage = Stage::with_rules(1000, night).await.with(ada()).await;
    let document = stage.ask(Call::new("GET", "/openapi.json")).await.body;
    let validator = |path: &str| {
        let schema = json!({"allOf": [document.pointer(path).expect(path)], "components": document["components"]});
        jsonschema::validator_for(&schema).expect("a schema")
    };
    let asked = validator("/paths/~1v1~1explain/post/requestBody/content/application~1json/schema");
    let explained = validator("/paths/~1v1~1explain/post/responses/200/content/application~1json/schema");
    let refused = validator("/paths/~1v1~1explain/post/responses/422/content/application~1problem+json/schema");
    let cost = validator("/paths/~1v1~1costs/get/responses/200/content/application~1json/schema");

    let samples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events")).expect("events").filter_map(|file| Some(file.ok()?.path()));
    let samples = samples.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let samples = samples.map(|path| serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")).collect::<Vec<Value>>();
    assert_eq!(samples.len(), 8);
    for event in samples.into_iter().chain([about(&"Haiku 🎉 ".repeat(12), "i")]) {
        assert!(asked.is_valid(&event), "{event}");
        for query in ["?at=2026-11-23T18:00:00Z", "?at=2026-11-24T04:30:00Z"] {
            let answer = explain(&stage, &event, query).await.body;
            assert!(explained.is_valid(&answer), "{answer}");
        }
    }
    let bad = json!({"no": "event"});
    assert!(!asked.is_valid(&bad) && refused.is_valid(&explain(&stage, &bad, "").await.body));
    let costs = stage.ask(Call::signed("GET", "/v1/costs")).await.body;
    assert!(cost.is_valid(&costs) && !explained.is_valid(&costs), "{costs}");
}

/// A stage with other ways into the same tables: those of the producer.
struct Play {
    stage: Stage,
    rules: Rules,
    admissions: Admissions,
    messages: Messages,
    codes: Codes,
}

impl Play {
    async fn set(codes_per_hour: u64, rules: Rules) -> Self {
        let stage = Stage::with_rules(codes_per_hour, rules.clone()).await;
        let dynamodb = || stage.embedded.dynamodb.clone();
        let verifications = Verifications::new(dynamodb(), "VerificationsTable".into());
        Self {
            rules,
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            codes: Codes { limits: Limits::new(dynamodb(), "LimitsTable".into()), verifications, per_hour: codes_per_hour },
            stage,
        }
    }

    async fn put(&self, table: &str, row: impl serde::Serialize) {
        self.stage.embedded.put(table, row).await.expect("put");
    }

    /// Makes things stand as the scene has them.
    async fn prepare(&self, scene: &Scene, event: &Event, recipient: Option<&Recipient>, opt_out: Option<&OptOut>) {
        let (at, used) = (scene.at(), &scene.used);
        if let Some(recipient) = recipient {
            self.put("RecipientsTable", recipient).await;
        }
        if let Some(opt_out) = opt_out {
            self.put("OptOutsTable", opt_out).await;
        }
        let number = addressee(event, recipient);
        if let Some(number) = number.filter(|number| number.as_e164().starts_with("+1202558")) {
            self.put("LimitsTable", Block::new(prefix(number), Count { asked: 30, back: 0 }, at)).await;
        }
        let ids = |many: usize| (0..many).map(|n| Uuid::from_u128(n as u128).to_string()).collect::<BTreeSet<_>>();
        for key in counted_in(event, recipient, &self.rules, at) {
            match (key.split('/').next().expect("a part"), used.day, used.hours) {
                ("day", Some(day), _) => self.put("LimitsTable", Day { ids: ids(day), ..Day::new(key, at) }).await,
                ("hours", _, Some(hours)) => {
                    let same = sms::gates::decide(event, recipient, None, &sms::books::Books::default(), &self.rules, at);
                    let words = words_of(&same).filter(|_| used.same_words);
                    let near = |n: usize| Counted { at: at.as_millisecond() - i64::try_from(n).expect("small") * 700_000, words: words.clone() };
                    let texts = (0..hours).map(|n| (Uuid::from_u128(n as u128), near(n))).collect();
                    self.put("LimitsTable", Hours { limit_id: key, revision: 7, texts, expires_at: at.as_second() }).await;
                }
                ("budget", ..) => {
                    let left = used.left.unwrap_or(self.rules.budget.monthly.0 / 2);
                    let committed = MicroUsd(self.rules.budget.ceiling(Class::Promotional).0 - left);
                    let closed_until = if used.is_closed { at.as_millisecond() + 60_000 } else { 0 };
                    self.put("LimitsTable", Spent { closed_until, ..Spent::new(key).and(Class::Promotional, committed) }).await;
                }
                _ => {}
            }
        }
    }

    /// The producer's path.
    async fn admit(&self, wish: Wish<'_>, at: Timestamp) -> Admitted {
        let before = async |wish: Wish<'_>, message: Message| {
            if self.messages.get(message.message_id).await?.is_some() {
                return Ok(message);
            }
            self.codes.prepare(message, wish.recipient, [7; 16], at).await
        };
        self.admissions.admit(&[wish], &self.rules, at, before).await.remove(0).expect("admitted")
    }

    /// Plays the scenes one after the other, and answers how often each gate decided and each status came.
    async fn play(&self, scenes: &[Scene]) -> BTreeMap<String, usize> {
        let mut seen = BTreeMap::new();
        for (n, scene) in scenes.iter().enumerate() {
            // A repeat is the event before once more, whatever has happened to its text.
            let (n, scene) = if scene.is_repeat && n > 0 { (n - 1, &scenes[n - 1]) } else { (n, scene) };
            let (body, recipient, at) = (scene.event(n), scene.recipient(n), scene.at());
            let event = Event::parse(&body.to_string()).expect("an event");
            let number = addressee(&event, recipient.as_ref()).cloned();
            let opt_out = number.filter(|_| scene.opted_out > 0).map(|phone| opt_out(phone, scene.opted_out == 1));
            self.prepare(scene, &event, recipient.as_ref(), opt_out.as_ref()).await;

            drop(self.stage.embedded.calls.take());
            let said = explain(&self.stage, &body, &format!("?at={}", moment::text(at))).await;
            let calls = self.stage.embedded.calls.take();
            assert!(only_reads(&calls), "{calls:?}");
            assert_eq!(said.status, 200, "{said:?}");
            let wish = Wish { event: &event, recipient: recipient.as_ref(), opt_out: opt_out.as_ref() };
            let admitted = self.admit(wish, at).await;
            let decided = agree(&said.body, &admitted).unwrap_or_else(|why| panic!("{why}\n{scene:?}\n{body}\n{:?}\n{}", admitted.row(), said.body));
            *seen.entry(decided).or_default() += 1;
            let why = said.body["gates"].as_array().and_then(|gates| gates.last()?["detail"].as_str()).unwrap_or_default();
            for rare in ["the next code in", "all codes of this hour", "are blocked until"] {
                *seen.entry(rare.to_owned()).or_default() += usize::from(why.contains(rare));
            }
            *seen.entry(admitted.row().status.as_str().to_owned()).or_default() += 1;
            if n % 2 == 0 {
                self.messages.change(event.message_id(), Change::Claimed, None, Notes::default(), at).await.expect("change");
            }
        }
        seen
    }
}

fn opt_out(phone: sms::phone::PhoneNumber, everything: bool) -> OptOut {
    OptOut {
        phone,
        everything_since: everything.then(start_of_time),
        categories: Category::ALL.into(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        updated_at: start_of_time(),
    }
}

/// Whether what was said is what came to be; answers with the gate that decided.
fn agree(said: &Value, admitted: &Admitted) -> Result<String, String> {
    let row = serde_json::to_value(admitted.row()).expect("a row");
    let field = |said_as: &str, in_row: &str| {
        let real = row.get(in_row).cloned().unwrap_or_default();
        if said[said_as] == real { Ok(()) } else { Err(format!("{said_as} is {} and {in_row} is {real}", said[said_as])) }
    };
    for (said_as, in_row) in [("messageId", "message_id"), ("type", "type"), ("class", "class"), ("lane", "lane"), ("status", "status")] {
        field(said_as, in_row)?;
    }
    for (said_as, in_row) in [("parts", "parts"), ("encoding", "encoding"), ("estimatedPrice", "estimated_price")] {
        field(said_as, in_row)?;
    }
    if row["type"] != "phone_verification" {
        field("text", "body")?;
    }
    if row["status"] == "held" || !said["releaseAt"].is_null() {
        field("releaseAt", "release_at")?;
    }
    let gates = said["gates"].as_array().expect("gates");
    let last = gates.last().expect("a gate");
    match admitted {
        Admitted::Repeat(row) => {
            let names_status = last["detail"].as_str().is_some_and(|detail| detail.ends_with(row.status.as_str()));
            let fails = last["gate"] == "duplicate" && last["verdict"] == "fail" && names_status;
            if fails { Ok("duplicate".to_owned()) } else { Err("a repeat that is not said to be one".to_owned()) }
        }
        Admitted::New(_) => {
            let real = row["gates"].as_array().expect("gates").iter();
            let real = real.map(|step| json!({"gate": step["gate"], "verdict": step["verdict"], "detail": step.get("detail")})).collect::<Vec<_>>();
            if *gates != real {
                return Err(format!("other gates: {real:?}"));
            }
            let failed = if last["verdict"] == "fail" { last["gate"].as_str().expect("gate") } else { "none" };
            Ok(failed.to_owned())
        }
    }
}

/// Four houses: as usual; with prices for more countries and budgets of their own for the classes; without quiet hours and with few codes; with narrow caps.
fn houses() -> [(u64, Rules); 4] {
    let quiet_hours = Some(SendingHours::default());
    let usual = Rules { quiet_hours, caps: Caps { per_day: 10, same_per_hour: 4, any_per_hour: 6 }, ..rules() };
    let own = Budget { promotional: Some(MicroUsd(600_000_000)), transactional: Some(MicroUsd(20_000)), ..rules().budget };
    [
        (1000, usual.clone()),
        (1000, Rules { prices: "US=8830,DE=95000".parse().expect("prices"), budget: own, ..usual.clone() }),
        (1, Rules { quiet_hours: None, ..usual.clone() }),
        (1000, Rules { caps: Caps { per_day: 2, same_per_hour: 2, any_per_hour: 3 }, ..usual }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    /// A thousand events in four houses. That every gate decides some of them keeps this honest.
    #[test]
    fn what_is_explained_is_what_then_happens(scenes in prop::collection::vec(scene(), 1000)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
        let plays = houses().into_iter().zip(scenes.chunks(250)).map(|((codes, rules), scenes)| {
            let scenes = scenes.to_vec();
            runtime.spawn(async move { Play::set(codes, rules).await.play(&scenes).await })
        });
        let mut seen = BTreeMap::<String, usize>::new();
        for play in plays.collect::<Vec<_>>() {
            for (name, count) in runtime.block_on(play).expect("a play to its end") {
                *seen.entry(name).or_default() += count;
            }
        }
        for gate in ["duplicate", "recipient", "phone_verified", "country", "opt_out", "consent", "master_switch", "category", "offline", "expiry", "content",
            "quiet_hours", "user_daily_cap", "carrier_hourly_cap", "budget", "none", "pending", "held", "suppressed", "expired", "sending", "the next code in", "all codes of this hour", "are blocked until"] {
            prop_assert!(seen.get(gate).is_some_and(|count| *count > 0), "nothing had to do with {}: {:?}", gate, seen);
        }
    }
}

#[tokio::test]
async fn a_repeat_shows_what_became_of_the_first() {
    let play = Play::set(1000, rules()).await;
    let event = Event::parse(&invitation("i").to_string()).expect("event");
    play.stage.recipients.put(&ada()).await.expect("put");
    play.admit(Wish { event: &event, recipient: Some(&ada()), opt_out: None }, start_of_time()).await;
    play.messages.change(event.message_id(), Change::Claimed, None, Notes::default(), start_of_time()).await.expect("change");
    let said = explain(&play.stage, &invitation("i"), "").await;
    let fails = json!({"gate": "duplicate", "verdict": "fail", "detail": "the event was seen before: its text is sending"});
    assert_eq!((&said.body["status"], &said.body["gates"][1], said.body["gates"].as_array().map(Vec::len)), (&json!("sending"), &fails, Some(2)));
    assert!(said.body["text"].as_str().is_some_and(|text| text.contains("Haiku duel")) && !said.text.contains(PHONE), "{said:?}");
}
