mod faults;

use std::time::Duration;

use signalbox_delivery::{AttemptResult, EFFECT_RECORD_HEADERS, EffectTarget as _, KafkaTarget};
use signalbox_kafka::{KafkaConnection, KafkaProducer, KafkaSecurity};
use signalbox_tests_support::Kafka;

use super::{
    ACTION, ACTIONS, FALLBACK, ORDERS, due, messages_to_people, published, resource_action, resource_action_value,
    topics, usual_and,
};

/// Far longer than a record takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

async fn cluster() -> Kafka {
    let kafka = Kafka::start().unwrap();
    kafka.topics(&[ACTIONS, ORDERS, FALLBACK], 1).await.unwrap();
    kafka
}

/// Sends to the test's own topics.
fn target(kafka: &Kafka, timeout: Duration) -> KafkaTarget {
    let connection = KafkaConnection::new(&[kafka.brokers()], "test", &KafkaSecurity::default(), None).unwrap();
    let mut topics = topics();
    topics.resource_actions = kafka.name(&topics.resource_actions);
    topics.fallback = topics.fallback.map(|topic| kafka.name(&topic));
    topics.published.values_mut().for_each(|topic| *topic = kafka.name(topic));
    KafkaTarget::new(KafkaProducer::new(&connection, timeout).unwrap(), topics)
}

/// The reason of a refusal.
fn refused(result: AttemptResult) -> String {
    match result {
        AttemptResult::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_resource_action_arrives_with_the_key_headers_and_value_that_are_documented() {
    let kafka = cluster().await;
    assert_eq!(target(&kafka, PATIENCE).attempt(&resource_action()).await, AttemptResult::Delivered);
    let read = kafka.read(ACTIONS, 1).await.unwrap().remove(0);
    assert_eq!(read.key.as_deref(), Some(&b"trattoria"[..]));
    assert_eq!(read.headers, usual_and(&ACTION));
    let documented: Vec<&str> = EFFECT_RECORD_HEADERS.iter().map(|(name, _)| *name).collect();
    let sent: Vec<&str> = read.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(sent, documented, "each header is documented, and each documented header is there");
    let value: serde_json::Value = serde_json::from_slice(&read.value.unwrap()).unwrap();
    assert_eq!(value, resource_action_value());
}

#[tokio::test]
async fn a_plugins_record_goes_to_the_topic_that_its_logical_name_is_mapped_to() {
    let kafka = cluster().await;
    let target = target(&kafka, PATIENCE);
    for key in [Some("order-7"), None] {
        assert_eq!(target.attempt(&published("orders", key, b"\x00raw")).await, AttemptResult::Delivered);
    }
    let read = kafka.read(ORDERS, 2).await.unwrap();
    let keys: Vec<_> = read.iter().map(|read| read.key.clone().unwrap()).collect();
    assert_eq!(keys, [&b"order-7"[..], b"trattoria"], "its own key, else the business's id");
    for read in &read {
        assert_eq!(read.value.as_deref(), Some(&b"\x00raw"[..]));
        assert_eq!(read.headers, usual_and(&[("trace", "1")]), "no plugin's header passes for one of the host's");
    }
}

#[tokio::test]
async fn a_message_to_people_arrives_on_the_fallback_topic_as_documented() {
    let kafka = cluster().await;
    let target = target(&kafka, PATIENCE);
    let messages = messages_to_people();
    for (due, _) in &messages {
        assert_eq!(target.attempt(due).await, AttemptResult::Delivered);
    }
    let read = kafka.read(FALLBACK, messages.len()).await.unwrap();
    for (read, (_, expected)) in read.into_iter().zip(messages) {
        assert_eq!(read.key.as_deref(), Some(&b"trattoria"[..]));
        assert_eq!(read.headers, usual_and(&[("content-type", "application/json")]));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&read.value.unwrap()).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_logical_topic_that_is_not_mapped_is_refused_with_the_key_to_add() {
    let kafka = cluster().await;
    let reason = refused(target(&kafka, PATIENCE).attempt(&published("invoices", None, b"1")).await);
    assert!(reason.contains("add `invoices = \"TOPIC\"` under [kafka.topics]"), "{reason}");
}

#[tokio::test]
async fn an_effect_that_leaves_by_another_way_is_refused() {
    let kafka = cluster().await;
    let other = due(signalbox_store::EffectKind::CancelSchedule { name: "daily".to_owned() });
    refused(target(&kafka, PATIENCE).attempt(&other).await);
}
