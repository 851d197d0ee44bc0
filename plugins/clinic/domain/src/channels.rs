//! What the nodes of the graph hand to each other: one type per channel of `bundle.toml`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::language::Language;
use crate::symptoms::Speciality;

/// What the patient was asked last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaited {
    /// Whether they want an appointment.
    Wish,
    /// Whether the slot that is held suits them.
    Agreement,
    /// Another day or time.
    When,
}

/// Channel `conversation`: what a message leaves for the next one of the same patient.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Conversation {
    /// The language spoken so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Whose field the patient's complaint is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speciality: Option<Speciality>,
    /// The slot that is held for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Slot>,
    /// What they were asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Awaited>,
}

/// A time of a practitioner.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The practitioner's id.
    pub practitioner: String,
    /// The day, as `2026-11-26`.
    pub day: String,
    /// When, in minutes since midnight.
    pub minute: u32,
    /// Until when.
    pub until: u32,
}

/// Channel `slot`: what the nodes of the subgraph `appointments` found and did.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whether there is a slot; the graph's edges look at it.
    pub found: bool,
    /// Whether it is held for the patient; the graph's edges look at it.
    #[serde(default)]
    pub held: bool,
    /// Whether the patient wants exactly this one, so that nobody needs to ask.
    #[serde(default)]
    pub firm: bool,
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}

/// Channel `reminders`: how far the node `remind` has come.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reminders {
    /// The last appointment that was reminded of: place and decision.
    #[serde(default)]
    pub after: Option<(String, String)>,
    /// How many so far.
    #[serde(default)]
    pub sent: u32,
    /// Whether there are more; the graph's edges look at it.
    #[serde(default)]
    pub more: bool,
}

/// Channel `outcome`: what came of a wish.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Outcome {
    /// The decision code, and the message model that says it.
    pub code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// Parameters of the message model.
    pub data: Value,
    /// Why, for the operator.
    pub reasoning: String,
    /// The node gave its verdict itself.
    #[serde(default)]
    pub decided: bool,
    /// What the patient is asked.
    #[serde(default)]
    pub awaited: Option<Awaited>,
    /// The slot that is held for them.
    #[serde(default)]
    pub offer: Option<Slot>,
    /// Whose field the complaint is.
    #[serde(default)]
    pub speciality: Option<Speciality>,
}

impl Outcome {
    /// An outcome that asks nothing.
    pub fn new(code: &str, data: Value, reasoning: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            decision_type: code.split('.').next().unwrap_or(code).to_owned(),
            data,
            reasoning: reasoning.into(),
            decided: false,
            awaited: None,
            offer: None,
            speciality: None,
        }
    }

    /// The node gave its verdict itself.
    pub fn decided(mut self) -> Self {
        self.decided = true;
        self
    }

    /// Asks the patient something.
    pub fn awaits(mut self, awaited: Awaited) -> Self {
        self.awaited = Some(awaited);
        self
    }

    /// Holds a slot for them.
    pub fn offers(mut self, slot: Slot) -> Self {
        self.offer = Some(slot);
        self.awaits(Awaited::Agreement)
    }

    /// Remembers whose field the complaint is.
    pub fn of_field(mut self, speciality: Speciality) -> Self {
        self.speciality = Some(speciality);
        self
    }
}
