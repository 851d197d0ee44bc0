//! Sparse indexes of items with work left: an item is in one only while it has the index's keys.

use signalbox_model::Timestamp;

use crate::client::Query;
use crate::item::{AttributeMap, ItemBuilder, text};
use crate::key::{KeyRange, moment};
use crate::tables::IndexSpec;
use crate::{Store, StoreError};

/// The queue is spread over several partitions, because AWS allows 1,000 writes per second for one partition of an
/// index.
const SHARDS: [&str; 4] = ["0", "1", "2", "3"];

/// The kind of work left for an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane<'a> {
    /// Work that can be done as soon as it is due.
    Pending,
    /// Work that waits until an operator has mended something.
    Waiting,
    /// Work that waits until this target of effects works again.
    HeldBack(&'a str),
    /// Work that was given up and that an operator may have done again.
    DeadLetter,
}

/// The place of an item in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: String,
    pub(crate) sort: String,
}

impl Place {
    pub(crate) fn new(lane: Lane<'_>, due: Timestamp, id: &str) -> Self {
        let mixed = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let shard = SHARDS.get(mixed % SHARDS.len()).copied().unwrap_or_default();
        Self { partition: partition(lane, shard), sort: moment(due, id) }
    }

    pub(crate) fn write(self, item: ItemBuilder, index: IndexSpec) -> ItemBuilder {
        item.text(index.partition, self.partition).text(index.sort, self.sort)
    }
}

fn partition(lane: Lane<'_>, shard: &str) -> String {
    let lane = match lane {
        Lane::Pending => "pending",
        Lane::Waiting => "waiting",
        Lane::HeldBack(target) => return format!("held-back/{target}/{shard}"),
        Lane::DeadLetter => "dead-letter",
    };
    format!("{lane}/{shard}")
}

impl Store {
    /// The items of a lane within a range of sort keys, in the order in which they are due; with a filter only those
    /// whose attribute has the value.
    pub(crate) async fn in_lane(
        &self,
        table: &str,
        index: IndexSpec,
        lane: Lane<'_>,
        range: KeyRange,
        filter: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<AttributeMap>, StoreError> {
        let read = async |shard| {
            let partition = partition(lane, shard);
            let query = Query { filter, ..Query::of_index(table, index, &partition, range.clone(), false, limit) };
            self.query(&query, |_| true).await
        };
        let [a, b, c, d] = SHARDS;
        let (mut found, b, c, d) = tokio::try_join!(read(a), read(b), read(c), read(d))?;
        found.extend(b.into_iter().chain(c).chain(d));
        found.sort_by(|a, b| text(a, index.sort).cmp(&text(b, index.sort)));
        found.truncate(limit);
        Ok(found)
    }
}
