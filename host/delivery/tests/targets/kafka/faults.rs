//! Brokers that refuse, lack a topic or go away. Only the mock cluster does so when it is told to, so that these tests
//! use it even where the environment has a real one.

use std::time::Duration;

use signalbox_delivery::{AttemptResult, EffectTarget as _};
use signalbox_tests_support::{MockKafka, RDKafkaApiKey, RDKafkaRespErr, Sent};

use super::super::{ACTIONS, ORDERS, published, resource_action};
use super::{PATIENCE, refused, target};

async fn cluster() -> MockKafka {
    let kafka = MockKafka::start().unwrap();
    kafka.topics(&[ACTIONS, ORDERS], 1).await.unwrap();
    kafka
}

#[tokio::test]
async fn an_effect_is_delivered_only_once_the_brokers_have_confirmed_it() {
    let kafka = cluster().await;
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
    let kafka = cluster().await;
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
    let kafka = cluster().await;
    kafka.topic_error(ORDERS, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let reason = refused(target(&kafka, Duration::from_secs(2)).attempt(&published("orders", None, b"1")).await);
    assert!(reason.contains("have no topic prod.orders") && reason.contains("create it"), "{reason}");
}
