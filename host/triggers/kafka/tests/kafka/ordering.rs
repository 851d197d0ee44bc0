use signalbox_tests_support::{Kafka, Sent};

use super::host::{Host, INPUTS, cluster, committed, input, send_keyed};

async fn send_keyless(kafka: &Kafka, id: &str, text: &str) {
    let value = input(id, text).to_string();
    let record = Sent { value: Some(&value), partition: Some(0), ..Sent::default() };
    kafka.send(INPUTS, record).await.unwrap();
}

/// While the first record waits at its gate, the record of another lane is decided, and the second of its own lane is
/// not started.
async fn second_waits_for_the_gate(host: &Host) {
    host.decided("trattoria", 1).await;
    // Lanes have no order among each other.
    let mut started = host.started(2).await;
    started.sort_unstable();
    assert_eq!(started, ["other", "wait:gate"]);
    host.decider.open("gate");
    host.decided("trattoria", 3).await;
    assert_eq!(host.decider.started_texts().last().map(String::as_str), Some("second"));
}

#[tokio::test]
async fn records_with_the_same_key_are_decided_in_order_and_others_beside_them() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_keyed(&kafka, "table-1", "i-1", "wait:gate").await;
    send_keyed(&kafka, "table-1", "i-2", "second").await;
    send_keyed(&kafka, "table-2", "i-3", "other").await;
    second_waits_for_the_gate(&host).await;
    committed(&kafka, INPUTS, 3).await;
}

#[tokio::test]
async fn records_without_a_key_keep_the_order_of_their_partition() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_keyless(&kafka, "i-1", "wait:gate").await;
    send_keyless(&kafka, "i-2", "second").await;
    send_keyed(&kafka, "table-2", "i-3", "other").await;
    second_waits_for_the_gate(&host).await;
}

#[tokio::test]
async fn a_slow_record_keeps_later_records_from_being_committed() {
    let kafka = cluster().await;
    let mut host = Host::start(&kafka).await;
    send_keyed(&kafka, "table-1", "i-1", "quick").await;
    send_keyed(&kafka, "table-2", "i-2", "wait:gate").await;
    send_keyed(&kafka, "table-3", "i-3", "quick too").await;
    host.decided("trattoria", 2).await;
    let unfinished = host.leave_within(std::time::Duration::from_secs(3)).await;
    assert_eq!(unfinished, 1);
    committed(&kafka, INPUTS, 1).await;
}
