//! Each limit, exactly and one beyond: one after the other, and all at once.

use futures::future::join_all;

use super::{Answer, Call, PHONE, Stage, json};

fn number(n: usize) -> String {
    format!("+1202556{n:04}")
}

async fn start(stage: &Stage, user: &str, number: &str, ip: &str) -> Answer {
    stage.ask(stage.me(user, "POST", "verifications").at_address(ip).json(&json!({"phoneNumber": number}))).await
}

fn address(n: usize) -> String {
    format!("203.0.113.{n}")
}

/// `admitted` were, all others were refused, and no more texts were sent than that.
fn assert_admitted(stage: &Stage, answers: &[Answer], admitted: usize) {
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), admitted);
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(refused.problem(), "too-many-codes");
        assert!(refused.header("retry-after").parse::<i64>().is_ok_and(|seconds| seconds > 0));
    }
    assert_eq!(stage.jobs(), admitted);
}

#[tokio::test]
async fn thirty_seconds_lie_between_two_texts() {
    let stage = Stage::set().await;
    assert_eq!(start(&stage, "u", PHONE, "203.0.113.1").await.status, 202);
    stage.later(29);
    let early = start(&stage, "u", PHONE, "203.0.113.1").await;
    assert_eq!((early.problem(), early.header("retry-after")), ("too-many-codes", "1"));
    stage.later(1);
    assert_eq!(start(&stage, "u", PHONE, "203.0.113.1").await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_texts_at_once_to_one_phone_one_is_sent() {
    let stage = Stage::set().await;
    let answers = join_all((0..50).map(|_| start(&stage, "u", PHONE, "203.0.113.1"))).await;
    assert_admitted(&stage, &answers, 1);
}

#[tokio::test]
async fn a_number_gets_five_codes_an_hour() {
    let stage = Stage::set().await;
    for n in 0..5 {
        assert_eq!(start(&stage, &format!("u{n}"), PHONE, &address(n)).await.status, 202);
        stage.later(60);
    }
    let beyond = start(&stage, "u9", PHONE, &address(9)).await;
    assert_eq!((beyond.problem(), beyond.header("retry-after")), ("too-many-codes", "3300"));
    stage.later(3300);
    assert_eq!(start(&stage, "u9", PHONE, &address(9)).await.status, 202, "the window slides");
    assert_eq!(start(&stage, "u8", PHONE, &address(9)).await.problem(), "too-many-codes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_gets_five_codes_an_hour_from_two_hundred_people_at_once() {
    let stage = Stage::set().await;
    let people = (0..200).map(|n| (format!("u{n}"), address(n))).collect::<Vec<_>>();
    let answers = join_all(people.iter().map(|(user, ip)| start(&stage, user, PHONE, ip))).await;
    assert_admitted(&stage, &answers, 5);
}

#[tokio::test]
async fn a_number_gets_ten_codes_a_day() {
    let stage = Stage::set().await;
    for n in 0..10 {
        assert_eq!(start(&stage, &format!("u{n}"), PHONE, &address(n)).await.status, 202);
        stage.later(3600);
    }
    assert_eq!(start(&stage, "u10", PHONE, &address(10)).await.header("retry-after"), (14 * 3600).to_string());
    stage.later(14 * 3600);
    assert_eq!(start(&stage, "u10", PHONE, &address(10)).await.status, 202);
}

#[tokio::test]
async fn a_person_gets_ten_codes_a_day() {
    let stage = Stage::set().await;
    for n in 0..10 {
        assert_eq!(start(&stage, "u", &number(n), &address(n)).await.status, 202);
    }
    assert_eq!(start(&stage, "u", &number(10), &address(10)).await.problem(), "too-many-codes");
    stage.later(24 * 3600);
    assert_eq!(start(&stage, "u", &number(10), &address(10)).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_ten_codes_a_day_of_forty_at_once() {
    let stage = Stage::set().await;
    let calls = (0..40).map(|n| (number(n), address(n))).collect::<Vec<_>>();
    let answers = join_all(calls.iter().map(|(number, ip)| start(&stage, "u", number, ip))).await;
    assert_admitted(&stage, &answers, 10);
}

#[tokio::test]
async fn an_address_gets_twenty_codes_an_hour() {
    let stage = Stage::set().await;
    for n in 0..20 {
        assert_eq!(start(&stage, &format!("u{n}"), &number(n), "203.0.113.1").await.status, 202);
    }
    assert_eq!(start(&stage, "u20", &number(20), "203.0.113.1").await.problem(), "too-many-codes");
    assert_eq!(start(&stage, "u20", &number(20), "203.0.113.2").await.status, 202);
    stage.later(3600);
    assert_eq!(start(&stage, "u21", &number(21), "203.0.113.1").await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_twenty_codes_an_hour_of_sixty_at_once() {
    let stage = Stage::set().await;
    let calls = (0..60).map(|n| (format!("u{n}"), number(n))).collect::<Vec<_>>();
    let answers = join_all(calls.iter().map(|(user, number)| start(&stage, user, number, "203.0.113.1"))).await;
    assert_admitted(&stage, &answers, 20);
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_network_are_one() {
    let stage = Stage::set().await;
    for n in 0..20 {
        assert_eq!(start(&stage, &format!("u{n}"), &number(n), &format!("2001:db8:1:2::{n}")).await.status, 202);
    }
    assert_eq!(start(&stage, "u20", &number(20), "2001:db8:1:2:ffff::1").await.problem(), "too-many-codes");
    assert_eq!(start(&stage, "u20", &number(20), "2001:db8:1:3::1").await.status, 202);
}

#[tokio::test]
async fn a_backend_is_limited_by_the_address_it_names_and_not_by_its_own() {
    let stage = Stage::set().await;
    let call = |n: usize, body| Call::signed("POST", &format!("/v1/users/u{n}/verifications")).json(&body);
    for n in 0..20 {
        let body = json!({"phoneNumber": number(n), "origin": {"ip": "203.0.113.1"}});
        assert_eq!(stage.ask(call(n, body)).await.status, 202);
    }
    let body = json!({"phoneNumber": number(20), "origin": {"ip": "203.0.113.1"}});
    assert_eq!(stage.ask(call(20, body)).await.problem(), "too-many-codes");
    assert_eq!(stage.ask(call(20, json!({"phoneNumber": number(20)}))).await.status, 202);
}

#[tokio::test]
async fn everybody_together_gets_what_the_breaker_allows() {
    let stage = Stage::with_codes_per_hour(3).await;
    for n in 0..3 {
        assert_eq!(start(&stage, &format!("u{n}"), &number(n), &address(n)).await.status, 202);
    }
    stage.later(1800);
    assert_eq!(start(&stage, "u4", &number(4), &address(4)).await.header("retry-after"), "1800");
    stage.later(1800);
    assert_eq!(start(&stage, "u4", &number(4), &address(4)).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_together_gets_what_the_breaker_allows_also_at_once() {
    let stage = Stage::with_codes_per_hour(7).await;
    let calls = (0..50).map(|n| (format!("u{n}"), number(n), address(n))).collect::<Vec<_>>();
    let answers = join_all(calls.iter().map(|(user, number, ip)| start(&stage, user, number, ip))).await;
    assert_admitted(&stage, &answers, 7);
}

#[tokio::test]
async fn who_is_limited_takes_nothing_from_anybody() {
    let stage = Stage::with_codes_per_hour(2).await;
    for _ in 0..10 {
        start(&stage, "u", PHONE, "203.0.113.1").await;
    }
    assert_eq!(start(&stage, "v", &number(1), "203.0.113.1").await.status, 202);
    let tallies = stage.rows("LimitsTable").await;
    let user = tallies.iter().find(|row| row["limit_id"] == "user/u").expect("a row");
    assert_eq!(user["times"].as_array().map(Vec::len), Some(1), "what is refused is not counted");
}
