//! What is known about one part of an expression, and how it follows from what is known about its operands.

use cel::common::ast::{LiteralValue, operators};

use super::kinds::ValueKinds;
use super::known_values::Texts;

/// What is known about the value of one part.
#[derive(Clone, Debug)]
pub(super) struct Fact<'p> {
    pub kinds: ValueKinds,
    pub texts: Texts<'p>,
    /// What is known about the elements of a list, or the values of a map.
    pub within: Option<Box<Fact<'p>>>,
    /// What is known about the keys of a map.
    pub keys: Option<Box<Fact<'p>>>,
}

impl<'p> Fact<'p> {
    pub fn of(kinds: ValueKinds) -> Self {
        Self { kinds, texts: Texts::default(), within: None, keys: None }
    }

    pub fn unknown() -> Self {
        Self::of(ValueKinds::ANY)
    }

    pub fn text(texts: Texts<'p>) -> Self {
        Self { texts, ..Self::of(ValueKinds::STRING) }
    }

    pub fn list(within: Self) -> Self {
        Self { within: Some(Box::new(within)), ..Self::of(ValueKinds::LIST) }
    }

    /// The empty set of values: the element of an empty list.
    pub fn none() -> Self {
        Self { texts: Texts::none(), ..Self::of(ValueKinds::NONE) }
    }

    /// What is known about a value that is one of the two.
    pub fn or(self, other: Self) -> Self {
        let both =
            |one: Option<Box<Self>>, other: Option<Box<Self>>, (known, known_too): (bool, bool)| match (one, other) {
                (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
                // A string has no elements, so the elements of "a string or a list" are those of the list.
                (Some(one), None) if !known_too => Some(one),
                (None, Some(other)) if !known => Some(other),
                _ => None,
            };
        let holds = |kinds: ValueKinds| kinds.meets(ValueKinds::LIST.or(ValueKinds::MAP).or(ValueKinds::OPTIONAL));
        let may_hold = (holds(self.kinds), holds(other.kinds));
        // Only a string has texts.
        let texts = match (self.kinds.meets(ValueKinds::STRING), other.kinds.meets(ValueKinds::STRING)) {
            (true, false) => self.texts,
            (false, true) => other.texts,
            _ => self.texts.or(other.texts),
        };
        Self {
            kinds: self.kinds.or(other.kinds),
            texts,
            within: both(self.within, other.within, may_hold),
            keys: both(self.keys, other.keys, may_hold),
        }
    }

    /// The elements of a list, when the value cannot be anything else.
    pub fn elements(&self) -> Option<&Self> {
        self.within.as_deref().filter(|_| self.kinds == ValueKinds::LIST)
    }
}

/// The result of a call whose arguments fit.
pub(super) fn result<'p>(name: &str, given: ValueKinds, facts: Vec<Fact<'p>>) -> Fact<'p> {
    let are = |kinds: ValueKinds| facts.iter().all(|fact| fact.kinds == kinds);
    let texts = |facts: &[Fact<'p>]| facts.first().map(|fact| fact.texts.clone()).unwrap_or_default();
    match (name, facts.as_slice()) {
        (operators::ADD, [one, other]) if are(ValueKinds::STRING) => Fact::text(one.texts.followed_by(&other.texts)),
        (operators::ADD, [one, other]) if are(ValueKinds::LIST) => one.clone().or(other.clone()),
        (operators::INDEX, [of, _]) if of.kinds.is_only(ValueKinds::LIST) || of.kinds.is_only(ValueKinds::MAP) => {
            of.within.clone().map_or_else(Fact::unknown, |within| *within)
        }
        (operators::INDEX, _) => Fact::unknown(),
        ("split", _) => Fact::list(Fact::of(ValueKinds::STRING)),
        ("lowerAscii", [_]) => Fact::text(texts(&facts).through(str::to_ascii_lowercase)),
        ("upperAscii", [_]) => Fact::text(texts(&facts).through(str::to_ascii_uppercase)),
        ("trim", [_]) => Fact::text(texts(&facts).through(|text| text.trim().to_owned())),
        ("string", [_]) if are(ValueKinds::STRING) => Fact::text(texts(&facts)),
        _ => Fact::of(given),
    }
}

pub(super) fn of_literal(literal: &LiteralValue, node: u64) -> Fact<'_> {
    match literal {
        LiteralValue::Boolean(_) => Fact::of(ValueKinds::BOOL),
        LiteralValue::Bytes(_) => Fact::of(ValueKinds::BYTES),
        LiteralValue::Double(_) => Fact::of(ValueKinds::DOUBLE),
        LiteralValue::Int(_) => Fact::of(ValueKinds::INT),
        LiteralValue::Null => Fact::of(ValueKinds::NULL),
        LiteralValue::UInt(_) => Fact::of(ValueKinds::UINT),
        LiteralValue::String(text) => Fact::text(Texts::written(text.inner(), node)),
    }
}
