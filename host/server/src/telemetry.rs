//! Log lines on standard error, metrics for Prometheus, and panics as log lines.

mod json_lines;
mod rules;

use std::backtrace::BacktraceStatus;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, reload};

use crate::config::{LogFormat, TelemetryConfig};
use json_lines::JsonLines;
use rules::LogRules;

/// Buckets in seconds, from a cache hit to a slow language model.
const DURATION_BUCKETS: [f64; 16] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Which lines are logged; may change while the host runs.
pub struct LogFilter(reload::Handle<LogRules, Registry>);

impl LogFilter {
    /// Applies the log filters of this configuration from now on.
    pub fn change(&self, config: &TelemetryConfig) -> anyhow::Result<()> {
        self.0.reload(read_rules(config)?).context("changing what is logged")?;
        warn_of_libraries(config);
        Ok(())
    }
}

/// Starts logging, for the whole process.
pub fn start_logs(config: &TelemetryConfig) -> anyhow::Result<LogFilter> {
    let (filter, handle) = reload::Layer::new(read_rules(config)?);
    let terminal = std::io::stderr().is_terminal();
    let pretty = match config.log_format {
        LogFormat::Auto => terminal,
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    let lines = if pretty {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(terminal)
            .with_timer(Milliseconds)
            .fmt_fields(visible_fields())
            .boxed()
    } else {
        JsonLines::to(std::io::stderr).boxed()
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().context("logs were started already")?;
    std::panic::set_hook(Box::new(log_panic));
    warn_of_libraries(config);
    Ok(LogFilter(handle))
}

/// The time of a log line, in milliseconds for every format; a finer resolution does not help a reader.
fn moment() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// [`moment`], as the formatter of lines for people needs it.
struct Milliseconds;

impl FormatTime for Milliseconds {
    fn format_time(&self, writer: &mut format::Writer<'_>) -> std::fmt::Result {
        writer.write_str(&moment())
    }
}

fn read_rules(config: &TelemetryConfig) -> anyhow::Result<LogRules> {
    LogRules::read(&config.log, &config.library_log)
}

fn warn_of_libraries(config: &TelemetryConfig) {
    if read_rules(config).is_ok_and(|rules| rules.lets_libraries_tell_all()) {
        tracing::warn!(
            "telemetry.library-log lets libraries print what passes through them, tokens and people's messages among it; \
             keep these lines to yourself, and set it back to `info`"
        );
    }
}

/// Fields for people, with untrusted text made safe for a terminal: a line stays one line, in its order.
fn visible_fields() -> impl for<'writer> tracing_subscriber::fmt::FormatFields<'writer> + Send + Sync + 'static {
    format::debug_fn(|writer, field, value| {
        let text = format!("{value:?}");
        let text = signalbox_model::visible_line(&text);
        match field.name() {
            "message" => write!(writer, "{text}"),
            // The source position of a line of the crate `log`.
            name if name.starts_with("log.") => Ok(()),
            name if writer.has_ansi_escapes() => write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{text}"),
            name => write!(writer, "{name}={text}"),
        }
    })
    .delimited(" ")
}

/// Starts collecting metrics, for the whole process.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
        .context("the buckets of durations")?
        .install_recorder()
        .context("metrics were started already")?;
    describe_metrics();
    metrics::gauge!("signalbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Gives the recorder a description of every metric.
fn describe_metrics() {
    signalbox_store::describe_metrics();
    signalbox_capabilities::describe_metrics();
    signalbox_sandbox::describe_metrics();
    signalbox_executor::describe_metrics();
    signalbox_sessions::describe_metrics();
    signalbox_delivery::describe_metrics();
    signalbox_http::describe_metrics();
    signalbox_intake::describe_metrics();
    signalbox_trigger_api::describe_metrics();
    signalbox_trigger_cron::describe_metrics();
    signalbox_trigger_kafka::describe_metrics();
    signalbox_trigger_webhook::describe_metrics();
    signalbox_trigger_websocket::describe_metrics();
    crate::usage::describe_metrics();
    metrics::describe_gauge!("signalbox_build_info", "Always 1; the labels say which build runs.");
    metrics::describe_gauge!(crate::serve::BUNDLE_LOADED, "Whether the bundle of a business type is loaded.");
    metrics::describe_gauge!(
        crate::serve::BUSINESS_FILES_NOT_LOADED,
        "How many files of the business directory could not be loaded."
    );
    metrics::describe_gauge!(crate::health::STORE_UP, "Whether the store answered the last check.");
}

/// Logs a panic. In a decision's task the line carries the decision's correlation id like every other.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let backtrace = std::backtrace::Backtrace::capture();
    // A backtrace is captured only when RUST_BACKTRACE asks for it.
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        location,
        thread = thread.name().unwrap_or_default(),
        backtrace,
        "panicked: {}",
        text.unwrap_or("no text")
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    #[derive(Default)]
    struct Described(Mutex<BTreeSet<String>>);

    impl Recorder for Described {
        fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().insert(key.as_str().to_owned());
        }

        fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().insert(key.as_str().to_owned());
        }

        fn describe_histogram(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
            self.0.lock().unwrap().insert(key.as_str().to_owned());
        }

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn lines_for_people_have_milliseconds_as_those_for_programs() {
        let mut line = String::new();
        Milliseconds.format_time(&mut format::Writer::new(&mut line)).unwrap();
        assert!(line.parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert_eq!(line.len(), "2026-11-30T08:00:00.000Z".len(), "{line}");
    }

    #[test]
    fn the_operators_guide_lists_exactly_the_metrics_there_are() {
        let described = Described::default();
        metrics::with_local_recorder(&described, describe_metrics);
        let guide = include_str!("../../../docs/guide/operator.md");
        let listed: BTreeSet<String> = guide
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .filter(|name| ["signalbox_", "process_"].iter().any(|prefix| name.starts_with(prefix)))
            .map(str::to_owned)
            .collect();
        assert_eq!(described.0.into_inner().unwrap(), listed);
    }
}
