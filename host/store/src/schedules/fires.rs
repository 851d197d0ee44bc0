//! Fires each tick once, however many processes watch the schedule: a claim is written on condition that none exists.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::{Deserialize, Serialize};
use signalbox_model::{Timestamp, fire_input_id};
use ulid::Ulid;

use super::{BODY, BUSINESS, GENERATION, HANDLED_UNTIL, LAST, LAST_NOMINAL, NAME};
use crate::client::{Part, Transacted, failure, key};
use crate::document::pack;
use crate::item::{AttributeMap, ItemBuilder, Update, number, text};
use crate::key::{compose, instant};
use crate::listing::{self, Pages, Queue, checked};
use crate::optimistic::Contention;
use crate::queue::{Lane, Place};
use crate::tables::BY_DUE;
use crate::{Page, Store, StoreError};

/// Attributes of a fire's item.
const SCHEDULE: &str = "schedule";
const NOMINAL: &str = "nominal";
const OWNER: &str = "owner";
const LEASE_UNTIL: &str = "leaseUntil";
const WRITER: &str = "writer";
const END: &str = "end";

/// How long a claim is remembered.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A tick that a process has claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// The business.
    pub business_id: String,
    /// The schedule.
    pub name: String,
    /// The nominal time of the tick.
    pub nominal: Timestamp,
    /// The generation of the schedule that the process has read.
    pub generation: u64,
    /// The process.
    pub owner: String,
    /// After this time another process may take over.
    pub lease_until: Timestamp,
}

/// A tick that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FireRecord {
    /// The nominal time of the tick.
    pub nominal: Timestamp,
    /// When it fired.
    pub fired_at: Timestamp,
    /// The input that it caused.
    pub input_id: String,
}

/// The result of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FireClaim {
    /// This process fires the tick.
    Won,
    /// Another process fires it, or has fired it.
    Lost,
    /// The schedule has changed since this process read it: read it again and decide anew.
    Stale,
}

/// The end of a claimed tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FireEnd {
    /// Its input was accepted.
    Fired {
        /// When.
        at: Timestamp,
    },
    /// It was skipped deliberately, by the schedule's overlap or catch-up policy.
    Skipped,
}

impl Fire {
    /// The id of its input, which is the same whichever process fires the tick.
    pub fn input_id(&self) -> String {
        fire_input_id(&self.business_id, &self.name, self.nominal)
    }

    fn key(&self) -> AttributeMap {
        key((SCHEDULE, &compose(&[&self.business_id, &self.name])), (NOMINAL, &instant(self.nominal)))
    }

    fn what(&self) -> String {
        format!("the tick of schedule {} of business {} at {}", self.name, self.business_id, self.nominal)
    }

    fn place(&self) -> Place {
        Place::new(Lane::Pending, self.lease_until, &self.input_id())
    }
}

