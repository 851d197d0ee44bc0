//! Rows that belong to this plugin in this business, and that no other plugin or business can reach.
//! Grant: the names of the tables, for example `dynamodb = ["reservations"]`, or `"reservations:read"` to read only.
//!
//! Read, change and write back under the version that was read; the write fails if another decision has written
//! meanwhile:
//!
//! ```
//! use signalbox_sdk::prelude::*;
//! use signalbox_sdk::dynamodb::Condition;
//!
//! #[derive(Default, Deserialize, Serialize)]
//! struct Evening {
//!     seats_taken: u32,
//! }
//!
//! fn take(seats: u32) -> Result<u32, Failure> {
//!     for _attempt in 0..3 {
//!         let row = dynamodb::get::<Evening>("reservations", "2026-12-24", "evening")?;
//!         let (mut evening, condition) = match row {
//!             Some(row) => (row.item, Condition::Version(row.version)),
//!             None => (Evening::default(), Condition::Absent),
//!         };
//!         evening.seats_taken += seats;
//!         match dynamodb::put("reservations", "2026-12-24", "evening", &evening, condition) {
//!             Ok(_version) => return Ok(evening.seats_taken),
//!             Err(dynamodb::Error::ConditionFailed) => continue,
//!             Err(error) => return Err(error.into()),
//!         }
//!     }
//!     Err(Failure::retry("the evening was changed by others three times in a row"))
//! }
//! # testing::Host::new().enter(|| { assert_eq!(take(4).unwrap(), 4); assert_eq!(take(2).unwrap(), 6); });
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::dynamodb as contract;

pub use crate::bindings::capabilities::signalbox::dynamodb::dynamodb::Condition;

crate::error::capability_error! {
    /// Why a row cannot be read or written.
    dynamodb with json {
        /// No store is configured. A retry will not help.
        NotConfigured => stop "no store is configured",
        /// The grant does not name this table, or only for reading. A retry will not help.
        Denied(reason: String) => stop "the grant does not cover this: {reason}",
        /// The key, item, range or cursor is malformed or too large. A retry will not help.
        Invalid(reason: String) => stop "the request is malformed: {reason}",
        /// The condition does not hold. Read the row again and decide anew; a retry of the whole node does just that.
        ConditionFailed => retry "the row was changed meanwhile",
        /// The store does not answer or is throttled. A retry may help.
        Unavailable(reason: String) => retry "the store does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
        /// The answer did not come within the deadline. Whether a write happened is unknown; calling again in the same
        /// decision is safe.
        Timeout => retry "the store did not answer in time",
    }
}

/// A row whose item is of type `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row<T> {
    /// Rows with the same partition are read together.
    pub partition: String,
    /// Orders the rows within the partition.
    pub sort: String,
    /// The row's content.
    pub item: T,
    /// Starts at 1 and grows by 1 with every write.
    pub version: u64,
}

/// Some rows of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, in the order of their sort keys.
    pub rows: Vec<Row<T>>,
    /// Pass it to [`Range::after`] for the next page; none at the end.
    pub cursor: Option<String>,
}

/// A part of a partition; by default its first 100 rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    prefix: Option<String>,
    from: Option<String>,
    until: Option<String>,
    descending: bool,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Range {
    /// The whole partition.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only sort keys that start with this.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: Some(prefix.into()), ..Self::default() }
    }

    /// Only sort keys from this one on.
    pub fn from(mut self, sort: impl Into<String>) -> Self {
        self.from = Some(sort.into());
        self
    }

    /// Only sort keys before this one.
    pub fn until(mut self, sort: impl Into<String>) -> Self {
        self.until = Some(sort.into());
        self
    }

    /// The last rows first.
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// At most this many rows, from 1 to 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Where the page before ended.
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// The row under a key, as of the last finished write; none when there is no such row.
pub fn get<T: DeserializeOwned>(table: &str, partition: &str, sort: &str) -> Result<Option<Row<T>>, Error> {
    contract::get(table, &key(partition, sort))?.map(read).transpose()
}

/// The rows of one partition in the order of their sort keys.
pub fn query<T: DeserializeOwned>(table: &str, partition: &str, range: Range) -> Result<Page<T>, Error> {
    let range = contract::Range {
        prefix: range.prefix,
        from: range.from,
        until: range.until,
        descending: range.descending,
        limit: range.limit.unwrap_or(100),
        cursor: range.cursor,
    };
    let page = contract::query(table, partition, &range)?;
    Ok(Page { rows: page.rows.into_iter().map(read).collect::<Result<_, _>>()?, cursor: page.cursor })
}

/// Writes a row at once and returns its new version. A repeated decision writes once, and replay and shadow do not
/// write.
pub fn put<T: Serialize + ?Sized>(
    table: &str,
    partition: &str,
    sort: &str,
    item: &T,
    condition: Condition,
) -> Result<u64, Error> {
    let item = crate::json::encode("item", item)?;
    Ok(contract::put(table, &key(partition, sort), &item, condition)?)
}

/// Removes a row at once; true when there was one. Otherwise like [`put`].
pub fn delete(table: &str, partition: &str, sort: &str, condition: Condition) -> Result<bool, Error> {
    Ok(contract::delete(table, &key(partition, sort), condition)?)
}

fn key(partition: &str, sort: &str) -> contract::Key {
    contract::Key { partition: partition.to_owned(), sort: sort.to_owned() }
}

fn read<T: DeserializeOwned>(row: contract::Row) -> Result<Row<T>, Error> {
    Ok(Row {
        item: crate::json::decode("item", &row.item)?,
        partition: row.key.partition,
        sort: row.key.sort,
        version: row.version,
    })
}
