//! Days and times in everyday language: `mâine la 8 seara`, `peste două zile`, `on the 25th at 7:30 pm`.

mod dates;
mod times;

use jiff::civil::{Date, DateTime, Time};

use crate::text::{Word, words};

pub use dates::{day_name, day_of_week_name, night_name, short_date};

/// The part of the day that a message names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DayPart {
    /// `dimineața`, `in the morning`.
    Morning,
    /// `la prânz`, `după-amiază`, `in the afternoon`.
    Afternoon,
    /// `seara`, `diseară`, `tonight`.
    Evening,
    /// `noaptea`, `at night`.
    Night,
}

/// A time as it was said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Said {
    /// The time is unambiguous.
    Exact(Time),
    /// `la 8`: this or twelve hours later.
    Either(Time),
}

/// The day and time of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The day, when it names one that exists.
    pub date: Option<Date>,
    /// The time, when it names one.
    pub time: Option<Said>,
    /// The part of the day, when it names one.
    pub part: Option<DayPart>,
    /// The time belongs to the night that follows the day named: `vineri la 24:00`, `vineri noaptea`, `diseară`. An
    /// hour after midnight then has the next day's date, see [`moment`].
    pub late: bool,
    /// A day that does not exist, as it was written (`30 februarie`, or a date with the wrong day of the week).
    pub impossible: Option<String>,
    /// A time that does not exist, as it was written (`25:00`).
    pub impossible_time: Option<String>,
    /// Which words were read as day or time, so that other rules do not read them as something else.
    pub used: Vec<bool>,
}

/// Reads day and time out of a message. `now` is the local time at the place.
pub fn read(text: &str, now: DateTime) -> When {
    read_words(&words(text), now)
}

/// Reads day and time out of words.
pub fn read_words(words: &[Word], now: DateTime) -> When {
    let mut when = When { used: vec![false; words.len()], ..When::default() };
    if times::from_now(words, now, &mut when) {
        return when;
    }
    let heard = times::read(words, &mut when);
    when.late = heard.ends_day;
    let day = dates::read(words, now, &mut when);
    when.late |= dates::names_the_night(words, day, &heard, now, &when);
    when
}

/// The hour before which a night still belongs to the evening that it began in.
const DAWN: i8 = 6;

/// The moment of a day and a time: an hour after midnight that belongs to the night after the day is on the next day.
pub fn moment(day: Date, time: Time, late: bool) -> DateTime {
    let date = if late && is_after_midnight(time) { day.tomorrow().unwrap_or(day) } else { day };
    date.to_datetime(time)
}

/// Whether a time belongs to a night that began on the day before.
pub fn is_after_midnight(time: Time) -> bool {
    time.hour() < DAWN
}

impl When {
    /// Whether an hour after midnight is named with a day but without saying which of its two nights: `vineri la două
    /// noaptea` is on Friday by the calendar, but many people mean the night that follows.
    pub fn is_of_either_night(&self) -> bool {
        let after_midnight =
            matches!(self.time, Some(Said::Exact(time) | Said::Either(time)) if is_after_midnight(time));
        after_midnight && !self.late && self.part == Some(DayPart::Night)
    }

    /// Whether a message names a day or time, possible or not.
    pub fn says_something(&self) -> bool {
        let possible = self.date.is_some() || self.time.is_some() || self.part.is_some();
        possible || self.impossible.is_some() || self.impossible_time.is_some()
    }
}

impl Said {
    /// Twelve hours later: the meaning of `12` at night.
    fn half_a_day_on(self) -> Self {
        match self {
            Self::Exact(time) | Self::Either(time) => Self::Exact(later_by_half_a_day(time)),
        }
    }

    /// The meant time: of two, the one in the named part of the day, else the one that `fits`, else the later one,
    /// because tables are booked for the evening.
    pub fn resolve(self, fits: impl Fn(Time) -> bool) -> Time {
        match self {
            Self::Exact(time) => time,
            Self::Either(morning) => {
                let evening = later_by_half_a_day(morning);
                if !fits(evening) && fits(morning) { morning } else { evening }
            }
        }
    }
}

fn later_by_half_a_day(time: Time) -> Time {
    Time::new((time.hour() + 12) % 24, time.minute(), 0, 0).unwrap_or(time)
}

/// The words at a position and after it.
fn word(words: &[Word], index: usize) -> &str {
    words.get(index).map_or("", |word| word.folded.as_str())
}

/// The word before a position.
fn word_before(words: &[Word], index: usize, back: usize) -> &str {
    index.checked_sub(back).map_or("", |index| word(words, index))
}

#[cfg(test)]
mod tests;
