//! Comparisons with values of which only a few are known to exist. A comparison with a misspelt text would never hold,
//! and no error would show it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use signalbox_diagnostics::{listed, nearest, suggestion};
use signalbox_model::{InputType, Source};

use super::pattern::Pattern;

/// The most texts that are tracked for one part of an expression; with more, the part counts as any text.
const MOST_TEXTS: usize = 1_000;
/// The longest text that is tracked.
const LONGEST_TEXT: usize = 1_024;

/// The origin of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextOrigin {
    /// A literal in the expression; with the number of its node when the text is the whole literal.
    Written(Option<u64>),
    /// A value of this field of the input.
    Field(&'static str),
    /// A permission of the sender.
    Permission,
}

impl TextOrigin {
    fn is_written(self) -> bool {
        matches!(self, Self::Written(_))
    }
}

/// The texts that a part of an expression may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts<'p> {
    list: Vec<(Cow<'p, str>, TextOrigin)>,
    /// Whether the part can have no other text.
    complete: bool,
}

impl<'p> Texts<'p> {
    /// The one text of a literal.
    pub fn written(text: &'p str, node: u64) -> Self {
        Self { list: vec![(Cow::Borrowed(text), TextOrigin::Written(Some(node)))], complete: true }
    }

    /// The values of a field of the input, when they are few and known.
    pub fn of_field(field: &str) -> Self {
        let (field, values): (_, &[&'static str]) = match field {
            "type" => ("type", &INPUT_TYPES),
            "source" => ("source", &SOURCES),
            _ => return Self::default(),
        };
        Self {
            list: values.iter().map(|value| (Cow::Borrowed(*value), TextOrigin::Field(field))).collect(),
            complete: true,
        }
    }

    /// The permissions that the host and the bundle declare.
    pub fn of_permissions(known: &[&'p str]) -> Self {
        let list = known.iter().map(|permission| (Cow::Borrowed(*permission), TextOrigin::Permission)).collect();
        Self { list, complete: true }.within_limits()
    }

    /// An empty set, to which texts are added.
    pub fn none() -> Self {
        Self { list: Vec::new(), complete: true }
    }

    /// The texts of both sets.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        Self { complete: self.complete && other.complete, ..self }.within_limits()
    }

    /// Every text of this set followed by every text of the other.
    pub fn followed_by(&self, other: &Self) -> Self {
        if !self.complete || !other.complete || self.list.len().saturating_mul(other.list.len()) > MOST_TEXTS {
            return Self::default();
        }
        let joined = self.list.iter().flat_map(|(start, origin)| {
            other.list.iter().map(move |(end, other_origin)| {
                let origin = if origin.is_written() { *other_origin } else { *origin };
                let origin = if origin.is_written() { TextOrigin::Written(None) } else { origin };
                (Cow::Owned(format!("{start}{end}")), origin)
            })
        });
        Self { list: joined.collect(), complete: true }.within_limits()
    }

    /// Each text after a function has changed it.
    #[must_use]
    pub fn through(self, change: impl Fn(&str) -> String) -> Self {
        let changed = self.list.into_iter().map(|(text, origin)| {
            (Cow::Owned(change(&text)), if origin.is_written() { TextOrigin::Written(None) } else { origin })
        });
        Self { list: changed.collect(), ..self }
    }

    /// Whether every one of them is a value of fields of the input.
    pub fn are_of_fields(&self) -> bool {
        self.complete
            && !self.list.is_empty()
            && self.list.iter().all(|(_, origin)| matches!(origin, TextOrigin::Field(_)))
    }

    fn within_limits(self) -> Self {
        let fits = self.list.len() <= MOST_TEXTS && self.list.iter().all(|(text, _)| text.len() <= LONGEST_TEXT);
        if fits { self } else { Self::default() }
    }

    /// Whether the set is complete and includes values that the host gives.
    pub fn are_known(&self) -> bool {
        self.complete && self.list.iter().any(|(_, origin)| !origin.is_written())
    }

    /// The field, when the set is exactly the values of that field.
    fn field(&self) -> Option<&'static str> {
        let Some((_, TextOrigin::Field(field))) = self.list.first() else { return None };
        let values = Self::of_field(field);
        (values.list == self.list).then_some(*field)
    }
}

