//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use signalbox_store::DeliveredTo;

/// Effects by kind and what became of them.
pub(crate) const EFFECTS: &str = "signalbox_effects_total";
/// Messages to people by kind, and by who or what has them.
pub(crate) const MESSAGES_DELIVERED: &str = "signalbox_messages_delivered_total";
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
/// Decisions with open effects, by what is left to do for them.
pub(crate) const BACKLOG: &str = "signalbox_effect_backlog_decisions";
/// How old the oldest of them is.
pub(crate) const BACKLOG_OLDEST: &str = "signalbox_effect_backlog_oldest_seconds";
/// Notices to operators by what became of them.
pub(crate) const ADMIN_NOTICES: &str = "signalbox_admin_notices_total";
/// Responses by whether their recipient was connected.
pub(crate) const RESPONSES: &str = "signalbox_responses_total";
/// Hosts on the store.
pub(crate) const HOSTS: &str = "signalbox_hosts";
/// Reads of the change feed.
pub(crate) const FEED_READS: &str = "signalbox_change_feed_reads_total";
/// Frames about what other hosts have decided.
pub(crate) const FEED_FRAMES: &str = "signalbox_change_feed_frames_total";
/// Records that tell other hosts of a change.
pub(crate) const FAN_OUT_RECORDS: &str = "signalbox_fan_out_records_total";
/// Whether records of other hosts arrive.
pub(crate) const FAN_OUT_READING: &str = "signalbox_fan_out_reading";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        EFFECTS,
        Unit::Count,
        "Effects by kind and new state (delivered, kept, waiting, held_back, dead_letter), or left to a newer version of the host, \
         or unreported because the store did not take the state"
    );
    describe_counter!(
        ATTEMPTS,
        Unit::Count,
        "Attempts to deliver an effect by target and result (delivered, kept, refused, failed, unavailable)"
    );
    describe_counter!(
        MESSAGES_DELIVERED,
        Unit::Count,
        "Messages to people that were delivered, by kind and by who or what has them (connection, mailbox, fallback_topic)"
    );
    describe_histogram!(ATTEMPT_SECONDS, Unit::Seconds, "How long one attempt to deliver an effect took, by target");
    describe_gauge!(TARGET_AVAILABLE, Unit::Count, "1 while a target of effects answers, 0 while it does not");
    describe_gauge!(DECISIONS_IN_DELIVERY, Unit::Count, "Decisions whose effects this host is attempting");
    describe_counter!(
        QUEUE_FULL,
        Unit::Count,
        "Decisions whose effects found the relay's queue full and are left to the search of the store"
    );
    describe_gauge!(
        BACKLOG,
        Unit::Count,
        "Decisions in the store, of all hosts, with effects that have not left, by state (due, later, waiting, held_back, \
         dead_letter) and, for held_back, by target; counted every five minutes and up to 10,000"
    );
    describe_gauge!(
        BACKLOG_OLDEST,
        Unit::Seconds,
        "How long the oldest of these decisions has been due, or since when it is decided where nothing is due; 0 when \
         there is none"
    );
    describe_counter!(
        ADMIN_NOTICES,
        Unit::Count,
        "Notices to operators by result: sent or failed for each receiver, or an event that was not gathered"
    );
    describe_counter!(
        RESPONSES,
        Unit::Count,
        "Responses by result: sent to a connection, or missed and left for a resume"
    );
    describe_gauge!(HOSTS, Unit::Count, "Hosts that live on the store, this one included, as this one sees it");
    describe_counter!(
        FEED_READS,
        Unit::Count,
        "Looks at the change feed for what other hosts have decided, by result: read, or failed"
    );
    describe_counter!(
        FEED_FRAMES,
        Unit::Count,
        "Frames to connections of this host about what other hosts have decided, by the path on which it was found: \
         fan_out, feed, or business"
    );
    describe_gauge!(
        FAN_OUT_READING,
        Unit::Count,
        "1 while records of other hosts can arrive over Kafka, 0 while the host looks for changes in the store only"
    );
    describe_counter!(
        FAN_OUT_RECORDS,
        Unit::Count,
        "Records that tell the other hosts of a change, by result: sent, or lost because there was no room for it"
    );
}

/// Who or what has a message, for metrics.
pub(crate) fn name_of(to: DeliveredTo) -> &'static str {
    match to {
        DeliveredTo::Connection => "connection",
        DeliveredTo::Mailbox => "mailbox",
        DeliveredTo::FallbackTopic => "fallback_topic",
        DeliveredTo::Unknown(_) => "unknown",
    }
}
