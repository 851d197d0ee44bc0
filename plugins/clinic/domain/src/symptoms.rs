//! What a patient complains of: symptoms found in a message, each with the words that were said about it.

mod known;

use serde::{Deserialize, Serialize};

use crate::text::{Word, composed, contains, find, fold, number_or_article, words};

pub use known::{Known, Speciality, known};

/// The most symptoms of one message that are weighed.
const MOST_SYMPTOMS: usize = 12;

/// One symptom; the channel `symptoms` is a list of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Symptom {
    /// Which one, for example `headache`.
    pub code: String,
    /// The part of the message that speaks of it.
    pub said: String,
}

/// How strong a symptom is said to be.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// `ușor`, `3 din 10`.
    Mild,
    /// Nothing is said.
    #[default]
    Moderate,
    /// `insuportabil`, `9/10`.
    Severe,
}

const PAIN: &[&str] = &["doare", "dor", "durere*", "dureri*", "hurt*", "pain*", "ache*", "aching", "sore", "jena"];
const UNWELL: &[&str] = &["rau", "bolnav*", "raceala", "racit", "unwell", "sick", "ill", "symptom*", "simptom*"];
const SEVERE: &[&str] = &[
    "groaznic*",
    "insuport*",
    "ingrozitor*",
    "teribil*",
    "foarte tare",
    "foarte rau",
    "severe*",
    "unbearable",
    "terrible",
    "awful",
    "very bad",
    "excruciating",
];
const MILD: &[&str] = &["usor", "usoara", "putin", "un pic", "mild*", "slight*", "a little", "a bit"];
const NEGATIONS: [&str; 9] = ["nu", "fara", "nici", "no", "not", "without", "never", "don", "doesn"];

/// The symptoms that a message names, each once, in the order they are said. What is denied (`fără febră`) is none.
pub fn read(text: &str) -> Vec<Symptom> {
    let hurts = any(&words(text), PAIN);
    let mut found: Vec<Symptom> = Vec::new();
    for clause in clauses(text) {
        let words = words(&clause);
        for symptom in known() {
            let parts: &[&str] = if hurts { symptom.parts } else { &[] };
            let named = symptom.signs.iter().chain(parts).filter_map(|sign| find(&words, sign)).min();
            // A sign may hold its own negation (`nu pot respira`), so only words before it deny it.
            let stands = named.is_some_and(|position| !is_denied(&words, position));
            if stands && found.iter().all(|other| other.code != symptom.code) {
                found.push(Symptom { code: symptom.code.to_owned(), said: clause.clone() });
            }
        }
    }
    found.truncate(MOST_SYMPTOMS);
    found
}

/// Whether a message says that somebody is unwell, though it may name no symptom that the rules know.
pub fn complains(words: &[Word]) -> bool {
    any(words, PAIN) || any(words, UNWELL)
}

impl Symptom {
    /// What is known of it; none for a code that no rule knows.
    pub fn known(&self) -> Option<&'static Known> {
        known().iter().find(|known| known.code == self.code)
    }

    /// Whether it is one of those that cannot wait, whatever else is said.
    pub fn is_alarming(&self) -> bool {
        self.known().is_some_and(|known| known.urgency == crate::triage::Urgency::Emergency)
    }
}

fn is_denied(words: &[Word], position: usize) -> bool {
    let before = words.get(position.saturating_sub(3)..position).unwrap_or_default();
    before.iter().any(|word| NEGATIONS.contains(&word.folded.as_str()))
}

/// Whether any of the signs stands in the words.
pub fn any(words: &[Word], signs: &[&str]) -> bool {
    signs.iter().any(|sign| contains(words, sign))
}

/// A message cut where a person would draw breath. Decimal points and commas hold together.
fn clauses(text: &str) -> Vec<String> {
    let letters: Vec<char> = composed(text).chars().collect();
    let digit = |index: Option<usize>| index.and_then(|index| letters.get(index)).is_some_and(char::is_ascii_digit);
    let mut clauses = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let joins_digits = digit(index.checked_sub(1)) && digit(Some(index + 1));
        let ends = match fold(letter.encode_utf8(&mut [0; 4])).as_str() {
            ";" | "!" | "?" | "\n" => true,
            "." | "," => !joins_digits,
            _ => *letter == '…',
        };
        match clauses.last_mut() {
            Some(clause) if !ends => clause.push(*letter),
            _ => clauses.push(String::new()),
        }
    }
    clauses.iter().flat_map(|clause| parted(clause)).filter(|clause| !clause.is_empty()).collect()
}

