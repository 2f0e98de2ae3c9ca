//! Replies in; opt-outs, consents, answers and AWS's own list out.

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::{Embedded, sdk};
use serde_json::{Value, json};
use simulator::Running;
use sms::{
    budget::Budget,
    caps::Caps,
    consent::{Action, Method, verify},
    content::Content,
    event::{UserId, message_id},
    gates::{Gate, Rules, Verdict},
    kind::{Category, Kind},
    message::{Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    phone::PhoneNumber,
    provider::OptOutList,
    queues::Lanes,
    recipient::{Categories, Consent, Recipient},
    stores::{Admissions, Ledger, Messages, OptOuts, Recipients, Replies},
    text::House,
};

use crate::inbound::{Inbound, StopAnsweredBy};

const PHONE: &str = "+12025550101";

struct Stage {
    embedded: Embedded,
    _simulator: Running,
    inbound: Inbound,
    list: aws_sdk_pinpointsmsvoicev2::Client,
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

fn phone() -> PhoneNumber {
    PHONE.parse().expect("phone")
}

fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).expect("user")
}

impl Stage {
    /// With Ada, who consents, and Bob, who has the same number and proved it, but never said yes.
    async fn set(stop_answered_by: StopAnsweredBy) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let simulator = Running::start(simulator::Config::default()).await.expect("simulator");
        let aws = sdk(&simulator.url());
        let dynamodb = || embedded.dynamodb.clone();
        let inbound = Inbound {
            replies: Replies::new(dynamodb(), "RepliesTable".into()),
            opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
            recipients: Recipients::new(dynamodb(), "RecipientsTable".into()),
            ledger: Ledger::new(dynamodb(), "ConsentsTable".into()),
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            list: OptOutList::new(&aws, "Default".into()),
            lanes: Lanes::new(embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/urgent".into()),
            stop_answered_by,
            rules: Rules {
                house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
                prices: "US=8830".parse().expect("prices"),
                quiet_hours: None,
                caps: Caps::default(),
                budget: Budget { monthly: MicroUsd(1_000_000), promotional: None, transactional: None, kept_percent: 20 },
            },
        };
        let stage = Self { embedded, _simulator: simulator, inbound, list: aws_sdk_pinpointsmsvoicev2::Client::new(&aws) };
        let bob = Recipient { phone: Some(phone()), phone_verified_at: Some(now()), ..Recipient::new(user("bob")) };
        let consent = Consent { given_at: now(), method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone(), revoked_at: None };
        let ada = Recipient { user_id: user("ada"), sms_enabled: true, categories: Categories::ALL_ON, consent: Some(consent), ..bob.clone() };
        for recipient in [ada, bob] {
            stage.inbound.recipients.put(&recipient).await.expect("put");
        }
        stage
    }

    /// `body`, texted at `second` seconds past the hour, with the inbound id `id`.
    async fn texts(&self, id: &str, body: &str, second: i64) -> anyhow::Result<()> {
        let payload = json!({"originationNumber": PHONE, "destinationNumber": "+18663448034", "messageKeyword": "KEYWORD_000000000000",
            "messageBody": body, "inboundMessageId": id});
        let at = sms::moment::text(now() + SignedDuration::from_secs(second));
        let envelope = json!({"Type": "Notification", "MessageId": "n", "Message": payload.to_string(), "Timestamp": at});
        self.inbound.obey(&envelope.to_string(), now()).await
    }

    async fn is_out(&self) -> bool {
        self.inbound.opt_outs.get(&phone()).await.expect("get").is_some_and(|row| row.everything_since.is_some())
    }

    async fn is_on_aws_list(&self) -> bool {
        self.list.describe_opted_out_numbers().opt_out_list_name("Default").opted_out_numbers(PHONE).send().await.is_ok()
    }

    async fn recipient(&self, id: &str) -> Recipient {
        self.inbound.recipients.get(&user(id)).await.expect("get").expect("row")
    }

    async fn answer(&self, id: &str) -> Option<Message> {
        self.inbound.messages.get(message_id("sms/replies", id)).await.expect("get")
    }

    fn jobs(&self) -> usize {
        self.embedded.queues.bodies("urgent").len()
    }

    async fn actions(&self, id: &str) -> Vec<Action> {
        let entries = self.inbound.ledger.of(&user(id)).await.expect("entries");
        let head = self.recipient(id).await.ledger;
        assert_eq!(verify(&entries, head.as_ref()), Ok(()));
        entries.iter().map(|entry| entry.statement.action).collect()
    }
}

