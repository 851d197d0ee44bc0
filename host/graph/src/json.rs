//! JSON values of channels: text that is known to be valid, and is parsed only when its value is needed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The deepest nesting the host accepts.
pub const MAX_DEPTH: usize = 64;

/// The largest value a node may give a channel.
pub const MAX_UPDATE_BYTES: usize = 256 << 10;

/// The largest value a channel may come to hold.
pub const MAX_CHANNEL_BYTES: usize = 1 << 20;

/// Why a text is not JSON that the host accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is no JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// The text nests too deep.
    #[error("nested deeper than {MAX_DEPTH} levels; flatten it")]
    TooDeep,
    /// The text is too long.
    #[error("{bytes} bytes, more than the {limit} that fit; keep less of it, or keep it in a table")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The longest text that is accepted.
        limit: usize,
    },
}

/// A JSON document. Clones share text and parsed value.
#[derive(Clone)]
pub struct Json(Arc<Document>);

struct Document {
    text: Box<str>,
    depth: usize,
    /// How many values there are, on all levels.
    nodes: usize,
    value: OnceLock<Value>,
}

impl Json {
    /// Accepts a text that a node gave, of at most [`MAX_UPDATE_BYTES`].
    pub fn parse(text: impl Into<Box<str>>) -> Result<Self, JsonError> {
        Self::parse_within(text, MAX_UPDATE_BYTES)
    }

    /// Accepts a text of at most `limit` bytes.
    pub fn parse_within(text: impl Into<Box<str>>, limit: usize) -> Result<Self, JsonError> {
        let text = text.into();
        if text.len() > limit {
            return Err(JsonError::TooLarge { bytes: text.len(), limit });
        }
        let mut shape = Shape::default();
        let mut reader = serde_json::Deserializer::from_str(&text);
        let checked = Depth { level: 0, shape: &mut shape }.deserialize(&mut reader).and_then(|()| reader.end());
        if shape.depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        checked.map_err(|error| JsonError::Syntax(error.to_string()))?;
        let Shape { depth, nodes } = shape;
        Ok(Self(Arc::new(Document { text, depth, nodes, value: OnceLock::new() })))
    }

    /// Serialises a value as text.
    pub fn from_value(value: Value) -> Result<Self, JsonError> {
        let depth = depth_of(&value);
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        let text = value.to_string().into_boxed_str();
        if text.len() > MAX_CHANNEL_BYTES {
            return Err(JsonError::TooLarge { bytes: text.len(), limit: MAX_CHANNEL_BYTES });
        }
        let (nodes, _) = count_nodes(&value);
        Ok(Self(Arc::new(Document { text, depth, nodes, value: OnceLock::from(value) })))
    }

    /// Joins texts that are known to be valid into a list, without parsing any of them.
    pub(crate) fn from_elements<'a>(parts: impl Iterator<Item = &'a Json>, limit: usize) -> Result<Self, JsonError> {
        let mut text = String::from("[");
        let (mut depth, mut nodes) = (1, 1);
        for part in parts {
            let (elements, deepest, inside) = match part.elements() {
                Some(elements) => (elements, part.0.depth, part.0.nodes - 1),
                None => (part.text().trim(), part.0.depth + 1, part.0.nodes),
            };
            (depth, nodes) = (depth.max(deepest), nodes + inside);
            if elements.is_empty() {
                continue;
            }
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(elements);
            if text.len() >= limit {
                return Err(JsonError::TooLarge { bytes: text.len() + 1, limit });
            }
        }
        text.push(']');
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        Ok(Self(Arc::new(Document { text: text.into_boxed_str(), depth, nodes, value: OnceLock::new() })))
    }

    /// The original text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// How many values the document has on all levels, without parsing it.
    pub fn nodes(&self) -> usize {
        self.0.nodes
    }

    /// The value, parsed on the first call.
    pub fn value(&self) -> &Value {
        // The constructor has checked the text, so null could only come from a bug in the parser.
        self.0.value.get_or_init(|| serde_json::from_str(&self.0.text).unwrap_or(Value::Null))
    }

    /// The kind of the value, without parsing it.
    pub fn kind(&self) -> &'static str {
        match self.text().trim_start().as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        }
    }

    /// True for a list.
    pub fn is_list(&self) -> bool {
        self.kind() == "a list"
    }

    /// True for an object.
    pub fn is_object(&self) -> bool {
        self.kind() == "an object"
    }

    /// True for a number.
    pub fn is_number(&self) -> bool {
        self.kind() == "a number"
    }

    /// The text between the brackets of a list.
    fn elements(&self) -> Option<&str> {
        self.text().trim().strip_prefix('[')?.strip_suffix(']').map(str::trim)
    }
}

