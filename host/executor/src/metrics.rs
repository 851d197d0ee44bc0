//! Every metric of this crate.

use std::time::Duration;

use signalbox_model::{Outcome, ReviewVerdict};

use crate::Phase;

const DECISIONS: &str = "signalbox_decisions_total";
const DECISION_SECONDS: &str = "signalbox_decision_duration_seconds";
const NODE_SECONDS: &str = "signalbox_node_duration_seconds";
const IN_FLIGHT: &str = "signalbox_decisions_in_flight";
const REVIEWS: &str = "signalbox_reviews_total";
const DUPLICATES: &str = "signalbox_duplicate_inputs_total";

/// Tells the recorder what the metrics mean.
pub fn describe() {
    metrics::describe_counter!(DECISIONS, "Decisions stored, by business type and outcome.");
    metrics::describe_histogram!(
        DECISION_SECONDS,
        metrics::Unit::Seconds,
        "From the start of a decision until it is stored, by business type."
    );
    metrics::describe_histogram!(
        NODE_SECONDS,
        metrics::Unit::Seconds,
        "How long runs of nodes took, waiting included, by business type, node and result."
    );
    metrics::describe_counter!(
        REVIEWS,
        "Reviews of decisions, by verdict and by what became of it (resolved, or why not)."
    );
    metrics::describe_gauge!(IN_FLIGHT, "Decisions being made right now.");
    metrics::describe_counter!(DUPLICATES, "Inputs that had been decided before and were answered from the record.");
}

/// Counts a decision as in flight until this value is dropped.
pub(crate) struct InFlight;

impl InFlight {
    pub(crate) fn begin() -> Self {
        metrics::gauge!(IN_FLIGHT).increment(1);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(IN_FLIGHT).decrement(1);
    }
}

pub(crate) fn decided(business_type: &str, outcome: Outcome, took: Duration) {
    let outcome = match outcome {
        Outcome::Decided => "decided",
        Outcome::ReviewPending => "review-pending",
        Outcome::Approved => "approved",
        Outcome::Edited => "edited",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::Unknown(_) => "unknown",
    };
    metrics::counter!(DECISIONS, "business_type" => business_type.to_owned(), "outcome" => outcome).increment(1);
    metrics::histogram!(DECISION_SECONDS, "business_type" => business_type.to_owned()).record(took.as_secs_f64());
}

pub(crate) fn node(business_type: &str, node: &str, phase: Phase, took: Duration) {
    metrics::histogram!(
        NODE_SECONDS,
        "business_type" => business_type.to_owned(),
        "node" => node.to_owned(),
        "result" => phase.as_str()
    )
    .record(took.as_secs_f64());
}

pub(crate) fn duplicate() {
    metrics::counter!(DUPLICATES).increment(1);
}

pub(crate) fn reviewed(verdict: ReviewVerdict, result: &'static str) {
    let verdict = match verdict {
        ReviewVerdict::Approve => "approve",
        ReviewVerdict::Edit => "edit",
        ReviewVerdict::Reject => "reject",
        ReviewVerdict::Expire => "expire",
        ReviewVerdict::Unknown(_) => "unknown",
    };
    metrics::counter!(REVIEWS, "verdict" => verdict, "result" => result).increment(1);
}
