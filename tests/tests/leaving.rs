//! Leaving, on the deployed stack with the real roles: a person is texted, texts back, is exported, erased, proven all the same, and comes back.

use std::path::PathBuf;

use anyhow::Context;
use journeys::{
    api::Caller,
    stack::{Published, Stack, eventually, user},
};
use serde_json::{Value, json};
use sms::{
    consent::{Action, verify},
    gates::{Gate, Verdict},
    message::Status,
    stores::Item,
};
use tokio::process::Command;

const USER: &str = "u45";
const PHONE: &str = "+13125560045";

/// What `make consent-proof` says and writes, and whether it is content.
async fn proof(person: &str) -> anyhow::Result<(String, String, bool)> {
    let here = env!("CARGO_MANIFEST_DIR");
    let page = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("journey-{person}.html"));
    let script = format!("{here}/../local/consent_proof.py");
    let mut command = Command::new(format!("{here}/../.venv/cloud/bin/python"));
    let output = command.args(["-B", &script, "--output"]).arg(&page).args(["--", person]).output().await?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let html = std::fs::read_to_string(&page).with_context(|| said.clone())?;
    Ok((html, said, output.status.success()))
}

/// A number is proven with the code that arrives on its phone after `seen` texts.
async fn prove(stack: &Stack, person: &Caller, seen: usize) -> anyhow::Result<()> {
    let started = person.post("/v1/me/verifications", &json!({"phoneNumber": PHONE})).await?;
    anyhow::ensure!(started.status == 202, "{started:?}");
    let code = eventually("a code", async || {
        let texts = stack.received(PHONE).await?;
        let code = texts.iter().skip(seen).find_map(|text| text.split("code is: ").nth(1)?.get(..6).map(str::to_owned));
        Ok(code)
    })
    .await?;
    let checked = person.post("/v1/me/verifications/check", &json!({"verificationId": started.body["verificationId"], "code": code})).await?;
    anyhow::ensure!(checked.status == 200, "{checked:?}");
    Ok(())
}

fn key(seq: u64) -> Item {
    use aws_sdk_dynamodb::types::AttributeValue;
    Item::from([("user_id".to_owned(), AttributeValue::S(USER.to_owned())), ("seq".to_owned(), AttributeValue::N(seq.to_string()))])
}

#[tokio::test]
async fn a_person_leaves_is_proven_and_comes_back() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let backend = Caller::backend(&stack);
    let person = backend.person(USER).await?;
    prove(&stack, &person, 0).await?;
    let invitation = Published::sample("battle_invitation", USER)?;
    stack.publish(std::slice::from_ref(&invitation)).await?;
    let sent = stack.settled(&invitation).await?;
    assert_eq!(sent.status, Status::Delivered);
    stack.reply(PHONE, "STOP BATTLES").await?;
    let path = format!("/v1/users/{USER}");
    let story = eventually("the reply in the story", async || {
        let story = backend.get(&format!("{path}/consent")).await?;
        assert_eq!(story.status, 200, "{story:?}");
        Ok(story.body["numbers"][0]["replies"][0]["obeyedAt"].is_string().then_some(story.body))
    })
    .await?;
    assert_eq!((&story["verified"], &story["numbers"][0]["phoneNumber"]), (&json!(true), &json!(PHONE)));
    assert_eq!(story["numbers"][0]["optOut"]["everythingSince"], Value::Null);
    assert!(story["numbers"][0]["optOut"]["categories"].as_array().is_some_and(|categories| !categories.is_empty()), "{story}");

    let export = backend.get(&format!("{path}/export")).await?;
    assert_eq!((export.status, &export.body["recipient"]["phone"], &export.body["nextCursor"]), (200, &json!(PHONE), &Value::Null));
    assert!(export.body["messages"].as_array().is_some_and(|messages| messages.len() >= 2) && !export.body.to_string().contains("nonce"));
    assert_eq!(person.get("/v1/me/export").await?.status, 404, "for backends only");
    let unsigned = Caller::nobody(&stack);
    assert_eq!([unsigned.delete(&path).await?.status, unsigned.get(&format!("{path}/export")).await?.status], [403, 403]);

    let (html, said, whole) = proof(USER).await?;
    assert!(whole && html.contains("The consent record is whole.") && html.contains("STOP BATTLES"), "{said}");
    assert!(html.contains(&sent.body.expect("words")[..30]) && html.contains(PHONE) && !said.contains(&PHONE[1..]), "{said}");

    for _ in 0..2 {
        assert_eq!(backend.delete(&path).await?.status, 204);
    }
    let row = stack.messages().get(invitation.message_id()).await?.context("the text")?;
    assert_eq!((row.status, row.price, row.user_id, row.phone, row.body), (Status::Delivered, sent.price, None, None, None));
    assert!(stack.opt_outs().get(&PHONE.parse()?).await?.is_some(), "the opt-out is the number's");
    let mark = stack.recipients().get(&user(USER)).await?.context("the mark")?;
    let entries = stack.ledger().of(&user(USER)).await?;
    assert_eq!(verify(&entries, mark.ledger.as_ref()), Ok(()));
    assert_eq!(entries.iter().map(|entry| entry.statement.action).collect::<Vec<_>>(), [Action::Given, Action::Revoked, Action::Erased]);
    let sealed = stack.dynamodb.get_item().table_name(stack.output("ConsentsTable")).set_key(Some(key(1))).send().await?.item;
    assert!(sealed.is_some_and(|entry| entry.contains_key("expires_at")), "sealed by the role's one narrow right");
    assert_eq!(backend.get(&format!("{path}/consent")).await?.body["entries"], json!([]));

    let late = Published::sample("battle_invitation", USER)?;
    stack.publish(std::slice::from_ref(&late)).await?;
    let late = stack.settled(&late).await?;
    let refused = late.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| step.gate);
    assert_eq!((late.status, refused, late.user_id), (Status::Suppressed, Some(Gate::Recipient), None));
    let (html, said, whole) = proof(USER).await?;
    assert!(whole && html.contains("everything about this person was erased") && html.contains(PHONE), "{said}");

    let off = backend.patch(&format!("{path}/preferences"), &json!({"smsEnabled": true})).await?;
    assert_eq!((off.status, off.problem()), (410, "erased"));
    prove(&stack, &person, stack.received(PHONE).await?.len()).await?;
    let back = stack.recipients().get(&user(USER)).await?.context("her row")?;
    assert_eq!((back.erased, back.standing_consent(), back.verified_phone().is_some()), (false, None, true));

    let table = stack.output("ConsentsTable");
    let forged = stack.dynamodb.update_item().table_name(table).set_key(Some(key(1))).update_expression("SET ip = :ip");
    forged.expression_attribute_values(":ip", aws_sdk_dynamodb::types::AttributeValue::S("203.0.113.99".into())).send().await?;
    let (html, said, whole) = proof(USER).await?;
    assert!(!whole && html.contains("THE CONSENT RECORD IS BROKEN.") && said.contains("Entry 1 was changed"), "{said}");
    Ok(())
}
