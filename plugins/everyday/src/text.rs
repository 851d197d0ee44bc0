//! Makes typed text comparable: lower case, without diacritics, cut into words.
//!
//! The same letters have many spellings: composed or not, full-width, as ligatures, with invisible characters in
//! between. The host passes messages on in Unicode's composed form; other text, for example in a webhook's data, may be
//! in any form.

mod numerals;
mod older;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use numerals::{is_numeric, number, number_or_article};

/// A word or number of a message, folded, and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, without diacritics, in plain letters and digits. A spelt-out number such as `twenty-five` is in
    /// digits.
    pub folded: String,
    /// As it was written, in Unicode's composed form.
    pub written: String,
    /// The hyphen or apostrophe that ties it to the word before, as in `Ana-Maria`.
    pub tie: Option<char>,
    /// A dash comes before this number without being part of it: `pentru - 3`, `3 - 4`, `pentru -trei`. The dash of a
    /// list item, at the beginning of a line, does not count.
    pub dash: bool,
    /// A comma, a full stop or similar comes between it and the word before.
    pub pause: bool,
}

/// Lower case and plain: without diacritics (in both encodings of Romanian, composed or not, and in its older spelling,
/// where `sînge` is `sânge`), ligatures, full-width forms and invisible characters; with straight quotes and plain
/// hyphens.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let plain =
        text.chars().map(plain_punctuation).nfkd().filter(|letter| *letter == CIRCUMFLEX || !is_silent(*letter));
    // A letter may get its mark from lower-casing, as the Turkish capital I with a dot does.
    let lower = plain.flat_map(char::to_lowercase).filter(|letter| *letter == CIRCUMFLEX || !is_silent(*letter));
    let mut folded = String::with_capacity(text.len());
    let mut word_begins = 0;
    let mut letters = lower.peekable();
    while let Some(letter) = letters.next() {
        if letter == CIRCUMFLEX {
            let follows = letters.peek().is_some_and(|next| next.is_alphabetic());
            let before = folded.get(word_begins..).and_then(|word| word.strip_suffix('i'));
            if before.is_some_and(|before| older::is_circumflex_a(before, follows)) {
                folded.pop();
                folded.push('a');
            }
            continue;
        }
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            other => folded.push(plain_punctuation(other)),
        }
        if !letter.is_alphabetic() {
            word_begins = folded.len();
        }
    }
    folded
}

/// The mark of `â` and `î`, on its own.
const CIRCUMFLEX: char = '\u{302}';

