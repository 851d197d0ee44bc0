use std::time::Duration;

use signalbox_model::{DecisionModel, Timestamp};

use super::{BUSINESS, ID, type_and_code};
use crate::client::Query;
use crate::item::{AttributeMap, text};
use crate::key::{KeyRange, instant, moment, time_of};
use crate::tables::{BY_BUSINESS, BY_CODE};
use crate::timeline::APART;
use crate::{DecisionRecord, Store, StoreError, cursor};

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
    /// Points at the last item: pass it on for the next page (as `before` when the newest come first, else as `after`).
    /// None at the end of the list.
    pub cursor: Option<String>,
}

/// What was decided since a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// The first of it; [`Store::decisions_since`] gives what follows.
    pub page: Page<DecisionRecord>,
    /// Whether it is certain that nothing is missing between the cursor and this.
    pub complete: bool,
    /// Where whoever asked stands when nothing was found.
    pub position: Option<String>,
}

impl Store {
    /// A business's decisions by the time they were made. A decision may take a moment to appear here.
    pub async fn decisions(&self, query: &DecisionQuery) -> Result<Page<DecisionRecord>, StoreError> {
        let list = list(&query.business_id);
        let mut range = KeyRange::default();
        if let Some(after) = &query.after {
            range = range.after(&cursor::open(&list, after)?);
        }
        if let Some(before) = &query.before {
            range = range.until(Some(cursor::open(&list, before)?));
        }
        self.decision_page(&query.business_id, range, query.order == Order::NewestFirst, query.limit).await
    }

    /// What a client that has seen everything up to `cursor` has missed, oldest first: the first page of it. Decisions are made
    /// in parallel and become visible a little out of order, and other hosts may stand a little behind the one that gave the
    /// cursor; so it looks back by `overlap` and by what hosts may be apart, and repeats some that the client knows. No cursor
    /// starts with the first decision.
    pub async fn missed_since(
        &self,
        business_id: &str,
        cursor: Option<&str>,
        overlap: Duration,
        limit: u32,
    ) -> Result<Missed, StoreError> {
        let Some(cursor) = cursor else {
            let page = self.decisions_since(business_id, None, overlap, limit).await?;
            return Ok(Missed { page, complete: true, position: None });
        };
        let at = Self::moment_of(business_id, cursor)?;
        let stand = self.stand().await?;
        let (from, complete) = match &stand {
            Some(stand) => stand.unseen_from(at, overlap),
            // No host has decided anything since this is kept, so the cursor is of an earlier version.
            None => (at.checked_sub(overlap.saturating_add(APART)).unwrap_or(Timestamp::MIN), true),
        };
        let page = self.decision_page(business_id, KeyRange::default().from(instant(from)), false, limit).await?;
        // A cursor ahead of everything would keep what comes next from ever being found.
        let position = match stand.filter(|_| !complete) {
            Some(stand) if stand.high < at => cursor::seal(&list(business_id), &moment(stand.high, "")),
            _ => cursor.to_owned(),
        };
        Ok(Missed { page, complete, position: Some(position) })
    }

    fn moment_of(business_id: &str, cursor: &str) -> Result<Timestamp, StoreError> {
        let position = cursor::open(&list(business_id), cursor)?;
        let invalid = || StoreError::Invalid("the cursor points at no moment; start without one".to_owned());
        time_of(&position).ok_or_else(invalid)
    }

    /// What was decided after `cursor`, oldest first, for the pages that follow [`Store::missed_since`]; or everything that was
    /// decided since `overlap` before it. No cursor starts with the first decision.
    pub async fn decisions_since(
        &self,
        business_id: &str,
        cursor: Option<&str>,
        overlap: Duration,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let mut range = KeyRange::default();
        if let Some(cursor) = cursor {
            let position = cursor::open(&list(business_id), cursor)?;
            let at = time_of(&position)
                .ok_or_else(|| StoreError::Invalid("the cursor points at no moment; start without one".to_owned()))?;
            range = if overlap.is_zero() {
                range.after(&position)
            } else {
                range.from(instant(at.checked_sub(overlap).unwrap_or(Timestamp::MIN)))
            };
        }
        self.decision_page(business_id, range, false, limit).await
    }

    /// Past decisions of a business type with the same code, newest first; `limit` is from 1 to 100. A decision may take
    /// a moment to appear here.
    pub async fn similar_decisions(
        &self,
        business_type: &str,
        decision_code: &str,
        limit: u32,
    ) -> Result<Vec<DecisionModel>, StoreError> {
        let partition = type_and_code(business_type, decision_code);
        let limit = checked(limit)?;
        let query = Query::of_index(&self.names().decisions, BY_CODE, &partition, KeyRange::default(), true, limit);
        let records = self.decisions_under(self.query(&query, |_| true).await?).await?;
        Ok(records.into_iter().map(|record| record.decision).collect())
    }

    async fn decision_page(
        &self,
        business_id: &str,
        range: KeyRange,
        descending: bool,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let limit = checked(limit)?;
        let table = &self.names().decisions;
        let query = Query::of_index(table, BY_BUSINESS, business_id, range, descending, limit + 1);
        let mut keys = self.query(&query, |_| true).await?;
        let more = keys.len() > limit;
        keys.truncate(limit);
        let last = keys.last().and_then(|key| text(key, BY_BUSINESS.sort));
        let cursor = last.filter(|_| more).map(|moment| cursor::seal(&list(business_id), moment));
        Ok(Page { items: self.decisions_under(keys).await?, cursor })
    }

    /// The records of items of an index, read from the table itself: as they are now. One that cannot be read must not
    /// hide the others, so it is logged and left out.
    pub(super) async fn decisions_under(&self, found: Vec<AttributeMap>) -> Result<Vec<DecisionRecord>, StoreError> {
        let keys = found.into_iter().map(|mut item| {
            item.retain(|name, _| name == ID || name == BUSINESS);
            item
        });
        let items = self.items(&self.names().decisions, keys.collect()).await?;
        let mut records = Vec::with_capacity(items.len());
        for item in &items {
            match self.decision_record(item).await {
                Ok(record) => records.push(record),
                Err(error) => tracing::warn!(%error, "left a decision out of a list"),
            }
        }
        Ok(records)
    }
}

impl DecisionRecord {
    /// Points at this decision in [`Store::decisions`] and [`Store::decisions_since`].
    pub fn cursor(&self) -> String {
        cursor::seal(&list(&self.decision.business_id), &moment(self.decision.created_at, &self.decision.id))
    }
}

/// A limit that one read can keep.
pub(crate) fn checked(limit: u32) -> Result<usize, StoreError> {
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(StoreError::Invalid(format!("limit {limit} is not from 1 to 100"))),
    }
}

fn list(business_id: &str) -> [&str; 2] {
    ["decisions", business_id]
}
