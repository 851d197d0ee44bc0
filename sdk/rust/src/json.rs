use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::value::RawValue;

/// A JSON document as the host gave it; nothing is parsed before it is asked for.
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
        decode("the document", &self.0)
    }

    /// The value under a dotted path, for example `hours.monday`; none when the document has nothing or `null` there.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, JsonError> {
        match self.find(path)? {
            Some(raw) => decode(path, raw.get()),
            None => Ok(None),
        }
    }

    /// The text under a dotted path. Only what is on the way is looked at, nothing is copied.
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

/// Reads JSON text as a type; `place` names it in the error.
pub(crate) fn decode<T: DeserializeOwned>(place: &str, text: &str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|error| JsonError::new(place, &error))
}

/// Writes a value as JSON text; `place` names it in the error.
pub(crate) fn encode<T: Serialize + ?Sized>(place: &str, value: &T) -> Result<String, JsonError> {
    serde_json::to_string(value).map_err(|error| JsonError::new(place, &error))
}

/// A value that cannot be read from JSON or written as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    place: String,
    reason: String,
}

impl JsonError {
    pub(crate) fn new(place: &str, reason: &dyn fmt::Display) -> Self {
        Self { place: place.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` has not the expected JSON shape: {}", self.place, self.reason)
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
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_what_is_there_and_none_otherwise() {
        let json = Json::from_text(r#"{"hours":{"monday":["12:00",{"until":"23:00"}],"sunday":null},"n":7}"#);
        assert_eq!(json.get::<u8>("n"), Ok(Some(7)));
        assert_eq!(json.get::<String>("hours.sunday"), Ok(None));
        assert_eq!(json.get::<String>("hours.friday"), Ok(None));
        assert_eq!(json.get::<String>("n.deeper"), Ok(None));
        assert!(json.get::<Vec<serde_json::Value>>("hours.monday").unwrap().is_some());
    }

    #[test]
    fn a_wrong_type_names_the_path() {
        let json = Json::from_text(r#"{"hours":{"monday":"closed"}}"#);
        let error = json.get::<u8>("hours.monday").unwrap_err();
        assert!(error.to_string().starts_with("`hours.monday` has not the expected JSON shape: invalid type: string"));
    }

    #[test]
    fn text_that_is_no_json_is_an_error_not_a_panic() {
        assert!(Json::from_text("{").get::<u8>("a").is_err());
        assert!(Json::from_text("").read::<u8>().is_err());
    }
}
