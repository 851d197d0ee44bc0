use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Draft, Field, Found, Unreadable, which};

/// The models of a text: one object, a list of them, or an object with such a list under `models`.
pub(super) fn drafts(text: &str) -> (Vec<Draft>, Vec<Unreadable>) {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(error) => return (Vec::new(), vec![unreadable(text, &error)]),
    };
    let place = Place { text };
    if whole.get().starts_with('[') {
        return place.list(whole);
    }
    let fields = match place.object(whole) {
        Ok(fields) => fields,
        Err(unreadable) => return (Vec::new(), vec![unreadable]),
    };
    match fields.iter().find(|(name, _)| name == "models") {
        Some((_, models)) if fields.len() == 1 => place.list(models),
        Some((_, models)) => {
            let message = "nothing may stand beside `models`; put each model into its list".to_owned();
            (Vec::new(), vec![Unreadable { at: place.of(models), message }])
        }
        None => (vec![place.draft(whole, fields, 1, 1)], Vec::new()),
    }
}

/// Finds the position of a part in the text.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
}

impl<'a> Place<'a> {
    fn of(self, part: &RawValue) -> usize {
        // A raw value is a slice of the text itself.
        (part.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn list(self, list: &'a RawValue) -> (Vec<Draft>, Vec<Unreadable>) {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else {
            let message = "`models` has to be a list".to_owned();
            return (Vec::new(), vec![Unreadable { at: self.of(list), message }]);
        };
        let (mut drafts, mut wrong) = (Vec::with_capacity(items.len()), Vec::new());
        let count = items.len();
        for (before, item) in items.into_iter().enumerate() {
            let number = before + 1;
            match self.object(item) {
                Ok(fields) => drafts.push(self.draft(item, fields, number, count)),
                Err(Unreadable { at, message }) => {
                    let which = which(number, count).map(|which| format!(" ({which})")).unwrap_or_default();
                    wrong.push(Unreadable { at, message: format!("{message}{which}") });
                }
            }
        }
        (drafts, wrong)
    }

    fn object(self, part: &'a RawValue) -> Result<Vec<(String, &'a RawValue)>, Unreadable> {
        let fields = serde_json::from_str::<Fields<'_>>(part.get());
        let refuse = |_| Unreadable { at: self.of(part), message: "a message model has to be an object".to_owned() };
        fields.map(|Fields(fields)| fields).map_err(refuse)
    }

    fn draft(self, object: &RawValue, fields: Vec<(String, &'a RawValue)>, number: usize, count: usize) -> Draft {
        let field =
            |(name, value): (String, &'a RawValue)| Field { name, at: self.of(value), value: self.found(value) };
        Draft { at: self.of(object), number, count, fields: fields.into_iter().map(field).collect() }
    }

    fn found(self, value: &'a RawValue) -> Found {
        match serde_json::from_str(value.get()) {
            Ok(Value::String(text)) => Found::Text(text),
            Ok(Value::Array(_)) => self.texts(value).map_or(Found::Other("a list of something else"), Found::Texts),
            Ok(Value::Null) => Found::Nothing,
            Ok(Value::Number(_)) => Found::Other("a number"),
            Ok(Value::Bool(_)) => Found::Other("true or false"),
            Ok(Value::Object(_)) => Found::Other("an object"),
            // Valid JSON whose value cannot be represented, such as a number out of range.
            Err(_) => Found::Other("a value out of range"),
        }
    }

    /// The texts of a list; none when it has other values.
    fn texts(self, list: &'a RawValue) -> Option<Vec<(usize, String)>> {
        let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
        let text = |item: &RawValue| Some((self.of(item), serde_json::from_str(item.get()).ok()?));
        items.into_iter().map(text).collect()
    }
}

/// An object's fields in their order, including duplicates.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor).map(Self)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(fields)
    }
}

fn unreadable(text: &str, error: &serde_json::Error) -> Unreadable {
    let line = error.line().saturating_sub(1);
    let at = text.split_inclusive('\n').take(line).map(str::len).sum();
    Unreadable { at, message: error.to_string() }
}
