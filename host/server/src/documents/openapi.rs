//! The OpenAPI 3.1 document: operations as their handlers describe them, with the parts that all of them share.

use serde_json::{Map, Value, json};
use signalbox_http::PROBLEM_JSON;
use signalbox_trigger_api::{
    Decision, DecisionPage, EffectPage, InputRequest, InputStatus, ProblemDetails, ReviewInput, ReviewPage,
};
use utoipa::openapi::OpenApi;

use super::examples;
use super::schemas::{self, refer};

/// The problems that any request may be answered with.
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
                            read decisions, and review those that wait for a person.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This host"}],
        "tags": [
            {"name": "inputs", "description": "What is to be decided."},
            {"name": "decisions", "description": "What was decided."},
            {"name": "effects", "description": "What decisions cause outside of the host."},
            {"name": "reviews", "description": "What waits for a person."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas::components(
                &[refer::<InputRequest>, refer::<ReviewInput>],
                &[
                    refer::<InputStatus>,
                    refer::<Decision>,
                    refer::<DecisionPage>,
                    refer::<EffectPage>,
                    refer::<ReviewPage>,
                    refer::<ProblemDetails>,
                ],
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

/// Adds the parts that all operations share: the problems that each may answer, and their bodies. A request body is
/// marked as required.
fn complete(operation: &mut Value) {
    if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
        body.insert("required".to_owned(), json!(true));
    }
    let reviews = operation.get("operationId").is_some_and(|id| id == "reviewDecision");
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, description) in ANY {
        responses.entry(status).or_insert_with(|| json!({ "description": description }));
    }
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        headers(status, response);
        match (status.as_bytes().first(), reference(response).as_deref()) {
            (Some(b'4' | b'5'), _) => {
                let example = examples::problem(status, response);
                let schema = json!({"$ref": "#/components/schemas/Problem"});
                response.insert("content".to_owned(), json!({PROBLEM_JSON: {"schema": schema, "example": example}}));
            }
            (_, Some("#/components/schemas/Decision")) if reviews => {
                set_example(response, examples::reviewed_decision());
            }
            (_, Some("#/components/schemas/Decision")) => set_example(response, examples::decision()),
            (_, Some("#/components/schemas/DecisionPage")) => {
                set_example(response, json!({"items": [examples::decision()], "nextCursor": "AX9k2mPqQ0u7"}));
            }
            (_, Some("#/components/schemas/EffectPage")) => {
                set_example(response, json!({"items": [examples::effect()], "nextCursor": "AX9k2mPqQ0u7"}));
            }
            (_, Some("#/components/schemas/ReviewPage")) => {
                set_example(response, json!({"items": [examples::pending_review()], "nextCursor": "AX9k2mPqQ0u7"}));
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