/// Replaces the quotes and hyphens of word processors by those of keyboards.
fn plain_punctuation(letter: char) -> char {
    match letter {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{2bc}' | '\u{b4}' | '`' | '\u{ff07}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        // Other dashes and minus signs: emoji, superscript and subscript, long, vertical, box-drawing, bullets.
        '\u{2796}' | '\u{207b}' | '\u{208b}' | '\u{2e3a}' | '\u{2e3b}' | '\u{fe31}' | '\u{fe32}' | '\u{2500}'
        | '\u{2043}' | '\u{2d7}' => '-',
        '\u{2044}' | '\u{2215}' => '/',
        other => other,
    }
}

/// Marks on letters, and invisible characters: joiners, soft hyphens, directions, variation selectors.
fn is_silent(letter: char) -> bool {
    if letter.is_ascii() {
        return false;
    }
    is_combining_mark(letter)
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text in Unicode's composed form, in which it is stored.
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// The role of a character when a text is cut into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    /// `½`: a number of its own.
    Fraction,
    /// Holds two digits together that it is between.
    Binder,
    Hyphen,
    Plus,
    Apostrophe,
    Space,
    /// The end of a line.
    Line,
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
            '\n' | '\r' | '\u{b}' | '\u{c}' => Kind::Line,
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
        _ if matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}') => Kind::Line,
        _ if letter.is_whitespace() => Kind::Space,
        _ => Kind::Other,
    }
}

/// The words of a message. Digits keep the characters that bind them to other digits (`19:30`, `25.12`, `25/12`,
/// `2026-12-25`, `3-4`, `2,5`) and their sign (`-3`, `10+`); letters after a number become a separate word (`7pm`), and
/// `p.m.` becomes `pm`.
pub fn words(text: &str) -> Vec<Word> {
    let letters: Vec<(char, Kind)> = text.nfc().map(|letter| (letter, kind(letter))).collect();
    let mut cut = Cut { line_begins: true, ..Cut::default() };
    for (index, (letter, kind)) in letters.iter().copied().enumerate() {
        let next = || letters.get(index + 1..).unwrap_or_default().iter().map(|(_, kind)| *kind);
        let after = || next().find(|kind| *kind != Kind::Silent);
        let after_spaces = || next().find(|kind| !matches!(kind, Kind::Silent | Kind::Space));
        match kind {
            Kind::Silent if !cut.current.is_empty() => cut.current.push(letter),
            Kind::Silent => continue,
            // `1e9` and `2x4` are unusual numbers, and not words between numbers.
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
            // The sign of a number; a dash between words is not one.
            Kind::Hyphen if cut.last.is_none() && cut.before != Some(Kind::Letter) && after() == Some(Kind::Digit) => {
                cut.add(letter, Kind::Digit);
            }
            Kind::Plus
                if cut.words.last().is_some_and(|word| word.folded.ends_with(|last: char| last.is_ascii_digit()))
                    && after_spaces() == Some(Kind::Digit) =>
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
                cut.pause |= matches!(kind, Kind::Binder | Kind::Other | Kind::Line);
                if kind == Kind::Hyphen && !ties {
                    (cut.dash, cut.lists) = (!cut.line_begins, cut.line_begins);
                } else if !matches!(kind, Kind::Space | Kind::Hyphen) {
                    (cut.dash, cut.lists) = (false, false);
                }
            }
        }
        cut.line_begins = matches!(kind, Kind::Line) || (cut.line_begins && kind == Kind::Space);
        cut.before = Some(kind);
    }
    cut.end();
    let mut words = numerals::join(join_abbreviations(cut.words));
    // A single `- 3` is not a list.
    if let [only] = words.as_mut_slice() {
        only.dash |= cut.first_listed;
    }
    words.iter_mut().for_each(|word| word.dash &= is_numeric(&word.folded));
    words
}

/// The state while a message is cut into words.
#[derive(Default)]
struct Cut {
    words: Vec<Word>,
    current: String,
    /// The kind of the current word's last character.
    last: Option<Kind>,
    /// The kind of the previous character, in a word or not.
    before: Option<Kind>,
    tie: Option<char>,
    pause: bool,
    /// A dash comes before the next word.
    dash: bool,
    /// The dash before the next word begins a line.
    lists: bool,
    /// The first word has such a dash.
    first_listed: bool,
    /// The line has only spaces so far.
    line_begins: bool,
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
            let folded = older::of_today(fold(&written));
            let dash = std::mem::take(&mut self.dash);
            let listed = std::mem::take(&mut self.lists);
            self.first_listed |= listed && self.words.is_empty();
            let pause = std::mem::take(&mut self.pause);
            self.words.push(Word { folded, written, tie: self.tie.take(), dash, pause });
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

/// Whether a sign is in a message, see [`spans`].
pub fn contains(words: &[Word], sign: &str) -> bool {
    find(words, sign).is_some()
}

/// The position of a sign's first word where the sign first occurs.
pub fn find(words: &[Word], sign: &str) -> Option<usize> {
    spans(words, sign).next().map(|(first, _)| first)
}

/// The most words that `..` in a sign stands for.
const GAP: usize = 3;

/// Where a sign is in a message: its first and last words. A sign is one or several folded words in a row. A `*` at the
/// end of a word matches any ending, `|` separates alternatives, `..` matches up to three words or none, and `$`
/// matches the end of the message: `tusesc|scuip* .. sange*`, `can't move $`.
pub fn spans<'w>(words: &'w [Word], sign: &'w str) -> impl Iterator<Item = (usize, usize)> + 'w {
    (0..words.len()).filter_map(move |first| Some((first, ends(words, first, sign)?.checked_sub(1)?)))
}

/// The position after a sign that begins at a position.
fn ends(words: &[Word], at: usize, sign: &str) -> Option<usize> {
    let (wanted, rest) = sign.split_once([' ', '\'']).unwrap_or((sign, ""));
    if wanted.is_empty() {
        return Some(at);
    }
    if wanted == "$" {
        return if at == words.len() { Some(at) } else { None };
    }
    if wanted == ".." {
        return (at..=at + GAP).find_map(|at| ends(words, at, rest));
    }
    let word = words.get(at)?.folded.as_str();
    let stands = wanted.split('|').any(|wanted| match wanted.strip_suffix('*') {
        Some(stem) => word.starts_with(stem),
        None => word == wanted,
    });
    if stands { ends(words, at + 1, rest) } else { None }
}

#[cfg(test)]
mod tests;
