//! The opening hours of a place: per weekday, with special days, also past midnight.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Span;
use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::Deserialize;
use serde::de::Error as _;

const DAY: u32 = 24 * 60;

/// A period of opening, in minutes since the midnight that begins its day; past midnight the minutes go beyond 1,440.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// The first minute.
    pub from: u32,
    /// The minute after the last.
    pub until: u32,
}

/// The usual week, from the setting `hours`. A day without an entry is closed; a misspelt day is an error.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Week {
    #[serde(default)]
    monday: Vec<Window>,
    #[serde(default)]
    tuesday: Vec<Window>,
    #[serde(default)]
    wednesday: Vec<Window>,
    #[serde(default)]
    thursday: Vec<Window>,
    #[serde(default)]
    friday: Vec<Window>,
    #[serde(default)]
    saturday: Vec<Window>,
    #[serde(default)]
    sunday: Vec<Window>,
}

/// The usual week and the days that differ: `2026-12-31` once, `12-25` every year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    /// The usual week.
    pub week: Week,
    /// The days that differ.
    pub special_days: BTreeMap<String, Vec<Window>>,
}

/// A moment of service: the day whose evening it belongs to, and its minute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Service {
    /// The day that the service began on.
    pub day: Date,
    /// Minutes since that day's midnight; past the next midnight it goes beyond 1,440.
    pub minute: u32,
    /// The period of opening that it falls into.
    pub window: Window,
}

/// Whether the place is open at a moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Now {
    /// Open until a time.
    OpenUntil(Time),
    /// Closed, and opens later the same day.
    OpensAt(Time),
    /// Closed for the rest of the day.
    Closed,
}

impl Hours {
    /// The first key of a special day that is not a valid day, if there is one.
    pub fn misspelt_day(&self) -> Option<&str> {
        let is_day = |key: &str| key.parse::<Date>().is_ok() || format!("2024-{key}").parse::<Date>().is_ok();
        self.special_days.keys().map(String::as_str).find(|key| !is_day(key))
    }

    /// The periods of opening that begin on a day.
    pub fn on(&self, day: Date) -> &[Window] {
        let once = format!("{day}");
        let every_year = format!("{:02}-{:02}", day.month(), day.day());
        if let Some(windows) = self.special_days.get(&once).or_else(|| self.special_days.get(&every_year)) {
            return windows;
        }
        match day.weekday() {
            Weekday::Monday => &self.week.monday,
            Weekday::Tuesday => &self.week.tuesday,
            Weekday::Wednesday => &self.week.wednesday,
            Weekday::Thursday => &self.week.thursday,
            Weekday::Friday => &self.week.friday,
            Weekday::Saturday => &self.week.saturday,
            Weekday::Sunday => &self.week.sunday,
        }
    }

    /// The service that a moment belongs to, for an hour after midnight possibly that of the evening before. None when
    /// closed.
    pub fn service_at(&self, moment: DateTime) -> Option<Service> {
        let minute = minute_of(moment.time());
        let this_day = self.service_of(moment.date(), minute);
        this_day.or_else(|| self.service_of(moment.date().yesterday().ok()?, minute + DAY))
    }

    fn service_of(&self, day: Date, minute: u32) -> Option<Service> {
        let window = self.on(day).iter().find(|window| (window.from..window.until).contains(&minute))?;
        Some(Service { day, minute, window: *window })
    }

    /// Whether the place is open at a moment.
    pub fn at(&self, moment: DateTime) -> Now {
        if let Some(service) = self.service_at(moment) {
            return Now::OpenUntil(time_of(service.window.until));
        }
        let minute = minute_of(moment.time());
        let next = self.on(moment.date()).iter().filter(|window| window.from > minute).min_by_key(|window| window.from);
        next.map_or(Now::Closed, |window| Now::OpensAt(time_of(window.from)))
    }

    /// The first day from the given one on that has opening hours, within two weeks.
    pub fn next_open_day(&self, from: Date) -> Option<Date> {
        (0..14).filter_map(|days| from.checked_add(Span::new().days(days)).ok()).find(|day| !self.on(*day).is_empty())
    }
}

/// The calendar's date at a minute of service: past midnight it is the day after the service began.
pub fn calendar_day(day: Date, minute: u32) -> Date {
    day.checked_add(Span::new().days(i64::from(minute / DAY))).unwrap_or(day)
}

/// Minutes from the midnight that begins a day until a moment; 0 for an earlier moment.
pub fn minutes_since(day: Date, moment: DateTime) -> u32 {
    let days = day.until(moment.date()).map_or(0, |span| span.get_days());
    u32::try_from(days).map_or(0, |days| days.saturating_mul(DAY).saturating_add(minute_of(moment.time())))
}

