//! Journeys through the HTTP API of the deployed stack: who may call it, and a number's way from a code to being verified.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use journeys::{
    api::{Answer, Caller},
    stack::{Published, Stack, eventually, user},
};
use serde_json::{Value, json};
use sms::{
    gates::{Gate, Verdict},
    message::Status,
    stores::Verifications,
    verification::Verification,
};
use uuid::Uuid;

/// How many guesses are under way at a time. The emulator starts a process of the function for each, and one machine has to bear them all within the function's time-out;
/// two hundred at once are tried on the api by itself.
const PROCESSES: usize = 25;

/// Numbers that no other journey texts.
fn phone(n: u32) -> String {
    format!("+1312557{n:04}")
}

/// Somebody nobody has heard of, and their name.
async fn stranger(stack: &Stack) -> anyhow::Result<(Caller, String)> {
    let name = format!("api-{}", Uuid::new_v4());
    Ok((Caller::backend(stack).person(&name).await?, name))
}

async fn start(person: &Caller, phone: &str) -> anyhow::Result<Value> {
    let started = person.post("/v1/me/verifications", &json!({"phoneNumber": phone})).await?;
    anyhow::ensure!(started.status == 202, "{started:?}");
    Ok(started.body["verificationId"].clone())
}

async fn give(person: &Caller, id: &Value, code: &str) -> anyhow::Result<Answer> {
    person.post("/v1/me/verifications/check", &json!({"verificationId": id, "code": code})).await
}

/// The code on the phone, once it is there.
async fn code_on(stack: &Stack, phone: &str) -> anyhow::Result<String> {
    eventually("a code on the phone", async || {
        let text = stack.received(phone).await?.pop().unwrap_or_default();
        Ok(text.split("code is: ").nth(1).and_then(|rest| rest.get(..6)).map(str::to_owned))
    })
    .await
}

fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000)
}

async fn row(stack: &Stack, id: &Value) -> anyhow::Result<Verification> {
    let verifications = Verifications::new(stack.dynamodb.clone(), stack.output("VerificationsTable").to_owned());
    Ok(verifications.get(id.as_str().expect("an id").parse()?).await?.expect("a row"))
}

/// What AWS heard of each text to the phone.
async fn feedback(stack: &Stack, phone: &str) -> anyhow::Result<Vec<Value>> {
    Ok(stack.conversation(phone).await?.into_iter().map(|text| text["feedback"].clone()).collect())
}

