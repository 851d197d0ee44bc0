//! Schedules, and the claims by which one process fires a tick.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signalbox_model::{CatchUp, HumanDuration, JsonObject, Overlap, Timestamp};

use crate::client::{Query, failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{AttributeMap, EXPIRES_AT, Update, number, text};
use crate::key::{compose, instant};
use crate::listing::{Pages, all_of};
use crate::optimistic::Contention;
use crate::tables::BY_LIST;
use crate::{Page, Put, ScheduleTiming, Store, StoreError, unknown};

mod fires;

pub use fires::{Fire, FireClaim, FireEnd, FireRecord};

/// Attributes of a schedule's item.
const BUSINESS: &str = "businessId";
const NAME: &str = "name";
/// Missing once the schedule is cancelled.
const BODY: &str = "body";
const GENERATION: &str = "generation";
/// When the current definition, or the cancellation, was requested.
const DEFINED_AT: &str = "definedAt";
/// Written when ticks fire, and so not a part of the body.
const LAST: &str = "last";
const LAST_NOMINAL: &str = "lastNominal";
const HANDLED_UNTIL: &str = "handledUntil";

/// The partition of the index that lists all schedules. It is written only when a schedule is created or cancelled.
const LIST: &str = "schedules";
/// How long the marker of a cancellation is kept. Until then it prevents an earlier definition that arrives late from
/// creating the schedule again.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The longest business id and name, in bytes; both have to fit into one key of an index.
const BUSINESS_LIMIT: usize = 512;
const NAME_LIMIT: usize = 256;

/// The origin of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScheduleSource {
    /// A bundle declares it.
    #[serde(rename_all = "camelCase")]
    Bundle {
        /// The name under `[inputs.cron]`.
        hook: String,
    },
    /// A plugin created it.
    #[serde(rename_all = "camelCase")]
    Plugin {
        /// The decision in which the plugin created it.
        decision_id: String,
    },
    /// An origin that only a newer version knows.
    #[serde(untagged)]
    Unknown(Value),
}

/// The definition of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleDefinition {
    /// The business.
    pub business_id: String,
    /// Unique within the business; from 1 to 256 bytes.
    pub name: String,
    /// When it ticks.
    pub timing: ScheduleTiming,
    /// IANA time zone.
    pub timezone: String,
    /// The data of the input, `content.data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<JsonObject>,
    /// What happens when the last tick is still being decided.
    pub overlap: Overlap,
    /// What happens to ticks that were missed.
    pub catch_up: CatchUp,
    /// Spreads the ticks of many schedules over this time.
    pub jitter: HumanDuration,
    /// The origin.
    pub source: ScheduleSource,
}

impl ScheduleDefinition {
    /// Whether this version understands the timing and everything else that affects a tick. Otherwise it does not fire
    /// the schedule's ticks.
    pub fn is_known(&self) -> bool {
        !matches!(self.timing, ScheduleTiming::Unknown(_))
            && !matches!(self.overlap, Overlap::Unknown(_))
            && !matches!(self.catch_up, CatchUp::Unknown(_))
            && !matches!(self.source, ScheduleSource::Unknown(_))
    }
}

/// The state of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The definition.
    #[serde(flatten)]
    pub definition: ScheduleDefinition,
    /// Whether it is paused.
    pub paused: bool,
    /// A number that increases with every change of the definition, pause, resumption and cancellation, and that a
    /// cancellation does not reset.
    pub generation: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, paused or resumed.
    pub updated_at: Timestamp,
    /// The latest tick that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<FireRecord>,
    /// The latest nominal time that fired or was skipped deliberately; missed ticks come after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_until: Option<Timestamp>,
}

