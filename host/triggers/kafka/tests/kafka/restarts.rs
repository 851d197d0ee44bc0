use signalbox_model::HumanDuration;
use signalbox_tests_support::Sent;
use signalbox_trigger_kafka::StartAt;

use super::host::{GROUP, Host, INPUTS, Settings, cluster, committed, input, memory, send_input};

/// Commits by itself only long after the test.
fn never_commits(settings: &mut Settings) {
    settings.kafka.commit_interval = HumanDuration::secs(3_600);
}

#[tokio::test]
async fn records_decided_and_not_committed_are_read_again_and_not_decided_again() {
    let (kafka, store) = (cluster().await, memory().await);
    let mut first = Host::on(&kafka, store.clone(), never_commits).await;
    for number in 0..5 {
        send_input(&kafka, &format!("i-{number}"), "once").await;
    }
    first.decided("trattoria", 5).await;
    first.crash();
    let offsets = kafka.committed(GROUP, INPUTS, 1).unwrap();
    assert_eq!(offsets.get(&0), Some(&0), "where it began, and no further");

    let second = Host::on(&kafka, store, |_| {}).await;
    committed(&kafka, INPUTS, 5).await;
    second.decided("trattoria", 5).await;
    assert_eq!(second.decider.started_texts(), Vec::<String>::new());
}

#[tokio::test]
async fn a_group_that_starts_at_the_end_reads_every_record_that_came_while_its_host_was_down() {
    let (kafka, store) = (cluster().await, memory().await);
    send_input(&kafka, "i-1", "before the group").await;
    let latest = |settings: &mut Settings| {
        never_commits(settings);
        settings.kafka.start_at = StartAt::Latest;
    };
    let mut first = Host::on(&kafka, store.clone(), latest).await;
    committed(&kafka, INPUTS, 1).await;
    let offsets = kafka.committed(GROUP, INPUTS, 2).unwrap();
    assert_eq!(offsets.get(&1), Some(&0), "a partition without records has its offset too");
    first.crash();
    for (number, partition) in [(2, 0), (3, 1)] {
        let value = input(&format!("i-{number}"), "while it was dead").to_string();
        let record = Sent { key: Some("k"), value: Some(&value), partition: Some(partition), ..Sent::default() };
        kafka.send(INPUTS, record).await.unwrap();
    }

    let second = Host::on(&kafka, store, latest).await;
    second.decided("trattoria", 2).await;
    assert_eq!(second.texts().await, ["while it was dead", "while it was dead"]);
}

#[tokio::test]
async fn a_partition_that_a_topic_of_the_group_gets_later_is_read_from_its_first_record() {
    let kafka = cluster().await;
    // The group knows the topic by its first partition; the other was added, and got records before any host saw it.
    kafka.commit(GROUP, INPUTS, 0, 0).unwrap();
    let value = input("i-1", "early").to_string();
    kafka.send(INPUTS, Sent { value: Some(&value), partition: Some(1), ..Sent::default() }).await.unwrap();
    let host = Host::with(&kafka, |settings| settings.kafka.start_at = StartAt::Latest).await;
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["early"]);
}

#[tokio::test]
async fn a_committed_offset_that_was_deleted_continues_at_the_oldest_record() {
    let kafka = cluster().await;
    // As after a long absence: the brokers have no record at the committed offset.
    kafka.commit(GROUP, INPUTS, 0, 1_000).unwrap();
    send_input(&kafka, "i-1", "still there").await;
    let host = Host::with(&kafka, |settings| settings.kafka.start_at = StartAt::Latest).await;
    host.decided("trattoria", 1).await;
}

#[tokio::test]
async fn records_read_and_not_decided_are_decided_by_the_next_host() {
    let (kafka, store) = (cluster().await, memory().await);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    send_input(&kafka, "i-1", "wait:gate").await;
    first.started(1).await;
    first.crash();

    let second = Host::on(&kafka, store, |_| {}).await;
    second.started(1).await;
    second.decider.open("gate");
    committed(&kafka, INPUTS, 1).await;
    second.decided("trattoria", 1).await;
}

#[tokio::test]
async fn a_record_that_ends_every_host_is_given_up_and_the_next_one_is_decided() {
    let (kafka, store) = (cluster().await, memory().await);
    send_input(&kafka, "i-1", "wait:never").await;
    let twice = |settings: &mut Settings| settings.intake.recovery_attempts = 2.try_into().unwrap();
    for _ in 0..2 {
        let mut host = Host::on(&kafka, store.clone(), twice).await;
        host.started(1).await;
        host.crash();
    }
    send_input(&kafka, "i-2", "after").await;
    let last = Host::on(&kafka, store, twice).await;
    committed(&kafka, INPUTS, 2).await;
    assert_eq!(last.decider.given_up(), [("wait:never".to_owned(), 2)]);
    assert_eq!(last.decider.started_texts(), ["after"]);
    last.decided("trattoria", 2).await;
}
