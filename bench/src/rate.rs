//! How much of its allowance the sender uses, by the number of its processes.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use journeys::rig::function::Function;
use serde_json::{Value, json};
use simulator::Faults;

use crate::{
    Effort,
    contestant::Contestant,
    pipeline::{Pipeline, gentle, take},
    process::answer,
};

/// Jobs in a batch, as the template has it.
const BATCH: usize = 5;
const PROCESSES: [usize; 4] = [1, 2, 4, 8];
/// Parts a second of a toll-free number.
const SLOW: u32 = 3;
/// Parts a second; none for as fast as it goes.
const RATES: [Option<u32>; 3] = [Some(SLOW), Some(100), None];

/// Every rate with every number of processes.
pub async fn measure(rust: &Contestant, effort: Effort) -> anyhow::Result<Value> {
    let mut results = Vec::new();
    for rate in RATES {
        let seconds = if rate == Some(SLOW) { effort.slow_seconds } else { effort.seconds };
        for processes in PROCESSES {
            // People of their own, for nobody is to reach a cap.
            let mut pipeline = Pipeline::new(rust, gentle()).await?;
            let measured = one(&mut pipeline, rate, processes, Duration::from_secs(seconds)).await?;
            crate::say(&format!("{rate:?} parts a second, {processes} processes: {measured}"));
            results.push(measured);
        }
    }
    Ok(Value::Array(results))
}

async fn one(pipeline: &mut Pipeline, rate: Option<u32>, processes: usize, time: Duration) -> anyhow::Result<Value> {
    let wanted = rate.map_or(600, |rate| usize::try_from(rate).unwrap_or(usize::MAX)) * usize::try_from(time.as_secs() + 2)?;
    // And a batch more for each process to hold.
    for _ in 0..(wanted + 2 * BATCH * processes).div_ceil(10) {
        pipeline.produce(10).await?;
    }
    let simulator = &pipeline.world.cloud.provider.simulator;
    simulator.set_faults(Faults { parts_per_second: rate, receipt_delay_ms: 0, ..Faults::default() });
    let allowed = rate.unwrap_or(1_000_000).to_string();
    let settings = [("PARTS_PER_SECOND", allowed.clone()), ("REQUESTS_PER_SECOND", allowed)];
    let mut senders = Vec::new();
    for _ in 0..processes {
        let mut sender = pipeline.another_sender(&settings).await?;
        sender.ready().await?;
        senders.push(sender);
    }
    let before = simulator.stats();
    let began = Instant::now();
    try_join_all(senders.iter_mut().map(|sender| drain(pipeline, sender, began + time))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let after = simulator.stats();
    let throttled = after.rejected.get("ThrottlingException").unwrap_or(&0) - before.rejected.get("ThrottlingException").unwrap_or(&0);
    anyhow::ensure!(!pipeline.world.cloud.sqs.all("BulkQueue").is_empty(), "there were too few jobs to find out how fast it goes");
    let (accepted, calls) = (after.accepted - before.accepted, after.calls - before.calls);
    Ok(json!({"parts_per_second": rate, "processes": processes, "seconds": seconds, "accepted": accepted, "throttled": throttled, "calls": calls}))
}

/// Gives a process batch after batch, as Lambda's poller does, until the time is up.
async fn drain(pipeline: &Pipeline, sender: &mut Function, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        let jobs = take(&pipeline.world, "BulkQueue", BATCH);
        if jobs.is_empty() {
            // What waits is a job with a delay.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        answer(sender, json!({"Records": jobs})).await?;
    }
    Ok(())
}
