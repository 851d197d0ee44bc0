use serde_json::{Value, json};
use signalbox_model::HumanSize;
use signalbox_tests_decider::handlers;
use signalbox_tests_support::{Kafka, Read, Sent};

use super::host::{DEAD, Host, INPUTS, cluster, committed, input, inputs, send_input, until};

/// Sends a record, and then a valid one; returns the dead letter that the first became.
async fn poison(kafka: &Kafka, host: &Host, topic: &str, record: Sent<'_>) -> Read {
    kafka.send(topic, Sent { partition: Some(0), ..record }).await.unwrap();
    send_input(kafka, "fine", "fine").await;
    let dead = kafka.read(DEAD, 1).await.unwrap();
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["fine"], "the next record is decided all the same");
    committed(kafka, topic, if topic == INPUTS { 2 } else { 1 }).await;
    dead[0].clone()
}

fn changed(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut value = input("i-1", "a table");
    change(value.as_object_mut().unwrap());
    value.to_string()
}

#[tokio::test]
async fn a_dead_letter_has_the_whole_record_its_position_and_the_reason() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let headers = [("trace", "1"), ("correlation-id", "cor-9"), ("trace", "2")];
    let record = Sent { key: Some("k"), value: Some("no JSON"), headers: &headers, ..Sent::default() };
    let dead = poison(&kafka, &host, INPUTS, record).await;
    assert_eq!((dead.key.as_deref(), dead.value.as_deref()), (Some(&b"k"[..]), Some(&b"no JSON"[..])));
    let traces: Vec<_> = dead.headers.iter().filter(|(name, _)| name == "trace").map(|(_, value)| value).collect();
    assert_eq!(traces, ["1", "2"]);
    let topic = kafka.name(INPUTS);
    let expected = [
        ("dead-letter-reason", "value_no_json_object"),
        ("dead-letter-topic", &topic),
        ("dead-letter-partition", "0"),
        ("dead-letter-offset", "0"),
        ("correlation-id", "cor-9"),
    ];
    for (name, value) in expected {
        assert_eq!(dead.header(name), Some(value), "{dead:?}");
    }
    assert!(dead.header("dead-letter-message").unwrap().contains("no JSON object"), "{dead:?}");
    assert!(dead.header("dead-letter-timestamp").unwrap().parse::<i64>().unwrap() > 0, "{dead:?}");
}

