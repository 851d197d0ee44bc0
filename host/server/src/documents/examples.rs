//! Example answers for the OpenAPI document.

use http::StatusCode;
use serde_json::{Map, Value, json};

/// An example problem for a status.
pub(super) fn problem(status: &str, response: &Map<String, Value>) -> Value {
    let code = match status {
        "400" => "not_json",
        "401" => "token_expired",
        "403" => "permission_missing",
        "404" => "not_found",
        "408" => "body_timeout",
        "409" => "already_reviewed",
        "413" => "body_too_large",
        "415" => "content_type",
        "422" => "invalid_field",
        "429" => "too_many_requests",
        "503" => "busy",
        _ => "internal",
    };
    let number: u16 = status.parse().unwrap_or_default();
    let title = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
    let mut problem = json!({
        "type": "about:blank",
        "title": title,
        "status": number,
        "detail": response.get("description").cloned().unwrap_or_default(),
        "code": code,
        "correlationId": "cor_01KB2Z8Y0000000000000000",
    });
    if let (true, Some(problem)) = (status == "409", problem.as_object_mut()) {
        problem.insert("resolution".to_owned(), resolution());
    }
    problem
}

/// A decision.
pub(super) fn decision() -> Value {
    json!({
        "id": "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "businessId": "trattoria-roma",
        "inputId": "in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f",
        "decisionCode": "RESERVATION_CONFIRMED",
        "decisionType": "reservation",
        "outcome": "decided",
        "confidence": 0.92,
        "reasoning": "a table for 4 is free at 19:00",
        "responses": [{
            "id": "rsp_aa11bb22cc33dd44ee55ff6677889900",
            "target": "api",
            "recipient": "ana",
            "content": {"text": "Masa pentru 4 este rezervată.", "data": {"seats": 4}},
            "timestamp": "2026-11-23T08:00:01Z",
        }],
        "actions": [],
        "requiresHumanReview": false,
        "processingTime": 12,
        "metadata": {
            "generation": "sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            "bundleVersion": "1.0.0",
            "path": [{"node": "understand", "step": 1, "attempt": 1, "micros": 730, "result": "done"}],
            "journalId": "jrn_01KB2Z8Y0000000000000000",
            "tokens": {"input": 212, "output": 18},
        },
        "createdAt": "2026-11-23T08:00:01Z",
        "correlationId": "cor_01KB2Z8Y0000000000000000",
        "href": "/v1/businesses/trattoria-roma/decisions/dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    })
}

/// An effect that was given up.
pub(super) fn effect() -> Value {
    json!({
        "id": "act_01KB2Z8Y0000000000000000",
        "decisionId": "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "decisionCode": "RESERVATION_CONFIRMED",
        "kind": "resource_action",
        "target": "table-4",
        "priority": "high",
        "state": "deadLetter",
        "reason": "the record is larger than the brokers allow",
        "attempts": 1,
        "endedAt": "2026-11-23T08:00:02Z",
        "createdAt": "2026-11-23T08:00:01Z",
        "decisionHref": "/v1/businesses/trattoria-roma/decisions/dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    })
}

/// A decision after a person has approved it.
pub(super) fn reviewed_decision() -> Value {
    let mut reviewed = decision();
    let review = json!({
        "requestedAt": "2026-11-23T08:00:01Z",
        "expiresAt": "2026-11-26T08:00:01Z",
        "resolution": resolution(),
    });
    if let Some(fields) = reviewed.as_object_mut() {
        fields.insert("outcome".to_owned(), json!("approved"));
        fields.insert("requiresHumanReview".to_owned(), json!(true));
        fields.insert("actions".to_owned(), json!([action()]));
        fields.insert("review".to_owned(), review);
    }
    reviewed
}

/// A decision that waits for a person.
pub(super) fn pending_review() -> Value {
    json!({
        "decisionId": "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "businessId": "trattoria-roma",
        "decisionCode": "COMPLAINT_VOUCHER",
        "decisionType": "complaint",
        "confidence": 0.81,
        "reasoning": "the guest waited an hour and asks for something in return",
        "actions": [action()],
        "responses": [],
        "userId": "ana",
        "content": {"text": "Am așteptat o oră!"},
        "createdAt": "2026-11-23T08:00:01Z",
        "expiresAt": "2026-11-26T08:00:01Z",
        "correlationId": "cor_01KB2Z8Y0000000000000000",
        "href": "/v1/businesses/trattoria-roma/reviews/dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    })
}

fn resolution() -> Value {
    json!({
        "by": "mara",
        "at": "2026-11-23T08:05:00Z",
        "verdict": "approve",
        "source": "external_api",
        "inputId": "in_1c0d9e8f9d1cbb5b2f0a4c7e8d6f3a2b",
        "fingerprint": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    })
}

fn action() -> Value {
    json!({
        "id": "act_aa11bb22cc33dd44ee55ff6677889900",
        "type": "resource_action",
        "target": "voucher",
        "payload": {"guest": "Ana", "amount": 20},
        "priority": "medium",
    })
}
