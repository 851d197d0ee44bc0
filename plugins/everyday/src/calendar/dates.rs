//! Which day a message means.

use jiff::Span;
use jiff::civil::{Date, DateTime, Weekday};

use super::{DayPart, When, times, word, word_before};
use crate::language::Language;
use crate::text::{Word, is_numeric, number, number_or_article};

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

/// Finds the day and marks its words as used; returns their position. The most explicit form wins, wherever it is; a
/// day that does not exist is not replaced by a vaguer reading.
pub(super) fn read(words: &[Word], now: DateTime, when: &mut When) -> Option<(usize, usize)> {
    let today = now.date();
    let in_words = |when: &When| {
        (0..words.len())
            .any(|index| relative(words, index, today).or_else(|| weekday(words, index, now, when)).is_some())
    };
    let ways: [&Way<'_>; 5] = [
        &|index, _| with_month(words, index, today),
        // `Pentru 2.5` beside a day in words is an invalid number of guests.
        &|index, when| numeric(words, index, today).filter(|_| !(counts_guests(words, index) && in_words(when))),
        &|index, _| relative(words, index, today),
        &|index, when| weekday(words, index, now, when),
        &|index, _| day_of_month(words, index, today),
    ];
    let free: Vec<usize> = (0..words.len()).filter(|index| when.used.get(*index) == Some(&false)).collect();
    let found = ways.iter().find_map(|way| free.iter().find_map(|index| way(*index, when)));
    let Found { date, first, last } = contradicted(found?, words);
    when.used.get_mut(first..=last).into_iter().flatten().for_each(|used| *used = true);
    when.date = date;
    if date.is_none() {
        when.impossible = Some(times::written(words, first, last));
    }
    Some((first, last))
}

/// A date beside the name of another day of the week, as in `sâmbătă, 27 noiembrie` of a Friday, does not exist.
fn contradicted(found: Found, words: &[Word]) -> Found {
    let Found { date: Some(date), first, last } = found else { return found };
    let named = |index: Option<usize>| {
        let index = index?;
        day_of_week(word(words, index)).map(|named| (named, index))
    };
    let filler = |index: &usize| matches!(word(words, *index), "pe" | "in" | "data" | "de" | "on" | "the");
    let before = (0..first).rev().find(|index| !filler(index));
    match named(before).or_else(|| named(Some(last + 1))) {
        Some((named, index)) if named != date.weekday() && !(first..=last).contains(&index) => {
            let is_numbered = words.get(first..=last).unwrap_or_default().iter().any(|word| is_numeric(&word.folded));
            let date = if is_numbered { None } else { Some(date) };
            Found { date, first: first.min(index), last: last.max(index) }
        }
        _ => Found { date: Some(date), first, last },
    }
}

/// Whether an hour after midnight belongs to the night after the day: the evening or night is said of the day itself
/// (`vineri noaptea`, `noaptea de vineri spre sâmbătă`, `diseară`), or of today when that hour of today is over.
pub(super) fn names_the_night(
    words: &[Word],
    day: Option<(usize, usize)>,
    heard: &times::Heard,
    now: DateTime,
    when: &When,
) -> bool {
    let Some((first, last)) = day else { return false };
    let is_today = when.date == Some(now.date());
    if is_today && now.hour() < super::DAWN {
        return false;
    }
    let towards_another = matches!(word(words, last + 1), "spre") && day_of_week(word(words, last + 2)).is_some();
    let Some(part) = heard.part.filter(|_| matches!(when.part, Some(DayPart::Evening | DayPart::Night))) else {
        return towards_another;
    };
    let of_the_hour = heard.time.is_some_and(|(_, last)| part == last + 1);
    let binds = matches!(word(words, part + 1), "de" | "of" | "from" | "dintre" | "between");
    let of_the_day =
        (first..=last).contains(&part) || part == last + 1 || part + 1 == first || (part + 2 == first && binds);
    towards_another || is_today || (of_the_day && !of_the_hour)
}

/// Whether the words announce a number of guests.
fn counts_guests(words: &[Word], index: usize) -> bool {
    matches!(word_before(words, index, 1), "pentru" | "for" | "suntem" | "fim")
        || (matches!(word_before(words, index, 1), "de" | "of")
            && matches!(word_before(words, index, 2), "masa" | "table" | "party" | "grup" | "group"))
}

fn day_of_week(name: &str) -> Option<Weekday> {
    let known = WEEKDAYS.iter().find(|(_, plain, articled, english)| [*plain, *articled, *english].contains(&name));
    known.map(|(weekday, ..)| *weekday)
}

