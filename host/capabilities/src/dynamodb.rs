//! `signalbox:dynamodb`: the plugin's own rows in this business. The store makes the keys from business, plugin and
//! table, so no guest can address rows of another.

use signalbox_bindings::signalbox::dynamodb::dynamodb::{Condition, Error, Host, Key, Page, Range, Row};
use signalbox_store::{RowCondition, RowKey, RowRange, RowScope, StoreError};

use crate::Calls;
use crate::guard::{CapabilityError, Function, SMALL_ANSWER};

/// The bytes of a page in addition to its rows, mainly its cursor.
const PAGE_BYTES: usize = 4 * 1024;
/// The largest row.
const LARGEST_ITEM: usize = 256 * 1024;

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Timeout
    }

    fn exhausted(reason: String) -> Self {
        Self::Exhausted(reason)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl Host for Calls {
    async fn get(&mut self, table: String, key: Key) -> wasmtime::Result<Result<Option<Row>, Error>> {
        let (store, scope) = (self.services.store.clone(), self.readable(&table));
        self.guard(Function::new("dynamodb", "get"), (table, key), |(_, key), _| async move {
            let found = store.row(&scope?, &to_row_key(key)?).await.map_err(to_wit_error)?;
            Ok(found.map(to_wit_row))
        })
        .await
    }

    async fn query(&mut self, table: String, partition: String, range: Range) -> wasmtime::Result<Result<Page, Error>> {
        let (store, scope) = (self.services.store.clone(), self.readable(&table));
        let request = (table, partition, range);
        let function = Function::new("dynamodb", "query").answers(usize::MAX);
        self.guard(function, request, |(_, partition, range), asked| async move {
            let range = RowRange {
                prefix: range.prefix,
                from: range.from,
                until: range.until,
                descending: range.descending,
                limit: range.limit,
                cursor: range.cursor,
                bytes: Some(asked.bytes.saturating_sub(PAGE_BYTES)),
            };
            let page = store.query_rows(&scope?, &partition, &range).await.map_err(to_wit_error)?;
            Ok(Page { rows: page.rows.into_iter().map(to_wit_row).collect(), cursor: page.cursor })
        })
        .await
    }

    async fn put(
        &mut self,
        table: String,
        key: Key,
        item: String,
        condition: Condition,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let (store, scope) = (self.services.store.clone(), self.writable(&table));
        let request = (table, key, item, condition);
        let function = Function::new("dynamodb", "put").answers(SMALL_ANSWER);
        self.guard(function, request, |(_, key, item, condition), asked| async move {
            let (scope, key) = (scope?, to_row_key(key)?);
            check_item(&item)?;
            store.put_row(&scope, &key, &item, to_row_condition(condition), &asked.key).await.map_err(to_wit_error)
        })
        .await
    }

    async fn delete(&mut self, table: String, key: Key, condition: Condition) -> wasmtime::Result<Result<bool, Error>> {
        let (store, scope) = (self.services.store.clone(), self.writable(&table));
        let request = (table, key, condition);
        let function = Function::new("dynamodb", "delete").answers(SMALL_ANSWER);
        self.guard(function, request, |(_, key, condition), asked| async move {
            let (scope, key) = (scope?, to_row_key(key)?);
            store.delete_row(&scope, &key, to_row_condition(condition), &asked.key).await.map_err(to_wit_error)
        })
        .await
    }
}

impl Calls {
    fn readable(&self, table: &str) -> Result<RowScope, Error> {
        if self.policy.grants.reads_table(table) {
            return Ok(self.row_scope(table));
        }
        Err(Error::Denied(format!("plugin {} has no grant `dynamodb = [\"{table}:read\"]`", self.policy.name)))
    }

    fn writable(&self, table: &str) -> Result<RowScope, Error> {
        if self.policy.grants.writes_table(table) {
            return Ok(self.row_scope(table));
        }
        Err(Error::Denied(format!("plugin {} has no grant `dynamodb = [\"{table}\"]`", self.policy.name)))
    }

    fn row_scope(&self, table: &str) -> RowScope {
        RowScope {
            business_id: self.scope.business.business_id.clone(),
            plugin: self.policy.name.to_string(),
            table: table.to_owned(),
        }
    }
}

fn to_row_key(key: Key) -> Result<RowKey, Error> {
    for (part, text) in [("partition", &key.partition), ("sort", &key.sort)] {
        if text.is_empty() || text.len() > 512 {
            return Err(Error::Invalid(format!("the key's {part} has {} bytes; it must have 1 to 512", text.len())));
        }
    }
    Ok(RowKey { partition: key.partition, sort: key.sort })
}

fn to_row_condition(condition: Condition) -> RowCondition {
    match condition {
        Condition::Always => RowCondition::Always,
        Condition::Absent => RowCondition::Absent,
        Condition::Version(version) => RowCondition::Version(version),
    }
}

fn to_wit_row(row: signalbox_store::Row) -> Row {
    Row { key: Key { partition: row.key.partition, sort: row.key.sort }, item: row.item, version: row.version }
}

fn check_item(item: &str) -> Result<(), Error> {
    if item.len() > LARGEST_ITEM {
        return Err(Error::Invalid(format!("the item has {} bytes; at most {LARGEST_ITEM} are kept", item.len())));
    }
    serde_json::from_str::<signalbox_model::JsonObject>(item)
        .map(drop)
        .map_err(|error| Error::Invalid(format!("the item is not a JSON object: {error}")))
}

fn to_wit_error(error: StoreError) -> Error {
    match error {
        StoreError::ConditionFailed { .. } => Error::ConditionFailed,
        StoreError::Invalid(reason) => Error::Invalid(reason),
        StoreError::TooLarge { .. } => Error::Invalid(error.to_string()),
        StoreError::Timeout { .. } => Error::Timeout,
        // Leaves out the store's own message, which names real tables.
        other => {
            tracing::warn!(code = other.code().as_str(), error = %other, "a plugin's call to its rows failed");
            Error::Unavailable(format!("the store failed: {}", other.code()))
        }
    }
}
