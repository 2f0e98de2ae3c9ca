//! A world for events to happen in: people of every sort, little money, and the producer's own code to decide.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use producer::Producer;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sms::{
    budget::Budget,
    caps::Caps,
    conversion::{Block, Count},
    event::{UserId, message_id},
    gates::Rules,
    kind::Category,
    message::Message,
    money::MicroUsd,
    opt_out::OptOut,
    queues::Lanes,
    quiet_hours::SendingHours,
    recipient::{Categories, Consent, Recipient},
    stores::{Admissions, Codes, Limits, Messages, OptOuts, Verifications},
};

use super::super::{Call, Stage, Value, ada, json, phone, rules, user};

/// Few enough that the breaker opens.
const CODES_PER_HOUR: u64 = 2;

/// After so many events AWS says that its own limit is reached.
pub const CLOSED_AFTER: usize = 60;

/// The place of the wish for a code among the kinds.
const CODE: usize = 7;

/// Numbers to prove; the last one's prefix is blocked.
const UNPROVEN: [&str; 4] = ["+14155550100", "+14155550101", "+14155550102", "+16285550100"];

pub struct Scene {
    pub stage: Stage,
    pub producer: Producer,
    pub rules: Rules,
    people: Vec<Recipient>,
}

/// An event, and when it comes.
#[derive(Debug)]
pub struct Drawn {
    pub event: Value,
    pub at: Timestamp,
}

/// What an event is made of.
#[derive(Debug, Clone)]
struct Wish {
    kind: usize,
    person: usize,
    id: u32,
    /// From the start.
    minutes: i64,
    /// Until it is of no use, if it says so.
    life: Option<i64>,
    words: String,
    number: usize,
    is_foreign: bool,
    /// Since the person was in the app.
    away: Option<i64>,
    /// Whether who wants a code asks for another at once.
    asks_again: bool,
}

