//! Which time a message means.

use jiff::Span;
use jiff::civil::{DateTime, Time};

use super::{DayPart, Said, When, word, word_before};
use crate::text::{Word, number, number_or_article};

/// `peste două ore`, `in half an hour`: day and time at once. True when it was said.
pub(super) fn from_now(words: &[Word], now: DateTime, when: &mut When) -> bool {
    for index in 0..words.len() {
        if !matches!(word(words, index), "peste" | "in" | "intr") {
            continue;
        }
        let half = ["jumatate", "half"].contains(&word(words, index + 1));
        let (minutes, last) = if half {
            let unit = (index + 2..index + 4).find(|at| matches!(word(words, *at), "ora" | "hour"));
            (unit.map(|_| 30), unit.unwrap_or(index))
        } else {
            let count = number_or_article(word(words, index + 1));
            let minutes = match word(words, index + 2) {
                "ora" | "ore" | "hour" | "hours" => count.map(|count| count * 60),
                "minut" | "minute" | "minutes" | "min" => count,
                _ => None,
            };
            (minutes, index + 2)
        };
        let Some(moment) = minutes.and_then(|minutes| now.checked_add(Span::new().minutes(i64::from(minutes))).ok())
        else {
            continue;
        };
        mark(when, index, last);
        when.date = Some(moment.date());
        when.time = Time::new(moment.hour(), moment.minute(), 0, 0).ok().map(Said::Exact);
        return true;
    }
    false
}

/// Finds the time and the part of the day, and marks their words as used.
pub(super) fn read(words: &[Word], when: &mut When) {
    when.part = (0..words.len()).find_map(|index| part(words, index));
    for index in 0..words.len() {
        let Some((said, first, last)) =
            spoken(words, index).or_else(|| clock(words, index)).or_else(|| hour(words, index))
        else {
            continue;
        };
        mark(when, first, last);
        when.time = Some(in_part(said, when.part));
        return;
    }
}

fn mark(when: &mut When, first: usize, last: usize) {
    when.used.get_mut(first..=last).into_iter().flatten().for_each(|used| *used = true);
}

fn part(words: &[Word], index: usize) -> Option<DayPart> {
    match word(words, index) {
        "dimineata" | "morning" => Some(DayPart::Morning),
        "pranz" | "pranzul" | "lunch" | "amiaza" | "amiezi" | "afternoon" => Some(DayPart::Afternoon),
        "diseara" | "tonight" | "evening" | "dinner" | "cina" => Some(DayPart::Evening),
        // `Bună seara` is a greeting and tells nothing about the table.
        "seara" if word_before(words, index, 1) != "buna" => Some(DayPart::Evening),
        "noaptea" | "night" => Some(DayPart::Night),
        _ => None,
    }
}

/// `noon`, `miezul nopții`.
fn spoken(words: &[Word], index: usize) -> Option<(Said, usize, usize)> {
    match word(words, index) {
        "noon" | "midday" => Some((exact(12, 0)?, index, index)),
        "midnight" => Some((exact(0, 0)?, index, index)),
        "miezul" if word(words, index + 1).starts_with("nop") => Some((exact(0, 0)?, index, index + 1)),
        "half" if word(words, index + 1) == "past" => {
            let hour = number(word(words, index + 2))?;
            Some((either(hour, 30)?, index, index + 2))
        }
        "quarter" if matches!(word(words, index + 1), "past" | "to") => {
            let hour = number(word(words, index + 2)).filter(|hour| (1..=12).contains(hour))?;
            let said = if word(words, index + 1) == "past" { either(hour, 15) } else { either((hour + 11) % 12, 45) };
            Some((said?, index, index + 2))
        }
        _ => None,
    }
}

/// `19:30`, `7:30 pm`, `19.30`, `19h30`, `7 pm`.
fn clock(words: &[Word], index: usize) -> Option<(Said, usize, usize)> {
    let text = word(words, index);
    let (hour, minute, last) = if let Some((hour, minute)) = text.split_once(':') {
        (digits(hour)?, two_digits(minute)?, index)
    } else if let Some((hour, minute)) = text.split_once('.') {
        // `19.30` is a time where a date would need a thirtieth month, or where the hour is announced.
        let minute = two_digits(minute)?;
        if (1..=12).contains(&minute) && !announces_hour(words, index) {
            return None;
        }
        (digits(hour)?, minute, index)
    } else if word(words, index + 1) == "h" {
        match two_digits(word(words, index + 2)) {
            Some(minute) => (digits(text)?, minute, index + 2),
            None => (digits(text)?, 0, index + 1),
        }
    } else {
        let hour = number(text)?;
        let half_of_day = matches!(word(words, index + 1), "am" | "pm");
        if !half_of_day {
            return None;
        }
        (hour, 0, index)
    };
    match word(words, last + 1) {
        "pm" if (1..=12).contains(&hour) => Some((exact(hour % 12 + 12, minute)?, index, last + 1)),
        "am" if (1..=12).contains(&hour) => Some((exact(hour % 12, minute)?, index, last + 1)),
        // A clock of two digits (`08:30`) or past noon means what it says; `8:30` may be the evening.
        _ if text.starts_with('0') || hour >= 12 => Some((exact(hour, minute)?, index, last)),
        _ => Some((either(hour, minute)?, index, last)),
    }
}

