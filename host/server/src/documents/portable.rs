//! Schemas as client generators read them best: enums as `enum`, no `default`, and a title for every object.

use schemars::Schema;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value};

/// Rewrites a schema and everything in it.
pub(super) fn portable(schema: &mut Schema) {
    transform_subschemas(&mut portable, schema);
    if let Some(schema) = schema.as_object_mut() {
        list_constants(schema);
        drop_null_beside_reference(schema);
        // openapi-typescript takes a property with a default as always present, also in requests. The property's
        // description says what happens when it is left out.
        schema.remove("default");
    }
}

/// Rewrites a schema of an answer in addition: an optional property is left out when unset, and never null.
pub(super) fn never_null(schema: &mut Schema) {
    transform_subschemas(&mut never_null, schema);
    let Some(schema) = schema.as_object_mut() else { return };
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let types = property.get_mut("type").filter(|_| !required.iter().any(|required| required == name));
        if let Some(Value::Array(types)) = types {
            types.retain(|of_type| of_type != "null");
            if let [only] = types.as_slice() {
                property["type"] = only.clone();
            }
        }
    }
}

/// "A reference or null" becomes the reference, because openapi-generator fails at the former. The host leaves the
/// property out instead of writing null.
fn drop_null_beside_reference(schema: &mut Map<String, Value>) {
    let alternatives = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice);
    if let Some([reference, null]) = alternatives
        && let Some(target) = reference.get("$ref").cloned()
        && null.get("type").is_some_and(|of_type| of_type == "null")
    {
        schema.remove("anyOf");
        schema.insert("$ref".to_owned(), target);
    }
}

/// `oneOf` or `anyOf` of constants becomes `enum`. The former keeps a description for each value, but openapi-generator
/// and others make a class of each value. The descriptions are added to the description of the whole.
fn list_constants(schema: &mut Map<String, Value>) {
    let Some(keyword) = ["oneOf", "anyOf"].into_iter().find(|keyword| schema.contains_key(*keyword)) else { return };
    let Some(variants) = schema.get(keyword).and_then(Value::as_array) else { return };
    let Some(variants) = variants.iter().map(constants).collect::<Option<Vec<_>>>() else { return };
    let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut separator = if description.is_empty() { "" } else { "\n\n" };
    let mut values = Vec::new();
    for (of_variant, says) in variants {
        if let (Some(says), [Value::String(value)]) = (says, of_variant.as_slice()) {
            description.push_str(&format!("{separator}- `{value}`: {says}"));
            separator = "\n";
        }
        values.extend(of_variant);
    }
    schema.remove(keyword);
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), values.into());
    if !description.is_empty() {
        schema.insert("description".to_owned(), description.into());
    }
}

/// The strings that a variant allows, when it allows nothing else, and its description.
fn constants(variant: &Value) -> Option<(Vec<Value>, Option<&str>)> {
    let variant = variant.as_object()?;
    let known = |key: &String| ["const", "enum", "type", "description"].contains(&key.as_str());
    if !variant.keys().all(known) {
        return None;
    }
    let values = match (variant.get("const"), variant.get("enum")) {
        (Some(value), None) => vec![value.clone()],
        (None, Some(Value::Array(values))) => values.clone(),
        _ => return None,
    };
    let says = variant.get("description").and_then(Value::as_str);
    values.iter().all(Value::is_string).then_some((values, says))
}

/// One object instead of a reference with properties beside it, because many generators ignore those properties. Of a
/// property in both, the object's own is used.
pub(super) fn flattened(mut object: Map<String, Value>, schemas: &Map<String, Value>) -> Map<String, Value> {
    let target = object.remove("$ref");
    let target = target.as_ref().and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
    let Some(Value::Object(referred)) = target.and_then(|target| schemas.get(target)) else { return object };
    for (key, value) in referred {
        match (object.get_mut(key), value) {
            (None, value) => drop(object.insert(key.clone(), value.clone())),
            (Some(Value::Object(own)), Value::Object(value)) => {
                for (name, value) in value {
                    own.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            (Some(Value::Array(own)), Value::Array(value)) => {
                let missing: Vec<Value> = value.iter().filter(|item| !own.contains(item)).cloned().collect();
                own.extend(missing);
            }
            (Some(_), _) => {}
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use schemars::json_schema;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_enum_lists_its_values_and_says_what_each_means() {
        let mut schema = json_schema!({
            "properties": {"state": {"description": "How far it is.", "oneOf": [
                {"type": "string", "const": "accepted", "description": "Stored."},
                {"type": "string", "enum": ["decided", "failed"]},
            ]}},
        });
        portable(&mut schema);
        let expected = json!({
            "description": "How far it is.\n\n- `accepted`: Stored.",
            "type": "string",
            "enum": ["accepted", "decided", "failed"],
        });
        assert_eq!(schema.as_value()["properties"]["state"], expected);
    }

    #[test]
    fn alternatives_that_are_no_plain_strings_stay_alternatives() {
        let alternatives = json!({"oneOf": [{"const": 1}, {"type": "string", "const": "a"}]});
        let mut schema: Schema = alternatives.clone().try_into().unwrap();
        portable(&mut schema);
        assert_eq!(schema.as_value(), &alternatives);
    }

    #[test]
    fn no_property_has_a_default() {
        let mut schema = json_schema!({"properties": {"note": {"type": ["string", "null"], "default": null}}});
        portable(&mut schema);
        assert_eq!(schema.as_value()["properties"]["note"], json!({"type": ["string", "null"]}));
    }

    #[test]
    fn an_optional_reference_is_a_reference_and_what_leaves_is_never_null() {
        let mut schema = json_schema!({
            "properties": {
                "policy": {"anyOf": [{"$ref": "#/components/schemas/Policy"}, {"type": "null"}]},
                "note": {"type": ["string", "null"]},
                "last": {"type": ["string", "null"]},
            },
            "required": ["last"],
        });
        portable(&mut schema);
        assert_eq!(schema.as_value()["properties"]["policy"], json!({"$ref": "#/components/schemas/Policy"}));
        assert_eq!(schema.as_value()["properties"]["note"]["type"], json!(["string", "null"]));
        never_null(&mut schema);
        assert_eq!(schema.as_value()["properties"]["note"]["type"], "string");
        assert_eq!(schema.as_value()["properties"]["last"]["type"], json!(["string", "null"]));
    }

    #[test]
    fn an_object_that_refers_to_another_holds_all_of_it() {
        let schemas =
            json!({"A": {"type": "object", "description": "theirs", "properties": {"x": true}, "required": ["x"]}});
        let object = json!({
            "$ref": "#/components/schemas/A", "description": "own", "properties": {"type": {"const": "a"}},
            "required": ["type"],
        });
        let whole = flattened(object.as_object().cloned().unwrap(), schemas.as_object().unwrap());
        let expected = json!({
            "type": "object", "description": "own", "properties": {"type": {"const": "a"}, "x": true},
            "required": ["type", "x"],
        });
        assert_eq!(Value::Object(whole), expected);
    }
}
