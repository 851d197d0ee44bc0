mod fault;
mod node;
mod reader;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::value::RawValue;

/// A JSON document from the host; it is parsed only when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(String);

impl Json {
    /// Wraps text that is JSON. The text is checked when it is read.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole document as a type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        decode("document", &self.0)
    }

    /// The value under a dotted path, for example `hours.monday`; none when the document has nothing or `null` there.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, JsonError> {
        match self.find(path)? {
            Some(raw) => decode(path, raw.get()),
            None => Ok(None),
        }
    }

    /// The text under a dotted path. Only the objects on the path are looked at, and nothing is copied.
    fn find(&self, path: &str) -> Result<Option<&RawValue>, JsonError> {
        let mut raw: &RawValue = serde_json::from_str(&self.0).map_err(|error| JsonError::new(path, &error))?;
        for name in path.split('.') {
            if !raw.get().starts_with('{') {
                return Ok(None);
            }
            let mut deserializer = serde_json::Deserializer::from_str(raw.get());
            match Field(name).deserialize(&mut deserializer).map_err(|error| JsonError::new(path, &error))? {
                Some(inner) => raw = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(raw))
    }
}

pub(crate) use fault::{Fault, Step};
pub(crate) use node::read;

/// Reads JSON text as a type; `place` names it in the error.
pub(crate) fn decode<T: DeserializeOwned>(place: &str, text: &str) -> Result<T, JsonError> {
    read(text, PhantomData).map_err(|fault| JsonError::of(place, fault))
}

/// Reads untrusted bytes as a type; `place` names them in the error.
pub(crate) fn decode_bytes<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, JsonError> {
    let refuse = |reason: &str| Err(JsonError::new(place, &reason));
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => {
            return refuse("it begins with a byte order mark, which JSON has not; send it without");
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return refuse("it is UTF-16; send JSON in UTF-8"),
        _ if bytes.iter().all(u8::is_ascii_whitespace) => return refuse("it is empty; expected JSON"),
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => decode(place, text),
        Err(error) => {
            refuse(&format!("it is no UTF-8 from its byte {} on; send JSON in UTF-8", error.valid_up_to() + 1))
        }
    }
}

/// Writes a value as JSON text; `place` names it in the error.
pub(crate) fn encode<T: Serialize + ?Sized>(place: &str, value: &T) -> Result<String, JsonError> {
    let failed = |error| JsonError::new(place, &format_args!("it cannot be written as JSON: {error}"));
    serde_json::to_string(value).map_err(failed)
}

/// Why a value cannot be read from JSON or written as JSON, in a text for the author of the JSON: the place, what was
/// expected there in JSON's terms, and what was found.
///
/// ```
/// use signalbox_sdk::prelude::*;
///
/// #[derive(Debug, Deserialize)]
/// struct Order {
///     lines: Vec<Line>,
/// }
///
/// #[derive(Debug, Deserialize)]
/// struct Line {
///     #[allow(dead_code)]
///     count: u8,
/// }
///
/// let wrong = |text: &str| Json::from_text(text).read::<Order>().unwrap_err().to_string();
/// assert_eq!(
///     wrong(r#"{"lines": [{"count": 1}, {"count": "two"}]}"#),
///     "`document.lines[1].count`: expected a whole number from 0 to 255, found the string \"two\""
/// );
/// assert_eq!(wrong(r#"{"lines": [{}]}"#), "`document.lines[0]`: the key `count` is missing");
/// // Serde would take an array for the fields in order, and the last of two equal keys.
/// assert_eq!(wrong(r#"{"lines": [[1]]}"#), "`document.lines[0]`: expected an object, found an array");
/// assert_eq!(wrong(r#"{"lines": [], "lines": []}"#), "`document`: the key `lines` stands twice");
/// ```
///
/// Inside `#[serde(flatten)]`, `#[serde(untagged)]` and enums with a `tag`, serde reads without this reader: the place
/// ends where such a value begins. A plain struct with `#[serde(try_from = "…")]` keeps every place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    place: String,
    reason: String,
}

impl JsonError {
    pub(crate) fn new(place: &str, reason: &dyn fmt::Display) -> Self {
        Self { place: place.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn of(root: &str, fault: Fault) -> Self {
        let (place, reason) = fault.at(root);
        Self { place, reason }
    }

    /// Where in the document it is, for example `body.lines[1].count`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong with the value.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.place, self.reason)
    }
}

impl std::error::Error for JsonError {}

/// Finds one field of an object and skips the others without building them.
struct Field<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