/// One form of naming a day, tried at a position.
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
    let weekday = day_of_week(word(words, index))?;
    // `Sâmbătă nu, vineri` and `not Saturday but Friday` name the wanted day beside an unwanted one.
    let pauses = |at: usize| words.get(at).is_some_and(|word| word.pause);
    let is_no = |word: &str| matches!(word, "nu" | "not");
    let refused = |at: usize| {
        (is_no(word(words, at + 1)) && !pauses(at + 1)) || (is_no(word_before(words, at, 1)) && !pauses(at))
    };
    let wanted = |at: usize| day_of_week(word(words, at)).is_some() && !refused(at);
    if refused(index) && (0..words.len()).any(wanted) {
        return None;
    }
    let today = now.date();
    let mut days = today.weekday().until(weekday).unsigned_abs().into();
    let after = word(words, index + 1);
    let in_romanian = matches!(after, "viitoare" | "urmatoare" | "viitor" | "urmator");
    let in_english = word_before(words, index, 1) == "next";
    if in_romanian || in_english {
        // `Next Friday` on a Monday is in the next week, not four days away.
        let left_of_this_week = u32::from(today.weekday().to_monday_zero_offset().unsigned_abs());
        if days == 0 || left_of_this_week + days < 7 {
            days += 7;
        }
    } else if days == 0 && is_over(words, index, now, when) {
        days = 7;
    }
    Found::new(later(today, days), if in_english { index - 1 } else { index }, index + usize::from(in_romanian))
}

/// Whether the named time is over today. An hour after midnight may belong to the coming night.
fn is_over(words: &[Word], index: usize, now: DateTime, when: &When) -> bool {
    let Some(super::Said::Exact(time)) = when.time else { return false };
    let night = matches!(when.part, Some(DayPart::Evening | DayPart::Night));
    let to_come = time.hour() < super::DAWN && (night || when.late || word(words, index + 1) == "spre");
    time <= now.time() && !to_come
}

/// `25.12`, `25/12/2026`, `2026-12-25`.
fn numeric(words: &[Word], index: usize, today: Date) -> Option<Found> {
    let text = word(words, index);
    if times::counted(words, index) || text.starts_with('-') {
        return None;
    }
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
            // `19.30` that was not read as a time is not a date either.
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
    let month = month_number(word(words, index)).filter(|_| !is_more(words, index))?;
    // A 32nd of December is a day that does not exist, and not a number of guests.
    let of_people =
        |at: usize| times::counted(words, at) && !matches!(word(words, at + 1), "st" | "nd" | "rd" | "th" | "of");
    let day_at = |at: usize| number(word(words, at)).filter(|day| *day < 100 && !of_people(at));
    let ordinal = |at: usize| usize::from(matches!(word(words, at), "st" | "nd" | "rd" | "th"));
    let before = [1, 2, 3].into_iter().find_map(|back| {
        let at = index.checked_sub(back)?;
        let between = words.get(at + 1..index).unwrap_or_default();
        let only_fillers = between.iter().all(|word| matches!(word.folded.as_str(), "of" | "st" | "nd" | "rd" | "th"));
        if only_fillers { day_at(at).map(|day| (day, at, index)) } else { None }
    });
    let after = || {
        let day = day_at(index + 1).filter(|day| (1..=31).contains(day))?;
        Some((day, index, index + 1 + ordinal(index + 2)))
    };
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

/// `Mai` is May, and `more`: `4 mai devreme`, `mai mulți`.
fn is_more(words: &[Word], index: usize) -> bool {
    let next = word(words, index + 1);
    let compared = ["mult", "putin", "tarziu", "devreme", "bine", "mare", "mic", "departe", "aproape", "incolo"];
    word(words, index) == "mai" && compared.iter().any(|stem| next.starts_with(stem))
}

/// Whether a word names a month.
pub(super) fn is_month(name: &str) -> bool {
    month_number(name).is_some()
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
        // The next 29th of February may be years away; people do not book that early, so only this and the next year
        // count.
        date(today.year() + 1, month, day)
    })
}

/// `sâmbătă, 28 noiembrie`, `Saturday, 28 November`.
pub fn day_name(date: Date, language: Language) -> String {
    format!("{}, {}", day_of_week_name(date.weekday(), language), short_date(date, language))
}

/// The night that begins on a day: `noaptea de vineri spre sâmbătă`, `the night from Friday to Saturday`.
pub fn night_name(begins: Date, language: Language) -> String {
    let (from, to) = (begins.weekday(), begins.weekday().next());
    let (from, to) = (day_of_week_name(from, language), day_of_week_name(to, language));
    match language {
        Language::Ro => format!("noaptea de {from} spre {to}"),
        Language::En => format!("the night from {from} to {to}"),
    }
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