/// A clause parted at the words that join two.
fn parted(clause: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for word in clause.split_whitespace() {
        let joint = matches!(fold(word).as_str(), "si" | "and" | "dar" | "but" | "plus" | "iar" | "&" | "+");
        match parts.last_mut() {
            Some(part) if !joint => {
                if !part.is_empty() {
                    part.push(' ');
                }
                part.push_str(word);
            }
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// How strong it is said to be, in words or on a scale to ten.
pub fn strength(words: &[Word]) -> Strength {
    let of_ten = words.iter().enumerate().find_map(|(index, word)| {
        if let Some((value, "10")) = word.folded.split_once('/') {
            return value.parse::<u32>().ok();
        }
        let follows = |offset: usize| words.get(index + offset).map_or("", |word| word.folded.as_str());
        let scale = follows(1) == "din" && follows(2) == "10"
            || follows(1) == "out" && follows(2) == "of" && follows(3) == "10";
        if scale { word.folded.parse().ok() } else { None }
    });
    match of_ten {
        Some(8..=10) => Strength::Severe,
        Some(0..=3) => Strength::Mild,
        Some(_) => Strength::Moderate,
        None if any(words, SEVERE) => Strength::Severe,
        None if any(words, MILD) => Strength::Mild,
        None => Strength::Moderate,
    }
}

/// For how many days it has lasted; 0 is since today.
pub fn days(words: &[Word]) -> Option<u32> {
    let counted = words.windows(2).find_map(|pair| {
        let [count, unit] = pair else { return None };
        number_or_article(&count.folded)?.checked_mul(unit_days(&unit.folded)?)
    });
    counted.or_else(|| {
        words.iter().find_map(|word| match word.folded.as_str() {
            "ieri" | "aseara" | "yesterday" => Some(1),
            "alaltaieri" => Some(2),
            "azi" | "astazi" | "today" | "acum" | "now" => Some(0),
            _ => None,
        })
    })
}

fn unit_days(word: &str) -> Option<u32> {
    match word {
        "ora" | "ore" | "hour" | "hours" | "minute" | "minutes" => Some(0),
        "zi" | "zile" | "day" | "days" | "nopti" | "nights" => Some(1),
        "saptamana" | "saptamani" | "week" | "weeks" => Some(7),
        "luna" | "luni" | "month" | "months" => Some(30),
        "an" | "ani" | "year" | "years" => Some(365),
        _ => None,
    }
}

/// A body temperature in tenths of a degree Celsius, when one is said.
pub fn temperature(words: &[Word]) -> Option<u32> {
    words.iter().find_map(|word| {
        // Of `39-40` the higher counts.
        let said = word.folded.rsplit('-').next().unwrap_or(&word.folded).trim_start_matches('+');
        let (degrees, tenths) = said.split_once(['.', ',']).unwrap_or((said, "0"));
        let tenths = tenths.get(..1)?.parse::<u32>().ok()?;
        let degrees = degrees.parse::<u32>().ok().filter(|degrees| (34..=43).contains(degrees))?;
        Some(degrees * 10 + tenths)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<String> {
        read(text).into_iter().map(|symptom| symptom.code).collect()
    }

    #[test]
    fn symptoms_are_found_in_both_languages_and_in_order() {
        assert_eq!(codes("Mă doare capul de trei zile și am febră 39"), ["headache", "fever"]);
        assert_eq!(codes("Mă doare capul și gâtul"), ["headache", "throat"], "one `doare` serves both");
        assert_eq!(codes("I have a bad cough, a fever of 38.5 and my knee hurts"), ["cough", "fever", "joint"]);
        assert_eq!(codes("Vreau o programare joi"), Vec::<String>::new());
    }

    #[test]
    fn what_is_denied_is_no_symptom() {
        assert_eq!(codes("Tușesc, dar nu am febră"), ["cough"]);
        assert_eq!(codes("I have a cough without fever"), ["cough"]);
        assert_eq!(codes("Nu pot respira"), ["breathing"], "the sign's own `nu` denies nothing");
    }

    #[test]
    fn a_part_of_the_body_alone_is_no_symptom() {
        assert_eq!(codes("where is the head office"), Vec::<String>::new());
    }

    #[test]
    fn each_symptom_keeps_the_words_said_of_it() {
        let found = read("Mă doare capul de trei zile, am febră 38,5");
        assert_eq!(found[0].said, "Mă doare capul de trei zile");
        assert_eq!(found[1].said, "am febră 38,5", "a decimal comma ends no clause");
    }

    #[test]
    fn duration_strength_and_temperature_are_read() {
        let cases = [
            ("de trei zile", Some(3)),
            ("de două săptămâni", Some(14)),
            ("for a month", Some(30)),
            ("de ieri", Some(1)),
            ("since 2 hours", Some(0)),
            ("mult", None),
        ];
        for (text, expected) in cases {
            assert_eq!(days(&words(text)), expected, "{text}");
        }
        assert_eq!(strength(&words("mă doare insuportabil")), Strength::Severe);
        assert_eq!(strength(&words("8 din 10")), Strength::Severe);
        assert_eq!(strength(&words("about 2/10")), Strength::Mild);
        assert_eq!(strength(&words("mă doare")), Strength::Moderate);
        assert_eq!(temperature(&words("febră 38,5")), Some(385));
        assert_eq!(temperature(&words("fever of 40")), Some(400));
        assert_eq!(temperature(&words("de 3 zile")), None);
        assert_eq!(temperature(&words("39-40 de grade")), Some(400));
    }

    #[test]
    fn clauses_end_the_same_in_every_spelling() {
        let whole = codes("Mă doare gâtul și tușesc dar nu am febră");
        assert_eq!(whole, ["throat", "cough"]);
        for text in [
            "MĂ DOARE GÂTUL ȘI TUȘESC DAR NU AM FEBRĂ",
            "Ma\u{306} doare ga\u{302}tul s\u{326}i tus\u{326}esc dar nu am febra\u{306}",
            "Mă doare gâtul\u{a0}și\u{a0}tușesc\u{a0}dar\u{202f}nu am febră",
            "Mă doare gâtul \u{15f}i tu\u{15f}esc dar nu am febră",
            "Mă doare gâtul\u{ff0c} tușesc\u{ff1b} nu am febră",
        ] {
            assert_eq!(codes(text), whole, "{text}");
        }
    }

    #[test]
    fn any_text_is_read_without_end_or_panic() {
        for text in ["", ",,,..;;", "șșș, și și și", "38,", ",5", "🤒 febră 🤒", &"febră și ".repeat(5_000)]
        {
            assert!(read(text).len() <= MOST_SYMPTOMS);
        }
    }
}
