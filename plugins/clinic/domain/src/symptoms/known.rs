//! The symptoms that the rules know, by their words in both languages. A symptom whose words are missing here is not
//! found, and the message goes to a person all the same.

mod complaints;
mod emergencies;

use serde::{Deserialize, Serialize};

use crate::triage::Urgency;

/// A field of medicine, as practitioners and requests name it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Speciality {
    /// General medicine.
    #[default]
    General,
    /// Heart.
    Cardiology,
    /// Skin.
    Dermatology,
    /// Ear, nose and throat.
    Ent,
    /// Nerves.
    Neurology,
    /// Bones and joints.
    Orthopaedics,
    /// Children.
    Paediatrics,
}

/// A symptom that the rules know. Its signs are folded, see [`crate::text::spans`].
#[derive(Debug)]
pub struct Known {
    /// Its code.
    pub code: &'static str,
    /// Signs that name it by themselves.
    pub signs: &'static [&'static str],
    /// Parts of the body that name it when they hurt.
    pub parts: &'static [&'static str],
    /// Signs that make it worse.
    pub red_flags: &'static [&'static str],
    /// How soon a person must look.
    pub urgency: Urgency,
    /// How soon with a red flag.
    pub flagged: Urgency,
    /// The field of medicine.
    pub speciality: Speciality,
}

/// All of them.
pub fn known() -> impl Iterator<Item = &'static Known> {
    emergencies::KNOWN.iter().chain(complaints::KNOWN)
}

impl Known {
    /// A symptom of general medicine without red flags.
    const fn new(code: &'static str, urgency: Urgency, signs: &'static [&'static str]) -> Self {
        Self { code, signs, parts: &[], red_flags: &[], urgency, flagged: urgency, speciality: Speciality::General }
    }

    const fn hurting(mut self, parts: &'static [&'static str]) -> Self {
        self.parts = parts;
        self
    }

    const fn flagged(mut self, flagged: Urgency, red_flags: &'static [&'static str]) -> Self {
        (self.flagged, self.red_flags) = (flagged, red_flags);
        self
    }

    const fn of(mut self, speciality: Speciality) -> Self {
        self.speciality = speciality;
        self
    }
}

impl Speciality {
    /// Its name on the wire and in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Cardiology => "cardiology",
            Self::Dermatology => "dermatology",
            Self::Ent => "ent",
            Self::Neurology => "neurology",
            Self::Orthopaedics => "orthopaedics",
            Self::Paediatrics => "paediatrics",
        }
    }
}
