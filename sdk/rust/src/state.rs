use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::JsonError;
use crate::json::{Fault, Step};

/// The channels a node reads, each with its value at the start of the step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State(Vec<(String, String)>);

impl State {
    pub(crate) fn from_wire(channels: Vec<(String, String)>) -> Self {
        Self(channels)
    }

    /// All channels as the fields of one struct. A channel without a value yet is a missing field: make it an
    /// `Option`, or give it `#[serde(default)]`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        T::deserialize(Channels(&self.0)).map_err(|fault| JsonError::of("state", fault))
    }

    /// The value of one channel; none when it has none yet.
    pub fn get<T: DeserializeOwned>(&self, channel: &str) -> Result<Option<T>, JsonError> {
        match self.0.iter().find(|(name, _)| name == channel) {
            Some((name, text)) => crate::json::decode(&format!("state.{name}"), text),
            None => Ok(None),
        }
    }
}

/// Reads the channels in place, without first joining them into one document.
struct Channels<'a>(&'a [(String, String)]);

impl<'de, 'a: 'de> Deserializer<'de> for Channels<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(ChannelMap { left: self.0.iter(), current: None })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// A node that reads no channel takes `()`.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

struct ChannelMap<'a> {
    left: std::slice::Iter<'a, (String, String)>,
    current: Option<&'a (String, String)>,
}

impl<'de, 'a: 'de> MapAccess<'de> for ChannelMap<'a> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.current = self.left.next();
        match self.current {
            Some((name, _)) => seed.deserialize(StrDeserializer::<Fault>::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, text)) = self.current else {
            return Err(serde::de::Error::custom("a value was asked for before its channel"));
        };
        crate::json::read(text, seed).map_err(|fault| fault.inside(Step::key(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Booking {
        intent: Option<String>,
        party: Option<u32>,
        #[serde(default)]
        notes: Vec<String>,
    }

    fn state(channels: &[(&str, &str)]) -> State {
        State(channels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn channels_become_fields_and_absent_ones_are_missing_fields() {
        let read: Booking = state(&[("intent", r#""book""#), ("notes", r#"["a"]"#)]).read().unwrap();
        assert_eq!(read, Booking { intent: Some("book".into()), party: None, notes: vec!["a".into()] });
    }

    #[test]
    fn channels_the_node_does_not_know_are_ignored() {
        let read: Booking = state(&[("other", r#"{"deep":[1,2]}"#), ("party", "4")]).read().unwrap();
        assert_eq!(read.party, Some(4));
    }

    #[test]
    fn a_wrong_type_names_its_channel() {
        let error = state(&[("party", r#""four""#)]).read::<Booking>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`state.party`: expected a whole number from 0 to 4294967295, found the string"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_channel_that_must_be_there_is_named() {
        #[derive(Debug, Deserialize)]
        struct Strict {
            #[allow(dead_code, reason = "only its absence matters")]
            intent: String,
        }
        let error = state(&[]).read::<Strict>().unwrap_err();
        assert!(error.to_string().contains("`state`: the key `intent` is missing"), "{error}");
    }

    #[test]
    fn a_node_may_take_no_state() {
        state(&[("intent", "1")]).read::<()>().unwrap();
    }
}
