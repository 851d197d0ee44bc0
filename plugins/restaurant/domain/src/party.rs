//! Finds the number of guests and the name for a booking.

use crate::text::{Word, is_numeric, number, number_or_article};

/// The largest number of guests that is believed.
const LARGEST: u32 = 500;

/// The number of guests in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Size {
    /// A number of people.
    Of(u32),
    /// A number that no party has, or several numbers, as written: `-3`, `2,5`, `3-4`.
    Unclear(String),
}

/// Words before a number that make it a limit and not the number to book for.
const LIMITS: [&str; 13] = [
    "minus", "sub", "peste", "minim", "minimum", "maxim", "maximum", "max", "min", "under", "over", "negativ",
    "negative",
];

/// The number of guests in a message. `used` marks the words that were read as day or time. `bare` accepts a lone
/// number too, when the guest was just asked for it. An invalid number of people is never rounded to a valid one.
pub fn size(words: &[Word], used: &[bool], bare: bool) -> Option<Size> {
    let said = Said { words, used };
    said.people()
        .or_else(|| said.announced())
        .or_else(|| couple(words))
        .or_else(|| if bare { said.only() } else { None })
}

/// The numbers of a message that are neither day nor time.
#[derive(Clone, Copy)]
struct Said<'w> {
    words: &'w [Word],
    used: &'w [bool],
}

impl Said<'_> {
    fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word.folded.as_str())
    }

    fn before(&self, index: usize, back: usize) -> &str {
        index.checked_sub(back).map_or("", |index| self.word(index))
    }

    /// Whether there is a number that was not read as day or time.
    fn is_number(&self, index: usize) -> bool {
        self.used.get(index) != Some(&true) && is_numeric(self.word(index))
    }

    /// The size that the number at a position means together with the numbers that it is tied to: `3 sau 4`, `4 + 2`,
    /// `3 - 4`, `minus 3`, `trei patru`. A dash directly after the word that announces the number may be a minus;
    /// elsewhere, as in `luni - 3 persoane`, it separates sentences.
    fn at(&self, index: usize, counted: Option<Group>) -> Size {
        let ties = |word: &str| match word {
            "sau" | "ori" | "or" | "to" | "pana" | "la" | "minus" => true,
            // `4 și 2 copii` are two separate numbers.
            "si" | "and" | "plus" | "+" => counted != Some(Group::Children),
            _ => false,
        };
        let follows = |index: usize, tied: bool| {
            let word = self.word(index);
            // Longer numbers in a row are a telephone number.
            let small = word.len() <= 2 || !word.starts_with(|first: char| first.is_ascii_digit());
            self.is_number(index) && (tied || small)
        };
        let (mut first, mut last) = (index, index);
        loop {
            let tied = ties(self.before(first, 1));
            let before = first.checked_sub(1 + usize::from(tied));
            match before.filter(|before| follows(*before, tied)) {
                Some(before) => first = before,
                None => break,
            }
        }
        loop {
            let tied = ties(self.word(last + 1));
            let after = last + 1 + usize::from(tied);
            if !follows(after, tied) || group(self.word(after + 1)).is_some() {
                break;
            }
            last = after;
        }
        let dashed = self.has_dash(first) && (first == 0 || self.announces(first, 1));
        let limit = self.limit(first);
        first -= limit;
        let alone = first == last && !dashed;
        let one = number(self.word(index)).filter(|count| alone && (1..=LARGEST).contains(count));
        match one {
            Some(count) => Size::Of(count),
            None if dashed => Size::Unclear(format!("- {}", self.written(first, last))),
            None => Size::Unclear(self.written(first, last)),
        }
    }

    /// How many words before a number say that it is a bound or negative: `minus 3`, `cel puțin 3`, `more than 3`.
    fn limit(&self, at: usize) -> usize {
        match (self.before(at, 2), self.before(at, 1)) {
            ("cel", "putin" | "mult")
            | ("at", "least" | "most")
            | ("up", "to")
            | ("more" | "less" | "fewer", "than") => 2,
            ("mult" | "putin", "de") => 2,
            ("pana", "la") => 2,
            (_, word) => usize::from(LIMITS.contains(&word)),
        }
    }

    fn has_dash(&self, index: usize) -> bool {
        self.words.get(index).is_some_and(|word| word.dash)
    }

    fn written(&self, first: usize, last: usize) -> String {
        let words = self.words.get(first..=last).unwrap_or_default().iter().enumerate();
        let dashed =
            words.map(|(index, word)| format!("{}{}", if index > 0 && word.dash { "- " } else { "" }, word.written));
        dashed.collect::<Vec<_>>().join(" ")
    }

    /// `4 persoane`, `two adults and 2 kids`: groups add up.
    fn people(&self) -> Option<Size> {
        let (mut grown_ups, mut children) = (None::<u32>, None::<(u32, usize)>);
        for (index, word) in self.words.iter().enumerate() {
            let Some(group) = group(&word.folded) else { continue };
            let of = usize::from(self.before(index, 1) == "de");
            let Some(at) = index.checked_sub(1 + of) else { continue };
            let size = if self.is_number(at) {
                self.at(at, Some(group))
            } else if of == 0 && number_or_article(self.word(at)) == Some(1) {
                Size::Of(1)
            } else {
                continue;
            };
            let count = match size {
                Size::Of(count) => count,
                unclear @ Size::Unclear(_) => return Some(unclear),
            };
            let known = match group {
                Group::GrownUps => grown_ups.replace(count),
                Group::Children => children.replace((count, at)).map(|(count, _)| count),
            };
            if known.is_some_and(|known| known != count) {
                return Some(Size::Unclear(self.written(at, index)));
            }
        }
        let total = match (grown_ups, children) {
            (None, None) => return None,
            (None, Some((children, at))) => return Some(self.with_children(children, at)),
            (grown_ups, children) => grown_ups.unwrap_or(0) + children.map_or(0, |(count, _)| count),
        };
        Some(Size::Of(total).possible())
    }

    /// `4 și 2 copii` are six, `4, din care 2 copii` four; `4 cu 2 copii` is ambiguous.
    fn with_children(&self, children: u32, at: usize) -> Size {
        let announced = (0..at).find(|index| self.is_number(*index) && self.is_announced(*index));
        let Some((announced, Size::Of(all))) = announced.map(|index| (index, self.at(index, None))) else {
            return Size::Of(children);
        };
        match self.before(at, 1) {
            "si" | "and" | "plus" => Size::Of(all + children).possible(),
            "care" | "including" | "which" | "whom" => Size::Of(all),
            _ => Size::Unclear(self.written(announced, at + 1)),
        }
    }

    /// `pentru 4`, `masă de 6`, `suntem 5`, `table for two`, `party of 8`, `4 of us`.
    fn announced(&self) -> Option<Size> {
        let found = (0..self.words.len()).find(|index| {
            let of_us = (self.word(index + 1), self.word(index + 2)) == ("of", "us");
            self.is_number(*index) && (self.is_announced(*index) || of_us) && !self.counts_time(*index)
        });
        found.map(|index| self.at(index, None))
    }

    fn is_announced(&self, index: usize) -> bool {
        let hedged = matches!(self.before(index, 1), "intre" | "between" | "vreo" | "about" | "cam");
        let back = 1 + self.limit(index).max(usize::from(hedged));
        let plain = number(self.word(index)).is_some();
        match self.before(index, back) {
            // A plain number only: `in 0721…` and `are 2,5` are about something else.
            "noi" | "are" | "re" => plain,
            "in" => plain && !self.before(index, back + 1).is_empty(),
            _ => self.announces(index, back),
        }
    }

    /// Whether the word `back` positions earlier says that a number of people follows.
    fn announces(&self, index: usize, back: usize) -> bool {
        match self.before(index, back) {
            "pentru" | "for" | "suntem" | "fim" | "fi" | "be" => true,
            "de" | "of" => matches!(self.before(index, back + 1), "masa" | "grup" | "party" | "table" | "group"),
            _ => false,
        }
    }

    fn counts_time(&self, index: usize) -> bool {
        let counted = self.word(index + 1);
        let units = [
            "zile", "zi", "ore", "ora", "minute", "days", "day", "hours", "hour", "weeks", "week", "minutes", "pm",
            "am", "h",
        ];
        units.contains(&counted)
    }

    /// A short answer that is a number.
    fn only(&self) -> Option<Size> {
        let mut numbers = (0..self.words.len()).filter(|index| self.is_number(*index));
        let first = numbers.next().filter(|_| self.words.len() <= 4)?;
        match self.at(first, None) {
            Size::Of(_) if numbers.next().is_some() || self.words.len() > 3 => None,
            size => Some(size),
        }
    }
}

