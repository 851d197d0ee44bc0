//! Days and times as people say them: `mâine la 8 seara`, `peste două zile`, `on the 25th at 7:30 pm`.

mod dates;
mod times;

use jiff::civil::{Date, DateTime, Time};

use crate::text::{Word, words};

pub use dates::{day_name, day_of_week_name, short_date};

/// The part of the day that a message speaks of.
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
    /// It can only mean this.
    Exact(Time),
    /// `la 8`: this or twelve hours later.
    Either(Time),
}

/// What a message says about when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The day, when it names one that exists.
    pub date: Option<Date>,
    /// The time, when it names one.
    pub time: Option<Said>,
    /// The part of the day, when it names one.
    pub part: Option<DayPart>,
    /// A day that does not exist, as it was written (`30 februarie`).
    pub impossible: Option<String>,
    /// Which words were read as day or time, so that nobody reads them as something else.
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
    times::read(words, &mut when);
    dates::read(words, now, &mut when);
    when
}

impl Said {
    /// The time that is meant: of two, the one in the part of the day spoken of, else the one that `fits`, else the later,
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
