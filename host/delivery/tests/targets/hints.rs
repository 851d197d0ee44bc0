//! The topic on which hosts tell each other of changes.

use std::time::Duration;

use signalbox_kafka::{KafkaConnection, KafkaHints, KafkaSecurity, KafkaTail, TailState};
use signalbox_tests_support::MockKafka;
use tokio::time::timeout;

const TOPIC: &str = "fan-out";
const DEADLINE: Duration = Duration::from_secs(60);

fn connection(kafka: &MockKafka) -> KafkaConnection {
    KafkaConnection::new(&[kafka.brokers()], "test", &KafkaSecurity::default(), None).unwrap()
}

async fn is(tail: &mut KafkaTail, state: TailState) {
    timeout(DEADLINE, tail.state.wait_for(|found| *found == state)).await.unwrap().unwrap();
}

async fn next(tail: &mut KafkaTail) -> String {
    let value = timeout(DEADLINE, tail.records.recv()).await.expect("no record came").unwrap();
    String::from_utf8(value).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reader_gets_what_is_written_from_then_on_in_the_order_of_its_key() {
    let kafka = MockKafka::start().unwrap();
    kafka.topic(TOPIC, 3).await.unwrap();
    let (connection, topic) = (connection(&kafka), kafka.name(TOPIC));
    let hints = KafkaHints::new(&connection, &topic).unwrap();
    assert!(hints.send("alpha", b"before"));
    kafka.read(TOPIC, 1).await.unwrap();
    let mut tails = [KafkaTail::start(&connection, &topic).unwrap(), KafkaTail::start(&connection, &topic).unwrap()];
    for tail in &mut tails {
        is(tail, TailState::Reading).await;
    }
    for number in 0..20 {
        assert!(hints.send("alpha", format!("{number}").as_bytes()));
    }
    for tail in &mut tails {
        for number in 0..20 {
            assert_eq!(next(tail).await, number.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_says_when_the_brokers_are_lost_and_reads_on_when_they_are_back() {
    let kafka = MockKafka::start().unwrap();
    kafka.topic(TOPIC, 1).await.unwrap();
    let (connection, topic) = (connection(&kafka), kafka.name(TOPIC));
    let mut tail = KafkaTail::start(&connection, &topic).unwrap();
    is(&mut tail, TailState::Reading).await;
    kafka.down().unwrap();
    is(&mut tail, TailState::Lost).await;
    kafka.up().unwrap();
    is(&mut tail, TailState::Reading).await;
    let hints = KafkaHints::new(&connection, &topic).unwrap();
    // A record may be lost while the producer finds the brokers.
    let found = async {
        loop {
            assert!(hints.send("alpha", b"after"));
            if let Ok(value) = timeout(Duration::from_millis(200), tail.records.recv()).await {
                return value.unwrap();
            }
        }
    };
    assert_eq!(timeout(DEADLINE, found).await.expect("no record came"), b"after");
}
