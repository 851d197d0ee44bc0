//! Times without a clock: `half past seven`, `noon`, `miezul nopții și jumătate`.

use super::{Found, Minutes, announces_hour, counted, either, exact, minutes};
use crate::calendar::{DayPart, word, word_before};
use crate::text::{Word, number};

/// Twelve, when it stands before `noon` or `midnight`.
const TWELVE: [&str; 8] = ["12", "24", "twelve", "00:00", "24:00", "0:00", "12:00", "12.00"];

/// `half past seven`, `ten to nine`, `quarter past midnight`, `12 midnight`.
pub(super) fn exact_minutes(words: &[Word], index: usize) -> Option<Found> {
    let hour_at = |at: usize| number(word(words, at)).filter(|hour| (1..=12).contains(hour) && !counted(words, at));
    let past = |at: usize, minutes: u32| match named(words, at) {
        Some(Named { midnight, last, .. }) => {
            Found::by_the_sun(exact(if midnight { 0 } else { 12 }, minutes), index, last, midnight)
        }
        None => Found::new(either(hour_at(at)?, minutes), index, at),
    };
    match word(words, index) {
        "half" if word(words, index + 1) == "past" => past(index + 2, 30),
        // The British form.
        "half" if announces_hour(words, index) => Found::new(either(hour_at(index + 1)?, 30), index, index + 1),
        twelve if TWELVE.contains(&twelve) && named(words, index + 1).is_some() => {
            midnight(words, index + 1).map(|found| Found { first: index, ..found })
        }
        minutes => {
            let minutes = match minutes {
                "quarter" => 15,
                other => number(other).filter(|minutes| matches!(minutes, 5 | 10 | 20 | 25))?,
            };
            let relation = index + 1 + usize::from(matches!(word(words, index + 1), "minutes"));
            let spelt = !word(words, index).starts_with(|first: char| first.is_ascii_digit());
            match word(words, relation) {
                "past" => past(relation + 1, minutes),
                // `From 5 to 9` and `for 10 to 12` are not times.
                "to" if (spelt && word_before(words, index, 1) != "for") || announces_hour(words, index) => {
                    match named(words, relation + 1) {
                        Some(Named { midnight, last, .. }) => {
                            Found::by_the_sun(exact(if midnight { 23 } else { 11 }, 60 - minutes), index, last, false)
                        }
                        None => {
                            let hour = hour_at(relation + 1)?;
                            Found::new(either((hour + 11) % 12, 60 - minutes), index, relation + 1)
                        }
                    }
                }
                _ => None,
            }
        }
    }
}

/// `noon`, `miezul nopții`, `miezul nopții și jumătate`, `miezul nopții fără un sfert`.
pub(super) fn midnight(words: &[Word], index: usize) -> Option<Found> {
    let Named { midnight, first, last } = named(words, index)?;
    if is_bound(words, first) {
        return None;
    }
    let twelve = |minute: u32| if midnight { exact(0, minute) } else { exact(12, minute) };
    let spoken = matches!(word(words, last + 1), "si" | "fara" | "jumatate" | "jumate");
    match minutes(words, last) {
        (Minutes::Spoken(minute) | Minutes::Counted(minute), end) if spoken => {
            Found::by_the_sun(twelve(minute), first, end, midnight)
        }
        // A quarter to midnight belongs to the day before midnight.
        (Minutes::Missing(minute), end) => {
            Found::by_the_sun(exact(if midnight { 23 } else { 11 }, 60 - minute), first, end, false)
        }
        _ => Found::by_the_sun(twelve(0), first, last, midnight),
    }
}

/// `Înainte de miezul nopții`, `after midnight`: no time, but the night. Returns the position of the word that says so.
pub(super) fn around_midnight(words: &[Word], index: usize) -> Option<(usize, DayPart)> {
    let named = named(words, index).filter(|named| named.midnight && is_bound(words, named.first))?;
    let of = usize::from(word_before(words, named.first, 1) == "de");
    Some((named.first.checked_sub(1 + of)?, DayPart::Night))
}

/// Whether the words only name a bound, before or after a time.
fn is_bound(words: &[Word], first: usize) -> bool {
    let before = |back: usize| word_before(words, first, back);
    let bounds = |word: &str| {
        matches!(
            word,
            "inainte"
                | "inaintea"
                | "dupa"
                | "pana"
                | "spre"
                | "catre"
                | "before"
                | "after"
                | "until"
                | "till"
                | "past"
                | "by"
        )
    };
    bounds(before(1)) || (matches!(before(1), "de" | "la" | "pe") && bounds(before(2)))
}

/// Noon or midnight by name.
struct Named {
    midnight: bool,
    first: usize,
    last: usize,
}

fn named(words: &[Word], index: usize) -> Option<Named> {
    let at = |midnight: bool, last: usize| Some(Named { midnight, first: index, last });
    match word(words, index) {
        "noon" | "midday" => at(false, index),
        "midnight" => at(true, index),
        "miezul" | "miezu" if word(words, index + 1).starts_with("nop") => at(true, index + 1),
        "miez" if word(words, index + 1) == "de" && word(words, index + 2).starts_with("noapte") => at(true, index + 2),
        _ => None,
    }
}