impl Store {
    /// Claims a tick, once in the whole cluster, on condition that the schedule has not changed since this process read
    /// it.
    pub async fn claim_fire(&self, fire: &Fire) -> Result<FireClaim, StoreError> {
        const OPERATION: &str = "TransactWriteItems";
        let (schedules, fires) = (&self.names().schedules, &self.names().fires);
        let invalid = |error: BuildError| StoreError::Refused {
            table: fires.clone(),
            operation: OPERATION,
            reason: error.to_string(),
        };
        // An attempt may write and lose its answer, and the next attempt then finds that write. The writer's id
        // distinguishes it from the claim of another process.
        let writer = Ulid::new().to_string();
        let known = ConditionCheck::builder()
            .table_name(schedules)
            .set_key(Some(key((BUSINESS, &fire.business_id), (NAME, &fire.name))))
            .condition_expression("#generation = :generation AND attribute_exists(#body)")
            .expression_attribute_names("#generation", GENERATION)
            .expression_attribute_names("#body", BODY)
            .expression_attribute_values(":generation", AttributeValue::N(fire.generation.to_string()))
            .build()
            .map_err(invalid)?;
        let claimed = Put::builder()
            .table_name(fires)
            .set_item(Some(fire_item(fire, &writer)))
            .condition_expression("attribute_not_exists(#schedule)")
            .expression_attribute_names("#schedule", SCHEDULE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(invalid)?;
        let parts = vec![
            TransactWriteItem::builder().condition_check(known).build(),
            TransactWriteItem::builder().put(claimed).build(),
        ];
        let mut contention = Contention::at(fires, || fire.what());
        loop {
            match self.transact(fires, parts.clone()).await? {
                Transacted::Written => return Ok(FireClaim::Won),
                Transacted::Conflict => contention.again().await?,
                Transacted::Refused(parts) => match parts.into_iter().nth(1) {
                    Some(Part::Refused(found)) => return self.claimed(fire, &writer, found).await,
                    _ => return Ok(FireClaim::Stale),
                },
            }
        }
    }

    /// Takes over a tick from [`Store::unfinished_fires`], or extends its lease; of many callers exactly one wins. The
    /// caller checks whether the schedule still exists.
    pub async fn reclaim_fire(
        &self,
        fire: &Fire,
        owner: &str,
        lease_until: Timestamp,
    ) -> Result<(FireClaim, Fire), StoreError> {
        let table = &self.names().fires;
        let taken = Fire { owner: owner.to_owned(), lease_until, ..fire.clone() };
        let writer = Ulid::new().to_string();
        let update = Update::default()
            .set(OWNER, AttributeValue::S(taken.owner.clone()))
            .set(LEASE_UNTIL, AttributeValue::S(instant(lease_until)))
            .set(WRITER, AttributeValue::S(writer.clone()))
            .set(BY_DUE.sort, AttributeValue::S(taken.place().sort));
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(fire.key()))
            .update_expression(update.expression())
            .condition_expression("attribute_exists(#queue) AND #owner = :before AND #leaseUntil = :over")
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#queue", BY_DUE.partition)
            .expression_attribute_values(":before", AttributeValue::S(fire.owner.clone()))
            .expression_attribute_values(":over", AttributeValue::S(instant(fire.lease_until)));
        let claim = match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => FireClaim::Won,
            Err(StoreError::ConditionFailed { .. }) => self.claimed(fire, &writer, None).await?,
            Err(error) => return Err(error),
        };
        Ok((claim, taken))
    }

    /// Notes the end of a tick; noting it twice changes nothing. The schedule is updated first, so that a process that
    /// dies in between leaves a tick that another process finishes.
    pub async fn finish_fire(&self, fire: &Fire, end: FireEnd) -> Result<(), StoreError> {
        let nominal = AttributeValue::S(instant(fire.nominal));
        if let FireEnd::Fired { at } = end {
            let record = FireRecord { nominal: fire.nominal, fired_at: at, input_id: fire.input_id() };
            let update = Update::default().set(LAST, pack(&record).await?).set(LAST_NOMINAL, nominal.clone());
            self.advance(fire, LAST_NOMINAL, update).await?;
        }
        self.advance(fire, HANDLED_UNTIL, Update::default().set(HANDLED_UNTIL, nominal)).await?;
        let table = &self.names().fires;
        let said = match end {
            FireEnd::Fired { .. } => "fired",
            FireEnd::Skipped => "skipped",
        };
        let update =
            Update::default().set(END, AttributeValue::S(said.to_owned())).remove(BY_DUE.partition).remove(BY_DUE.sort);
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(fire.key()))
            .update_expression(update.expression())
            .condition_expression("attribute_exists(#schedule)")
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#schedule", SCHEDULE);
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::ConditionFailed { table, .. }) => Err(StoreError::NotFound { what: fire.what(), table }),
            Err(error) => Err(error),
        }
    }

    /// Claimed ticks that are not finished and whose lease has expired at `now`, the longest expired first; `limit` is
    /// from 1 to 100.
    pub async fn unfinished_fires(&self, now: Timestamp, limit: u32) -> Result<Vec<Fire>, StoreError> {
        Ok(self.unfinished_fires_after(now, None, limit).await?.items)
    }

    /// Like [`Store::unfinished_fires`], page by page. A caller that cannot take over some ticks passes the page's
    /// cursor to get the following ones.
    pub async fn unfinished_fires_after(
        &self,
        now: Timestamp,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Fire>, StoreError> {
        let (table, limit) = (self.names().fires.as_str(), checked(limit)?);
        let queue = Queue {
            table,
            index: BY_DUE,
            lane: Lane::Pending,
            now: Some(now),
            filter: None,
            keys: [SCHEDULE, NOMINAL],
        };
        let mut pages = Pages::of(listing::PageSource::Queue(queue), cursor.map(str::to_owned), limit);
        while let Some(found) = pages.next(self).await? {
            // The index is updated a little later than the table: a tick that was just finished or taken over may still
            // be in it.
            for item in found.iter().filter(|item| item.contains_key(BY_DUE.partition)) {
                let named = |name| text(item, name).unwrap_or("unknown");
                let what = || format!("the tick of schedule {} at {}", named(SCHEDULE), named(NOMINAL));
                let reason = "an attribute is missing or of another form";
                let fire = fire_in(item).ok_or_else(|| self.unreadable(table, what(), reason.to_owned()));
                pages.add(fire.map(|fire| Some(fire).filter(|fire| fire.lease_until <= now)))?;
            }
        }
        Ok(pages.end())
    }

    /// Updates the schedule of a tick, unless it is cancelled or its `newest` time is already at least as late.
    async fn advance(&self, fire: &Fire, newest: &str, update: Update) -> Result<(), StoreError> {
        let table = &self.names().schedules;
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, &fire.business_id), (NAME, &fire.name))))
            .update_expression(update.expression())
            .condition_expression("attribute_exists(#body) AND (attribute_not_exists(#newest) OR #newest < :nominal)")
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#body", BODY)
            .expression_attribute_names("#newest", newest)
            .expression_attribute_values(":nominal", AttributeValue::S(instant(fire.nominal)));
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) | Err(StoreError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the existing claim is this call's own.
    async fn claimed(&self, fire: &Fire, writer: &str, item: Option<AttributeMap>) -> Result<FireClaim, StoreError> {
        let item = match item {
            Some(item) => Some(item),
            None => self.item(&self.names().fires, fire.key()).await?,
        };
        let own = item.is_some_and(|item| text(&item, WRITER) == Some(writer));
        Ok(if own { FireClaim::Won } else { FireClaim::Lost })
    }
}

fn fire_item(fire: &Fire, writer: &str) -> AttributeMap {
    // Counted from now and not from the tick's time, because a missed tick may fire long after it.
    let forget = Timestamp::now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
    let item = ItemBuilder::default()
        .text(SCHEDULE, compose(&[&fire.business_id, &fire.name]))
        .text(NOMINAL, instant(fire.nominal))
        .text(BUSINESS, &fire.business_id)
        .text(NAME, &fire.name)
        .number(GENERATION, fire.generation)
        .text(OWNER, &fire.owner)
        .text(LEASE_UNTIL, instant(fire.lease_until))
        .text(WRITER, writer)
        .expires(forget);
    fire.place().write(item, BY_DUE).build()
}

fn fire_in(item: &AttributeMap) -> Option<Fire> {
    Some(Fire {
        business_id: text(item, BUSINESS)?.to_owned(),
        name: text(item, NAME)?.to_owned(),
        nominal: text(item, NOMINAL)?.parse().ok()?,
        generation: number(item, GENERATION)?,
        owner: text(item, OWNER)?.to_owned(),
        lease_until: text(item, LEASE_UNTIL)?.parse().ok()?,
    })
}
