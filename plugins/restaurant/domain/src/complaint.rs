//! Assesses what a complaint is about, and how bad it is.

use serde::{Deserialize, Serialize};

use crate::text::{Word, contains, words};

/// The subject of a complaint; the gravest that its words name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// Nothing that the rules know.
    Other,
    /// Waiting, manners, noise.
    Service,
    /// Cold, burnt, wrong dish.
    Food,
    /// The bill.
    Money,
    /// A person may be hurt or ill.
    Safety,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// An apology is enough.
    Minor,
    /// The restaurant owes the guest something.
    Serious,
    /// The restaurant must act now.
    Critical,
}

/// The rules' assessment of a complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The subject.
    pub subject: Subject,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the guest wants money back.
    pub wants_refund: bool,
    /// The signs that were found, for the reasoning.
    pub signs: Vec<&'static str>,
}

const SIGNS: &[(Subject, u32, &[&str])] = &[
    (
        Subject::Safety,
        9,
        &[
            "toxiinfect*",
            "intoxic*",
            "otrav*",
            "food poison*",
            "poison*",
            "gandac*",
            "cockroach*",
            "sobolan*",
            "soarece",
            "rat",
            "mouse",
            "soc anafilactic",
            "anaphyla*",
            "reactie alergic*",
            "allergic reaction",
            "sticla in",
            "glass in",
            "mucegai*",
            "mould",
            "mold",
            "crud",
            "cruda",
            "raw",
            "ars la mana",
            "ambulant*",
            "ambulance",
            "hospital",
            "spital",
            "vomit*",
            "sick",
            "rau de la",
        ],
    ),
    (
        Subject::Money,
        4,
        &[
            "nota gresita",
            "nota de plata",
            "prea mult pe nota",
            "taxat*",
            "overcharg*",
            "charged twice",
            "wrong bill",
            "bacsis",
            "de doua ori",
        ],
    ),
    (
        Subject::Food,
        4,
        &[
            "rece",
            "reci",
            "cold",
            "ars",
            "arsa",
            "burnt",
            "fir de par",
            "hair*",
            "sarat",
            "salty",
            "stricat*",
            "spoiled",
            "stale",
            "vechi",
            "comanda gresit*",
            "wrong order",
            "wrong dish",
            "fara gust",
            "tasteless",
            "scarb*",
            "dezgust*",
            "disgust*",
        ],
    ),
    (
        Subject::Service,
        4,
        &[
            "nepolitic*",
            "rude",
            "obraznic*",
            "asteptat",
            "asteptam",
            "waited",
            "waiting for an hour",
            "intarzi*",
            "slow",
            "ignorat*",
            "ignored",
            "zgomot",
            "noisy",
            "murdar*",
            "dirty",
            "tipat",
            "shout*",
        ],
    ),
    (
        Subject::Other,
        5,
        &[
            "reclam*",
            "plang*",
            "nemultum*",
            "complain*",
            "disappoint*",
            "dezamag*",
            "groaznic*",
            "oribil*",
            "terrible",
            "awful",
            "horrible",
            "worst",
            "cel mai prost",
            "niciodata nu mai",
            "never again",
            "rusine",
            "shame",
            "unacceptable",
            "inacceptabil",
        ],
    ),
];

const REFUND: &[&str] = &["banii inapoi", "ramburs*", "refund*", "money back", "despagub*", "compens*"];

/// Assesses a complaint.
pub fn assess(text: &str) -> Complaint {
    let words = words(text);
    let mut subject = Subject::Other;
    let mut signs = Vec::new();
    for (about, _, known) in SIGNS {
        for sign in known.iter().filter(|sign| contains(&words, sign)) {
            subject = subject.max(*about);
            signs.push(*sign);
        }
    }
    let wants_refund = REFUND.iter().any(|sign| contains(&words, sign));
    let shouting = crate::text::fold(text).matches('!').count() >= 3;
    let severity = match subject {
        Subject::Safety => Severity::Critical,
        Subject::Money => Severity::Serious,
        _ if wants_refund || signs.len() >= 3 || (shouting && signs.len() >= 2) => Severity::Serious,
        _ => Severity::Minor,
    };
    Complaint { subject, severity, wants_refund, signs }
}

/// How strongly a message looks like a complaint.
pub(crate) fn weight(words: &[Word]) -> u32 {
    let signs = SIGNS
        .iter()
        .map(|(_, weight, known)| weight * known.iter().filter(|sign| contains(words, sign)).count() as u32);
    let refunds = 5 * REFUND.iter().filter(|sign| contains(words, sign)).count() as u32;
    signs.sum::<u32>() + refunds
}

impl Subject {
    /// The last part of the decision code.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Service => "service",
            Self::Food => "food",
            Self::Money => "money",
            Self::Safety => "safety",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_word_decides_the_subject() {
        let cases = [
            ("Mâncarea a fost rece", Subject::Food, Severity::Minor),
            ("we waited an hour", Subject::Service, Severity::Minor),
            ("Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!", Subject::Food, Severity::Serious),
            ("I was charged twice", Subject::Money, Severity::Serious),
            ("Soția mea a făcut o toxiinfecție", Subject::Safety, Severity::Critical),
            ("there was a cockroach, cold food, rude waiter", Subject::Safety, Severity::Critical),
            ("Sunt foarte dezamăgit", Subject::Other, Severity::Minor),
        ];
        for (text, subject, severity) in cases {
            let complaint = assess(text);
            assert_eq!((complaint.subject, complaint.severity), (subject, severity), "{text}: {:?}", complaint.signs);
        }
    }

    #[test]
    fn a_wish_for_money_back_is_seen_in_both_languages() {
        assert!(assess("vreau banii înapoi").wants_refund);
        assert!(assess("I want a refund").wants_refund);
        assert!(!assess("it was cold").wants_refund);
    }
}
