//! The hosts that share the store: each keeps one record there, which it renews every few seconds.
//!
//! Whether a host lives is judged by whether its record is renewed, as seen by the judging host's own clock, so clocks
//! that differ do not matter.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::types::AttributeValue;
use signalbox_model::Timestamp;

use crate::client::{Query, failure};
use crate::item::{AttributeMap, ItemBuilder, expired, number, text};
use crate::{Store, StoreError};

/// The partition of the records in the table of rows. A plugin's row cannot have it, because the keys of rows begin
/// with a length.
const PARTITION: &str = "signalbox-hosts";
const BEAT: &str = "beat";
const ANNOUNCES: &str = "announces";
const LEFT: &str = "left";

/// How long DynamoDB keeps the record of a host that no longer renews it.
const KEPT: Duration = Duration::from_secs(600);

/// The record of a host. A newer version may store more in it, which this version does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    /// The name of the host's process, as in [`Store::instance`].
    pub instance: String,
    /// Grows each time the host renews its record.
    pub beat: u64,
    /// Whether the host announces its changes to others: see [`Store::announce_changes`].
    pub announces: bool,
    /// The host has said that it ends.
    pub left: bool,
}

impl Store {
    /// Writes the record of this host.
    pub async fn renew_host(&self, beat: u64, announces: bool, left: bool) -> Result<(), StoreError> {
        let table = &self.names().rows;
        let expires = self.timeline().wall().checked_add(KEPT).unwrap_or(Timestamp::MAX);
        let item = ItemBuilder::default()
            .text("partition", PARTITION)
            .text("sort", self.instance())
            .number(BEAT, beat)
            .attribute(ANNOUNCES, AttributeValue::Bool(announces))
            .attribute(LEFT, AttributeValue::Bool(left))
            .expires(expires);
        let call = PutItemInput::builder().table_name(table).set_item(Some(item.build()));
        self.send(call).await.map_err(|error| failure("PutItem", table, error))?;
        Ok(())
    }

    /// The records of all other hosts that have not left, as of the last finished writes. A host that has died is among
    /// them for some minutes.
    pub async fn other_hosts(&self) -> Result<Vec<HostRecord>, StoreError> {
        let query = Query::all(&self.names().rows, ("partition", PARTITION), "sort");
        let now = self.timeline().wall();
        let found = self.query(&query, |item| !expired(item, now)).await?;
        let others = found.iter().filter_map(host_of);
        Ok(others.filter(|host| !host.left && host.instance != self.instance()).collect())
    }
}

fn host_of(item: &AttributeMap) -> Option<HostRecord> {
    let flag = |name| matches!(item.get(name), Some(AttributeValue::Bool(true)));
    Some(HostRecord {
        instance: text(item, "sort")?.to_owned(),
        beat: number(item, BEAT)?,
        announces: flag(ANNOUNCES),
        left: flag(LEFT),
    })
}
