//! `make bench`: the functions' release binaries, and the usual way of writing them, through one Lambda runtime API and against one cloud.
//!
//! Everything is measured in turn, A B A B, in one run; what is compared are ratios. Writes one JSON file, of which `report.py` makes the table and the charts.

mod calls;
mod check;
mod cold;
mod contestant;
mod growth;
mod pipeline;
mod process;
mod rate;
mod warm;

use std::{io::Write, path::PathBuf};

use contestant::Contestant;
use lexopt::prelude::{Long, Short, ValueExt};
use serde_json::Map;

/// How thorough to be.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Starts of each contestant.
    pub starts: usize,
    /// Batches of each size.
    pub batches: usize,
    /// Rows of the large tables.
    pub rows: usize,
    /// Seconds of sending at each rate.
    pub seconds: u64,
    /// The same at a few parts a second, of which one more or less has to be seen as what it is.
    pub slow_seconds: u64,
}

const THOROUGH: Effort = Effort { starts: 25, batches: 60, rows: 1_000_000, seconds: 12, slow_seconds: 60 };
const QUICK: Effort = Effort { starts: 5, batches: 10, rows: 10_000, seconds: 4, slow_seconds: 4 };

const HELP: &str = "bench --binaries=FOLDER [--sender=FILE] [--python=FILE] [--quick] [--only=cold,warm,calls,growth,rate] --output=FILE
  --binaries  where the functions' bootstraps are, by function
  --sender    another binary in the place of the sender's, such as a slow one: the table must show it
  --python    the interpreter of the baseline's environment; without it there is no baseline
  --quick     fewer rounds: to see that it works, not to believe in";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let mut words = lexopt::Parser::from_env();
    let (mut binaries, mut sender, mut python, mut output) = (PathBuf::from("target/deploy"), None, None, PathBuf::from("results.json"));
    let (mut effort, mut only) = (THOROUGH, String::from("cold,warm,calls,growth,rate"));
    while let Some(word) = words.next()? {
        match word {
            Long("binaries") => binaries = words.value()?.into(),
            Long("sender") => sender = Some(PathBuf::from(words.value()?)),
            Long("python") => python = Some(PathBuf::from(words.value()?)),
            Long("output") => output = words.value()?.into(),
            Long("only") => only = words.value()?.string()?,
            Long("quick") => effort = QUICK,
            Long("help") | Short('h') => {
                say(HELP);
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let rust = Contestant::rust(&binaries, sender);
    let contestants = std::iter::once(rust.clone()).chain(python.map(Contestant::python)).collect::<Vec<_>>();
    for contestant in &contestants {
        say(&format!("{}: does it do its job?", contestant.name));
        check::behaves(contestant).await?;
    }
    let mut results = Map::new();
    for part in only.split(',') {
        say(&format!("== {part}"));
        let measured = match part {
            "cold" => cold::measure(&contestants, &binaries, effort).await?,
            "warm" => warm::measure(&contestants, effort).await?,
            "calls" => calls::measure(&contestants).await?,
            "growth" => growth::measure(&rust, effort).await?,
            "rate" => rate::measure(&rust, effort).await?,
            other => anyhow::bail!("there is nothing called {other:?} to measure: bench --help"),
        };
        results.insert(part.to_owned(), measured);
    }
    std::fs::write(&output, serde_json::to_string_pretty(&results)?)?;
    Ok(())
}

/// Says on standard error what is being done.
pub fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