#[tokio::test]
async fn stop_on_a_toll_free_number_opts_out_everywhere_and_says_nothing() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("in", "Stop", 1).await.expect("obey");
    assert!(stage.is_out().await && stage.is_on_aws_list().await);
    assert!(stage.recipient("ada").await.standing_consent().is_none());
    assert!(!stage.recipient("ada").await.sms_enabled);
    assert_eq!((stage.actions("ada").await, stage.actions("bob").await), (vec![Action::Revoked], vec![]));
    assert_eq!((stage.jobs(), stage.answer("in").await), (0, None), "the network has answered");
}

#[tokio::test]
async fn stop_elsewhere_is_confirmed_once_and_aws_list_waits_for_it() {
    let stage = Stage::set(StopAnsweredBy::Us).await;
    stage.texts("in", "STOP", 1).await.expect("obey");
    assert!(stage.is_out().await && !stage.is_on_aws_list().await);
    let answer = stage.answer("in").await.expect("a confirmation");
    assert_eq!((answer.kind(), answer.status), (Kind::OptOutConfirmation, Status::Pending));
    assert_eq!(answer.useful_until, now() + SignedDuration::from_secs(301), "within five minutes");
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("row");
    assert_eq!(row.blocks(&answer.content, answer.message_id), None, "it may pass");
    assert!(row.blocks(&answer.content, uuid::Uuid::nil()).is_some(), "and no other");

    let confirmed = json!({"confirmed": {"phone": PHONE}}).to_string();
    stage.inbound.obey(&confirmed, now()).await.expect("obey");
    assert!(stage.is_on_aws_list().await);

    stage.texts("again", "unsubscribe", 2).await.expect("obey");
    assert_eq!((stage.jobs(), stage.answer("again").await), (1, None), "one confirmation, ever");
}

#[tokio::test]
async fn plain_words_are_obeyed_like_the_keyword_and_confirmed_by_us() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("in", "Please stop texting me", 1).await.expect("obey");
    assert!(stage.is_out().await);
    assert_eq!(stage.answer("in").await.map(|answer| answer.kind()), Some(Kind::OptOutConfirmation));
}

#[tokio::test]
async fn start_is_consent_for_everybody_who_proved_the_number() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("out", "STOP", 1).await.expect("obey");
    stage.texts("in", "START", 2).await.expect("obey");
    assert!(!stage.is_out().await && !stage.is_on_aws_list().await);
    for id in ["ada", "bob"] {
        let recipient = stage.recipient(id).await;
        let consent = recipient.standing_consent().expect("consent");
        assert_eq!((consent.method, recipient.sms_enabled), (Method::SmsKeyword, true), "{id}");
    }
    assert_eq!((stage.actions("ada").await, stage.actions("bob").await), (vec![Action::Revoked, Action::Given], vec![Action::Given]));
}

#[tokio::test]
async fn where_aws_keeps_the_number_the_opt_out_stands_and_says_why() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    for (second, word) in [(1, "STOP"), (2, "START"), (3, "STOP"), (4, "START")] {
        stage.texts(&format!("in-{second}"), word, second).await.expect("obey");
    }
    assert!(stage.is_out().await && stage.is_on_aws_list().await, "once in 30 days");
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("row");
    assert_eq!(row.relisting_refused.as_deref(), Some("PHONE_NUMBER_CANNOT_BE_OPTED_IN"));
    let why = row.blocks(&Content::HelpReply {}, uuid::Uuid::nil()).expect("blocked");
    assert!(why.contains("AWS keeps it on its list"), "{why}");
}

#[tokio::test]
async fn a_category_alone_is_stopped_and_confirmed() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("in", "STOP BATTLES", 1).await.expect("obey");
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("row");
    assert_eq!(row.categories, [Category::BattleInvitations, Category::BattleResults, Category::BattleReminders].into());
    assert!(!stage.is_out().await && !stage.is_on_aws_list().await);
    assert!(stage.recipient("ada").await.standing_consent().is_some());
    assert_eq!(stage.jobs(), 1);
}

#[tokio::test]
async fn a_word_that_comes_late_does_not_undo_a_later_one() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("second", "STOP", 2).await.expect("obey");
    stage.texts("first", "START", 1).await.expect("obey");
    assert!(stage.is_out().await, "they stopped after they started");
    assert!(stage.is_on_aws_list().await, "AWS's list too");
    assert!(stage.recipient("ada").await.standing_consent().is_none());
}

