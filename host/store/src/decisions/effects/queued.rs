//! Decisions by what is left to do about their effects.

use signalbox_model::Timestamp;

use super::{due_at, waits};
use crate::decisions::{BUSINESS, ID};
use crate::listing::{PageSource, Queue, checked};
use crate::queue::Lane;
use crate::tables::BY_DUE;
use crate::{DecisionRecord, Effect, EffectState, Page, Store, StoreError};

/// The decisions of one list of effects. A decision with effects in several states is in one list: in that of the
/// effects that are due, else of those held back, else of those waiting, else of the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueuedEffects {
    /// Effects that this target does not take at present.
    HeldBack {
        /// The target's name.
        target: String,
    },
    /// Effects that wait until an operator has configured something.
    Waiting,
    /// Effects that were given up.
    DeadLetters,
}

impl Store {
    /// Decisions with effects that are due at `now`, the longest due first; `limit` is from 1 to 100.
    pub async fn pending_decisions(&self, now: Timestamp, limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        Ok(self.pending_decisions_after(now, None, limit).await?.items)
    }

    /// Like [`Store::pending_decisions`], page by page. A caller that skips some decisions passes the page's cursor to
    /// get the following ones.
    pub async fn pending_decisions_after(
        &self,
        now: Timestamp,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        // The index is updated a little later than the table: an effect that was just delivered may still be in it.
        let is_wanted = |record: &DecisionRecord| {
            let is_free = record.lease.as_ref().is_none_or(|lease| lease.until <= now);
            is_free && record.effects.iter().any(|effect| is_due(record, effect, now))
        };
        self.in_queue(Lane::Pending, Some(now), cursor, limit, is_wanted).await
    }

    async fn in_queue(
        &self,
        lane: Lane<'_>,
        now: Option<Timestamp>,
        cursor: Option<&str>,
        limit: u32,
        is_wanted: impl Fn(&DecisionRecord) -> bool,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let (table, limit) = (self.names().decisions.as_str(), checked(limit)?);
        let queue = Queue { table, index: BY_DUE, lane, now, filter: None, keys: [ID, BUSINESS] };
        self.decisions_in(PageSource::Queue(queue), cursor.map(str::to_owned), limit, is_wanted).await
    }

    /// The decisions of one list, the oldest first; `limit` is from 1 to 100.
    pub async fn queued_effects(
        &self,
        list: &QueuedEffects,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let lane = match list {
            QueuedEffects::HeldBack { target } => Lane::HeldBack(target),
            QueuedEffects::Waiting => Lane::Waiting,
            QueuedEffects::DeadLetters => Lane::DeadLetter,
        };
        let is_listed = |effect: &Effect| match (list, &effect.state) {
            (QueuedEffects::HeldBack { target }, EffectState::HeldBack { target: own, .. }) => own == target,
            (QueuedEffects::DeadLetters, EffectState::DeadLetter { .. }) => true,
            (QueuedEffects::Waiting, _) => waits(effect),
            _ => false,
        };
        self.in_queue(lane, None, cursor, limit, |record| record.effects.iter().any(is_listed)).await
    }
}

/// Whether an effect may be attempted at `now`. A held back effect may be whenever its decision is looked at.
pub(super) fn is_due(record: &DecisionRecord, effect: &Effect, now: Timestamp) -> bool {
    matches!(effect.state, EffectState::HeldBack { .. })
        || due_at(&record.decision, effect, now).is_some_and(|at| at <= now)
}
