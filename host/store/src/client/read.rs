use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemInput;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use super::{Store, failure};
use crate::StoreError;
use crate::document::packed_size;
use crate::item::{AttributeMap, text};
use crate::key::KeyRange;
use crate::tables::IndexSpec;

/// The most items that DynamoDB returns for one BatchGetItem.
const BATCH: usize = 100;
/// How often the keys that a batch left out are requested again.
const BATCH_ATTEMPTS: u32 = 8;

/// The longest keys that DynamoDB accepts, in bytes.
const LONGEST_PARTITION: usize = 2_048;
const LONGEST_SORT: usize = 1_024;

/// Refuses a key that DynamoDB would refuse, so that this does not look like a fault of the store.
fn check_key(key: &str, longest: usize) -> Result<(), StoreError> {
    match key.len() {
        0 => Err(StoreError::Invalid("an id is empty".to_owned())),
        length if length > longest => {
            Err(StoreError::Invalid(format!("an id has {length} bytes; none has more than {longest}")))
        }
        _ => Ok(()),
    }
}

/// Like [`check_key`], for the whole key of an item.
pub(super) fn check_keys(key: &AttributeMap) -> Result<(), StoreError> {
    key.values().filter_map(|value| value.as_s().ok()).try_for_each(|text| check_key(text, LONGEST_PARTITION))
}

/// The result of a query.
pub(crate) struct Found {
    pub(crate) items: Vec<AttributeMap>,
    /// The result has reached the wanted number of bytes, and there may be more items.
    pub(crate) ended_early: bool,
}

/// Selects items of one partition, in the order of their sort keys.
pub(crate) struct Query<'a> {
    pub(crate) table: &'a str,
    /// None is the table itself, which is read consistently; indexes are updated a little later.
    pub(crate) index: Option<IndexSpec>,
    /// Name and value of the partition key's attribute.
    pub(crate) partition: (&'a str, &'a str),
    /// Name of the sort key's attribute.
    pub(crate) sort: &'a str,
    pub(crate) range: KeyRange,
    pub(crate) descending: bool,
    /// None is no limit.
    pub(crate) limit: Option<usize>,
    /// Only items whose attribute of this name has this value. The store reads, and charges for, the others too.
    pub(crate) filter: Option<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    /// All items of a partition of a table.
    pub(crate) fn all(table: &'a str, partition: (&'a str, &'a str), sort: &'a str) -> Self {
        Self {
            table,
            index: None,
            partition,
            sort,
            range: KeyRange::default(),
            descending: false,
            limit: None,
            filter: None,
        }
    }

    /// The first items of a partition of an index.
    pub(crate) fn of_index(
        table: &'a str,
        index: IndexSpec,
        partition: &'a str,
        range: KeyRange,
        descending: bool,
        limit: usize,
    ) -> Self {
        let (name, sort) = (index.partition, index.sort);
        let partition = (name, partition);
        Self { table, index: Some(index), partition, sort, range, descending, limit: Some(limit), filter: None }
    }
}

impl Store {
    /// The items of a query that `keep` accepts.
    pub(crate) async fn query(
        &self,
        query: &Query<'_>,
        keep: impl Fn(&AttributeMap) -> bool,
    ) -> Result<Vec<AttributeMap>, StoreError> {
        Ok(self.query_within(query, keep, None).await?.items)
    }

