//! Converts JSON Schemas to the form that providers enforce strictly.
//!
//! A provider refuses a strict schema outside of its subset. So a schema is converted to the smallest form of the
//! subset if that excludes no valid answer: what is missing is added, and limits that not all providers know move into
//! the description, because the host checks the answer against the original schema. If a conversion would exclude valid
//! answers, for example because a property is optional, the provider is asked without strictness.

use serde_json::{Map, Value, json};

/// Limits of the strict subset: the nesting of objects, and the properties and enumerated values of the whole schema.
const DEEPEST: usize = 5;
const MOST_PROPERTIES: usize = 100;
const MOST_VALUES: usize = 500;

/// Keywords that the strict subset does not have.
const FOREIGN: [&str; 17] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "contains",
    "unevaluatedProperties",
    "unevaluatedItems",
    "definitions",
    "$dynamicRef",
];

/// Limits that the host checks itself, and that the description tells the model.
const BOUNDS: [&str; 12] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
];

#[derive(Default)]
struct Size {
    properties: usize,
    values: usize,
}

/// The strict form of a schema; none when there is none.
pub(super) fn strict(schema: &Value) -> Option<Value> {
    let mut size = Size::default();
    let mut converted = convert(schema, 0, &mut size)?;
    // The document itself has to be an object, and not a choice between several types.
    (converted.get("type") == Some(&json!("object"))).then_some(())?;
    if let Some(definitions) = schema.get("$defs").and_then(Value::as_object) {
        let convert = |(name, one): (&String, &Value)| Some((name.clone(), convert(one, 0, &mut size)?));
        let definitions: Map<String, Value> = definitions.iter().map(convert).collect::<Option<_>>()?;
        converted.as_object_mut()?.insert("$defs".to_owned(), Value::Object(definitions));
    }
    (size.properties <= MOST_PROPERTIES && size.values <= MOST_VALUES).then_some(converted)
}

fn convert(schema: &Value, depth: usize, size: &mut Size) -> Option<Value> {
    let schema = schema.as_object().filter(|_| depth <= DEEPEST)?;
    if FOREIGN.iter().any(|keyword| schema.contains_key(*keyword)) {
        return None;
    }
    if let Some(reference) = schema.get("$ref") {
        let local = reference.as_str().is_some_and(|to| to == "#" || to.starts_with("#/$defs/"));
        return local.then(|| json!({ "$ref": reference }));
    }
    let mut converted = Map::new();
    if let Some(choices) = schema.get("anyOf") {
        let choices = choices.as_array().filter(|choices| !choices.is_empty())?;
        let choices = choices.iter().map(|one| convert(one, depth + 1, size)).collect::<Option<Vec<_>>>()?;
        converted.insert("anyOf".to_owned(), Value::Array(choices));
        // Beside a choice, no other keyword may restrict the value.
        let others = ["type", "properties", "required", "items", "enum", "const"];
        if others.iter().any(|keyword| schema.contains_key(*keyword)) {
            return None;
        }
    } else {
        let kind = kind(schema)?;
        if is(&kind, "object") {
            object(schema, &mut converted, depth, size)?;
        }
        if is(&kind, "array") {
            converted.insert("items".to_owned(), convert(schema.get("items")?, depth + 1, size)?);
        }
        converted.insert("type".to_owned(), kind);
        let constant = schema.get("const").map(|value| vec![value.clone()]);
        if let Some(values) = constant.or_else(|| schema.get("enum").and_then(Value::as_array).cloned()) {
            size.values += values.len();
            converted.insert("enum".to_owned(), Value::Array(values));
        }
    }
    describe(schema, &mut converted);
    Some(Value::Object(converted))
}

fn object(
    schema: &Map<String, Value>,
    converted: &mut Map<String, Value>,
    depth: usize,
    size: &mut Size,
) -> Option<()> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|known| known == name.as_str()));
    let closed = schema.get("additionalProperties").is_none_or(|further| *further == Value::Bool(false));
    if !closed || !properties.keys().all(is_required) || required.map_or(0, Vec::len) > properties.len() {
        return None;
    }
    size.properties += properties.len();
    let convert = |(name, one): (&String, &Value)| Some((name.clone(), convert(one, depth + 1, size)?));
    let names: Vec<&String> = properties.keys().collect();
    converted.insert("required".to_owned(), json!(names));
    converted.insert("additionalProperties".to_owned(), Value::Bool(false));
    let properties: Map<String, Value> = properties.iter().map(convert).collect::<Option<_>>()?;
    converted.insert("properties".to_owned(), Value::Object(properties));
    Some(())
}

