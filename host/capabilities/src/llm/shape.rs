//! Checks whether an answer has the requested shape. Providers enforce a shape differently, so the host checks it
//! itself.
//!
//! Schema and answer are both untrusted, and a short schema can require an enormous amount of work. So every step is
//! counted, and the count is limited. No library for JSON Schema does this, which is why the check is our own, and why
//! it ignores `pattern`, `format` and references to other documents.

use std::fmt;

use serde_json::{Map, Value};

/// The most steps for one answer; a usual schema takes a few for each value.
const MOST_STEPS: u32 = 500_000;
/// The deepest nesting of schemas.
const DEEPEST: u32 = 100;

/// Why an answer is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misshapen {
    /// It does not match the schema; says where and how.
    Wrong(String),
    /// The schema requires more work than the limit.
    TooMuch,
}

impl fmt::Display for Misshapen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(why) => formatter.write_str(why),
            Self::TooMuch => formatter.write_str("checking an answer against the schema takes more work than it may"),
        }
    }
}

/// The JSON document in an answer, without text before it and without a code fence, because models often add both.
pub(super) fn document(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}').trim();
    let text =
        text.strip_prefix("<think>").and_then(|rest| rest.split_once("</think>")).map_or(text, |(_, rest)| rest.trim());
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).and_then(|rest| {
        let (language, body) = rest.split_once('\n')?;
        language.trim().chars().all(char::is_alphanumeric).then(|| body.trim())
    });
    fenced.unwrap_or(text)
}

/// Checks a document against a schema.
pub(super) fn check(document: &Value, schema: &Value) -> Result<(), Misshapen> {
    Check { root: schema, steps: 0, depth: 0 }.meets(document, schema, "the answer")
}

struct Check<'s> {
    root: &'s Value,
    steps: u32,
    depth: u32,
}

type Checked = Result<(), Misshapen>;

fn wrong(why: String) -> Checked {
    Err(Misshapen::Wrong(why))
}

impl<'s> Check<'s> {
    fn step(&mut self, count: usize) -> Checked {
        self.steps = self.steps.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        if self.steps > MOST_STEPS { Err(Misshapen::TooMuch) } else { Ok(()) }
    }

