//! Reads a type from a tree of JSON, and remembers the path to the value that fails.

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Step, quoted};
use super::node::Node;

/// How serde_json asks for a value as the text it was written in.
const RAW: &str = "$serde_json::private::RawValue";

/// One value of the tree.
pub(super) struct Reader(pub(super) Node);

impl<'de> Deserializer<'de> for Reader {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(value),
            Node::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, Some(value)) => visitor.visit_f64(value),
                (None, None, None) => Err(Fault::custom("this number is out of range")),
            },
            Node::String(text) => {
                let said = quoted(&text);
                // A type that is read from a string, such as a date, reports an error without the string, so it is
                // added.
                visitor.visit_string::<Fault>(text).map_err(|fault| fault.about(&said))
            }
            Node::Array(items) => {
                let mut items = Items { left: items.into_iter(), index: 0 };
                let array = visitor.visit_seq(&mut items)?;
                match items.left.len() {
                    0 => Ok(array),
                    more => Err(Fault::custom(format_args!("expected {} elements, found {more} more", items.index))),
                }
            }
            Node::Object(fields) => visitor.visit_map(Fields { left: fields.into_iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name == RAW {
            let text = serde_json::to_string(&self.0).map_err(Fault::custom)?;
            return visitor.visit_map(MapDeserializer::new(std::iter::once((RAW, text))));
        }
        visitor.visit_newtype_struct(self)
    }

    /// An array is refused, though serde would take its elements for the fields in order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Node::Object(_) => self.deserialize_any(visitor),
            other => Err(Fault::invalid_type(other.unexpected(), &"a map")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (name, value) = match self.0 {
            Node::String(name) => (name, None),
            Node::Object(fields) if fields.len() == 1 => match fields.into_iter().next() {
                Some((name, value)) => (name, Some(value)),
                None => return Err(Fault::custom("expected an object with one key")),
            },
            other => return Err(Fault::of_variants(other.unexpected(), variants)),
        };
        visitor.visit_enum(Variant { name, value })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

/// The elements of an array.
struct Items {
    left: std::vec::IntoIter<Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.left.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Reader(item)).map(Some).map_err(|fault| fault.inside(Step::Item(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The fields of an object.
struct Fields {
    left: std::vec::IntoIter<(String, Node)>,
    value: Option<(Step, Node)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.left.next() else { return Ok(None) };
        self.value = Some((Step::key(&key), value));
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((step, value)) = self.value.take() else {
            return Err(Fault::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader(value)).map_err(|fault| fault.inside(step))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The key of a field. JSON writes numbers and booleans as keys in quotes.
struct Key(String);

macro_rules! from_text {
    ($($method:ident as $type:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.parse::<$type>() {
                Ok(value) => value.into_deserializer().deserialize_any(visitor),
                Err(_) => Err(Fault::invalid_type(Unexpected::Str(&self.0), &visitor)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let said = quoted(&self.0);
        visitor.visit_string::<Fault>(self.0).map_err(|fault| fault.about(&said))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(Variant { name: self.0, value: None })
    }

    from_text! {
        deserialize_bool as bool,
        deserialize_i8 as i64, deserialize_i16 as i64, deserialize_i32 as i64, deserialize_i64 as i64,
        deserialize_u8 as u64, deserialize_u16 as u64, deserialize_u32 as u64, deserialize_u64 as u64,
        deserialize_f32 as f64, deserialize_f64 as f64
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant, alone (`"card"`) or with its content (`{"card": 7}`).
struct Variant {
    name: String,
    value: Option<Node>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Fault;
    type Variant = Held;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Held), Fault> {
        let held = Held { step: Step::key(&self.name), value: self.value };
        Ok((seed.deserialize(StringDeserializer::<Fault>::new(self.name))?, held))
    }
}

/// The content of a variant.
struct Held {
    step: Step,
    value: Option<Node>,
}

impl Held {
    fn needed(self) -> Result<(Step, Reader), Fault> {
        let Step::Key(name) = &self.step else { return Err(Fault::custom("a variant has no name")) };
        match self.value {
            Some(value) => Ok((self.step, Reader(value))),
            None => {
                Err(Fault::custom(format_args!("expected an object with the key `{name}`, found the string `{name}`")))
            }
        }
    }
}

impl<'de> VariantAccess<'de> for Held {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None | Some(Node::Null) => Ok(()),
            Some(value) => Err(Fault::invalid_type(value.unexpected(), &"unit").inside(self.step)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let (step, reader) = self.needed()?;
        seed.deserialize(reader).map_err(|fault| fault.inside(step))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Fault> {
        let (step, reader) = self.needed()?;
        reader.deserialize_seq(visitor).map_err(|fault| fault.inside(step))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let (step, reader) = self.needed()?;
        reader.deserialize_struct("", fields, visitor).map_err(|fault| fault.inside(step))
    }
}
