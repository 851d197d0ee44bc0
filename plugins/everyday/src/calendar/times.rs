//! Finds the time in a message.

mod spoken;

use jiff::Span;
use jiff::civil::{DateTime, Time};

use super::{DayPart, Said, When, word, word_before};
use crate::text::{Word, number, number_or_article};

/// `peste două ore`, `in half an hour`: day and time at once. True when the message has such words.
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

/// The reading of a time, in addition to [`When`].
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// It ends the named day: `24:00`, `miezul nopții`, `12 noaptea`.
    pub(super) ends_day: bool,
    /// The words of the time.
    pub(super) time: Option<(usize, usize)>,
    /// The word of the part of the day.
    pub(super) part: Option<usize>,
}

/// One form of naming a time, tried at a position.
type Way = fn(&[Word], usize) -> Option<Found>;

/// A time at a position.
struct Found {
    said: Option<Said>,
    first: usize,
    last: usize,
    ends_day: bool,
    /// `noon` and `midnight` say which twelve they mean.
    by_the_sun: bool,
}

impl Found {
    fn new(said: Option<Said>, first: usize, last: usize) -> Option<Self> {
        Some(Self { said: Some(said?), first, last, ends_day: false, by_the_sun: false })
    }

    /// Words that look like a time but are none.
    fn impossible(first: usize, last: usize) -> Option<Self> {
        Some(Self { said: None, first, last, ends_day: false, by_the_sun: false })
    }

    fn by_the_sun(said: Option<Said>, first: usize, last: usize, ends_day: bool) -> Option<Self> {
        Some(Self { said: Some(said?), first, last, ends_day, by_the_sun: true })
    }

    /// An hour of a clock: from 24 on it belongs to the night that ends the day.
    fn clock(hour: u32, minute: u32, exact_hour: bool, first: usize, last: usize) -> Option<Self> {
        match hour {
            24 => Some(Self { ends_day: true, ..Self::new(exact(0, minute), first, last)? }),
            _ if exact_hour => Self::new(exact(hour, minute), first, last),
            _ => Self::new(either(hour, minute), first, last),
        }
    }
}

/// Finds the time and the part of the day, and marks their words as used. The most explicit form of a time wins,
/// wherever it is: the clock in `2 diseară la 20:00` and in `23:00, înainte de miezul nopții`.
pub(super) fn read(words: &[Word], when: &mut When) -> Heard {
    let part = (0..words.len()).find_map(|index| part(words, index).map(|part| (index, part)));
    let part = part.or_else(|| (0..words.len()).find_map(|index| spoken::around_midnight(words, index)));
    when.part = part.map(|(_, part)| part);
    let ways: [Way; 5] = [spoken::exact_minutes, clock, spoken::midnight, announced_hour, hour_in_part];
    let found = ways.iter().find_map(|way| (0..words.len()).find_map(|index| way(words, index)));
    let mut heard = Heard { part: part.map(|(index, _)| index), ..Heard::default() };
    let Some(Found { said, first, last, mut ends_day, by_the_sun }) = found else { return heard };
    mark(when, first, last);
    match said {
        None => when.impossible_time = Some(written(words, first, last)),
        Some(said) => {
            // Twelve at night is midnight, and not noon.
            let noon = matches!(said, Said::Exact(time) if time.hour() == 12);
            let at_night = matches!(when.part, Some(DayPart::Evening | DayPart::Night));
            let by_the_sun = by_the_sun || ["pm", "am"].contains(&word(words, last));
            if noon && at_night && !by_the_sun {
                ends_day = true;
                when.time = Some(said.half_a_day_on());
            } else {
                when.time = Some(in_part(said, when.part));
            }
        }
    }
    heard.ends_day = ends_day;
    heard.time = Some((first, last));
    heard
}

/// Words as they were written.
pub(super) fn written(words: &[Word], first: usize, last: usize) -> String {
    let words = words.get(first..=last).unwrap_or_default().iter().map(|word| word.written.as_str());
    words.collect::<Vec<_>>().join(" ")
}

fn mark(when: &mut When, first: usize, last: usize) {
    when.used.get_mut(first..=last).into_iter().flatten().for_each(|used| *used = true);
}

