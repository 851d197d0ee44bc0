//! The AsyncAPI 3.0 document: the frames of the WebSocket, a message for each, and the records of Kafka.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use signalbox_delivery::{EFFECT_RECORD_HEADERS, FallbackRecord, ResourceActionRecord};
use signalbox_model::AgentInput;
use signalbox_sessions::{ClientFrame, ServerFrame};
use signalbox_trigger_kafka::{DEAD_LETTER_HEADERS, DEAD_LETTER_VALUE_SIZE, KafkaConfig};
use signalbox_trigger_websocket::{PATH as WEBSOCKET_PATH, SUBPROTOCOL};

use super::portable::flattened;
use super::schemas::{self, refer};

pub(super) fn document() -> Value {
    let mut schemas = schemas::components(
        &[refer::<AgentInput>, refer::<ClientFrame>],
        &[refer::<ServerFrame>, refer::<ResourceActionRecord>, refer::<FallbackRecord>],
    );
    let mut messages = Map::new();
    let received = frames(&mut schemas, "ClientFrame", "client", &mut messages);
    let sent = frames(&mut schemas, "ServerFrame", "server", &mut messages);
    let on_channel: Map<String, Value> =
        messages.keys().map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}))).collect();
    let of_channel = |names: &[String]| -> Vec<Value> {
        names.iter().map(|name| json!({"$ref": format!("#/channels/websocket/messages/{name}")})).collect()
    };
    messages.insert("kafka.input".to_owned(), input());
    messages.insert("kafka.deadLetter".to_owned(), dead_letter());
    messages.insert("kafka.resourceAction".to_owned(), resource_action());
    messages.insert("kafka.publishedRecord".to_owned(), published_record());
    messages.insert("kafka.fallback".to_owned(), fallback());
    remove_unused(&mut schemas, &messages);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Signalbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!(
                "Coordinators send what is to be decided and hear decisions, over one WebSocket with the subprotocol \
                 `{SUBPROTOCOL}`. The token goes into the `Authorization` header, a second subprotocol \
                 `bearer.<token>`, or the first frame. Records of Kafka topics are decided too; what never can be is put \
                 with the dead letters. What decisions have other services do leaves as records of Kafka as well."
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
            "kafkaInputs": {
                "address": "{inputsTopic}",
                "title": "Inputs as records",
                "description": "The topic that the operator configured as kafka.inputs-topic. Records with the same key \
                    are decided in order.",
                "parameters": {"inputsTopic": {"description": "kafka.inputs-topic of the host."}},
                "messages": {"kafka.input": {"$ref": "#/components/messages/kafka.input"}},
            },
            "kafkaDeadLetters": {
                "address": "{deadLetterTopic}",
                "title": "Records that can never be decided",
                "parameters": {
                    "deadLetterTopic": {
                        "description": "kafka.dead-letter-topic of the host.",
                        "default": KafkaConfig::default().dead_letter_topic,
                    },
                },
                "messages": {"kafka.deadLetter": {"$ref": "#/components/messages/kafka.deadLetter"}},
            },
            "kafkaResourceActions": {
                "address": "{resourceActionsTopic}",
                "title": "Actions on resources that other services own",
                "description": "Records of one business are on the same partition. A record may come more than once, each \
                    time with the same signalbox-idempotency-key.",
                "parameters": {
                    "resourceActionsTopic": {
                        "description": "kafka.resource-actions-topic of the host.",
                        "default": KafkaConfig::default().resource_actions_topic,
                    },
                },
                "messages": {"kafka.resourceAction": {"$ref": "#/components/messages/kafka.resourceAction"}},
            },
            "kafkaPublishedRecords": {
                "address": "{publishedTopic}",
                "title": "Records of plugins",
                "description": "Each topic that the operator has mapped a logical name to, under kafka.topics. A record may come \
                    more than once, each time with the same signalbox-idempotency-key.",
                "parameters": {"publishedTopic": {"description": "A topic of kafka.topics of the host."}},
                "messages": {"kafka.publishedRecord": {"$ref": "#/components/messages/kafka.publishedRecord"}},
            },
            "kafkaFallback": {
                "address": "{fallbackTopic}",
                "title": "Messages to people that no connection took",
                "description": "The topic that the operator configured as kafka.fallback-topic, for the original system to \
                    bring to people in its own way. A record may come more than once, each time with the same \
                    signalbox-idempotency-key, and a client that resumes gets the message too.",
                "parameters": {"fallbackTopic": {"description": "kafka.fallback-topic of the host."}},
                "messages": {"kafka.fallback": {"$ref": "#/components/messages/kafka.fallback"}},
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
            "receiveInput": {
                "action": "receive",
                "channel": {"$ref": "#/channels/kafkaInputs"},
                "summary": "What a program writes to have it decided.",
                "messages": [{"$ref": "#/channels/kafkaInputs/messages/kafka.input"}],
            },
            "sendDeadLetter": {
                "action": "send",
                "channel": {"$ref": "#/channels/kafkaDeadLetters"},
                "summary": "What the host puts aside.",
                "messages": [{"$ref": "#/channels/kafkaDeadLetters/messages/kafka.deadLetter"}],
            },
            "sendResourceAction": {
                "action": "send",
                "channel": {"$ref": "#/channels/kafkaResourceActions"},
                "summary": "What a decision has another service do.",
                "messages": [{"$ref": "#/channels/kafkaResourceActions/messages/kafka.resourceAction"}],
            },
            "sendPublishedRecord": {
                "action": "send",
                "channel": {"$ref": "#/channels/kafkaPublishedRecords"},
                "summary": "What a plugin publishes.",
                "messages": [{"$ref": "#/channels/kafkaPublishedRecords/messages/kafka.publishedRecord"}],
            },
            "sendFallback": {
                "action": "send",
                "channel": {"$ref": "#/channels/kafkaFallback"},
                "summary": "A message that no connection took in kafka.fallback-after.",
                "messages": [{"$ref": "#/channels/kafkaFallback/messages/kafka.fallback"}],
            },
        },
        "components": {"messages": messages, "schemas": schemas},
    })
}

