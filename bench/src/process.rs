//! What Linux says of a process.

use std::time::Duration;

use anyhow::Context;
use journeys::rig::function::{Function, Outcome};
use serde_json::Value;

/// How long a function may take.
pub const TIME_OUT: Duration = Duration::from_secs(30);

/// How long a process was on a processor so far, all its threads together: `/proc/<id>/task/*/schedstat`, to the nanosecond.
pub fn cpu(process: &Function) -> anyhow::Result<Duration> {
    let id = process.process().context("the process is gone")?;
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
        let said = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += said.split_whitespace().next().context("no schedstat")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory that a process had at once, in bytes: `VmHWM` of `/proc/<id>/status`.
pub fn peak_memory(process: &Function) -> anyhow::Result<u64> {
    let id = process.process().context("the process is gone")?;
    let said = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = said.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

/// Invokes it, and answers with what it answered.
pub async fn answer(process: &mut Function, event: Value) -> anyhow::Result<Value> {
    match process.invoke(event).await? {
        Outcome::Answer(answer) => Ok(answer),
        other => anyhow::bail!("{other:?}, and it said: {}", process.log()),
    }
}

/// Milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
