//! Every metric of this crate.

use std::time::Duration;

const CALLS: &str = "signalbox_capability_calls_total";
const CALL_SECONDS: &str = "signalbox_capability_call_duration_seconds";
const TOKENS: &str = "signalbox_llm_tokens_total";

/// Tells the recorder what the metrics mean.
pub fn describe() {
    metrics::describe_counter!(CALLS, "Capability calls of plugins, by capability, function and result.");
    metrics::describe_histogram!(
        CALL_SECONDS,
        metrics::Unit::Seconds,
        "How long capability calls took, by capability and function."
    );
    metrics::describe_counter!(TOKENS, "Language model tokens, by model and direction.");
}

pub(crate) fn call(capability: &'static str, function: &'static str, result: String, took: Duration) {
    metrics::counter!(CALLS, "capability" => capability, "function" => function, "result" => result).increment(1);
    metrics::histogram!(CALL_SECONDS, "capability" => capability, "function" => function).record(took.as_secs_f64());
}

pub(crate) fn tokens(model: &str, input: u32, output: u32) {
    metrics::counter!(TOKENS, "model" => model.to_owned(), "direction" => "input").increment(u64::from(input));
    metrics::counter!(TOKENS, "model" => model.to_owned(), "direction" => "output").increment(u64::from(output));
}