/// How two texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Equals,
    StartsWith,
    EndsWith,
    Contains,
    Matches,
}

impl How {
    /// The comparison that the function of this name makes.
    pub fn of(function: &str) -> Option<Self> {
        match function {
            "startsWith" => Some(Self::StartsWith),
            "endsWith" => Some(Self::EndsWith),
            "contains" => Some(Self::Contains),
            "matches" => Some(Self::Matches),
            _ => None,
        }
    }

    fn holds(self, text: &str, part: &str, patterns: &BTreeMap<String, Pattern>) -> bool {
        match self {
            Self::Equals => text == part,
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
            Self::Contains => text.contains(part),
            Self::Matches => patterns.get(part).is_none_or(|pattern| pattern.is_match(text)),
        }
    }

    /// The verb after `no value` in messages.
    fn verb(self) -> &'static str {
        match self {
            Self::Equals => "is",
            Self::StartsWith => "starts with",
            Self::EndsWith => "ends with",
            Self::Contains => "contains",
            Self::Matches => "matches",
        }
    }
}

/// A text that matches none of the known values.
pub(super) struct Misspelt {
    pub message: String,
    pub help: String,
    /// The node of this text.
    pub node: Option<u64>,
    /// Whether it is only a warning, because the value may exist although neither the host nor the bundle declares it.
    pub is_warning: bool,
}

/// Every literal text that matches no known value of the other side; `names` are the names of the sides in messages.
pub(super) fn misspelt(
    (left, right): (&Texts<'_>, &Texts<'_>),
    (left_name, right_name): (&str, &str),
    how: How,
    patterns: &BTreeMap<String, Pattern>,
) -> Vec<Misspelt> {
    let mut found = Vec::new();
    for (known, name, other, known_is_left) in [(left, left_name, right, true), (right, right_name, left, false)] {
        if !known.are_known() || (how == How::Matches && !known_is_left) {
            continue;
        }
        for (text, origin) in &other.list {
            let TextOrigin::Written(node) = origin else { continue };
            let fits = |value: &str| match known_is_left {
                true => how.holds(value, text, patterns),
                false => how.holds(text, value, patterns),
            };
            if !known.list.iter().any(|(value, _)| fits(value)) {
                let told = told(known, name, text, how, known_is_left);
                found.push(Misspelt { node: *node, ..told });
            }
        }
    }
    let never_same = left.are_of_fields()
        && right.are_of_fields()
        && how == How::Equals
        && !left.list.iter().any(|(one, _)| right.list.iter().any(|(other, _)| one == other));
    if never_same {
        let message = format!("`{left_name}` and `{right_name}` never have the same value");
        let help = "compare each with a value that it has".to_owned();
        found.push(Misspelt { message, help, node: None, is_warning: false });
    }
    found
}

/// The message and help for one text.
fn told(known: &Texts<'_>, name: &str, text: &str, how: How, known_is_left: bool) -> Misspelt {
    let values = || known.list.iter().filter(|(_, origin)| !origin.is_written()).map(|(value, _)| value.as_ref());
    let is_warning = known.list.iter().any(|(_, origin)| *origin == TextOrigin::Permission);
    let field = known.field();
    let message = match (is_warning, how, field) {
        (true, How::Equals, _) => format!("neither the host nor the bundle knows permission `{text}`"),
        (true, ..) => format!("no permission that the host or the bundle knows {} `{text}`", how.verb()),
        (false, How::Equals, Some(field)) => format!("`input.{field}` is never `{text}`"),
        (false, How::Equals, None) => format!("`{name}` is never `{text}`"),
        _ if known_is_left => format!("no value of `{name}` {} `{text}`", how.verb()),
        _ => format!("`{text}` {} no value of `{name}`", how.verb()),
    };
    let help = match (how, field) {
        (How::Equals, Some(field)) => trigger(field, text).map(str::to_owned),
        _ => None,
    };
    let help = help.or_else(|| near_part(text, values(), how).map(|near| format!("did you mean `{near}`?")));
    let help = help.unwrap_or_else(|| match is_warning {
        true => format!("permissions are {}; declare others as `permissions` under [bundle]", listed(values())),
        false => suggestion(text, &format!("values of `{name}`"), values()),
    });
    Misspelt { message, help, node: None, is_warning }
}

