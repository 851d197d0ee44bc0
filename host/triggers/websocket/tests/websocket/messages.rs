//! From a message to its answer.

use serde_json::json;
use signalbox_model::HumanDuration;
use signalbox_store::{DecisionQuery, Order};

use super::host::{Host, token};

/// On a busy machine a decision takes long; it must not cause an acknowledgement here.
const LATE: signalbox_model::HumanDuration = signalbox_model::HumanDuration::secs(60);

#[tokio::test]
async fn a_message_is_acknowledged_then_answered_and_can_be_found() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "o masă pentru doi").await;
    let started = client.next().await;
    assert_eq!(
        (&started["type"], &started["phase"], &started["node"]),
        (&json!("progress"), &json!("started"), &json!("echo"))
    );
    let ack = client.expect("ack").await;
    assert_eq!((&ack["messageId"], &ack["state"]), (&json!("m1"), &json!("decided")));
    assert_eq!(ack["answers"], 1);
    let response = client.expect("response").await;
    assert_eq!(response["content"]["text"], "re: o masă pentru doi");
    assert_eq!(response["messageId"], "m1");
    assert_eq!(response["decisionId"], ack["decisionId"]);
    assert_eq!(
        response["decision"],
        json!({"code": "ECHO", "type": "echo", "confidence": 1.0, "requiresHumanReview": false})
    );
    let id = ack["decisionId"].as_str().unwrap();
    let record = host.store.decision(id, "trattoria").await.unwrap().unwrap();
    assert_eq!(record.decision.context.input.correlation_id.as_deref(), ack["correlationId"].as_str());
    assert_eq!(record.decision.context.input.id, ack["inputId"]);
    assert_eq!(record.decision.context.user_permissions, Some(vec!["message".to_owned()]));
}

#[tokio::test]
async fn every_connection_of_the_user_gets_the_answer_and_no_other_does() {
    let host = Host::start().await;
    let mut asks = host.ana().await;
    let mut listens = host.ana().await;
    let mut other = host.connect(&token("dan", &[("trattoria", "coordinator")], 3_600)).await;
    asks.send_message("m1", "hi").await;
    asks.expect("ack").await;
    let heard = listens.expect("response").await;
    assert_eq!(asks.expect("response").await, heard);
    other.send(json!({"type": "ping"})).await;
    other.expect("pong").await;
}

#[tokio::test]
async fn a_message_sent_again_is_decided_once_and_answered_from_the_record() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "hi").await;
    let ack = client.expect("ack").await;
    let response = client.expect("response").await;
    drop(client);
    let mut again = host.ana().await;
    again.send_message("m1", "hi").await;
    let repeated = again.expect("ack").await;
    assert_eq!(repeated["state"], "duplicate");
    for field in ["inputId", "decisionId", "correlationId"] {
        assert_eq!(repeated[field], ack[field], "{field}");
    }
    assert_eq!(again.expect("response").await, response);
    assert_eq!(host.decider.started_texts(), ["hi"]);
}

#[tokio::test]
async fn a_message_sent_again_while_it_is_decided_joins_the_first() {
    let host = Host::start().await;
    let mut first = host.ana().await;
    let mut second = host.ana().await;
    first.send_message("m1", "wait:gate").await;
    assert_eq!(first.expect("ack").await["state"], "accepted");
    second.send_message("m1", "wait:gate").await;
    assert_eq!(second.expect("ack").await["state"], "accepted");
    host.decider.open("gate");
    for client in [&mut first, &mut second] {
        assert_eq!(client.expect("ack").await["state"], "decided");
        client.expect("response").await;
    }
    assert_eq!(host.decider.started_texts(), ["wait:gate"]);
}