fn part(words: &[Word], index: usize) -> Option<DayPart> {
    // `Bună seara` is a greeting and says nothing about the time of the booking.
    let greets = word_before(words, index, 1) == "buna" || word_before(words, index, 1) == "good";
    match word(words, index) {
        _ if greets => None,
        "dimineata" | "morning" => Some(DayPart::Morning),
        "pranz" | "pranzul" | "lunch" | "amiaza" | "amiezi" | "afternoon" => Some(DayPart::Afternoon),
        "diseara" | "tonight" | "evening" | "dinner" | "cina" | "seara" => Some(DayPart::Evening),
        "noapte" if word(words, index + 1) == "buna" || word_before(words, index, 2) == "miez" => None,
        "noaptea" | "night" | "noapte" => Some(DayPart::Night),
        _ => None,
    }
}

/// `19:30`, `7:30 pm`, `19.30`, `19h30`, `7 pm`; the beginning of `19:00-21:00`. Impossible clock times are found too.
fn clock(words: &[Word], index: usize) -> Option<Found> {
    let text = word(words, index);
    let text = text.split_once('-').map_or(
        text,
        |(from, until)| {
            if from.contains(':') && until.contains(':') { from } else { text }
        },
    );
    let (hour, minute, last) = if let Some((hour, minute)) = text.split_once(':') {
        let (Some(hour), Some(minute)) = (digits(hour), two_digits(minute)) else { return no_clock(text, index) };
        (hour, minute, index)
    } else if let Some((hour, minute)) = text.split_once(['.', ',']) {
        // `19.30` is a time where a date would need a thirtieth month, or where the hour is announced.
        let minute = two_digits(minute)?;
        let announced = announces_hour(words, index);
        let hour = digits(hour)?;
        let no_time = (1..=12).contains(&minute) || text.contains(',') || hour > 24;
        if (no_time && !announced) || counted(words, index) {
            return None;
        }
        (hour, minute, index)
    } else if matches!(word(words, index + 1), "h" | "hrs") {
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
        "pm" if (1..=12).contains(&hour) => Found::new(exact(hour % 12 + 12, minute), index, last + 1),
        "am" if (1..=12).contains(&hour) => Found::new(exact(hour % 12, minute), index, last + 1),
        _ if hour > 24 => Found::impossible(index, last),
        // A time with two digits (`08:30`) or past noon is unambiguous; `8:30` may be in the evening.
        _ => Found::clock(hour, minute, text.starts_with('0') || hour >= 12, index, last),
    }
}

/// Digits with a colon that are not a time: `25:99`.
fn no_clock(text: &str, index: usize) -> Option<Found> {
    let looks_like_one = text.len() <= 5 && text.bytes().filter(|byte| *byte == b':').count() == 1;
    if looks_like_one { Found::impossible(index, index) } else { None }
}

/// `la 8`, `ora 20`, `at 8 o'clock`, `la 7 și jumătate`.
fn announced_hour(words: &[Word], index: usize) -> Option<Found> {
    if announces_hour(words, index) { hour(words, index) } else { None }
}

/// `8 seara`, `8 in the evening`, `8 o'clock`, `8 jumate`, `9 fără un sfert`.
fn hour_in_part(words: &[Word], index: usize) -> Option<Found> {
    let (next, second) = (word(words, index + 1), word(words, index + 2));
    let followed = matches!(next, "seara" | "dimineata" | "noaptea" | "diseara")
        || (next == "dupa" && second.starts_with("ami"))
        || (next == "in" && second == "the" && part(words, index + 3).is_some())
        || ((next, second) == ("at", "night"));
    let exact = (next == "o" && second == "clock")
        || matches!(minutes(words, index).0, Minutes::Spoken(_) | Minutes::Missing(_));
    // `Masă pentru 2 diseară` has no hour, unless other words say how many guests come: `masă pentru 8 seara, 4
    // persoane`.
    let other = |at: usize| at != index && number(word(words, at)).is_some() && counts_people(words, at);
    let of_people = counts_party(words, index) && !(0..words.len()).any(other);
    if (followed || exact) && !of_people { hour(words, index) } else { None }
}

/// Whether the words announce the number at a position as one of people.
fn counts_party(words: &[Word], index: usize) -> bool {
    match word_before(words, index, 1) {
        "pentru" | "for" | "suntem" | "fim" | "fi" | "be" => true,
        "de" | "of" => matches!(word_before(words, index, 2), "masa" | "grup" | "party" | "table" | "group"),
        _ => false,
    }
}

