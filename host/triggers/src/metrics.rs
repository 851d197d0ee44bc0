//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Messages by source and result.
pub(crate) const MESSAGES: &str = "signalbox_messages_total";
/// From admission to the stored decision.
pub(crate) const MESSAGE_SECONDS: &str = "signalbox_message_seconds";
/// Inputs being decided.
pub(crate) const IN_FLIGHT: &str = "signalbox_inputs_in_flight";
/// Inputs in line for room.
pub(crate) const WAITING: &str = "signalbox_inputs_waiting";
/// How long inputs waited in line.
pub(crate) const WAIT_SECONDS: &str = "signalbox_admission_wait_seconds";
/// Inputs sent away by reason.
pub(crate) const SHED: &str = "signalbox_inputs_shed_total";
/// Inputs taken up again.
pub(crate) const RECOVERED: &str = "signalbox_inputs_recovered_total";
/// Inputs that are given up, by reason.
pub(crate) const DEAD_LETTERS: &str = "signalbox_inputs_dead_letters_total";
/// Sockets, authenticated or not.
pub(crate) const SOCKETS: &str = "signalbox_websocket_sockets";
/// Closes by code.
pub(crate) const CLOSES: &str = "signalbox_websocket_closes_total";
/// Error frames by code.
pub(crate) const ERRORS: &str = "signalbox_websocket_errors_total";
/// Upgrades refused before there was a WebSocket.
pub(crate) const REFUSED: &str = "signalbox_websocket_refused_total";
/// Resumes by result.
pub(crate) const RESUMES: &str = "signalbox_websocket_resumes_total";
/// Deliveries of webhooks by hook and result.
pub(crate) const WEBHOOKS: &str = "signalbox_webhooks_total";
/// Deliveries that nothing proves, by reason.
pub(crate) const SIGNATURES_REFUSED: &str = "signalbox_webhook_signatures_refused_total";
/// Reviews that do not count.
pub(crate) const REVIEWS_REFUSED: &str = "signalbox_reviews_refused_total";
/// HTTP connections.
pub(crate) const HTTP_CONNECTIONS: &str = "signalbox_http_connections";
/// HTTP connections turned away.
pub(crate) const HTTP_REFUSED: &str = "signalbox_http_connections_refused_total";
/// HTTP requests that were not looked at any further.
pub(crate) const HTTP_MALFORMED: &str = "signalbox_http_requests_malformed_total";
/// Ticks of schedules by what became of them.
pub(crate) const CRON_TICKS: &str = "signalbox_cron_ticks_total";
/// From a tick's nominal time until its input was accepted.
pub(crate) const CRON_LATENESS: &str = "signalbox_cron_lateness_seconds";
/// Kafka records by topic and result.
pub(crate) const KAFKA_RECORDS: &str = "signalbox_kafka_records_total";
/// Kafka records put aside, by reason.
pub(crate) const KAFKA_DEAD_LETTERS: &str = "signalbox_kafka_dead_letters_total";
/// Tries of Kafka records that are made again, by reason.
pub(crate) const KAFKA_RETRIES: &str = "signalbox_kafka_retries_total";
/// Kafka records that are being decided or wait for it.
pub(crate) const KAFKA_IN_FLIGHT: &str = "signalbox_kafka_records_in_flight";
/// Kafka partitions that are this host's.
pub(crate) const KAFKA_ASSIGNED: &str = "signalbox_kafka_partitions";
/// Kafka partitions that are not read on.
pub(crate) const KAFKA_PAUSED: &str = "signalbox_kafka_partitions_paused";
/// How far behind the group is.
pub(crate) const KAFKA_LAG: &str = "signalbox_kafka_lag";
/// Changes of the assignment by kind.
pub(crate) const KAFKA_REBALANCES: &str = "signalbox_kafka_rebalances_total";
/// Commits that did not reach the brokers.
pub(crate) const KAFKA_COMMITS_FAILED: &str = "signalbox_kafka_commits_failed_total";
/// Whether a broker is connected.
pub(crate) const KAFKA_UP: &str = "signalbox_kafka_up";
/// Requests of the API by method, path and status.
pub(crate) const API_REQUESTS: &str = "signalbox_api_requests_total";
/// How long requests of the API take.
pub(crate) const API_SECONDS: &str = "signalbox_api_request_seconds";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(
        MESSAGES,
        Unit::Count,
        "Messages by source and result (decided, failed, duplicate, rejected, error)"
    );
    describe_histogram!(MESSAGE_SECONDS, Unit::Seconds, "Time from admission of an input to its stored decision");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Inputs that are being decided");
    describe_counter!(
        DEAD_LETTERS,
        Unit::Count,
        "Inputs that are given up and recorded as failed, by reason (ended_the_host); each needs a person"
    );
    describe_gauge!(WAITING, Unit::Count, "Inputs that wait in line for room to be decided");
    describe_histogram!(WAIT_SECONDS, Unit::Seconds, "How long inputs that found no room waited until they had some");
    describe_counter!(
        SHED,
        Unit::Count,
        "Inputs whose senders were told to come back, by reason (business_line_full, line_full, displaced, \
         waited_too_long, draining, user_rate, business_rate)"
    );
    describe_counter!(RECOVERED, Unit::Count, "Accepted inputs that were taken up again, by result");
    describe_gauge!(SOCKETS, Unit::Count, "WebSocket connections that are open, authenticated or not");
    describe_counter!(
        CLOSES,
        Unit::Count,
        "WebSocket connections that ended, by the close code the host sent, `client` or `gone`"
    );
    describe_counter!(ERRORS, Unit::Count, "Error frames by their code");
    describe_counter!(REFUSED, Unit::Count, "WebSocket upgrades that were refused, by reason");
    describe_counter!(RESUMES, Unit::Count, "Resumes by result (recovered, too_much, failed)");
    describe_counter!(
        WEBHOOKS,
        Unit::Count,
        "Deliveries of webhooks by hook and result (accepted, or the code of the refusal)"
    );
    describe_counter!(
        SIGNATURES_REFUSED,
        Unit::Count,
        "Deliveries whose signature was refused, by reason (missing, repeated, malformed, mismatch, old, future, no_id)"
    );
    describe_counter!(REVIEWS_REFUSED, Unit::Count, "Reviews that were refused, by reason");
    describe_gauge!(HTTP_CONNECTIONS, Unit::Count, "HTTP connections that are open; a WebSocket is none any more");
    describe_counter!(
        HTTP_REFUSED,
        Unit::Count,
        "HTTP connections that were closed at once because there were too many, by reason (all, address)"
    );
    describe_counter!(
        HTTP_MALFORMED,
        Unit::Count,
        "HTTP requests that are ambiguous and so were refused unread, by reason (the code of the refusal)"
    );
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
    describe_counter!(API_REQUESTS, Unit::Count, "Requests of the API by method, path (as documented) and status");
    describe_histogram!(API_SECONDS, Unit::Seconds, "Time from the headers of an API request to its answer, by path");
}
