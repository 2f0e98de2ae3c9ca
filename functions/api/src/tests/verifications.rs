//! Codes: five guesses, ten minutes, once.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::Value;

use super::{Answer, PHONE, Stage, ada, ben, json, phone};

const OTHER: &str = "+12025550102";

async fn start(stage: &Stage, user: &str, number: &str) -> Answer {
    stage.ask(stage.me(user, "POST", "verifications").json(&json!({"phoneNumber": number}))).await
}

async fn give(stage: &Stage, user: &str, id: &Value, code: &str) -> Answer {
    stage.ask(stage.me(user, "POST", "verifications/check").json(&json!({"verificationId": id, "code": code}))).await
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

#[tokio::test]
async fn the_right_code_binds_the_number() {
    let stage = Stage::set().await;
    let started = start(&stage, "new", PHONE).await;
    assert_eq!(started.status, 202, "{started:?}");
    assert_eq!(started.body["expiresAt"], "2026-11-23T10:10:00.000Z");
    assert_eq!(started.body["resendAfter"], "2026-11-23T10:00:30.000Z");
    let id = &started.body["verificationId"];
    assert_eq!(stage.embedded.queues.bodies("urgent"), [json!({"message_id": id}).to_string()]);
    let row = stage.rows("MessagesTable").await.remove(0);
    assert_eq!([&row["status"], &row["type"], &row["user_id"]], ["pending", "phone_verification", "new"]);

    let code = stage.code(id).await;
    let answer = give(&stage, "new", id, &code).await;
    assert_eq!((answer.status, answer.body), (200, json!({"phoneVerified": true})));
    let person = stage.recipient("new").await;
    assert_eq!((person.verified_phone(), person.phone_verified_at), (Some(&phone(PHONE)), Some(stage.now())));
    for table in ["MessagesTable", "VerificationsTable", "LimitsTable", "RecipientsTable"] {
        assert!(stage.rows(table).await.iter().all(|row| !row.to_string().contains(&code)), "{table}");
    }
}

#[tokio::test]
async fn five_wrong_codes_lock() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    for left in [4, 3, 2, 1, 0] {
        let answer = give(&stage, "new", &id, &wrong(&code)).await;
        assert_eq!((answer.status, answer.problem(), &answer.body["attemptsLeft"]), (422, "wrong-code", &json!(left)));
    }
    let answer = give(&stage, "new", &id, &code).await;
    assert_eq!((answer.status, answer.problem(), answer.header("retry-after")), (429, "code-locked", "600"));
    assert!(stage.rows("RecipientsTable").await.is_empty());
}

