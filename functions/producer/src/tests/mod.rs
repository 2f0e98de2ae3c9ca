//! Events in; rows, calls and jobs out.

mod codes;

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::Embedded;
use serde_json::{Value, json};
use sms::{
    budget::Budget,
    caps::Caps,
    consent::Method,
    event::{UserId, message_id},
    gates::Rules,
    message::{Change, Status},
    money::MicroUsd,
    opt_out::OptOut,
    queues::Lanes,
    quiet_hours::SendingHours,
    recipient::{Categories, Consent, Recipient},
    stores::{Admissions, Codes, Limits, Messages, Notes, OptOuts, Recipients, Verifications},
    text::House,
};

use crate::producer::Producer;

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

#[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
fn no_randomness() -> anyhow::Result<[u8; 16]> {
    Ok([7; 16])
}

struct Stage {
    embedded: Embedded,
    producer: Producer,
}

impl Stage {
    async fn set() -> Self {
        Self::with_codes_per_hour(1000).await
    }

    async fn with_codes_per_hour(per_hour: u64) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let dynamodb = || embedded.dynamodb.clone();
        let producer = Producer {
            recipients: Recipients::new(dynamodb(), "RecipientsTable".into()),
            opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            codes: Codes {
                limits: Limits::new(dynamodb(), "LimitsTable".into()),
                verifications: Verifications::new(dynamodb(), "VerificationsTable".into()),
                per_hour,
            },
            lanes: Lanes::new(embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/bulk".into()),
            rules: Rules {
                house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
                prices: "US=8830".parse().expect("prices"),
                quiet_hours: None,
                caps: Caps::default(),
                budget: Budget { monthly: MicroUsd(1_000_000_000), promotional: None, transactional: None, kept_percent: 20 },
            },
        };
        Self { embedded, producer }
    }

    async fn with(self, recipient: Recipient) -> Self {
        self.producer.recipients.put(&recipient).await.expect("recipient");
        drop(self.embedded.calls.take());
        self
    }

    async fn admit(&self, events: &[Value]) -> Vec<anyhow::Result<()>> {
        self.admit_at(now(), events).await
    }

    async fn admit_at(&self, at: Timestamp, events: &[Value]) -> Vec<anyhow::Result<()>> {
        let bodies = events.iter().map(Value::to_string).collect::<Vec<_>>();
        self.producer.admit(&bodies.iter().map(String::as_str).collect::<Vec<_>>(), at, no_randomness).await
    }

    /// The row of the event `id`, as plain JSON.
    async fn row(&self, id: &str) -> Value {
        let wanted = message_id("test", id).to_string();
        let rows = self.embedded.scan("MessagesTable").await.expect("scan");
        rows.into_iter().find(|row| row["message_id"] == wanted).unwrap_or_else(|| panic!("no row for {id}"))
    }

    fn jobs(&self) -> Vec<String> {
        [self.embedded.queues.bodies("urgent"), self.embedded.queues.bodies("bulk")].concat()
    }
}

fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).expect("user")
}

/// Somebody whom every text reaches.
fn ada() -> Recipient {
    let phone = || "+12025550101".parse().expect("phone");
    Recipient {
        phone: Some(phone()),
        phone_verified_at: Some(now()),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(Consent {
            given_at: now(),
            method: Method::SettingsPage,
            ip: None,
            disclosure_version: None,
            phone: phone(),
            revoked_at: None,
        }),
        ..Recipient::new(user("ada"))
    }
}

fn event(kind: &str, id: &str, user: &str, data: Value) -> Value {
    let mut data = data;
    data["user_id"] = user.into();
    json!({"specversion": "1.0", "id": id, "source": "test", "type": format!("com.allthrive.sms.{kind}.v1"), "data": data})
}

fn invitation(id: &str, user: &str) -> Value {
    let data = json!({"inviter_name": "Bob", "battle_topic": "Haiku duel", "invitation_link": "https://allthrive.ai/b/9"});
    event("battle_invitation", id, user, data)
}

fn alert(id: &str, user: &str) -> Value {
    event("security_alert", id, user, json!({"alert": "new_login", "detail": "Firefox on Linux", "link": "https://allthrive.ai/s"}))
}

/// The gate that said no, and the status that followed.
fn refusal(row: &Value) -> (String, String) {
    let steps = row["gates"].as_array().expect("gates");
    let failed = steps.iter().filter(|step| step["verdict"] == "fail").map(|step| step["gate"].as_str().expect("gate").to_owned());
    (failed.collect::<Vec<_>>().join(","), row["status"].as_str().expect("status").to_owned())
}