#[tokio::test]
async fn backend_calls_have_to_be_signed() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let backend = Caller::backend(&stack);
    let signed = backend.get("/v1/users/ada/preferences").await?;
    assert_eq!((signed.status, &signed.body["phoneVerified"]), (200, &true.into()), "{signed:?}");
    let ada = backend.person("ada").await?;
    assert_eq!(ada.get("/v1/me/preferences").await?.body["phoneVerified"], true);
    // A forged signature is API Gateway's to refuse: the emulator looks at none on the way to an HTTP API.
    for path in ["/v1/users/ada/preferences", "/v1/users/nobody/preferences", "/v1/messages/00000000-0000-0000-0000-000000000000"] {
        for (who, caller) in [("nobody", &Caller::nobody(&stack)), ("a person", &ada)] {
            let answer = caller.get(path).await?;
            assert_eq!(answer.status, 403, "{who} at {path}: {answer:?}");
        }
    }
    for caller in [&Caller::nobody(&stack), &ada] {
        let token = caller.post("/v1/users/ada/tokens", &json!({})).await?;
        assert_eq!(token.status, 403, "{token:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_a_good_token_nobody_learns_anything_about_anybody() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let backend = Caller::backend(&stack);
    let mut answers = BTreeMap::<&str, Vec<(u16, Value)>>::new();
    for known in ["ada", "nobody-at-all"] {
        let good = backend.token(known, &json!({})).await?;
        let ended = backend.token(known, &json!({"expiresIn": 1})).await?;
        let forged = sms::token::TokenKeys::new(&json!({"current": "f".repeat(64), "previous": ""}).to_string())?;
        let foreign =
            forged.sign(&sms::token::Claims { user_id: user(known), scope: sms::token::Scope::Manage, expires_at: jiff::Timestamp::MAX.as_second() });
        eventually("a token to end", async || Ok((Caller::with_token(&stack, &ended).get("/v1/me/preferences").await?.status == 401).then_some(())))
            .await?;
        let tampered = format!("{}A{}", &good[..20], &good[20..]);
        for (what, token) in [("ended", &ended), ("foreign", &foreign), ("tampered", &tampered), ("empty", &String::new())] {
            let answer = Caller::with_token(&stack, token).get("/v1/me/preferences").await?;
            answers.entry(what).or_default().push((answer.status, answer.body));
        }
        let none = Caller::nobody(&stack).get("/v1/me/preferences").await?;
        answers.entry("none").or_default().push((none.status, none.body));
    }
    for (what, answers) in answers {
        assert_eq!(answers[0].0, 401, "{what}: {answers:?}");
        assert_eq!(answers[0], answers[1], "{what}: the same for somebody we know and for nobody");
    }
    Ok(())
}

#[tokio::test]
async fn a_number_is_proven_by_the_code_on_its_phone_once_and_aws_hears_of_it() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (person, _) = stranger(&stack).await?;
    let id = start(&person, &phone(1)).await?;
    let code = code_on(&stack, &phone(1)).await?;
    let bad = give(&person, &id, &wrong(&code)).await?;
    assert_eq!((bad.status, bad.problem(), &bad.body["attemptsLeft"]), (422, "wrong-code", &json!(4)));
    let good = give(&person, &id, &code).await?;
    assert_eq!((good.status, good.body), (200, json!({"phoneVerified": true})));
    let preferences = person.get("/v1/me/preferences").await?;
    assert_eq!((&preferences.body["phoneVerified"], &preferences.body["smsEnabled"]), (&json!(true), &json!(false)));
    let again = give(&person, &id, &code).await?;
    assert_eq!((again.status, again.problem()), (410, "code-used"));
    assert_eq!(feedback(&stack, &phone(1)).await?, ["RECEIVED"]);
    assert!(!row(&stack, &id).await?.untold);
    Ok(())
}

#[tokio::test]
async fn of_two_hundred_guesses_side_by_side_five_are_counted_and_the_right_code_comes_too_late() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (person, _) = stranger(&stack).await?;
    let id = start(&person, &phone(2)).await?;
    let code = code_on(&stack, &phone(2)).await?;
    let bad = wrong(&code);
    let mut count = BTreeMap::<String, usize>::new();
    let mut answers = stream::iter((0..200).map(|_| give(&person, &id, &bad))).buffer_unordered(PROCESSES);
    while let Some(answer) = answers.try_next().await? {
        *count.entry(format!("{} {}", answer.status, answer.problem())).or_default() += 1;
    }
    let (compared, locked) = (count.get("422 wrong-code").copied().unwrap_or_default(), count.get("429 code-locked").copied().unwrap_or_default());
    // Should DynamoDB's answer come too late, the SDK asks again: then a guess is counted and not compared, never the other way round.
    assert!((1..=5).contains(&compared) && compared + locked == 200, "{count:?}");
    let late = give(&person, &id, &code).await?;
    assert_eq!((late.status, late.problem()), (429, "code-locked"));
    assert!(late.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds <= 600), "{late:?}");
    assert_eq!(row(&stack, &id).await?.attempts, 5);
    assert_eq!(feedback(&stack, &phone(2)).await?, ["FAILED"]);
    assert_eq!(person.get("/v1/me/preferences").await?.body["phoneVerified"], false);
    Ok(())
}