#[tokio::test]
async fn a_stop_that_comes_after_a_later_stop_is_obeyed_too() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("third", "STOP STREAKS", 3).await.expect("obey");
    stage.texts("second", "STOP BATTLES", 2).await.expect("obey");
    stage.texts("first", "Please stop texting me", 1).await.expect("obey");
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("a row");
    assert_eq!(row.everything_since, Some(now() + SignedDuration::from_secs(1)));
    assert_eq!(row.updated_at, now() + SignedDuration::from_secs(3));
    assert!(row.categories.contains(&Category::StreakAlerts) && row.categories.contains(&Category::BattleInvitations), "{:?}", row.categories);
    assert!(stage.recipient("ada").await.standing_consent().is_none());
    assert_eq!(stage.answer("first").await.map(|answer| answer.kind()), Some(Kind::OptOutConfirmation));
    stage.texts("fifth", "START", 5).await.expect("obey");
    stage.texts("fourth", "Please stop texting me", 4).await.expect("obey");
    assert!(!stage.is_out().await, "they started again after that");
}

#[tokio::test]
async fn a_start_that_comes_after_a_later_stop_of_a_category_brings_back_everything_else() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("first", "STOP", 1).await.expect("obey");
    stage.texts("third", "STOP BATTLES", 3).await.expect("obey");
    // As often as it is tried.
    for id in ["second", "second again"] {
        stage.texts(id, "START", 2).await.expect("obey");
        assert!(!stage.is_out().await && !stage.is_on_aws_list().await);
        assert!(stage.recipient("ada").await.standing_consent().is_some());
    }
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("a row");
    assert!(row.categories.contains(&Category::BattleInvitations) && !row.categories.contains(&Category::StreakAlerts), "{:?}", row.categories);
    stage.texts("fourth", "STOP", 4).await.expect("obey");
    stage.texts("late", "START", 2).await.expect("obey");
    assert!(stage.is_out().await && stage.is_on_aws_list().await, "they stopped everything after that");
}

#[tokio::test]
async fn a_start_that_comes_late_gives_nothing_to_whoever_said_or_proved_something_later() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let later = Some(now() + SignedDuration::from_secs(2));
    let (ada, bob) = (stage.recipient("ada").await, stage.recipient("bob").await);
    let revoked = ada.consent.clone().map(|consent| Consent { revoked_at: later, ..consent });
    let switched_off = Recipient { sms_enabled: false, consent: revoked, ..ada.clone() };
    let next_owner = Recipient { phone_verified_at: later, ..bob };
    let head = sms::consent::LedgerHead { seq: 1, hash: "h".into() };
    let erasure = sms::erasure::Erasure { at: now(), kept_until: now(), ledger: head, finished_at: Some(now()), numbers: Vec::new() };
    let came_back = Recipient { phone: Some(phone()), phone_verified_at: later, ..ada.mark(erasure).reborn() };
    for (id, row) in [("off", switched_off), ("next owner", next_owner), ("came back", came_back)] {
        stage.inbound.recipients.put(&row).await.expect("put");
        stage.texts(id, "START", 1).await.expect("obey");
        assert_eq!(stage.recipient(row.user_id.as_str()).await, row, "{id}");
    }
}

#[tokio::test]
async fn a_start_that_is_tried_again_gives_to_whom_the_first_try_did_not_get() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("out", "STOP", 1).await.expect("obey");
    let bob = stage.recipient("bob").await;
    stage.inbound.recipients.put(&Recipient { phone_verified_at: None, ..bob.clone() }).await.expect("put");
    stage.texts("first try", "START", 2).await.expect("obey");
    stage.inbound.recipients.put(&bob).await.expect("put");
    stage.texts("second try", "START", 2).await.expect("obey");
    assert!(stage.recipient("bob").await.standing_consent().is_some());
    assert_eq!((stage.actions("ada").await, stage.actions("bob").await), (vec![Action::Revoked, Action::Given], vec![Action::Given]));
}

#[tokio::test]
async fn who_said_no_since_is_not_told_that_texts_come_again() {
    let stage = Stage::set(StopAnsweredBy::Us).await;
    let later = Some(now() + SignedDuration::from_secs(2));
    for id in ["ada", "bob"] {
        let row = stage.recipient(id).await;
        stage.inbound.recipients.put(&Recipient { phone_verified_at: later, consent: None, sms_enabled: false, ..row }).await.expect("put");
    }
    stage.texts("late", "START", 1).await.expect("obey");
    assert_eq!((stage.jobs(), stage.answer("late").await), (0, None));
    stage.texts("again", "START", 3).await.expect("obey");
    assert_eq!(stage.answer("again").await.map(|answer| answer.kind()), Some(Kind::OptInConfirmation));
}