/// An hour and its minutes, in every form.
fn hour(words: &[Word], index: usize) -> Option<Found> {
    let hour = number(word(words, index)).filter(|_| !counted(words, index))?;
    let (minute, last) = minutes(words, index);
    if hour > 24 {
        let announced = matches!(word_before(words, index, 1), "ora" | "orele");
        return if announced { Found::impossible(index, last) } else { None };
    }
    let (hour, minute) = match minute {
        Minutes::None => (hour, 0),
        Minutes::Counted(minutes) | Minutes::Spoken(minutes) => (hour, minutes),
        Minutes::Missing(minutes) => {
            let said = if hour > 12 { exact(hour - 1, 60 - minutes) } else { either((hour + 11) % 12, 60 - minutes) };
            return Found::new(said, index, last);
        }
    };
    Found::clock(hour, minute, hour == 0 || hour >= 12, index, last)
}

/// What follows an hour.
enum Minutes {
    None,
    /// `19 și 30`, `nouăsprezece treizeci`.
    Counted(u32),
    /// `și jumătate`, `jumate`, `și un sfert`.
    Spoken(u32),
    /// `fără un sfert`, `fără zece`.
    Missing(u32),
}

fn minutes(words: &[Word], index: usize) -> (Minutes, usize) {
    let at = |ahead: usize| word(words, index + ahead);
    let counted_at = |ahead: usize, range: std::ops::Range<u32>| {
        let month = super::dates::is_month(at(ahead + 1));
        number(at(ahead)).filter(|minutes| range.contains(minutes) && !counted(words, index + ahead) && !month)
    };
    // `Și 30 de minute` ends with the minutes.
    let end = |ahead: usize| match (at(ahead + 1), at(ahead + 2)) {
        ("minute" | "minutes" | "min", _) => index + ahead + 1,
        ("de", "minute") => index + ahead + 2,
        _ => index + ahead,
    };
    match (at(1), at(2), at(3)) {
        ("jumate" | "jumatate", ..) => (Minutes::Spoken(30), index + 1),
        ("si", "jumatate" | "jumate" | "juma", _) => (Minutes::Spoken(30), index + 2),
        ("si", "un", "sfert") => (Minutes::Spoken(15), index + 3),
        ("si", "sfert", _) => (Minutes::Spoken(15), index + 2),
        ("fara", "un", "sfert") => (Minutes::Missing(15), index + 3),
        ("fara", "sfert", _) => (Minutes::Missing(15), index + 2),
        ("o", "clock", _) => (Minutes::None, index + 2),
        ("fara", ..) => {
            counted_at(2, 1..31).map_or((Minutes::None, index), |minutes| (Minutes::Missing(minutes), end(2)))
        }
        ("si", ..) => {
            counted_at(2, 1..60).map_or((Minutes::None, index), |minutes| (Minutes::Counted(minutes), end(2)))
        }
        _ => counted_at(1, 10..60).map_or((Minutes::None, index), |minutes| (Minutes::Counted(minutes), end(1))),
    }
}

/// Whether the number at a position counts something other than hours.
pub(super) fn counted(words: &[Word], index: usize) -> bool {
    let next = word(words, index + 1);
    counts(next) || (next == "de" && counts(word(words, index + 2)))
}

/// Whether the number at a position counts people.
fn counts_people(words: &[Word], index: usize) -> bool {
    let of = usize::from(word(words, index + 1) == "de");
    is_people(word(words, index + 1 + of))
}

fn is_people(word: &str) -> bool {
    matches!(
        word,
        "persoane"
            | "persoana"
            | "oameni"
            | "locuri"
            | "insi"
            | "adulti"
            | "copii"
            | "copil"
            | "adult"
            | "person"
            | "pax"
            | "people"
            | "persons"
            | "guests"
            | "seats"
            | "adults"
            | "kids"
            | "children"
    )
}

/// Whether the word after a number shows that the number counts something other than hours.
fn counts(word: &str) -> bool {
    is_people(word)
        || matches!(
            word,
            "of" | "zile"
                | "days"
                | "saptamani"
                | "weeks"
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
        // `la 4` is a time, `de la 4` too, but `masa de la 4` or `la masa 4` is ambiguous and not read.
        "la" | "dupa" | "pe" => word_before(words, index, 1) != "pe" || word_before(words, index, 2) == "la",
        "jur" | "de" => word_before(words, index, 2) == "in" || word_before(words, index, 2) == "jur",
        _ => false,
    }
}

/// Of two possible times the one in the part of the day, if it decides.
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
