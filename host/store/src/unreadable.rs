//! Records that cannot be read. Each is counted, and logged once, and does not stop the reading of others.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use metrics::{Unit, counter, describe_counter};

use crate::{Store, StoreError};

/// Records that cannot be read, by table.
const UNREADABLE: &str = "signalbox_store_records_unreadable_total";

/// How many records are remembered; with more, some are counted and logged again.
const REMEMBERED: usize = 10_000;

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(UNREADABLE, Unit::Count, "Stored records that cannot be read and are passed over, by table");
}

/// The records that were logged already.
#[derive(Debug, Default)]
pub(crate) struct Named(Mutex<HashSet<String>>);

impl Named {
    /// Whether the record is logged for the first time.
    fn is_new(&self, table: &str, what: &str) -> bool {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() >= REMEMBERED {
            named.clear();
        }
        named.insert(format!("{table} {what}"))
    }
}

impl Store {
    /// The error for a record that cannot be read; it is counted and logged when this process reads the record for the
    /// first time. `what` names its key. `reason` must not contain any content of the record, because both are logged.
    pub(crate) fn unreadable(&self, table: &str, what: String, reason: String) -> StoreError {
        if self.named().is_new(table, &what) {
            counter!(UNREADABLE, "table" => table.to_owned()).increment(1);
            tracing::warn!(
                table,
                record = what,
                reason,
                "a stored record cannot be read and is passed over; a newer version of the host may have written it"
            );
        }
        StoreError::Unreadable { what, table: table.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_once_and_no_number_of_records_fills_the_memory() {
        let named = Named::default();
        assert!(named.is_new("a", "decision 1") && !named.is_new("a", "decision 1"));
        assert!(named.is_new("b", "decision 1"));
        for number in 0..3 * REMEMBERED {
            named.is_new("a", &number.to_string());
        }
        assert!(named.0.lock().unwrap().len() <= REMEMBERED);
    }
}
