//! The table that a guest asks for, collected over several messages.

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::calendar::{self, Said};
use crate::hours::{self, Hours};
use crate::party::{self, Size};
use crate::text::words;

/// The details that are needed before a table can be looked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// The number of guests.
    Guests,
    /// The day.
    Date,
    /// The time.
    Time,
}

/// The guest's request so far.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The number of guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guests: Option<u32>,
    /// The day, as the guest named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// The time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// An hour after midnight belongs to the night that follows the day, see [`Request::moment`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The guest named an hour after midnight without saying which of the day's two nights, see
    /// [`calendar::When::is_of_either_night`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub either_night: bool,
    /// The day of the service for which other times were offered; a time without a day then belongs to that service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_day: Option<Date>,
    /// The name for the booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The guest of a booking portal; without it the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// Whether all details are known; a condition of the graph.
    #[serde(default)]
    pub complete: bool,
    /// The details found in this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Detail>,
    /// A named day that does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible_day: Option<String>,
    /// A named time that does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impossible_time: Option<String>,
    /// The words for the number of guests, when they are no valid number of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear_guests: Option<String>,
}

/// Reads a message about a table together with the request so far. `awaited` is the detail that the guest was just
/// asked for: an answer as short as `4` is then enough.
pub fn read(text: &str, now: DateTime, hours: &Hours, before: &Request, awaited: Option<Detail>) -> Request {
    let words = words(text);
    let mut when = calendar::read_words(&words, now);
    if awaited == Some(Detail::Time) && when.time.is_none() {
        // A bare `8`, after a question for the time, is read as `la 8`.
        let announced = calendar::read(&format!("la {text}"), now);
        when.time = announced.time;
        when.used.iter_mut().for_each(|used| *used |= announced.time.is_some());
    }
    let size = party::size(&words, &when.used, awaited == Some(Detail::Guests));
    let guests_said = size.is_some();
    let (guests, unclear_guests) = match size {
        Some(Size::Of(guests)) => (Some(guests), None),
        Some(Size::Unclear(said)) => (None, Some(said)),
        None => (before.guests, None),
    };
    let (date_said, time_said) = (when.date.is_some(), when.time.is_some());
    let mut request = Request {
        guests,
        date: when.date.or(before.date.filter(|_| when.impossible.is_none())),
        time: before.time.filter(|_| when.impossible_time.is_none()),
        late: when.late || (before.late && !(date_said && time_said)),
        either_night: when.is_of_either_night() || (before.either_night && !(date_said || time_said)),
        service_day: before.service_day.filter(|_| !date_said),
        name: party::name(&words).or_else(|| before.name.clone()),
        ..Request::default()
    };
    if let Some(said) = when.time {
        match request.service_day.and_then(|day| of_service(said, day, hours)) {
            Some((time, late)) => {
                (request.date, request.time, request.late) = (request.service_day, Some(time), late);
            }
            None => request.time = Some(resolve(said, request.date.unwrap_or(now.date()), request.late, hours)),
        }
    }
    if guests_said {
        request.heard.push(Detail::Guests);
    }
    if date_said || when.impossible.is_some() {
        request.heard.push(Detail::Date);
    }
    if time_said || when.impossible_time.is_some() {
        request.heard.push(Detail::Time);
    }
    request.impossible_day = when.impossible;
    request.impossible_time = when.impossible_time;
    request.unclear_guests = unclear_guests;
    request.complete = request.missing().is_none();
    request
}

fn resolve(said: Said, date: Date, late: bool, hours: &Hours) -> Time {
    said.resolve(|time| hours.service_at(calendar::moment(date, time, late)).is_some())
}

/// The meant time of a service, and whether it is past midnight.
fn of_service(said: Said, day: Date, hours: &Hours) -> Option<(Time, bool)> {
    let open = |minute: u32| hours.on(day).iter().any(|window| (window.from..window.until).contains(&minute));
    let minutes = |time: Time| [hours::minute_of(time), hours::minute_of(time) + 24 * 60];
    let times = match said {
        Said::Exact(time) => vec![time],
        Said::Either(time) => vec![said.resolve(|_| true), time],
    };
    times
        .into_iter()
        .flat_map(minutes)
        .find(|minute| open(*minute))
        .map(|minute| (hours::time_of(minute), minute >= 24 * 60))
}

impl Request {
    /// The requested moment by the calendar.
    pub fn moment(&self) -> Option<DateTime> {
        Some(calendar::moment(self.date?, self.time?, self.late))
    }

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
        assert_eq!(request.moment(), Some(date(2026, 11, 26).at(0, 30, 0, 0)));
    }

    #[test]
    fn a_night_is_kept_over_several_messages() {
        let request = first("la miezul nopții pentru 2");
        assert_eq!(request.missing(), Some(Detail::Date));
        let request = read("vineri", now(), &hours(), &request, Some(Detail::Date));
        assert_eq!(request.moment(), Some(date(2026, 11, 28).at(0, 0, 0, 0)));
        let request = read("la 1", now(), &hours(), &first("vineri noaptea, 2 persoane"), Some(Detail::Time));
        assert_eq!(request.time, Some(time(13, 0, 0, 0)), "one is open at noon too, and nobody said at night");
        let request = read("la 01:00", now(), &hours(), &first("vineri noaptea, 2 persoane"), Some(Detail::Time));
        assert_eq!(request.moment(), Some(date(2026, 11, 28).at(1, 0, 0, 0)));
        let anew = read("de fapt sâmbătă la 00:30", now(), &hours(), &request, None);
        assert_eq!(anew.moment(), Some(date(2026, 11, 28).at(0, 30, 0, 0)), "a day and a time are said anew");
    }

    #[test]
    fn a_time_that_answers_an_offer_is_one_of_the_same_service() {
        let offered = Request {
            guests: Some(2),
            date: Some(date(2026, 11, 28)),
            service_day: Some(date(2026, 11, 27)),
            ..Request::default()
        };
        let at = |text: &str| read(text, now(), &hours(), &offered, Some(Detail::Time)).moment();
        assert_eq!(at("23:00"), Some(date(2026, 11, 27).at(23, 0, 0, 0)));
        assert_eq!(at("00:30"), Some(date(2026, 11, 28).at(0, 30, 0, 0)));
        assert_eq!(at("luni la 23:00"), Some(date(2026, 11, 30).at(23, 0, 0, 0)));
    }

    #[test]
    fn an_odd_number_of_guests_or_an_odd_time_is_asked_for_again() {
        let before = Request { guests: Some(4), time: Some(time(20, 0, 0, 0)), ..Request::default() };
        let request = read("pentru -3, mâine la 25:00", now(), &hours(), &before, None);
        assert_eq!((request.guests, request.time), (None, None), "what was said before is not what is meant now");
        assert_eq!(
            (request.unclear_guests.as_deref(), request.impossible_time.as_deref()),
            (Some("-3"), Some("25:00"))
        );
        assert_eq!(request.missing(), Some(Detail::Guests));
        assert_eq!(request.heard, [Detail::Guests, Detail::Date, Detail::Time]);
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
