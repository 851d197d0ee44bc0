//! Finds a patient's intent by rules: the fallback when no language model answers, and a second opinion when one does.

use serde::{Deserialize, Serialize};

use crate::symptoms;
use crate::text::{Word, contains, words};

/// What a patient wants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// To describe symptoms.
    Symptoms,
    /// To see a doctor.
    Appointment,
    /// To cancel an appointment.
    Cancel,
    /// Laboratory results.
    Results,
    /// When the clinic is open.
    Hours,
    /// Address and telephone.
    Contact,
    /// To talk to a person.
    Person,
    /// To agree to the last offer.
    Agreement,
    /// To refuse the last offer.
    Refusal,
    /// Only a greeting or thanks.
    Greeting,
    /// The rules find none.
    Unclear,
}

/// Every intent, as a language model may name it.
pub const NAMES: [&str; 11] = [
    "symptoms",
    "appointment",
    "cancel",
    "results",
    "hours",
    "contact",
    "person",
    "agreement",
    "refusal",
    "greeting",
    "unclear",
];

/// The rules' guess, and its confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The intent.
    pub intent: Intent,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Signs of intents, in the order in which they win: a patient who wants to cancel also says `programare`.
const SIGNS: &[(Intent, f64, &[&str])] = &[
    (Intent::Person, 0.85, &["un om", "operator", "cu cineva", "vorbesc cu", "human", "a person", "to someone"]),
    (Intent::Cancel, 0.9, CALLS_OFF),
    (Intent::Cancel, 0.9, &["nu mai pot"]),
    (Intent::Results, 0.85, &["analize*", "rezultat*", "lab results", "test results", "my results", "blood test*"]),
    (
        Intent::Appointment,
        0.85,
        &[
            "programare*",
            "consult*",
            "appointment*",
            "see a doctor",
            "see the doctor",
            "vad un medic",
            "la medic",
            "la doctor",
            "book",
            "dermatolog*",
            "cardiolog*",
            "ortoped*",
            "orthop*",
            "pediatr*",
            "neurolog*",
        ],
    ),
    (Intent::Hours, 0.8, &["orar*", "programul", "deschi*", "inchi*", "opening hours", "open", "la ce ora", "hours"]),
    (Intent::Contact, 0.8, &["adres*", "telefon*", "unde sunteti", "unde va aflati", "address*", "phone", "where are"]),
    (Intent::Agreement, 0.6, YES),
    (Intent::Refusal, 0.6, NO),
    (Intent::Greeting, 0.7, &["buna", "salut", "hello", "hi", "hey", "good morning", "multumesc", "thank*", "thanks"]),
];

const CALLS_OFF: &[&str] = &[
    "anul*",
    "renunt*",
    "cancel*",
    "nu mai vin",
    "nu mai pot veni|ajunge",
    "nu mai ajung",
    "can't make it",
    "call off",
];
const YES: &[&str] = &["da", "confirm*", "sigur", "desigur", "perfect", "e bine", "yes", "yeah", "sure", "ok", "okay"];
const NO: &[&str] = &["nu", "alta zi", "alta ora", "no", "another day", "another time", "not that"];

/// The intent of a message. A complaint wins over everything else that the message asks for.
pub fn guess(text: &str) -> Guess {
    let words = words(text);
    let found = symptoms::read(text);
    if found.iter().any(|symptom| symptom.is_alarming(text)) {
        return Guess { intent: Intent::Symptoms, confidence: 0.95 };
    }
    let first = SIGNS.iter().find(|(_, _, signs)| signs.iter().any(|sign| contains(&words, sign)));
    match first {
        // A patient who says that they cannot go on because of pain cancels nothing.
        Some((Intent::Cancel, ..))
            if !CALLS_OFF.iter().any(|sign| contains(&words, sign))
                && (!found.is_empty() || symptoms::complains(&words)) =>
        {
            Guess { intent: Intent::Symptoms, confidence: 0.8 }
        }
        Some((intent @ (Intent::Person | Intent::Cancel | Intent::Results | Intent::Appointment), confidence, _)) => {
            Guess { intent: *intent, confidence: *confidence }
        }
        _ if !found.is_empty() => Guess { intent: Intent::Symptoms, confidence: 0.8 },
        _ if symptoms::complains(&words) => Guess { intent: Intent::Symptoms, confidence: 0.7 },
        // When the rules understand nothing but a greeting, and a person may be in need, a person reads the message.
        Some((Intent::Refusal | Intent::Greeting, ..)) | None if symptoms::is_in_need(&words) => {
            Guess { intent: Intent::Symptoms, confidence: 0.5 }
        }
        Some((Intent::Greeting, ..)) | None if symptoms::is_of_body(&words) => {
            Guess { intent: Intent::Symptoms, confidence: 0.5 }
        }
        Some((intent, confidence, _)) => Guess { intent: *intent, confidence: *confidence },
        None => Guess { intent: Intent::Unclear, confidence: 0.2 },
    }
}

