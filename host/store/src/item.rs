use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use signalbox_model::Timestamp;

/// An item as a type of the SDK.
pub(crate) type AttributeMap = HashMap<String, AttributeValue>;

/// The attribute of DynamoDB's time to live, in every table with expiring items.
pub(crate) const EXPIRES_AT: &str = "expiresAt";

/// Builds an item attribute by attribute.
#[derive(Default)]
pub(crate) struct ItemBuilder(AttributeMap);

impl ItemBuilder {
    pub(crate) fn text(self, name: &str, value: impl Into<String>) -> Self {
        self.attribute(name, AttributeValue::S(value.into()))
    }

    pub(crate) fn number(self, name: &str, value: impl ToString) -> Self {
        self.attribute(name, AttributeValue::N(value.to_string()))
    }

    pub(crate) fn bytes(self, name: &str, value: Vec<u8>) -> Self {
        self.attribute(name, AttributeValue::B(Blob::new(value)))
    }

    pub(crate) fn expires(self, at: Timestamp) -> Self {
        self.number(EXPIRES_AT, at.as_second())
    }

    pub(crate) fn attribute(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Starts with the attributes of an item, of which some will be replaced.
    pub(crate) fn from(item: AttributeMap) -> Self {
        Self(item)
    }

    pub(crate) fn build(self) -> AttributeMap {
        self.0
    }
}

/// Builds an update of an item attribute by attribute.
#[derive(Default)]
pub(crate) struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Update {
    pub(crate) fn set(mut self, name: &str, value: AttributeValue) -> Self {
        self.set.push(format!("#{name} = :{name}"));
        self.names.insert(format!("#{name}"), name.to_owned());
        self.values.insert(format!(":{name}"), value);
        self
    }

    pub(crate) fn remove(mut self, name: &str) -> Self {
        self.remove.push(format!("#{name}"));
        self.names.insert(format!("#{name}"), name.to_owned());
        self
    }

    pub(crate) fn expression(&self) -> String {
        let clause = |verb: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{verb} {} ", parts.join(", ")),
        };
        clause("SET", &self.set) + &clause("REMOVE", &self.remove)
    }
}

/// The text in an attribute.
pub(crate) fn text<'a>(item: &'a AttributeMap, name: &str) -> Option<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

/// The number in an attribute.
pub(crate) fn number(item: &AttributeMap, name: &str) -> Option<u64> {
    match item.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        _ => None,
    }
}

/// The bytes in an attribute.
pub(crate) fn bytes<'a>(item: &'a AttributeMap, name: &str) -> Option<&'a [u8]> {
    match item.get(name) {
        Some(AttributeValue::B(blob)) => Some(blob.as_ref()),
        _ => None,
    }
}

/// Whether an item has expired. DynamoDB deletes expired items days later, so readers check themselves.
pub(crate) fn expired(item: &AttributeMap, now: Timestamp) -> bool {
    match item.get(EXPIRES_AT) {
        Some(AttributeValue::N(digits)) => digits.parse::<i64>().is_ok_and(|second| second <= now.as_second()),
        _ => false,
    }
}
