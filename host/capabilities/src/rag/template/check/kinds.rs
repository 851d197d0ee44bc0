//! Kinds of values, and examples of each.

use std::collections::BTreeMap;

use super::super::value::{TemplateText, Value};

/// A set of kinds that a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TemplateValueKinds(u16);

impl TemplateValueKinds {
    pub const ABSENT: Self = Self(1);
    pub const NONE: Self = Self(1 << 1);
    pub const BOOL: Self = Self(1 << 2);
    pub const NUMBER: Self = Self(1 << 3);
    pub const TEXT: Self = Self(1 << 4);
    /// Lists and tuples.
    pub const LIST: Self = Self(1 << 5);
    pub const MAP: Self = Self(1 << 6);
    pub const ALL: Self = Self((1 << 7) - 1);

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets have a kind in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is a subset of the other.
    pub const fn within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Undefined | Value::Nothing => Self::ABSENT,
            Value::None => Self::NONE,
            Value::Bool(_) => Self::BOOL,
            Value::Integer(_) | Value::Float(_) => Self::NUMBER,
            Value::Text(_) => Self::TEXT,
            Value::List(_) | Value::GivenList(_) => Self::LIST,
            Value::Map(_) | Value::GivenMap(_) => Self::MAP,
        }
    }

    /// The name of the first kind in messages.
    pub fn name(self) -> &'static str {
        let first = examples().into_iter().find(|value| self.meets(Self::of(value)));
        first.map_or("nothing", |value| value.kind())
    }
}

/// Examples of every kind, such that an operation that works with some value of a kind works with one of its examples:
/// numbers with and without a fraction, around 0; texts with and without a number, and one that an argument names;
/// lists and maps with and without items. Examples that work most often come first.
pub(super) fn examples() -> Vec<Value<'static>> {
    let text = |text: &'static str| Value::Text(TemplateText::Given(text));
    let list = |items: Vec<Value<'static>>, is_tuple| Value::list(items, is_tuple).unwrap_or(Value::None);
    let map = |entries: BTreeMap<String, Value<'static>>| Value::map(entries).unwrap_or(Value::None);
    vec![
        Value::Integer(1),
        text("a"),
        list(vec![text("a")], false),
        map(BTreeMap::from([("a".to_owned(), Value::Integer(1))])),
        text("1"),
        list(vec![Value::Integer(1)], false),
        Value::Bool(true),
        Value::None,
        Value::Float(2.5),
        text(""),
        text("floor"),
        Value::Integer(0),
        Value::Integer(-1),
        list(Vec::new(), false),
        list(Vec::new(), true),
        list(vec![Value::Integer(1)], true),
        map(BTreeMap::new()),
        Value::Nothing,
        Value::Undefined,
    ]
}
