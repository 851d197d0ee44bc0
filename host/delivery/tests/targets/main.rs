//! What the targets of effects promise: a record holds what the guide says, an effect counts as delivered once its
//! target has confirmed it, and a failed attempt says whether the effect, the topic or the whole target is the cause.
//!
//! Kafka is librdkafka's mock cluster, which refuses no record for its size and has no access rules: these errors are
//! set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking, and clippy knows only functions marked as tests"
)]

mod development_sink;
mod hints;
mod http;
mod kafka;
mod notifications;

use std::sync::Arc;

use serde_json::{Value, json};
use signalbox_delivery::{DueEffect, KafkaTopics};
use signalbox_model::ReplySlot;
use signalbox_store::{DecisionRecord, Effect, EffectKind};

const ACTIONS: &str = "resource-actions";
const ORDERS: &str = "prod.orders";
const FALLBACK: &str = "fallback";

/// Plugins know one topic, `orders`.
fn topics() -> KafkaTopics {
    let published = [("orders".to_owned(), ORDERS.to_owned())].into();
    KafkaTopics { resource_actions: ACTIONS.to_owned(), published, fallback: Some(FALLBACK.to_owned()) }
}

/// An effect of a decision of the trattoria, under the id `act_1`.
fn due(kind: EffectKind) -> DueEffect {
    let input = json!({
        "id": "in_1", "source": "websocket", "userId": "ana", "businessId": "trattoria", "correlationId": "cor_1",
        "type": "user_message", "content": {"text": "hi"}, "timestamp": "2026-01-01T00:00:00Z"
    });
    let info = json!({"businessId": "trattoria", "name": "Trattoria", "type": "restaurant"});
    let effect = Effect::pending("act_1", kind);
    let record = DecisionRecord {
        decision: serde_json::from_value(json!({
            "id": "dec_1", "businessId": "trattoria", "decisionCode": "BOOK", "decisionType": "booking",
            "context": {"input": input, "businessInfo": info}, "reasoning": "asked", "confidence": 0.75,
            "outcome": "decided", "businessType": "restaurant", "locationId": "bar",
            "createdAt": "2026-01-01T00:00:01Z",
        }))
        .unwrap(),
        output: serde_json::from_value(json!({
            "id": "dec_1", "inputId": "in_1", "decisionCode": "BOOK", "decisionType": "booking", "confidence": 0.75,
            "reasoning": "asked", "actions": [], "responses": [], "requiresHumanReview": false, "processingTime": 1,
            "metadata": {"generation": "sha256:0", "bundleVersion": "1", "path": [], "journalId": "dec_1"}
        }))
        .unwrap(),
        reply: ReplySlot::Websocket { user_id: "ana".to_owned(), message_id: "m1".to_owned() },
        session: None,
        review: None,
        effects: vec![effect.clone()],
        lease: None,
    };
    DueEffect { record: Arc::new(record), effect }
}

/// A table is booked, not before noon.
fn resource_action() -> DueEffect {
    let action = json!({
        "id": "act_1", "type": "resource_action", "target": "table", "payload": {"table": 7, "note": "lângă geam"},
        "priority": "high", "executeAt": "2026-01-01T12:00:00Z"
    });
    due(EffectKind::Action(serde_json::from_value(action).unwrap()))
}

/// What the service that owns tables is given.
fn resource_action_value() -> Value {
    json!({
        "id": "act_1", "type": "resource_action", "target": "table", "payload": {"table": 7, "note": "lângă geam"},
        "priority": "high", "executeAt": "2026-01-01T12:00:00Z",
        "decision": {"id": "dec_1", "code": "BOOK", "type": "booking", "confidence": 0.75},
        "businessId": "trattoria", "businessType": "restaurant", "locationId": "bar", "correlationId": "cor_1",
        "createdAt": "2026-01-01T00:00:01Z"
    })
}

/// A response, a notification to one user, and one to the staff of a place; each with its value on the fallback topic.
fn messages_to_people() -> [(DueEffect, Value); 3] {
    let value = |own: Value| {
        let mut value = json!({
            "id": "act_1", "decision": {"id": "dec_1", "code": "BOOK", "type": "booking", "confidence": 0.75},
            "businessId": "trattoria", "businessType": "restaurant", "locationId": "bar", "correlationId": "cor_1",
            "createdAt": "2026-01-01T00:00:01Z"
        });
        value.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        value
    };
    let mut answered = due(EffectKind::Response { recipient: "ana".to_owned() });
    let mut record = (*answered.record).clone();
    record.output.responses = serde_json::from_value(json!([{
        "id": "act_1", "target": "websocket", "recipient": "ana", "content": {"text": "done", "data": {"table": 7}},
        "timestamp": "2026-01-01T00:00:01Z"
    }]))
    .unwrap();
    answered.record = Arc::new(record);
    let response = json!({"type": "response", "userId": "ana", "content": {"text": "done", "data": {"table": 7}}});
    let notice = |to: Value| {
        let mut notice = json!({"content": {"news": "a table is free"}});
        notice.as_object_mut().unwrap().extend(to.as_object().unwrap().clone());
        due(serde_json::from_value(json!({"notification": notice})).unwrap())
    };
    let to_dan = json!({"type": "notification", "userId": "dan", "content": {"news": "a table is free"}});
    let audience = json!({"locationId": "bar", "permission": "review", "everyLocation": false, "everyone": false});
    let to_staff = json!({"type": "notification", "audience": audience, "content": {"news": "a table is free"}});
    [
        (answered, value(response)),
        (notice(json!({"userId": "dan"})), value(to_dan)),
        (notice(json!({"permission": "review"})), value(to_staff)),
    ]
}

/// A plugin's record with two headers of its own, one of them under a name of the host's.
fn published(topic: &str, key: Option<&str>, value: &[u8]) -> DueEffect {
    let headers = [("Signalbox-Business-Id", "another"), ("trace", "1")];
    due(EffectKind::KafkaRecord {
        topic: topic.to_owned(),
        key: key.map(str::to_owned),
        value: value.to_vec(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    })
}

/// The headers that every record of these decisions has.
const USUAL: [(&str, &str); 6] = [
    ("signalbox-idempotency-key", "act_1"),
    ("signalbox-decision-id", "dec_1"),
    ("signalbox-decision-code", "BOOK"),
    ("signalbox-business-id", "trattoria"),
    ("signalbox-business-type", "restaurant"),
    ("signalbox-correlation-id", "cor_1"),
];

fn usual_and(own: &[(&str, &str)]) -> Vec<(String, String)> {
    USUAL.iter().chain(own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The headers that the resource action has besides.
const ACTION: [(&str, &str); 3] = [
    ("signalbox-priority", "high"),
    ("signalbox-execute-at", "2026-01-01T12:00:00Z"),
    ("content-type", "application/json"),
];