#[tokio::test]
async fn a_record_that_is_not_an_input_becomes_a_dead_letter_with_its_reason() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let cases: Vec<(&str, Option<String>)> = vec![
        ("value_empty", None),
        ("value_empty", Some(String::new())),
        ("value_no_json_object", Some("[]".to_owned())),
        ("value_no_json_object", Some("{".to_owned())),
        ("value_no_json_object", Some(r#"{"id":"a","id":"b"}"#.to_owned())),
        ("input_invalid", Some("{}".to_owned())),
        ("input_invalid", Some(changed(|input| drop(input.insert("extra".to_owned(), json!(1)))))),
        ("input_invalid", Some(changed(|input| drop(input.insert("id".to_owned(), json!("two words")))))),
        ("input_invalid", Some(changed(|input| drop(input.insert("type".to_owned(), json!("review")))))),
        ("input_invalid", Some(changed(|input| drop(input.insert("correlationId".to_owned(), json!("\n")))))),
        ("input_invalid", Some(changed(|input| drop(input.insert("userId".to_owned(), json!("")))))),
        ("content_empty", Some(changed(|input| drop(input.insert("content".to_owned(), json!({})))))),
        (
            "content_too_deep",
            Some(changed(|input| {
                let data: Value = serde_json::from_str(&deep).unwrap();
                input.insert("content".to_owned(), json!({"data": data}));
            })),
        ),
        ("business_not_found", Some(changed(|input| drop(input.insert("businessId".to_owned(), json!("nowhere")))))),
        ("location_not_found", Some(changed(|input| drop(input.insert("locationId".to_owned(), json!("nowhere")))))),
    ];
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    for (_, value) in &cases {
        let record = Sent { key: Some("k"), value: value.as_deref(), partition: Some(0), ..Sent::default() };
        kafka.send(INPUTS, record).await.unwrap();
    }
    send_input(&kafka, "fine", "fine").await;
    let dead = kafka.read(DEAD, cases.len()).await.unwrap();
    // One key means one lane and one partition: the dead letters are in the order in which the records were written.
    for (dead, (reason, value)) in dead.iter().zip(&cases) {
        assert_eq!(dead.header("dead-letter-reason"), Some(*reason), "{value:?}: {dead:?}");
        assert_eq!(dead.value.as_deref().unwrap_or_default(), value.as_deref().unwrap_or_default().as_bytes());
    }
    host.decided("trattoria", 1).await;
    committed(&kafka, INPUTS, cases.len() as i64 + 1).await;
}

#[tokio::test]
async fn a_record_without_a_business_becomes_a_dead_letter_with_its_reason() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    host.decider.undeploy("clinic");
    let of = |id| [("business-id", id)];
    let twice = [("business-id", "trattoria"), ("business-id", "clinic")];
    let (nowhere, clinic) = (of("nowhere"), of("clinic"));
    let cases = [("business_not_found", &nowhere[..]), ("business_missing", &twice[..]), ("no_bundle", &clinic[..])];
    for (_, headers) in cases {
        let record = Sent { key: Some("k"), value: Some("{}"), headers, partition: Some(0) };
        kafka.send("orders", record).await.unwrap();
    }
    let dead = kafka.read(DEAD, cases.len()).await.unwrap();
    let reasons: Vec<_> = dead.iter().map(|dead| dead.header("dead-letter-reason").unwrap()).collect();
    assert_eq!(reasons, cases.map(|(reason, _)| reason));
    committed(&kafka, "orders", 3).await;
    assert!(host.decisions("trattoria").await.is_empty());

    host.decider.deploy("clinic", inputs(&kafka, "clinic"));
    kafka.send("orders", Sent { key: Some("k"), value: Some("{}"), ..Sent::default() }).await.unwrap();
    let record = Sent { key: Some("k"), value: Some("{}"), headers: &clinic, ..Sent::default() };
    kafka.send("till", record).await.unwrap();
    let dead = kafka.read(DEAD, 5).await.unwrap();
    let mut reasons: Vec<_> = dead.iter().skip(3).map(|dead| dead.header("dead-letter-reason").unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        ["business_missing", "topic_not_read"],
        "two businesses read one, the other is not the clinic's"
    );
}

#[tokio::test]
async fn without_a_handler_a_value_has_to_be_a_json_object() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let values = [None, Some(""), Some("7"), Some("[{}]"), Some(r#"{"a":NaN}"#), Some("{} {}")];
    for value in values {
        let record = Sent { key: Some("trattoria"), value, partition: Some(0), ..Sent::default() };
        kafka.send("orders", record).await.unwrap();
    }
    let dead = kafka.read(DEAD, values.len()).await.unwrap();
    let reasons: Vec<_> = dead.iter().map(|dead| dead.header("dead-letter-reason").unwrap()).collect();
    let (empty, other) = ("value_empty", "value_no_json_object");
    assert_eq!(reasons, [empty, empty, other, other, other, other]);
    assert!(host.decisions("trattoria").await.is_empty());
}

#[tokio::test]
async fn a_record_that_is_too_large_becomes_a_dead_letter_unchanged() {
    let kafka = cluster().await;
    let host = Host::with(&kafka, |settings| settings.kafka.record_size = HumanSize(1_000)).await;
    let large = changed(|input| drop(input.insert("content".to_owned(), json!({"text": "x".repeat(1_000)}))));
    let dead = poison(&kafka, &host, INPUTS, Sent { value: Some(&large), ..Sent::default() }).await;
    assert_eq!(dead.header("dead-letter-reason"), Some("record_too_large"));
    assert_eq!(dead.value.as_deref(), Some(large.as_bytes()));
}

#[tokio::test]
async fn a_refused_record_becomes_a_dead_letter_and_a_broken_handler_is_retried_a_few_times() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let cases = [
        ("invalid", "handler_invalid", 1),
        ("forbidden", "handler_forbidden", 1),
        ("broken", "internal", 3),
        ("panic", "internal", 3),
    ];
    for (number, (what, reason, tries)) in cases.into_iter().enumerate() {
        let before = host.decider.events().len();
        let value = json!({"do": what}).to_string();
        let record = Sent { key: Some("trattoria"), value: Some(&value), partition: Some(0), ..Sent::default() };
        kafka.send("events", record).await.unwrap();
        let dead = kafka.read(DEAD, number + 1).await.unwrap();
        let dead = dead.last().unwrap();
        assert_eq!(dead.header("dead-letter-reason"), Some(reason), "{what}");
        let told = dead.header("dead-letter-message").unwrap();
        assert_eq!(told.contains("400 guests"), tries == 1, "{told}");
        assert_eq!(host.decider.events().len() - before, tries, "{what}");
    }
    committed(&kafka, "events", 4).await;
    assert!(host.decisions("trattoria").await.is_empty());
}

