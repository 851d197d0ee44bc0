//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_histogram};

/// Ticks of schedules by what became of them.
pub(crate) const CRON_TICKS: &str = "signalbox_cron_ticks_total";
/// From a tick's nominal time until its input was accepted.
pub(crate) const CRON_LATENESS: &str = "signalbox_cron_lateness_seconds";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        CRON_TICKS,
        Unit::Count,
        "Ticks of schedules by result (fired, made_up, skipped, missed, rejected, delayed, dropped)"
    );
    describe_histogram!(
        CRON_LATENESS,
        Unit::Seconds,
        "Time from a tick's nominal time, jitter included, until its input was accepted"
    );
}