/// Minutes since midnight.
pub fn minute_of(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

/// The time of a minute of service, which may lie past midnight.
pub fn time_of(minute: u32) -> Time {
    let minute = minute % DAY;
    let (hour, minute) = (i8::try_from(minute / 60), i8::try_from(minute % 60));
    Time::new(hour.unwrap_or(0), minute.unwrap_or(0), 0, 0).unwrap_or(Time::midnight())
}

/// `19:30`.
pub fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute % DAY / 60, minute % 60)
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}–{}", clock(self.from), clock(self.until))
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    /// `12:00-23:00`, or `18:00-02:00` past midnight.
    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (from, until) = text.split_once('-')?;
            let (from, until) = (minute(from)?, minute(until)?);
            let until = if until <= from { until + DAY } else { until };
            Some(Self { from, until })
        };
        parse().ok_or_else(|| format!("`{text}` is no stretch of opening; write it like `12:00-23:00`"))
    }
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
    if hour <= 24 && minute < 60 && hour * 60 + minute <= DAY { Some(hour * 60 + minute) } else { None }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    fn hours() -> Hours {
        let week = serde_json::from_value(serde_json::json!({
            "tuesday": ["12:00-15:00", "18:00-23:00"],
            "friday": ["12:00-02:00"],
            "saturday": ["12:00-24:00"],
        }));
        let special_days = serde_json::from_value(serde_json::json!({
            "12-25": [],
            "2027-01-01": ["14:00-20:00"],
        }));
        Hours { week: week.unwrap(), special_days: special_days.unwrap() }
    }

    // 2026-11-27 is a Friday.

    #[test]
    fn an_hour_after_midnight_belongs_to_the_evening_before() {
        let service = hours().service_at(date(2026, 11, 28).at(0, 30, 0, 0)).unwrap();
        assert_eq!((service.day, service.minute), (date(2026, 11, 27), 24 * 60 + 30));
        assert_eq!(hours().service_at(date(2026, 11, 28).at(2, 0, 0, 0)), None);
        assert_eq!(hours().service_at(date(2026, 11, 29).at(0, 30, 0, 0)), None, "saturday ends at midnight");
    }

    #[test]
    fn a_closed_day_and_the_break_between_two_services_are_closed() {
        assert_eq!(hours().service_at(date(2026, 11, 23).at(19, 0, 0, 0)), None);
        assert_eq!(hours().service_at(date(2026, 11, 24).at(16, 0, 0, 0)), None);
        assert!(hours().service_at(date(2026, 11, 24).at(18, 0, 0, 0)).is_some());
    }

    #[test]
    fn special_days_win_over_the_week() {
        assert!(hours().on(date(2026, 12, 25)).is_empty(), "a friday, but christmas");
        assert_eq!(hours().on(date(2027, 1, 1)), ["14:00-20:00".parse().unwrap()]);
        assert_eq!(hours().on(date(2027, 1, 8)), ["12:00-02:00".parse().unwrap()]);
    }

    #[test]
    fn the_state_now_is_told() {
        let at = |hour| hours().at(date(2026, 11, 24).at(hour, 0, 0, 0));
        assert_eq!(at(11), Now::OpensAt(time(12, 0, 0, 0)));
        assert_eq!(at(13), Now::OpenUntil(time(15, 0, 0, 0)));
        assert_eq!(at(16), Now::OpensAt(time(18, 0, 0, 0)));
        assert_eq!(at(23), Now::Closed);
        assert_eq!(hours().at(date(2026, 11, 28).at(1, 0, 0, 0)), Now::OpenUntil(time(2, 0, 0, 0)));
    }

    #[test]
    fn the_next_open_day_is_found_or_there_is_none() {
        assert_eq!(hours().next_open_day(date(2026, 11, 25)), Some(date(2026, 11, 27)));
        assert_eq!(Hours::default().next_open_day(date(2026, 11, 25)), None);
    }

    #[test]
    fn a_misspelt_day_is_found() {
        assert_eq!(hours().misspelt_day(), None);
        for key in ["25-12", "christmas", "2026-02-30", "12-25-2026", ""] {
            let special_days = BTreeMap::from([(key.to_owned(), Vec::new()), ("02-29".to_owned(), Vec::new())]);
            assert_eq!(Hours { special_days, ..hours() }.misspelt_day(), Some(key));
        }
        assert!(serde_json::from_str::<Week>(r#"{"mondey":[]}"#).is_err());
    }

    #[test]
    fn malformed_hours_are_named() {
        for text in ["12-23", "12:00", "25:00-26:00", "12:60-13:00", "", "a-b"] {
            let error = text.parse::<Window>().unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert_eq!("18:00-02:00".parse::<Window>().unwrap().to_string(), "18:00–02:00");
    }
}
