//! Finds the symptoms in a patient's message, each with the words that describe it.

mod denial;
mod known;
mod past;

use serde::{Deserialize, Serialize};

use crate::text::{Word, composed, contains, fold, number_or_article, words};

pub use known::{Known, Speciality, known};

/// The most symptoms of one message that are weighed.
const MOST_SYMPTOMS: usize = 12;

/// One symptom; the channel `symptoms` is a list of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Symptom {
    /// The symptom's code, for example `headache`.
    pub code: String,
    /// The part of the message that mentions it.
    pub said: String,
}

/// How strong the patient says a symptom is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// `ușor`, `3 din 10`.
    Mild,
    /// The patient says nothing of it.
    #[default]
    Moderate,
    /// `insuportabil`, `9/10`.
    Severe,
}

const PAIN: &[&str] = &[
    "doare", "dor", "durea", "durut", "durere*", "dureri*", "junghi*", "ustur*", "hurt*", "pain*", "ache*", "aching",
    "sore", "jena",
];
const UNWELL: &[&str] = &[
    "rau",
    "bolnav*",
    "raceala",
    "racit*",
    "nu .. simt bine",
    "sange*",
    "otrav*",
    "ranit*",
    "lovit*",
    "taiat*",
    "inghitit",
    "muscat*",
    "intepat*",
    "unwell",
    "sick",
    "ill",
    "not .. feel* well|good",
    "don t feel well|good",
    "symptom*",
    "simptom*",
    "blood*",
    "poison*",
    "injur*",
    "wound*",
    "swallowed",
    "bitten",
    "stung",
];
/// Words of a person who may be in need, without a symptom.
const NEED: &[&str] = &[
    "ajutor",
    "ajutati*",
    "urgent*|urgenta|urgente",
    "grav",
    "salvare*",
    "ambulant*",
    "112",
    "mor|moare|murit|moara",
    "pastil*|medicament*|comprimat*",
    "panica|panicat*",
    "frica",
    "insuport*",
    "speriat*",
    "emergency",
    "help me",
    "ambulance",
    "dying|dies|died",
    "pills|tablets",
    "panic*",
    "scared",
    "unbearable",
    "can't move",
];
const BODY: &[&str] = &[
    "cap|capul|gat|gatul|piept*|inima|burta|spate*|brat*|mana|picior*|ochi*|ureche*|stomac*|rinichi*",
    "head|throat|chest|heart|belly|stomach|arm|leg|foot|eye|eyes|ear|kidney*",
];
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

/// The symptoms that a message names, each once, in their order. A denied symptom (`fără febră`) is left out.
pub fn read(text: &str) -> Vec<Symptom> {
    let message = words(text);
    let hurts = any(&message, PAIN);
    let is_past = |code: &str, said: &[Word]| is_over(code, said, &message);
    // Each symptom with whether it is said of long ago.
    let mut found: Vec<(Symptom, bool)> = Vec::new();
    for clause in clauses(text) {
        let words = words(&clause);
        let named = known().map(|symptom| {
            let parts: &[&str] = if hurts { symptom.parts } else { &[] };
            let spans: Vec<_> =
                symptom.signs.iter().chain(parts).flat_map(|sign| denial::spans(&words, sign)).collect();
            (symptom, spans)
        });
        let named: Vec<_> = named.filter(|(_, spans)| !spans.is_empty()).collect();
        let denied = denial::of(&words, named.iter().flat_map(|(_, spans)| spans.iter().copied()));
        for (symptom, spans) in named {
            let known = found.iter_mut().find(|(other, _)| other.code == symptom.code);
            if spans.iter().all(|span| denied.contains(span)) || matches!(known, Some((_, false))) {
                continue;
            }
            let told = Symptom { code: symptom.code.to_owned(), said: clause.clone() };
            match (known, is_past(symptom.code, &words)) {
                (None, past) => found.push((told, past)),
                // A present symptom replaces the same symptom of the past.
                (Some(known), false) => *known = (told, false),
                (Some(_), true) => {}
            }
        }
    }
    let mut found: Vec<Symptom> = found.into_iter().map(|(symptom, _)| symptom).collect();
    if found.len() > MOST_SYMPTOMS {
        // Emergencies come first, so that the limit never cuts them off.
        found.sort_by_key(|symptom| !symptom.is_emergency());
        found.truncate(MOST_SYMPTOMS);
    }
    found
}

