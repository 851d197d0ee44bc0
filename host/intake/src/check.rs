use serde_json::Value;
use signalbox_executor::HandlerEvent;
use signalbox_model::{Content, JsonObject, ReplySlot, Source, UserAccess};

use crate::{Arrival, InputEntry, InputOrigin, IntakeConfig, IntakeError, Message};

/// Checks the id and the content of a message.
pub(super) fn message(message: &Message, config: &IntakeConfig) -> Result<(), IntakeError> {
    if !is_message_id(&message.id) {
        return Err(IntakeError::MessageId);
    }
    content(&message.content, config)
}

/// Checks the content of an input.
pub(super) fn content(content: &Content, config: &IntakeConfig) -> Result<(), IntakeError> {
    let Content { text, data, .. } = content;
    let has_text = text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if !has_text && data.is_none() {
        return Err(IntakeError::Empty);
    }
    limits(content, config)
}

/// Checks the limits that hold for the content of every input, whatever its trigger.
pub(super) fn limits(content: &Content, config: &IntakeConfig) -> Result<(), IntakeError> {
    let Content { text, data, metadata } = content;
    if let Some(text) = text
        && text.len() as u64 > config.text_size.0
    {
        return Err(IntakeError::TextTooLong { found: text.len(), limit: config.text_size.0 });
    }
    for (field, object) in [("data", data), ("metadata", metadata)] {
        if object.as_ref().is_some_and(|object| !fits_object(object, config.json_depth)) {
            return Err(IntakeError::TooDeep { field, limit: config.json_depth });
        }
    }
    Ok(())
}

/// Makes a checked message an arrival. The input's id derives from user and message id, so that a message sent twice
/// gives one input.
pub(super) fn arrival(access: &UserAccess, message: Message, permissions: Vec<String>) -> Arrival {
    let user_id = &access.user_id;
    let id = signalbox_model::input_id(&format!("ws/{user_id}"), &message.id);
    Arrival {
        origin: InputOrigin {
            source: Source::Websocket,
            scope: format!("wsh/{user_id}"),
            event_id: id.clone(),
            business_id: message.business_id,
            user_id: Some(user_id.clone()),
            permissions,
            correlation_id: signalbox_model::correlation_id(),
            fingerprint: None,
            reply: ReplySlot::Websocket { user_id: user_id.clone(), message_id: message.id },
        },
        entry: InputEntry::Websocket,
        mapped_input_id: Some(id.clone()),
        handler_event_id: id,
        event: HandlerEvent::Websocket {
            user_id: user_id.clone(),
            location_id: message.location_id,
            content: message.content.composed(),
        },
    }
}

/// The longest id of a message, in bytes.
pub const MAX_MESSAGE_ID_BYTES: usize = 128;

/// Whether a text can be the id of a message. The meaning of the id is the client's.
pub fn is_message_id(id: &str) -> bool {
    (1..=MAX_MESSAGE_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn fits_object(object: &JsonObject, levels: u32) -> bool {
    levels > 0 && object.values().all(|value| fits(value, levels - 1))
}

fn fits(value: &Value, levels: u32) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        Value::Object(object) => fits_object(object, levels),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str, content: Value) -> Message {
        Message {
            id: id.to_owned(),
            business_id: "b".to_owned(),
            location_id: None,
            content: serde_json::from_value(content).unwrap(),
        }
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "in": inner }))
    }

    #[test]
    fn content_that_breaks_a_limit_is_named_by_its_code() {
        let config = IntakeConfig::default();
        let long = "x".repeat(16 * 1024 + 1);
        let cases = [
            ("", json!({"text": "hi"}), "invalid_message_id"),
            ("with space", json!({"text": "hi"}), "invalid_message_id"),
            ("diacritică", json!({"text": "hi"}), "invalid_message_id"),
            (&*"x".repeat(129), json!({"text": "hi"}), "invalid_message_id"),
            ("m", json!({}), "content_empty"),
            ("m", json!({"text": " \n"}), "content_empty"),
            ("m", json!({"metadata": {"a": 1}}), "content_empty"),
            ("m", json!({"text": long}), "text_too_long"),
            ("m", json!({"data": nested(33)}), "content_too_deep"),
            ("m", json!({"data": {"a": nested(32)}}), "content_too_deep"),
            ("m", json!({"text": "hi", "metadata": nested(33)}), "content_too_deep"),
        ];
        for (id, value, code) in cases {
            assert_eq!(super::message(&message(id, value), &config).unwrap_err().code(), code, "{id}");
        }
    }

    #[test]
    fn content_at_the_limit_is_accepted() {
        let config = IntakeConfig::default();
        let at_limit = [json!({"text": "x".repeat(16 * 1024)}), json!({"data": nested(32)}), json!({"data": {}})];
        for value in at_limit {
            super::message(&message(&"x".repeat(128), value), &config).unwrap();
        }
    }

    #[test]
    fn text_enters_in_one_spelling_and_data_as_it_was_sent() {
        let decomposed = "Tus\u{326}esc cu sa\u{302}nge";
        let ana = UserAccess { user_id: "ana".to_owned(), businesses: Default::default() };
        let sent = message("m", json!({"text": decomposed, "data": {"name": decomposed}}));
        let HandlerEvent::Websocket { content, .. } = arrival(&ana, sent, vec![]).event else { panic!("no message") };
        assert_eq!(content.text.as_deref(), Some("Tușesc cu sânge"));
        assert_eq!(content.data.unwrap()["name"], decomposed);
    }

    #[test]
    fn the_input_id_depends_on_user_and_message_only() {
        let user = |id: &str| UserAccess { user_id: id.to_owned(), businesses: Default::default() };
        let id = |by: &str, text: &str| arrival(&user(by), message("m", json!({"text": text})), vec![]).mapped_input_id;
        assert_eq!(id("ana", "a"), id("ana", "b"));
        assert_ne!(id("ana", "a"), id("dan", "a"));
    }
}
