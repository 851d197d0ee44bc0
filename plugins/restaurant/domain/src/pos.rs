//! Events of the point of sale: tables that are opened and freed, bills that are paid.

use serde::{Deserialize, Serialize};

/// What the point of sale tells, and the data of the input that the handler makes of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PosEvent {
    /// The point of sale's id of the event.
    pub event_id: String,
    /// The table, as the house calls it.
    pub table: String,
    /// The place, where the restaurant has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What happened at it.
    #[serde(flatten)]
    pub kind: PosKind,
}

/// What happened at a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum PosKind {
    /// A party sat down.
    #[serde(rename = "table.opened")]
    Opened {
        /// How many.
        guests: u32,
        /// The code of their booking, when they have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        booking_code: Option<String>,
    },
    /// They have left.
    #[serde(rename = "table.freed")]
    Freed,
    /// They have paid.
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
                return Err(format!("`{name}` has not 1 to 128 bytes"));
            }
        }
        match self.kind {
            PosKind::Opened { guests, .. } if !(1..=1_000).contains(&guests) => {
                Err(format!("table `{}` is opened for {guests} guests, not 1 to 1000", self.table))
            }
            // Larger sums are a mistake of the till; a summary must never overflow because of one.
            PosKind::Paid { total_minor } if total_minor > 1_000_000_000 => {
                Err(format!("table `{}` paid {total_minor}, more than any bill", self.table))
            }
            _ => Ok(()),
        }
    }

    /// Under which name a party without a booking sits.
    pub fn party(&self) -> String {
        format!("table:{}", self.table)
    }
}