/// Whether a message agrees to an offer: it says yes, and nothing in it says no.
pub fn agrees(words: &[Word]) -> bool {
    YES.iter().any(|sign| contains(words, sign)) && !refuses(words)
}

/// Whether a message refuses an offer.
pub fn refuses(words: &[Word]) -> bool {
    NO.iter().any(|sign| contains(words, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_understood_in_both_languages() {
        let cases = [
            ("Mă doare capul de trei zile și am febră 39", Intent::Symptoms),
            ("I have a cough and a sore throat", Intent::Symptoms),
            ("Bună, mă simt rău", Intent::Symptoms),
            ("I feel a strange pain", Intent::Symptoms),
            ("Aș vrea o programare la dermatolog joi", Intent::Appointment),
            ("Can I see a doctor tomorrow?", Intent::Appointment),
            ("Vreau să anulez programarea", Intent::Cancel),
            ("please cancel my appointment", Intent::Cancel),
            ("Nu mai pot veni joi", Intent::Cancel),
            ("Nu mai pot joi", Intent::Cancel),
            ("Nu mai pot de durere", Intent::Symptoms),
            ("nu mai pot, mi-e rău", Intent::Symptoms),
            ("Am tușit cu sânge, vreau o programare", Intent::Symptoms),
            ("Bună, am luat prea multe pastile", Intent::Symptoms),
            ("Bună, ajutor", Intent::Symptoms),
            ("nu știu ce să fac, ajutați-mă", Intent::Symptoms),
            ("ceva la ochi", Intent::Symptoms),
            ("am înghițit ceva", Intent::Symptoms),
            ("vreau analize de sânge", Intent::Results),
            // A patient who cannot breathe cancels nothing.
            ("Nu mai pot respira", Intent::Symptoms),
            ("nu mai pot să respir", Intent::Symptoms),
            ("Nu pot să respir", Intent::Symptoms),
            ("copilul nu mai respiră", Intent::Symptoms),
            ("abia respir", Intent::Symptoms),
            ("Nu mai vreau să trăiesc", Intent::Symptoms),
            ("Au venit rezultatele analizelor mele?", Intent::Results),
            ("are my blood test results back", Intent::Results),
            ("Care e programul de sâmbătă?", Intent::Hours),
            ("when are you open", Intent::Hours),
            ("Care e adresa?", Intent::Contact),
            ("Vreau să vorbesc cu cineva", Intent::Person),
            ("Da, e bine", Intent::Agreement),
            ("no thanks", Intent::Refusal),
            ("Bună ziua!", Intent::Greeting),
            ("qwertz", Intent::Unclear),
            ("", Intent::Unclear),
        ];
        for (text, expected) in cases {
            assert_eq!(guess(text).intent, expected, "{text}");
        }
    }

    #[test]
    fn somebody_in_danger_is_heard_whatever_else_they_ask() {
        for text in ["Vreau o programare, mă doare pieptul", "cancel my appointment, I can't breathe"] {
            assert_eq!(guess(text).intent, Intent::Symptoms, "{text}");
        }
    }

    #[test]
    fn a_yes_with_a_no_in_it_is_no_agreement() {
        assert!(agrees(&words("da, confirm")));
        assert!(!agrees(&words("nu, dar mulțumesc, da")));
        assert!(refuses(&words("nu pot atunci, altă zi")));
    }

    #[test]
    fn the_names_are_those_on_the_wire() {
        for name in NAMES {
            let intent: Intent = serde_json::from_value(name.into()).unwrap();
            assert_eq!(serde_json::to_value(intent).unwrap(), name);
        }
    }
}