#[tokio::test]
async fn a_first_yes_by_start_is_a_yes_to_everything_and_a_later_one_to_what_was_left_on() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let bob = stage.recipient("bob").await;
    let off = Categories::default();
    stage.inbound.recipients.put(&Recipient { consent: None, sms_enabled: false, categories: off, ..bob }).await.expect("put");
    stage.texts("first", "START", 1).await.expect("obey");
    let bob = stage.recipient("bob").await;
    assert!(bob.sms_enabled && bob.categories == Categories::ALL_ON, "{:?}", bob.categories);
    stage.inbound.recipients.put(&Recipient { categories: off, ..bob }).await.expect("put");
    stage.texts("out", "STOP", 2).await.expect("obey");
    stage.texts("in", "START", 3).await.expect("obey");
    let bob = stage.recipient("bob").await;
    assert!(bob.standing_consent().is_some() && bob.categories == off, "{:?}", bob.categories);
}

#[tokio::test]
async fn a_second_stop_leaves_the_confirmation_of_the_first_its_way() {
    let stage = Stage::set(StopAnsweredBy::Us).await;
    stage.texts("first", "Please stop texting me", 1).await.expect("obey");
    stage.texts("second", "STOP", 2).await.expect("obey");
    assert!(stage.is_out().await && !stage.is_on_aws_list().await, "AWS would refuse it");
    assert_eq!((stage.jobs(), stage.answer("second").await), (1, None));
    stage.inbound.obey(&json!({"confirmed": {"phone": PHONE}}).to_string(), now()).await.expect("obey");
    assert!(stage.is_on_aws_list().await);
}

#[tokio::test]
async fn of_words_that_are_obeyed_at_the_same_time_none_is_lost() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let words = ["STOP", "STOP BATTLES", "STOP STREAKS", "STOP DMS", "STOP ACHIEVEMENTS"];
    let obeyed = words.iter().zip(1..).map(|(word, second)| stage.texts(word, word, second));
    for done in futures::future::join_all(obeyed).await {
        done.expect("obey");
    }
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("a row");
    assert!(row.everything_since.is_some(), "{row:?}");
    assert_eq!(row.categories.len(), Category::ALL.len(), "{:?}", row.categories);
    assert_eq!(row.revision, Some(5), "each was written once");
}

#[tokio::test]
async fn the_same_reply_twice_is_obeyed_once() {
    let stage = Stage::set(StopAnsweredBy::Us).await;
    for _ in 0..3 {
        stage.texts("in", "STOP", 1).await.expect("obey");
    }
    assert_eq!((stage.jobs(), stage.actions("ada").await), (1, vec![Action::Revoked]));
}

#[tokio::test]
async fn help_is_answered_and_everything_else_is_kept_without_an_answer() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    for (n, body) in ["HELP", "stop by my place later?", "lol nice"].into_iter().enumerate() {
        stage.texts(&n.to_string(), body, 1).await.expect("obey");
    }
    assert_eq!(stage.answer("0").await.map(|answer| answer.kind()), Some(Kind::HelpReply));
    assert_eq!((stage.jobs(), stage.is_out().await), (1, false));
    let replies = stage.embedded.scan("RepliesTable").await.expect("scan");
    assert_eq!(replies.len(), 3);
    assert!(replies.iter().all(|reply: &Value| reply["rule"].is_string() && reply["obeyed_at"].is_string()));
}

impl Stage {
    /// The answers to so many calls for help: which went on, and which gate said no to the others.
    async fn helps(&self, times: usize) -> Vec<Option<Gate>> {
        let mut refused = Vec::new();
        for n in 0..times {
            self.texts(&format!("help-{n}"), "HELP", 1).await.expect("obey");
            let row = self.answer(&format!("help-{n}")).await.expect("a row");
            let no = row.gates.iter().find(|step| step.verdict == Verdict::Fail);
            assert_eq!(row.status, if no.is_some() { Status::Suppressed } else { Status::Pending }, "{:?}", row.gates);
            assert_eq!(row.reserved.is_some(), no.is_none());
            refused.push(no.map(|step| step.gate));
        }
        refused
    }