/// A record of the topic of inputs.
fn input() -> Value {
    json!({
        "name": "input",
        "title": "An input as a record",
        "summary": "The value is an input, decided as it stands; the same id is decided once.",
        "headers": {
            "title": "InputHeaders",
            "type": "object",
            "properties": {
                "correlation-id": {
                    "type": "string",
                    "maxLength": 128,
                    "description": "Taken over into logs and replies when the input has no correlationId.",
                },
            },
        },
        "payload": {"$ref": "#/components/schemas/AgentInput"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "Records with the same key keep their order."}}},
    })
}

/// A dead letter: the original record with additional headers.
fn dead_letter() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let mut headers: Map<String, Value> =
        DEAD_LETTER_HEADERS.iter().map(|(name, says)| ((*name).to_owned(), text(says))).collect();
    let size = "Bytes of a value that the topic did not take because of its size, and that was left out.";
    headers.insert(DEAD_LETTER_VALUE_SIZE.to_owned(), text(size));
    json!({
        "name": "deadLetter",
        "title": "A dead letter",
        "summary": "A record with its key, value and headers as they were, and headers that say why it is here.",
        "headers": {
            "title": "DeadLetterHeaders",
            "type": "object",
            "properties": headers,
            "required": ["dead-letter-reason", "dead-letter-message", "dead-letter-topic", "dead-letter-partition",
                "dead-letter-offset", "correlation-id"],
        },
        "contentType": "application/octet-stream",
        "payload": {"title": "DeadLetterValue", "description": "The value of the record, whatever it was."},
    })
}

/// A resource action: the host's headers, and a value of the host's own shape.
fn resource_action() -> Value {
    json!({
        "name": "resourceAction",
        "title": "A resource action",
        "summary": "What the service that owns a resource is to do.",
        "headers": effect_headers("ResourceActionHeaders", &[]),
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/ResourceActionRecord"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The business's id."}}},
    })
}