#[tokio::test]
async fn an_id_used_again_with_other_content_is_refused() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "one").await;
    client.expect_answer().await;
    client.send_message("m1", "two").await;
    let error = client.expect_error("message_id_reused").await;
    assert_eq!((&error["errorType"], &error["details"]["messageId"]), (&json!("validation_error"), &json!("m1")));
    let mut other = host.ana().await;
    client.send_message("m2", "wait:gate").await;
    client.expect("ack").await;
    other.send_message("m2", "something else").await;
    other.expect_error("message_id_reused").await;
    host.decider.open("gate");
    client.expect("ack").await;
    let other_user = token("dan", &[("trattoria", "coordinator")], 3_600);
    let mut dan = host.connect(&other_user).await;
    dan.send_message("m1", "my own m1").await;
    assert_eq!(dan.expect_answer().await["messageId"], "m1", "ids of users are apart");
}

#[tokio::test]
async fn messages_of_one_business_are_answered_in_order_and_another_business_does_not_wait() {
    let host = Host::start().await;
    let both = token("ana", &[("trattoria", "coordinator"), ("clinic", "coordinator")], 3_600);
    let mut client = host.connect(&both).await;
    client.send_message("m1", "wait:gate").await;
    client.send_message("m2", "second").await;
    let elsewhere = json!({"type": "message", "id": "m3", "businessId": "clinic", "content": {"text": "elsewhere"}});
    client.send(elsewhere).await;
    let mut answered = Vec::new();
    while answered.len() < 3 {
        let frame = client.next().await;
        if frame["type"] == "response" {
            answered.push(frame["messageId"].as_str().unwrap().to_owned());
            if answered.len() == 1 {
                host.decider.open("gate");
            }
        }
    }
    assert_eq!(answered, ["m3", "m1", "m2"]);
}

#[tokio::test]
async fn progress_frames_are_not_sent_when_the_message_declines_them() {
    let host = Host::with(|settings| settings.intake.ack_after = LATE).await;
    let mut client = host.ana().await;
    let quiet = json!({
        "type": "message", "id": "m1", "businessId": "trattoria", "content": {"text": "hi"}, "progress": false
    });
    client.send(quiet).await;
    assert_eq!(client.next().await["type"], "ack");
    assert_eq!(client.next().await["type"], "response");
}

#[tokio::test]
async fn a_failed_graph_is_reported_to_the_client_and_recorded() {
    // On a busy machine an early acknowledgement would be a second one.
    let host = Host::with(|settings| settings.intake.ack_after = HumanDuration::secs(60)).await;
    let mut client = host.ana().await;
    client.send_message("m1", "fail").await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["answers"], 1, "the error is the answer");
    let error = client.expect_error("decision_failed").await;
    assert_eq!(error["errorType"], "processing_error");
    assert_eq!((&error["details"]["messageId"], &error["details"]["decisionId"]), (&json!("m1"), &ack["decisionId"]));
    assert_eq!(error["correlationId"], ack["correlationId"]);
    let (said, correlation_id) = (error["message"].as_str().unwrap(), ack["correlationId"].as_str().unwrap());
    assert!(said.contains(correlation_id) && !said.contains("`echo`"), "why is for the operator: {said}");
    client.send_message("m1", "fail").await;
    assert_eq!(client.expect("ack").await["state"], "duplicate");
    client.expect_error("decision_failed").await;
}

#[tokio::test]
async fn a_store_that_fails_gives_no_acknowledgement_but_a_reason_to_send_again() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "outage").await;
    let error = client.expect_error("store_unavailable").await;
    assert_eq!(error["errorType"], "internal_error");
    assert_eq!(error["details"]["retryable"], true);
    assert!(error["details"]["retryAfterMs"].as_u64().unwrap() > 0);
    host.decider.end_outage();
    client.send_message("m1", "outage").await;
    assert_eq!(client.expect("ack").await["state"], "decided");
    client.expect("response").await;
}

#[tokio::test]
async fn a_decision_that_panics_is_an_error_for_its_sender_only() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send_message("m1", "panic").await;
    client.expect_error("internal").await;
    client.send_message("m2", "hi").await;
    client.expect_answer().await;
}

