//! What the whole run left in logs: no number, no body, no code. Runs after the journeys, which gave it something to look for.

use std::collections::BTreeSet;

use anyhow::Context;
use journeys::stack::Stack;
use serde_json::Value;

const FUNCTIONS: [&str; 6] = ["producer", "sender", "receipts", "inbound", "api", "reconciler"];

/// What no log may have.
#[derive(Default)]
struct Secrets {
    numbers: BTreeSet<String>,
    lines: BTreeSet<String>,
    codes: BTreeSet<String>,
}

/// Everything that the phones show: numbers, codes, and the lines of every text both ways.
async fn secrets(stack: &Stack) -> anyhow::Result<Secrets> {
    let phones: Vec<Value> = stack.http.get(format!("{}/phones", stack.console)).send().await?.json().await?;
    let mut secrets = Secrets::default();
    for number in phones.iter().filter_map(|phone| phone["phone"].as_str()) {
        secrets.numbers.insert(number.to_owned());
        for text in stack.conversation(number).await? {
            let body = text["body"].as_str().unwrap_or_default();
            // A word such as STOP is in the names of our own rules.
            secrets.lines.extend(body.lines().filter(|line| line.len() > 12).map(str::to_owned));
            secrets.codes.extend(body.split("code is: ").nth(1).and_then(|rest| rest.get(..6)).map(str::to_owned));
        }
    }
    Ok(secrets)
}

/// Whether `log` has `code` as a word: six digits within an instant or an id are chance.
fn has_word(log: &str, code: &str) -> bool {
    let outside = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
    log.match_indices(code).any(|(at, _)| outside(log[..at].chars().next_back()) && outside(log[at + code.len()..].chars().next()))
}

/// The log of every function, from the log groups that the template gives them; and the files of the stack.
async fn logs(stack: &Stack) -> anyhow::Result<Vec<(String, String)>> {
    let mut logs = Vec::new();
    for function in FUNCTIONS {
        let group = format!("/aws/lambda/allthrive-sms-{function}");
        logs.push((group.clone(), stack.log_group(&group).await?));
    }
    for file in std::fs::read_dir(&stack.logs)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            logs.push((path.display().to_string(), text));
        }
    }
    Ok(logs)
}

#[tokio::test]
async fn no_log_has_a_number_a_body_or_a_code() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let Secrets { numbers, lines, codes } = secrets(&stack).await?;
    let enough = numbers.len() > 20 && lines.len() > 20 && !codes.is_empty();
    assert!(enough, "the journeys left too little to look for: {} numbers, {} lines, {} codes", numbers.len(), lines.len(), codes.len());
    let logs = logs(&stack).await?;
    for function in FUNCTIONS {
        let (_, log) = logs.iter().find(|(name, _)| name.ends_with(function)).context("a log")?;
        assert!(log.contains("\"level\":\"INFO\""), "{function} logged nothing: is this its log?");
    }
    let mut found = Vec::new();
    for (name, log) in &logs {
        // Digits without their plus sign would give the number away as well.
        found
            .extend(numbers.iter().filter(|number| log.contains(&number[2..])).map(|number| format!("{name}: a number ending in {}", &number[10..])));
        found.extend(lines.iter().filter(|line| log.contains(line.as_str())).map(|line| format!("{name}: {} characters of a body", line.len())));
        found.extend(codes.iter().filter(|code| has_word(log, code)).map(|_| format!("{name}: a code")));
    }
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}