#[tokio::test]
async fn a_batch_of_ten_costs_three_reads_one_write_and_one_batch_a_lane() {
    let stage = Stage::set().await.with(ada()).await.with(Recipient { user_id: user("bob"), ..ada() }).await;
    let mut events = (0..5).map(|n| invitation(&format!("i{n}"), "ada")).collect::<Vec<_>>();
    events.extend((0..4).map(|n| alert(&format!("s{n}"), "bob")));
    events.push(invitation("nobody", "nobody"));
    assert!(stage.admit(&events).await.iter().all(Result::is_ok));
    let calls = stage.embedded.calls.take();
    let count = |operation: &str| calls.iter().filter(|call| call.ends_with(operation)).count();
    assert_eq!((count(".BatchGetItem"), count(".TransactWriteItems"), count(".SendMessageBatch")), (3, 1, 2), "{calls:?}");
    assert_eq!(calls.len(), 6, "{calls:?}");
    assert_eq!((stage.embedded.queues.bodies("urgent").len(), stage.embedded.queues.bodies("bulk").len()), (4, 5));
}

#[tokio::test]
async fn an_admitted_event_has_a_row_with_every_gate_in_order() {
    let stage = Stage::set().await.with(ada()).await;
    assert!(stage.admit(&[invitation("i", "ada")]).await[0].is_ok());
    let row = stage.row("i").await;
    let gates = row["gates"].as_array().expect("gates").iter().map(|step| step["gate"].as_str().expect("gate")).collect::<Vec<_>>();
    let order = [
        "schema",
        "duplicate",
        "recipient",
        "phone_verified",
        "country",
        "opt_out",
        "consent",
        "master_switch",
        "category",
        "offline",
        "expiry",
        "content",
        "quiet_hours",
        "user_daily_cap",
        "carrier_hourly_cap",
        "budget",
    ];
    assert_eq!(gates, order);
    assert_eq!(refusal(&row), (String::new(), "pending".into()));
    assert_eq!((&row["type"], &row["class"], &row["lane"]), (&json!("battle_invitation"), &json!("promotional"), &json!("bulk")));
    assert_eq!((&row["phone_masked"], &row["country"]), (&json!("+*********01"), &json!("US")));
    assert_eq!(stage.jobs(), [json!({"message_id": message_id("test", "i")}).to_string()]);
}

#[tokio::test]
async fn every_gate_alone_can_stop_a_text() {
    let phone = |number: &str| Some(number.parse().expect("phone"));
    let revoked = |recipient: Recipient| Recipient { consent: recipient.consent.map(|c| Consent { revoked_at: Some(now()), ..c }), ..recipient };
    let abroad = Recipient {
        phone: phone("+16045550101"),
        consent: ada().consent.map(|c| Consent { phone: phone("+16045550101").expect("phone"), ..c }),
        ..ada()
    };
    let message = |seen: &str| {
        event(
            "direct_message",
            "e",
            "ada",
            json!({"sender_name": "Bob", "conversation_link": "https://allthrive.ai/c", "recipient_last_seen_at": seen}),
        )
    };
    let late = {
        let mut event = invitation("e", "ada");
        event["expirytime"] = "2026-11-23T09:59:59Z".into();
        event
    };
    let ended = event(
        "battle_reminder",
        "e",
        "ada",
        json!({"battle_topic": "T", "ends_at": "2026-11-23T10:00:00Z", "battle_link": "https://allthrive.ai/b"}),
    );
    let foreign =
        event("battle_invitation", "e", "ada", json!({"inviter_name": "B", "battle_topic": "T", "invitation_link": "https://evil.example/b"}));
    let plain = || invitation("e", "ada");
    let cases = [
        (Recipient { user_id: user("somebody"), ..ada() }, plain(), "recipient", "suppressed"),
        (Recipient { phone: None, ..ada() }, plain(), "recipient", "suppressed"),
        (Recipient { phone_verified_at: None, ..ada() }, plain(), "phone_verified", "suppressed"),
        (abroad, plain(), "country", "suppressed"),
        (Recipient { consent: None, ..ada() }, plain(), "consent", "suppressed"),
        (revoked(ada()), plain(), "consent", "suppressed"),
        (Recipient { phone: phone("+12025550199"), ..ada() }, plain(), "consent", "suppressed"),
        (Recipient { consent: None, ..ada() }, alert("e", "ada"), "consent", "suppressed"),
        (Recipient { sms_enabled: false, ..ada() }, plain(), "master_switch", "suppressed"),
        (Recipient { categories: Categories { battle_invitations: false, ..Categories::ALL_ON }, ..ada() }, plain(), "category", "suppressed"),
        (ada(), message("2026-11-23T09:58:00Z"), "offline", "suppressed"),
        (ada(), late, "expiry", "expired"),
        (ada(), ended, "expiry", "expired"),
        (ada(), foreign, "content", "suppressed"),
    ];
    for (recipient, event, gate, status) in cases {
        let stage = Stage::set().await.with(recipient).await;
        assert!(stage.admit(std::slice::from_ref(&event)).await[0].is_ok());
        let row = stage.row("e").await;
        assert_eq!(refusal(&row), (gate.to_owned(), status.to_owned()), "{event}");
        assert!(stage.jobs().is_empty(), "{gate}");
        let last = row["gates"].as_array().and_then(|steps| steps.last()).expect("a step");
        assert!(last["verdict"] == "fail" && last["detail"].as_str().is_some_and(|why| why.len() > 5), "the trail ends with the reason: {last}");
    }
    let stage = Stage::set().await.with(ada()).await;
    assert!(stage.admit(&[message("2026-11-23T09:50:00Z")]).await[0].is_ok());
    assert_eq!(refusal(&stage.row("e").await).1, "pending", "offline for ten minutes");
}

