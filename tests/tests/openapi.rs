//! The running api against its own description: schemathesis makes requests of every kind from `/openapi.json`, and looks whether each answer is one that is promised.

use std::path::Path;

use anyhow::Context;
use futures::future::try_join_all;
use journeys::stack::Stack;
use serde_json::Value;
use tokio::process::Command;

/// The same every time, so that what fails here fails again; `SEED` chooses others.
const SEED: &str = "2026";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Which operations go together.
const QUARTERS: [(&str, &[&str]); 4] = [
    ("people-settings", &["--include-path-regex=^/v1/me/(preferences|opt-in)"]),
    ("people-rest", &["--include-path-regex=^/v1/me/", "--exclude-path-regex=/(preferences|opt-in)$"]),
    ("backends-settings", &["--exclude-path-regex=^/v1/me/", "--include-path-regex=/(preferences|opt-in)$"]),
    ("backends-rest", &["--exclude-path-regex=^/v1/me/|/(preferences|opt-in)$"]),
];

/// What one run of schemathesis comes to.
struct Run {
    cases: u64,
    operations: u64,
}

#[tokio::test]
async fn every_answer_is_one_that_the_document_promises() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    // Side by side, in processes of their own: its threads get into each other's way.
    let runs = try_join_all(QUARTERS.map(|(name, which)| hold(&stack, name, which))).await?;
    let (cases, operations) = runs.iter().fold((0, 0), |sum, run| (sum.0 + run.cases, sum.1 + run.operations));
    eprintln!("{cases} requests to {operations} operations, each answered as promised");
    let document: Value = stack.http.get(format!("{}/openapi.json", stack.output("ApiUrl"))).send().await?.json().await?;
    let paths = document["paths"].as_object().context("paths")?;
    let promised = paths.values().filter_map(Value::as_object).flatten().filter(|(name, _)| METHODS.contains(&name.as_str())).count();
    assert_eq!(operations, promised as u64, "every operation was tried");
    assert!(cases >= 2000, "only {cases} requests");
    Ok(())
}

/// Holds some of the operations against the document.
async fn hold(stack: &Stack, name: &str, which: &[&str]) -> anyhow::Result<Run> {
    let api = stack.output("ApiUrl");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = here.join("../.venv/openapi/bin/schemathesis");
    let folder = stack.logs.join("schemathesis").join(name);
    std::fs::create_dir_all(&folder)?;
    let run = Command::new(program.canonicalize().context("schemathesis is missing: `make test` installs it")?)
        .arg("--config-file")
        .arg(here.join("openapi/schemathesis.toml"))
        .args(["run", &format!("{api}/openapi.json"), "--url", api])
        .args(which)
        .args(["--seed", &std::env::var("SEED").unwrap_or_else(|_| SEED.to_owned()), "--no-color"])
        .args(["--report", "json", "--report-json-path", "report.json"])
        .current_dir(&folder)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", here.join("openapi"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("API_URL", api)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&run.stdout);
    anyhow::ensure!(run.status.success(), "schemathesis found something:\n{said}\n{}", String::from_utf8_lossy(&run.stderr));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("report.json"))?)?;
    let count = |path: &str| report.pointer(path).and_then(Value::as_u64).with_context(|| format!("a report without {path}"));
    anyhow::ensure!(count("/operations/tested")? == count("/operations/selected")?, "not every operation was tried:\n{said}");
    Ok(Run { cases: count("/test_cases/generated")?, operations: count("/operations/tested")? })
}
