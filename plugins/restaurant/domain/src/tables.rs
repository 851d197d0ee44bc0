//! The bookings of one day, and whether another party fits.

use serde::{Deserialize, Serialize};

use crate::hours::Window;

/// How a place takes bookings, from the setting `booking`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rules {
    /// Guests that can sit at the same time.
    pub seats: u32,
    /// The largest party that may book without asking a person.
    #[serde(default = "default_largest_party")]
    pub largest_party: u32,
    /// How long a table is reserved, in minutes.
    #[serde(default = "default_stay")]
    pub stay_minutes: u32,
    /// The interval between the times that are offered instead, in minutes.
    #[serde(default = "default_slot")]
    pub slot_minutes: u32,
    /// How long before closing a party must come, in minutes.
    #[serde(default = "default_last_seating")]
    pub last_seating_minutes: u32,
    /// How many days ahead one may book.
    #[serde(default = "default_days_ahead")]
    pub days_ahead: u32,
}

fn default_largest_party() -> u32 {
    10
}

fn default_stay() -> u32 {
    120
}

fn default_slot() -> u32 {
    30
}

fn default_last_seating() -> u32 {
    60
}

fn default_days_ahead() -> u32 {
    90
}

/// A booking of one party.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// The decision that made it.
    pub decision: String,
    /// The guest's id.
    pub user: String,
    /// The name for the booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of guests.
    pub guests: u32,
    /// The beginning, in minutes since the day's midnight.
    pub minute: u32,
    /// Until when the table is reserved.
    pub until: u32,
    /// The decision that cancelled it. The booking is kept, so that a repeated decision finds its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
}

/// A bill that was paid.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    /// The decision that recorded it, so that no bill is counted twice.
    pub decision: String,
    /// In the smallest unit of the currency.
    pub total_minor: u64,
}

/// All bookings of one day at one place: one row, so that two parties can never both take the last table.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Day {
    /// In the order they were made; a party without a booking is one under its table's name.
    #[serde(default)]
    pub bookings: Vec<Booking>,
    /// In the order they were paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bills: Vec<Bill>,
}

impl Booking {
    /// The code that a guest tells at the door.
    pub fn code(&self) -> String {
        code(&self.decision)
    }
}

/// The code that a guest tells at the door, from the decision that made the booking.
pub fn code(decision: &str) -> String {
    let tail: String = decision.chars().rev().filter(char::is_ascii_alphanumeric).take(6).collect();
    tail.chars().rev().collect::<String>().to_ascii_uppercase()
}

impl Day {
    /// The bookings that are not cancelled.
    pub fn standing(&self) -> impl Iterator<Item = &Booking> {
        self.bookings.iter().filter(|booking| booking.cancelled_by.is_none())
    }

    /// The booking that a decision has made, if it ran before.
    pub fn made_by(&self, decision: &str) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.decision == decision)
    }

    /// The booking that a decision has cancelled, if it ran before.
    pub fn cancelled_by(&self, decision: &str) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.cancelled_by.as_deref() == Some(decision))
    }

    /// A booking of the same guest that is not cancelled and overlaps a stay.
    pub fn of_user(&self, user: &str, minute: u32, until: u32) -> Option<&Booking> {
        self.standing().find(|booking| booking.user == user && booking.minute < until && minute < booking.until)
    }

    /// The most guests who sit at the same time during a stay.
    pub fn most_guests(&self, minute: u32, until: u32) -> u32 {
        let during = || self.standing().filter(move |booking| booking.minute < until && minute < booking.until);
        // The number grows only when a party comes, so only those moments are checked.
        let moments = during().map(|booking| booking.minute.max(minute)).chain([minute]);
        let seated = |moment: u32| {
            during()
                .filter(move |booking| (booking.minute..booking.until).contains(&moment))
                .map(|booking| booking.guests)
        };
        moments.map(|moment| seated(moment).sum()).max().unwrap_or(0)
    }

    /// Whether a party fits.
    pub fn fits(&self, guests: u32, minute: u32, until: u32, rules: &Rules) -> bool {
        self.most_guests(minute, until) + guests <= rules.seats
    }

    /// The free times nearest to the requested one, at most three, in the order of the clock. Times before `not_before`
    /// are over.
    pub fn alternatives(
        &self,
        guests: u32,
        asked: u32,
        windows: &[Window],
        not_before: u32,
        rules: &Rules,
    ) -> Vec<u32> {
        let slot = usize::try_from(rules.slot_minutes.max(5)).unwrap_or(usize::MAX);
        let mut free: Vec<u32> = windows
            .iter()
            .flat_map(|window| (window.from..=rules.last_seating(*window)).step_by(slot))
            .filter(|minute| *minute >= not_before && *minute != asked)
            .filter(|minute| self.fits(guests, *minute, minute + rules.stay_minutes, rules))
            .collect();
        free.sort_by_key(|minute| minute.abs_diff(asked));
        free.truncate(3);
        free.sort_unstable();
        free
    }
}

