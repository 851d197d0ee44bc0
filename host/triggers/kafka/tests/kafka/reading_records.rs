use serde_json::{Value, json};
use signalbox_executor::HandlerEvent;
use signalbox_model::{InputType, Source};
use signalbox_store::DecisionRecord;
use signalbox_tests_support::Sent;

use super::host::{Host, INPUTS, cluster, committed, input, send_input, send_keyed, until};

fn data(decision: &DecisionRecord) -> Value {
    Value::Object(decision.decision.context.input.content.data.clone().unwrap())
}

#[tokio::test]
async fn an_input_is_decided_as_it_stands_and_then_committed() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "a table").await;
    let decisions = host.decided("trattoria", 1).await;
    let decided = &decisions[0].decision.context.input;
    assert_eq!(serde_json::to_value(decided).unwrap(), input("i-1", "a table"));
    committed(&kafka, INPUTS, 1).await;
}

#[tokio::test]
async fn a_record_of_a_bundles_topic_is_the_data_of_an_input_that_says_where_it_stood() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let headers = [("business-id", "clinic"), ("correlation-id", "cor-7")];
    let record = Sent { key: Some("o-1"), value: Some(r#"{"order":7}"#), headers: &headers, partition: Some(1) };
    let (partition, offset) = kafka.send("orders", record).await.unwrap();
    let decisions = host.decided("clinic", 1).await;
    assert_eq!(data(&decisions[0]), json!({"order": 7}));
    let input = &decisions[0].decision.context.input;
    assert_eq!((input.source, input.input_type), (Source::Kafka, InputType::KafkaRecord));
    assert_eq!((input.user_id.as_deref(), input.correlation_id.as_deref()), (None, Some("cor-7")));
    let mut metadata = input.content.metadata.clone().unwrap();
    assert!(metadata.remove("timestamp").unwrap().is_string());
    let expected = json!({"topic": kafka.name("orders"), "partition": partition, "offset": offset, "key": "o-1"});
    assert_eq!(Value::Object(metadata), expected);
}

#[tokio::test]
async fn the_business_is_the_one_the_header_names_else_the_key_else_the_only_one() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let header = [("business-id", "clinic")];
    let told = |text| json!({"text": text}).to_string();
    let (by_header, by_key, only) = (told("by header"), told("by key"), told("the only one"));
    let record = Sent { key: Some("trattoria"), value: Some(&by_header), headers: &header, ..Sent::default() };
    kafka.send("events", record).await.unwrap();
    kafka.send("events", Sent { key: Some("trattoria"), value: Some(&by_key), ..Sent::default() }).await.unwrap();
    kafka.send("till", Sent { key: Some("table-4"), value: Some(&only), ..Sent::default() }).await.unwrap();
    host.decided("clinic", 1).await;
    host.decided("trattoria", 2).await;
    assert_eq!(host.texts().await, ["by key", "the only one"]);
}

#[tokio::test]
async fn a_handler_makes_no_input_one_or_many_and_sees_the_whole_record() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let headers = [("business-id", "trattoria"), ("trace", "1"), ("trace", "2")];
    let values = [Some(r#"{"do":"nothing"}"#), None, Some(r#"{"texts":["one","two","three"]}"#)];
    for value in values {
        let record = Sent { key: Some("k"), value, headers: &headers, partition: Some(0) };
        kafka.send("events", record).await.unwrap();
    }
    host.decided("trattoria", 3).await;
    assert_eq!(host.started(3).await, ["one", "two", "three"], "in the order in which the handler gave them");
    committed(&kafka, "events", 3).await;
    let events = host.decider.events();
    assert_eq!(events.len(), 3);
    let HandlerEvent::Kafka { topic, partition, offset, key, headers, value, timestamp } = &events[1].event else {
        panic!("{events:?}")
    };
    assert_eq!((topic, *partition, *offset, value), (&kafka.name("events"), 0, 1, &None));
    assert_eq!((key.as_deref(), timestamp.is_some()), (Some(b"k".as_slice()), true));
    let traces: Vec<_> = headers.iter().filter(|(name, _)| name == "trace").map(|(_, value)| value.clone()).collect();
    assert_eq!(traces, [b"1", b"2"]);
}

#[tokio::test]
async fn the_same_input_twice_is_decided_once_and_both_records_are_committed() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    for _ in 0..2 {
        send_input(&kafka, "i-1", "a table").await;
    }
    committed(&kafka, INPUTS, 2).await;
    host.decided("trattoria", 1).await;
    assert_eq!(host.started(1).await.len(), 1);
}

#[tokio::test]
async fn an_input_waits_for_an_unavailable_store_and_later_ones_keep_their_order() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_keyed(&kafka, "k", "i-1", "outage").await;
    send_keyed(&kafka, "k", "i-2", "behind").await;
    let decider = &host.decider;
    until("several tries", async || decider.store_failures() >= 3).await;
    assert!(!decider.started_texts().contains(&"behind".to_owned()), "{:?}", decider.started_texts());
    decider.end_outage();
    host.decided("trattoria", 2).await;
    committed(&kafka, INPUTS, 2).await;
}
