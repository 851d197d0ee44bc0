use std::time::Duration;

use signalbox_model::{DecisionModel, Timestamp};

use crate::client::unfinished;
use crate::{DecisionRecord, EffectState, Store, StoreError};

/// What became of a commit.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// This call wrote the decision.
    New,
    /// The decision had been written before, as it stands here.
    Duplicate(Box<DecisionRecord>),
}

/// Which of two decisions comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// A part of a business's decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionQuery {
    /// Whose decisions.
    pub business_id: String,
    /// Only decisions made before the one this cursor points at.
    pub before: Option<String>,
    /// Only decisions made after the one this cursor points at.
    pub after: Option<String>,
    /// How many at most, from 1 to 100.
    pub limit: u32,
    /// Which come first.
    pub order: Order,
}

/// A part of a longer list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Where the next page starts; none at the end of the list.
    pub cursor: Option<String>,
}

/// A new state for one effect of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectUpdate {
    /// The effect.
    pub effect_id: String,
    /// How it stands now.
    pub state: EffectState,
}

impl Store {
    /// Writes a decision with everything it causes, all or nothing, once: when the decision is there already, nothing
    /// changes and the first record is the answer.
    pub async fn commit_decision(&self, _record: &DecisionRecord) -> Result<Committed, StoreError> {
        unfinished()
    }

    /// One decision, as of the last finished write.
    pub async fn decision(&self, _id: &str, _business_id: &str) -> Result<Option<DecisionRecord>, StoreError> {
        unfinished()
    }

    /// A business's decisions by the time they were made.
    pub async fn decisions(&self, _query: &DecisionQuery) -> Result<Page<DecisionRecord>, StoreError> {
        unfinished()
    }

    /// What a client that has seen everything up to `cursor` has missed, oldest first. Decisions are made in parallel
    /// and become visible a little out of order, so the first page of a resume looks back by `overlap` and repeats some
    /// that the client knows; pass zero for the pages that follow. No cursor starts with the first decision.
    pub async fn decisions_since(
        &self,
        _business_id: &str,
        _cursor: Option<&str>,
        _overlap: Duration,
        _limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        unfinished()
    }

    /// Past decisions of a business type with the same code, newest first; `limit` is from 1 to 100.
    pub async fn similar_decisions(
        &self,
        _business_type: &str,
        _decision_code: &str,
        _limit: u32,
    ) -> Result<Vec<DecisionModel>, StoreError> {
        unfinished()
    }

    /// Decisions with effects that are due at `now`, the longest due first; `limit` is from 1 to 100.
    pub async fn pending_decisions(&self, _now: Timestamp, _limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        unfinished()
    }

    /// Decisions with effects that wait for somebody to mend or configure something, and none that is pending.
    pub async fn waiting_decisions(&self, _limit: u32) -> Result<Vec<DecisionRecord>, StoreError> {
        unfinished()
    }

    /// Notes how effects of a decision stand now and returns the record afterwards. A final state stays as it is,
    /// whoever writes last; leaving the pending state counts as an attempt.
    pub async fn update_effects(
        &self,
        _id: &str,
        _business_id: &str,
        _updates: &[EffectUpdate],
    ) -> Result<DecisionRecord, StoreError> {
        unfinished()
    }
}

impl DecisionRecord {
    /// Points at this decision in [`Store::decisions`] and [`Store::decisions_since`].
    pub fn cursor(&self) -> String {
        String::new()
    }
}