    async fn committed(&self) -> Option<i64> {
        let rows = self.embedded.scan("LimitsTable").await.expect("scan");
        rows.iter().find(|row| row["limit_id"] == "budget/2026-11").and_then(|row| row["committed"].as_i64())
    }
}

#[tokio::test]
async fn nobody_is_answered_more_often_than_carriers_carry_the_same_words() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let refused = stage.helps(25).await;
    assert_eq!((&refused[..20], &refused[20..]), (&[None; 20][..], &[Some(Gate::CarrierHourlyCap); 5][..]));
    assert_eq!(stage.jobs(), 20);
    let row = stage.answer("help-24").await.expect("a row");
    assert!(row.gates.last().is_some_and(|step| step.detail.as_deref() == Some("20 texts with the same words to this number within an hour")));
    stage.texts("categories", "STOP BATTLES", 2).await.expect("obey");
    assert_eq!(stage.answer("categories").await.map(|row| row.status), Some(Status::Pending), "other words");
    stage.texts("help-0", "HELP", 1).await.expect("obey");
    assert_eq!(stage.jobs(), 21, "a repeat is obeyed once");
}

#[tokio::test]
async fn answers_are_paid_from_the_budget_and_without_money_only_an_opt_out_is_confirmed() {
    let mut stage = Stage::set(StopAnsweredBy::Us).await;
    stage.inbound.rules.budget.monthly = MicroUsd(5 * 8830);
    let refused = stage.helps(6).await;
    let answered = refused.iter().filter(|gate| gate.is_none()).count();
    let parts = i64::from(stage.answer("help-0").await.and_then(|row| row.parts).expect("parts"));
    assert_eq!(refused[answered..], vec![Some(Gate::Budget); 6 - answered]);
    assert_eq!(answered, usize::try_from(5 / parts).expect("few"));
    assert_eq!(stage.committed().await, Some(i64::try_from(answered).expect("few") * parts * 8830));
    let mut emitted = metrics::record::take().into_iter().rev();
    let used = emitted.find_map(|(metric, value)| (metric == Metric::BudgetUsedPercent).then_some(value));
    assert!(used.is_some_and(|used| used >= 100.0), "what is refused is measured too");
    stage.texts("categories", "STOP BATTLES", 2).await.expect("obey");
    let categories = stage.answer("categories").await.expect("a row");
    assert_eq!((categories.status, categories.gates.last().map(|step| step.gate)), (Status::Suppressed, Some(Gate::Budget)));
    stage.texts("stop", "STOP", 4).await.expect("obey");
    let stop = stage.answer("stop").await.expect("a row");
    assert_eq!((stop.status, stop.reserved, stage.jobs()), (Status::Pending, None, answered + 1));
    stage.texts("help", "HELP", 5).await.expect("obey");
    let help = stage.answer("help").await.expect("a row");
    assert_eq!((help.status, help.gates.last().map(|step| step.gate)), (Status::Suppressed, Some(Gate::OptOut)));
}

#[tokio::test]
async fn an_answer_with_a_link_reserves_what_it_may_take() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let bob = stage.recipient("bob").await;
    stage.inbound.recipients.put(&Recipient { phone_verified_at: None, ..bob }).await.expect("put");
    stage.helps(1).await;
    let row = stage.answer("help-0").await.expect("a row");
    assert_eq!((row.user_id, row.parts), (Some(user("ada")), Some(2)));
    assert_eq!(row.reserved.map(|reserved| reserved.amount), Some(MicroUsd(2 * 8830)));
}

#[tokio::test]
async fn the_answer_to_help_names_a_person_only_if_the_number_is_theirs_alone() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let ask = async |id: &str| {
        stage.texts(id, "HELP", 1).await.expect("obey");
        stage.answer(id).await.expect("an answer").user_id
    };
    assert_eq!(ask("two").await, None, "Ada and Bob both proved it");
    let bob = stage.recipient("bob").await;
    stage.inbound.recipients.put(&Recipient { phone_verified_at: None, ..bob.clone() }).await.expect("put");
    assert_eq!(ask("one").await, Some(user("ada")), "Bob only says that it is his");
    let ada = stage.recipient("ada").await;
    stage.inbound.recipients.put(&Recipient { phone_verified_at: None, ..ada }).await.expect("put");
    assert_eq!(ask("none").await, None, "nobody proved it");
}

