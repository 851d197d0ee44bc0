//! Log lines on standard error, metrics for Prometheus, panics as log lines.

mod json_lines;

use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, TelemetryConfig};
use json_lines::JsonLines;

/// From a cache hit to a language model that takes its time, in seconds.
const DURATION_BUCKETS: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Starts logging, for the whole process.
pub fn start_logs(config: &TelemetryConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| format!("telemetry.log = {:?}", config.log))?;
    let terminal = std::io::stderr().is_terminal();
    let pretty = match config.log_format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let lines = if pretty {
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal).boxed()
    } else {
        JsonLines::to(std::io::stderr).boxed()
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().context("logs were started already")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Starts collecting metrics, for the whole process.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
        .context("the buckets of durations")?
        .install_recorder()
        .context("metrics were started already")?;
    metrics::describe_gauge!("signalbox_build_info", "Always 1; the labels say which build runs.");
    metrics::gauge!("signalbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Within a decision's task the line carries its correlation id like every other.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        location,
        thread = thread.name().unwrap_or_default(),
        backtrace = %std::backtrace::Backtrace::capture(),
        "panicked: {}",
        text.unwrap_or("no text")
    );
}
