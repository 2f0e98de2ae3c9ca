//! Jobs in; texts, rows and orders out: against the simulator of AWS, with the real SDK in between.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use aws_smithy_http_client::test_util::infallible_client_fn;
use jiff::{SignedDuration, Timestamp};
use journeys::embedded::{Embedded, sdk};
use serde_json::json;
use simulator::{Faults, Running};
use sms::{
    consent::Method,
    content::{Alert, BattleInvitation, Content, OptOutConfirmation, PhoneVerification, SecurityAlert, StreakAlert},
    event::UserId,
    kind::{Class, Kind},
    lambda::TryLater,
    message::{Change, Message, Status},
    metrics::{self, Metric},
    money::MicroUsd,
    opt_out::OptOut,
    provider::Provider,
    queues::OptOutOrders,
    recipient::{Categories, Consent, Recipient},
    secrets::{RotatingSecret, Secret},
    stores::{Admissions, Messages, Notes, OptOuts, Recipients, Verifications},
    text::House,
    token::{Claims, Scope, TokenKeys},
    verification::{CodeSecret, Verification},
};
use uuid::Uuid;

use crate::{
    company::{Company, FRESH},
    sender::{Sender, Turn},
    settings_link::SettingsLink,
};

const PHONE: &str = "+12025550101";
const PAGE: &str = "https://abcdefghij.execute-api.us-east-1.amazonaws.com/preferences";

fn token_keys() -> String {
    json!({"current": "k".repeat(64)}).to_string()
}

struct Stage {
    embedded: Embedded,
    simulator: Running,
    sender: Sender,
}

impl Stage {
    async fn set() -> Self {
        let simulator = Running::start(simulator::Config::default()).await.expect("simulator");
        let url = simulator.url();
        Self::with_provider_at(simulator, &url).await
    }

    async fn with_provider_at(simulator: Running, url: &str) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let dynamodb = || embedded.dynamodb.clone();
        let vault = sdk("http://127.0.0.1:9")
            .into_builder()
            .http_client(infallible_client_fn(|request| {
                let codes = request.body().bytes().is_some_and(|body| String::from_utf8_lossy(body).contains("codes"));
                let secret = if codes { "s".repeat(64) } else { token_keys() };
                http::Response::builder().status(200).body(json!({"SecretString": secret}).to_string()).expect("response")
            }))
            .build();
        let sender = Sender {
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            recipients: Recipients::new(dynamodb(), "RecipientsTable".into()),
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
            verifications: Verifications::new(dynamodb(), "VerificationsTable".into()),
            provider: Provider::new(&sdk(url), "US=+18663448034".parse().expect("identities"), "allthrive-sms".into(), None),
            orders: OptOutOrders::new(embedded.sqs.clone(), "http://queues/inbound".into()),
            code_secret: Secret::new(&vault, "codes".into()),
            settings_link: SettingsLink { page: PAGE.into(), keys: RotatingSecret::new(&vault, "tokens".into()) },
            house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
            prices: "US=8830".parse().expect("prices"),
            quiet_hours: None,
        };
        Self { embedded, simulator, sender }
    }

    async fn pending(&self, id: u128, content: Content, phone: &str) -> Uuid {
        let now = Timestamp::now();
        let until = sms::message::useful_until(&content, now);
        self.write(Message::new(Uuid::from_u128(id), content, until, now).to(phone.parse().ok())).await
    }

    async fn write(&self, message: Message) -> Uuid {
        self.sender.messages.write(&message).await.expect("write");
        message.message_id
    }

    async fn send(&self, id: Uuid) -> anyhow::Result<()> {
        self.send_job(&json!({"message_id": id}).to_string(), Timestamp::MAX, Timestamp::now).await
    }

    async fn send_job(&self, job: &str, deadline: Timestamp, clock: fn() -> Timestamp) -> anyhow::Result<()> {
        self.sender.send(job, Turn { lane: None, company: &Company::default() }, deadline, clock).await
    }

    async fn row(&self, id: Uuid) -> Message {
        self.sender.messages.get(id).await.expect("get").expect("row")
    }

    fn texts(&self, phone: &str) -> usize {
        self.simulator.simulator.texts(&phone.parse().expect("phone")).len()
    }
}

fn invitation() -> Content {
    Content::BattleInvitation(BattleInvitation {
        inviter_name: "Ada".into(),
        battle_topic: "Haiku".into(),
        invitation_link: "https://allthrive.ai/b".into(),
    })
}

/// An invitation with a part reserved for it in the month's money.
fn reserved() -> Message {
    let (content, now) = (invitation(), Timestamp::now());
    let until = sms::message::useful_until(&content, now);
    let reserved = sms::budget::Reserved { amount: MicroUsd(8830), resent: MicroUsd(0), month: sms::budget::month(now), day: None };
    Message { reserved: Some(reserved), ..Message::new(Uuid::from_u128(1), content, until, now).to(PHONE.parse().ok()) }
}

