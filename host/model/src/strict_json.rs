//! JSON from senders outside the host. Duplicate keys are refused, because readers interpret them differently.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{LONGEST_PLACE, LONGEST_PROBLEM, excerpt};

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is not JSON, or an object has a key twice.
    Syntax(String),
    /// It is JSON of another shape.
    Shape(String),
}

/// Reads a body; an error names the path of the problem. The values at `objects`, which are JSON pointers, have to be
/// objects if they are present, because a derived deserialiser would also accept a list of their fields. Whether such a
/// value may be `null` depends on the type.
pub fn read<T: DeserializeOwned>(bytes: &[u8], objects: &[impl AsRef<str>]) -> Result<T, BodyError> {
    let value = value(bytes)?;
    if let Some(place) = not_an_object(&value, objects) {
        let name = place.trim_start_matches('/').replace('/', ".");
        let name = if name.is_empty() { "the body".to_owned() } else { format!("`{name}`") };
        return Err(BodyError::Shape(format!("{name} has to be an object")));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        BodyError::Shape(located(&path, error.inner()))
    })
}

/// Reads any JSON without duplicate keys.
pub fn value(bytes: &[u8]) -> Result<Value, BodyError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Once(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        BodyError::Syntax(located(&path, error.inner()))
    })?;
    json.end().map_err(|error| BodyError::Syntax(error.to_string()))?;
    Ok(value)
}

/// The first of these places (JSON pointers) at which the value is neither an object nor `null`.
pub fn not_an_object<'p>(value: &Value, places: &'p [impl AsRef<str>]) -> Option<&'p str> {
    let is_wrong = |place: &&str| value.pointer(place).is_some_and(|found| !found.is_object() && !found.is_null());
    places.iter().map(AsRef::as_ref).find(is_wrong)
}

fn located(path: &str, error: &serde_json::Error) -> String {
    let problem = error.to_string();
    let (place, problem) = (excerpt(path, LONGEST_PLACE), excerpt(&problem, LONGEST_PROBLEM));
    if path == "." { problem.into_owned() } else { format!("at `{place}`: {problem}") }
}

/// A value without duplicate keys.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom(format!("key `{key}` stands there twice")));
            }
            let Once(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use crate::Content;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(deserialize_with = "crate::written")]
        content: Content,
    }

    const PLACES: &[&str] = &["", "/content"];

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let deep = format!(r#"{{"content":{{"data":{}1{}}}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200));
        let cases = [
            ("", "EOF"),
            ("[1", "EOF"),
            (r#"{"content":{"text":"a"}} x"#, "trailing characters"),
            (r#"{"content":{"data":{"n":NaN}}}"#, "at `content.data.n`: expected value"),
            (r#"{"content":{"data":{"n":1e999}}}"#, "number out of range"),
            (r#"{"content":{"data":{"n":1,"n":2}}}"#, "at `content.data`: key `n` stands there twice"),
            (r#"{"content":{"data":{"l":[{"n":1,"n":2}]}}}"#, "at `content.data.l[0]`: key `n` stands there twice"),
            (r#"{"content":{"text":"a"},"content":{"text":"b"}}"#, "key `content` stands there twice"),
            (&deep, "recursion limit"),
        ];
        for (text, expected) in cases {
            let Err(BodyError::Syntax(message)) = read::<Body>(text.as_bytes(), PLACES) else {
                panic!("{text} was read")
            };
            assert!(message.contains(expected), "{message} for {text}");
        }
        let cases = [
            ("[]", "the body has to be an object"),
            ("null", "invalid type: null"),
            (r#"{"content":null}"#, "at `content`: invalid type: null"),
            (r#"[{"text":"a"}]"#, "the body has to be an object"),
            (r#"{"content":["a"]}"#, "`content` has to be an object"),
            (r#"{}"#, "missing field `content`"),
            (r#"{"content":{"text":7}}"#, "at `content.text`: invalid type: integer"),
            (r#"{"content":{"txt":"a"}}"#, "at `content.txt`: unknown field `txt`"),
            (r#"{"content":{"data":[]}}"#, "at `content.data`: invalid type"),
        ];
        for (text, expected) in cases {
            let Err(BodyError::Shape(message)) = read::<Body>(text.as_bytes(), PLACES) else {
                panic!("{text} was read")
            };
            assert!(message.contains(expected), "{message} for {text}");
        }
    }

    #[test]
    fn a_long_name_is_not_repeated_to_who_sent_it() {
        let name = "n".repeat(60_000);
        for text in [format!(r#"{{"content":{{"{name}":1}}}}"#), format!(r#"{{"{name}":1,"{name}":2}}"#)] {
            let (Err(BodyError::Shape(message)) | Err(BodyError::Syntax(message))) =
                read::<Body>(text.as_bytes(), PLACES)
            else {
                panic!("it was read")
            };
            assert!(message.chars().count() < 700, "{} characters", message.chars().count());
            assert!(message.contains("…"), "{message}");
        }
    }

    #[test]
    fn what_is_right_is_read_as_it_stands() {
        let text = r#"{"content":{"text":"ă","data":{"i":-1,"u":18446744073709551615,"f":0.5,"n":null,"b":[true]}}}"#;
        let body: Body = read(text.as_bytes(), PLACES).unwrap();
        let plain: Body = serde_json::from_str(text).unwrap();
        assert_eq!(body.content, plain.content);
    }
}
