//! The table a guest asks for, gathered over several messages.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::calendar::{self, DayPart, Said};
use crate::hours::Hours;
use crate::party;
use crate::text::words;

/// What is still to be said before a table can be looked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// For how many.
    Guests,
    /// On which day.
    Date,
    /// At what time.
    Time,
}

/// What a guest has said about the table so far.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Request {
    /// For how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<u32>,
    /// On which day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// At what time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Under which name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For whom a booking portal asks; the sender otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// Whether all details are there; the graph's edges look at it.
    #[serde(default)]
    pub complete: bool,
    /// What was found in this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Detail>,
    /// A day that was named and does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible_day: Option<String>,
}

/// Reads what a message says about a table on top of what was said before. `awaited` is the detail the guest was just asked
/// for: an answer as short as `4` is then enough.
pub fn read(text: &str, now: DateTime, hours: &Hours, before: &Request, awaited: Option<Detail>) -> Request {
    let words = words(text);
    let mut when = calendar::read_words(&words, now);
    if awaited == Some(Detail::Time) && when.time.is_none() {
        // `8` alone, after having been asked for the time, is said as if it were `la 8`.
        let announced = calendar::read(&format!("la {text}"), now);
        when.time = announced.time;
        when.used.iter_mut().for_each(|used| *used |= announced.time.is_some());
    }
    let guests = party::size(&words, &when.used, awaited == Some(Detail::Guests));
    let date = when.date.or(before.date.filter(|_| when.impossible.is_none()));
    let time = when.time.map(|said| resolve(said, date.unwrap_or(now.date()), hours));
    let after_midnight = time.is_some_and(|time| time.hour() < 5);
    let tonight = matches!(when.part, Some(DayPart::Evening | DayPart::Night)) && when.date == Some(now.date());
    let date = match date {
        // `Diseară la 00:30` is said of the night that follows, which the calendar calls tomorrow.
        Some(date) if tonight && after_midnight && now.hour() >= 5 => date.tomorrow().ok(),
        other => other,
    };
    let mut heard = Vec::new();
    if guests.is_some() {
        heard.push(Detail::Guests);
    }
    if when.date.is_some() || when.impossible.is_some() {
        heard.push(Detail::Date);
    }
    if time.is_some() {
        heard.push(Detail::Time);
    }
    let mut request = Request {
        guests: guests.or(before.guests),
        date,
        time: time.or(before.time),
        name: party::name(&words).or_else(|| before.name.clone()),
        guest: None,
        complete: false,
        heard,
        impossible_day: when.impossible,
    };
    request.complete = request.missing().is_none();
    request
}

fn resolve(said: Said, date: Date, hours: &Hours) -> Time {
    said.resolve(|time| hours.service_at(date.to_datetime(time)).is_some())
}

impl Request {
    /// The next detail to ask for.
    pub fn missing(&self) -> Option<Detail> {
        if self.guests.is_none() {
            Some(Detail::Guests)
        } else if self.date.is_none() {
            Some(Detail::Date)
        } else if self.time.is_none() {
            Some(Detail::Time)
        } else {
            None
        }
    }
}

impl Detail {
    /// Its name on the wire and in templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guests => "guests",
            Self::Date => "date",
            Self::Time => "time",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{date, time};

    use super::*;

    /// A Wednesday afternoon.
    fn now() -> DateTime {
        date(2026, 11, 25).at(15, 0, 0, 0)
    }

    fn hours() -> Hours {
        let all_week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let week = all_week.map(|day| (day.to_owned(), serde_json::json!(["12:00-02:00"])));
        let week = serde_json::Map::from_iter(week);
        Hours { week: serde_json::from_value(week.into()).unwrap(), ..Hours::default() }
    }

    fn first(text: &str) -> Request {
        read(text, now(), &hours(), &Request::default(), None)
    }

    #[test]
    fn one_message_may_say_it_all() {
        let request = first("Aș vrea o masă pentru 4 persoane mâine la 19:30, pe numele Popescu");
        assert_eq!(request.guests, Some(4));
        assert_eq!((request.date, request.time), (Some(date(2026, 11, 26)), Some(time(19, 30, 0, 0))));
        assert_eq!(request.name.as_deref(), Some("Popescu"));
        assert!(request.complete);
    }

    #[test]
    fn several_messages_add_up_and_the_newest_word_counts() {
        let request = first("masa pentru 4");
        assert_eq!(request.missing(), Some(Detail::Date));
        let request = read("mâine", now(), &hours(), &request, Some(Detail::Date));
        assert_eq!(request.missing(), Some(Detail::Time));
        let request = read("8", now(), &hours(), &request, Some(Detail::Time));
        assert_eq!(request.time, Some(time(20, 0, 0, 0)));
        assert_eq!(request.guests, Some(4), "the 8 is a time, not a party");
        assert!(request.complete);
        let changed = read("de fapt suntem 6", now(), &hours(), &request, None);
        assert_eq!((changed.guests, changed.date), (Some(6), request.date));
    }

    #[test]
    fn a_lonely_number_answers_what_was_asked() {
        assert_eq!(read("4", now(), &hours(), &Request::default(), Some(Detail::Guests)).guests, Some(4));
        assert_eq!(first("4").heard, []);
    }

    #[test]
    fn tonight_after_midnight_is_the_next_day_of_the_calendar() {
        let request = first("diseară la 00:30 pentru 2");
        assert_eq!((request.date, request.time), (Some(date(2026, 11, 26)), Some(time(0, 30, 0, 0))));
    }

    #[test]
    fn a_day_that_does_not_exist_is_asked_for_again() {
        let before = Request { date: Some(date(2026, 11, 26)), guests: Some(2), ..Request::default() };
        let request = read("pe 30 februarie la 19:00", now(), &hours(), &before, None);
        assert_eq!(request.missing(), Some(Detail::Date));
        assert_eq!(request.impossible_day.as_deref(), Some("30 februarie"));
    }

    #[test]
    fn a_request_survives_the_way_through_the_graph() {
        let request = first("masa pentru 4 mâine la 19:30");
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
        assert!(text.contains(r#""date":"2026-11-26","time":"19:30:00""#), "{text}");
    }
}
