use std::time::Duration;

use signalbox_delivery::{AttemptResult, EFFECT_RECORD_HEADERS, EffectTarget as _, KafkaTarget};
use signalbox_kafka::{KafkaConnection, KafkaProducer, KafkaSecurity};
use signalbox_tests_support::{Kafka, RDKafkaApiKey, RDKafkaRespErr, Sent};

use super::{ACTION, ACTIONS, ORDERS, due, published, resource_action, resource_action_value, topics, usual_and};

/// Far longer than a record takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

fn cluster() -> Kafka {
    let kafka = Kafka::start().unwrap();
    for topic in [ACTIONS, ORDERS] {
        kafka.topic(topic, 1).unwrap();
    }
    kafka
}

fn target(kafka: &Kafka, timeout: Duration) -> KafkaTarget {
    let connection = KafkaConnection::new(&[kafka.brokers()], "test", &KafkaSecurity::default(), None).unwrap();
    KafkaTarget::new(KafkaProducer::new(&connection, timeout).unwrap(), topics())
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
    let kafka = cluster();
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
    let kafka = cluster();
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
async fn an_effect_is_delivered_only_once_the_brokers_have_confirmed_it() {
    let kafka = cluster();
    let target = target(&kafka, Duration::from_secs(1));
    assert_eq!(target.attempt(&resource_action()).await, AttemptResult::Delivered);
    kafka.down().unwrap();
    let result = target.attempt(&published("orders", None, b"1")).await;
    assert!(matches!(&result, AttemptResult::Unavailable { .. }), "{result:?}");
    kafka.up().unwrap();
    let back = async { while target.attempt(&published("orders", None, b"1")).await != AttemptResult::Delivered {} };
    tokio::time::timeout(PATIENCE, back).await.expect("the target never came back");
    kafka.send(ORDERS, Sent { value: Some("after"), ..Sent::default() }).await.unwrap();
    let values: Vec<_> = kafka.read(ORDERS, 2).await.unwrap().into_iter().map(|read| read.value.unwrap()).collect();
    assert_eq!(values, [&b"1"[..], b"after"], "the attempt that was not confirmed has left nothing");
}

#[tokio::test]
async fn what_the_brokers_will_never_take_is_refused_and_says_what_to_do() {
    let kafka = cluster();
    let target = target(&kafka, PATIENCE);
    let cases = [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "raise the topic's max.message.bytes"),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD, "compare the topic's settings"),
    ];
    for (error, advice) in cases {
        kafka.fail(RDKafkaApiKey::Produce, &[error]);
        let reason = refused(target.attempt(&resource_action()).await);
        assert!(reason.contains(advice) && reason.contains(ACTIONS), "{reason}");
    }
    assert_eq!(target.attempt(&resource_action()).await, AttemptResult::Delivered, "the producer goes on");
    kafka.fail(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let reason = refused(target.attempt(&resource_action()).await);
    assert!(reason.contains("grant the host WRITE and DESCRIBE"), "{reason}");
}

#[tokio::test]
async fn a_topic_that_the_brokers_do_not_have_is_refused_once_librdkafka_gives_up() {
    let kafka = cluster();
    kafka.topic_error(ORDERS, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let reason = refused(target(&kafka, Duration::from_secs(2)).attempt(&published("orders", None, b"1")).await);
    assert!(reason.contains("have no topic prod.orders") && reason.contains("create it"), "{reason}");
}

#[tokio::test]
async fn a_logical_topic_that_is_not_mapped_is_refused_with_the_key_to_add() {
    let kafka = cluster();
    let reason = refused(target(&kafka, PATIENCE).attempt(&published("invoices", None, b"1")).await);
    assert!(reason.contains("add `invoices = \"TOPIC\"` under [kafka.topics]"), "{reason}");
}

#[tokio::test]
async fn an_effect_that_leaves_by_another_way_is_refused() {
    let kafka = cluster();
    let other = due(signalbox_store::EffectKind::CancelSchedule { name: "daily".to_owned() });
    refused(target(&kafka, PATIENCE).attempt(&other).await);
}
