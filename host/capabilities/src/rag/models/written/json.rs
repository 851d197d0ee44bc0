use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use signalbox_diagnostics::Problem;

use super::{Draft, Field, Found, error, which};

/// The models of a text: one object, a list of them, or an object with such a list under `models`.
pub(super) fn drafts(text: &str) -> (Vec<Draft>, Vec<Problem>) {
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(problem) => return (Vec::new(), vec![syntax(text, &problem)]),
    };
    let place = Place { text };
    if whole.get().starts_with('[') {
        return place.list(whole);
    }
    let fields = match place.object(whole) {
        Ok(fields) => fields,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    match fields.iter().find(|(name, _)| name == "models") {
        Some((_, models)) if fields.len() == 1 => place.list(models),
        Some((_, models)) => {
            let message = "nothing may stand beside `models`; put each model into its list".to_owned();
            (Vec::new(), vec![error(&place.beginning(models), message)])
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
    fn of(self, part: &RawValue) -> Range<usize> {
        // A raw value is a slice of the text itself.
        let begin = (part.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        begin..begin + part.get().len()
    }

    /// The place of the opening bracket of an object or a list, because the whole may have very many lines.
    fn beginning(self, part: &RawValue) -> Range<usize> {
        let Range { start, .. } = self.of(part);
        start..start + 1
    }

    fn list(self, list: &'a RawValue) -> (Vec<Draft>, Vec<Problem>) {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else {
            let message = "`models` has to be a list".to_owned();
            return (Vec::new(), vec![error(&self.beginning(list), message)]);
        };
        let (mut drafts, mut wrong) = (Vec::with_capacity(items.len()), Vec::new());
        let count = items.len();
        for (before, item) in items.into_iter().enumerate() {
            let number = before + 1;
            match self.object(item) {
                Ok(fields) => drafts.push(self.draft(item, fields, number, count)),
                Err(problem) => {
                    let which = which(number, count).map(|which| format!(" ({which})")).unwrap_or_default();
                    wrong.push(error(&problem.span, format!("{}{which}", problem.message)));
                }
            }
        }
        (drafts, wrong)
    }

    fn object(self, part: &'a RawValue) -> Result<Vec<(String, &'a RawValue)>, Problem> {
        let fields = serde_json::from_str::<Fields<'_>>(part.get());
        let refuse = |_| error(&self.beginning(part), "a message model has to be an object".to_owned());
        fields.map(|Fields(fields)| fields).map_err(refuse)
    }

    fn draft(self, object: &RawValue, fields: Vec<(String, &'a RawValue)>, number: usize, count: usize) -> Draft {
        // serde_json does not tell the place of a name, so problems of a name are reported at its value.
        let field = |(name, value): (String, &'a RawValue)| {
            let at = self.of(value);
            Field { name, name_at: at.clone(), at, value: self.found(value) }
        };
        Draft { at: self.beginning(object), number, count, fields: fields.into_iter().map(field).collect() }
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

    /// The texts of a list that has nothing else.
    fn texts(self, list: &'a RawValue) -> Option<Vec<(Range<usize>, String)>> {
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

fn syntax(text: &str, problem: &serde_json::Error) -> Problem {
    let before = problem.line().saturating_sub(1);
    let line: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    // At the end of a line or of the text, serde_json counts up to one byte more than there are.
    let at = (line + problem.column().saturating_sub(1)).min(text.len());
    error(&(at..at + 1), format!("this is not JSON: {problem}"))
        .with_help("write one object, a list of objects, or an object with a list under `models`")
}
