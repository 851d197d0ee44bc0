use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use signalbox_model::{JsonObject, Timestamp};
use std::collections::BTreeMap;
use ulid::Ulid;

use super::{ITEM, PARTITION, RowCondition, RowKey, RowScope, SORT, VERSION, is_there};
use crate::client::failure;
use crate::document::{pack, pack_text, unpack};
use crate::item::{AttributeMap, EXPIRES_AT, ItemBuilder, number, text};
use crate::optimistic::Contention;
use crate::{Store, StoreError};

/// Changes with every write, also when a row is removed and created again.
const STAMP: &str = "stamp";
const WRITES: &str = "writes";

/// The largest content of a row, in bytes of JSON.
const CONTENT_LIMIT: usize = 256 * 1024;
/// Longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_LIMIT: usize = 256;
/// How many of its latest writes a row remembers, so that a repeated write gets the same answer.
const REMEMBERED_WRITES: usize = 16;
/// How long a deletion marker is kept, for the same reason.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// A write that happened, and its answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Write {
    key: String,
    answer: u64,
    /// Fields that only a newer version knows.
    #[serde(flatten)]
    unknown: JsonObject,
}

/// The row that a write wants to store.
enum Wanted<'a> {
    Row(&'a str),
    Nothing,
}

impl Store {
    /// Writes a row and returns its new version. A repeated call with the same idempotency key changes nothing and
    /// answers as the first did, as long as the row has not been written 16 times since.
    pub async fn put_row(
        &self,
        scope: &RowScope,
        row_key: &RowKey,
        item: &str,
        condition: RowCondition,
        idempotency_key: &str,
    ) -> Result<u64, StoreError> {
        if item.len() > CONTENT_LIMIT {
            let message = format!("a row's item must have at most {CONTENT_LIMIT} bytes, not {}", item.len());
            return Err(StoreError::Invalid(message));
        }
        if let Err(error) = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(item) {
            return Err(StoreError::Invalid(format!("a row's item must be a JSON object: {error}")));
        }
        self.write_row(scope, row_key, &Wanted::Row(item), condition, idempotency_key).await
    }

    /// Removes a row; true when it existed. Repeated calls are answered as in [`Store::put_row`], for a day.
    pub async fn delete_row(
        &self,
        scope: &RowScope,
        row_key: &RowKey,
        condition: RowCondition,
        idempotency_key: &str,
    ) -> Result<bool, StoreError> {
        let removed = self.write_row(scope, row_key, &Wanted::Nothing, condition, idempotency_key).await?;
        Ok(removed > 0)
    }

    /// Reads, decides, and writes on condition that no other writer has written in between.
    async fn write_row(
        &self,
        scope: &RowScope,
        row_key: &RowKey,
        wanted: &Wanted<'_>,
        condition: RowCondition,
        idempotency_key: &str,
    ) -> Result<u64, StoreError> {
        super::checked_part("idempotency key", idempotency_key, IDEMPOTENCY_KEY_LIMIT)?;
        let table = &self.names().rows;
        let mut contention = Contention::at(table, || what(row_key));
        loop {
            let found = self.row_item(scope, row_key).await?;
            let mut writes = self.writes(found.as_ref(), row_key).await?;
            if let Some(write) = writes.iter().find(|write| write.key == idempotency_key) {
                return Ok(write.answer);
            }
            let row = found.as_ref().filter(|item| is_there(item));
            let version = row.and_then(|item| number(item, VERSION));
            let holds = match condition {
                RowCondition::Always => true,
                RowCondition::Absent => row.is_none(),
                RowCondition::Version(wanted) => version == Some(wanted),
            };
            if !holds {
                let operation = "PutItem";
                return Err(StoreError::ConditionFailed { table: table.clone(), operation });
            }
            let answer = match wanted {
                Wanted::Row(_) => version.unwrap_or_default().saturating_add(1),
                Wanted::Nothing => u64::from(row.is_some()),
            };
            writes.push(Write { key: idempotency_key.to_owned(), answer, unknown: JsonObject::new() });
            let surplus = writes.len().saturating_sub(REMEMBERED_WRITES);
            writes.drain(..surplus);
            if self.replace_row(scope, row_key, wanted, answer, &writes, found).await? {
                return Ok(answer);
            }
            contention.again().await?;
        }
    }

    /// Replaces the item that was read; false when another writer has written meanwhile. Attributes of a newer version
    /// stay.
    async fn replace_row(
        &self,
        scope: &RowScope,
        row_key: &RowKey,
        wanted: &Wanted<'_>,
        answer: u64,
        writes: &[Write],
        read: Option<AttributeMap>,
    ) -> Result<bool, StoreError> {
        let table = &self.names().rows;
        let stamp = read.as_ref().and_then(|item| text(item, STAMP)).map(str::to_owned);
        let mut kept = read.unwrap_or_default();
        kept.retain(|name, _| ![VERSION, ITEM, EXPIRES_AT].contains(&name.as_str()));
        let item = ItemBuilder::from(kept)
            .text(PARTITION, scope.partition(&row_key.partition)?)
            .text(SORT, &row_key.sort)
            .text(STAMP, Ulid::new().to_string())
            .attribute(WRITES, pack(&writes).await?);
        let item = match wanted {
            Wanted::Row(content) => {
                item.number(VERSION, answer).attribute(ITEM, pack_text((*content).to_owned()).await?)
            }
            Wanted::Nothing => item.expires(Timestamp::now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX)),
        };
        let call = PutItemInput::builder().table_name(table).set_item(Some(item.build()));
        let call = call.expression_attribute_names("#stamp", STAMP);
        let call = match stamp {
            Some(stamp) => call
                .condition_expression("#stamp = :read")
                .expression_attribute_values(":read", aws_sdk_dynamodb::types::AttributeValue::S(stamp)),
            None => call.condition_expression("attribute_not_exists(#stamp)"),
        };
        match self.send(call).await.map_err(|error| failure("PutItem", table, error)) {
            Ok(_) => Ok(true),
            Err(StoreError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn writes(&self, item: Option<&AttributeMap>, row_key: &RowKey) -> Result<Vec<Write>, StoreError> {
        let Some(item) = item else { return Ok(Vec::new()) };
        let unreadable = |reason| self.unreadable(&self.names().rows, what(row_key), reason);
        unpack(item, WRITES).await.map_err(unreadable)
    }
}

fn what(row_key: &RowKey) -> String {
    format!("row {:?} {:?}", row_key.partition, row_key.sort)
}