/// Whether a symptom is said of long ago: `bunica a avut un infarct acum 10 ani`. A past wish to die always counts as
/// present.
fn is_over(code: &str, said: &[Word], message: &[Word]) -> bool {
    code != "self-harm" && past::is_over(said, message)
}

/// Which of the signs are in a message without being denied.
pub fn standing<'s>(text: &str, signs: &[&'s str]) -> Vec<&'s str> {
    let clauses: Vec<Vec<Word>> = clauses(text).iter().map(|clause| words(clause)).collect();
    let stands = |sign: &str| {
        clauses.iter().any(|words| {
            let spans: Vec<_> = denial::spans(words, sign).collect();
            let denied = denial::of(words, spans.iter().copied());
            spans.iter().any(|span| !denied.contains(span))
        })
    };
    signs.iter().copied().filter(|sign| stands(sign)).collect()
}

/// Whether a message says that a person is unwell, even without a symptom that the rules know.
pub fn complains(words: &[Word]) -> bool {
    any(words, PAIN) || any(words, UNWELL)
}

/// Whether a message may be about a person in need.
pub fn is_in_need(words: &[Word]) -> bool {
    complains(words) || any(words, NEED)
}

/// Whether a message mentions the body.
pub fn is_of_body(words: &[Word]) -> bool {
    any(words, BODY)
}

impl Symptom {
    /// The rules' knowledge of the symptom; none for an unknown code.
    pub fn known(&self) -> Option<&'static Known> {
        known().find(|known| known.code == self.code)
    }

    /// Whether the message speaks of it as long ago.
    pub fn is_past(&self, message: &str) -> bool {
        is_over(&self.code, &words(&self.said), &words(message))
    }

    /// Whether it cannot wait for a day, whatever else the message says.
    pub fn is_alarming(&self, message: &str) -> bool {
        crate::triage::weigh(self, message).urgency >= crate::triage::Urgency::Urgent
    }

    fn is_emergency(&self) -> bool {
        self.known().is_some_and(|known| known.urgency == crate::triage::Urgency::Emergency)
    }
}

/// Whether any of the signs is in the words.
pub fn any(words: &[Word], signs: &[&str]) -> bool {
    signs.iter().any(|sign| contains(words, sign))
}

/// The clauses of a message, cut at punctuation. Decimal points and commas do not cut.
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

/// A clause, cut at conjunctions.
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

/// How strong the words say it is, on a scale to ten or in words.
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

/// For how many days it has lasted; 0 for since today.
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

/// Whether a message is about a child of less than three months, for whom any fever is an emergency.
pub fn of_newborn(words: &[Word]) -> bool {
    let of_baby = any(words, &["bebe*|sugar*|copil*|fetita|baietel*|nepot*", "baby|infant|child|son|daughter"]);
    let is_young = |count: u32, unit: &str| match unit {
        "saptamana" | "saptamani" | "week" | "weeks" => (1..=12).contains(&count),
        "luna" | "luni" | "month" | "months" => (1..=3).contains(&count),
        _ => false,
    };
    let young = words.windows(2).any(|pair| {
        let [count, unit] = pair else { return false };
        number_or_article(&count.folded).is_some_and(|count| is_young(count, &unit.folded))
    });
    any(words, &["nou nascut*", "nounascut*", "newborn*"]) || (of_baby && young)
}

/// A body temperature in tenths of a degree Celsius, if the words name one.
pub fn temperature(words: &[Word]) -> Option<u32> {
    words.iter().find_map(|word| {
        // Of a range such as `39-40` the higher value counts.
        let said = word.folded.rsplit('-').next().unwrap_or(&word.folded).trim_start_matches('+');
        let (degrees, tenths) = said.split_once(['.', ',']).unwrap_or((said, "0"));
        let tenths = tenths.get(..1)?.parse::<u32>().ok()?;
        let degrees = degrees.parse::<u32>().ok().filter(|degrees| (34..=43).contains(degrees))?;
        Some(degrees * 10 + tenths)
    })
}

#[cfg(test)]
mod tests;