fn streak() -> Content {
    Content::StreakAlert(StreakAlert { streak_count: 7, action_link: "https://allthrive.ai/s".into() })
}

fn alert() -> Content {
    Content::SecurityAlert(SecurityAlert { alert: Alert::NewLogin, detail: "Firefox".into(), link: "https://allthrive.ai/s".into() })
}

/// Somebody who proved `number` and wants everything.
fn consenting(name: &str, number: &str, at: Timestamp) -> Recipient {
    let phone = number.parse::<sms::phone::PhoneNumber>().expect("phone");
    let consent = Consent { given_at: at, method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone.clone(), revoked_at: None };
    Recipient {
        phone: Some(phone),
        phone_verified_at: Some(at),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(consent),
        ..Recipient::new(UserId::try_from(name.to_owned()).expect("user"))
    }
}

fn out(everything: bool, confirmation: Option<Uuid>) -> OptOut {
    OptOut {
        phone: PHONE.parse().expect("phone"),
        everything_since: everything.then(Timestamp::now),
        categories: std::collections::BTreeSet::new(),
        confirmation,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: Timestamp::now(),
        revision: None,
    }
}

#[tokio::test]
async fn an_accepted_text_is_sent_with_its_name_price_and_words() {
    let stage = Stage::set().await;
    let id = stage.pending(1, invitation(), PHONE).await;
    stage.send(id).await.expect("send");
    let row = stage.row(id).await;
    assert_eq!((row.status, row.attempts), (Status::Sent, 1));
    assert!(row.provider_message_id.is_some() && row.body.is_some());
    assert_eq!(row.estimated_price, Some(MicroUsd(8830 * i64::from(row.parts.expect("parts")))));
    assert_eq!(stage.texts(PHONE), 1);
}

#[tokio::test]
async fn what_aws_takes_and_what_it_throttles_is_measured_once() {
    let stage = Stage::set().await;
    let id = stage.pending(1, invitation(), PHONE).await;
    for _ in 0..2 {
        stage.send(id).await.expect("send");
    }
    let parts = f64::from(stage.row(id).await.parts.expect("parts"));
    let sent = [(Metric::Parts(Class::Promotional), parts), (Metric::Texts(Kind::BattleInvitation, Status::Sent), 1.0)];
    assert_eq!(metrics::record::take(), sent);
    let throttled = stage.pending(2, streak(), "+15005550400").await;
    stage.send(throttled).await.expect_err("it comes again");
    assert_eq!(metrics::record::take(), [(Metric::Throttled, 1.0)]);
    let denied = stage.pending(3, streak(), "+15005550442").await;
    stage.send(denied).await.expect_err("it comes again");
    assert_eq!(metrics::record::take(), [], "no throttling");
}

#[tokio::test]
async fn a_second_job_for_the_same_row_sends_nothing() {
    let stage = Stage::set().await;
    let id = stage.pending(1, invitation(), PHONE).await;
    for _ in 0..3 {
        stage.send(id).await.expect("send");
    }
    assert_eq!((stage.texts(PHONE), stage.row(id).await.attempts), (1, 1));
}

#[tokio::test]
async fn an_opt_out_that_came_while_the_text_waited_is_obeyed() {
    let stage = Stage::set().await;
    let id = stage.pending(1, invitation(), PHONE).await;
    stage.sender.opt_outs.say(&out(true, None)).await.expect("say");
    stage.send(id).await.expect("send");
    let row = stage.row(id).await;
    assert_eq!((row.status, stage.texts(PHONE)), (Status::Suppressed, 0));
    assert!(row.delivery_detail.is_some_and(|why| why.starts_with("opted out of everything")));
}

