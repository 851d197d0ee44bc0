//! The rows of plugins. A row belongs to one business, one plugin and one of the plugin's tables. All three are part of
//! its key, so that no two scopes ever share a key.

use crate::client::{Found, Query, key};
use crate::document::unpack_text;
use crate::item::{AttributeMap, number, text};
use crate::key::{KeyRange, after_prefix, compose};
use crate::{Store, StoreError, cursor};

mod write;

const PARTITION: &str = "partition";
const SORT: &str = "sort";
const ITEM: &str = "item";
const VERSION: &str = "version";

/// Longest part of a row's key, in bytes.
const KEY_PART_LIMIT: usize = 512;
/// Longest name of a business, plugin or table; with it, a partition fits into the 2,048 bytes that DynamoDB gives it.
const SCOPE_PART_LIMIT: usize = 256;

/// The business, plugin and table of a row. Scopes never share rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowScope {
    /// The business.
    pub business_id: String,
    /// The plugin.
    pub plugin: String,
    /// The plugin's own name for the table.
    pub table: String,
}

/// The key of a row within its scope; both parts are any text of 1 to 512 bytes.
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
    /// The key.
    pub key: RowKey,
    /// The content: a JSON object as text.
    pub item: String,
    /// Starts at 1 and grows by 1 with every write.
    pub version: u64,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowCondition {
    /// Nothing.
    Always,
    /// No row has the key.
    Absent,
    /// The row has this version.
    Version(u64),
}

/// Selects rows of a partition. Unset bounds do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRange {
    /// Only sort keys with this prefix.
    pub prefix: Option<String>,
    /// Only sort keys from this one on.
    pub from: Option<String>,
    /// Only sort keys before this one.
    pub until: Option<String>,
    /// Whether the greatest sort key comes first.
    pub descending: bool,
    /// How many at most, from 1 to 100.
    pub limit: u32,
    /// The cursor of the previous page.
    pub cursor: Option<String>,
    /// The most bytes of a page, which has its first row in any case; none is no limit.
    pub bytes: Option<usize>,
}

/// The bytes that a row counts in a page in addition to its key and content.
const ROW_BYTES: usize = 512;

/// Rows of one partition in the order of their sort keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPage {
    /// The rows.
    pub rows: Vec<Row>,
    /// The cursor of the next page; none at the end.
    pub cursor: Option<String>,
}

impl Store {
    /// One row, as of the last finished write.
    pub async fn row(&self, scope: &RowScope, row_key: &RowKey) -> Result<Option<Row>, StoreError> {
        let item = self.row_item(scope, row_key).await?;
        match item.filter(is_there) {
            Some(item) => self.read_row(&row_key.partition, &item).await.map(Some),
            None => Ok(None),
        }
    }

    /// The rows of a partition that lie in a range, as of the last finished write.
    pub async fn query_rows(&self, scope: &RowScope, partition: &str, range: &RowRange) -> Result<RowPage, StoreError> {
        let composed = scope.partition(partition)?;
        let limit = crate::listing::checked(range.limit)?;
        // A cursor is valid for the same partition in the same direction.
        let list = ["rows", &composed, if range.descending { "descending" } else { "ascending" }];
        let mut query = Query::all(&self.names().rows, (PARTITION, &composed), SORT);
        query.range = bounds(range)?;
        if let Some(cursor) = &range.cursor {
            let last = cursor::open(&list, cursor)?;
            query.range = if range.descending { query.range.until(Some(last)) } else { query.range.after(&last) };
        }
        query.descending = range.descending;
        query.limit = Some(limit + 1);
        let Found { mut items, ended_early } = self.query_within(&query, is_there, range.bytes).await?;
        let mut more = ended_early || items.len() > limit;
        items.truncate(limit);
        let (mut rows, mut bytes) = (Vec::with_capacity(items.len()), 0_usize);
        // An item may decompress to more bytes than it has in the table.
        for item in items {
            let row = self.read_row(partition, &item).await?;
            bytes = bytes.saturating_add(ROW_BYTES + row.key.partition.len() + row.key.sort.len() + row.item.len());
            if !rows.is_empty() && range.bytes.is_some_and(|most| bytes > most) {
                more = true;
                break;
            }
            rows.push(row);
        }
        let cursor = rows.last().filter(|_| more).map(|row| cursor::seal(&list, &row.key.sort));
        Ok(RowPage { rows, cursor })
    }

    /// The item of a row, which may be a deletion marker.
    async fn row_item(&self, scope: &RowScope, row_key: &RowKey) -> Result<Option<AttributeMap>, StoreError> {
        let partition = scope.partition(&row_key.partition)?;
        checked_part("sort key", &row_key.sort, KEY_PART_LIMIT)?;
        self.item(&self.names().rows, key((PARTITION, &partition), (SORT, &row_key.sort))).await
    }

    async fn read_row(&self, partition: &str, item: &AttributeMap) -> Result<Row, StoreError> {
        let sort = text(item, SORT).unwrap_or_default();
        let unreadable = |reason| self.unreadable(&self.names().rows, format!("row {partition:?} {sort:?}"), reason);
        let version = number(item, VERSION).ok_or_else(|| unreadable("it has no version".to_owned()))?;
        let content = unpack_text(item, ITEM).await.map_err(unreadable)?;
        let key = RowKey { partition: partition.to_owned(), sort: sort.to_owned() };
        Ok(Row { key, item: content, version })
    }
}

impl RowScope {
    /// The partition key, which differs from those of all other scopes, whatever characters its parts contain.
    fn partition(&self, partition: &str) -> Result<String, StoreError> {
        checked_part("business id", &self.business_id, SCOPE_PART_LIMIT)?;
        checked_part("plugin name", &self.plugin, SCOPE_PART_LIMIT)?;
        checked_part("table name", &self.table, SCOPE_PART_LIMIT)?;
        checked_part("partition", partition, KEY_PART_LIMIT)?;
        Ok(compose(&[&self.business_id, &self.plugin, &self.table, partition]))
    }
}

fn checked_part(what: &str, part: &str, limit: usize) -> Result<(), StoreError> {
    if part.is_empty() || part.len() > limit {
        return Err(StoreError::Invalid(format!("a row's {what} must have 1 to {limit} bytes, not {}", part.len())));
    }
    Ok(())
}

fn bounds(range: &RowRange) -> Result<KeyRange, StoreError> {
    let mut bounds = KeyRange::default();
    for bound in [&range.prefix, &range.from, &range.until].into_iter().flatten() {
        if bound.len() > KEY_PART_LIMIT {
            let message = format!("a bound of a range must have at most {KEY_PART_LIMIT} bytes, not {}", bound.len());
            return Err(StoreError::Invalid(message));
        }
    }
    if let Some(prefix) = &range.prefix {
        bounds = bounds.from(prefix.clone()).until(after_prefix(prefix));
    }
    if let Some(from) = &range.from {
        bounds = bounds.from(from.clone());
    }
    Ok(bounds.until(range.until.clone()))
}

/// Whether an item is a row and not a deletion marker.
fn is_there(item: &AttributeMap) -> bool {
    item.contains_key(ITEM)
}
