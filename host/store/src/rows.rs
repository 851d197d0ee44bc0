use crate::client::unfinished;
use crate::{Store, StoreError};

/// Whose rows, and in which of their tables. Rows of different scopes never meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowScope {
    /// The business.
    pub business_id: String,
    /// The plugin.
    pub plugin: String,
    /// The plugin's own name for the table.
    pub table: String,
}

/// Where a row lives within its scope; both parts are any text from 1 to 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// Rows with the same partition are read together.
    pub partition: String,
    /// Orders the rows within the partition, byte by byte.
    pub sort: String,
}

/// A plugin's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it lives.
    pub key: RowKey,
    /// A JSON object as text.
    pub item: String,
    /// Starts at 1 and grows by 1 with every write.
    pub version: u64,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCondition {
    /// Nothing.
    Always,
    /// No row has the key.
    Absent,
    /// The row has this version.
    Version(u64),
}

/// A part of a partition. Unset bounds do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRange {
    /// Sort keys that start so.
    pub prefix: Option<String>,
    /// Sort keys from this one on.
    pub from: Option<String>,
    /// Sort keys before this one.
    pub until: Option<String>,
    /// The greatest first.
    pub descending: bool,
    /// How many at most, from 1 to 100.
    pub limit: u32,
    /// From the page before.
    pub cursor: Option<String>,
}

/// Rows of one partition in the order of their sort keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// For the next page; none at the end.
    pub cursor: Option<String>,
}

impl Store {
    /// One row, as of the last finished write.
    pub async fn row(&self, _scope: &RowScope, _key: &RowKey) -> Result<Option<Row>, StoreError> {
        unfinished()
    }

    /// The rows of a partition that lie in a range.
    pub async fn query_rows(
        &self,
        _scope: &RowScope,
        _partition: &str,
        _range: &RowRange,
    ) -> Result<RowPage, StoreError> {
        unfinished()
    }

    /// Writes a row and returns its new version. A repeated call with the same idempotency key changes nothing and
    /// answers as the first did.
    pub async fn put_row(
        &self,
        _scope: &RowScope,
        _key: &RowKey,
        _item: &str,
        _condition: RowCondition,
        _idempotency_key: &str,
    ) -> Result<u64, StoreError> {
        unfinished()
    }

    /// Removes a row; true when there was one. Repeated calls are answered as in [`Store::put_row`].
    pub async fn delete_row(
        &self,
        _scope: &RowScope,
        _key: &RowKey,
        _condition: RowCondition,
        _idempotency_key: &str,
    ) -> Result<bool, StoreError> {
        unfinished()
    }
}
