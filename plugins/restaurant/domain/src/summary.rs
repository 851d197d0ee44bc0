//! The daily summary that the restaurant's staff reads in the morning.

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// Channel `bookings`: today's bookings and yesterday's service, counted from the rows.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Bookings {
    /// Bookings for today that are not cancelled.
    pub today: usize,
    /// Guests who come with them.
    pub guests: u32,
    /// Cancelled bookings of today.
    pub cancelled: usize,
    /// The first booking's time, as `19:30`.
    pub first: Option<String>,
    /// Bills that were paid yesterday.
    pub bills_yesterday: usize,
    /// Their sum, in the smallest unit of the currency.
    pub takings_yesterday: u64,
}

/// Channel `complaints`: complaints, counted from the rows.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Complaints {
    /// Since midnight.
    pub today: usize,
    /// The day before.
    pub yesterday: usize,
    /// How many of yesterday's were more than minor.
    pub grave_yesterday: usize,
}

/// The summary in words.
pub fn text(day: &str, bookings: &Bookings, complaints: &Complaints, currency: &str, language: Language) -> String {
    let takings = format!("{}.{:02} {currency}", bookings.takings_yesterday / 100, bookings.takings_yesterday % 100);
    let takings = takings.trim_end();
    match language {
        Language::Ro => {
            let first = bookings.first.as_ref().map(|time| format!(", prima la {time}")).unwrap_or_default();
            format!(
                "Azi, {day}: {} rezervări, {} persoane{first}; {} anulate. Ieri: {} note, {takings}; {} reclamații, \
                 dintre care {} grave. Azi până acum: {} reclamații.",
                bookings.today,
                bookings.guests,
                bookings.cancelled,
                bookings.bills_yesterday,
                complaints.yesterday,
                complaints.grave_yesterday,
                complaints.today,
            )
        }
        Language::En => {
            let first = bookings.first.as_ref().map(|time| format!(", the first at {time}")).unwrap_or_default();
            format!(
                "Today, {day}: {} bookings, {} guests{first}; {} cancelled. Yesterday: {} bills, {takings}; {} complaints, \
                 {} of them grave. Today so far: {} complaints.",
                bookings.today,
                bookings.guests,
                bookings.cancelled,
                bookings.bills_yesterday,
                complaints.yesterday,
                complaints.grave_yesterday,
                complaints.today,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_in_the_language_of_the_house() {
        let bookings = Bookings {
            today: 3,
            guests: 11,
            cancelled: 1,
            first: Some("12:30".to_owned()),
            bills_yesterday: 2,
            takings_yesterday: 12_305,
        };
        let complaints = Complaints { today: 0, yesterday: 2, grave_yesterday: 1 };
        assert_eq!(
            text("Thursday, 26 November", &bookings, &complaints, "GBP", Language::En),
            "Today, Thursday, 26 November: 3 bookings, 11 guests, the first at 12:30; 1 cancelled. Yesterday: 2 bills, \
             123.05 GBP; 2 complaints, 1 of them grave. Today so far: 0 complaints."
        );
        let quiet = text("joi", &Bookings::default(), &Complaints::default(), "", Language::Ro);
        assert!(quiet.starts_with("Azi, joi: 0 rezervări, 0 persoane; 0 anulate. Ieri: 0 note, 0.00; 0"), "{quiet}");
    }
}