    fn meets(&mut self, value: &Value, schema: &'s Value, at: &str) -> Checked {
        self.step(1)?;
        let schema = match schema {
            Value::Bool(false) => return wrong(format!("{at} must not be there")),
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Misshapen::TooMuch);
        }
        self.alone(value, schema, at)?;
        match value {
            Value::Object(object) => self.object(object, schema, at)?,
            Value::Array(items) => self.array(items, schema, at)?,
            _ => {}
        }
        self.combined(value, schema, at)?;
        self.depth -= 1;
        Ok(())
    }

    /// Checks the keywords that apply to a value itself.
    fn alone(&mut self, value: &Value, schema: &Map<String, Value>, at: &str) -> Checked {
        if let Some(kind) = schema.get("type") {
            let kinds = kind.as_array().map_or(std::slice::from_ref(kind), Vec::as_slice);
            if !kinds.iter().filter_map(Value::as_str).any(|kind| is_of(value, kind)) {
                return wrong(format!("{at} must be of type {kind}"));
            }
        }
        let constant = schema.get("const").map(std::slice::from_ref);
        let allowed = constant.or_else(|| schema.get("enum").and_then(Value::as_array).map(Vec::as_slice));
        if let Some(allowed) = allowed {
            self.step(allowed.len())?;
            if !allowed.iter().any(|one| same(one, value)) {
                return wrong(format!("{at} is none of the values that are allowed there"));
            }
        }
        if let Some(number) = value.as_f64() {
            let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
            let broken = [
                ("minimum", bound("minimum").is_some_and(|bound| number < bound)),
                ("maximum", bound("maximum").is_some_and(|bound| number > bound)),
                ("exclusiveMinimum", bound("exclusiveMinimum").is_some_and(|bound| number <= bound)),
                ("exclusiveMaximum", bound("exclusiveMaximum").is_some_and(|bound| number >= bound)),
            ];
            if let Some((name, _)) = broken.iter().find(|(_, broken)| *broken) {
                return wrong(format!("{at} breaks its {name}"));
            }
        }
        if let Value::String(text) = value
            && (schema.contains_key("minLength") || schema.contains_key("maxLength"))
        {
            self.step(text.len() / 64)?;
            within(text.chars().count(), schema, "minLength", "maxLength", at)?;
        }
        Ok(())
    }

    fn object(&mut self, object: &Map<String, Value>, schema: &'s Map<String, Value>, at: &str) -> Checked {
        within(object.len(), schema, "minProperties", "maxProperties", at)?;
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        self.step(required.len())?;
        if let Some(missing) = required.iter().filter_map(Value::as_str).find(|name| !object.contains_key(*name)) {
            return wrong(format!("{at} has no `{}`", shown(missing)));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let further = schema.get("additionalProperties").filter(|_| !schema.contains_key("patternProperties"));
        for (name, value) in object {
            self.step(1)?;
            let own = properties.and_then(|properties| properties.get(name));
            let Some(schema) = own.or(further) else { continue };
            self.meets(value, schema, &format!("`{}` of {}", shown(name), shown(at)))?;
        }
        Ok(())
    }

    fn array(&mut self, items: &[Value], schema: &'s Map<String, Value>, at: &str) -> Checked {
        within(items.len(), schema, "minItems", "maxItems", at)?;
        let first = schema.get("prefixItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let schemas = first.iter().map(Some).chain(std::iter::repeat(schema.get("items")));
        for (number, (item, schema)) in items.iter().zip(schemas).enumerate() {
            let Some(schema) = schema else { break };
            self.meets(item, schema, &format!("item {number} of {}", shown(at)))?;
        }
        Ok(())
    }

    /// Checks the other schemas that apply to the same value.
    fn combined(&mut self, value: &Value, schema: &'s Map<String, Value>, at: &str) -> Checked {
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|to| self.local(to)) {
            self.meets(value, target, at)?;
        }
        let several = |name: &str| schema.get(name).and_then(Value::as_array).map(Vec::as_slice);
        for one in several("allOf").unwrap_or_default() {
            self.meets(value, one, at)?;
        }
        for (name, fits) in [("anyOf", 1..usize::MAX), ("oneOf", 1..2)] {
            let Some(schemas) = several(name) else { continue };
            let mut met = 0;
            for one in schemas {
                met += usize::from(self.tries(value, one, at)?);
                if met >= 1 && name == "anyOf" {
                    break;
                }
            }
            if !fits.contains(&met) {
                return wrong(format!("{at} fits {met} of the shapes of its {name}"));
            }
        }
        if let Some(not) = schema.get("not")
            && self.tries(value, not, at)?
        {
            return wrong(format!("{at} has the shape that it must not have"));
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.tries(value, condition, at)? { "then" } else { "else" };
            if let Some(branch) = schema.get(branch) {
                self.meets(value, branch, at)?;
            }
        }
        Ok(())
    }

    fn tries(&mut self, value: &Value, schema: &'s Value, at: &str) -> Result<bool, Misshapen> {
        let depth = self.depth;
        let met = self.meets(value, schema, at);
        self.depth = depth;
        match met {
            Ok(()) => Ok(true),
            Err(Misshapen::Wrong(_)) => Ok(false),
            Err(Misshapen::TooMuch) => Err(Misshapen::TooMuch),
        }
    }

    fn local(&self, reference: &str) -> Option<&'s Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

fn within(count: usize, schema: &Map<String, Value>, least: &str, most: &str, at: &str) -> Checked {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let count = count as f64;
    match (bound(least), bound(most)) {
        (Some(bound), _) if count < bound => wrong(format!("{at} breaks its {least}")),
        (_, Some(bound)) if count > bound => wrong(format!("{at} breaks its {most}")),
        _ => Ok(()),
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        // An unknown type is a mistake in the schema, which no answer could satisfy.
        _ => true,
    }
}

/// Equality as JSON Schema defines it: `1` equals `1.0`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        (one, other) => one == other,
    }
}

