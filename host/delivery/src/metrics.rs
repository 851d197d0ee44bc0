//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Effects by kind and what became of them.
pub(crate) const EFFECTS: &str = "signalbox_effects_total";
/// Attempts by target and how they ended.
pub(crate) const ATTEMPTS: &str = "signalbox_effect_attempts_total";
/// How long attempts took, by target.
pub(crate) const ATTEMPT_SECONDS: &str = "signalbox_effect_attempt_duration_seconds";
/// Whether a target answers.
pub(crate) const TARGET_AVAILABLE: &str = "signalbox_effect_target_available";
/// Decisions whose effects are being attempted.
pub(crate) const DECISIONS_IN_DELIVERY: &str = "signalbox_relay_decisions_in_delivery";
/// Decisions that found the relay's queue full.
pub(crate) const QUEUE_FULL: &str = "signalbox_relay_queue_full_total";
/// Responses by whether their recipient was connected.
pub(crate) const RESPONSES: &str = "signalbox_responses_total";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        EFFECTS,
        Unit::Count,
        "Effects by kind and new state (delivered, waiting, held_back, dead_letter), or left to a newer version of the host, \
         or unreported because the store did not take the state"
    );
    describe_counter!(
        ATTEMPTS,
        Unit::Count,
        "Attempts to deliver an effect by target and result (delivered, refused, failed, unavailable)"
    );
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "How long one attempt to deliver an effect took, by target");
    describe_gauge!(TARGET_AVAILABLE, Unit::Count, "1 while a target of effects answers, 0 while it does not");
    describe_gauge!(DECISIONS_IN_DELIVERY, Unit::Count, "Decisions whose effects this host is attempting");
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
