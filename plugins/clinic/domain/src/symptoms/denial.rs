//! Finds the symptoms that a patient denies.
//!
//! A symptom is denied only where the negation belongs to it: `nu am sânge în urină`, `no fever or cough`. Words that
//! may mean something else (`nu se oprește sângerarea`, `nu doar tușesc`, `no wonder my chest hurts`) deny nothing,
//! because a person who looks without need costs less than one who does not look.

use crate::text::{self, Word};

const NEGATIONS: &[&str] = &[
    "nu",
    "n",
    "fara",
    "nici",
    "niciodata",
    "neg",
    "no",
    "not",
    "without",
    "never",
    "don",
    "doesn",
    "didn",
    "isn",
    "wasn",
    "haven",
    "hasn",
    "hadn",
    "aren",
    "deny",
    "denies",
];

/// Words between a negation and what it denies.
const CARRIERS: &[&str] = &[
    "am",
    "ai",
    "are",
    "avem",
    "aveti",
    "au",
    "aveam",
    "avea",
    "avut",
    "a",
    "mai",
    "ma",
    "mi",
    "imi",
    "m",
    "te",
    "isi",
    "si",
    "l",
    "o",
    "le",
    "doare",
    "dor",
    "durea",
    "durut",
    "simt",
    "simte",
    "simtit",
    "fac",
    "face",
    "facut",
    "prezint",
    "prezinta",
    "acuz",
    "acuza",
    "sufar",
    "sufera",
    "e",
    "este",
    "sunt",
    "era",
    "fost",
    "deloc",
    "niciun",
    "nicio",
    "nici",
    "un",
    "vreun",
    "vreo",
    "de",
    "la",
    "in",
    "din",
    "cu",
    "sa",
    "durere",
    "dureri",
    "durerea",
    "durerile",
    "probleme",
    "problema",
    "semne",
    "semn",
    "simptome",
    "acum",
    "have",
    "has",
    "had",
    "having",
    "got",
    "any",
    "t",
    "s",
    "m",
    "re",
    "feel",
    "feeling",
    "felt",
    "suffer",
    "suffering",
    "been",
    "tusit",
    "tusesc",
    "scuipat",
    "vomitat",
    "varsat",
    "coughed",
    "coughing",
    "vomited",
    "vomiting",
    "is",
    "was",
    "were",
    "the",
    "an",
    "of",
    "my",
    "his",
    "her",
    "pain",
    "pains",
    "sign",
    "signs",
    "symptom",
    "symptoms",
    "problem",
    "problems",
    "ever",
    "more",
    "longer",
    "currently",
    "now",
];

/// Words that carry a denial from one symptom to the next.
const JOINTS: &[&str] = &["sau", "ori", "or", "nor", "nici"];

/// The first and last word of a sign.
type Span = (usize, usize);

/// Where a sign is, unless a word in between denies its end: `tuse fără sânge` is no cough with blood.
pub(super) fn spans<'w>(words: &'w [Word], sign: &'w str) -> impl Iterator<Item = Span> + 'w {
    let has_gap = sign.contains("..");
    let negates = sign.split([' ', '|', '\'']).any(|word| NEGATIONS.contains(&word));
    text::spans(words, sign).filter(move |(first, last)| {
        let between = words.get(first + 1..*last).unwrap_or_default();
        !has_gap || negates || !between.iter().any(|word| NEGATIONS.contains(&word.folded.as_str()))
    })
}

/// Which of the signs in a clause are denied.
pub(super) fn of(words: &[Word], spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.collect();
    spans.sort_unstable();
    let mut denied: Vec<Span> = Vec::new();
    for span in spans {
        if is_denied(words, span.0, &denied) {
            denied.push(span);
        }
    }
    denied
}

/// Whether the words before a sign lead to a negation, or over a joint to another denied sign.
fn is_denied(words: &[Word], first: usize, denied: &[Span]) -> bool {
    let mut joined = false;
    for at in (0..first).rev() {
        let word = words.get(at).map_or("", |word| word.folded.as_str());
        if joined && denied.iter().any(|(_, last)| *last == at) {
            return true;
        }
        if NEGATIONS.contains(&word) && !(word == "no" && is_answer(words, at)) {
            return true;
        }
        joined |= JOINTS.contains(&word);
        if !JOINTS.contains(&word) && !CARRIERS.contains(&word) {
            return false;
        }
    }
    false
}

/// `No my chest hurts`: this `no` is an answer and denies nothing.
fn is_answer(words: &[Word], at: usize) -> bool {
    words
        .get(at + 1)
        .is_some_and(|next| ["my", "i", "he", "she", "his", "her", "the", "it"].contains(&next.folded.as_str()))
}