impl PartialEq for Json {
    /// Compares values: `{"a":1}` and `{ "a": 1 }` are equal.
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text() || self.value() == other.value()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

/// How many values a value has, itself included, and how many bytes of texts and keys.
pub(crate) fn count_nodes(value: &Value) -> (usize, usize) {
    let sum = |(nodes, bytes): (usize, usize), inner: &Value| {
        let (more, longer) = count_nodes(inner);
        (nodes + more, bytes + longer)
    };
    match value {
        Value::Array(list) => list.iter().fold((1, 0), sum),
        Value::Object(map) => {
            let keys = map.keys().map(String::len).sum();
            map.values().fold((1, keys), sum)
        }
        Value::String(text) => (1, text.len()),
        _ => (1, 0),
    }
}

/// The result of reading a document for its shape.
#[derive(Default)]
struct Shape {
    depth: usize,
    nodes: usize,
}

/// Reads a document for its shape alone, as strictly as reading its value would be: numbers in range, escapes complete.
struct Depth<'d> {
    level: usize,
    shape: &'d mut Shape,
}

impl<'de> DeserializeSeed<'de> for Depth<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.shape.nodes += 1;
        deserializer.deserialize_any(self)
    }
}

impl Depth<'_> {
    fn inner(&mut self) -> Depth<'_> {
        Depth { level: self.level + 1, shape: self.shape }
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.shape.depth = self.shape.depth.max(self.level + 1);
        if self.level >= MAX_DEPTH { Err(E::custom("too deep")) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Depth<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.enter()?;
        while list.next_element_seed(self.inner())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.enter()?;
        while map.next_key_seed(self.inner())?.is_some() {
            // Keys do not count as values.
            self.shape.nodes -= 1;
            map.next_value_seed(self.inner())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_can_be_parsed() {
        for text in ["null", " [1, -2.5e3, \"\\ud83d\\ude00\", {\"a\": [true]}] ", "18446744073709551615"] {
            let json = Json::parse(text).expect(text);
            assert_eq!(json.text(), text, "the text is kept as it came");
            assert_eq!(json.value(), &serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn what_could_not_be_parsed_later_is_refused_now() {
        for text in ["", "{", "1 2", "\"\\ud800\"", "1e999", "nul", "[1,]", "\u{feff}1", "NaN", "\"\n\""] {
            assert!(matches!(Json::parse(text), Err(JsonError::Syntax(_))), "{text:?}");
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH)).is_ok());
        assert_eq!(Json::parse(nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
        assert_eq!(Json::parse(nested(100_000)), Err(JsonError::TooDeep));
        let long = format!("\"{}\"", "x".repeat(MAX_UPDATE_BYTES));
        assert!(matches!(Json::parse(long), Err(JsonError::TooLarge { .. })));
    }

    #[test]
    fn joining_lists_gives_what_parsing_them_would() {
        let parts: Vec<Json> =
            ["[]", " [1 , 2] ", "3", "[]", "{\"a\":[4]}", "[[5]]"].map(|t| Json::parse(t).unwrap()).into();
        let joined = Json::from_elements(parts.iter(), 1_000).unwrap();
        assert_eq!(joined.value(), &serde_json::json!([1, 2, 3, {"a": [4]}, [5]]));
        let deep = Json::parse(format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH))).unwrap();
        assert_eq!(Json::from_elements([deep].iter(), 1_000), Err(JsonError::TooDeep));
    }
}
