//! The data that the nodes of the graph pass on: one type per channel of `bundle.toml`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::language::Language;
use crate::symptoms::Speciality;

/// The last question to the patient.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaited {
    /// Whether the patient wants an appointment.
    Wish,
    /// Whether the patient agrees to the held slot.
    Agreement,
    /// Which other day or time the patient wants.
    When,
}

/// Channel `conversation`: what one message of a patient leaves for the next.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Conversation {
    /// The language of the conversation so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The field of medicine of the patient's complaint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speciality: Option<Speciality>,
    /// The slot that is held for the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Slot>,
    /// The last question to the patient.
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
    /// The beginning, in minutes since midnight.
    pub minute: u32,
    /// The end.
    pub until: u32,
}

/// Channel `slot`: the results of the nodes in the subgraph `appointments`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whether there is a slot; a condition of the graph.
    pub found: bool,
    /// Whether the slot is held for the patient; a condition of the graph.
    #[serde(default)]
    pub held: bool,
    /// Whether the patient wants exactly this slot, so that no question is needed.
    #[serde(default)]
    pub firm: bool,
    /// The slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}

/// Channel `reminders`: how far the node `remind` has come.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reminders {
    /// The place and decision of the last appointment with a reminder.
    #[serde(default)]
    pub after: Option<(String, String)>,
    /// How many reminders were sent so far.
    #[serde(default)]
    pub sent: u32,
    /// Whether there are more; a condition of the graph.
    #[serde(default)]
    pub more: bool,
}

/// Channel `outcome`: the result of the patient's request.
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
    /// Whether the node gave its verdict itself.
    #[serde(default)]
    pub decided: bool,
    /// The next question to the patient.
    #[serde(default)]
    pub awaited: Option<Awaited>,
    /// The slot that is held for the patient.
    #[serde(default)]
    pub offer: Option<Slot>,
    /// The field of medicine of the complaint.
    #[serde(default)]
    pub speciality: Option<Speciality>,
}

impl Outcome {
    /// An outcome without a question.
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

    /// Says that the node gave its verdict itself.
    pub fn decided(mut self) -> Self {
        self.decided = true;
        self
    }

    /// Asks the patient something.
    pub fn awaits(mut self, awaited: Awaited) -> Self {
        self.awaited = Some(awaited);
        self
    }

    /// Holds a slot for the patient.
    pub fn offers(mut self, slot: Slot) -> Self {
        self.offer = Some(slot);
        self.awaits(Awaited::Agreement)
    }

    /// Remembers the field of medicine of the complaint.
    pub fn of_field(mut self, speciality: Speciality) -> Self {
        self.speciality = Some(speciality);
        self
    }
}
