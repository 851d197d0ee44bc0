//! Which day a message means.

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};

use super::{When, word, word_before};
use crate::language::Language;
use crate::text::{Word, number, number_or_article};

const MONTHS: [(&str, &str, &str); 12] = [
    ("ianuarie", "january", "jan"),
    ("februarie", "february", "feb"),
    ("martie", "march", "mar"),
    ("aprilie", "april", "apr"),
    ("mai", "may", "may"),
    ("iunie", "june", "jun"),
    ("iulie", "july", "jul"),
    ("august", "august", "aug"),
    ("septembrie", "september", "sep"),
    ("octombrie", "october", "oct"),
    ("noiembrie", "november", "nov"),
    ("decembrie", "december", "dec"),
];

const WEEKDAYS: [(Weekday, &str, &str, &str); 7] = [
    (Weekday::Monday, "luni", "lunea", "monday"),
    (Weekday::Tuesday, "marti", "martea", "tuesday"),
    (Weekday::Wednesday, "miercuri", "miercurea", "wednesday"),
    (Weekday::Thursday, "joi", "joia", "thursday"),
    (Weekday::Friday, "vineri", "vinerea", "friday"),
    (Weekday::Saturday, "sambata", "sambata", "saturday"),
    (Weekday::Sunday, "duminica", "duminica", "sunday"),
];

/// Finds the day and marks its words as used. The most explicit way of saying it wins, wherever it stands; a day that does
/// not exist is not replaced by a vaguer reading.
pub(super) fn read(words: &[Word], now: DateTime, when: &mut When) {
    let today = now.date();
    let ways: [&Way<'_>; 5] = [
        &|index, _| with_month(words, index, today),
        &|index, _| numeric(words, index, today),
        &|index, _| relative(words, index, today),
        &|index, when| weekday(words, index, now, when),
        &|index, _| day_of_month(words, index, today),
    ];
    let free: Vec<usize> = (0..words.len()).filter(|index| when.used.get(*index) == Some(&false)).collect();
    let found = ways.iter().find_map(|way| free.iter().find_map(|index| way(*index, when)));
    let Some(Found { date, first, last }) = found else { return };
    when.used.get_mut(first..=last).into_iter().flatten().for_each(|used| *used = true);
    when.date = date;
    if date.is_none() {
        let written = words.get(first..=last).unwrap_or_default().iter().map(|word| word.written.as_str());
        when.impossible = Some(written.collect::<Vec<_>>().join(" "));
    }
}

/// One way of naming a day, tried at a position.
type Way<'a> = dyn Fn(usize, &When) -> Option<Found> + 'a;

/// A day, or words that name one that does not exist.
struct Found {
    date: Option<Date>,
    first: usize,
    last: usize,
}

impl Found {
    fn new(date: Option<Date>, first: usize, last: usize) -> Option<Self> {
        Some(Self { date, first, last })
    }
}

fn later(today: Date, days: u32) -> Option<Date> {
    today.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// `azi`, `mâine`, `poimâine`, `peste două zile`, `in a week`, `the day after tomorrow`.
fn relative(words: &[Word], index: usize, today: Date) -> Option<Found> {
    match word(words, index) {
        "azi" | "astazi" | "today" | "tonight" | "diseara" => Found::new(Some(today), index, index),
        "asta" | "aceasta" if word_before(words, index, 1) == "seara" => Found::new(Some(today), index, index),
        "evening" | "afternoon" if word_before(words, index, 1) == "this" => Found::new(Some(today), index, index),
        "day" if (word(words, index + 1), word(words, index + 2)) == ("after", "tomorrow") => {
            Found::new(later(today, 2), index, index + 2)
        }
        "poimaine" => Found::new(later(today, 2), index, index),
        "maine" | "tomorrow" => Found::new(later(today, 1), index, index),
        "peste" | "in" | "within" => {
            let count = number_or_article(word(words, index + 1))?;
            let days = match word(words, index + 2) {
                "zi" | "zile" | "day" | "days" => count,
                "saptamana" | "saptamani" | "week" | "weeks" => count * 7,
                _ => return None,
            };
            Found::new(later(today, days), index, index + 2)
        }
        _ => None,
    }
}

/// `sâmbătă`, `joia viitoare`, `next friday`. Without `next` it is the nearest such day from today on.
fn weekday(words: &[Word], index: usize, now: DateTime, when: &When) -> Option<Found> {
    let name = word(words, index);
    let (weekday, ..) = WEEKDAYS
        .iter()
        .find(|(_, plain, articled, english)| name == *plain || name == *articled || name == *english)?;
    let today = now.date();
    let mut days = today.weekday().until(*weekday).unsigned_abs().into();
    let after = word(words, index + 1);
    let in_romanian = matches!(after, "viitoare" | "urmatoare" | "viitor" | "urmator");
    let in_english = word_before(words, index, 1) == "next";
    if in_romanian || in_english {
        // `Next Friday` said on a Monday is the one of next week, not the one four days off.
        let left_of_this_week = u32::from(today.weekday().to_monday_zero_offset().unsigned_abs());
        if days == 0 || left_of_this_week + days < 7 {
            days += 7;
        }
    } else if days == 0 && matches!(when.time, Some(super::Said::Exact(time)) if time <= now.time()) {
        days = 7;
    }
    Found::new(later(today, days), if in_english { index - 1 } else { index }, index + usize::from(in_romanian))
}

/// `25.12`, `25/12/2026`, `2026-12-25`.
fn numeric(words: &[Word], index: usize, today: Date) -> Option<Found> {
    let text = word(words, index);
    let separator = ['.', '/', '-'].into_iter().find(|separator| text.contains(*separator))?;
    let parts: Vec<&str> = text.split(separator).collect();
    let parse = |part: &str| part.parse::<i16>().ok();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => {
            Found::new(date(parse(year)?, parse(month)?, parse(day)?), index, index)
        }
        [day, month, year] => {
            let year = parse(year)?;
            let year = if year < 100 { year + 2000 } else { year };
            Found::new(date(year, parse(month)?, parse(day)?), index, index)
        }
        [day, month] if separator != '-' => {
            let (day, month) = (parse(day)?, parse(month)?);
            // `19.30` that was not taken for a time is no date either.
            if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
                return None;
            }
            Found::new(upcoming(today, month, day), index, index)
        }
        _ => None,
    }
}