#[tokio::test]
async fn an_opt_out_stops_everything_and_a_category_only_itself() {
    let stop = |everything: bool, categories: &[sms::kind::Category]| OptOut {
        phone: "+12025550101".parse().expect("phone"),
        everything_since: everything.then(now),
        categories: categories.iter().copied().collect(),
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: now(),
        revision: None,
    };
    let code = event("phone_verification", "c", "new", json!({"phone": "+12025550101"}));
    let stage = Stage::set().await.with(ada()).await;
    stage.producer.opt_outs.say(&stop(true, &[])).await.expect("say");
    assert!(stage.admit(&[invitation("i", "ada"), alert("s", "ada"), code]).await.iter().all(Result::is_ok));
    for id in ["i", "s", "c"] {
        assert_eq!(refusal(&stage.row(id).await), ("opt_out".into(), "suppressed".into()), "{id}");
    }

    let stage = Stage::set().await.with(ada()).await;
    stage.producer.opt_outs.say(&stop(false, &[sms::kind::Category::BattleInvitations])).await.expect("say");
    stage.admit(&[invitation("i", "ada"), alert("s", "ada")]).await;
    assert_eq!(refusal(&stage.row("i").await).0, "opt_out");
    assert_eq!(refusal(&stage.row("s").await).1, "pending");
}

#[tokio::test]
async fn an_alert_is_sent_whatever_the_switches_say_but_not_without_consent() {
    let off = Recipient { sms_enabled: false, categories: Categories::default(), ..ada() };
    let stage = Stage::set().await.with(off).await;
    stage.admit(&[alert("s", "ada")]).await;
    assert_eq!(refusal(&stage.row("s").await), (String::new(), "pending".into()));
}

#[tokio::test]
async fn a_code_needs_no_row_and_is_written_nowhere() {
    let stage = Stage::set().await;
    let event = event("phone_verification", "c", "dee", json!({"phone": "+12025550104"}));
    assert!(stage.admit(&[event]).await[0].is_ok());
    let row = stage.row("c").await;
    assert_eq!(refusal(&row), (String::new(), "pending".into()));
    assert!(row.get("body").is_none(), "{row}");
    let verification = &stage.embedded.scan("VerificationsTable").await.expect("scan")[0];
    assert_eq!((&verification["verification_id"], &verification["nonce"]), (&row["message_id"], &json!("07".repeat(16))));
    assert_eq!(stage.embedded.queues.bodies("urgent").len(), 1);
}

#[tokio::test]
async fn an_unreadable_record_stops_nothing_else() {
    let stage = Stage::set().await.with(ada()).await;
    let results = stage.admit(&[invitation("1", "ada"), json!({"no": "event"}), invitation("2", "ada")]).await;
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(results[1].as_ref().expect_err("unreadable").to_string().starts_with("not an event of AllThrive SMS: "));
    assert_eq!(stage.jobs().len(), 2);
}

