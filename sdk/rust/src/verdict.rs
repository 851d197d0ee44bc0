use serde_json::Value;

use crate::JsonError;
use crate::bindings::capabilities::signalbox::agent::types as wire;

/// What was decided.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verdict {
    /// What was decided, in the bundle's vocabulary, for example `booking.confirmed`.
    pub code: String,
    /// The kind of decision, for example `booking`.
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Why, for the operator who reads the decision a month later.
    pub reasoning: String,
    /// Withholds every action until a coordinator approves or edits.
    pub requires_human_review: bool,
    /// An object that the author wants to keep with the decision.
    pub metadata: Option<Value>,
}

impl Verdict {
    /// A verdict of full confidence without reasoning. Code and type may hold letters, digits, `.`, `-` and `_`.
    pub fn new(code: impl Into<String>, decision_type: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            decision_type: decision_type.into(),
            confidence: 1.0,
            reasoning: String::new(),
            requires_human_review: false,
            metadata: None,
        }
    }

    /// How sure the node is, from 0 to 1. The host refuses other values.
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// Why, in at most 4,096 bytes.
    pub fn reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = reasoning.into();
        self
    }

    /// Withholds every action of the decision until a coordinator approves or edits.
    pub fn needs_review(mut self) -> Self {
        self.requires_human_review = true;
        self
    }

    /// Keeps an object with the decision.
    pub fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = Some(metadata);
        self
    }

    pub(crate) fn into_wire(self) -> Result<wire::Verdict, JsonError> {
        Ok(wire::Verdict {
            code: self.code,
            decision_type: self.decision_type,
            confidence: self.confidence,
            reasoning: self.reasoning,
            requires_human_review: self.requires_human_review,
            metadata: self.metadata.map(|value| crate::json::encode("metadata", &value)).transpose()?,
        })
    }
}
