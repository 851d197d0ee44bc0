//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Messages by source and result.
pub const MESSAGES: &str = "signalbox_messages_total";
/// From admission to the stored decision.
pub(crate) const MESSAGE_SECONDS: &str = "signalbox_message_seconds";
/// Inputs being decided.
pub(crate) const IN_FLIGHT: &str = "signalbox_inputs_in_flight";
/// Inputs in the queue for room.
pub(crate) const WAITING: &str = "signalbox_inputs_waiting";
/// How long inputs waited in the queue.
pub(crate) const WAIT_SECONDS: &str = "signalbox_admission_wait_seconds";
/// Inputs sent away by reason.
pub(crate) const SHED: &str = "signalbox_inputs_shed_total";
/// Inputs taken up again.
pub(crate) const RECOVERED: &str = "signalbox_inputs_recovered_total";
/// Inputs that are given up, by reason.
pub(crate) const DEAD_LETTERS: &str = "signalbox_inputs_dead_letters_total";
/// Reviews that do not count.
pub(crate) const REVIEWS_REFUSED: &str = "signalbox_reviews_refused_total";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        MESSAGES,
        Unit::Count,
        "Messages by source and result (decided, failed, duplicate, rejected, error)"
    );
    describe_histogram!(MESSAGE_SECONDS, Unit::Seconds, "Time from admission of an input to its stored decision");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Inputs that are being decided");
    describe_gauge!(WAITING, Unit::Count, "Inputs that wait in the queue for room to be decided");
    describe_histogram!(WAIT_SECONDS, Unit::Seconds, "How long inputs that found no room waited until they had some");
    describe_counter!(
        SHED,
        Unit::Count,
        "Inputs whose senders were told to come back, by reason (business_queue_full, queue_full, evicted, \
         waited_too_long, draining, user_rate, business_rate)"
    );
    describe_counter!(RECOVERED, Unit::Count, "Accepted inputs that were taken up again, by result");
    describe_counter!(
        DEAD_LETTERS,
        Unit::Count,
        "Inputs that are given up and recorded as failed, by reason (ended_the_host); each needs a person"
    );
    describe_counter!(REVIEWS_REFUSED, Unit::Count, "Reviews that were refused, by reason");
}