#[tokio::test]
async fn what_was_switched_off_while_the_text_waited_is_not_sent() {
    type Happens = fn(&mut Recipient);
    let stage = Stage::set().await;
    stage.simulator.simulator.set_faults(Faults { parts_per_second: None, ..Faults::default() });
    let now = Timestamp::now();
    let off = |recipient: &mut Recipient| recipient.sms_enabled = false;
    let without_invitations = |recipient: &mut Recipient| recipient.categories.battle_invitations = false;
    let revoked = |recipient: &mut Recipient| recipient.consent.iter_mut().for_each(|consent| consent.revoked_at = Some(Timestamp::now()));
    let moved = |recipient: &mut Recipient| recipient.phone = "+12025550199".parse().ok();
    let table: [(Happens, Content, Option<&str>); 8] = [
        (|_| {}, invitation(), None),
        (off, invitation(), Some("texts were switched off while it waited")),
        (without_invitations, invitation(), Some("battle_invitations was switched off while it waited")),
        (without_invitations, streak(), None),
        (revoked, invitation(), Some("consent was revoked while it waited")),
        (revoked, alert(), Some("consent was revoked while it waited")),
        (moved, alert(), Some("the number is not theirs any more")),
        (off, alert(), None),
    ];
    for (n, (happens, content, why)) in (1..).zip(table) {
        // Of the same number more than a text a second is refused.
        let number = format!("+1202555010{n}");
        let mut ada = consenting("ada", &number, now);
        happens(&mut ada);
        stage.sender.recipients.put(&ada).await.expect("put");
        let until = sms::message::useful_until(&content, now);
        let message = Message::new(Uuid::from_u128(n), content, until, now).to(number.parse().ok());
        let id = stage.write(Message { user_id: Some(ada.user_id), ..message }).await;
        stage.send(id).await.expect("send");
        let row = stage.row(id).await;
        assert_eq!((row.status, row.delivery_detail.as_deref()), (if why.is_some() { Status::Suppressed } else { Status::Sent }, why), "row {n}");
        assert_eq!(stage.texts(&number), usize::from(why.is_none()), "row {n}");
    }
}

#[tokio::test]
async fn a_text_that_lost_its_use_while_it_waited_is_not_sent() {
    let stage = Stage::set().await;
    let now = Timestamp::now();
    let until = now + SignedDuration::from_secs(4);
    let id = stage.write(Message::new(Uuid::from_u128(1), invitation(), until, now).to(PHONE.parse().ok())).await;
    stage.send(id).await.expect("send");
    assert_eq!((stage.row(id).await.status, stage.texts(PHONE)), (Status::Expired, 0));
}

#[tokio::test]
async fn a_confirmation_passes_the_opt_out_that_names_it_and_then_the_door_is_closed() {
    let stage = Stage::set().await;
    let id = stage.pending(1, Content::OptOutConfirmation(OptOutConfirmation { categories: Vec::new() }), PHONE).await;
    let other = stage.pending(2, Content::OptOutConfirmation(OptOutConfirmation { categories: Vec::new() }), PHONE).await;
    stage.sender.opt_outs.say(&out(true, Some(id))).await.expect("say");
    stage.send(id).await.expect("send");
    stage.send(other).await.expect("send");
    assert_eq!((stage.row(id).await.status, stage.row(other).await.status), (Status::Sent, Status::Suppressed));
    let order = json!({"confirmed": {"phone": PHONE}}).to_string();
    assert_eq!(stage.embedded.queues.bodies("inbound"), [order.clone(), order.clone()]);
    // Whoever sent it may have died before the door: a job that comes again closes it.
    stage.send(id).await.expect("nothing to send");
    assert_eq!((stage.texts(PHONE), stage.embedded.queues.bodies("inbound")), (1, vec![order.clone(), order.clone(), order]));
}

#[tokio::test]
async fn a_code_is_worked_out_at_the_moment_of_sending_and_not_written_down() {
    let stage = Stage::set().await;
    let id = stage.pending(1, Content::PhoneVerification(PhoneVerification { phone: PHONE.parse().expect("phone") }), PHONE).await;
    let dee = UserId::try_from("dee".to_owned()).expect("user");
    let verification = Verification::new(id, dee, PHONE.parse().expect("phone"), [7; 16], Timestamp::now());
    stage.sender.verifications.write(&verification).await.expect("write");
    stage.send(id).await.expect("send");
    let code = verification.code(&CodeSecret::new(&"s".repeat(64)).expect("secret"));
    let text = serde_json::to_value(&stage.simulator.simulator.texts(&PHONE.parse().expect("phone"))[0]).expect("json");
    assert!(text["body"].as_str().is_some_and(|body| body.contains(&format!("code is: {code}."))), "the code is on the phone");
    let row = stage.row(id).await;
    assert_eq!((row.status, row.body.as_deref()), (Status::Sent, None));
    assert!(!serde_json::to_string(&row).expect("json").contains(&code), "and not in the row");
}