/// `25 decembrie`, `december 25th`, `25th of december 2026`.
fn with_month(words: &[Word], index: usize, today: Date) -> Option<Found> {
    let month = month_number(word(words, index))?;
    let day_at = |at: usize| number(word(words, at)).filter(|day| (1..=31).contains(day));
    let ordinal = |at: usize| usize::from(matches!(word(words, at), "st" | "nd" | "rd" | "th"));
    let before = [1, 2, 3].into_iter().find_map(|back| {
        let at = index.checked_sub(back)?;
        let between = words.get(at + 1..index).unwrap_or_default();
        let only_fillers = between.iter().all(|word| matches!(word.folded.as_str(), "of" | "st" | "nd" | "rd" | "th"));
        if only_fillers { day_at(at).map(|day| (day, at, index)) } else { None }
    });
    let after = || day_at(index + 1).map(|day| (day, index, index + 1 + ordinal(index + 2)));
    let (day, first, last) = before.or_else(after)?;
    let (day, year) = (i16::try_from(day).ok()?, number(word(words, last + 1)).filter(|year| *year >= 2000));
    match year.and_then(|year| i16::try_from(year).ok()) {
        Some(year) => Found::new(date(year, month, day), first, last + 1),
        None => Found::new(upcoming(today, month, day), first, last),
    }
}

/// `pe 25`, `în data de 25`, `on the 25th`.
fn day_of_month(words: &[Word], index: usize, today: Date) -> Option<Found> {
    let day = number(word(words, index)).filter(|day| (1..=31).contains(day))?;
    let ordinal = matches!(word(words, index + 1), "st" | "nd" | "rd" | "th");
    let announced = word_before(words, index, 1) == "pe"
        || (word_before(words, index, 1), word_before(words, index, 2)) == ("de", "data");
    if !ordinal && !announced {
        return None;
    }
    let day = i8::try_from(day).ok()?;
    let this_month = Date::new(today.year(), today.month(), day).ok().filter(|date| *date >= today);
    let next_month = || {
        let first = today.first_of_month().checked_add(Span::new().months(1)).ok()?;
        Date::new(first.year(), first.month(), day).ok()
    };
    Found::new(this_month.or_else(next_month), index, index + usize::from(ordinal))
}

fn month_number(name: &str) -> Option<i16> {
    let position = MONTHS.iter().position(|(romanian, english, short)| {
        name == *romanian || name == *english || name == *short || (name == "sept" && *short == "sep")
    })?;
    i16::try_from(position + 1).ok()
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The next such day from today on.
fn upcoming(today: Date, month: i16, day: i16) -> Option<Date> {
    date(today.year(), month, day).filter(|date| *date >= today).or_else(|| {
        // The 29th of February may be years off; nobody books that early, so next year must have it.
        date(today.year() + 1, month, day)
    })
}

/// `sâmbătă, 28 noiembrie`, `Saturday, 28 November`.
pub fn day_name(date: Date, language: Language) -> String {
    format!("{}, {}", day_of_week_name(date.weekday(), language), short_date(date, language))
}

/// `sâmbătă`, `Saturday`.
pub fn day_of_week_name(weekday: Weekday, language: Language) -> &'static str {
    let (romanian, english) = match weekday {
        Weekday::Monday => ("luni", "Monday"),
        Weekday::Tuesday => ("marți", "Tuesday"),
        Weekday::Wednesday => ("miercuri", "Wednesday"),
        Weekday::Thursday => ("joi", "Thursday"),
        Weekday::Friday => ("vineri", "Friday"),
        Weekday::Saturday => ("sâmbătă", "Saturday"),
        Weekday::Sunday => ("duminică", "Sunday"),
    };
    match language {
        Language::Ro => romanian,
        Language::En => english,
    }
}

/// `28 noiembrie`, `28 November`.
pub fn short_date(date: Date, language: Language) -> String {
    let position = usize::from(date.month().unsigned_abs()) - 1;
    let (romanian, english, _) = MONTHS.get(position).copied().unwrap_or(("", "", ""));
    match language {
        Language::Ro => format!("{} {romanian}", date.day()),
        Language::En => {
            let mut letters = english.chars();
            let initial: String = letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter().collect();
            format!("{} {initial}{}", date.day(), letters.as_str())
        }
    }
}
