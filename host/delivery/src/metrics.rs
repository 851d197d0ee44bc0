//! The names of this crate's metrics.

use metrics::{Unit, describe_counter};

/// Effects by kind and what became of them.
pub(crate) const EFFECTS: &str = "signalbox_effects_total";
/// Decisions that found the relay's queue full.
pub(crate) const QUEUE_FULL: &str = "signalbox_relay_queue_full_total";
/// Responses by whether their recipient was connected.
pub(crate) const RESPONSES: &str = "signalbox_responses_total";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        EFFECTS,
        Unit::Count,
        "Effects by kind and result (delivered, waiting, failed, or left to a newer version of the host)"
    );
    describe_counter!(
        QUEUE_FULL,
        Unit::Count,
        "Decisions whose effects found the relay's queue full and are left to the search of the store"
    );
    describe_counter!(
        RESPONSES,
        Unit::Count,
        "Responses by result: sent to a connection, or missed and left for a resume"
    );
}