#[tokio::test]
async fn help_brings_a_person_a_link_to_their_settings_that_is_written_nowhere() {
    let stage = Stage::set().await;
    stage.simulator.simulator.set_faults(Faults { parts_per_second: None, ..Faults::default() });
    let now = Timestamp::now();
    let until = sms::message::useful_until(&Content::HelpReply {}, now);
    stage.sender.recipients.put(&consenting("ada", PHONE, now)).await.expect("put");
    let mut help = Message::new(Uuid::from_u128(1), Content::HelpReply {}, until, now).to(PHONE.parse().ok());
    help.user_id = UserId::try_from("ada".to_owned()).ok();
    let id = stage.write(help.clone()).await;
    stage.send(id).await.expect("send");

    let text = serde_json::to_value(&stage.simulator.simulator.texts(&PHONE.parse().expect("phone"))[0]).expect("json");
    let body = text["body"].as_str().expect("a body");
    let token = body.split("?token=").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a link");
    let keys = TokenKeys::new(&token_keys()).expect("keys");
    let Claims { user_id, scope, expires_at } = keys.read(token, now).expect("a token");
    assert_eq!((user_id.as_str(), scope), ("ada", Scope::Manage));
    assert!((3590..=3610).contains(&(expires_at - now.as_second())), "an hour");

    let row = stage.row(id).await;
    assert_eq!((row.status, row.parts), (Status::Sent, Some(2)));
    assert_eq!(row.body, Some(body.replace(token, "…")));
    assert!(!serde_json::to_string(&row).expect("json").contains(token));

    stage.sender.recipients.put(&consenting("ada", "+12025550199", now)).await.expect("put");
    let late = stage.write(Message { message_id: Uuid::from_u128(2), ..help.to("+12025550102".parse().ok()) }).await;
    stage.send(late).await.expect("send");
    let body = stage.row(late).await.body.expect("a body");
    assert!(!body.contains("token"), "the number was given up meanwhile: {body}");
}

#[tokio::test]
async fn a_stranger_who_asks_for_help_gets_no_link() {
    let stage = Stage::set().await;
    let id = stage.pending(1, Content::HelpReply {}, PHONE).await;
    stage.send(id).await.expect("send");
    let body = stage.row(id).await.body.expect("a body");
    assert!(body.contains("support@allthrive.ai") && !body.contains("token"), "{body}");
}

#[tokio::test]
async fn aws_waits_for_feedback_about_codes_and_nothing_else() {
    let stage = Stage::set().await;
    let (other, ordinary) = ("+12025550102", stage.pending(2, invitation(), "+12025550102").await);
    stage.send(ordinary).await.expect("send");
    let id = stage.pending(1, Content::PhoneVerification(PhoneVerification { phone: PHONE.parse().expect("phone") }), PHONE).await;
    let dee = UserId::try_from("dee".to_owned()).expect("user");
    let verification = Verification::new(id, dee, PHONE.parse().expect("phone"), [7; 16], Timestamp::now());
    stage.sender.verifications.write(&verification).await.expect("write");
    stage.send(id).await.expect("send");
    let awaited = |phone: &str| stage.simulator.simulator.texts(&phone.parse().expect("phone"))[0].feedback;
    assert_eq!((awaited(PHONE), awaited(other)), (Some("AWAITED"), None));
}

/// What becomes of a text to each of the simulator's numbers that refuse synchronously, or do not answer.
#[tokio::test]
async fn every_answer_of_aws_leads_to_its_status() {
    let stage = Stage::set().await;
    let table = [
        ("+15005550402", Status::Failed, false),  // not verified
        ("+15005550407", Status::Failed, false),  // registration not complete
        ("+15005550419", Status::Failed, false),  // a Reason that no SDK knows
        ("+15005550420", Status::Failed, false),  // price over threshold
        ("+15005550440", Status::Failed, false),  // account disabled
        ("+15005550450", Status::Failed, false),  // the number is gone
        ("+15005550400", Status::Pending, true),  // throttled
        ("+15005550442", Status::Pending, true),  // denied by IAM
        ("+15005550500", Status::Unknown, false), // internal error
        ("+15005550503", Status::Unknown, false), // unavailable
        ("+15005550900", Status::Unknown, false), // the connection closes without an answer
        ("+15005550903", Status::Unknown, false), // the answer is no JSON
    ];
    for (n, (phone, status, again)) in (1..).zip(table) {
        let id = stage.pending(n, streak(), phone).await;
        let result = stage.send(id).await;
        let row = stage.row(id).await;
        assert_eq!(row.status, status, "{phone}: {:?}", row.delivery_detail);
        assert_eq!(result.is_err(), again, "{phone}");
        assert!(row.delivery_detail.is_some(), "{phone} says why");
        if let Err(error) = result {
            assert!(error.downcast_ref::<TryLater>().is_some(), "{phone} waits before it comes again");
        }
    }
}

