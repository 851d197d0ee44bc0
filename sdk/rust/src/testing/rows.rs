use std::collections::{BTreeMap, VecDeque};

use crate::bindings::capabilities::signalbox::dynamodb::dynamodb::{Condition, Error, Key, Page, Range, Row};

const KEY_BYTES: usize = 512;
const ITEM_BYTES: usize = 256 * 1024;

/// A write of another decision.
pub(super) type Interruption = Box<dyn FnOnce(&mut Rows)>;

/// The rows of one plugin in one business.
#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<(String, String, String), Stored>,
    deletions: BTreeMap<String, bool>,
    numbers: u64,
    /// Writes of other decisions that happen just before the next writes, one each.
    pub interruptions: VecDeque<Interruption>,
}

struct Stored {
    item: String,
    version: u64,
    writer: String,
}

impl Rows {
    /// A number that was not used before.
    pub fn fresh_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Writes a row as another decision would.
    pub fn put_by_other(&mut self, table: &str, partition: &str, sort: &str, item: String) {
        let version = self.stored(table, partition, sort).map_or(0, |stored| stored.version) + 1;
        let writer = format!("other/{}", self.fresh_number());
        self.rows.insert(full_key(table, partition, sort), Stored { item, version, writer });
    }

    /// The item of a row.
    pub fn value(&self, table: &str, partition: &str, sort: &str) -> Option<serde_json::Value> {
        serde_json::from_str(&self.stored(table, partition, sort)?.item).ok()
    }

    fn stored(&self, table: &str, partition: &str, sort: &str) -> Option<&Stored> {
        self.rows.get(&full_key(table, partition, sort))
    }

    pub fn get(&self, table: &str, key: &Key) -> Result<Option<Row>, Error> {
        check_key(key)?;
        Ok(self.stored(table, &key.partition, &key.sort).map(|stored| row(key.clone(), stored)))
    }

    pub fn query(&self, table: &str, partition: &str, range: &Range) -> Result<Page, Error> {
        if !(1..=100).contains(&range.limit) {
            return Err(Error::Invalid(format!("the limit {} is not from 1 to 100", range.limit)));
        }
        let mut keys: Vec<_> = self
            .rows
            .iter()
            .filter(|((row_table, row_partition, sort), _)| {
                row_table == table && row_partition == partition && in_range(sort, range)
            })
            .collect();
        if range.descending {
            keys.reverse();
        }
        let limit = range.limit as usize;
        let rows: Vec<Row> = keys
            .iter()
            .take(limit)
            .map(|((_, partition, sort), stored)| row(Key { partition: partition.clone(), sort: sort.clone() }, stored))
            .collect();
        let cursor = if keys.len() > limit { rows.last().map(|row| row.key.sort.clone()) } else { None };
        Ok(Page { rows, cursor })
    }

    pub fn put(
        &mut self,
        table: &str,
        key: &Key,
        item: &str,
        condition: Condition,
        writer: String,
    ) -> Result<u64, Error> {
        check_key(key)?;
        if item.len() > ITEM_BYTES || !matches!(serde_json::from_str(item), Ok(serde_json::Value::Object(_))) {
            return Err(Error::Invalid("the item is no JSON object of at most 256 KiB".to_owned()));
        }
        if let Some(stored) = self.stored(table, &key.partition, &key.sort)
            && stored.writer == writer
        {
            return Ok(stored.version);
        }
        self.interrupt();
        let version = self.check(table, key, condition)? + 1;
        let stored = Stored { item: item.to_owned(), version, writer };
        self.rows.insert(full_key(table, &key.partition, &key.sort), stored);
        Ok(version)
    }

    pub fn delete(&mut self, table: &str, key: &Key, condition: Condition, writer: String) -> Result<bool, Error> {
        check_key(key)?;
        if let Some(answer) = self.deletions.get(&writer) {
            return Ok(*answer);
        }
        self.interrupt();
        self.check(table, key, condition)?;
        let was_there = self.rows.remove(&full_key(table, &key.partition, &key.sort)).is_some();
        self.deletions.insert(writer, was_there);
        Ok(was_there)
    }

    fn interrupt(&mut self) {
        if let Some(interruption) = self.interruptions.pop_front() {
            interruption(self);
        }
    }

    /// The version of the row, 0 without a row, if the condition holds.
    fn check(&self, table: &str, key: &Key, condition: Condition) -> Result<u64, Error> {
        let version = self.stored(table, &key.partition, &key.sort).map_or(0, |stored| stored.version);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => version == 0,
            Condition::Version(wanted) => version != 0 && version == wanted,
        };
        if holds { Ok(version) } else { Err(Error::ConditionFailed) }
    }
}

fn row(key: Key, stored: &Stored) -> Row {
    Row { key, item: stored.item.clone(), version: stored.version }
}

fn full_key(table: &str, partition: &str, sort: &str) -> (String, String, String) {
    (table.to_owned(), partition.to_owned(), sort.to_owned())
}

fn check_key(key: &Key) -> Result<(), Error> {
    for part in [&key.partition, &key.sort] {
        if part.is_empty() || part.len() > KEY_BYTES {
            return Err(Error::Invalid(format!("a part of the key has {} bytes, not 1 to {KEY_BYTES}", part.len())));
        }
    }
    Ok(())
}

fn in_range(sort: &str, range: &Range) -> bool {
    range.prefix.as_deref().is_none_or(|prefix| sort.starts_with(prefix))
        && range.from.as_deref().is_none_or(|from| sort >= from)
        && range.until.as_deref().is_none_or(|until| sort < until)
        && range.cursor.as_deref().is_none_or(|cursor| if range.descending { sort < cursor } else { sort > cursor })
}
