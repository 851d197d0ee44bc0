//! Keeps what a newer version has stored and this version does not know when a document is written back.

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Effect;
use crate::document;
use crate::item::AttributeMap;

/// The document for an attribute, in place of the stored one: fields that `T` does not know stay, at every depth, where
/// the values around them have not changed. The error says what is wrong with the stored document.
pub(crate) async fn kept<T>(item: Option<&AttributeMap>, name: &str, document: &T) -> Result<Value, String>
where
    T: Serialize + DeserializeOwned,
{
    let new = value(document)?;
    let Some(item) = item.filter(|item| item.contains_key(name)) else { return Ok(new) };
    let text = document::unpack_text(item, name).await?;
    let (stored, read) = (parsed::<Value>(&text)?, value(&parsed::<T>(&text)?)?);
    Ok(merged(stored, &read, new))
}

/// Like [`kept`], for a decision's effects, which are matched by their ids.
pub(crate) async fn kept_effects(item: &AttributeMap, name: &str, effects: &[Effect]) -> Result<Value, String> {
    let new = value(effects)?;
    let text = document::unpack_text(item, name).await?;
    let (stored, read) = (parsed::<Vec<Value>>(&text)?, parsed::<Vec<Effect>>(&text)?);
    let Value::Array(new) = new else { return Ok(new) };
    let mut before = HashMap::with_capacity(stored.len());
    for (stored, read) in stored.into_iter().zip(&read) {
        before.insert(read.id.as_str(), (stored, value(read)?));
    }
    let merged = new.into_iter().zip(effects).map(|(new, effect)| match before.remove(effect.id.as_str()) {
        Some((stored, read)) => merged(stored, &read, new),
        None => new,
    });
    Ok(Value::Array(merged.collect()))
}

/// Merges documents: `read` is what this version understands of `stored`, and `new` replaces it.
fn merged(stored: Value, read: &Value, new: Value) -> Value {
    if *read == new {
        return stored;
    }
    match (stored, read, new) {
        (Value::Object(stored), Value::Object(read), Value::Object(mut new)) => {
            for (key, stored) in stored {
                match (read.get(&key), new.get(&key)) {
                    (None, None) => {
                        new.insert(key, stored);
                    }
                    (Some(read), Some(now)) if read == now => {
                        new.insert(key, stored);
                    }
                    _ => {}
                }
            }
            Value::Object(new)
        }
        (_, _, new) => new,
    }
}

fn value<T: Serialize + ?Sized>(document: &T) -> Result<Value, String> {
    serde_json::to_value(document).map_err(|error| format!("it cannot be written as JSON: {error}"))
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| document::told(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_stays_and_what_has_changed_is_as_it_is_now() {
        let stored = json!({"a": {"x": 1, "new": 2}, "b": {"y": 1, "new": 3}, "gone": 4, "null": null, "new": [5]});
        let read = json!({"a": {"x": 1}, "b": {"y": 1}, "gone": 4});
        let new = json!({"a": {"x": 1}, "b": {"y": 2}, "come": 6});
        let merged = merged(stored, &read, new);
        let expected = json!({"a": {"x": 1, "new": 2}, "b": {"y": 2}, "come": 6, "null": null, "new": [5]});
        assert_eq!(merged, expected);
    }
}
