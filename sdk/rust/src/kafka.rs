//! Records for Kafka topics, as effects: they are published after the decision is stored, not before.
//! Grant: the logical names of the topics, for example `kafka = ["orders"]`.

use serde::Serialize;

use crate::JsonError;
use crate::contract::kafka as contract;

crate::error::capability_error! {
    /// Why a record cannot be added to the decision.
    kafka with json {
        /// No Kafka cluster is configured. A retry will not help.
        NotConfigured => stop "no Kafka cluster is configured",
        /// The grant does not name this topic. A retry will not help.
        Denied(reason: String) => stop "the grant does not name this topic: {reason}",
        /// The record is malformed or too large. A retry will not help.
        Invalid(reason: String) => stop "the record is malformed: {reason}",
    }
}

/// A record to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(contract::Entry);

impl Record {
    /// A record of bytes for a topic by its logical name.
    pub fn new(topic: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self(contract::Entry { topic: topic.into(), key: None, value: value.into(), headers: Vec::new() })
    }

    /// A record of JSON.
    pub fn json<T: Serialize + ?Sized>(topic: impl Into<String>, value: &T) -> Result<Self, JsonError> {
        Ok(Self::new(topic, crate::json::encode("value", value)?))
    }

    /// Records with the same key keep their order.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.key = Some(key.into());
        self
    }

    /// One more header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Adds the record to the decision's effects.
    pub fn publish(self) -> Result<(), Error> {
        Ok(contract::publish(&self.0)?)
    }
}
