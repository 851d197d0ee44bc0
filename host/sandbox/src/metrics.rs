//! Every metric of this crate.

use std::time::Duration;

const TRAPS: &str = "signalbox_traps_total";
const BREAKERS_OPEN: &str = "signalbox_breakers_open";
const BREAKER_REFUSED: &str = "signalbox_breaker_refused_total";
const COMPILES: &str = "signalbox_compile_duration_seconds";
const NOT_COMPILED: &str = "signalbox_compile_failures_total";
const CACHE: &str = "signalbox_compile_cache_total";

/// Tells the recorder what the metrics mean.
pub fn describe() {
    metrics::describe_counter!(
        TRAPS,
        "Guest calls that ended in a trap or over a limit, by business type, plugin and reason."
    );
    metrics::describe_gauge!(
        BREAKERS_OPEN,
        "Businesses for which a plugin is not run because it kept trapping, by business type and plugin."
    );
    metrics::describe_counter!(
        BREAKER_REFUSED,
        "Guest calls that an open breaker refused, by business type and plugin."
    );
    metrics::describe_histogram!(COMPILES, metrics::Unit::Seconds, "How long components took to compile.");
    metrics::describe_counter!(NOT_COMPILED, "Components that were not compiled, by reason.");
    metrics::describe_counter!(CACHE, "Looks into the cache of compiled components, by result: hit, miss or refused.");
}

pub(crate) fn trap(business_type: &str, plugin: &str, reason: &'static str) {
    metrics::counter!(TRAPS, "business_type" => business_type.to_owned(), "plugin" => plugin.to_owned(), "reason" => reason)
        .increment(1);
}

pub(crate) fn breakers_open(business_type: &str, plugin: &str, change: f64) {
    metrics::gauge!(BREAKERS_OPEN, "business_type" => business_type.to_owned(), "plugin" => plugin.to_owned())
        .increment(change);
}

pub(crate) fn breaker_refused(business_type: &str, plugin: &str) {
    metrics::counter!(BREAKER_REFUSED, "business_type" => business_type.to_owned(), "plugin" => plugin.to_owned())
        .increment(1);
}

pub(crate) fn compiled(took: Duration) {
    metrics::histogram!(COMPILES).record(took.as_secs_f64());
}

pub(crate) fn not_compiled(reason: &'static str) {
    metrics::counter!(NOT_COMPILED, "reason" => reason).increment(1);
}

pub(crate) fn cache(result: &'static str) {
    metrics::counter!(CACHE, "result" => result).increment(1);
}
