use std::time::Duration;

use signalbox_model::HumanDuration;
use signalbox_tests_support::{Kafka, Sent};

use super::host::{GROUP, Host, INPUTS, Settings, cluster, committed, input, memory, send_input, until};

fn never_commits(settings: &mut Settings) {
    settings.kafka.commit_interval = HumanDuration::secs(3_600);
}

async fn send_to(kafka: &Kafka, partition: i32, id: &str) {
    let value = input(id, id).to_string();
    let record = Sent { key: Some(id), value: Some(&value), partition: Some(partition), ..Sent::default() };
    kafka.send(INPUTS, record).await.unwrap();
}

#[tokio::test]
async fn hosts_that_come_and_go_share_the_partitions_and_every_record_is_decided_once() {
    let (kafka, store) = (cluster().await, memory().await);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    let mut sent = Vec::new();
    let mut send = async || {
        let id = format!("i-{:05}", sent.len());
        send_to(&kafka, i32::try_from(sent.len() % 2).unwrap(), &id).await;
        sent.push(id);
        sent.clone()
    };
    send().await;
    first.decided("trattoria", 1).await;
    let second = Host::on(&kafka, store, |_| {}).await;
    // The records are decided one after the other, while partitions move.
    let started = |host: &Host| host.decider.started_texts().len();
    until("the second host has a partition", async || {
        let sent = send().await.len();
        until("it is started", async || started(&first) + started(&second) >= sent).await;
        started(&second) > 0
    })
    .await;
    assert_eq!(first.leave().await, 0);
    for _ in 0..3 {
        send().await;
    }
    let sent = send().await;
    until("every decision", async || second.texts().await.len() >= sent.len()).await;
    assert_eq!(second.texts().await, sent);
    assert_eq!(started(&first) + started(&second), sent.len(), "what was decided is not decided again");
}

#[tokio::test]
async fn a_partition_is_committed_before_it_is_revoked() {
    // The mock cluster lets its members wait for each other until one second before it throws them out. On a machine
    // that stalls for that second, the first host loses its partitions instead of handing them over, and may not
    // commit.
    for _ in 0..3 {
        if gave_a_committed_partition().await {
            return;
        }
    }
    panic!("three times a partition went to another host without a commit");
}

/// One host decides two records and another one takes a partition from it; true if the moved partition is committed.
/// Neither host commits by itself.
async fn gave_a_committed_partition() -> bool {
    let (kafka, store) = (cluster().await, memory().await);
    let first = Host::on(&kafka, store.clone(), never_commits).await;
    for partition in 0..2 {
        send_to(&kafka, partition, &format!("i-{partition}")).await;
    }
    first.decided("trattoria", 2).await;
    let second = Host::on(&kafka, store, never_commits).await;
    let committed = async {
        while !kafka.committed(GROUP, INPUTS, 2).unwrap().values().any(|offset| *offset == 1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let committed = tokio::time::timeout(Duration::from_secs(20), committed).await.is_ok();
    assert_eq!(second.decider.started_texts(), Vec::<String>::new(), "what was decided is not decided again");
    committed
}

#[tokio::test]
async fn a_host_that_shuts_down_finishes_and_commits_running_records_and_reads_no_more() {
    let (kafka, store) = (cluster().await, memory().await);
    let mut first = Host::on(&kafka, store.clone(), never_commits).await;
    send_input(&kafka, "i-1", "wait:gate").await;
    send_input(&kafka, "i-1", "wait:gate").await;
    first.started(1).await;
    let decider = first.decider.clone();
    let (unfinished, ()) = tokio::join!(first.leave(), async { decider.open("gate") });
    assert_eq!(unfinished, 0);
    let at = kafka.committed(GROUP, INPUTS, 1).unwrap()[&0];
    assert!(at >= 1, "what ran is committed");

    send_input(&kafka, "i-2", "for the next").await;
    let second = Host::on(&kafka, store, |_| {}).await;
    second.decided("trattoria", 2).await;
    committed(&kafka, INPUTS, 3).await;
    assert_eq!(second.decider.started_texts(), ["for the next"]);
}

#[tokio::test]
async fn records_that_do_not_end_in_time_are_left_to_the_next_host() {
    let (kafka, store) = (cluster().await, memory().await);
    let mut first = Host::on(&kafka, store.clone(), |_| {}).await;
    send_input(&kafka, "i-1", "wait:gate").await;
    first.started(1).await;
    assert_eq!(first.leave_within(Duration::from_secs(3)).await, 1);
    let second = Host::on(&kafka, store, |_| {}).await;
    second.started(1).await;
    second.decider.open("gate");
    second.decided("trattoria", 1).await;
    committed(&kafka, INPUTS, 1).await;
}