/// The type, as written or as it follows from the rest of the schema.
fn kind(schema: &Map<String, Value>) -> Option<Value> {
    if let Some(kind) = schema.get("type") {
        let named = |kind: &Value| kind.as_str().is_some_and(|name| !name.is_empty());
        let known = named(kind) || kind.as_array().is_some_and(|kinds| !kinds.is_empty() && kinds.iter().all(named));
        return known.then(|| kind.clone());
    }
    let values = match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
        (Some(value), _) => std::slice::from_ref(value),
        (None, Some(values)) => values.as_slice(),
        (None, None) if schema.contains_key("properties") => return Some(json!("object")),
        (None, None) if schema.contains_key("items") => return Some(json!("array")),
        (None, None) => return None,
    };
    let mut kinds: Vec<&str> = values.iter().map(kind_of).collect::<Option<_>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.as_slice() {
        [] => None,
        [one] => Some(json!(one)),
        several => Some(json!(several)),
    }
}

fn kind_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => return None,
    })
}

fn is(kind: &Value, name: &str) -> bool {
    kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
}

fn describe(schema: &Map<String, Value>, converted: &mut Map<String, Value>) {
    let written = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let bounds = BOUNDS.iter().filter_map(|name| Some(format!("{name}: {}", schema.get(*name)?)));
    let description: Vec<String> = written.into_iter().chain(bounds).collect();
    if !description.is_empty() {
        converted.insert("description".to_owned(), Value::String(description.join("; ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_loses_nothing_by_it_becomes_strict() {
        let written = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "intent": { "enum": ["booking", "question"] },
                "confidence": { "type": "number", "minimum": 0, "maximum": 1, "description": "how sure" },
                "dishes": { "items": { "$ref": "#/$defs/dish" } },
                "table": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
            },
            "required": ["confidence", "dishes", "intent", "table"],
            "$defs": { "dish": { "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] } },
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "intent": { "type": "string", "enum": ["booking", "question"] },
                "confidence": { "type": "number", "description": "how sure; minimum: 0; maximum: 1" },
                "dishes": { "type": "array", "items": { "$ref": "#/$defs/dish" } },
                "table": { "anyOf": [{ "type": "integer" }, { "type": "null" }] },
            },
            "required": ["confidence", "dishes", "intent", "table"],
            "additionalProperties": false,
            "$defs": {
                "dish": {
                    "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"],
                    "additionalProperties": false,
                },
            },
        });
        assert_eq!(strict(&written), Some(expected.clone()));
        assert_eq!(strict(&expected), Some(expected), "what is strict stays as it is");
    }

    #[test]
    fn a_schema_that_would_lose_an_answer_does_not() {
        let object = |properties: Value, required: Value| json!({ "type": "object", "properties": properties, "required": required });
        let mut open = object(json!({ "a": { "type": "string" } }), json!(["a"]));
        open["additionalProperties"] = json!(true);
        let mut deep = json!({ "type": "string" });
        for _level in 0..8 {
            deep = object(json!({ "in": deep }), json!(["in"]));
        }
        let many: Map<String, Value> =
            (0..200).map(|number| (format!("p{number}"), json!({ "type": "string" }))).collect();
        let names: Vec<String> = many.keys().cloned().collect();
        for schema in [
            json!(true),
            json!({}),
            json!({ "type": "object" }),
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "anyOf": [object(json!({}), json!([]))] }),
            object(json!({ "a": { "type": "string" } }), json!([])),
            object(json!({ "a": { "type": "string" } }), json!(["a", "b"])),
            object(json!({ "a": {} }), json!(["a"])),
            object(json!({ "a": { "type": "array" } }), json!(["a"])),
            object(json!({ "a": { "oneOf": [{ "type": "string" }] } }), json!(["a"])),
            object(json!({ "a": { "$ref": "https://elsewhere/schema" } }), json!(["a"])),
            open,
            deep,
            object(Value::Object(many), json!(names)),
        ] {
            assert_eq!(strict(&schema), None, "{schema}");
        }
    }
}