impl Size {
    /// The same, unless the number is larger than is believed.
    fn possible(self) -> Self {
        match self {
            Self::Of(count) if count > LARGEST => Self::Unclear(count.to_string()),
            size => size,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    GrownUps,
    Children,
}

fn group(word: &str) -> Option<Group> {
    match word {
        "persoane" | "persoana" | "oameni" | "insi" | "locuri" | "adulti" | "adult" | "people" | "persons"
        | "person" | "guests" | "seats" | "adults" | "pax" => Some(Group::GrownUps),
        "copii" | "copil" | "kids" | "kid" | "children" | "child" => Some(Group::Children),
        _ => None,
    }
}

/// `eu și soția`, `just me`.
fn couple(words: &[Word]) -> Option<Size> {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let has = |phrase: &[&str]| folded.windows(phrase.len()).any(|window| window == phrase);
    let partner =
        ["sotia", "sotul", "iubita", "iubitul", "prietena", "wife", "husband", "girlfriend", "boyfriend", "partner"];
    if partner.iter().any(|word| folded.contains(word))
        && (has(&["si"]) || has(&["and"]) || has(&["cu"]) || has(&["with"]))
    {
        return Some(Size::Of(2));
    }
    if has(&["just", "me"]) || has(&["doar", "eu"]) || has(&["numai", "eu"]) || folded.contains(&"singur") {
        return Some(Size::Of(1));
    }
    None
}

/// The most names of one person.
const MOST_NAMES: usize = 3;

/// The name after `pe numele`, `under the name`, `my name is`, as it was written.
pub fn name(words: &[Word]) -> Option<String> {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let announcements: [&[&str]; 7] = [
        &["pe", "numele"],
        &["pe", "nume"],
        &["numele", "meu", "este"],
        &["numele", "meu", "e"],
        &["the", "name"],
        &["name", "is"],
        &["name", "of"],
    ];
    let start = announcements.iter().find_map(|phrase| {
        folded.windows(phrase.len()).position(|window| window == *phrase).map(|at| at + phrase.len())
    })?;
    let start = start + usize::from(matches!(folded.get(start), Some(&"of" | &"is" | &"de")));
    let (mut name, mut parts) = (String::new(), 0);
    for word in words.iter().skip(start) {
        let tie = word.tie.filter(|_| !name.is_empty());
        let capital = word.written.chars().next().is_some_and(char::is_uppercase);
        if tie.is_none() && (!capital || parts == MOST_NAMES) {
            break;
        }
        match tie {
            Some(tie) => name.push(tie),
            None if name.is_empty() => parts += 1,
            None => {
                name.push(' ');
                parts += 1;
            }
        }
        name.push_str(&word.written);
    }
    if name.is_empty() { None } else { Some(name) }
}

#[cfg(test)]
mod tests;
