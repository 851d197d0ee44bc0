//! How soon a person must look, for each symptom and together. It makes no diagnosis; a doctor does.

use serde::{Deserialize, Serialize};

use crate::symptoms::{self, Speciality, Strength, Symptom};
use crate::text::words;

/// How soon a person must look.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// At the next free appointment.
    #[default]
    Routine,
    /// Within days.
    Soon,
    /// Today.
    Urgent,
    /// At once; the clinic is not the place.
    Emergency,
}

/// The weight of one symptom; the channel `weights` collects one for each.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Weight {
    /// The symptom's code.
    pub code: String,
    /// How soon a person must look because of it.
    pub urgency: Urgency,
    /// The red flags in the message.
    pub red_flags: Vec<String>,
    /// For how many days it has lasted.
    pub days: Option<u32>,
    /// How strong the patient says it is.
    pub strength: Strength,
    /// The field of medicine.
    pub speciality: Speciality,
}

/// All symptoms together.
#[derive(Clone, Debug, PartialEq)]
pub struct Triage {
    /// The highest urgency.
    pub urgency: Urgency,
    /// The field of the most urgent symptom.
    pub speciality: Speciality,
    /// How much is known, from 0 to 1.
    pub confidence: f64,
    /// Why, for the doctor.
    pub reasoning: String,
}

/// Weighs one symptom. `message` is the whole message: details in it (a duration, a child) count for each symptom
/// without its own.
pub fn weigh(symptom: &Symptom, message: &str) -> Weight {
    let (own, all) = (words(&symptom.said), words(message));
    let days = symptoms::days(&own).or_else(|| symptoms::days(&all));
    let strength = match symptoms::strength(&own) {
        Strength::Moderate => symptoms::strength(&all),
        said => said,
    };
    let Some(known) = symptom.known() else {
        // A language model may name a symptom that no rule knows: a person looks soon.
        let (red_flags, speciality) = (Vec::new(), Speciality::General);
        return Weight { code: symptom.code.clone(), urgency: Urgency::Soon, red_flags, days, strength, speciality };
    };
    if symptom.is_past(message) {
        // A symptom of years ago needs no ambulance, and a doctor reads of it.
        let (red_flags, speciality) = (Vec::new(), known.speciality);
        return Weight { code: symptom.code.clone(), urgency: Urgency::Soon, red_flags, days, strength, speciality };
    }
    let mut red_flags: Vec<String> =
        symptoms::standing(message, known.red_flags).into_iter().map(|sign| sign.replace('*', "")).collect();
    let mut urgency = if red_flags.is_empty() { known.urgency } else { known.flagged };
    if known.code == "fever" {
        match symptoms::temperature(&all) {
            Some(tenths @ 400..) => {
                red_flags.push(format!("{}.{} °C", tenths / 10, tenths % 10));
                urgency = urgency.max(Urgency::Urgent);
            }
            Some(390..) if days.is_some_and(|days| days >= 2) => urgency = urgency.max(Urgency::Urgent),
            _ => {}
        }
        if days.is_some_and(|days| days >= 5) {
            urgency = urgency.max(Urgency::Urgent);
        }
        if symptoms::of_newborn(&all) {
            red_flags.push("newborn".to_owned());
            urgency = Urgency::Emergency;
        }
    }
    if strength == Strength::Severe {
        urgency = urgency.max(Urgency::Urgent);
    }
    if days.is_some_and(|days| days >= 14) {
        urgency = urgency.max(Urgency::Soon);
    }
    Weight { code: symptom.code.clone(), urgency, red_flags, days, strength, speciality: known.speciality }
}

/// Combines the weights of all symptoms; without any the urgency is unknown, and a person looks soon.
pub fn together(weights: &[Weight]) -> Triage {
    // Of equals the first wins: patients name the worst first.
    let worst = weights.iter().rev().max_by_key(|weight| weight.urgency);
    let Some(worst) = worst else {
        return Triage {
            urgency: Urgency::Soon,
            speciality: Speciality::General,
            confidence: 0.3,
            reasoning: "no symptom that the rules know".to_owned(),
        };
    };
    let said = weights.iter().filter(|weight| weight.days.is_some()).count() as f64 / weights.len() as f64;
    let flagged = if worst.red_flags.is_empty() { 0.0 } else { 0.15 };
    let certain = if worst.urgency == Urgency::Emergency { 0.2 } else { 0.0 };
    let confidence = ((0.5 + 0.15 * said + flagged + certain) * 100.0).round() / 100.0;
    let reasoning = weights.iter().map(Weight::in_words).collect::<Vec<_>>().join("; ");
    Triage { urgency: worst.urgency, speciality: worst.speciality, confidence, reasoning }
}

impl Weight {
    fn in_words(&self) -> String {
        let mut words = format!("{}: {}, {:?}", self.code, self.urgency.name(), self.strength).to_lowercase();
        if let Some(days) = self.days {
            words.push_str(&format!(", for {days} days"));
        }
        if !self.red_flags.is_empty() {
            words.push_str(&format!(", red flags {}", self.red_flags.join(", ")));
        }
        words
    }
}

impl Urgency {
    /// Its name on the wire, and the last part of the decision code.
    pub fn name(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Soon => "soon",
            Self::Urgent => "urgent",
            Self::Emergency => "emergency",
        }
    }
}

#[cfg(test)]
mod tests;
