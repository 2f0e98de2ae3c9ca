//! A prefix that asks for many codes and gives hardly any back.

use futures::future::join_all;
use sms::{
    conversion::LEAST_ASKED,
    kind::Kind,
    message::Status,
    metrics::{self, Metric},
};

use super::{Answer, Call, PHONE, Stage, ben, json, phone};

/// The `n`th number of the prefix `+1202556`.
fn number(n: u64) -> String {
    format!("+1202556{n:04}")
}

async fn start(stage: &Stage, user: &str, number: &str) -> Answer {
    stage.ask(Call::signed("POST", &format!("/v1/users/{user}/verifications")).json(&json!({"phoneNumber": number}))).await
}

/// So many people ask, and so many of them give the code back.
async fn ask(stage: &Stage, asked: u64, back: u64) {
    for n in 0..asked {
        let user = format!("pump{n}");
        let started = start(stage, &user, &number(n)).await;
        assert_eq!(started.status, 202, "{n}: {started:?}");
        if n < back {
            let id = &started.body["verificationId"];
            let guess = json!({"verificationId": id, "code": stage.code(id).await});
            let answer = stage.ask(Call::signed("POST", &format!("/v1/users/{user}/verifications/check")).json(&guess)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_prefix_that_gives_nothing_back_is_blocked_for_an_hour_and_says_so_in_the_row() {
    let stage = Stage::set().await;
    ask(&stage, LEAST_ASKED, 1).await;
    stage.later(179);
    let measured = metrics::record::take();
    let times = |metric| u64::try_from(measured.iter().filter(|(other, _)| *other == metric).count()).expect("a few");
    assert_eq!((times(Metric::CodesAsked), times(Metric::CodesBack)), (LEAST_ASKED, 1));
    assert_eq!(start(&stage, "young", &number(100)).await.status, 202, "codes that young may still come back");
    stage.later(1);
    let jobs = stage.jobs();
    let _ = metrics::record::take();
    let refused = start(&stage, "next", &number(101)).await;
    let blocked =
        [(Metric::ConversionCollapsed, 1.0), (Metric::CodesBlocked, 1.0), (Metric::Texts(Kind::PhoneVerification, Status::Suppressed), 1.0)];
    assert_eq!(metrics::record::take(), blocked);
    assert_eq!((refused.status, refused.problem(), refused.header("retry-after")), (429, "too-many-codes", "3600"));
    assert_eq!(stage.jobs(), jobs, "nothing is sent");
    let row = stage.rows("MessagesTable").await.into_iter().find(|row| row["user_id"] == "next").expect("a row");
    let gates = row["gates"].as_array().expect("gates");
    let names = gates.iter().map(|step| step["gate"].as_str().expect("gate")).collect::<Vec<_>>();
    assert_eq!((&row["status"], names), (&json!("suppressed"), vec!["schema", "duplicate", "recipient", "phone_verified", "country"]));
    let detail = "codes to +1202556… are blocked until 11:03 UTC: 1 of 30 came back";
    assert_eq!(gates[4], json!({"gate": "country", "verdict": "fail", "detail": detail}));
    assert_eq!(start(&stage, "elsewhere", "+12025570001").await.status, 202, "other prefixes are not concerned");

    stage.later(3599);
    assert_eq!(start(&stage, "late", &number(102)).await.header("retry-after"), "1");
    stage.later(1);
    assert_eq!(start(&stage, "later", &number(103)).await.status, 202);
}

#[tokio::test]
async fn one_code_less_or_a_fifth_that_comes_back_is_no_collapse() {
    for (asked, back) in [(LEAST_ASKED - 1, 0), (LEAST_ASKED, LEAST_ASKED / 5)] {
        let stage = Stage::set().await;
        ask(&stage, asked, back).await;
        stage.later(180);
        assert_eq!(start(&stage, "next", &number(100)).await.status, 202, "{back} of {asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_at_once_to_a_prefix_that_collapsed_none_is_sent_and_it_is_blocked_once() {
    let stage = Stage::set().await;
    ask(&stage, LEAST_ASKED, 0).await;
    stage.later(180);
    let jobs = stage.jobs();
    let people = (200..400).map(|n| (format!("u{n}"), number(n))).collect::<Vec<_>>();
    let answers = join_all(people.iter().map(|(user, number)| start(&stage, user, number))).await;
    assert!(answers.iter().all(|answer| answer.status == 429), "{answers:?}");
    assert_eq!(stage.jobs(), jobs);
    let rows = stage.rows("LimitsTable").await;
    assert_eq!(rows.iter().filter(|row| row["limit_id"] == "blocked/+1202556").count(), 1);
    let everybody = rows.iter().find(|row| row["limit_id"].as_str().is_some_and(|id| id.starts_with("everybody/"))).expect("a row");
    assert_eq!(everybody["times_done"], LEAST_ASKED, "who is blocked takes nothing from everybody");
}

#[tokio::test]
async fn who_is_blocked_is_limited_all_the_same() {
    let stage = Stage::set().await;
    ask(&stage, LEAST_ASKED, 0).await;
    stage.later(180);
    let rows = stage.rows("MessagesTable").await.len();
    for n in 0..20 {
        assert_eq!(start(&stage, &format!("u{n}"), &number(500)).await.status, 429);
    }
    assert_eq!(stage.rows("MessagesTable").await.len() - rows, 5, "a pump that goes on fills no table");
}

#[tokio::test]
async fn who_has_proven_the_number_may_prove_it_again_and_nobody_else() {
    let stage = Stage::set().await.with(ben()).await;
    for n in 0..LEAST_ASKED {
        assert_eq!(start(&stage, &format!("pump{n}"), &format!("+1202555{:04}", 5000 + n)).await.status, 202);
    }
    stage.later(180);
    assert_eq!(start(&stage, "stranger", PHONE).await.status, 429);
    assert_eq!(start(&stage, "ada", PHONE).await.status, 202, "ada's own number");
    assert_eq!(start(&stage, "ada", "+12025550199").await.status, 429, "another of that prefix");
    assert_eq!(stage.recipient("ada").await.verified_phone(), Some(&phone(PHONE)));
}

#[tokio::test]
async fn numbers_that_are_not_texted_say_nothing_about_conversion() {
    let stage = Stage::set().await;
    let opt_outs = sms::stores::OptOuts::new(stage.embedded.dynamodb.clone(), "OptOutsTable".into());
    for n in 0..LEAST_ASKED {
        let out = sms::opt_out::OptOut {
            phone: phone(&number(n)),
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
        opt_outs.say(&out).await.expect("say");
    }
    ask(&stage, LEAST_ASKED, 0).await;
    stage.later(180);
    assert_eq!(start(&stage, "next", &number(100)).await.status, 202);
}
