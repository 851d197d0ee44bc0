//! Detects Romanian or English by words that only one of them has.

use serde::{Deserialize, Serialize};

use crate::text::{Word, words};

/// A language that a business answers in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Romanian.
    Ro,
    /// English.
    En,
}

/// Words that only Romanian has, folded.
const ROMANIAN: &str = "\
    buna salut ziua seara dimineata vreau vrea dori doresc as sa si pentru la masa persoane persoana maine azi \
    astazi poimaine diseara luni marti miercuri joi vineri sambata duminica este sunt aveti ati ce cat cand unde \
    cu fara pe ora orele multumesc va rog noi mancarea meniu meniul deschis deschideti inchis programul \
    rezervare rezerva anulez nu peste zile numele fost ianuarie februarie martie mai iunie iulie septembrie \
    octombrie noiembrie decembrie da de ma imi mi mea doare dor durere dureri febra tuse tusesc programare \
    programarea medic medicul analize analizele rezultatele sange sangerez sangereaza tusit tusind varsaturi \
    vomitat simt rau bolnav copilul copil bebelusul mama tata sotia sotul bunica mana piciorul bratul gat gatul \
    cap capul piept pieptul inima respir respira respire luat inghitit pastile medicamente suntem sunteti \
    noaptea miezul noptii fi avut mult multe prea dupa inainte din cum ajutor insotit rece";

/// Words that only English has.
const ENGLISH: &str = "\
    hello hi hey good morning evening the for at on is was were i we you my our would like want need please \
    table people tomorrow today tonight monday tuesday wednesday thursday friday saturday sunday what when where \
    do does have open close closed book booking menu dishes food thanks thank pm and with without cancel name of \
    it not january february march may june july august september october november december next this yes pain \
    hurts fever cough appointment results see since days blood bleeding coughing coughed vomiting pills \
    swallowed chest arm leg hand feel can cannot breathe help child baby mother father";

/// English words that exist in Romanian too, as `am` (I have) and `are` (has): they decide only when nothing else does.
const ENGLISH_MAYBE: &str = "a an am are me";

/// The language of a message; none when its words do not decide, as in `19:30`.
pub fn detect(text: &str) -> Option<Language> {
    let words = words(text);
    let romanian = 2 * (score(&words, ROMANIAN) + diacritics(text));
    let english = 2 * score(&words, ENGLISH) + score(&words, ENGLISH_MAYBE);
    match romanian.cmp(&english) {
        std::cmp::Ordering::Greater => Some(Language::Ro),
        std::cmp::Ordering::Less => Some(Language::En),
        std::cmp::Ordering::Equal => None,
    }
}

/// The language of a locale such as `ro` or `en-GB`; English for every other, because more guests understand it.
pub fn of_locale(locale: &str) -> Language {
    if locale.to_ascii_lowercase().starts_with("ro") { Language::Ro } else { Language::En }
}

impl Language {
    /// The language's tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ro => "ro",
            Self::En => "en",
        }
    }
}

fn score(words: &[Word], known: &str) -> usize {
    words.iter().filter(|word| known.split(' ').any(|known| known == word.folded)).count()
}

fn diacritics(text: &str) -> usize {
    let letters = crate::text::composed(text);
    letters
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|letter| matches!(letter, 'ă' | 'â' | 'î' | 'ș' | 'ş' | 'ț' | 'ţ'))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_with_and_without_diacritics() {
        for text in
            ["Bună ziua! La ce oră deschideți sâmbătă?", "as vrea o masa pentru 4 maine", "anulez rezervarea", "mâine"]
        {
            assert_eq!(detect(text), Some(Language::Ro), "{text}");
        }
        for text in ["A table for two, please", "tomorrow at 7 pm", "What vegetarian dishes do you have?"] {
            assert_eq!(detect(text), Some(Language::En), "{text}");
        }
    }

    #[test]
    fn a_message_is_in_the_same_language_however_it_is_spelt() {
        for text in ["Tus\u{326}esc", "TUS\u{326}ESC", "tu\u{15f}esc", "ȚESĂTURĂ", "T\u{326}ESA\u{306}TURA\u{306}"] {
            assert_eq!(detect(text), Some(Language::Ro), "{text}");
        }
    }

    #[test]
    fn words_that_both_languages_have_do_not_make_a_romanian_message_english() {
        for text in ["am febra", "am tusit cu sange", "Are dureri", "a fost rece", "nu am avut, am vomitat"] {
            assert_eq!(detect(text), Some(Language::Ro), "{text}");
        }
        for text in ["a pizza", "I am ill", "are you open", "a table", "can you help me"] {
            assert_eq!(detect(text), Some(Language::En), "{text}");
        }
    }

    #[test]
    fn a_message_without_telling_words_is_left_open() {
        assert_eq!(detect("19:30"), None);
        assert_eq!(detect("pizza margherita"), None);
    }
}
