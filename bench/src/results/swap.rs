//! A thousand swaps of a bundle while decisions are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use cpu_time::ThreadTime;
use hdrhistogram::Histogram;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::bundle;
use crate::figures::{grouped, time};
use crate::in_process::{InProcessHost, TEXT, input};
use crate::report::{Report, Section};

const SWAPS: usize = 1_000;
/// How many decisions are made concurrently.
const AT_ONCE: usize = 8;

/// Makes decisions until it is told to stop; returns how long they took, and how many failed.
async fn decide(host: Arc<InProcessHost>, stop: Arc<AtomicBool>, failed: Arc<AtomicU64>) -> Result<Histogram<u64>> {
    let mut took = Histogram::new(3)?;
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        if host.decide(input(&json!({ "text": TEXT }))?).await.is_err() {
            failed.fetch_add(1, Ordering::Relaxed);
        }
        took.record(u64::try_from(started.elapsed().as_micros())?)?;
    }
    Ok(took)
}

fn begin(host: &Arc<InProcessHost>) -> (JoinSet<Result<Histogram<u64>>>, Arc<AtomicBool>, Arc<AtomicU64>) {
    let (stop, failed, mut running) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), JoinSet::new());
    for _ in 0..AT_ONCE {
        running.spawn(decide(host.clone(), stop.clone(), failed.clone()));
    }
    (running, stop, failed)
}

async fn end(mut running: JoinSet<Result<Histogram<u64>>>, stop: &AtomicBool) -> Result<Histogram<u64>> {
    stop.store(true, Ordering::Relaxed);
    let mut all = Histogram::new(3)?;
    while let Some(ended) = running.join_next().await {
        all.add(ended??)?;
    }
    Ok(all)
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let host = Arc::new(InProcessHost::new().await?);
    let (one, other) = (TempDir::new()?, TempDir::new()?);
    bundle::chain(one.path())?;
    bundle::line(other.path(), 5)?;
    host.publish(one.path()).await?;

    // The same load without a swap, for as long as the swaps will take.
    let (running, stop, _) = begin(&host);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let quiet = end(running, &stop).await?;

    let (running, stop, failed) = begin(&host);
    let (mut loading, mut publishing) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    // The processor time of a publish, without its wait for a core.
    let mut computing = Histogram::<u64>::new(3)?;
    for swap in 0..SWAPS {
        let started = Instant::now();
        let generation = host.load(if swap % 2 == 0 { other.path() } else { one.path() }).await?;
        loading.record(u64::try_from(started.elapsed().as_micros())?)?;
        let (started, cpu) = (Instant::now(), ThreadTime::try_now()?);
        let replaced = host.executor.publish(generation).await?;
        computing.record(u64::try_from(cpu.elapsed().as_nanos())?)?;
        publishing.record(u64::try_from(started.elapsed().as_nanos())?)?;
        drop(replaced);
        // Some of the decisions on a generation run on into the next swap.
        tokio::task::yield_now().await;
    }
    let swapping = end(running, &stop).await?;
    let failed = failed.load(Ordering::Relaxed);
    let pause = publishing.max() as f64 / 1e3;

    let mut section = Section::new("Hot swap under load");
    section.say(&format!(
        "{} swaps between two bundles, each loaded from the cache of compiled components and published, while {AT_ONCE} \
         decisions are made at any time and recorded in memory.",
        grouped(SWAPS as f64)
    ));
    let row = |name: &str, took: &Histogram<u64>| {
        let quantile = |share: f64| time(took.value_at_quantile(share) as f64);
        let (count, max) = (grouped(took.len() as f64), time(took.max() as f64));
        vec![name.to_owned(), count, quantile(0.5), quantile(0.99), max]
    };
    section.table(
        &["", "count", "p50", "p99", "longest"],
        &[
            row("decisions without swaps", &quiet),
            row("decisions during swaps", &swapping),
            row("loading a bundle beside", &loading),
            vec![
                "publishing it".to_owned(),
                grouped(publishing.len() as f64),
                time(publishing.value_at_quantile(0.5) as f64 / 1e3),
                time(publishing.value_at_quantile(0.99) as f64 / 1e3),
                time(pause),
            ],
            vec![
                "the same without its waiting for a core".to_owned(),
                grouped(computing.len() as f64),
                time(computing.value_at_quantile(0.5) as f64 / 1e3),
                time(computing.value_at_quantile(0.99) as f64 / 1e3),
                time(computing.max() as f64 / 1e3),
            ],
        ],
    );
    report.add(section);
    report.keep("swap.computing", computing.max() as f64 / 1e3);
    report.keep("swap.publishing", publishing.value_at_quantile(0.5) as f64 / 1e3);
    report.budget(
        "hot swap under load",
        "0 failed decisions in 1,000 swaps",
        format!("{failed} of {}", grouped(swapping.len() as f64)),
        failed == 0,
    );
    report.budget("pause of a publish", "at most 1 ms", time(pause), pause <= 1_000.0);
    Ok(())
}
