//! JSON values for CEL. Texts are borrowed, so that a value is not copied to be read.

use std::collections::HashMap;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use serde_json::Value;

/// A value for an evaluation. Whole numbers are `int`, not `uint`, so that `state.guests + 1` works.
pub(super) fn cel_value(json: &Value) -> Box<dyn Val + '_> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Box::new(CelInt::from(integer)),
            (None, Some(integer)) => Box::new(CelUInt::from(integer)),
            (None, None) => Box::new(CelDouble::from(number.as_f64().unwrap_or_default())),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(list) => Box::new(CelList::from(list.iter().map(cel_value).collect::<Vec<_>>())),
        Value::Object(object) => cel_map(object.iter().map(|(key, value)| (key.as_str(), cel_value(value)))),
    }
}

/// A map of values.
pub(super) fn cel_map<'v>(fields: impl Iterator<Item = (&'v str, Box<dyn Val + 'v>)>) -> Box<dyn Val + 'v> {
    let fields: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> =
        fields.map(|(key, value)| (CelMapKey::from(key), value)).collect();
    Box::new(CelMap::from(fields))
}

/// A list of texts.
pub(super) fn cel_texts(texts: &[String]) -> Box<dyn Val + '_> {
    let texts: Vec<Box<dyn Val + '_>> =
        texts.iter().map(|text| Box::new(CelString::from(text.as_str())) as Box<dyn Val + '_>).collect();
    Box::new(CelList::from(texts))
}
