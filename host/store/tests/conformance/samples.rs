use serde_json::{Value, json};
use signalbox_model::{
    ActionType, AgentAction, AgentInput, AgentOutput, JsonObject, MessageModel, Priority, ReplySlot, Timestamp,
};
use signalbox_store::{AcceptedInput, DecisionRecord, Effect, EffectKind, RowKey, RowScope, SessionUpdate};
use ulid::Ulid;

/// A name that no other test uses, so that tests may share tables.
pub fn unique(what: &str) -> String {
    format!("{what}-{}", Ulid::new().to_string().to_lowercase())
}

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// A moment of one afternoon.
pub fn minute(minute: u32) -> Timestamp {
    at(&format!("2026-11-23T17:{minute:02}:00Z"))
}

pub fn object(value: Value) -> JsonObject {
    value.as_object().unwrap().clone()
}

pub fn input(business_id: &str, id: &str) -> AgentInput {
    serde_json::from_value(json!({
        "id": id,
        "source": "websocket",
        "userId": "user-1",
        "businessId": business_id,
        "type": "user_message",
        "content": { "text": "O masă pentru patru, vă rog." },
        "timestamp": "2026-11-23T17:00:00Z",
        "correlationId": "cor-1",
    }))
    .unwrap()
}

pub fn accepted(business_id: &str, id: &str, accepted_at: Timestamp) -> AcceptedInput {
    AcceptedInput {
        input: input(business_id, id),
        permissions: vec!["message".to_owned()],
        reply: ReplySlot::None,
        accepted_at,
        fingerprint: None,
    }
}

/// A decision on an input of this id, without effects.
pub fn record(business_id: &str, input_id: &str, created_at: Timestamp) -> DecisionRecord {
    let id = signalbox_model::decision_id(business_id, input_id);
    let decision = serde_json::from_value(json!({
        "id": id,
        "businessId": business_id,
        "decisionCode": "booking.confirmed",
        "decisionType": "booking",
        "context": {
            "input": input(business_id, input_id),
            "businessInfo": { "businessId": business_id, "name": "La Mama", "type": "restaurant" },
        },
        "reasoning": "a table for four is free",
        "confidence": 0.875,
        "outcome": "decided",
        "businessType": "restaurant",
        "createdAt": created_at,
    }))
    .unwrap();
    let output: AgentOutput = serde_json::from_value(json!({
        "id": id,
        "inputId": input_id,
        "decisionCode": "booking.confirmed",
        "decisionType": "booking",
        "confidence": 0.875,
        "reasoning": "a table for four is free",
        "actions": [],
        "responses": [],
        "requiresHumanReview": false,
        "processingTime": 12,
        "metadata": {
            "generation": "sha256:00",
            "bundleVersion": "1.0.0",
            "path": [{ "node": "classify", "step": 1, "attempt": 1, "micros": 150, "result": "done" }],
            "journalId": id,
        },
    }))
    .unwrap();
    let reply = ReplySlot::Websocket { user_id: "user-1".to_owned(), message_id: input_id.to_owned() };
    DecisionRecord { decision, output, reply, session: None, review: None, effects: Vec::new(), lease: None }
}

pub fn action(id: &str, execute_at: Option<Timestamp>) -> EffectKind {
    EffectKind::Action(AgentAction {
        id: id.to_owned(),
        action_type: ActionType::ResourceAction,
        target: "table".to_owned(),
        payload: object(json!({ "seats": 4 })),
        priority: Priority::High,
        execute_at,
        retry_policy: None,
    })
}

pub fn kafka_record(value: &[u8]) -> EffectKind {
    EffectKind::KafkaRecord {
        topic: "orders".to_owned(),
        key: Some("k".to_owned()),
        value: value.to_vec(),
        headers: vec![("h".to_owned(), "v".to_owned())],
    }
}

pub fn with_effects(mut record: DecisionRecord, effects: Vec<Effect>) -> DecisionRecord {
    record.effects = effects;
    record
}

pub fn with_session(mut record: DecisionRecord, data: Value, expires_at: Timestamp) -> DecisionRecord {
    record.session = Some(SessionUpdate { user_id: "user-1".to_owned(), data: object(data), expires_at });
    record
}

/// Text that hardly compresses.
pub fn noise(length: usize) -> String {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + u8::try_from(state % 94).unwrap())
    };
    (0..length).map(|_| next()).filter(|letter| !matches!(letter, '"' | '\\')).collect()
}

pub fn message_model(decision_code: &str, version: &str, template: &str) -> MessageModel {
    serde_json::from_value(json!({
        "decisionCode": decision_code,
        "version": version,
        "messageTemplate": template,
        "parameters": ["name"],
        "createdAt": "2026-11-23T17:00:00Z",
        "updatedAt": "2026-11-23T17:00:00Z",
    }))
    .unwrap()
}

pub fn scope(business_id: &str) -> RowScope {
    RowScope { business_id: business_id.to_owned(), plugin: "book".to_owned(), table: "reservations".to_owned() }
}

pub fn row_key(partition: &str, sort: &str) -> RowKey {
    RowKey { partition: partition.to_owned(), sort: sort.to_owned() }
}
