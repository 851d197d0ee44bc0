use signalbox_model::HumanDuration;
use signalbox_tests_support::{RDKafkaApiKey, RDKafkaRespErr};

use super::host::{GROUP, Host, INPUTS, Settings, cluster, committed, memory, send_input};

/// Commits by itself only after the test is long over.
fn never_commits(settings: &mut Settings) {
    settings.kafka.commit_interval = HumanDuration::secs(3_600);
}

#[tokio::test]
async fn what_was_decided_and_not_committed_is_read_again_and_not_decided_again() {
    let (kafka, store) = (cluster(), memory().await);
    let mut first = Host::on(&kafka, store.clone(), never_commits).await;
    for number in 0..5 {
        send_input(&kafka, &format!("i-{number}"), "once").await;
    }
    first.decided("trattoria", 5).await;
    first.crash();
    assert_eq!(kafka.committed(GROUP, INPUTS, 1).unwrap().get(&0), None);

    let second = Host::on(&kafka, store, |_| {}).await;
    committed(&kafka, INPUTS, 5).await;
    second.decided("trattoria", 5).await;
    assert_eq!(second.reader.desk.begun(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_read_and_not_decided_is_decided_by_the_next_host() {
    let (kafka, store) = (cluster(), memory().await);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    send_input(&kafka, "i-1", "wait:gate").await;
    first.begun(1).await;
    first.crash();

    let second = Host::on(&kafka, store, |_| {}).await;
    second.begun(1).await;
    second.reader.desk.open("gate");
    committed(&kafka, INPUTS, 1).await;
    second.decided("trattoria", 1).await;
}

#[tokio::test]
async fn a_commit_that_got_lost_is_made_again() {
    let kafka = cluster();
    kafka.fail(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 3]);
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "once").await;
    host.decided("trattoria", 1).await;
    committed(&kafka, INPUTS, 1).await;
}

#[tokio::test]
async fn brokers_that_go_away_and_come_back_lose_nothing() {
    let kafka = cluster();
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "before").await;
    send_input(&kafka, "i-2", "wait:gate").await;
    host.begun(2).await;
    kafka.down().unwrap();
    // Decided while nobody can be told.
    host.reader.desk.open("gate");
    host.decided("trattoria", 2).await;
    kafka.up().unwrap();
    send_input(&kafka, "i-3", "after").await;
    host.decided("trattoria", 3).await;
    committed(&kafka, INPUTS, 3).await;
    let mut begun = host.reader.desk.begun();
    assert_eq!(begun.last().map(String::as_str), Some("after"));
    // Records with different keys have no order among each other.
    begun.sort_unstable();
    assert_eq!(begun, ["after", "before", "wait:gate"], "none is begun twice");
}

#[tokio::test]
async fn a_host_that_starts_without_brokers_reads_once_they_are_there() {
    let kafka = cluster();
    send_input(&kafka, "i-1", "early").await;
    kafka.down().unwrap();
    let host = Host::start(&kafka).await;
    kafka.up().unwrap();
    host.decided("trattoria", 1).await;
}
