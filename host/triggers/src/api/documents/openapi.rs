//! The OpenAPI 3.1 document: operations as their handlers describe them, and what all of them have in common.

use http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::super::view::{Decision, DecisionPage, InputRequest, InputStatus, ProblemDetails};
use super::schemas::{self, refer};
use crate::problem::PROBLEM_JSON;

/// What any request may be answered.
const ANY: [(&str, &str); 4] = [
    ("401", "The token is missing, wrong or out of date; `code` says which."),
    ("429", "Too many requests; `Retry-After` says when to come back."),
    ("500", "An error in the host; the log tells more under the correlation id."),
    (
        "503",
        "Too much is being decided, or the host or its store is not there right now; `Retry-After` says when to \
             come back.",
    ),
];

pub(super) fn document(described: OpenApi) -> Value {
    let mut document = serde_json::to_value(described).unwrap_or_default();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut) {
        for operation in operation.values_mut() {
            complete(operation);
        }
    }
    let paths = document.get_mut("paths").map(Value::take).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Signalbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Give in what is to be decided for a business, wait for the decision or come back for it, \
                            and read decisions.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This host"}],
        "tags": [
            {"name": "inputs", "description": "What is to be decided."},
            {"name": "decisions", "description": "What was decided."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas::components(
                &[refer::<InputRequest>],
                &[refer::<InputStatus>, refer::<Decision>, refer::<DecisionPage>, refer::<ProblemDetails>],
            ),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of an issuer that the host trusts; it names the user, and their roles in \
                                    each business.",
                },
            },
        },
    })
}

/// Adds what every operation has: the problems that any may meet, and their bodies.
fn complete(operation: &mut Value) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, description) in ANY {
        responses.entry(status).or_insert_with(|| json!({ "description": description }));
    }
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        headers(status, response);
        match (status.as_bytes().first(), reference(response).as_deref()) {
            (Some(b'4' | b'5'), _) => {
                let example = problem_example(status, response);
                let schema = json!({"$ref": "#/components/schemas/Problem"});
                response.insert("content".to_owned(), json!({PROBLEM_JSON: {"schema": schema, "example": example}}));
            }
            (_, Some("#/components/schemas/Decision")) => set_example(response, decision_example()),
            (_, Some("#/components/schemas/DecisionPage")) => {
                set_example(response, json!({"items": [decision_example()], "nextCursor": "AX9k2mPqQ0u7"}));
            }
            _ => {}
        }
    }
}

fn headers(status: &str, response: &mut Map<String, Value>) {
    let Some(headers) = response.entry("headers").or_insert_with(|| json!({})).as_object_mut() else { return };
    let correlation = json!({
        "description": "Under which the host's logs tell of this request.",
        "schema": {"type": "string"},
    });
    headers.insert("X-Correlation-Id".to_owned(), correlation);
    if ["429", "503"].contains(&status) {
        let retry =
            json!({"description": "Seconds until the same request may succeed.", "schema": {"type": "integer"}});
        headers.insert("Retry-After".to_owned(), retry);
    }
}

fn reference(response: &Map<String, Value>) -> Option<String> {
    let content = response.get("content")?.get("application/json")?;
    content.get("schema")?.get("$ref")?.as_str().map(str::to_owned)
}

fn set_example(response: &mut Map<String, Value>, example: Value) {
    let content = response.get_mut("content").and_then(|content| content.get_mut("application/json"));
    if let Some(content) = content.and_then(Value::as_object_mut) {
        content.insert("example".to_owned(), example);
    }
}

fn problem_example(status: &str, response: &Map<String, Value>) -> Value {
    let code = match status {
        "400" => "not_json",
        "401" => "token_expired",
        "403" => "permission_missing",
        "404" => "not_found",
        "408" => "body_timeout",
        "413" => "body_too_large",
        "415" => "content_type",
        "422" => "invalid_field",
        "429" => "too_many_requests",
        "503" => "busy",
        _ => "internal",
    };
    let number: u16 = status.parse().unwrap_or_default();
    let title = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
    json!({
        "type": "about:blank",
        "title": title,
        "status": number,
        "detail": response.get("description").cloned().unwrap_or_default(),
        "code": code,
        "correlationId": "cor_01KB2Z8Y0000000000000000",
    })
}

fn decision_example() -> Value {
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
