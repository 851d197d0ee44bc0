//! The item with the latest known moment of all hosts.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemInput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use signalbox_model::Timestamp;

use super::stand::{FORGOTTEN, HIGH, LEAPT, Stand, add};
use super::{SILENCE, STALE, TOLERANCE};
use crate::client::{failure, key};
use crate::item::{ItemBuilder, Update};
use crate::key::instant;
use crate::optimistic::Contention;
use crate::{Store, StoreError};

/// The key of the item. A plugin's row cannot have it, because the keys of rows begin with a length.
const PARTITION: (&str, &str) = ("partition", "signalbox");
const SORT: (&str, &str) = ("sort", "timeline");

impl Store {
    /// The moment of a decision that is about to be stored: later than every moment that this host gave before, and
    /// hardly earlier than any that another host gave, whatever their clocks show. It usually makes no call to the
    /// store.
    pub async fn moment(&self) -> Result<Timestamp, StoreError> {
        if let Some(moment) = self.timeline().next() {
            return Ok(moment);
        }
        let asking = self.timeline().asking.clone().acquire_owned().await;
        // Another task may have updated the item while this one waited.
        if let Some(moment) = self.timeline().next() {
            return Ok(moment);
        }
        self.say_where_we_stand().await?;
        drop(asking);
        let next = self.timeline().next();
        next.ok_or_else(|| self.undecided("the machine's clock is being set again and again"))
    }

    /// Moves the item's moment on, and sets this host's count by it. This writes, so it also shows whether the store
    /// accepts writes.
    pub(crate) async fn say_where_we_stand(&self) -> Result<(), StoreError> {
        let timeline = self.timeline();
        let mut stand = None;
        let mut contention = Contention::at(&self.names().rows, || "the order of decisions".to_owned());
        loop {
            let (wall, at, counted) = timeline.proposed();
            // A host that has a count goes on from it; only a new host has to read the item first.
            if counted.is_none() && stand.is_none() {
                stand = self.stand().await?;
            }
            let known = counted.max(stand.as_ref().map(|stand: &Stand| stand.high));
            let slack = if counted.is_some() { TOLERANCE } else { SILENCE };
            let after = |known: Timestamp| wall.max(add(known, Duration::from_nanos(1)));
            let (moment, written) = match known {
                None => (wall, self.begin_timeline(wall).await?),
                Some(known)
                    if wall.duration_since(known) <= slack && (counted.is_some() || !was_set_back(wall, known)) =>
                {
                    let moment = after(known);
                    (moment, self.move_on(moment).await?)
                }
                Some(known) => self.move_far(wall, after(known), counted.is_none()).await?,
            };
            match written {
                None => {
                    timeline.settle(moment, at, wall);
                    return Ok(());
                }
                // Another host is ahead, or has written in between.
                Some(found) => {
                    if counted.is_some() && wall <= found.high {
                        timeline.settle(found.high, at, wall);
                    }
                    stand = Some(found);
                    contention.again().await?;
                }
            }
        }
    }

    /// The item; none before the first host has written it.
    pub(crate) async fn stand(&self) -> Result<Option<Stand>, StoreError> {
        let table = &self.names().rows;
        let read = GetItemInput::builder().table_name(table).set_key(Some(key(PARTITION, SORT))).consistent_read(true);
        let answer = self.ask(read).await.map_err(|error| failure("GetItem", table, error))?;
        Ok(answer.item.as_ref().and_then(Stand::of))
    }

    /// Moves the item on to `moment`, which is far from this host's count, and notes a leap if it is also far from the
    /// item's moment. A new host whose clock was set back starts after every moment that other hosts may have given
    /// since their last update.
    async fn move_far(
        &self,
        wall: Timestamp,
        moment: Timestamp,
        is_new: bool,
    ) -> Result<(Timestamp, Option<Stand>), StoreError> {
        let Some(mut found) = self.stand().await? else {
            return Ok((moment, self.begin_timeline(moment).await?));
        };
        let seen = found.high;
        let behind = is_new && was_set_back(wall, seen);
        let moment = if behind { add(seen, STALE) } else { moment };
        if wall.duration_since(seen) <= SILENCE && !behind {
            let moment = moment.max(add(seen, Duration::from_nanos(1)));
            return Ok((moment, self.move_on(moment).await?));
        }
        found.leap(seen, moment);
        tracing::info!(from = %seen, to = %moment, "the order of decisions leaps ahead, to what the clock shows");
        let mut update = Update::default()
            .set(HIGH, AttributeValue::S(instant(moment)))
            .set(LEAPT, AttributeValue::S(found.leaps_text()));
        if let Some(forgotten) = found.forgotten {
            update = update.set(FORGOTTEN, AttributeValue::S(instant(forgotten)));
        }
        update.values.insert(":seen".to_owned(), AttributeValue::S(instant(seen)));
        Ok((moment, self.move_timeline(update, "#high = :seen", moment).await?))
    }

    async fn begin_timeline(&self, moment: Timestamp) -> Result<Option<Stand>, StoreError> {
        let table = &self.names().rows;
        let item = ItemBuilder::default()
            .text(PARTITION.0, PARTITION.1)
            .text(SORT.0, SORT.1)
            .text(HIGH, instant(moment))
            .build();
        let call = PutItemInput::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#partition)")
            .expression_attribute_names("#partition", PARTITION.0);
        match self.ask(call).await.map_err(|error| failure("PutItem", table, error)) {
            Ok(_) => Ok(None),
            Err(StoreError::ConditionFailed { .. }) => self.stand().await,
            Err(error) => Err(error),
        }
    }

    async fn move_on(&self, moment: Timestamp) -> Result<Option<Stand>, StoreError> {
        let update = Update::default().set(HIGH, AttributeValue::S(instant(moment)));
        self.move_timeline(update, "#high < :high", moment).await
    }

    /// None when the item was moved on; otherwise the existing item.
    async fn move_timeline(
        &self,
        update: Update,
        condition: &str,
        moment: Timestamp,
    ) -> Result<Option<Stand>, StoreError> {
        let table = &self.names().rows;
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key(PARTITION, SORT)))
            .update_expression(update.expression())
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.ask(call).await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let found = match error.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(refused) => refused.item,
                    _ => None,
                };
                match found.as_ref().and_then(Stand::of) {
                    Some(stand) => Ok(Some(stand)),
                    None => match self.stand().await? {
                        Some(stand) => Ok(Some(stand)),
                        // The table was emptied while the host runs.
                        None => self.begin_timeline(moment).await,
                    },
                }
            }
            Err(error) => Err(failure("UpdateItem", table, error)),
        }
    }

    fn undecided(&self, reason: &str) -> StoreError {
        StoreError::Unavailable {
            table: self.names().rows.clone(),
            operation: "UpdateItem",
            reason: format!("the order of decisions is not settled: {reason}"),
        }
    }
}

/// Whether a clock is further behind the item than the clocks of hosts normally differ.
fn was_set_back(wall: Timestamp, said: Timestamp) -> bool {
    said.duration_since(wall) > TOLERANCE
}
