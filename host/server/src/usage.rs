//! Measures the resources of the process whenever the metrics are read; after every burst of work they should return to
//! their earlier values.

use metrics_process::Collector;
use signalbox_sandbox::Sandbox;
use tokio::runtime::Handle;

const TASKS: &str = "signalbox_runtime_tasks";
const INSTANCES_FREE: &str = "signalbox_sandbox_instances_free";

/// Gives the recorder a description of each metric.
pub fn describe_metrics() {
    Collector::default().describe();
    metrics::describe_gauge!(TASKS, "Tasks of the runtime that have not ended.");
    metrics::describe_gauge!(INSTANCES_FREE, "Guest calls that could start at once.");
}

/// Measures this process and its sandbox.
#[derive(Clone)]
pub struct Usage {
    sandbox: Sandbox,
    process: Collector,
}

impl Usage {
    /// Measures this process, with this sandbox.
    pub fn of(sandbox: Sandbox) -> Self {
        Self { sandbox, process: Collector::default() }
    }

    /// Sets the gauges to the current values.
    pub async fn measure(&self) {
        metrics::gauge!(TASKS).set(count(Handle::current().metrics().num_alive_tasks()));
        metrics::gauge!(INSTANCES_FREE).set(count(self.sandbox.free_instances()));
        let process = self.process.clone();
        // Reading thousands of handles from `/proc` takes a while, and would block a thread of the runtime.
        if let Err(error) = tokio::task::spawn_blocking(move || process.collect()).await {
            tracing::warn!(%error, "what the process uses cannot be measured");
        }
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
