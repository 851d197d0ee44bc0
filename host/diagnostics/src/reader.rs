//! Reads a parsed TOML document key by key and collects every problem instead of stopping at the first.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as JsonValue;
use signalbox_model::{HumanDuration, HumanSize};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::names::{excerpt, listed, nearest};
use crate::problems::Problems;

/// A string and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlString {
    /// The string.
    pub value: String,
    /// Its bytes in the text.
    pub span: Range<usize>,
}

/// One table. The reader takes keys out of it; the keys that remain at the end are unknown.
pub struct TomlTable<'t> {
    place: Arc<str>,
    span: Range<usize>,
    entries: Vec<(&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)>,
    known: HashSet<&'static str>,
}

impl<'t> TomlTable<'t> {
    /// `place` is the table's name in messages, for example `[graph]`; `span` is where a missing key is reported.
    pub fn new(place: impl Into<String>, span: Range<usize>, table: &'t DeTable<'t>) -> Self {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let place: String = place.into();
        Self { place: excerpt(&place).as_ref().into(), span, entries, known: HashSet::new() }
    }

    /// Where a problem of the whole table is reported.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The table's name in messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value of a key that may be absent.
    pub fn take(&mut self, key: &'static str) -> Option<Item<'t>> {
        self.known.insert(key);
        let (name, value) = self.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(self.item(name, value))
    }

    /// The value of a key that must be there; `help` says what to write.
    pub fn require(&mut self, key: &'static str, help: &str, problems: &mut Problems) -> Option<Item<'t>> {
        let item = self.take(key);
        if item.is_none() {
            problems.add(&self.span, format!("{} has no `{key}`", self.place), help);
        }
        item
    }

    /// Every entry, in the file's order, for tables whose keys are names.
    pub fn entries(&self) -> Vec<Item<'t>> {
        self.entries.iter().map(|(name, value)| self.item(name, value)).collect()
    }

    /// Reports every key that the reader did not take.
    pub fn finish(self, problems: &mut Problems) {
        problems.note_keys(&self.place, self.known.iter().copied());
        for (name, _) in &self.entries {
            let key: &str = name.get_ref();
            if !self.known.contains(key) && !problems.is_full() {
                let mut known: Vec<&str> = self.known.iter().copied().collect();
                known.sort_unstable();
                let help = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("keys here are {}", listed(known)),
                };
                problems.add(&name.span(), format!("unknown key `{key}` in {}", self.place), help);
            }
        }
    }

    fn item(&self, name: &'t Spanned<DeString<'t>>, value: &'t Spanned<DeValue<'t>>) -> Item<'t> {
        Item { key: name.get_ref(), key_span: name.span(), place: Arc::clone(&self.place), value }
    }
}

