//! Kinds of values: what a part of an expression may be, as far as that is known before evaluation.

use serde_json::Value;

/// A set of kinds. A part that is not known may be of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueKinds(u16);

impl ValueKinds {
    pub const NONE: Self = Self(0);
    pub const BOOL: Self = Self(1);
    pub const INT: Self = Self(1 << 1);
    pub const UINT: Self = Self(1 << 2);
    pub const DOUBLE: Self = Self(1 << 3);
    pub const STRING: Self = Self(1 << 4);
    pub const BYTES: Self = Self(1 << 5);
    pub const LIST: Self = Self(1 << 6);
    pub const MAP: Self = Self(1 << 7);
    pub const NULL: Self = Self(1 << 8);
    pub const TYPE: Self = Self(1 << 9);
    pub const OPTIONAL: Self = Self(1 << 10);
    pub const NUMBER: Self = Self::INT.or(Self::UINT).or(Self::DOUBLE);
    /// The kinds that the key of a map may have.
    pub const KEY: Self = Self::BOOL.or(Self::INT).or(Self::UINT).or(Self::STRING);
    pub const ANY: Self = Self((1 << 11) - 1);

    /// Each single kind with its name in messages.
    pub const EACH: [(Self, &str); 11] = [
        (Self::BOOL, "true or false"),
        (Self::INT, "a whole number"),
        (Self::UINT, "an unsigned number"),
        (Self::DOUBLE, "a decimal number"),
        (Self::STRING, "a string"),
        (Self::BYTES, "bytes"),
        (Self::LIST, "a list"),
        (Self::MAP, "a map"),
        (Self::NULL, "null"),
        (Self::TYPE, "a type"),
        (Self::OPTIONAL, "an optional value"),
    ];

    /// The kind that a JSON value has in an expression. A JSON number may be of any kind of number.
    pub fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::LIST,
            Value::Object(_) => Self::MAP,
        }
    }

    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether both have a kind in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set has no kinds but these.
    pub const fn is_only(self, others: Self) -> bool {
        self.0 != 0 && self.0 & !others.0 == 0
    }

    /// Whether a value of one can equal a value of the other: numbers of all kinds compare with each other.
    pub const fn can_equal(self, other: Self) -> bool {
        self.meets(other) || (self.meets(Self::NUMBER) && other.meets(Self::NUMBER))
    }

    /// The kinds in it, one by one.
    pub fn each(self) -> impl Iterator<Item = Self> {
        Self::EACH.into_iter().map(|(kind, _)| kind).filter(move |kind| self.meets(*kind))
    }

    /// The name of these kinds in messages.
    pub fn named(self) -> String {
        match self {
            Self::NUMBER => return "a number".to_owned(),
            Self::ANY => return "a value of some kind".to_owned(),
            _ => {}
        }
        let names: Vec<&str> = Self::EACH.iter().filter(|(kind, _)| self.meets(*kind)).map(|(_, name)| *name).collect();
        names.join(" or ")
    }
}
