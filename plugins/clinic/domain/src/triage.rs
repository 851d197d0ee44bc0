//! How soon a person must look, symptom by symptom and together. It sorts; what a patient has is for a doctor to say.

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

/// What one symptom weighs; the channel `weights` gathers one for each.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Weight {
    /// The symptom's code.
    pub code: String,
    /// How soon a person must look because of it.
    pub urgency: Urgency,
    /// The red flags that were said.
    pub red_flags: Vec<String>,
    /// For how many days it has lasted.
    pub days: Option<u32>,
    /// How strong it is said to be.
    pub strength: Strength,
    /// Whose field it is.
    pub speciality: Speciality,
}

/// All symptoms together.
#[derive(Clone, Debug, PartialEq)]
pub struct Triage {
    /// The highest of all.
    pub urgency: Urgency,
    /// Whose field the most urgent one is.
    pub speciality: Speciality,
    /// How much there is to go by, from 0 to 1.
    pub confidence: f64,
    /// Why, for the doctor who looks.
    pub reasoning: String,
}

/// Weighs one symptom. `message` is the whole message: what it says of all symptoms (a duration, a child) counts for each
/// that says nothing of its own.
pub fn weigh(symptom: &Symptom, message: &str) -> Weight {
    let (own, all) = (words(&symptom.said), words(message));
    let days = symptoms::days(&own).or_else(|| symptoms::days(&all));
    let strength = match symptoms::strength(&own) {
        Strength::Moderate => symptoms::strength(&all),
        said => said,
    };
    let Some(known) = symptom.known() else {
        // A language model may name what no rule knows: a person looks soon.
        let (red_flags, speciality) = (Vec::new(), Speciality::General);
        return Weight { code: symptom.code.clone(), urgency: Urgency::Soon, red_flags, days, strength, speciality };
    };
    let flags = known.red_flags.iter().filter(|sign| symptoms::any(&all, &[sign]));
    let mut red_flags: Vec<String> = flags.map(|sign| sign.trim_end_matches('*').to_owned()).collect();
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
    }
    if strength == Strength::Severe {
        urgency = urgency.max(Urgency::Urgent);
    }
    if days.is_some_and(|days| days >= 14) {
        urgency = urgency.max(Urgency::Soon);
    }
    Weight { code: symptom.code.clone(), urgency, red_flags, days, strength, speciality: known.speciality }
}

/// Puts the weights of all symptoms together; without any, nobody knows, and a person looks soon.
pub fn together(weights: &[Weight]) -> Triage {
    // The first of equals wins: patients name what troubles them most first.
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
mod tests {
    use super::*;

    fn triage(text: &str) -> Triage {
        let weights: Vec<Weight> = symptoms::read(text).iter().map(|symptom| weigh(symptom, text)).collect();
        together(&weights)
    }

    #[test]
    fn urgency_follows_red_flags_duration_and_strength() {
        let cases = [
            ("Mă doare puțin gâtul de ieri", Urgency::Routine),
            ("I have had a cough for three weeks", Urgency::Soon),
            ("Am febră 38 de ieri", Urgency::Soon),
            ("Am febră 39,5 de trei zile", Urgency::Urgent),
            ("fever of 40", Urgency::Urgent),
            ("copilul are febră 38", Urgency::Urgent),
            ("Tușesc cu sânge", Urgency::Urgent),
            ("Mă doare genunchiul insuportabil", Urgency::Urgent),
            ("Mă doare capul brusc și văd dublu", Urgency::Emergency),
            ("mă doare pieptul", Urgency::Emergency),
            ("my father fainted", Urgency::Emergency),
            ("vreau să mor", Urgency::Emergency),
        ];
        for (text, expected) in cases {
            assert_eq!(triage(text).urgency, expected, "{text}: {}", triage(text).reasoning);
        }
    }

    #[test]
    fn the_worst_symptom_decides_and_says_whose_field_it_is() {
        let both = triage("Mă doare gâtul și mă doare pieptul");
        assert_eq!((both.urgency, both.speciality), (Urgency::Emergency, Speciality::Cardiology));
        let equals = triage("am o erupție și mă doare genunchiul");
        assert_eq!(equals.speciality, Speciality::Dermatology, "what is named first");
    }

    #[test]
    fn more_symptoms_never_make_it_less_urgent() {
        let all: Vec<Weight> = symptoms::known()
            .iter()
            .map(|known| weigh(&Symptom { code: known.code.to_owned(), said: String::new() }, ""))
            .collect();
        for count in 1..all.len() {
            assert!(together(&all[..count]).urgency <= together(&all[..=count]).urgency);
        }
    }

    #[test]
    fn what_nobody_knows_is_looked_at_soon_and_with_doubt() {
        let nothing = together(&[]);
        assert_eq!(nothing.urgency, Urgency::Soon);
        assert!(nothing.confidence < 0.5);
        let unheard = weigh(&Symptom { code: "hiccups".to_owned(), said: "sughit".to_owned() }, "sughit");
        assert_eq!(unheard.urgency, Urgency::Soon);
    }
}