/// A value and its key.
pub struct Item<'t> {
    /// The key.
    pub key: &'t str,
    /// The bytes of the key in the text.
    pub key_span: Range<usize>,
    place: Arc<str>,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Item<'t> {
    /// The bytes of the value in the text.
    pub fn span(&self) -> Range<usize> {
        self.value.span()
    }

    /// The key as a string with its place.
    pub fn key_text(&self) -> TomlString {
        TomlString { value: self.key.to_owned(), span: self.key_span.clone() }
    }

    /// Whether the value is a string.
    pub fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// A string.
    pub fn text(&self, problems: &mut Problems) -> Option<TomlString> {
        match self.value.get_ref().as_str() {
            Some(text) => Some(TomlString { value: text.to_owned(), span: self.span() }),
            None => self.wrong_type("a string", problems),
        }
    }

    /// `true` or `false`.
    pub fn flag(&self, problems: &mut Problems) -> Option<bool> {
        self.value.get_ref().as_bool().or_else(|| self.wrong_type("`true` or `false`", problems))
    }

    /// A whole number within a range.
    pub fn integer(&self, range: RangeInclusive<u32>, problems: &mut Problems) -> Option<u32> {
        let Some(written) = self.value.get_ref().as_integer() else {
            return self.wrong_type("a whole number", problems);
        };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("`{}` in {} is {written}", self.key, self.place);
            problems.add(&self.span(), message, format!("use {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A number within a range.
    pub fn number(&self, range: RangeInclusive<f64>, problems: &mut Problems) -> Option<f64> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n as f64),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => return self.wrong_type("a number", problems),
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("`{}` in {} is out of range", self.key, self.place);
            problems.add(&self.span(), message, format!("use {} to {}", range.start(), range.end()));
        }
        number
    }

    /// A length of time within a range, as [`HumanDuration`] reads it.
    pub fn duration(&self, range: RangeInclusive<Duration>, problems: &mut Problems) -> Option<Duration> {
        let (start, end) = range.into_inner();
        self.measure(HumanDuration(start)..=HumanDuration(end), problems).map(|duration| duration.0)
    }

    /// A size in bytes within a range, as [`HumanSize`] reads it.
    pub fn bytes(&self, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        let (start, end) = range.into_inner();
        self.measure(HumanSize(start)..=HumanSize(end), problems).map(|size| size.0)
    }

    fn measure<T>(&self, range: RangeInclusive<T>, problems: &mut Problems) -> Option<T>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        let text = self.text(problems)?;
        let (message, help) = match text.value.parse::<T>() {
            Ok(value) if range.contains(&value) => return Some(value),
            Ok(_) => {
                let message = format!("`{}` in {} is {}", self.key, self.place, excerpt(text.value.trim()));
                (message, format!("use {} to {}", range.start(), range.end()))
            }
            Err(why) => (format!("`{}` in {}: {why}", self.key, self.place), "write it as the message says".to_owned()),
        };
        problems.add(&text.span, message, help);
        None
    }

    /// A list of strings, in which the same string may stand more than once.
    pub fn texts_with_duplicates(&self, problems: &mut Problems) -> Vec<TomlString> {
        let Some(array) = self.value.get_ref().as_array() else {
            self.wrong_type::<()>("a list of strings", problems);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for element in array.iter() {
            let element =
                Item { key: self.key, key_span: self.key_span.clone(), place: Arc::clone(&self.place), value: element };
            texts.extend(element.text(problems));
        }
        texts
    }

    /// A list of different strings.
    pub fn texts(&self, problems: &mut Problems) -> Vec<TomlString> {
        let texts = self.texts_with_duplicates(problems);
        let mut seen = HashSet::new();
        for text in &texts {
            if !seen.insert(text.value.as_str()) {
                let message = format!("`{}` stands twice in `{}` in {}", text.value, self.key, self.place);
                problems.add(&text.span, message, "remove one of them");
            }
        }
        texts
    }

    /// A string, or a list of strings.
    pub fn text_or_texts(&self, problems: &mut Problems) -> Vec<TomlString> {
        if self.is_text() { self.text(problems).into_iter().collect() } else { self.texts(problems) }
    }

    /// A table; `place` is its name in messages.
    pub fn table(&self, place: impl Into<String>, problems: &mut Problems) -> Option<TomlTable<'t>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(TomlTable::new(place, self.key_span.clone(), table)),
            _ => self.wrong_type("a table", problems),
        }
    }

    /// An array of tables.
    pub fn tables(&self, place: &str, problems: &mut Problems) -> Vec<TomlTable<'t>> {
        let Some(array) = self.value.get_ref().as_array() else {
            self.wrong_type::<()>(&format!("a list of tables, each under its own {place}"), problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for element in array.iter() {
            match element.get_ref() {
                DeValue::Table(table) => tables.push(TomlTable::new(place, element.span(), table)),
                other => problems.add(
                    &element.span(),
                    format!("an entry of `{}` in {} is {}, not a table", self.key, self.place, article(other)),
                    format!("write each under its own {place}"),
                ),
            }
        }
        tables
    }

    /// Any value, as JSON.
    pub fn json(&self, problems: &mut Problems) -> Option<JsonValue> {
        match json_of(self.value.get_ref()) {
            Ok(value) => Some(value),
            Err(why) => {
                problems.add(&self.span(), format!("`{}` in {} {why}", self.key, self.place), "JSON cannot hold it");
                None
            }
        }
    }

    fn wrong_type<T>(&self, wanted: &str, problems: &mut Problems) -> Option<T> {
        let found = article(self.value.get_ref());
        let message = format!("`{}` in {} is {found}", self.key, self.place);
        problems.add(&self.span(), message, format!("write {wanted}"));
        None
    }
}

fn json_of(value: &DeValue<'_>) -> Result<JsonValue, &'static str> {
    Ok(match value {
        DeValue::String(text) => JsonValue::from(text.as_ref()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(JsonValue::from)
            .map_err(|_| "holds an integer of more than 64 bits")?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(JsonValue::Number)
            .ok_or("holds a number that is not finite")?,
        DeValue::Boolean(flag) => JsonValue::from(*flag),
        DeValue::Datetime(moment) => JsonValue::from(moment.to_string()),
        DeValue::Array(array) => array.iter().map(|element| json_of(element.get_ref())).collect::<Result<_, _>>()?,
        DeValue::Table(table) => JsonValue::Object(
            table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), json_of(value.get_ref())?)))
                .collect::<Result<_, &'static str>>()?,
        ),
    })
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