    /// Like [`Store::query`], but requests no further page once the result has so many bytes.
    pub(crate) async fn query_within(
        &self,
        query: &Query<'_>,
        keep: impl Fn(&AttributeMap) -> bool,
        bytes: Option<usize>,
    ) -> Result<Found, StoreError> {
        let mut found = Vec::new();
        let mut size = 0_usize;
        if query.range.is_empty() || query.limit == Some(0) {
            return Ok(Found { items: found, ended_early: false });
        }
        check_key(query.partition.1, LONGEST_PARTITION)?;
        for bound in query.range.bounds() {
            check_key(bound, LONGEST_SORT)?;
        }
        let mut values = HashMap::from([(":partition".to_owned(), AttributeValue::S(query.partition.1.to_owned()))]);
        let bounds = query.range.condition(&mut values);
        let mut names = HashMap::from([("#partition".to_owned(), query.partition.0.to_owned())]);
        if !bounds.is_empty() {
            names.insert("#sort".to_owned(), query.sort.to_owned());
        }
        if let Some((name, value)) = query.filter {
            names.insert("#filter".to_owned(), name.to_owned());
            values.insert(":filter".to_owned(), AttributeValue::S(value.to_owned()));
        }
        let mut start = None;
        loop {
            // One item more than wanted, because the condition may include the upper bound itself. The store counts
            // the items that a filter leaves out too, so a filtered page is as large as the store makes it.
            let limit = query.limit.filter(|_| query.filter.is_none());
            let page = limit.map(|limit| i32::try_from(limit + 1 - found.len()).unwrap_or(i32::MAX));
            let call = QueryInput::builder()
                .table_name(query.table)
                .set_index_name(query.index.map(|index| index.name.to_owned()))
                .consistent_read(query.index.is_none())
                .key_condition_expression(format!("#partition = :partition{bounds}"))
                .set_filter_expression(query.filter.map(|_| "#filter = :filter".to_owned()))
                .set_expression_attribute_names(Some(names.clone()))
                .set_expression_attribute_values(Some(values.clone()))
                .scan_index_forward(!query.descending)
                .set_limit(page)
                .set_exclusive_start_key(start);
            let answer = self.send(call).await.map_err(|error| failure("Query", query.table, error))?;
            let in_range = |item: &AttributeMap| text(item, query.sort).is_some_and(|key| query.range.contains(key));
            let items = answer.items.unwrap_or_default().into_iter().filter(|item| in_range(item) && keep(item));
            for item in items {
                size = size.saturating_add(item.values().map(packed_size).sum());
                found.push(item);
            }
            if let Some(limit) = query.limit
                && found.len() >= limit
            {
                found.truncate(limit);
                return Ok(Found { items: found, ended_early: false });
            }
            start = answer.last_evaluated_key;
            let ended_early = start.is_some() && !found.is_empty() && bytes.is_some_and(|most| size >= most);
            if start.is_none() || ended_early {
                return Ok(Found { items: found, ended_early });
            }
        }
    }

    /// The items with these keys, read consistently, in the order of the keys. Keys without an item are left out.
    pub(crate) async fn items(&self, table: &str, keys: Vec<AttributeMap>) -> Result<Vec<AttributeMap>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH) {
            let found = self.batch(table, batch).await?;
            let in_order = |key: &AttributeMap| {
                let same = |item: &&AttributeMap| key.iter().all(|(name, value)| item.get(name) == Some(value));
                found.iter().find(same).cloned()
            };
            items.extend(batch.iter().filter_map(in_order));
        }
        Ok(items)
    }

    async fn batch(&self, table: &str, keys: &[AttributeMap]) -> Result<Vec<AttributeMap>, StoreError> {
        const OPERATION: &str = "BatchGetItem";
        let mut found = Vec::with_capacity(keys.len());
        let mut missing = keys.to_vec();
        for attempt in 0..BATCH_ATTEMPTS {
            if missing.is_empty() {
                return Ok(found);
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
            }
            let asked = KeysAndAttributes::builder().set_keys(Some(missing)).consistent_read(true).build().map_err(
                |error| StoreError::Refused {
                    table: table.to_owned(),
                    operation: OPERATION,
                    reason: error.to_string(),
                },
            )?;
            let call = BatchGetItemInput::builder().request_items(table, asked);
            let answer = self.send(call).await.map_err(|error| failure(OPERATION, table, error))?;
            found.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
            missing =
                answer.unprocessed_keys.unwrap_or_default().remove(table).map(|left| left.keys).unwrap_or_default();
        }
        if missing.is_empty() {
            return Ok(found);
        }
        Err(StoreError::Throttled { table: table.to_owned(), operation: OPERATION })
    }
}
