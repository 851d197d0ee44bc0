//! Reads a record's bytes as an input, without a handler.

use serde_json::json;
use signalbox_executor::NewInput;
use signalbox_intake::Intake;
use signalbox_model::strict_json::{self, BodyError};
use signalbox_model::{AgentInput, Content, HandWritten, InputType, JsonObject};

use crate::record::{Record, is_correlation_id};
use crate::record_error::RecordError;

/// The longest id of a user or place.
const MAX_NAME_BYTES: usize = 256;

/// Without a handler the value is the data of one input, and the metadata say where the record was.
pub(super) fn default_mapping(record: &Record, intake: &Intake) -> Result<NewInput, RecordError> {
    if record.value.as_ref().is_none_or(Vec::is_empty) {
        return Err(RecordError::Empty);
    }
    let data: JsonObject = object(record, &[]).map_err(|error| {
        let (BodyError::Syntax(reason) | BodyError::Shape(reason)) = error;
        RecordError::NotJson(reason)
    })?;
    let mut metadata = JsonObject::from_iter([
        ("topic".to_owned(), json!(&*record.topic)),
        ("partition".to_owned(), json!(record.partition)),
        ("offset".to_owned(), json!(record.offset)),
    ]);
    // A key that is not text is of use to a handler only.
    if let Some(key) = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
        metadata.insert("key".to_owned(), json!(key));
    }
    if let Some(at) = record.timestamp() {
        metadata.insert("timestamp".to_owned(), json!(at.to_string()));
    }
    let content = Content { text: None, data: Some(data), metadata: Some(metadata) };
    intake.check_content(&content).map_err(RecordError::Content)?;
    Ok(NewInput { id: None, input_type: InputType::KafkaRecord, user_id: None, location_id: None, content })
}

/// On the topic of inputs the value is the input.
pub(super) fn input(record: &Record, intake: &Intake) -> Result<AgentInput, RecordError> {
    let objects = ["/content", "/content/data", "/content/metadata"];
    let HandWritten(input): HandWritten<AgentInput> = object(record, &objects).map_err(|error| match error {
        BodyError::Syntax(reason) => RecordError::NotJson(reason),
        BodyError::Shape(reason) => RecordError::NoInput(reason),
    })?;
    let invalid = |reason: &str| Err(RecordError::NoInput(reason.to_owned()));
    if !(1..=128).contains(&input.id.len()) || !input.id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return invalid("`id` has to be 1 to 128 visible ASCII characters");
    }
    if input.input_type == InputType::Review {
        return invalid("a `type` of `review` is a person's word on a decision, which no record can speak");
    }
    if input.correlation_id.as_ref().is_some_and(|id| !is_correlation_id(id.as_bytes())) {
        return invalid("`correlationId` has to be 1 to 128 visible ASCII characters");
    }
    for (field, name) in [("userId", &input.user_id), ("locationId", &input.location_id)] {
        if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_NAME_BYTES) {
            return invalid(&format!("`{field}` has to be 1 to {MAX_NAME_BYTES} bytes"));
        }
    }
    intake.check_content(&input.content).map_err(RecordError::Content)?;
    Ok(input)
}

fn object<T: serde::de::DeserializeOwned>(record: &Record, objects: &[&str]) -> Result<T, BodyError> {
    let value = record.value.as_deref().unwrap_or_default();
    // A derived deserializer would also accept a list of the fields.
    if value.trim_ascii_start().first() != Some(&b'{') {
        return Err(BodyError::Syntax("it does not begin with `{`".to_owned()));
    }
    strict_json::read(value, objects)
}
