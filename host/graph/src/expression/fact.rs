//! What is known of one part of an expression, and how it follows from what is known of its parts.

use cel::common::ast::{LiteralValue, operators};

use super::kinds::Kinds;
use super::known_values::Texts;

/// What is known of one part.
#[derive(Clone, Debug)]
pub(super) struct Fact<'p> {
    pub kinds: Kinds,
    pub texts: Texts<'p>,
    /// Of the elements of a list, or the values of a map.
    pub within: Option<Box<Fact<'p>>>,
    /// Of the keys of a map.
    pub keys: Option<Box<Fact<'p>>>,
}

impl<'p> Fact<'p> {
    pub fn of(kinds: Kinds) -> Self {
        Self { kinds, texts: Texts::default(), within: None, keys: None }
    }

    pub fn unknown() -> Self {
        Self::of(Kinds::ANY)
    }

    pub fn text(texts: Texts<'p>) -> Self {
        Self { texts, ..Self::of(Kinds::STRING) }
    }

    pub fn list(within: Self) -> Self {
        Self { within: Some(Box::new(within)), ..Self::of(Kinds::LIST) }
    }

    /// What nothing is: the element of an empty list.
    pub fn none() -> Self {
        Self { texts: Texts::none(), ..Self::of(Kinds::NONE) }
    }

    /// What is known of something that is the one or the other.
    pub fn or(self, other: Self) -> Self {
        let both =
            |one: Option<Box<Self>>, other: Option<Box<Self>>, (known, known_too): (bool, bool)| match (one, other) {
                (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
                // A string has no elements, so those of a list are those of a string or a list.
                (Some(one), None) if !known_too => Some(one),
                (None, Some(other)) if !known => Some(other),
                _ => None,
            };
        let holds = |kinds: Kinds| kinds.meets(Kinds::LIST.or(Kinds::MAP).or(Kinds::OPTIONAL));
        let may_hold = (holds(self.kinds), holds(other.kinds));
        // Only a string has texts.
        let texts = match (self.kinds.meets(Kinds::STRING), other.kinds.meets(Kinds::STRING)) {
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

    /// Of the elements of a list, when it can be nothing else.
    pub fn elements(&self) -> Option<&Self> {
        self.within.as_deref().filter(|_| self.kinds == Kinds::LIST)
    }
}

/// What a call gives whose arguments fit.
pub(super) fn result<'p>(name: &str, given: Kinds, facts: Vec<Fact<'p>>) -> Fact<'p> {
    let are = |kinds: Kinds| facts.iter().all(|fact| fact.kinds == kinds);
    let texts = |facts: &[Fact<'p>]| facts.first().map(|fact| fact.texts.clone()).unwrap_or_default();
    match (name, facts.as_slice()) {
        (operators::ADD, [one, other]) if are(Kinds::STRING) => Fact::text(one.texts.followed_by(&other.texts)),
        (operators::ADD, [one, other]) if are(Kinds::LIST) => one.clone().or(other.clone()),
        (operators::INDEX, [of, _]) if of.kinds.is_only(Kinds::LIST) || of.kinds.is_only(Kinds::MAP) => {
            of.within.clone().map_or_else(Fact::unknown, |within| *within)
        }
        (operators::INDEX, _) => Fact::unknown(),
        ("split", _) => Fact::list(Fact::of(Kinds::STRING)),
        ("lowerAscii", [_]) => Fact::text(texts(&facts).through(str::to_ascii_lowercase)),
        ("upperAscii", [_]) => Fact::text(texts(&facts).through(str::to_ascii_uppercase)),
        ("trim", [_]) => Fact::text(texts(&facts).through(|text| text.trim().to_owned())),
        ("string", [_]) if are(Kinds::STRING) => Fact::text(texts(&facts)),
        _ => Fact::of(given),
    }
}

pub(super) fn of_literal(literal: &LiteralValue, node: u64) -> Fact<'_> {
    match literal {
        LiteralValue::Boolean(_) => Fact::of(Kinds::BOOL),
        LiteralValue::Bytes(_) => Fact::of(Kinds::BYTES),
        LiteralValue::Double(_) => Fact::of(Kinds::DOUBLE),
        LiteralValue::Int(_) => Fact::of(Kinds::INT),
        LiteralValue::Null => Fact::of(Kinds::NULL),
        LiteralValue::UInt(_) => Fact::of(Kinds::UINT),
        LiteralValue::String(text) => Fact::text(Texts::written(text.inner(), node)),
    }
}