#[tokio::test]
async fn a_repeat_yields_no_second_row_and_no_second_text() {
    let stage = Stage::set().await.with(ada()).await;
    assert!(stage.admit(&[invitation("i", "ada"), invitation("i", "ada")]).await.iter().all(Result::is_ok));
    assert_eq!(stage.jobs().len(), 1, "twice in one batch is one job");
    let id = message_id("test", "i");
    for change in [Change::Claimed, Change::Accepted] {
        stage.producer.messages.change(id, change, None, Notes::default(), now()).await.expect("change");
    }
    stage.admit(&[invitation("i", "ada")]).await;
    assert_eq!(stage.jobs().len(), 1, "what is sent is not enqueued again");
    assert_eq!(stage.row("i").await["status"], json!(Status::Sent));
}

#[tokio::test]
async fn a_row_that_did_not_get_on_its_lane_is_enqueued_by_the_repeat() {
    let stage = Stage::set().await.with(ada()).await;
    stage.embedded.queues.refuse(&message_id("test", "2").to_string());
    let results = stage.admit(&[invitation("1", "ada"), invitation("2", "ada")]).await;
    assert!(results[0].is_ok() && results[1].is_err(), "only the one that failed comes again");
    stage.embedded.queues.accept();
    assert!(stage.admit(&[invitation("2", "ada")]).await[0].is_ok());
    assert_eq!(stage.jobs().len(), 2);
}

#[tokio::test]
async fn usefulness_ends_with_the_event_or_with_its_kind_whichever_is_first() {
    let stage = Stage::set().await.with(ada()).await;
    let mut short = invitation("short", "ada");
    short["expirytime"] = "2026-11-23T11:00:00Z".into();
    stage.admit(&[invitation("long", "ada"), short]).await;
    assert_eq!(stage.row("long").await["useful_until"], json!(sms::moment::text(now() + SignedDuration::from_hours(24))));
    assert_eq!(stage.row("short").await["useful_until"], "2026-11-23T11:00:00.000Z");
}

#[tokio::test]
async fn of_an_event_for_an_erased_person_nothing_is_kept_but_that_it_came() {
    let mark = || {
        let ledger = sms::consent::LedgerHead { seq: 1, hash: "h".into() };
        ada().mark(sms::erasure::Erasure { at: now(), kept_until: now(), ledger, finished_at: None, numbers: Vec::new() })
    };
    let stage = Stage::set().await.with(mark()).await;
    for _ in 0..2 {
        assert!(stage.admit(&[invitation("1", "ada")]).await[0].is_ok());
    }
    let row = stage.row("1").await;
    assert_eq!((&row["status"], &row["type"]), (&json!(Status::Suppressed), &json!("battle_invitation")));
    assert_eq!(row["gates"].as_array().and_then(|gates| gates.last()).expect("a gate")["gate"], "recipient");
    assert!(!row.to_string().contains("\"ada\"") && row["phone"].is_null() && row["body"].is_null(), "{row}");
    assert!(stage.jobs().is_empty());
}

#[tokio::test]
async fn a_promotional_text_at_night_is_held_until_the_morning_or_expired_if_that_is_too_late() {
    let mut stage = Stage::set().await.with(Recipient { time_zone: Some("America/New_York".into()), ..ada() }).await;
    stage.producer.rules.quiet_hours = Some(SendingHours::default());
    let mut short = invitation("short", "ada");
    short["expirytime"] = "2026-11-23T13:00:00Z".into();
    // It is five in the morning there.
    stage.admit(&[invitation("long", "ada"), short, alert("alert", "ada")]).await;

    let held = stage.row("long").await;
    assert_eq!(refusal(&held), (String::new(), "held".into()));
    let release = held["release_at"].as_str().expect("a release").to_owned();
    assert!(("2026-11-23T13:00:00.000Z".."2026-11-23T13:20:00.000Z").contains(&release.as_str()), "{release}");
    let step = held["gates"].as_array().expect("gates").iter().find(|step| step["gate"] == "quiet_hours").expect("the gate");
    assert_eq!(step["verdict"], "hold");
    assert!(step["detail"].as_str().is_some_and(|why| why.contains("America/New_York (DC)") && why.contains(&release)), "{step}");

    let expired = stage.row("short").await;
    assert_eq!(refusal(&expired), ("quiet_hours".into(), "expired".into()));
    assert_eq!(refusal(&stage.row("alert").await).1, "pending", "an alert is sent at any hour");
    assert_eq!(stage.jobs(), [json!({"message_id": message_id("test", "alert")}).to_string()], "a held text is on no lane");
    stage.admit(&[invitation("long", "ada")]).await;
    assert_eq!(stage.jobs().len(), 1, "nor does a repeat put it there");
}
