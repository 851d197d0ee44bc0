//! Text as people type it, made comparable: lower case, without diacritics, cut into words.
//!
//! The same letters come in many spellings: composed or not, full-width, as ligatures, with invisible characters in between.
//! The host gives text in Unicode's composed form; what comes by another way, in the data of a hook for example, need not be.

mod numerals;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use numerals::{is_numeric, number, number_or_article};

/// A word or number of a message, folded, and where it stood in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, without diacritics, in plain letters and digits. A spelt-out number such as `twenty-five` is in digits.
    pub folded: String,
    /// As it was written, in Unicode's composed form.
    pub written: String,
    /// The hyphen or apostrophe that ties it to the word before, as in `Ana-Maria`.
    pub tie: Option<char>,
}

/// Lower case and plain: without diacritics (in both encodings of Romanian, composed or not), ligatures, full-width forms and
/// invisible characters; with straight quotes and plain hyphens.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain = text.chars().map(plain_punctuation).nfkd().filter(|letter| !is_silent(*letter));
    // A letter may get its mark only from lower-casing, as the Turkish capital I with a dot does.
    let lower = plain.flat_map(char::to_lowercase).filter(|letter| !is_silent(*letter));
    let mut folded = String::with_capacity(text.len());
    lower.for_each(|letter| match letter {
        'ß' => folded.push_str("ss"),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        'ø' => folded.push('o'),
        'ł' => folded.push('l'),
        'đ' | 'ð' => folded.push('d'),
        'ı' => folded.push('i'),
        other => folded.push(plain_punctuation(other)),
    });
    folded
}