#[tokio::test]
async fn the_fifth_guess_may_still_be_right() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    for _ in 0..4 {
        give(&stage, "new", &id, &wrong(&code)).await;
    }
    assert_eq!(give(&stage, "new", &id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_wrong_codes_at_once_five_are_looked_at() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let bad = wrong(&stage.code(&id).await);
    let answers = join_all((0..200).map(|_| give(&stage, "new", &id, &bad))).await;
    let mut count = BTreeMap::<&str, usize>::new();
    for answer in &answers {
        *count.entry(answer.problem()).or_default() += 1;
    }
    assert_eq!(count, BTreeMap::from([("wrong-code", 5), ("code-locked", 195)]));
    assert_eq!(stage.rows("VerificationsTable").await[0]["attempts"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_right_codes_at_once_one_is_used() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    let answers = join_all((0..20).map(|_| give(&stage, "new", &id, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

#[tokio::test]
async fn an_expired_code_is_gone() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    stage.later(600);
    let answer = give(&stage, "new", &id, &code).await;
    assert_eq!((answer.status, answer.problem()), (410, "code-expired"));
}

#[tokio::test]
async fn a_code_in_its_last_second_is_good_and_only_once() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    stage.later(599);
    assert_eq!(give(&stage, "new", &id, &code).await.status, 200);
    let again = give(&stage, "new", &id, &code).await;
    assert_eq!((again.status, again.problem()), (410, "code-used"));
}

#[tokio::test]
async fn a_code_for_one_number_proves_no_other() {
    let stage = Stage::set().await;
    let one = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let other = start(&stage, "new", OTHER).await.body["verificationId"].take();
    let (code, others) = (stage.code(&one).await, stage.code(&other).await);
    assert_ne!(code, others);
    assert_eq!(give(&stage, "new", &one, &others).await.problem(), "wrong-code");
    assert_eq!(give(&stage, "new", &other, &code).await.problem(), "wrong-code");
}

#[tokio::test]
async fn somebody_elses_verification_is_as_unknown_as_none() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    let theirs = give(&stage, "eve", &id, &code).await;
    let none = give(&stage, "eve", &json!("00000000-0000-4000-8000-000000000000"), &code).await;
    assert_eq!((theirs.status, theirs.problem(), &theirs.body), (404, "not-found", &none.body));
    assert_eq!(stage.rows("VerificationsTable").await[0]["attempts"], 0, "and takes no guess from its owner");
}

#[tokio::test]
async fn what_is_no_code_is_no_guess() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
        assert_eq!(give(&stage, "new", &id, bad).await.problem(), "invalid", "{bad}");
    }
    assert_eq!(stage.rows("VerificationsTable").await[0]["attempts"], 0);
}

#[tokio::test]
async fn a_resend_says_the_same_code_and_gives_no_new_guesses() {
    let stage = Stage::set().await;
    let first = start(&stage, "new", PHONE).await.body;
    stage.later(30);
    let second = start(&stage, "new", PHONE).await;
    assert_eq!((second.status, &second.body["verificationId"], &second.body["expiresAt"]), (202, &first["verificationId"], &first["expiresAt"]));
    let messages = stage.rows("MessagesTable").await;
    assert_eq!((messages.len(), stage.jobs()), (2, 2));
    let id = &first["verificationId"];
    let copy = messages.iter().map(|row| row["message_id"].clone()).find(|row| row != id).expect("a second message");
    assert_eq!(stage.code(&copy).await, stage.code(id).await);
    let code = stage.code(id).await;
    assert_eq!(give(&stage, "new", &copy, &wrong(&code)).await.body["attemptsLeft"], 4);
    assert_eq!(give(&stage, "new", id, &wrong(&code)).await.body["attemptsLeft"], 3, "guesses are counted in one place");
    assert_eq!(give(&stage, "eve", &copy, &code).await.problem(), "not-found");
    assert_eq!(give(&stage, "new", &copy, &code).await.status, 200);
    assert_eq!(give(&stage, "new", id, &code).await.problem(), "code-used");
}

#[tokio::test]
async fn a_used_up_code_is_followed_by_a_new_one() {
    let stage = Stage::set().await;
    let first = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let code = stage.code(&first).await;
    give(&stage, "new", &first, &code).await;
    stage.later(30);
    let second = start(&stage, "new", PHONE).await.body["verificationId"].take();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_changed_number_has_no_consent() {
    let stage = Stage::set().await.with(ada()).await;
    let id = start(&stage, "ada", OTHER).await.body["verificationId"].take();
    assert_eq!(stage.recipient("ada").await.phone, Some(phone(PHONE)), "as long as nothing is proven, nothing changes");
    let code = stage.code(&id).await;
    assert_eq!(give(&stage, "ada", &id, &code).await.status, 200);
    let row = stage.recipient("ada").await;
    assert_eq!((row.verified_phone(), row.standing_consent(), row.sms_enabled), (Some(&phone(OTHER)), None, false));
    let ledger = stage.rows("ConsentsTable").await;
    assert_eq!([&ledger[0]["action"], &ledger[0]["method"], &ledger[0]["phone"]], ["revoked", "phone_verification", PHONE]);
}

#[tokio::test]
async fn proving_the_same_number_again_keeps_consent_and_welcomes() {
    let stage = Stage::set().await.with(super::Recipient { phone_verified_at: None, ..ada() }).await;
    let id = start(&stage, "ada", PHONE).await.body["verificationId"].take();
    let code = stage.code(&id).await;
    give(&stage, "ada", &id, &code).await;
    assert!(stage.recipient("ada").await.standing_consent().is_some());
    let kinds = stage.rows("MessagesTable").await.iter().map(|row| row["type"].clone()).collect::<Vec<_>>();
    assert!(kinds.contains(&json!("opt_in_confirmation")), "{kinds:?}");
}

#[tokio::test]
async fn nothing_tells_that_a_number_is_somebodys_or_wants_no_texts() {
    let stage = Stage::set().await.with(ben()).await;
    let out = sms::opt_out::OptOut {
        phone: phone(OTHER),
        everything_since: Some(stage.now()),
        categories: std::collections::BTreeSet::new(),
        confirmation: None,
        method: sms::consent::Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: stage.now(),
        revision: None,
    };
    sms::stores::OptOuts::new(stage.embedded.dynamodb.clone(), "OptOutsTable".into()).say(&out).await.expect("say");
    let free = start(&stage, "new", "+12025550103").await;
    for number in [PHONE, OTHER] {
        let answer = start(&stage, "new", number).await;
        let fields = |answer: &Answer| answer.body.as_object().expect("object").keys().cloned().collect::<Vec<_>>();
        assert_eq!((answer.status, fields(&answer)), (202, fields(&free)));
        let guess = give(&stage, "new", &answer.body["verificationId"], "000000").await;
        assert_eq!(guess.problem(), "wrong-code");
    }
    let rows = stage.rows("MessagesTable").await;
    let held = rows.iter().find(|row| row["phone"] == OTHER).expect("a row");
    assert_eq!(held["status"], "suppressed", "but nothing is sent to who said stop");
    assert_eq!(stage.jobs(), 3, "nor does the time it takes tell: the sender drops that job");
}

#[tokio::test]
async fn numbers_of_other_countries_are_not_texted() {
    let stage = Stage::set().await;
    for number in ["+442071838750", "+14165550123", "+18765550123"] {
        assert_eq!(start(&stage, "new", number).await.problem(), "country-not-allowed", "{number}");
    }
    for bad in ["2025550101", "+1", ""] {
        assert_eq!(start(&stage, "new", bad).await.problem(), "invalid", "{bad}");
    }
    assert!(stage.rows("LimitsTable").await.is_empty());
}

#[tokio::test]
async fn aws_hears_of_every_text_of_a_code_that_came_back() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    stage.sent(&id, "first").await;
    stage.later(30);
    start(&stage, "new", PHONE).await;
    let copy = stage.rows("MessagesTable").await.iter().map(|row| row["message_id"].clone()).find(|row| *row != id).expect("a second message");
    stage.sent(&copy, "second").await;
    let code = stage.code(&id).await;
    give(&stage, "new", &id, &wrong(&code)).await;
    assert!(stage.heard().is_empty(), "a wrong guess is no news");
    assert_eq!(give(&stage, "new", &id, &code).await.status, 200);
    assert_eq!(stage.heard(), ["first RECEIVED", "second RECEIVED"]);
    give(&stage, "new", &id, &code).await;
    assert_eq!(stage.heard().len(), 2, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_hears_once_that_a_code_was_locked() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    stage.sent(&id, "text").await;
    let bad = wrong(&stage.code(&id).await);
    for _ in 0..4 {
        give(&stage, "new", &id, &bad).await;
    }
    assert!(stage.heard().is_empty());
    join_all((0..20).map(|_| give(&stage, "new", &id, &bad))).await;
    assert_eq!(stage.heard(), ["text FAILED"]);
    let row = stage.rows("VerificationsTable").await.remove(0);
    assert!(row["closed_at"].is_string() && row["untold"].is_null(), "{row}");
}

#[tokio::test]
async fn a_lock_that_nobody_noticed_is_noticed_by_the_next_guess() {
    let stage = Stage::set().await;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    stage.sent(&id, "text").await;
    let bad = wrong(&stage.code(&id).await);
    for _ in 0..5 {
        // Counted, and then the function dies, or DynamoDB's answer is lost.
        let id = id.as_str().and_then(|id| id.parse().ok()).expect("an id");
        stage.verifications.guess(id, &super::user("new"), stage.now()).await.expect("guess");
    }
    join_all((0..20).map(|_| give(&stage, "new", &id, &bad))).await;
    assert_eq!(stage.heard(), ["text FAILED"]);
    stage.later(600);
    assert_eq!(give(&stage, "new", &id, &bad).await.problem(), "code-expired");
    assert_eq!(stage.heard().len(), 1);
}

#[tokio::test]
async fn feedback_that_fails_is_not_the_persons_trouble_and_leaves_a_mark() {
    let stage = Stage::set().await;
    *stage.aws.is_down.lock().expect("is_down") = true;
    let id = start(&stage, "new", PHONE).await.body["verificationId"].take();
    stage.sent(&id, "text").await;
    let code = stage.code(&id).await;
    assert_eq!(give(&stage, "new", &id, &code).await.status, 200);
    let row = stage.rows("VerificationsTable").await.remove(0);
    assert!(row["closed_at"].is_string() && row["used_at"].is_string(), "{row}");
    assert_eq!((&row["untold"], stage.heard().len()), (&json!(true), 0));
}

#[tokio::test]
async fn a_locked_code_is_followed_by_a_new_one() {
    let stage = Stage::set().await;
    let first = start(&stage, "new", PHONE).await.body["verificationId"].take();
    let bad = wrong(&stage.code(&first).await);
    for _ in 0..5 {
        give(&stage, "new", &first, &bad).await;
    }
    stage.later(30);
    let second = start(&stage, "new", PHONE).await.body["verificationId"].take();
    assert_ne!(first, second);
    let code = stage.code(&second).await;
    assert_eq!(give(&stage, "new", &second, &code).await.status, 200);
}