#[tokio::test]
async fn a_handler_that_is_not_available_is_asked_until_it_is() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let value = json!({"do": "unavailable", "text": "at last"}).to_string();
    kafka
        .send("till", Sent { key: Some("k"), value: Some(&value), partition: Some(0), ..Sent::default() })
        .await
        .unwrap();
    until("many tries", async || host.decider.events().len() > 5).await;
    host.decider.set_handler(handlers::instructions_after_outage);
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["at last"]);
    committed(&kafka, "till", 1).await;
}

#[tokio::test]
async fn a_record_that_may_belong_to_an_unloaded_business_waits_and_goes_to_no_other() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    host.decider.set_lacks_a_business(true);
    let value = json!({"text": "whose?"}).to_string();
    // The trattoria is the only loaded business, and reads the topic.
    kafka
        .send("till", Sent { key: Some("k"), value: Some(&value), partition: Some(0), ..Sent::default() })
        .await
        .unwrap();
    until("many tries", async || host.decider.asked_for_lacking_readers() > 5).await;
    assert_eq!(host.decider.events().len(), 0, "nobody was given it");
    host.decider.set_lacks_a_business(false);
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["whose?"]);
    committed(&kafka, "till", 1).await;
}

#[tokio::test]
async fn the_same_id_with_other_content_becomes_a_dead_letter() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "a table").await;
    send_input(&kafka, "i-1", "another table").await;
    let dead = kafka.read(DEAD, 1).await.unwrap();
    assert_eq!(dead[0].header("dead-letter-reason"), Some("input_id_reused"));
    host.decided("trattoria", 1).await;
    assert_eq!(host.texts().await, ["a table"]);
}

#[tokio::test]
async fn a_record_whose_decision_failed_becomes_a_dead_letter_and_the_next_one_is_decided() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    send_input(&kafka, "i-1", "fail").await;
    send_input(&kafka, "i-2", "fine").await;
    let dead = kafka.read(DEAD, 1).await.unwrap();
    assert_eq!(dead[0].value.as_deref(), Some(input("i-1", "fail").to_string().as_bytes()));
    assert_eq!(dead[0].header("dead-letter-reason"), Some("decision_failed"));
    let told = dead[0].header("dead-letter-message").unwrap();
    assert!(told.contains("decisions show dec_"), "{told}");
    assert!(!told.contains("node `echo`"), "whoever reads the topic learns nothing of the plugin: {told}");
    host.decided("trattoria", 2).await;
    committed(&kafka, INPUTS, 2).await;
    assert_eq!(
        host.decider.started_texts().iter().filter(|text| *text == "fail").count(),
        1,
        "a recorded decision stands"
    );
}

#[tokio::test]
async fn a_record_of_several_inputs_becomes_one_dead_letter_after_all_of_them_are_decided() {
    let kafka = cluster().await;
    let host = Host::start(&kafka).await;
    let value = json!({"texts": ["one", "fail", "three"]}).to_string();
    kafka
        .send("till", Sent { key: Some("k"), value: Some(&value), partition: Some(0), ..Sent::default() })
        .await
        .unwrap();
    committed(&kafka, "till", 1).await;
    let dead = kafka.read(DEAD, 1).await.unwrap();
    assert_eq!(dead[0].header("dead-letter-reason"), Some("decision_failed"));
    host.decided("trattoria", 3).await;
}
