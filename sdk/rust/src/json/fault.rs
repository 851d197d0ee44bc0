//! Why JSON cannot be read as a type, in JSON's terms and with the place.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

/// The most characters of a value or key that an error repeats.
const LONGEST: usize = 40;

/// The most names that an error lists.
const MOST_NAMES: usize = 12;

/// One step of the path to a place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

impl Step {
    pub(crate) fn key(key: &str) -> Self {
        Self::Key(shortened(key))
    }
}

/// An error on its way outwards; the steps to its place are added from the innermost one.
#[derive(Debug)]
pub(crate) struct Fault {
    steps: Vec<Step>,
    reason: String,
    /// Whether the reason says what was found.
    says_found: bool,
}

impl Fault {
    pub(super) fn repeated(key: &str) -> Self {
        Self::custom(format_args!("the key `{}` stands twice", shortened(key)))
    }

    /// The same error, with one more outer step.
    pub(crate) fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The place below `root`, and the reason.
    pub(crate) fn at(self, root: &str) -> (String, String) {
        let mut place = root.to_owned();
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) if place.is_empty() => place.push_str(key),
                Step::Key(key) => place.push_str(&format!(".{key}")),
                Step::Item(index) => place.push_str(&format!("[{index}]")),
            }
        }
        (place, self.reason)
    }

    /// An enum was expected, and the value cannot be one of its variants.
    pub(super) fn of_variants(found: Unexpected<'_>, known: &[&str]) -> Self {
        Self::expected(&one_of(known), &found)
    }

    /// The same error with the string that it is about, unless its reason says it or it is about an inner value.
    pub(super) fn about(self, quoted: &str) -> Self {
        if self.says_found || !self.steps.is_empty() {
            return self;
        }
        // Rust's notation for ranges (`1..=28`) is replaced by words.
        let why = self.reason.replace("..=", " to ");
        let reason = format!("found the string {quoted}, which is not understood: {why}");
        Self { reason, says_found: true, ..self }
    }

    fn expected(expected: &str, found: &Unexpected<'_>) -> Self {
        let reason = format!("expected {expected}, found {}", found_in_words(found));
        Self { steps: Vec::new(), reason, says_found: true }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        let nothing_fits = message.starts_with("data did not match any variant of untagged enum");
        let reason = if nothing_fits { "this has none of the forms that are understood".to_owned() } else { message };
        Self { steps: Vec::new(), reason, says_found: false }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(&expected_in_words(&expected.to_string()), &found)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(&expected_in_words(&expected.to_string()), &found)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        let expected = expected_in_words(&expected.to_string());
        Self::custom(format_args!("expected {expected}, found {length} elements"))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::expected(&one_of(known), &Unexpected::Str(variant))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let field = shortened(field);
        let fault = match known {
            [] => Self::custom(format_args!("the key `{field}` is not known, and none is")),
            known => Self::custom(format_args!("the key `{field}` is not known; expected {}", one_of(known))),
        };
        Self { says_found: true, ..fault }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format_args!("the key `{field}` is given twice, under two names"))
    }
}

/// What was expected, in JSON's terms: derived readers name Rust's types.
fn expected_in_words(expected: &str) -> String {
    let whole = |least: i128, most: i128| format!("a whole number from {least} to {most}");
    match expected.trim_start_matches("a nonzero ") {
        "u8" => whole(least(expected, 0), u8::MAX.into()),
        "u16" => whole(least(expected, 0), u16::MAX.into()),
        "u32" => whole(least(expected, 0), u32::MAX.into()),
        "u64" | "u128" | "usize" => format!("a whole number of at least {}", least(expected, 0)),
        "i8" => whole(i8::MIN.into(), i8::MAX.into()),
        "i16" => whole(i16::MIN.into(), i16::MAX.into()),
        "i32" => whole(i32::MIN.into(), i32::MAX.into()),
        "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "string" | "str" | "a borrowed string" | "variant identifier" | "field identifier" | "path string" => {
            "a string".to_owned()
        }
        "a character" | "char" => "a string of one character".to_owned(),
        "unit" | "unit variant" => "`null`".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "any valid JSON value" | "anything at all" => "any JSON value".to_owned(),
        other => of_a_kind(other),
    }
}

/// The least value: one for `a nonzero u32`.
fn least(expected: &str, otherwise: i128) -> i128 {
    if expected.starts_with("a nonzero ") { 1 } else { otherwise }
}

/// The kinds of types that serde names together with the type.
fn of_a_kind(expected: &str) -> String {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| expected.starts_with(beginning));
    let last = expected.rsplit(' ').next().filter(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let last = last.or_else(|| expected.split_once(" with ").and_then(|(_, rest)| rest.split(' ').next()));
    let objects =
        ["struct ", "struct variant ", "internally tagged enum ", "adjacently tagged enum ", "variant of enum "];
    if begins(&["unit struct "]) {
        "`null`".to_owned()
    } else if begins(&objects) {
        "an object".to_owned()
    } else if begins(&["enum "]) {
        "a string, or an object with one key".to_owned()
    } else if begins(&["tuple ", "a tuple ", "an array of length "]) {
        last.map_or_else(|| "an array".to_owned(), |count| format!("an array of {count}"))
    } else {
        expected.to_owned()
    }
}

fn one_of(names: &[&str]) -> String {
    let listed: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST_NAMES) {
        Some(more @ 1..) => format!("one of {} and {more} more", listed.join(", ")),
        _ if names.len() == 1 => listed.concat(),
        _ => format!("one of {}", listed.join(", ")),
    }
}

/// What was found, in JSON's terms.
fn found_in_words(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Unit | Unexpected::Option => "`null`".to_owned(),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => format!("the number {number}"),
            None => "a number out of range".to_owned(),
        },
        Unexpected::Char(letter) => format!("the string {}", quoted(letter.encode_utf8(&mut [0; 4]))),
        Unexpected::Str(text) => format!("the string {}", quoted(text)),
        Unexpected::Seq | Unexpected::TupleVariant | Unexpected::Bytes(_) => "an array".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "an object".to_owned(),
        Unexpected::UnitVariant | Unexpected::NewtypeVariant | Unexpected::Enum => "another form".to_owned(),
        Unexpected::NewtypeStruct => "another form".to_owned(),
        Unexpected::Other(other) => (*other).to_owned(),
    }
}

/// A string as JSON writes it, without characters that control a terminal, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut letters = text.chars();
    for letter in letters.by_ref().take(LONGEST) {
        let hidden = letter.is_control()
            || matches!(letter, '"' | '\\' | '`' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden { short.extend(letter.escape_default()) } else { short.push(letter) }
    }
    if letters.next().is_some() {
        short.push('…');
    }
    short
}
