//! The AsyncAPI 3.0 document: the frames of the WebSocket, a message for each.

use serde_json::{Map, Value, json};
use signalbox_sessions::{ClientFrame, ServerFrame};

use super::schemas::{self, refer};
use crate::{SUBPROTOCOL, WEBSOCKET_PATH};

pub(super) fn document() -> Value {
    let mut schemas = schemas::components(&[refer::<ClientFrame>], &[refer::<ServerFrame>]);
    let mut messages = Map::new();
    let received = frames(&mut schemas, "ClientFrame", "client", &mut messages);
    let sent = frames(&mut schemas, "ServerFrame", "server", &mut messages);
    let on_channel: Map<String, Value> =
        messages.keys().map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}))).collect();
    let of_channel = |names: &[String]| -> Vec<Value> {
        names.iter().map(|name| json!({"$ref": format!("#/channels/websocket/messages/{name}")})).collect()
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Signalbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Coordinators send what is to be decided and hear decisions, over one WebSocket with the subprotocol \
                 `{SUBPROTOCOL}`. The token goes into the `Authorization` header, a second subprotocol \
                 `bearer.<token>`, or the first frame."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "websocket": {
                "address": WEBSOCKET_PATH,
                "title": "Coordinators' connections",
                "description": "Text frames, each a JSON object with its `type`.",
                "messages": on_channel,
                "bindings": {"ws": {"method": "GET"}},
            },
        },
        "operations": {
            "receiveFrame": {
                "action": "receive",
                "channel": {"$ref": "#/channels/websocket"},
                "summary": "What a client sends to the host.",
                "messages": of_channel(&received),
            },
            "sendFrame": {
                "action": "send",
                "channel": {"$ref": "#/channels/websocket"},
                "summary": "What the host sends to a client.",
                "messages": of_channel(&sent),
            },
        },
        "components": {"messages": messages, "schemas": schemas},
    })
}

/// A message for each variant of a frame's schema, in place of the schema; gives their names.
fn frames(
    schemas: &mut Map<String, Value>,
    schema: &str,
    side: &str,
    messages: &mut Map<String, Value>,
) -> Vec<String> {
    let Some(whole) = schemas.remove(schema) else { return Vec::new() };
    let mut names = Vec::new();
    for variant in variants(&whole) {
        let Some(kind) = kind(&variant, schemas) else { continue };
        let name = format!("{side}.{kind}");
        let mut message = json!({"name": kind, "title": kind, "payload": variant});
        if let (Some(message), Some(summary)) = (message.as_object_mut(), variant.get("description")) {
            message.insert("summary".to_owned(), summary.clone());
        }
        messages.insert(name.clone(), message);
        names.push(name);
    }
    names
}

/// The alternatives of a schema, also when some of them stand one level deeper.
fn variants(schema: &Value) -> Vec<Value> {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array);
    match alternatives {
        Some(alternatives) => alternatives.iter().flat_map(variants).collect(),
        None => vec![schema.clone()],
    }
}

/// The `type` that frames of this schema have.
fn kind(variant: &Value, schemas: &Map<String, Value>) -> Option<String> {
    if let Some(kind) = variant.pointer("/properties/type/const").and_then(Value::as_str) {
        return Some(kind.to_owned());
    }
    let target = variant.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")?;
    schemas.get(target)?.pointer("/properties/type/const").and_then(Value::as_str).map(str::to_owned)
}
