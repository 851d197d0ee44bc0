//! Requests and responses for the journal. A body is kept as text when it is text, and otherwise in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use signalbox_bindings::signalbox::http::http::{Request, Response};

pub(super) struct JournaledRequest(pub Request);

pub(super) struct JournaledResponse(pub Response);

impl Serialize for JournaledRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Request { method, url, headers, body, timeout } = &self.0;
        let mut fields = serializer.serialize_struct("request", 5)?;
        fields.serialize_field("method", method)?;
        fields.serialize_field("url", url)?;
        fields.serialize_field("headers", headers)?;
        fields.serialize_field("body", &body.as_deref().map(readable))?;
        fields.serialize_field("timeout", timeout)?;
        fields.end()
    }
}

impl Serialize for JournaledResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Response { status, headers, body } = &self.0;
        let mut fields = serializer.serialize_struct("response", 3)?;
        fields.serialize_field("status", status)?;
        fields.serialize_field("headers", headers)?;
        fields.serialize_field("body", &readable(body))?;
        fields.end()
    }
}

fn readable(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