/// A name or path, shortened for a message.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_document_is_found_however_a_model_wraps_it() {
        for text in [
            "{\"a\":1}",
            "\u{feff}{\"a\":1}\n",
            "```json\n{\"a\":1}\n```",
            "```\n{\"a\":1}\n```\n",
            "<think>a table, so…</think>\n\n{\"a\":1}",
            "<think>x</think>```json\n{\"a\":1}\n```",
        ] {
            assert_eq!(document(text), "{\"a\":1}", "{text}");
        }
        assert_eq!(document("``` not a fence"), "``` not a fence");
    }

    #[test]
    fn answers_are_held_against_every_keyword_that_is_promised() {
        let schema = json!({
            "type": "object",
            "properties": {
                "intent": { "enum": ["booking", "question"] },
                "sure": { "type": "number", "minimum": 0, "maximum": 1 },
                "guests": { "type": ["integer", "null"], "exclusiveMinimum": 0 },
                "dishes": { "type": "array", "items": { "$ref": "#/$defs/dish" }, "maxItems": 2 },
                "when": { "anyOf": [{ "type": "string", "minLength": 3 }, { "type": "null" }] },
            },
            "required": ["intent"],
            "additionalProperties": false,
            "$defs": { "dish": { "type": "string" } },
        });
        let good = [
            json!({ "intent": "booking" }),
            json!({ "intent": "question", "sure": 1, "guests": 4.0, "dishes": ["a", "b"], "when": "azi" }),
            json!({ "intent": "question", "guests": null, "when": null }),
        ];
        for answer in good {
            assert_eq!(check(&answer, &schema), Ok(()), "{answer}");
        }
        let bad = [
            json!([]),
            json!({}),
            json!({ "intent": "bookings" }),
            json!({ "intent": "booking", "sure": 1.2 }),
            json!({ "intent": "booking", "guests": 0 }),
            json!({ "intent": "booking", "guests": 2.5 }),
            json!({ "intent": "booking", "dishes": ["a", 2] }),
            json!({ "intent": "booking", "dishes": ["a", "b", "c"] }),
            json!({ "intent": "booking", "when": "az" }),
            json!({ "intent": "booking", "more": 1 }),
        ];
        for answer in bad {
            assert!(matches!(check(&answer, &schema), Err(Misshapen::Wrong(_))), "{answer}");
        }
        let odd =
            [json!({ "not": { "type": "string" } }), json!({ "oneOf": [{ "type": "string" }, { "minLength": 1 }] })];
        for schema in odd {
            assert!(matches!(check(&json!("x"), &schema), Err(Misshapen::Wrong(_))), "{schema}");
        }
        let conditional = json!({ "if": { "type": "string" }, "then": { "const": "a" }, "else": { "const": 1 } });
        assert!(check(&json!(1.0), &conditional).is_ok() && check(&json!("b"), &conditional).is_err());
    }

    #[test]
    fn a_schema_that_asks_for_work_without_end_is_given_up() {
        let mut definitions = Map::new();
        for level in 0..60 {
            let next = json!({ "$ref": format!("#/$defs/l{}", level + 1) });
            definitions.insert(
                format!("l{level}"),
                json!({ "anyOf": [{ "allOf": [next, false] }, { "allOf": [next, false] }] }),
            );
        }
        let doubling = json!({ "$ref": "#/$defs/l0", "$defs": definitions });
        let circle = json!({ "$ref": "#" });
        let values: Vec<u32> = (0..10_000).collect();
        let wide = json!({ "items": { "enum": values } });
        let long: Vec<u32> = vec![9_999; 1_000];
        for (answer, schema) in [(json!(1), doubling), (json!(1), circle), (json!(long), wide)] {
            assert_eq!(check(&answer, &schema), Err(Misshapen::TooMuch));
        }
    }
}
