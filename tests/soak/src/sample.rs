//! The resources of an idle host.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use signalbox_tests_support::DEADLINE;
use tokio::time::{Instant, sleep};

use crate::host::{Host, http_client, sum};

/// The metrics that count running work.
const UNDER_WAY: [&str; 4] = [
    "signalbox_inputs_in_flight",
    "signalbox_inputs_waiting",
    "signalbox_decisions_in_flight",
    "signalbox_websocket_sockets",
];

/// How long work that ends a little after the traffic may take; after that it counts as left over.
const AFTER: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// In bytes, without file-backed memory.
    pub memory: u64,
    pub handles: u64,
    pub threads: u64,
    pub tasks: u64,
    /// How many guest calls could start at once.
    pub free: u64,
}

impl Sample {
    pub const HEADER: &str = "| round | time | answers | memory | file handles | threads | tasks | instances free |\n\
                              | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

    pub fn row(&self, number: usize, time: Duration, answers: u64) -> String {
        let Self { memory, handles, threads, tasks, free } = self;
        let (seconds, mib) = (time.as_secs_f64(), *memory as f64 / f64::from(1 << 20));
        format!("| {number} | {seconds:.1} s | {answers} | {mib:.1} MiB | {handles} | {threads} | {tasks} | {free} |")
    }

    /// Whether no resource is above its earlier value.
    fn is_back_at(&self, before: &Self) -> bool {
        self.handles <= before.handles && self.tasks <= before.tasks && self.free >= before.free
    }
}

/// Waits until the host is idle and two samples in a row are equal, and if possible not above `before`.
pub async fn settled(host: &Host, before: Option<&Sample>) -> Result<Sample> {
    // The connection that asks is the only one, every time.
    let client = http_client()?;
    let (started, mut last) = (Instant::now(), None);
    loop {
        let page = host.scrape(&client).await?;
        let busy = busy(&page, host.instances);
        let sample = measure(host, &page)?;
        if busy.is_none() && last.is_some_and(|last: Sample| sample.is_back_at(&last) && last.is_back_at(&sample)) {
            let after = started.elapsed() > AFTER;
            if before.is_none_or(|before| sample.is_back_at(before)) || after {
                return Ok(sample);
            }
        }
        if started.elapsed() > DEADLINE {
            bail!("the clients are gone and the host is not idle: {}", busy.context("what it uses keeps changing")?);
        }
        last = busy.is_none().then_some(sample);
        sleep(Duration::from_millis(100)).await;
    }
}

/// The work that is running; none when the host is idle.
fn busy(page: &str, instances: f64) -> Option<String> {
    let connections = sum(page, "signalbox_http_connections", "");
    let free = sum(page, "signalbox_sandbox_instances_free", "");
    let mut found = UNDER_WAY.iter().map(|name| (*name, sum(page, name, ""))).filter(|(_, value)| *value != 0.0);
    match found.next() {
        Some((name, value)) => Some(format!("{name} is {value}")),
        None if connections != 1.0 => Some(format!("{connections} HTTP connections are open, and one asks")),
        None if free != instances => Some(format!("{free} of {instances} guest calls could start")),
        None => None,
    }
}

fn measure(host: &Host, page: &str) -> Result<Sample> {
    let process = host.process();
    Ok(Sample {
        memory: process.private_memory()?,
        handles: process.handles()?,
        threads: process.threads()?,
        tasks: sum(page, "signalbox_runtime_tasks", "") as u64,
        free: sum(page, "signalbox_sandbox_instances_free", "") as u64,
    })
}
