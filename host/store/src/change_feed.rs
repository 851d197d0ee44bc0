//! The change feed: what hosts have decided that people on other hosts may have to see, in the order of the timeline.
//!
//! A decision gets its place in the feed by the write that stores it, so no crash parts the two. A notification that is
//! delivered later, and the end of a review, give it a new place. The feed is a sparse index of a few partitions; one
//! read of it serves all connections of a host, however many businesses they belong to.

use std::collections::HashMap;
use std::time::Duration;

use signalbox_model::{ActionType, Outcome, ReplySlot, ResponseTarget, Timestamp};

use crate::client::{Query, key};
use crate::decisions::{BUSINESS, ID};
use crate::item::{AttributeMap, text};
use crate::key::{KeyRange, instant, moment, time_of};
use crate::tables::{BY_BUSINESS, BY_CHANGE};
use crate::{DecisionRecord, EffectKind, Store, StoreError};

/// AWS allows 1,000 writes per second for one partition of an index.
const SHARDS: [&str; 4] = ["0", "1", "2", "3"];

/// A decision that was made, or that has changed for the people who see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangedDecision {
    /// Its id.
    pub id: String,
    /// Its business.
    pub business_id: String,
}

/// A part of the change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The decisions with the moments of their changes, the earliest first.
    pub changes: Vec<(Timestamp, ChangedDecision)>,
    /// Where the feed goes on, when there was more than was asked for.
    pub more_from: Option<Timestamp>,
}

impl Store {
    /// The changes since a moment of the timeline, the earliest first, up to about `limit` for each of the feed's four
    /// partitions, each of which is one read. A new change may take a moment to appear, and hosts' moments differ, so a
    /// reader looks back.
    pub async fn changes_since(&self, from: Timestamp, limit: usize) -> Result<Changes, StoreError> {
        let table = &self.names().decisions;
        let range = KeyRange::default().from(instant(from));
        let read = async |shard| {
            let query = Query::of_index(table, BY_CHANGE, shard, range.clone(), false, limit);
            self.query(&query, |_| true).await
        };
        let [a, b, c, d] = SHARDS;
        let (a, b, c, d) = tokio::try_join!(read(a), read(b), read(c), read(d))?;
        let mut changes = Vec::new();
        let mut more_from: Option<Timestamp> = None;
        for shard in [a, b, c, d] {
            let full = shard.len() >= limit;
            let read: Vec<_> = shard.iter().filter_map(change_of).collect();
            if let Some((last, _)) = read.last().filter(|_| full) {
                more_from = Some(more_from.map_or(*last, |earlier| earlier.min(*last)));
            }
            changes.extend(read);
        }
        changes.sort_by_key(|(at, _)| *at);
        if let Some(from) = more_from {
            // What is later than the end of a partition that was not read to its end comes with the next part.
            changes.retain(|(at, _)| *at <= from);
        }
        Ok(Changes { changes, more_from })
    }

    /// The moment from which changes may exist that a reader has not seen which has read the feed at `at`: hosts write
    /// and index their changes a little out of order, their moments differ, and a host may have been ahead of the
    /// others.
    pub async fn unseen_changes_from(&self, at: Timestamp) -> Result<Timestamp, StoreError> {
        Ok(match self.stand().await? {
            Some(stand) => stand.unseen_from(at, Duration::ZERO).0,
            None => at,
        })
    }

    /// These decisions as of their last finished writes, in the same order; those that cannot be read are left out.
    pub async fn changed_decisions(&self, changed: &[ChangedDecision]) -> Result<Vec<DecisionRecord>, StoreError> {
        let keys = changed.iter().map(|changed| key((ID, &changed.id), (BUSINESS, &changed.business_id))).collect();
        let items = self.items(&self.names().decisions, keys).await?;
        self.readable_decisions(items).await
    }

    /// The decisions of a business since a moment of the timeline, the earliest first, as [`Store::changes_since`] has
    /// them when all hosts announce their changes. For a host whose neighbours do not announce theirs yet.
    pub async fn decisions_from(
        &self,
        business_id: &str,
        from: Timestamp,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        let table = &self.names().decisions;
        let range = KeyRange::default().from(instant(from));
        let query = Query::of_index(table, BY_BUSINESS, business_id, range, false, limit);
        let found = self.query(&query, |_| true).await?;
        let keys = found.into_iter().map(|mut item| {
            item.retain(|name, _| name == ID || name == BUSINESS);
            item
        });
        let items = self.items(table, keys.collect()).await?;
        self.readable_decisions(items).await
    }

    async fn readable_decisions(&self, items: Vec<AttributeMap>) -> Result<Vec<DecisionRecord>, StoreError> {
        let mut records = Vec::with_capacity(items.len());
        for item in &items {
            match self.decision_record(item).await {
                Ok(record) => records.push(record),
                // It was counted and logged where it was read.
                Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(records)
    }
}

fn change_of(item: &AttributeMap) -> Option<(Timestamp, ChangedDecision)> {
    let at = time_of(text(item, BY_CHANGE.sort)?)?;
    let changed = ChangedDecision { id: text(item, ID)?.to_owned(), business_id: text(item, BUSINESS)?.to_owned() };
    Some((at, changed))
}

/// The keys that put a decision into the feed.
pub(crate) fn change_keys(at: Timestamp, id: &str) -> HashMap<&'static str, String> {
    let mixed = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let shard = SHARDS.get(mixed % SHARDS.len()).copied().unwrap_or_default();
    HashMap::from([(BY_CHANGE.partition, shard.to_owned()), (BY_CHANGE.sort, moment(at, id))])
}

impl DecisionRecord {
    /// Whether the decision has anything that people see at once: answers, its failure, or a review.
    pub fn announces_answers(&self) -> bool {
        let reaches_people = |target| matches!(target, ResponseTarget::Websocket | ResponseTarget::Notification);
        let failed = self.decision.outcome == Outcome::Failed && matches!(self.reply, ReplySlot::Websocket { .. });
        failed || self.review.is_some() || self.output.responses.iter().any(|response| reaches_people(response.target))
    }
}

/// How many notifications of a decision people may have seen.
pub(crate) fn count_notified(record: &DecisionRecord) -> usize {
    let is_notification = |kind: &EffectKind| match kind {
        EffectKind::Notification { .. } => true,
        EffectKind::Action(action) => action.action_type == ActionType::Notification,
        _ => false,
    };
    record.effects.iter().filter(|effect| effect.is_resumable() && is_notification(&effect.kind)).count()
}