#[tokio::test]
async fn a_code_proves_its_own_number_for_its_own_person_in_its_own_time() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let ((person, name), (other, _)) = (stranger(&stack).await?, stranger(&stack).await?);
    let (first, second) = (start(&person, &phone(3)).await?, start(&person, &phone(4)).await?);
    let (code, others) = (code_on(&stack, &phone(3)).await?, code_on(&stack, &phone(4)).await?);
    // One time in a million they are the same.
    if code != others {
        assert_eq!(give(&person, &second, &code).await?.problem(), "wrong-code", "a code for one number proves no other");
    }
    let theirs = give(&other, &first, &code).await?;
    let nobodys = give(&other, &json!(Uuid::new_v4()), &code).await?;
    assert_eq!((theirs.status, &theirs.body), (404, &nobodys.body), "somebody else's verification is as unknown as none");

    let ended = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1);
    let update = stack.dynamodb.update_item().table_name(stack.output("VerificationsTable"));
    let update = update.key("verification_id", AttributeValue::S(first.as_str().expect("an id").to_owned()));
    let ended = AttributeValue::S(sms::moment::text(ended));
    update.update_expression("SET valid_until = :ended").expression_attribute_values(":ended", ended).send().await?;
    let late = give(&person, &first, &code).await?;
    assert_eq!((late.status, late.problem()), (410, "code-expired"));
    assert_eq!(stack.recipients().get(&user(&name)).await?, None, "none of it was noted of the person");
    Ok(())
}

#[tokio::test]
async fn a_number_gets_five_codes_an_hour_by_requests_and_events_together() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let number = phone(5);
    let events = (0..6).map(|n| Ok(Published::sample("phone_verification", &format!("api-event-{n}"))?.with("phone", number.clone())));
    let events = events.collect::<anyhow::Result<Vec<_>>>()?;
    let backend = Caller::backend(&stack);
    let asked = json!({"phoneNumber": number});
    let requests = join_all((0..6).map(|n| {
        let path = format!("/v1/users/api-request-{n}/verifications");
        let (backend, asked) = (&backend, &asked);
        async move { backend.post(&path, asked).await }
    }));
    let (answers, published) = futures::future::join(requests, stack.publish(&events)).await;
    published?;
    let mut granted = 0;
    for answer in answers {
        let answer = answer?;
        granted += usize::from(answer.status == 202);
        assert!(matches!(answer.status, 202 | 429), "{answer:?}");
    }
    for event in &events {
        let row = stack.settled(event).await?;
        let refused = row.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| step.gate);
        match row.status {
            Status::Suppressed => assert_eq!(refused, Some(Gate::CarrierHourlyCap)),
            _ => granted += 1,
        }
    }
    assert_eq!(granted, 5);
    eventually("five texts", async || Ok((stack.received(&number).await?.len() == 5).then_some(()))).await?;
    let beyond = backend.post("/v1/users/api-request-beyond/verifications", &asked).await?;
    assert_eq!((beyond.status, beyond.problem()), (429, "too-many-codes"));
    Ok(())
}

#[tokio::test]
async fn what_is_explained_happens_and_what_it_cost_is_in_the_months_costs() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let backend = Caller::backend(&stack);
    stack.person("explained", &phone(90)).await?;
    let code = Published::sample("phone_verification", "explained")?.with("phone", phone(91));
    let events = [
        Published::sample("achievement_unlock", "explained")?,
        code,
        Published::sample("battle_invitation", "ben")?,
        Published::sample("direct_message", "explained")?.with("recipient_last_seen_at", jiff::Timestamp::now().to_string()),
    ];
    let costs = async || {
        let answer = backend.get("/v1/costs").await?;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        let unlocks = &answer.body["byType"]["achievement_unlock"];
        Ok((unlocks["sent"].as_i64().unwrap_or_default(), unlocks["settled"].as_i64().unwrap_or_default()))
    };
    let before = costs().await?;
    for event in &events {
        let said = backend.post("/v1/explain", &event.event).await?;
        assert_eq!(said.status, 200, "{said:?}");
        stack.publish(std::slice::from_ref(event)).await?;
        let row = stack.row_when(event, |_| true).await?;
        let gates = row.gates.iter().map(|step| json!({"gate": step.gate, "verdict": step.verdict, "detail": step.detail})).collect::<Vec<_>>();
        assert_eq!((&said.body["status"], &said.body["gates"]), (&json!(row.changes[0].status), &json!(gates)));
        assert_eq!(stack.settled(event).await?.status, if said.body["status"] == "pending" { Status::Delivered } else { Status::Suppressed });
    }
    let unlock = stack.row_when(&events[0], |row| row.settled.is_some()).await?;
    let price = unlock.settled.expect("a price").0;
    let after = costs().await?;
    assert!(after.0 > before.0 && after.1 >= before.1 + price, "{before:?} {after:?} {price}");
    Ok(())
}
