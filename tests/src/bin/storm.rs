//! `make storm`: many texts at once, while everything that can break does.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use journeys::rig::storm::{Progress, Report, storm};
use lexopt::prelude::{Long, Short, ValueExt};

/// Characters of a full progress bar.
const BAR: usize = 40;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = lexopt::Parser::from_env();
    let (mut seed, mut messages) = (SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos().into(), 10_000);
    while let Some(word) = words.next()? {
        match word {
            Long("seed") => seed = words.value()?.parse::<u64>().context("--seed")?,
            Long("messages") => messages = words.value()?.parse::<usize>().context("--messages")?.max(1),
            Long("help") | Short('h') => {
                println!("storm [--seed=N] [--messages=10000]: sends messages while everything that can break does, and says what became of them.");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    println!("SEED={seed} repeats the schedule of this storm of {messages} messages");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/rig").join(format!("storm-{seed}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let report = storm(&folder, seed, messages, tell).await;
    drop(std::fs::remove_dir_all(&folder));
    let report = report?;
    print(&report);
    anyhow::ensure!(report.broken.is_empty(), "{} promises are broken: SEED={seed} repeats the schedule", report.broken.len());
    println!("nothing was sent twice that never may be, nothing is lost, no cap and no budget was passed");
    Ok(())
}

/// On a terminal one line that is written anew, elsewhere a line each time.
fn tell(progress: &Progress) {
    let Progress { published, of, sent, open } = progress;
    let done = BAR * open.map_or(*published, |open| of.saturating_sub(open)) / of;
    let open = open.map(|open| format!(", {open} still open")).unwrap_or_default();
    let line = format!("[{:<BAR$}] {published} of {of} published, {sent} texts sent{open}", "#".repeat(done));
    let mut out = std::io::stderr();
    drop(if out.is_terminal() { write!(out, "\r\x1b[K{line}") } else { writeln!(out, "{line}") });
}

fn print(report: &Report) {
    println!("\n| kind | status | messages |\n|---|---|---|");
    for ((kind, status), count) in &report.statuses {
        println!("| {kind} | {status} | {count} |");
    }
    println!("\n| fault | times |\n|---|---|");
    for (name, count) in &report.faults {
        println!("| {name} | {count} |");
    }
    let hours = report.lasted.as_hours();
    let Report { calls, sent, dead, worn_out, .. } = report;
    println!("\n{calls} calls to AWS, {sent} texts sent; on its own clock it lasted {hours} hours");
    println!("{dead} dead letters: {} say why, and whoever tried {worn_out} for the last time died or could not say so", dead - worn_out);
    for broken in &report.broken {
        println!("**BROKEN**: {broken}");
    }
}