impl Rules {
    /// What is wrong with the numbers; none when they are valid.
    pub fn problem(&self) -> Option<String> {
        let checks = [
            ("seats", self.seats, 1, 10_000),
            ("largest-party", self.largest_party, 1, 10_000),
            ("stay-minutes", self.stay_minutes, 15, 1_440),
            ("slot-minutes", self.slot_minutes, 5, 1_440),
            ("last-seating-minutes", self.last_seating_minutes, 0, 1_440),
            ("days-ahead", self.days_ahead, 0, 3_650),
        ];
        let wrong = checks.iter().find(|(_, value, least, most)| !(least..=most).contains(&value))?;
        let (name, value, least, most) = wrong;
        Some(format!("`{name}` is {value}; it must be from {least} to {most}"))
    }

    /// The last minute at which a party may come.
    pub fn last_seating(&self, window: Window) -> u32 {
        window.until.saturating_sub(self.last_seating_minutes).max(window.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        serde_json::from_value(serde_json::json!({ "seats": 10 })).unwrap()
    }

    fn booking(decision: &str, guests: u32, minute: u32) -> Booking {
        Booking {
            decision: decision.to_owned(),
            user: format!("user-{decision}"),
            name: None,
            guests,
            minute,
            until: minute + 120,
            cancelled_by: None,
        }
    }

    fn of(bookings: Vec<Booking>) -> Day {
        Day { bookings, ..Day::default() }
    }

    const EVENING: Window = Window { from: 18 * 60, until: 23 * 60 };

    #[test]
    fn parties_that_do_not_meet_do_not_add_up() {
        let day = of(vec![booking("a", 6, 1080), booking("b", 6, 1200)]);
        assert_eq!(day.most_guests(1080, 1320), 6, "one leaves when the other comes");
        assert_eq!(day.most_guests(1140, 1260), 6);
        let day = of(vec![booking("a", 6, 1080), booking("b", 4, 1140)]);
        assert_eq!(day.most_guests(1080, 1140), 6);
        assert_eq!(day.most_guests(1080, 1200), 10);
        assert!(!day.fits(1, 1170, 1290, &rules()));
        assert!(day.fits(6, 1200, 1320, &rules()), "the six have left by then");
    }

    #[test]
    fn a_cancelled_booking_frees_its_seats() {
        let mut day = of(vec![booking("a", 10, 1140)]);
        assert!(!day.fits(2, 1140, 1260, &rules()));
        day.bookings[0].cancelled_by = Some("c".to_owned());
        assert!(day.fits(2, 1140, 1260, &rules()));
        assert_eq!(day.cancelled_by("c").unwrap().decision, "a");
        assert!(day.of_user("user-a", 1140, 1260).is_none());
    }

    #[test]
    fn the_nearest_free_times_are_offered() {
        let day = of(vec![booking("a", 10, 19 * 60)]);
        // All seats are taken from 19:00 to 21:00, so a stay of two hours may begin at 17:00 at the latest or from
        // 21:00 on.
        assert_eq!(day.alternatives(2, 19 * 60 + 30, &[EVENING], 0, &rules()), [21 * 60, 21 * 60 + 30, 22 * 60]);
        assert_eq!(day.alternatives(2, 19 * 60, &[EVENING], 22 * 60, &rules()), [22 * 60]);
        assert!(day.alternatives(11, 19 * 60, &[EVENING], 0, &rules()).is_empty());
        assert_eq!(
            Day::default().alternatives(2, 19 * 60, &[EVENING], 0, &rules()),
            [18 * 60, 18 * 60 + 30, 19 * 60 + 30]
        );
    }

    #[test]
    fn a_guest_who_already_has_a_table_is_found() {
        let day = of(vec![booking("a", 2, 1140)]);
        assert!(day.of_user("user-a", 1200, 1320).is_some());
        assert!(day.of_user("user-a", 1260, 1380).is_none());
        assert!(day.of_user("user-b", 1200, 1320).is_none());
    }

    #[test]
    fn numbers_that_cannot_be_planned_with_are_named() {
        assert_eq!(rules().problem(), None);
        let wrong = Rules { stay_minutes: u32::MAX, ..rules() }.problem().unwrap();
        assert_eq!(wrong, "`stay-minutes` is 4294967295; it must be from 15 to 1440");
        assert!(Rules { seats: 0, ..rules() }.problem().is_some());
    }

    #[test]
    fn the_code_is_short_and_belongs_to_the_decision() {
        assert_eq!(code("dec_0123456789abcdef"), "ABCDEF");
        assert_ne!(code("dec_1"), code("dec_2"));
    }
}