#[tokio::test]
async fn records_that_the_user_may_not_see_look_like_missing_ones() {
    let host = Host::start().await;
    let businesses = json!({
        "trattoria": {"roles": ["coordinator"], "locations": ["bar"]},
        "clinic": {"roles": ["guest"]},
        "gone": {"roles": ["coordinator"]}
    });
    let exp = signalbox_model::Timestamp::now().as_second() + 3_600;
    let mut client =
        host.connect(&super::host::token_with(json!({"sub": "ana", "exp": exp, "businesses": businesses}))).await;
    let mut ask = async |business: &str, location: Option<&str>| {
        let id = format!("{business}-{}", location.unwrap_or("none"));
        let mut frame = json!({"type": "message", "id": id, "businessId": business, "content": {"text": "hi"}});
        if let Some(location) = location {
            frame["locationId"] = location.into();
        }
        client.send(frame).await;
        let frame = client.expect_either("ack", "error").await;
        if frame["type"] == "ack" {
            client.expect("response").await;
        }
        (frame["details"]["code"].as_str().map(str::to_owned), frame["message"].clone())
    };
    let unknown = ask("nowhere", None).await;
    assert_eq!(unknown.0.as_deref(), Some("business_not_found"));
    assert_eq!(ask("gone", None).await, unknown, "in the token, but not in the directory");
    assert_eq!(ask("trattoria", Some("terrace")).await, unknown, "a place that the token does not name");
    assert_eq!(ask("trattoria", Some("cellar")).await, unknown, "a place that is not there");
    assert_eq!(ask("clinic", None).await.0.as_deref(), Some("permission_missing"));
    assert_eq!(ask("trattoria", Some("bar")).await.0, None);
}

#[tokio::test]
async fn notifications_reach_their_audience_after_the_decision_is_stored() {
    let host = Host::start().await;
    let mut ana = host.ana().await;
    let mut manager = host.connect(&token("dan", &[("trattoria", "manager")], 3_600)).await;
    let mut elsewhere = host.connect(&token("eva", &[("clinic", "manager")], 3_600)).await;
    ana.send_message("m1", "notify:dan").await;
    let news = manager.expect("notification").await;
    assert_eq!(news["content"], json!({"news": "notify:dan"}));
    ana.send_message("m2", "broadcast:review").await;
    assert_eq!(manager.expect("notification").await["content"]["news"], "broadcast:review");
    ana.send_message("m3", "broadcast").await;
    assert_eq!(manager.expect("notification").await["content"]["news"], "broadcast");
    // Ana got her answers, and nothing that is for the staff.
    host.until_delivered().await;
    ana.send(json!({"type": "ping"})).await;
    let mut heard = Vec::new();
    loop {
        let frame = ana.next().await;
        match frame["type"].as_str().unwrap() {
            "pong" => break,
            "progress" | "ack" => {}
            other => heard.push(other.to_owned()),
        }
    }
    assert_eq!(heard, ["response", "response", "response"]);
    elsewhere.send(json!({"type": "ping"})).await;
    elsewhere.expect("pong").await;
    let page = host
        .store
        .decisions(&DecisionQuery {
            business_id: "trattoria".to_owned(),
            before: None,
            after: None,
            limit: 10,
            order: Order::OldestFirst,
        })
        .await
        .unwrap();
    assert_eq!(page.items.len(), 3);
}

#[tokio::test]
async fn a_slow_decision_is_acknowledged_before_it_is_made() {
    let host = Host::with(|settings| settings.intake.ack_after = HumanDuration::millis(20)).await;
    let mut client = host.ana().await;
    client.send_message("m1", "wait:gate").await;
    let accepted = client.expect("ack").await;
    assert_eq!(accepted["state"], "accepted");
    let stored = host.store.pending_inputs(10).await.unwrap();
    assert_eq!(stored[0].input.id, accepted["inputId"], "the acknowledgement came after the write");
    host.decider.open("gate");
    let decided = client.expect("ack").await;
    assert_eq!((&decided["state"], &decided["decisionId"]), (&json!("decided"), &accepted["decisionId"]));
    client.expect("response").await;
    assert!(host.store.pending_inputs(10).await.unwrap().is_empty(), "and nothing is left to recover");
}