/// `la 8`, `ora 20`, `at 8 o'clock`, `la 7 și jumătate`, `8 seara`.
fn hour(words: &[Word], index: usize) -> Option<(Said, usize, usize)> {
    let hour = number(word(words, index)).filter(|hour| *hour <= 24)?;
    let next = word(words, index + 1);
    let followed_by_part = matches!(next, "seara" | "dimineata" | "noaptea")
        || (next == "dupa" && word(words, index + 2).starts_with("ami"))
        || (next == "o" && word(words, index + 2) == "clock")
        || ((next, word(words, index + 2)) == ("in", "the"));
    let counts_something = counts(next) || (next == "de" && counts(word(words, index + 2)));
    if counts_something || !(announces_hour(words, index) || followed_by_part) {
        return None;
    }
    let (minute, last) = match (next, word(words, index + 2), word(words, index + 3)) {
        ("si", "jumatate", _) => (30, index + 2),
        ("si", "un", "sfert") => (15, index + 3),
        ("si", minutes, _) if number(minutes).is_some_and(|minutes| (1..60).contains(&minutes)) => {
            (number(minutes)?, index + 2)
        }
        ("o", "clock", _) => (0, index + 2),
        _ => (0, index),
    };
    let hour = if hour == 24 { 0 } else { hour };
    let said = if hour == 0 || hour >= 12 { exact(hour, minute)? } else { either(hour, minute)? };
    Some((said, index, last))
}

/// Whether the word after a number says that it counts something else than hours.
fn counts(word: &str) -> bool {
    matches!(
        word,
        "persoane"
            | "persoana"
            | "oameni"
            | "locuri"
            | "insi"
            | "adulti"
            | "copii"
            | "people"
            | "persons"
            | "guests"
            | "seats"
            | "adults"
            | "kids"
            | "children"
            | "of"
            | "zile"
            | "days"
            | "saptamani"
            | "weeks"
            | "luni"
            | "months"
            | "th"
            | "st"
            | "nd"
            | "rd"
            | "lei"
            | "ron"
            | "euro"
    )
}

fn announces_hour(words: &[Word], index: usize) -> bool {
    match word_before(words, index, 1) {
        "ora" | "orele" | "at" | "around" | "by" | "after" => true,
        // `la 4` is a time, `de la 4` too, but `masa de la 4` or `la masa 4` is not worth guessing.
        "la" | "dupa" | "pe" => word_before(words, index, 1) != "pe" || word_before(words, index, 2) == "la",
        "jur" | "de" => word_before(words, index, 2) == "in" || word_before(words, index, 2) == "jur",
        _ => false,
    }
}

/// Of two possible times the one in the part of the day, as far as it tells.
fn in_part(said: Said, part: Option<DayPart>) -> Said {
    let (Said::Either(morning), Some(part)) = (said, part) else { return said };
    let evening = super::later_by_half_a_day(morning);
    let takes_evening = match part {
        DayPart::Morning => false,
        DayPart::Afternoon => morning.hour() < 8,
        DayPart::Evening => true,
        DayPart::Night => morning.hour() >= 7,
    };
    Said::Exact(if takes_evening { evening } else { morning })
}

fn exact(hour: u32, minute: u32) -> Option<Said> {
    time(hour, minute).map(Said::Exact)
}

fn either(hour: u32, minute: u32) -> Option<Said> {
    let time = time(hour, minute)?;
    Some(if time.hour() < 12 { Said::Either(time) } else { Said::Exact(time) })
}

fn time(hour: u32, minute: u32) -> Option<Time> {
    let hour = if hour == 24 && minute == 0 { 0 } else { hour };
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()
}

fn digits(text: &str) -> Option<u32> {
    if text.len() <= 2 { number(text) } else { None }
}

fn two_digits(text: &str) -> Option<u32> {
    let value = if text.len() == 2 { number(text)? } else { return None };
    if value < 60 { Some(value) } else { None }
}