#[tokio::test]
async fn stop_everything_on_the_page_is_as_good_as_stop() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let order = json!({"asked": {"phone": PHONE, "at": "2026-11-23T10:00:01.000Z"}}).to_string();
    for _ in 0..2 {
        stage.inbound.obey(&order, now()).await.expect("obey");
    }
    assert!(stage.is_out().await && stage.is_on_aws_list().await);
    let row = stage.inbound.opt_outs.get(&phone()).await.expect("get").expect("row");
    assert_eq!(row.method, Method::SettingsPage);
    assert_eq!((stage.actions("ada").await, stage.jobs()), (vec![Action::Revoked], 0));
    stage.texts("in", "START", 2).await.expect("obey");
    assert!(!stage.is_out().await, "and START brings texts back");
}

#[tokio::test]
async fn a_phone_that_blocks_us_is_opted_out_by_order() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let order = json!({"blocked": {"phone": PHONE, "reason": "Phone has blocked SMS", "at": "2026-11-23T10:00:01.000Z"}});
    stage.inbound.obey(&order.to_string(), now()).await.expect("obey");
    assert!(stage.is_out().await && stage.is_on_aws_list().await);
    let consent = stage.recipient("ada").await.consent.expect("consent");
    assert_eq!(consent.revoked_at, Some(now() + SignedDuration::from_secs(1)));
    assert_eq!(stage.jobs(), 0, "who blocks us wants no confirmation");
}

#[tokio::test]
async fn a_block_of_a_text_from_before_start_does_not_undo_it() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    stage.texts("out", "STOP", 1).await.expect("obey");
    stage.texts("in", "START", 3).await.expect("obey");
    let order = json!({"blocked": {"phone": PHONE, "reason": "Phone has blocked SMS", "at": "2026-11-23T10:00:02.000Z"}});
    stage.inbound.obey(&order.to_string(), now()).await.expect("obey");
    assert!(!stage.is_out().await && !stage.is_on_aws_list().await);
    assert!(stage.recipient("ada").await.standing_consent().is_some());
}

#[tokio::test]
async fn an_unreadable_reply_quotes_nothing() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    let payload = json!({"originationNumber": "+1202555010x", "messageBody": "secret", "inboundMessageId": "in"});
    let envelope = json!({"Message": payload.to_string(), "Timestamp": "2026-11-23T10:00:01Z"});
    let error = stage.inbound.obey(&envelope.to_string(), now()).await.expect_err("unreadable");
    assert!(!error.to_string().contains("secret") && !error.to_string().contains("202555"), "{error}");
}

#[tokio::test]
async fn a_stop_from_the_number_of_an_erased_person_is_kept_by_number_alone() {
    let stage = Stage::set(StopAnsweredBy::Us).await;
    let head = |seq| sms::consent::LedgerHead { seq, hash: "h".into() };
    for id in ["ada", "bob"] {
        let erasure = sms::erasure::Erasure { at: now(), kept_until: now(), ledger: head(1), finished_at: None, numbers: Vec::new() };
        let mark = stage.recipient(id).await.mark(erasure);
        stage.inbound.recipients.put(&mark).await.expect("put");
    }
    stage.texts("in", "Please stop texting me", 1).await.expect("obey");
    assert!(stage.is_out().await);
    let answer = stage.answer("in").await.expect("the confirmation");
    assert_eq!((answer.kind(), answer.user_id), (Kind::OptOutConfirmation, None));
    stage.texts("start", "START", 2).await.expect("obey");
    assert!(!stage.is_out().await);
    assert!(stage.embedded.scan("ConsentsTable").await.expect("scan").is_empty(), "a word of a number brings nobody back");
    assert!(stage.recipient("ada").await.erased);
}

#[tokio::test]
async fn a_number_that_aws_lost_is_put_on_its_list_again_unless_the_person_wants_texts_by_now() {
    let stage = Stage::set(StopAnsweredBy::Carrier).await;
    // A confirmation that came late is no reason either.
    let orders = ["missing", "confirmed"].map(|order| json!({order: {"phone": PHONE}}).to_string());
    for order in &orders {
        stage.inbound.obey(order, now()).await.expect("obey");
        assert!(!stage.inbound.list.has(&[phone()]).await.expect("has"), "nobody said stop");
    }
    stage.texts("in-1", "STOP", 1).await.expect("obey");
    for order in &orders {
        stage.inbound.list.delete(&phone()).await.expect("delete");
        stage.inbound.obey(order, now()).await.expect("obey");
        assert!(stage.inbound.list.has(&[phone()]).await.expect("has"));
    }
}
