//! Reads a configuration tree into typed sections; a fault says which value it is about.

use std::collections::btree_map;
use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor};

use super::tree::{ConfigNode, ConfigOrigin, ConfigValue};

/// What is wrong with one value.
#[derive(Debug)]
pub struct ConfigProblem {
    /// The kind of fault.
    pub kind: ConfigProblemKind,
    /// The keys that lead to the value, outermost first.
    pub path: Vec<String>,
    /// Where the value was set; none only for faults of the whole configuration.
    pub origin: Option<ConfigOrigin>,
}

/// What can be wrong with a value.
#[derive(Debug)]
pub enum ConfigProblemKind {
    /// The key does not exist here; the known keys.
    UnknownKey(String, &'static [&'static str]),
    /// The choice does not exist; the known choices.
    UnknownChoice(String, &'static [&'static str]),
    /// A secret itself, where only a reference to one is allowed; its value must not be shown.
    PlainSecret,
    /// A value that does not fit.
    Value(String),
    /// A key that has to be there.
    Missing(&'static str),
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ConfigProblemKind::UnknownKey(key, _) => write!(f, "unknown key `{key}`"),
            ConfigProblemKind::UnknownChoice(choice, _) => write!(f, "`{choice}` is not possible here"),
            ConfigProblemKind::PlainSecret => f.write_str("a secret is never written into the configuration"),
            ConfigProblemKind::Value(message) => f.write_str(message),
            ConfigProblemKind::Missing(key) => write!(f, "key `{key}` is missing"),
        }
    }
}

impl std::error::Error for ConfigProblem {}

impl de::Error for ConfigProblem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ConfigProblemKind::Value(message.to_string()).into()
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        ConfigProblemKind::UnknownKey(field.to_owned(), expected).into()
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        ConfigProblemKind::UnknownChoice(variant.to_owned(), expected).into()
    }

    fn missing_field(field: &'static str) -> Self {
        ConfigProblemKind::Missing(field).into()
    }
}

impl From<ConfigProblemKind> for ConfigProblem {
    fn from(kind: ConfigProblemKind) -> Self {
        Self { kind, path: Vec::new(), origin: None }
    }
}

impl ConfigProblem {
    /// The same fault, with the key of the enclosing table in front of its path.
    fn within(mut self, key: &str, origin: &ConfigOrigin) -> Self {
        self.path.insert(0, key.to_owned());
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }
}

/// Untyped text becomes the TOML value that it looks like, else a string.
fn guess(text: &str, origin: &ConfigOrigin) -> ConfigNode {
    ConfigNode::parse_inline(text, origin).unwrap_or_else(|| ConfigNode {
        content: ConfigValue::Scalar(toml::Value::String(text.to_owned())),
        origin: origin.clone(),
        key_origin: origin.clone(),
    })
}

macro_rules! typed_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigProblem> {
            match &self.content {
                ConfigValue::Text(text) => guess(text.trim(), &self.origin).$method(visitor),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

macro_rules! plain_text {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigProblem> {
            match self.content {
                ConfigValue::Text(text) => visitor.visit_string(text),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for ConfigNode {
    type Error = ConfigProblem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigProblem> {
        match self.content {
            ConfigValue::Table(children) => visitor.visit_map(Entries { rest: children.into_iter(), value: None }),
            ConfigValue::Array(items) => visitor.visit_seq(Items { rest: items.into_iter(), index: 0 }),
            ConfigValue::Text(text) => guess(&text, &self.origin).deserialize_any(visitor),
            ConfigValue::Scalar(toml::Value::Integer(number)) => visitor.visit_i64(number),
            ConfigValue::Scalar(toml::Value::Float(number)) => visitor.visit_f64(number),
            ConfigValue::Scalar(toml::Value::Boolean(flag)) => visitor.visit_bool(flag),
            ConfigValue::Scalar(toml::Value::String(text)) => visitor.visit_string(text),
            ConfigValue::Scalar(other) => visitor.visit_string(other.to_string()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConfigProblem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConfigProblem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigProblem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigProblem> {
        match self.content {
            ConfigValue::Text(text) if text.trim_start().starts_with('{') => {
                match ConfigNode::parse_inline(&text, &self.origin) {
                    Some(node) => node.deserialize_enum(name, variants, visitor),
                    None => {
                        Err(de::Error::invalid_value(Unexpected::Str(&text), &"a table such as `{ env = \"NAME\" }`"))
                    }
                }
            }
            ConfigValue::Text(_) | ConfigValue::Scalar(_) if name == "SecretReference" => {
                Err(ConfigProblemKind::PlainSecret.into())
            }
            ConfigValue::Text(text) | ConfigValue::Scalar(toml::Value::String(text)) => {
                visitor.visit_enum(text.into_deserializer())
            }
            ConfigValue::Table(children) => {
                let count = children.len();
                match (count, children.into_iter().next()) {
                    (1, Some((key, value))) => visitor.visit_enum(Variant { key, value }),
                    _ => Err(de::Error::invalid_length(count, &"exactly one key")),
                }
            }
            _ => self.deserialize_any(visitor),
        }
    }

    typed_text! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_seq deserialize_map
    }

    plain_text! { deserialize_str deserialize_string deserialize_char deserialize_identifier }

    serde::forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// Walks a table.
struct Entries {
    rest: btree_map::IntoIter<String, ConfigNode>,
    value: Option<(String, ConfigNode)>,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = ConfigProblem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConfigProblem> {
        let Some((key, node)) = self.rest.next() else { return Ok(None) };
        let name: StrDeserializer<'_, ConfigProblem> = key.as_str().into_deserializer();
        let read = seed.deserialize(name).map_err(|fault| fault.within(&key, &node.key_origin))?;
        self.value = Some((key, node));
        Ok(Some(read))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ConfigProblem> {
        let Some((key, node)) = self.value.take() else { return Err(de::Error::custom("a value without a key")) };
        let origin = node.origin.clone();
        seed.deserialize(node).map_err(|fault| fault.within(&key, &origin))
    }
}

/// Walks a list.
struct Items {
    rest: std::vec::IntoIter<ConfigNode>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = ConfigProblem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ConfigProblem> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let (origin, index) = (node.origin.clone(), self.index);
        self.index += 1;
        seed.deserialize(node).map(Some).map_err(|fault| fault.within(&index.to_string(), &origin))
    }
}

/// A table with one key that names the variant of an enum.
struct Variant {
    key: String,
    value: ConfigNode,
}

impl<'de> de::EnumAccess<'de> for Variant {
    type Error = ConfigProblem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ConfigProblem> {
        let name: StringDeserializer<ConfigProblem> = self.key.clone().into_deserializer();
        let variant = seed.deserialize(name).map_err(|fault| fault.within(&self.key, &self.value.key_origin))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant {
    type Error = ConfigProblem;

    fn unit_variant(self) -> Result<(), ConfigProblem> {
        Err(ConfigProblemKind::Value(format!("`{}` takes no value", self.key)).into())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ConfigProblem> {
        let origin = self.value.origin.clone();
        seed.deserialize(self.value).map_err(|fault| fault.within(&self.key, &origin))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ConfigProblem> {
        self.value.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConfigProblem> {
        let origin = self.value.origin.clone();
        self.value.deserialize_map(visitor).map_err(|fault| fault.within(&self.key, &origin))
    }
}