/// Quotes and hyphens of word processors as keyboards have them.
fn plain_punctuation(letter: char) -> char {
    match letter {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bc}' | '\u{b4}' | '`' | '\u{ff07}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2044}' | '\u{2215}' => '/',
        other => other,
    }
}

/// Marks on letters, and characters that nobody sees: joiners, soft hyphens, directions, variation selectors.
fn is_silent(letter: char) -> bool {
    if letter.is_ascii() {
        return false;
    }
    is_combining_mark(letter)
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text in Unicode's composed form, in which it is kept.
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// What a character is to the cutting of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    /// `½`: a number of its own.
    Fraction,
    /// What holds digits together that it stands between.
    Binder,
    Hyphen,
    Plus,
    Apostrophe,
    Space,
    /// Belongs to the letter before.
    Silent,
    Other,
}

fn kind(letter: char) -> Kind {
    let letter = plain_punctuation(letter);
    if letter.is_ascii() {
        return match letter {
            '0'..='9' => Kind::Digit,
            ':' | '.' | '/' | ',' | '*' | '^' => Kind::Binder,
            '-' => Kind::Hyphen,
            '+' => Kind::Plus,
            '\'' => Kind::Apostrophe,
            letter if letter.is_ascii_alphabetic() => Kind::Letter,
            letter if letter.is_ascii_whitespace() => Kind::Space,
            _ => Kind::Other,
        };
    }
    if is_silent(letter) {
        return Kind::Silent;
    }
    let mut plain = std::iter::once(letter).nfkd();
    match plain.next() {
        Some('0'..='9') if plain.any(|part| part == '\u{2044}') => Kind::Fraction,
        Some('0'..='9') => Kind::Digit,
        Some(plain) if plain.is_ascii() && !letter.is_alphanumeric() => kind(plain),
        _ if letter.is_alphanumeric() => Kind::Letter,
        _ if letter.is_whitespace() => Kind::Space,
        _ => Kind::Other,
    }
}

/// The words of a message. Digits keep what binds them to other digits (`19:30`, `25.12`, `25/12`, `2026-12-25`, `3-4`, `2,5`)
/// and their sign (`-3`, `10+`); a number is parted from letters glued to it (`7pm`), and `p.m.` becomes `pm`.
pub fn words(text: &str) -> Vec<Word> {
    let letters: Vec<(char, Kind)> = text.nfc().map(|letter| (letter, kind(letter))).collect();
    let mut cut = Cut::default();
    for (index, (letter, kind)) in letters.iter().copied().enumerate() {
        let next = || letters.get(index + 1..).unwrap_or_default().iter().map(|(_, kind)| *kind);
        let after = || next().find(|kind| *kind != Kind::Silent);
        match kind {
            Kind::Silent if !cut.current.is_empty() => cut.current.push(letter),
            Kind::Silent => continue,
            // `1e9` and `2x4` are odd numbers, and no words between numbers.
            Kind::Letter
                if matches!(letter, 'e' | 'E' | 'x')
                    && cut.last == Some(Kind::Digit)
                    && after() == Some(Kind::Digit) =>
            {
                cut.add(letter, Kind::Digit);
            }
            Kind::Letter | Kind::Digit => {
                if cut.last.is_some_and(|last| last != kind) {
                    cut.end();
                }
                cut.add(letter, kind);
            }
            Kind::Fraction => {
                cut.end();
                cut.add(letter, Kind::Digit);
                cut.end();
            }
            Kind::Binder | Kind::Hyphen if cut.last == Some(Kind::Digit) && after() == Some(Kind::Digit) => {
                cut.add(letter, Kind::Digit);
            }
            Kind::Plus if cut.last == Some(Kind::Digit) => cut.add(letter, Kind::Digit),
            // The sign of a number, which a dash between words is not.
            Kind::Hyphen if cut.last.is_none() && cut.before != Some(Kind::Letter) && after() == Some(Kind::Digit) => {
                cut.add(letter, Kind::Digit);
            }
            Kind::Plus
                if cut.words.last().is_some_and(|word| word.folded.ends_with(|last: char| last.is_ascii_digit()))
                    && next().find(|kind| !matches!(kind, Kind::Silent | Kind::Space)) == Some(Kind::Digit) =>
            {
                cut.add(letter, Kind::Other);
                cut.end();
            }
            _ => {
                let ties = matches!(kind, Kind::Hyphen | Kind::Apostrophe)
                    && cut.last == Some(Kind::Letter)
                    && after() == Some(Kind::Letter);
                cut.end();
                cut.tie = ties.then_some(letter);
            }
        }
        cut.before = Some(kind);
    }
    cut.end();
    numerals::join(join_abbreviations(cut.words))
}

/// Words while a message is cut into them.
#[derive(Default)]
struct Cut {
    words: Vec<Word>,
    current: String,
    /// What the current word is made of.
    last: Option<Kind>,
    /// What came before, in a word or not.
    before: Option<Kind>,
    tie: Option<char>,
}

impl Cut {
    fn add(&mut self, letter: char, kind: Kind) {
        self.current.push(letter);
        self.last = Some(kind);
    }

    fn end(&mut self) {
        self.last = None;
        if !self.current.is_empty() {
            let written = std::mem::take(&mut self.current);
            self.words.push(Word { folded: fold(&written), written, tie: self.tie.take() });
        }
    }
}

fn join_abbreviations(words: Vec<Word>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        if word.folded == "m"
            && let Some(last) = joined.last_mut()
            && matches!(last.folded.as_str(), "a" | "p")
        {
            last.folded.push('m');
            continue;
        }
        joined.push(word);
    }
    joined
}

/// Whether a sign, which is one or several folded words, stands in a message. A `*` at its end stands for any ending.
pub fn contains(words: &[Word], sign: &str) -> bool {
    find(words, sign).is_some()
}

/// Where a sign first stands in a message: the position of its first word.
pub fn find(words: &[Word], sign: &str) -> Option<usize> {
    let (sign, any_ending) = sign.strip_suffix('*').map_or((sign, false), |stem| (stem, true));
    let sign: Vec<&str> = sign.split([' ', '\'']).collect();
    let last = sign.len() - 1;
    words.windows(sign.len()).position(|window| {
        window.iter().zip(&sign).enumerate().all(|(position, (word, wanted))| {
            word.folded == *wanted || (any_ending && position == last && word.folded.starts_with(wanted))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn both_encodings_of_romanian_letters_fold_to_the_same() {
        assert_eq!(fold("Sâmbătă, peşte și țuică"), "sambata, peste si tuica");
        assert_eq!(fold("ŞŢ ȘȚ"), "st st");
    }

    #[test]
    fn every_spelling_of_a_word_folds_to_the_same() {
        let spellings = [
            ("Tu\u{219}esc", "tusesc"),
            ("Tus\u{326}esc", "tusesc"),
            ("TU\u{218}ESC", "tusesc"),
            ("TUS\u{326}ESC", "tusesc"),
            ("tu\u{15f}esc", "tusesc"),
            ("tus\u{327}esc", "tusesc"),
            ("tu\u{ad}\u{219}e\u{200d}sc\u{200b}", "tusesc"),
            ("\u{ff34}\u{ff35}\u{219}esc", "tusesc"),
            ("\u{130}n\u{21b}epat", "intepat"),
            ("I\u{307}nt\u{326}epat", "intepat"),
            ("of\u{fb01}ce", "office"),
            ("Stra\u{df}e", "strasse"),
            ("a\u{302}\u{323}", "a"),
            ("can\u{2019}t", "can't"),
            ("10\u{2013}12", "10-12"),
        ];
        for (written, folded) in spellings {
            assert_eq!(fold(written), folded, "{written}");
            assert_eq!(fold(&composed(written)), folded, "{written}");
        }
    }

    #[test]
    fn marks_and_invisible_characters_cut_no_words_and_odd_spaces_do() {
        assert_eq!(folded("Tus\u{326}esc cu sa\u{302}nge"), ["tusesc", "cu", "sange"]);
        assert_eq!(folded("ma\u{301}\u{300}ine\u{a0}la\u{202f}19:30"), ["maine", "la", "19:30"]);
        assert_eq!(folded("re\u{ad}zer\u{200b}vare la 1\u{200d}9\u{ff1a}30"), ["rezervare", "la", "19:30"]);
        assert_eq!(folded("\u{feff}\u{ff14} persoane"), ["4", "persoane"]);
        let name = words("Ana-Maria O\u{2019}Neill s\u{326}i");
        assert_eq!(
            name.iter().map(|word| word.tie).collect::<Vec<_>>(),
            [None, Some('-'), None, Some('\u{2019}'), None]
        );
        assert_eq!(name[4].written, "și");
    }

    #[test]
    fn numbers_keep_their_signs_and_what_binds_them() {
        assert_eq!(folded("pentru -3"), ["pentru", "-3"]);
        assert_eq!(folded("pentru \u{2212}3, (-4) masa-5"), ["pentru", "-3", "-4", "masa", "5"]);
        assert_eq!(folded("3-4 sau 3\u{2013}4, 2,5 ori 2\u{bd}"), ["3-4", "sau", "3-4", "2,5", "ori", "2", "1/2"]);
        assert_eq!(folded("4+2 sau 4 + 2, 10+ la +40 21"), ["4+2", "sau", "4", "+", "2", "10+", "la", "40", "21"]);
        assert_eq!(folded("luni - 3 persoane"), ["luni", "3", "persoane"]);
    }

    #[test]
    fn numerals_of_several_words_are_one_number() {
        assert_eq!(folded("douăzeci și cinci de persoane"), ["25", "de", "persoane"]);
        assert_eq!(folded("twenty-five or twenty five people"), ["25", "or", "25", "people"]);
        assert_eq!(folded("la opt și douăzeci"), ["la", "opt", "si", "douazeci"]);
        assert_eq!(words("treizeci și doi")[0].written, "treizeci și doi");
    }

    #[test]
    fn dates_and_times_stay_whole_and_sentences_are_cut() {
        assert_eq!(folded("Mâine la 19:30, 25.12.2026."), ["maine", "la", "19:30", "25.12.2026"]);
        assert_eq!(folded("at 7pm or 7 p.m."), ["at", "7", "pm", "or", "7", "pm"]);
        assert_eq!(folded("2026-12-25 la 8."), ["2026-12-25", "la", "8"]);
        assert_eq!(folded(""), Vec::<String>::new());
    }

    #[test]
    fn a_sign_is_found_as_whole_words_or_by_its_beginning() {
        let message = words("Aș vrea să-mi anulez programarea, n-am timp");
        assert_eq!(find(&message, "anul*"), Some(4));
        assert!(contains(&message, "n'am timp"));
        assert!(!contains(&message, "program"), "a sign without `*` is a whole word");
        assert!(!contains(&[], "anul*"));
    }

    #[test]
    fn numbers_are_read_in_both_languages() {
        assert_eq!(number("patru"), Some(4));
        assert_eq!(number("twelve"), Some(12));
        assert_eq!(number("12"), Some(12));
        assert_eq!(number("12345"), None);
        assert_eq!(number("masa"), None);
    }
}
