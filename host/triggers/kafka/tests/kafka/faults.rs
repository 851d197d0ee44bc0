//! Brokers that refuse, forget or go away. Only the mock cluster does so when it is told to, so that these tests use it
//! even where the environment has a real one.

use signalbox_tests_support::{RDKafkaApiKey, RDKafkaRespErr, Sent};
use signalbox_trigger_kafka::StartAt;

use super::host::{DEAD, GROUP, Host, INPUTS, committed, memory, mock_cluster, send_input};

#[tokio::test]
async fn a_record_is_kept_until_the_dead_letter_topic_has_it() {
    let (kafka, store) = (mock_cluster().await, memory().await);
    kafka
        .send(INPUTS, Sent { key: Some("k"), value: Some("[]"), partition: Some(0), ..Sent::default() })
        .await
        .unwrap();
    send_input(&kafka, "fine", "fine").await;
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1_000];
    kafka.fail(RDKafkaApiKey::Produce, &refused);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    first.decided("trattoria", 1).await;
    assert_eq!(first.leave().await, 0, "nobody waits for a record that waits itself");
    assert_eq!(kafka.committed(GROUP, INPUTS, 1).unwrap().get(&0), Some(&0), "it is not done with");

    let second = Host::on(&kafka, store, |_| {}).await;
    kafka.mend(RDKafkaApiKey::Produce);
    let dead = kafka.read(DEAD, 1).await.unwrap();
    assert_eq!(dead[0].header("dead-letter-reason"), Some("value_no_json_object"));
    committed(&kafka, INPUTS, 2).await;
    second.decided("trattoria", 1).await;
}

#[tokio::test]
async fn a_failed_decision_without_its_dead_letter_gets_one_from_the_next_host() {
    let (kafka, store) = (mock_cluster().await, memory().await);
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1_000];
    send_input(&kafka, "i-1", "fail").await;
    kafka.fail(RDKafkaApiKey::Produce, &refused);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    first.decided("trattoria", 1).await;
    first.crash();
    kafka.mend(RDKafkaApiKey::Produce);

    let second = Host::on(&kafka, store, |_| {}).await;
    let dead = kafka.read(DEAD, 1).await.unwrap();
    assert_eq!(dead[0].header("dead-letter-reason"), Some("decision_failed"));
    committed(&kafka, INPUTS, 1).await;
    assert!(second.decider.started_texts().is_empty(), "it is not decided again");
}

#[tokio::test]
async fn nothing_is_read_before_the_brokers_keep_where_a_group_begins() {
    let kafka = mock_cluster().await;
    send_input(&kafka, "i-1", "before the group").await;
    kafka.fail(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 3]);
    let host = Host::with(&kafka, |settings| settings.kafka.start_at = StartAt::Latest).await;
    committed(&kafka, INPUTS, 1).await;
    send_input(&kafka, "i-2", "after it").await;
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["after it"]);
}

#[tokio::test]
async fn a_commit_that_got_lost_is_made_again() {
    let kafka = mock_cluster().await;
    kafka.fail(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 3]);
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "once").await;
    host.decided("trattoria", 1).await;
    committed(&kafka, INPUTS, 1).await;
}

#[tokio::test]
async fn brokers_that_go_away_and_come_back_lose_nothing() {
    let kafka = mock_cluster().await;
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "before").await;
    send_input(&kafka, "i-2", "wait:gate").await;
    host.started(2).await;
    kafka.down().unwrap();
    // The input is decided while the brokers are away.
    host.decider.open("gate");
    host.decided("trattoria", 2).await;
    kafka.up().unwrap();
    send_input(&kafka, "i-3", "after").await;
    host.decided("trattoria", 3).await;
    committed(&kafka, INPUTS, 3).await;
    let mut started = host.decider.started_texts();
    assert_eq!(started.last().map(String::as_str), Some("after"));
    // Records with different keys have no order among each other.
    started.sort_unstable();
    assert_eq!(started, ["after", "before", "wait:gate"], "none is decided twice");
}

#[tokio::test]
async fn a_host_that_starts_without_brokers_reads_once_they_are_there() {
    let kafka = mock_cluster().await;
    send_input(&kafka, "i-1", "early").await;
    kafka.down().unwrap();
    let host = Host::start(&kafka).await;
    kafka.up().unwrap();
    host.decided("trattoria", 1).await;
}