/// A schedule's body in its item.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    definition: ScheduleDefinition,
    paused: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    /// Creates a schedule, as requested at `at`, or replaces the definition of the schedule with the same name, which
    /// keeps its pause and its history. Nothing changes when the definition is the same, or when a later definition or
    /// cancellation is stored. So a request may arrive twice or late.
    pub async fn put_schedule(&self, definition: &ScheduleDefinition, at: Timestamp) -> Result<Put, StoreError> {
        let (business_id, name) = (&definition.business_id, &definition.name);
        check_name("business id", business_id, BUSINESS_LIMIT)?;
        check_name("name", name, NAME_LIMIT)?;
        // An attempt may write and lose its answer; then the next attempt finds the definition unchanged.
        let mut tried = Put::Unchanged;
        let mut contention = Contention::at(&self.names().schedules, || what(business_id, name));
        loop {
            let item = self.schedule_item(business_id, name).await?;
            if item.as_ref().is_some_and(|item| defined_at(item) > Some(at)) {
                return Ok(Put::Unchanged);
            }
            let found = match item.as_ref().filter(|item| item.contains_key(BODY)) {
                Some(item) => Some(self.schedule_in(item).await?),
                None => None,
            };
            if found.as_ref().is_some_and(|found| found.definition == *definition) {
                return Ok(tried);
            }
            tried = if found.is_some() { Put::Replaced } else { Put::Created };
            let body = Body {
                definition: definition.clone(),
                paused: found.as_ref().is_some_and(|found| found.paused),
                created_at: found.as_ref().map_or(at, |found| found.created_at),
                updated_at: at,
            };
            let mut update = self
                .change(item.as_ref(), &body)
                .await?
                .set(DEFINED_AT, AttributeValue::S(instant(at)))
                .set(BY_LIST.partition, AttributeValue::S(LIST.to_owned()))
                .set(BY_LIST.sort, AttributeValue::S(compose(&[business_id, name])))
                .remove(EXPIRES_AT);
            if found.is_none() {
                update = update.remove(LAST).remove(LAST_NOMINAL).remove(HANDLED_UNTIL);
            }
            if self.write_schedule(business_id, name, item.as_ref(), update).await? {
                return Ok(tried);
            }
            contention.again().await?;
        }
    }

    /// Cancels a schedule, as requested at `at`; true when it existed. Nothing changes when a later definition is
    /// stored.
    pub async fn cancel_schedule(&self, business_id: &str, name: &str, at: Timestamp) -> Result<bool, StoreError> {
        check_name("business id", business_id, BUSINESS_LIMIT)?;
        check_name("name", name, NAME_LIMIT)?;
        // As above: the attempt that cancelled it may have lost its answer.
        let mut found = false;
        let mut contention = Contention::at(&self.names().schedules, || what(business_id, name));
        loop {
            let item = self.schedule_item(business_id, name).await?;
            let there = item.as_ref().is_some_and(|item| item.contains_key(BODY));
            let defined = item.as_ref().and_then(defined_at);
            if defined > Some(at) || (!there && defined == Some(at)) {
                return Ok(found);
            }
            found |= there;
            // Also when there is no schedule, because an earlier definition may still arrive.
            let forget = Timestamp::now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
            let mut update = Update::default()
                .set(DEFINED_AT, AttributeValue::S(instant(at)))
                .set(EXPIRES_AT, AttributeValue::N(forget.as_second().to_string()));
            for name in [BODY, BY_LIST.partition, BY_LIST.sort, LAST, LAST_NOMINAL, HANDLED_UNTIL] {
                update = update.remove(name);
            }
            if self.write_schedule(business_id, name, item.as_ref(), update).await? {
                return Ok(found);
            }
            contention.again().await?;
        }
    }

    /// Pauses a schedule until it is resumed, and returns it.
    pub async fn pause_schedule(&self, business_id: &str, name: &str, at: Timestamp) -> Result<Schedule, StoreError> {
        self.set_paused(business_id, name, true, at).await
    }

    /// Resumes a schedule, and returns it.
    pub async fn resume_schedule(&self, business_id: &str, name: &str, at: Timestamp) -> Result<Schedule, StoreError> {
        self.set_paused(business_id, name, false, at).await
    }

    /// One schedule, as of the last finished write.
    pub async fn schedule(&self, business_id: &str, name: &str) -> Result<Option<Schedule>, StoreError> {
        if check_name("business id", business_id, BUSINESS_LIMIT).is_err()
            || check_name("name", name, NAME_LIMIT).is_err()
        {
            return Ok(None);
        }
        match self.schedule_item(business_id, name).await?.filter(|item| item.contains_key(BODY)) {
            Some(item) => Ok(Some(self.schedule_in(&item).await?)),
            None => Ok(None),
        }
    }

    /// A business's schedules by name, as of the last finished write.
    pub async fn schedules(&self, business_id: &str) -> Result<Vec<Schedule>, StoreError> {
        let query = Query::all(&self.names().schedules, (BUSINESS, business_id), NAME);
        Ok(self.readable(self.query(&query, |item| item.contains_key(BODY)).await?).await)
    }

    /// The schedules of all businesses, page by page; `limit` is from 1 to 100. A new schedule may take a moment to
    /// appear, and a page may hold fewer although a next page exists.
    pub async fn all_schedules(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Schedule>, StoreError> {
        let mut pages = Pages::of_all(&self.names().schedules, LIST, [BUSINESS, NAME], cursor, limit)?;
        while let Some(found) = pages.next(self).await? {
            // The index is updated a little later than the table: a schedule that was just cancelled may still be in
            // it.
            for item in found.iter().filter(|item| item.contains_key(BODY)) {
                pages.add(self.schedule_in(item).await.map(Some))?;
            }
        }
        Ok(pages.end().sealed(&all_of(LIST)))
    }

    async fn set_paused(
        &self,
        business_id: &str,
        name: &str,
        paused: bool,
        at: Timestamp,
    ) -> Result<Schedule, StoreError> {
        let mut contention = Contention::at(&self.names().schedules, || what(business_id, name));
        loop {
            let item = self.schedule_item(business_id, name).await?.filter(|item| item.contains_key(BODY));
            let item = item.ok_or_else(|| StoreError::NotFound {
                what: what(business_id, name),
                table: self.names().schedules.clone(),
            })?;
            let schedule = self.schedule_in(&item).await?;
            if schedule.paused == paused {
                return Ok(schedule);
            }
            let Schedule { definition, created_at, generation, .. } = schedule.clone();
            let update = self.change(Some(&item), &Body { definition, paused, created_at, updated_at: at }).await?;
            if self.write_schedule(business_id, name, Some(&item), update).await? {
                return Ok(Schedule { paused, updated_at: at, generation: generation + 1, ..schedule });
            }
            contention.again().await?;
        }
    }

    async fn schedule_item(&self, business_id: &str, name: &str) -> Result<Option<AttributeMap>, StoreError> {
        self.item(&self.names().schedules, key((BUSINESS, business_id), (NAME, name))).await
    }

    /// The update that replaces the stored body and keeps what only a newer version knows of it.
    async fn change(&self, read: Option<&AttributeMap>, body: &Body) -> Result<Update, StoreError> {
        let kept = unknown::kept(read, BODY, body).await;
        let kept = kept.map_err(|reason| {
            let name = what(&body.definition.business_id, &body.definition.name);
            self.unreadable(&self.names().schedules, name, reason)
        });
        let packed = pack(&kept?).await?;
        let size = packed_size(&packed);
        if size > ITEM_LIMIT {
            let what = format!("schedule {}", body.definition.name);
            let table = self.names().schedules.clone();
            return Err(StoreError::TooLarge { what, table, size, limit: ITEM_LIMIT });
        }
        Ok(Update::default().set(BODY, packed))
    }

    /// Replaces the schedule that was read; false when another writer has written meanwhile.
    async fn write_schedule(
        &self,
        business_id: &str,
        name: &str,
        read: Option<&AttributeMap>,
        update: Update,
    ) -> Result<bool, StoreError> {
        let table = &self.names().schedules;
        let before = read.and_then(|item| number(item, GENERATION));
        let next = before.unwrap_or_default() + 1;
        let update = update.set(GENERATION, AttributeValue::N(next.to_string()));
        let mut call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (NAME, name))))
            .update_expression(update.expression())
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        call = match before {
            Some(before) => call
                .condition_expression("#generation = :before")
                .expression_attribute_values(":before", AttributeValue::N(before.to_string())),
            None => call.condition_expression("attribute_not_exists(#generation)"),
        };
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(true),
            Err(StoreError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The schedules in the items. A schedule that cannot be read is left out and does not hide the others.
    async fn readable(&self, items: Vec<AttributeMap>) -> Vec<Schedule> {
        let mut schedules = Vec::with_capacity(items.len());
        for item in &items {
            // A schedule that cannot be read was counted and logged there.
            if let Ok(schedule) = self.schedule_in(item).await {
                schedules.push(schedule);
            }
        }
        schedules
    }

    async fn schedule_in(&self, item: &AttributeMap) -> Result<Schedule, StoreError> {
        let named = |name| text(item, name).unwrap_or("unknown");
        let unreadable = |reason| self.unreadable(&self.names().schedules, what(named(BUSINESS), named(NAME)), reason);
        let Body { definition, paused, created_at, updated_at } = unpack(item, BODY).await.map_err(unreadable)?;
        let last = match item.contains_key(LAST) {
            true => Some(unpack(item, LAST).await.map_err(unreadable)?),
            false => None,
        };
        Ok(Schedule {
            definition,
            paused,
            generation: number(item, GENERATION).unwrap_or_default(),
            created_at,
            updated_at,
            last,
            handled_until: text(item, HANDLED_UNTIL).and_then(|at| at.parse().ok()),
        })
    }
}

fn what(business_id: &str, name: &str) -> String {
    format!("schedule {name} of business {business_id}")
}

fn defined_at(item: &AttributeMap) -> Option<Timestamp> {
    text(item, DEFINED_AT)?.parse().ok()
}

fn check_name(what: &str, name: &str, limit: usize) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > limit {
        return Err(StoreError::Invalid(format!(
            "a schedule's {what} must have 1 to {limit} bytes, not {}",
            name.len()
        )));
    }
    Ok(())
}
