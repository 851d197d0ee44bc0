//! Serialises values of the contract as JSON with the names of `wit/` for fields and cases, and not with those of Rust:
//! `not-configured` and `decision-code` instead of `NotConfigured` and `decision_code`.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::value::Serializer as Plain;
use serde_json::{Error, Map, Value};

/// A value with the names of `wit/`; null when JSON cannot represent it, which is not the case for any type of the
/// contract.
pub(crate) fn to_value(value: &impl Serialize) -> Value {
    value.serialize(WitNames).unwrap_or(Value::Null)
}

/// A name in the spelling of `wit/`. Rust's name is the same in upper camel case (cases) or snake case (fields).
fn wit_name(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 2);
    for (index, letter) in name.chars().enumerate() {
        match letter {
            '_' => spelled.push('-'),
            _ if letter.is_ascii_uppercase() => {
                if index > 0 {
                    spelled.push('-');
                }
                spelled.push(letter.to_ascii_lowercase());
            }
            _ => spelled.push(letter),
        }
    }
    spelled
}

struct WitNames;

/// Elements, and the case to which they belong.
struct Elements(Vec<Value>, Option<&'static str>);

/// Fields, the key of the next value, and the case to which they belong.
struct Fields(Map<String, Value>, String, Option<&'static str>);

fn of_case(case: Option<&'static str>, value: Value) -> Value {
    match case {
        Some(case) => Value::Object([(wit_name(case), value)].into_iter().collect()),
        None => value,
    }
}

impl Elements {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.0.push(value.serialize(WitNames)?);
        Ok(())
    }

    fn done(self) -> Result<Value, Error> {
        Ok(of_case(self.1, Value::Array(self.0)))
    }
}

impl Fields {
    fn new(case: Option<&'static str>) -> Self {
        Self(Map::new(), String::new(), case)
    }

    fn add<T: Serialize + ?Sized>(&mut self, key: String, value: &T) -> Result<(), Error> {
        self.0.insert(key, value.serialize(WitNames)?);
        Ok(())
    }

    fn done(self) -> Result<Value, Error> {
        Ok(of_case(self.2, Value::Object(self.0)))
    }
}

/// Passes values without names on to serde_json.
macro_rules! plain {
    ($($method:ident($kind:ty))*) => {
        $(fn $method(self, value: $kind) -> Result<Value, Error> {
            Plain.$method(value)
        })*
    };
}

impl Serializer for WitNames {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    plain! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, case: &'static str) -> Result<Value, Error> {
        Ok(Value::String(wit_name(case)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(of_case(Some(case), value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements, Error> {
        Ok(Elements(Vec::with_capacity(length.unwrap_or_default()), None))
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Elements, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        length: usize,
    ) -> Result<Elements, Error> {
        Ok(Elements(Vec::with_capacity(length), Some(case)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Error> {
        Ok(Fields::new(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(Fields::new(None))
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, case: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(Fields::new(Some(case)))
    }
}

/// Implements the traits of lists, which differ only in the name of a method.
macro_rules! elements {
    ($($kind:ident::$method:ident)*) => {
        $(impl $kind for Elements {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.add(value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element SerializeTuple::serialize_element SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($kind:ident)*) => {
        $(impl $kind for Fields {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.add(wit_name(name), value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = Error;

    /// A key is data, so it stays as it is.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.1 = match key.serialize(Plain)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = std::mem::take(&mut self.1);
        self.add(key, value)
    }

    fn end(self) -> Result<Value, Error> {
        self.done()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(serde::Serialize)]
    enum Case {
        NotConfigured,
        RateLimited(u64),
        Conflict { retry_after: Option<u32>, text: &'static str },
        Pair(u8, Box<Case>),
    }

    #[test]
    fn fields_and_cases_have_the_names_of_the_contract_and_data_stays_as_it_is() {
        let data = BTreeMap::from([("someKey_AsSent", "NotConfigured")]);
        let conflict = Case::Conflict { retry_after: Some(3), text: "NotConfigured" };
        let value =
            (Case::NotConfigured, Case::RateLimited(1), conflict, Case::Pair(2, Box::new(Case::NotConfigured)), data);
        let expected = json!([
            "not-configured",
            {"rate-limited": 1},
            {"conflict": {"retry-after": 3, "text": "NotConfigured"}},
            {"pair": [2, "not-configured"]},
            {"someKey_AsSent": "NotConfigured"},
        ]);
        assert_eq!(to_value(&value), expected);
    }
}
