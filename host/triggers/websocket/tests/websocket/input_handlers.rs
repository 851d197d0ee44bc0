//! Messages of businesses whose bundle names a handler for them.

use serde_json::{Value, json};

use super::client::Client;
use super::host::{Host, token};

async fn dan(host: &Host) -> Client {
    host.connect(&token("dan", &[("handled", "coordinator"), ("silent", "coordinator")], 3_600)).await
}

async fn send_message(client: &mut Client, id: &str, text: &str) {
    client.send(json!({"type": "message", "id": id, "businessId": "handled", "content": {"text": text}})).await;
}

/// The texts of `count` answers to a message, and the last acknowledgement among them.
async fn answers(client: &mut Client, id: &str, count: usize) -> (Vec<String>, Value) {
    let (mut texts, mut last) = (Vec::new(), Value::Null);
    while texts.len() < count || last["state"] == "accepted" || last.is_null() {
        let frame = client.expect_either("ack", "response").await;
        assert_eq!(frame["messageId"], id, "{frame}");
        if frame["type"] == "ack" {
            last = frame;
        } else {
            texts.push(frame["content"]["text"].as_str().unwrap().to_owned());
        }
    }
    texts.sort_unstable();
    (texts, last)
}

#[tokio::test]
async fn a_handler_makes_inputs_of_a_message_and_each_is_answered() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    send_message(&mut client, "m1", "one two three").await;
    let (texts, ack) = answers(&mut client, "m1", 3).await;
    assert_eq!(texts, ["re: one", "re: three", "re: two"]);
    assert_eq!((&ack["state"], &ack["answers"]), (&json!("decided"), &json!(3)));
    let others = ack["others"].as_array().unwrap();
    assert_eq!(others.len(), 2);
    for input in others.iter().chain([&ack]) {
        let record = host.store.decision(input["decisionId"].as_str().unwrap(), "handled").await.unwrap().unwrap();
        let input = record.decision.context.input;
        assert_eq!(
            (input.user_id.as_deref(), input.correlation_id.as_deref()),
            (Some("dan"), ack["correlationId"].as_str())
        );
    }
}

#[tokio::test]
async fn a_message_of_several_inputs_is_acknowledged_only_once_all_of_them_are_safe() {
    let host = Host::with(|settings| settings.intake.ack_after = signalbox_model::HumanDuration::millis(1)).await;
    let mut client = dan(&host).await;
    send_message(&mut client, "m1", "wait:a wait:b").await;
    let ack = client.expect("ack").await;
    assert_eq!((&ack["state"], ack["others"].as_array().map(Vec::len)), (&json!("accepted"), Some(1)));
    assert_eq!(host.store.pending_inputs(10).await.unwrap().len(), 2, "whoever hears the ack may forget the message");
    host.decider.open("a");
    host.decider.open("b");
    let (texts, ack) = answers(&mut client, "m1", 2).await;
    assert_eq!((texts.len(), &ack["state"]), (2, &json!("decided")));
}

#[tokio::test]
async fn a_message_sent_again_is_handled_to_the_same_inputs_and_answered_from_the_record() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    send_message(&mut client, "m1", "one two").await;
    let (first, ack) = answers(&mut client, "m1", 2).await;
    send_message(&mut client, "m1", "one two").await;
    let (again, duplicate) = answers(&mut client, "m1", 2).await;
    assert_eq!(first, again);
    assert_eq!((&duplicate["state"], &duplicate["decisionId"]), (&json!("duplicate"), &ack["decisionId"]));
    assert_eq!(host.decider.started_texts().len(), 2, "nothing is decided twice");
    let handled = host.decider.events().into_iter().map(|call| call.event_id).collect::<Vec<_>>();
    assert!(matches!(&handled[..], [one, other] if one == other), "an event that comes again has its id: {handled:?}");
}

#[tokio::test]
async fn a_message_that_asks_for_no_decision_is_acknowledged_as_handled() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    send_message(&mut client, "m1", "nothing").await;
    let ack = client.expect("ack").await;
    assert_eq!((&ack["state"], &ack["answers"]), (&json!("handled"), &json!(0)));
    assert!(ack.get("decisionId").is_none() && ack.get("reply").is_none(), "{ack}");
    send_message(&mut client, "m2", "one").await;
    answers(&mut client, "m2", 1).await;
}

#[tokio::test]
async fn the_reply_of_a_handler_comes_with_the_acknowledgement() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    send_message(&mut client, "m1", "thanks").await;
    let ack = client.expect("ack").await;
    assert_eq!(ack["reply"], json!({"data": {"welcome": true}}));
}

#[tokio::test]
async fn a_handlers_refusal_becomes_an_error_that_says_what_to_do_and_the_connection_lives_on() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    for (text, code, error_type, retryable) in [
        ("no", "handler_invalid", "validation_error", false),
        ("forbidden", "handler_forbidden", "auth_failed", false),
        ("later", "handler_unavailable", "processing_error", true),
        ("broken", "handler_broken", "internal_error", false),
    ] {
        send_message(&mut client, text, text).await;
        let error = client.expect_error(code).await;
        assert_eq!(
            (&error["errorType"], &error["details"]["messageId"]),
            (&json!(error_type), &json!(text)),
            "{error}"
        );
        assert_eq!(error["details"]["retryable"], retryable);
        assert_eq!(error["details"].get("retryAfterMs").is_some(), retryable);
        assert!(!error["message"].as_str().unwrap().contains("wasm"), "what a plugin did is for the log: {error}");
    }
    send_message(&mut client, "m1", "still here").await;
    answers(&mut client, "m1", 2).await;
}

#[tokio::test]
async fn a_business_whose_bundle_takes_no_messages_says_so() {
    let host = Host::start().await;
    let mut client = dan(&host).await;
    client.send(json!({"type": "message", "id": "m1", "businessId": "silent", "content": {"text": "hi"}})).await;
    let error = client.expect_error("websocket_not_offered").await;
    assert_eq!(error["details"]["messageId"], "m1");
    assert!(host.decider.started_texts().is_empty());
}