/// The input field's value for a name of a trigger, which authors write because the guides use it.
fn trigger(field: &str, text: &str) -> Option<&'static str> {
    Some(match (field, text) {
        ("source", "web" | "socket" | "ws" | "chat") => "did you mean `websocket`?",
        ("source", "webhook" | "api" | "http") => "did you mean `external_api`? webhooks and the API have it",
        ("source", "schedule" | "timer") => "did you mean `cron`?",
        ("type", "message" | "chat" | "text") => "did you mean `user_message`?",
        ("type", "api" | "request") => "did you mean `api_request`?",
        ("type", "kafka" | "record" | "entry") => "did you mean `kafka_record`?",
        ("type", "cron" | "schedule" | "scheduled" | "tick" | "task") => "did you mean `scheduled_task`?",
        _ => return None,
    })
}

/// The part of a known value that the author most likely meant.
fn near_part<'v>(text: &str, values: impl Iterator<Item = &'v str>, how: How) -> Option<&'v str> {
    let text = if how == How::Matches { text.trim_matches(['^', '$', '.', '*', '(', ')']) } else { text };
    let length = text.chars().count();
    let parts = values.flat_map(|value| {
        let ends: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
        let whole = ends.len().saturating_sub(1);
        let lengths = match how {
            How::Equals => vec![whole],
            // The whole value is tried before its parts, and parts of the same length before those that differ by a
            // letter.
            _ => vec![whole, length, length + 1, length.saturating_sub(1)],
        };
        let mut parts = Vec::new();
        for length in lengths.into_iter().filter(|length| (1..=whole).contains(length)) {
            let starts = match how {
                How::Equals | How::StartsWith => 0..=0,
                How::EndsWith => whole - length..=whole - length,
                How::Contains | How::Matches => 0..=whole - length,
            };
            for start in starts {
                if let (Some(from), Some(to)) = (ends.get(start), ends.get(start + length)) {
                    parts.extend(value.get(*from..*to));
                }
            }
        }
        parts
    });
    nearest(text, parts)
}

/// What `input.type` may be.
pub(super) const INPUT_TYPES: [&str; 6] = [
    type_name(InputType::UserMessage),
    type_name(InputType::ScheduledTask),
    type_name(InputType::Webhook),
    type_name(InputType::ApiRequest),
    type_name(InputType::Review),
    type_name(InputType::KafkaRecord),
];

/// What `input.source` may be.
pub(super) const SOURCES: [&str; 4] = [
    source_name(Source::Websocket),
    source_name(Source::Cron),
    source_name(Source::ExternalApi),
    source_name(Source::Kafka),
];

/// A match without a wildcard, so that a new input type does not compile before it is added here.
const fn type_name(input_type: InputType) -> &'static str {
    match input_type {
        InputType::UserMessage => "user_message",
        InputType::ScheduledTask => "scheduled_task",
        InputType::Webhook => "webhook",
        InputType::ApiRequest => "api_request",
        InputType::Review => "review",
        InputType::KafkaRecord => "kafka_record",
        // No expression of this version can name an input type that this version does not know.
        InputType::Unknown(_) => "",
    }
}

const fn source_name(source: Source) -> &'static str {
    match source {
        Source::Websocket => "websocket",
        Source::Cron => "cron",
        Source::ExternalApi => "external_api",
        Source::Kafka => "kafka",
        Source::Unknown(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_values_are_those_that_inputs_have() {
        let types = [
            InputType::UserMessage,
            InputType::ScheduledTask,
            InputType::Webhook,
            InputType::ApiRequest,
            InputType::Review,
            InputType::KafkaRecord,
        ];
        for (known, value) in INPUT_TYPES.iter().zip(types) {
            assert_eq!(serde_json::to_value(value).unwrap(), *known);
        }
        let sources = [Source::Websocket, Source::Cron, Source::ExternalApi, Source::Kafka];
        for (known, value) in SOURCES.iter().zip(sources) {
            assert_eq!(serde_json::to_value(value).unwrap(), *known);
        }
    }
}
