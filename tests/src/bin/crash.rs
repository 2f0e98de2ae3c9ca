//! `make crash`: kills every function at every call it makes, and prints what became of the texts.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use anyhow::Context;
use journeys::rig::crash::{Scenario, Target, crash};
use lexopt::prelude::{Long, Short, Value, ValueExt};

/// Worlds that live side by side.
const SIDE_BY_SIDE: usize = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = lexopt::Parser::from_env();
    let (mut wanted, mut every) = (Vec::new(), 1);
    while let Some(word) = words.next()? {
        match word {
            Long("every") => every = words.value()?.parse::<usize>().context("--every")?.max(1),
            Value(name) => wanted.push(scenario(&name.string()?)?),
            Long("help") | Short('h') => {
                println!(
                    "crash [--every=N] [scenario …]: kills every function at every call it makes, or at every Nth, in all scenarios or in these:"
                );
                for scenario in Scenario::ALL {
                    println!("    {}", scenario.name());
                }
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if wanted.is_empty() {
        wanted = Scenario::ALL.to_vec();
    }
    println!("| scenario | function | call | killed | texts sent | final status | verdict |\n|---|---|---|---|---|---|---|");
    let (mut deaths, mut survived, mut red, mut missed) = (0, 0, 0, Vec::new());
    crash(&wanted, every, SIDE_BY_SIDE, |cell| {
        let name = match &cell.target {
            None => format!("{} | nobody | – | –", cell.scenario.name()),
            Some(Target { function, call, nth, kill }) => format!("{} | {function} | {nth} {call} | {}", cell.scenario.name(), kill.name()),
        };
        let is_missed = cell.target.is_some() && !cell.struck;
        deaths += usize::from(cell.struck);
        survived += usize::from(cell.struck && cell.broken.is_empty());
        red += usize::from(!cell.broken.is_empty());
        let verdict = match &cell.broken[..] {
            [] if is_missed => "**MISSED**: the call was not made, twice".to_owned(),
            [] => "holds".to_owned(),
            broken => format!("**BROKEN**: {}", broken.join("; ")),
        };
        println!("| {name} | {} | {} | {verdict} |", cell.sent, cell.statuses);
        if is_missed {
            missed.push(name);
        }
    })
    .await?;
    println!("\n{deaths} deaths, {survived} of them survived, {} not reached", missed.len());
    anyhow::ensure!(red == 0, "{red} cells are red");
    anyhow::ensure!(missed.is_empty(), "nobody died at {missed:#?}");
    Ok(())
}

fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let found = Scenario::ALL.into_iter().find(|scenario| scenario.name() == name);
    found.ok_or_else(|| anyhow::anyhow!("there is no scenario {name:?}: `crash --help` lists them"))
}