#[tokio::test]
async fn a_number_that_aws_has_on_its_list_is_opted_out_here_too() {
    let stage = Stage::set().await;
    let id = stage.pending(1, streak(), "+15005550401").await;
    stage.send(id).await.expect("done for good");
    let row = stage.row(id).await;
    assert_eq!((row.status, row.delivery_detail.as_deref()), (Status::Failed, Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")));
    let order = &stage.embedded.queues.bodies("inbound")[0];
    assert!(order.contains("+15005550401") && order.starts_with(r#"{"blocked":"#), "{order}");
}

#[tokio::test]
async fn aws_s_list_held_when_it_was_asked_so_that_a_start_said_meanwhile_is_not_undone() {
    static HAS_ANSWERED: AtomicBool = AtomicBool::new(false);
    fn clock() -> Timestamp {
        let asked_at: Timestamp = "2026-11-23T15:00:00Z".parse().expect("instant");
        asked_at + SignedDuration::from_secs(if HAS_ANSWERED.load(Ordering::SeqCst) { 4 } else { 0 })
    }
    let mut stage = Stage::set().await;
    stage.provide(|_| {
        HAS_ANSWERED.store(true, Ordering::SeqCst);
        (400, json!({"__type": "ConflictException", "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}))
    });
    let until = clock() + SignedDuration::from_hours(1);
    let id = stage.write(Message::new(Uuid::from_u128(1), streak(), until, clock()).to(PHONE.parse().ok())).await;
    stage.send_job(&json!({"message_id": id}).to_string(), Timestamp::MAX, clock).await.expect("done for good");
    let order = &stage.embedded.queues.bodies("inbound")[0];
    assert!(order.starts_with(r#"{"blocked":"#) && order.contains("2026-11-23T15:00:00.000Z"), "{order}");
}

#[tokio::test]
async fn a_text_that_may_have_gone_out_is_not_sent_again() {
    let stage = Stage::set().await;
    stage.simulator.simulator.set_faults(Faults { drop_response_rate: 1.0, ..Faults::default() });
    let id = stage.pending(1, streak(), PHONE).await;
    stage.send(id).await.expect("nothing to try again");
    assert_eq!((stage.row(id).await.status, stage.texts(PHONE)), (Status::Unknown, 1));
    stage.simulator.simulator.set_faults(Faults::default());
    stage.send(id).await.expect("nothing to send");
    assert_eq!((stage.row(id).await.status, stage.texts(PHONE)), (Status::Unknown, 1));
}

#[tokio::test]
async fn where_nobody_listens_nothing_went_out_and_the_text_is_tried_again() {
    let simulator = Running::start(simulator::Config::default()).await.expect("simulator");
    // No program gets port 1 by chance.
    let stage = Stage::with_provider_at(simulator, "http://127.0.0.1:1").await;
    let id = stage.pending(1, streak(), PHONE).await;
    assert!(stage.send(id).await.is_err());
    let row = stage.row(id).await;
    assert_eq!((row.status, row.delivery_detail.as_deref()), (Status::Pending, Some("no connection")));
}

#[tokio::test]
async fn a_receipt_that_overtook_the_sender_keeps_its_status() {
    let stage = Stage::set().await;
    let id = stage.pending(1, streak(), PHONE).await;
    let claimed = stage.sender.messages.change(id, Change::Claimed, None, Notes::default(), Timestamp::now()).await.expect("claim");
    assert!(matches!(claimed, sms::stores::Changed::Yes(_)));
    stage.sender.messages.change(id, Change::Arrived, None, Notes::default(), Timestamp::now()).await.expect("arrive");
    let late = stage.sender.messages.change(id, Change::Accepted, Some(1), Notes::default(), Timestamp::now()).await.expect("accept");
    assert!(matches!(late, sms::stores::Changed::No(Some(_))));
    assert_eq!(stage.row(id).await.status, Status::Delivered);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receipt_that_overtook_the_sender_said_stays_and_the_rest_is_still_written_down() {
    let mut stage = Stage::set().await;
    let id = stage.pending(1, invitation(), PHONE).await;
    let said = Notes::default().with("delivery_status", "DELIVERED").and_then(|said| said.with("parts", 3));
    let said = said.and_then(|said| said.with("provider_message_id", "aws-0")).expect("notes");
    stage.answer_after(200, json!({"MessageId": "aws-1"}), id, Change::Arrived, said);
    stage.send(id).await.expect("send");
    let row = stage.row(id).await;
    assert_eq!((row.status, row.parts, row.provider_message_id.as_deref()), (Status::Delivered, Some(3), Some("aws-0")));
    assert!(row.body.is_some() && row.encoding.is_some() && row.estimated_price.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_was_written_though_nobody_heard_so_gives_back_what_was_reserved_once() {
    let mut stage = Stage::set().await;
    let id = stage.write(reserved()).await;
    let refusal = json!({"__type": "ConflictException", "Reason": "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"});
    stage.answer_after(400, refusal, id, Change::Refused, Notes::default());
    for _ in 0..2 {
        stage.send(id).await.expect("done for good");
        let row = stage.row(id).await;
        assert_eq!((row.status, row.settled), (Status::Failed, Some(MicroUsd(0))));
        assert_eq!(stage.embedded.scan("LimitsTable").await.expect("scan")[0]["committed"], json!(-8830));
    }
}

#[tokio::test]
async fn with_too_little_time_left_nothing_is_claimed() {
    let stage = Stage::set().await;
    let id = stage.pending(1, streak(), PHONE).await;
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    let result = stage.send_job(&json!({"message_id": id}).to_string(), soon, Timestamp::now).await;
    assert!(result.is_err());
    assert_eq!((stage.row(id).await.status, stage.row(id).await.attempts), (Status::Pending, 0));
}

#[tokio::test]
async fn a_job_without_a_row_and_a_job_that_is_none_are_errors() {
    let stage = Stage::set().await;
    assert!(stage.send(Uuid::from_u128(404)).await.is_err());
    let error = stage.send_job(r#"{"message_id": "+12025550101"}"#, Timestamp::MAX, Timestamp::now).await.expect_err("no job");
    assert!(!error.to_string().contains("2025550101"), "{error}");
}

#[tokio::test]
async fn a_text_of_a_person_who_was_erased_while_it_waited_is_stripped_and_not_sent() {
    let stage = Stage::set().await;
    let now = Timestamp::now();
    let ada = Recipient::new(UserId::try_from("ada".to_owned()).expect("user"));
    let text = |id: u128, content: Content, at: Timestamp| {
        let message = Message::new(Uuid::from_u128(id), content, now + SignedDuration::from_hours(1), at).to(PHONE.parse().ok());
        Message { user_id: Some(ada.user_id.clone()), body: Some("words".into()), ..message }
    };
    let late = stage.write(text(1, streak(), now)).await;
    let new = stage.write(text(2, Content::HelpReply {}, now + SignedDuration::from_secs(1))).await;
    let ledger = sms::consent::LedgerHead { seq: 1, hash: "h".into() };
    let erasure = sms::erasure::Erasure { at: now, kept_until: now, ledger, finished_at: None, numbers: Vec::new() };
    stage.sender.recipients.put(&ada.mark(erasure)).await.expect("put");
    for id in [late, new] {
        stage.send(id).await.expect("send");
    }
    let row = stage.row(late).await;
    assert_eq!((row.status, row.user_id, row.phone, row.body), (Status::Suppressed, None, None, None));
    assert_eq!((stage.row(new).await.status, stage.texts(PHONE)), (Status::Sent, 1), "what they asked for since is theirs");
}

#[tokio::test]
async fn a_text_that_waited_into_the_night_waits_for_the_morning() {
    fn nine_in_the_evening() -> Timestamp {
        "2026-11-24T02:00:00Z".parse().expect("instant")
    }
    // AWS tries for five seconds at least: what it would take now it would still try at nine.
    fn a_moment_before() -> Timestamp {
        nine_in_the_evening() - SignedDuration::from_secs(2)
    }
    let clocks: [fn() -> Timestamp; 2] = [nine_in_the_evening, a_moment_before];
    for clock in clocks {
        let mut stage = Stage::set().await;
        stage.sender.quiet_hours = Some(sms::quiet_hours::SendingHours::default());
        let text = |id: u128, content, hours| {
            let phone = format!("+1202555010{id}").parse().ok();
            Message::new(Uuid::from_u128(id), content, clock() + SignedDuration::from_hours(hours), clock()).to(phone)
        };
        let western = Message { time_zone: Some("America/Los_Angeles".into()), ..text(3, invitation(), 24) };
        let mut rows = Vec::new();
        for message in [text(1, invitation(), 24), text(2, streak(), 11), western, text(4, alert(), 24)] {
            let id = stage.write(message).await;
            stage.send_job(&json!({"message_id": id}).to_string(), Timestamp::MAX, clock).await.expect("send");
            rows.push(stage.row(id).await);
        }
        assert_eq!(rows.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Held, Status::Expired, Status::Sent, Status::Sent]);
        let release = rows[0].release_at.expect("a release");
        let eight: Timestamp = "2026-11-24T13:00:00Z".parse().expect("instant");
        assert!(eight <= release && release < eight + SignedDuration::from_mins(20), "{release}");
    }
}

#[tokio::test]
async fn who_moved_west_while_a_text_waited_is_not_texted_before_their_new_morning() {
    fn eight_in_new_york() -> Timestamp {
        "2026-11-24T13:00:00Z".parse().expect("instant")
    }
    let mut stage = Stage::set().await;
    stage.sender.quiet_hours = Some(sms::quiet_hours::SendingHours::default());
    let now = eight_in_new_york();
    let ada = Recipient { time_zone: Some("Pacific/Honolulu".into()), ..consenting("ada", PHONE, now) };
    stage.sender.recipients.put(&ada).await.expect("put");
    let text = Message::new(Uuid::from_u128(1), invitation(), now + SignedDuration::from_hours(24), now).to(PHONE.parse().ok());
    let id = stage.write(Message { user_id: Some(ada.user_id), time_zone: Some("America/New_York".into()), ..text }).await;
    stage.send_job(&json!({"message_id": id}).to_string(), Timestamp::MAX, eight_in_new_york).await.expect("send");
    let row = stage.row(id).await;
    assert_eq!((row.status, row.time_zone.as_deref()), (Status::Held, Some("Pacific/Honolulu")), "so that it is booked on a day there");
    let eight: Timestamp = "2026-11-24T18:00:00Z".parse().expect("instant");
    assert!(row.release_at.is_some_and(|release| eight <= release && release < eight + SignedDuration::from_mins(20)), "{:?}", row.release_at);
}

#[tokio::test]
async fn a_promotional_text_for_which_there_is_no_hour_is_not_sent_at_any() {
    let mut stage = Stage::set().await;
    let asked = stage.listen();
    stage.sender.prices = "US=8830,GB=50000".parse().expect("prices");
    let (anywhere, foreign) = ("+18665550101", "+447860019066");
    let table = [
        ("08:00-09:00", anywhere, invitation(), Some("at no hour of the day may texts be sent to America/New_York, ")),
        ("08:00-21:00", foreign, invitation(), Some("nobody knows what time it is there")),
        ("08:00-09:00", anywhere, alert(), None),
    ];
    for (id, (hours, phone, content, why)) in (1..).zip(table) {
        stage.sender.quiet_hours = hours.parse().ok();
        let id = stage.pending(id, content, phone).await;
        stage.send(id).await.expect("send");
        let row = stage.row(id).await;
        assert_eq!(row.status, if why.is_some() { Status::Suppressed } else { Status::Sent }, "{phone}");
        assert!(why.is_none_or(|why| row.delivery_detail.as_ref().is_some_and(|detail| detail.starts_with(why))), "{:?}", row.delivery_detail);
    }
    assert_eq!(asked.lock().expect("asked").len(), 1);
}

impl Stage {
    /// Puts a provider in the place of the simulator that answers to what it is asked with a status and a body.
    fn provide(&mut self, answer: impl Fn(serde_json::Value) -> (u16, serde_json::Value) + Send + Sync + 'static) {
        let sdk = sdk("http://127.0.0.1:9")
            .into_builder()
            .http_client(infallible_client_fn(move |request| {
                let (status, body) = answer(serde_json::from_slice(request.body().bytes().expect("a body")).expect("json"));
                http::Response::builder().status(status).body(body.to_string()).expect("response")
            }))
            .build();
        self.sender.provider = Provider::new(&sdk, "US=+18663448034".parse().expect("identities"), "allthrive-sms".into(), None);
    }

    /// The same with one that takes everything; answers with what it was asked, in order.
    fn listen(&mut self) -> Arc<Mutex<Vec<serde_json::Value>>> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        self.provide(move |request| {
            heard.lock().expect("heard").push(request);
            (200, json!({"MessageId": "aws-1"}))
        });
        asked
    }

    /// The same with one before whose answer `change` is made of the row of `id`. For tests with several threads.
    fn answer_after(&mut self, status: u16, body: serde_json::Value, id: Uuid, change: Change, notes: Notes) {
        let messages = self.sender.messages.clone();
        self.provide(move |_| {
            let changed = messages.change(id, change, None, notes.clone(), Timestamp::now());
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(changed)).expect("change");
            (status, body.clone())
        });
    }
}

#[tokio::test]
async fn aws_may_take_as_much_for_a_text_as_was_reserved_and_no_more() {
    let mut stage = Stage::set().await;
    let asked = stage.listen();
    let short = stage.pending(1, streak(), PHONE).await;
    stage.send(short).await.expect("send");
    let long = BattleInvitation { inviter_name: "Ada".into(), battle_topic: "Haiku ".repeat(30), invitation_link: "https://allthrive.ai/b".into() };
    let long = stage.pending(2, Content::BattleInvitation(long), PHONE).await;
    stage.send(long).await.expect("send");
    assert_eq!((stage.row(short).await.parts, stage.row(long).await.parts), (Some(1), Some(2)));
    let most = asked.lock().expect("asked").iter().map(|request| request["MaxPrice"].clone()).collect::<Vec<_>>();
    assert_eq!(most, [json!("0.00883"), json!("0.01766")]);
    stage.sender.prices = "CA=11810".parse().expect("prices");
    let nowhere = stage.pending(3, streak(), PHONE).await;
    stage.send(nowhere).await.expect("done for good");
    let row = stage.row(nowhere).await;
    assert_eq!((row.status, row.delivery_detail.as_deref()), (Status::Failed, Some("texts to US are not allowed")));
    assert_eq!(asked.lock().expect("asked").len(), 2);
}

#[tokio::test]
async fn what_aws_takes_before_the_quiet_hours_does_not_reach_a_phone_in_them() {
    fn at(second: i64) -> Timestamp {
        let nine_in_the_evening: Timestamp = "2026-11-24T02:00:00Z".parse().expect("instant");
        nine_in_the_evening + SignedDuration::from_secs(second)
    }
    let mut stage = Stage::set().await;
    let asked = stage.listen();
    let a_minute_before: fn() -> Timestamp = || at(-60);
    let at_the_last_moment: fn() -> Timestamp = || at(-5);
    let hours = Some(sms::quiet_hours::SendingHours::default());
    let cases = [
        (hours, invitation(), at(86_400), a_minute_before, 60),
        (hours, invitation(), at(-30), a_minute_before, 30),
        (hours, invitation(), at(86_400), at_the_last_moment, 5),
        (hours, alert(), at(86_400), a_minute_before, 86_460),
        (None, invitation(), at(86_400), a_minute_before, 86_460),
    ];
    for ((hours, content, until, clock, seconds), id) in cases.into_iter().zip(1..) {
        stage.sender.quiet_hours = hours;
        let id = stage.write(Message::new(Uuid::from_u128(id), content, until, at(-3600)).to(PHONE.parse().ok())).await;
        stage.send_job(&json!({"message_id": id}).to_string(), Timestamp::MAX, clock).await.expect("send");
        let last = asked.lock().expect("asked").last().cloned().expect("a call");
        assert_eq!((&last["TimeToLive"], &last["Context"]["message_id"]), (&json!(seconds), &json!(id)));
    }
}

#[tokio::test]
async fn aws_s_own_spend_limit_closes_the_budget_and_the_refused_text_is_given_back() {
    let stage = Stage::set().await;
    stage.simulator.simulator.set_faults(Faults { spend_limit_usd: Some(0.0), ..Faults::default() });
    let month = sms::budget::month(Timestamp::now());
    let id = stage.write(reserved()).await;
    stage.send(id).await.expect("done for good");

    let row = stage.row(id).await;
    assert_eq!((row.status, row.settled), (Status::Failed, Some(MicroUsd(0))));
    let book = &stage.embedded.scan("LimitsTable").await.expect("scan")[0];
    assert_eq!(
        (&book["limit_id"], &book["committed"]),
        (&json!(format!("budget/{month}")), &json!(-8830)),
        "what was reserved elsewhere is given back"
    );
    assert!(book["closed_until"].as_i64().is_some_and(|until| until > Timestamp::now().as_millisecond()));
    stage.send(id).await.expect("a second job");
    assert_eq!(stage.embedded.scan("LimitsTable").await.expect("scan")[0]["committed"], json!(-8830), "once");
}

#[tokio::test]
async fn a_sender_that_died_before_the_books_is_made_good_by_the_job_s_return() {
    let stage = Stage::set().await;
    let id = stage.write(reserved()).await;
    for change in [Change::Claimed, Change::Refused] {
        stage.sender.messages.change(id, change, None, Notes::default(), Timestamp::now()).await.expect("change");
    }
    stage.send(id).await.expect("nothing to send");
    assert_eq!(stage.row(id).await.settled, Some(MicroUsd(0)));
}

#[tokio::test]
async fn one_look_serves_all_who_leave_together_for_a_tenth_of_a_second() {
    let stage = Stage::set().await;
    let (sender, now) = (&stage.sender, Timestamp::now());
    let texts = [(1, "+12025550101"), (2, "+12025550102")].map(|(id, phone)| {
        let text = Message::new(Uuid::from_u128(id), invitation(), now + SignedDuration::from_hours(1), now).to(phone.parse().ok());
        Message { user_id: Some(UserId::try_from(format!("user-{id}")).expect("user")), ..text }
    });
    for text in &texts {
        sender.recipients.put(&Recipient::new(text.user_id.clone().expect("user"))).await.expect("put");
    }
    let company = Company::of(&texts);
    let opted_out = async |text: &Message, at: Timestamp| {
        let phone = text.phone.clone().expect("a number");
        let person = company.person(text, &phone, (&sender.recipients, &sender.opt_outs), at).await.expect("look");
        assert_eq!(person.recipient.map(|recipient| recipient.user_id), text.user_id);
        person.opt_out.is_some()
    };
    drop(stage.embedded.calls.take());
    assert!(!opted_out(&texts[0], now).await);
    let stop = out(true, None);
    sender.opt_outs.say(&OptOut { phone: texts[1].phone.clone().expect("a number"), ..stop }).await.expect("put");
    assert!(!opted_out(&texts[1], now + FRESH).await, "as it was a tenth of a second before");
    assert_eq!(stage.embedded.calls.take().iter().filter(|call| call.ends_with(".BatchGetItem")).count(), 1);
    assert!(opted_out(&texts[1], now + FRESH + SignedDuration::from_nanos(1)).await, "no look is older than that");
    let nobody = Company::default();
    let phone = texts[1].phone.clone().expect("a number");
    let alone = nobody.person(&texts[1], &phone, (&sender.recipients, &sender.opt_outs), now).await.expect("look");
    assert!(alone.opt_out.is_some(), "who is in no company is looked up by themselves");
}