/// A plugin's record: the host's headers besides its own, and a value of any shape.
fn published_record() -> Value {
    let key = "The plugin's key, else the business's id. Records with the same key are on the same partition.";
    json!({
        "name": "publishedRecord",
        "title": "A plugin's record",
        "summary": "Headers of the plugin's own come after those of the host.",
        "headers": effect_headers("PublishedRecordHeaders", &["signalbox-priority", "signalbox-execute-at", "content-type"]),
        "contentType": "application/octet-stream",
        "payload": {"title": "PublishedValue", "description": "What the plugin wrote, whatever it is."},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}}},
    })
}

/// A message to people: the host's headers, and a value of the host's own shape.
fn fallback() -> Value {
    json!({
        "name": "fallback",
        "title": "A message to people that no connection took",
        "summary": "For the original system to bring to people in its own way.",
        "headers": effect_headers("FallbackHeaders", &["signalbox-priority", "signalbox-execute-at"]),
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/FallbackRecord"},
        "bindings": {"kafka": {"key": {"type": "string", "description": "The business's id."}}},
    })
}

/// The schema of the headers that the host gives to an effect's record, without those that such records never have.
fn effect_headers(title: &str, never: &[&str]) -> Value {
    let optional = |name: &str| matches!(name, "signalbox-correlation-id" | "signalbox-execute-at");
    let headers = EFFECT_RECORD_HEADERS.iter().filter(|(name, _)| !never.contains(name));
    let required: Vec<&str> = headers.clone().map(|(name, _)| *name).filter(|name| !optional(name)).collect();
    let properties: Map<String, Value> =
        headers.map(|(name, says)| ((*name).to_owned(), json!({"type": "string", "description": says}))).collect();
    json!({"title": title, "type": "object", "properties": properties, "required": required})
}

/// Replaces a frame's schema with a message and a schema for each of its variants; returns the messages' names.
/// Generators name a class by its schema's title, so each schema gets a title of its own.
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
        let Value::Object(variant) = variant else { continue };
        let name = format!("{side}.{kind}");
        let title = format!("{}{}Frame", capitalised(side), capitalised(&kind));
        let mut payload = flattened(variant, schemas);
        payload.insert("title".to_owned(), title.clone().into());
        let mut message = Map::new();
        message.insert("name".to_owned(), kind.into());
        message.insert("title".to_owned(), title.clone().into());
        message.extend(payload.get("description").map(|says| ("summary".to_owned(), says.clone())));
        message.insert("payload".to_owned(), json!({"$ref": format!("#/components/schemas/{title}")}));
        messages.insert(name.clone(), message.into());
        schemas.insert(title, payload.into());
        names.push(name);
    }
    names
}

/// Removes the schemas that no message refers to, directly or through others: the variants' schemas now hold what the
/// frames were made of.
fn remove_unused(schemas: &mut Map<String, Value>, messages: &Map<String, Value>) {
    let mut used = BTreeSet::new();
    let mut open: Vec<&Value> = messages.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let name = fields.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
                if let Some((name, schema)) = name.and_then(|name| schemas.get_key_value(name))
                    && used.insert(name.clone())
                {
                    open.push(schema);
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    schemas.retain(|name, _| used.contains(name));
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The alternatives of a schema, also when some of them are nested one level deeper.
fn variants(schema: &Value) -> Vec<Value> {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array);
    match alternatives {
        Some(alternatives) => alternatives.iter().flat_map(variants).collect(),
        None => vec![schema.clone()],
    }
}

/// The value of `type` in frames of this schema.
fn kind(variant: &Value, schemas: &Map<String, Value>) -> Option<String> {
    if let Some(kind) = variant.pointer("/properties/type/const").and_then(Value::as_str) {
        return Some(kind.to_owned());
    }
    let target = variant.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")?;
    schemas.get(target)?.pointer("/properties/type/const").and_then(Value::as_str).map(str::to_owned)
}