/// People of every sort: reached by all, not asked, of two minds, unproven, in other zones, abroad, Spanish, stopped, gone.
fn people() -> Vec<Recipient> {
    let at = |n: usize| phone(&format!("+1{}555{:04}", [212, 213, 312, 850, 423, 907, 808, 602][n % 8], 100 + n));
    let like = |name: &str, n: usize| {
        let consent = ada().consent.map(|consent| Consent { phone: at(n), ..consent });
        Recipient { user_id: user(name), phone: Some(at(n)), consent, ..ada() }
    };
    let abroad = phone("+447700900123");
    vec![
        like("busy", 0),
        like("west", 1),
        Recipient { consent: None, ..like("unasked", 2) },
        Recipient { categories: Categories { battle_invitations: false, streak_alerts: false, ..Categories::ALL_ON }, ..like("choosy", 3) },
        Recipient { sms_enabled: false, ..like("off", 4) },
        Recipient { phone_verified_at: None, ..like("unproven", 5) },
        Recipient { time_zone: Some("Asia/Tokyo".into()), ..like("tokyo", 6) },
        Recipient { phone: Some(abroad), ..like("abroad", 7) },
        like("stopped", 8),
        like("no-battles", 9),
        like("gone", 10),
        Recipient { locale: Some("es-MX".into()), ..like("ana", 11) },
        Recipient { locale: Some("es".into()), time_zone: Some("America/New_York".into()), ..like("luz", 12) },
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let words = prop_oneof![3 => "[A-Za-z ]{1,30}", 1 => "[а-я’]{1,60}", 1 => "[a-zñ ]{80,200}", 2 => Just("Firefox".to_owned())];
    // Half of them to who is busy, and some to nobody.
    let person = prop_oneof![1 => 0_usize..14, 1 => Just(0_usize)];
    let number = prop_oneof![3 => 0_usize..3, 1 => Just(3_usize)];
    let minutes = 0_i64..1200;
    let life = proptest::option::weighted(0.3, -60_i64..600);
    let away = proptest::option::weighted(0.8, 0_i64..10);
    let (is_foreign, asks_again) = (proptest::bool::weighted(0.05), proptest::bool::weighted(0.4));
    let drawn = (0_usize..8, person, 0_u32..2000, minutes, life, words, number, is_foreign, away, asks_again);
    drawn.prop_map(|(kind, person, id, minutes, life, words, number, is_foreign, away, asks_again)| Wish {
        kind,
        person,
        id,
        minutes,
        life,
        words,
        number,
        is_foreign,
        away,
        asks_again,
    })
}

impl Scene {
    pub async fn set(seed: u64) -> Self {
        let rules = Rules {
            quiet_hours: Some(SendingHours::default()),
            caps: Caps { per_day: 10, same_per_hour: 1, any_per_hour: 5 },
            budget: budget(seed),
            ..rules()
        };
        let stage = Stage::by(rules.clone(), CODES_PER_HOUR).await;
        let mut people = people();
        for person in &people {
            stage.recipients.put(person).await.expect("put");
        }
        let producer = producer(&stage, rules.clone());
        for (name, categories) in [("stopped", &[][..]), ("no-battles", &[Category::BattleInvitations])] {
            let number = people.iter().find(|person| person.user_id.as_str() == name).and_then(|person| person.phone.clone());
            assert!(producer.opt_outs.say(&stop(number.expect("a number"), categories, stage.now())).await.expect("say"));
        }
        let prefix = sms::conversion::prefix(&phone(UNPROVEN[3])).to_owned();
        let block = Block::new(&prefix, Count { asked: 30, back: 1 }, stage.now());
        let all_day = Block { blocked_until: stage.now() + SignedDuration::from_hours(24), ..block };
        assert!(producer.codes.limits.block(&all_day, stage.now()).await.expect("block"));
        while stage.ask(Call::signed("DELETE", "/v1/users/gone")).await.status != 204 {}
        let gone = people.iter_mut().find(|person| person.user_id.as_str() == "gone").expect("gone");
        *gone = stage.recipient("gone").await;
        assert!(gone.erased && gone.phone.is_none(), "{gone:?}");
        Self { stage, producer, rules, people }
    }

    /// So many events of the first twenty hours and a few more, in order.
    pub fn draw(&self, seed: u64, events: usize) -> Vec<Drawn> {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let mut wishes = proptest::collection::vec(wish(), events).new_tree(&mut runner).expect("events").current();
        wishes.sort_by_key(|wish| wish.minutes);
        let again = |wish: &Wish| (wish.kind == CODE && wish.asks_again).then(|| Wish { id: wish.id + 10_000, ..wish.clone() });
        wishes.iter().flat_map(|wish| [Some(wish.clone()), again(wish)]).flatten().map(|wish| self.event(&wish)).collect()
    }

    fn event(&self, wish: &Wish) -> Drawn {
        let at = self.stage.now() + SignedDuration::from_mins(wish.minutes);
        let later = |minutes: i64| sms::moment::text(at + SignedDuration::from_mins(minutes));
        let (words, life) = (&wish.words, wish.life.unwrap_or(300));
        let link = if wish.is_foreign { "https://evil.example/b/9" } else { "https://allthrive.ai/b/9" };
        let (kind, mut data) = [
            ("battle_invitation", json!({"inviter_name": words, "battle_topic": "Haiku", "invitation_link": link})),
            ("battle_result", json!({"battle_topic": words, "result_summary": "You won", "result_link": link})),
            ("battle_reminder", json!({"battle_topic": words, "ends_at": later(life), "battle_link": link})),
            ("streak_alert", json!({"streak_count": 7, "action_link": link})),
            ("direct_message", json!({"sender_name": words, "conversation_link": link})),
            ("achievement_unlock", json!({"achievement_name": words, "achievement_link": link})),
            ("security_alert", json!({"alert": "new_login", "detail": words, "link": link})),
            ("phone_verification", json!({"phone": UNPROVEN[wish.number]})),
        ][wish.kind]
            .clone();
        if let ("direct_message", Some(away)) = (kind, wish.away) {
            data["recipient_last_seen_at"] = later(-away).into();
        }
        data["user_id"] = self.people.get(wish.person).map_or("nobody", |person| person.user_id.as_str()).into();
        let mut event =
            json!({"specversion": "1.0", "id": wish.id.to_string(), "source": "test", "type": format!("com.allthrive.sms.{kind}.v1"), "data": data});
        if let Some(life) = wish.life {
            event["expirytime"] = later(life).into();
        }
        Drawn { event, at }
    }

    pub fn person(&self, id: &UserId) -> Option<&Recipient> {
        self.people.iter().find(|person| person.user_id == *id)
    }

    pub async fn row(&self, drawn: &Drawn) -> Option<Message> {
        let id = drawn.event["id"].as_str().expect("an id");
        self.producer.messages.get(message_id("test", id)).await.expect("get")
    }

    /// How many jobs there are in both lanes.
    pub fn jobs(&self) -> usize {
        ["urgent", "bulk"].map(|lane| self.stage.embedded.queues.bodies(lane).len()).iter().sum()
    }
}

/// Little money. In one world both classes have a budget of their own, in the others one has.
fn budget(seed: u64) -> Budget {
    let promotional = (!seed.is_multiple_of(3)).then_some(MicroUsd(250_000));
    let transactional = (seed % 3 != 1).then_some(MicroUsd(250_000));
    Budget { monthly: MicroUsd(800_000), promotional, transactional, kept_percent: 20 }
}

/// The function's own code, at the same tables as the api.
fn producer(stage: &Stage, rules: Rules) -> Producer {
    let dynamodb = || stage.embedded.dynamodb.clone();
    Producer {
        recipients: stage.recipients.clone(),
        opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
        messages: Messages::new(dynamodb(), "MessagesTable".into()),
        admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
        codes: Codes {
            limits: Limits::new(dynamodb(), "LimitsTable".into()),
            verifications: Verifications::new(dynamodb(), "VerificationsTable".into()),
            per_hour: CODES_PER_HOUR,
        },
        lanes: Lanes::new(stage.embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/bulk".into()),
        rules,
    }
}

fn stop(phone: sms::phone::PhoneNumber, categories: &[Category], now: Timestamp) -> OptOut {
    OptOut {
        phone,
        everything_since: categories.is_empty().then_some(now),
        categories: categories.iter().copied().collect::<BTreeSet<_>>(),
        confirmation: None,
        method: sms::consent::Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: now,
        revision: None,
    }
}
