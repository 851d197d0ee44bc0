//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Kafka records by topic and result.
pub(crate) const KAFKA_RECORDS: &str = "signalbox_kafka_records_total";
/// Kafka records that became dead letters, by reason.
pub(crate) const KAFKA_DEAD_LETTERS: &str = "signalbox_kafka_dead_letters_total";
/// Further tries of Kafka records, by reason.
pub(crate) const KAFKA_RETRIES: &str = "signalbox_kafka_retries_total";
/// Kafka records that are being decided or wait for it.
pub(crate) const KAFKA_IN_FLIGHT: &str = "signalbox_kafka_records_in_flight";
/// Kafka partitions that are assigned to this host.
pub(crate) const KAFKA_ASSIGNED: &str = "signalbox_kafka_partitions";
/// Kafka partitions that are paused.
pub(crate) const KAFKA_PAUSED: &str = "signalbox_kafka_partitions_paused";
/// How many records the group lags.
pub(crate) const KAFKA_LAG: &str = "signalbox_kafka_lag";
/// Changes of the assignment by kind.
pub(crate) const KAFKA_REBALANCES: &str = "signalbox_kafka_rebalances_total";
/// Commits that did not reach the brokers.
pub(crate) const KAFKA_COMMITS_FAILED: &str = "signalbox_kafka_commits_failed_total";
/// Whether a broker is connected.
pub(crate) const KAFKA_UP: &str = "signalbox_kafka_up";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        KAFKA_RECORDS,
        Unit::Count,
        "Kafka records that are done with, by topic and result (decided, failed, duplicate, nothing, \
         dead_letter)"
    );
    describe_counter!(KAFKA_DEAD_LETTERS, Unit::Count, "Kafka records put with the dead letters, by reason");
    describe_counter!(KAFKA_RETRIES, Unit::Count, "Times that a Kafka record had to wait to be tried again, by reason");
    describe_gauge!(KAFKA_IN_FLIGHT, Unit::Count, "Kafka records that are being decided or wait for it");
    describe_gauge!(KAFKA_ASSIGNED, Unit::Count, "Kafka partitions that are assigned to this host");
    describe_gauge!(KAFKA_PAUSED, Unit::Count, "Kafka partitions of this host that are not read on for now");
    describe_gauge!(KAFKA_LAG, Unit::Count, "Records between what is committed and the partition's end");
    describe_counter!(
        KAFKA_REBALANCES,
        Unit::Count,
        "Changes of the partitions of this host by kind (assigned, revoked, lost, failed)"
    );
    describe_counter!(KAFKA_COMMITS_FAILED, Unit::Count, "Commits to Kafka that failed and are made again");
    describe_gauge!(KAFKA_UP, Unit::Count, "1 while a Kafka broker is connected");
}
