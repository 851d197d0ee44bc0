//! Events of the point of sale: tables that are opened and freed, bills that are paid.

use serde::{Deserialize, Serialize};

/// More than any bill, in the smallest unit of the currency.
const LARGEST_BILL: u64 = 1_000_000_000;

/// An event of the point of sale, and the data of the input that the handler makes of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", try_from = "Record")]
pub struct PosEvent {
    /// The point of sale's id of the event.
    pub event_id: String,
    /// The restaurant's name of the table.
    pub table: String,
    /// The place, where the restaurant has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What happened at the table.
    #[serde(flatten)]
    pub kind: PosKind,
}

/// An event in its JSON form. It is read as a flat record, because errors in flattened structs do not name the key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_id: String,
    #[serde(rename = "type")]
    told: Told,
    table: String,
    #[serde(default)]
    location_id: Option<String>,
    #[serde(default)]
    guests: Option<u32>,
    #[serde(default)]
    booking_code: Option<String>,
    #[serde(default)]
    total_minor: Option<u64>,
}

#[derive(Deserialize)]
enum Told {
    #[serde(rename = "table.opened")]
    Opened,
    #[serde(rename = "table.freed")]
    Freed,
    #[serde(rename = "bill.paid")]
    Paid,
}

impl TryFrom<Record> for PosEvent {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let Record { event_id, told, table, location_id, guests, booking_code, total_minor } = record;
        let kind = match told {
            Told::Opened => {
                let guests = guests.ok_or("the key `guests` is missing, which `table.opened` needs")?;
                PosKind::Opened { guests, booking_code }
            }
            Told::Freed => PosKind::Freed,
            Told::Paid => {
                let total_minor = total_minor.ok_or("the key `totalMinor` is missing, which `bill.paid` needs")?;
                PosKind::Paid { total_minor }
            }
        };
        Ok(Self { event_id, table, location_id, kind })
    }
}

/// What happened at a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum PosKind {
    /// A party sat down.
    #[serde(rename = "table.opened")]
    Opened {
        /// The number of guests.
        guests: u32,
        /// The code of their booking, when they have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        booking_code: Option<String>,
    },
    /// The party has left.
    #[serde(rename = "table.freed")]
    Freed,
    /// The party has paid.
    #[serde(rename = "bill.paid")]
    Paid {
        /// In the smallest unit of the currency.
        total_minor: u64,
    },
}

impl PosEvent {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        for (name, text) in [("eventId", &self.event_id), ("table", &self.table)] {
            if text.trim().is_empty() || text.len() > 128 {
                return Err(format!("`value.{name}`: expected a string of 1 to 128 bytes that is not blank"));
            }
        }
        match self.kind {
            PosKind::Opened { guests, .. } if !(1..=1_000).contains(&guests) => {
                Err(format!("`value.guests`: expected a whole number from 1 to 1000, found the number {guests}"))
            }
            // Larger sums are a mistake of the till; they must not overflow a summary.
            PosKind::Paid { total_minor } if total_minor > LARGEST_BILL => Err(format!(
                "`value.totalMinor`: expected a whole number from 0 to {LARGEST_BILL}, found the number {total_minor}"
            )),
            _ => Ok(()),
        }
    }

    /// The name of a party without a booking.
    pub fn party(&self) -> String {
        format!("table:{}", self.table)
    }
}
