//! The embedded store as its history grows: puts and decisions each second, and its size.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use signalbox_model::decision_id;
use signalbox_sandbox::SandboxConfig;
use signalbox_store::{Backend, Config, DecisionRecord, Store};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::bundle;
use crate::cpu::cpu_time;
use crate::figures::{ROUNDS, grouped, in_micros, median, micros, rate, time};
use crate::in_process::{BUSINESS, InProcessHost, TEXT, input};
use crate::report::{Report, Section};

/// How many callers write concurrently.
const AT_ONCE: usize = 64;
const ROUND: Duration = Duration::from_secs(1);
const HISTORY: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

async fn open(file: &Path) -> Result<Store> {
    Ok(Store::open(Config::new(Backend::Embedded { path: Some(file.to_owned()) })).await?)
}

/// A store in a file, an executor on it, and one record to store again and again under new ids.
struct Bed {
    host: InProcessHost,
    record: DecisionRecord,
    held: AtomicUsize,
}

impl Bed {
    async fn new(file: &Path, bundle: &Path) -> Result<Arc<Self>> {
        let store = open(file).await?;
        let host = InProcessHost::with(store, SandboxConfig::default())?;
        host.publish(bundle).await?;
        let accepted = input(&json!({ "text": TEXT }))?;
        let id = decision_id(BUSINESS, &accepted.input.id);
        host.decide(accepted).await?;
        let record = host.store.decision(&id, BUSINESS).await?.context("a decision is read back")?;
        Ok(Arc::new(Self { host, record, held: AtomicUsize::new(1) }))
    }

    /// Stores the record under a new id and with the current time, like a decision that was just made.
    async fn put(&self) -> Result<()> {
        let mut record = self.record.clone();
        let input = format!("in_{}", ulid::Ulid::new());
        let id = decision_id(BUSINESS, &input);
        record.decision.id.clone_from(&id);
        record.output.id = id;
        record.output.input_id.clone_from(&input);
        record.decision.context.input.id = input;
        record.decision.created_at = jiff::Timestamp::now();
        self.host.store.commit_decision(&record).await?;
        Ok(())
    }

    async fn decide(&self) -> Result<()> {
        self.host.decide(input(&json!({ "text": TEXT }))?).await
    }

    /// Repeats one operation from many callers until `enough` is true; returns the operations per second, and the
    /// processor time of each.
    async fn by_many(
        self: &Arc<Self>,
        decide: bool,
        enough: impl Fn(&Self) -> bool + Copy + Send + 'static,
    ) -> Result<(f64, f64)> {
        let (cpu, started, mut running) = (cpu_time(), Instant::now(), JoinSet::new());
        for _ in 0..AT_ONCE {
            let bed = self.clone();
            running.spawn(async move {
                let mut count = 0_u64;
                while !enough(&bed) {
                    if decide {
                        bed.decide().await?
                    } else {
                        bed.put().await?
                    }
                    bed.held.fetch_add(1, Ordering::Relaxed);
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut total = 0;
        while let Some(count) = running.join_next().await {
            total += count??;
        }
        let total = total as f64;
        Ok((total / started.elapsed().as_secs_f64(), in_micros(cpu_time() - cpu) / total))
    }

    async fn round(self: &Arc<Self>, decide: bool) -> Result<(f64, f64)> {
        let until = Instant::now() + ROUND;
        self.by_many(decide, move |_| Instant::now() >= until).await
    }
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let folder = TempDir::new()?;
    let (file, made) = (folder.path().join("store.db"), folder.path().join("bundle"));
    bundle::chain(&made)?;
    let bed = Bed::new(&file, &made).await?;
    let mut rows = Vec::new();
    for history in HISTORY {
        bed.by_many(false, move |bed| bed.held.load(Ordering::Relaxed) >= history).await?;
        let (mut puts, mut decisions, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            puts.push(bed.round(false).await?.0);
            let (decided, cost) = bed.round(true).await?;
            decisions.push(decided);
            costs.push(cost);
        }
        let mut opened = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            drop(open(&file).await?);
            opened.push(in_micros(started.elapsed()));
        }
        let size = fs::metadata(&file)?.len() as f64;
        rows.push(vec![
            grouped(history as f64),
            rate(median(&puts)),
            rate(median(&decisions)),
            micros(median(&costs)),
            time(median(&opened)),
            format!("{} B", grouped(size / bed.held.load(Ordering::Relaxed) as f64)),
        ]);
    }
    let mut section = Section::new("The embedded store as history grows");
    section.say(&format!(
        "{AT_ONCE} callers in one process, a file on this machine's disk. A put is one decision's record, conditional on its \
         absence; a decision is looked up, made through the chain of three nodes and put. Each figure is taken after the \
         store has been filled to that many records by puts. Then it is opened by one more, as a command of the operator's does."
    ));
    section.table(
        &["decisions held", "puts", "decisions", "CPU for a decision", "opened again in", "file for each"],
        &rows,
    );
    report.add(section);
    Ok(())
}
