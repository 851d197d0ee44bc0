use std::time::Duration;

use signalbox_model::{DecisionModel, Timestamp};

use super::{BUSINESS, ID, type_and_code};
use crate::key::{KeyRange, instant, moment, time_of};
use crate::listing::{Listing, PageSource, Pages, checked};
use crate::tables::{BY_BUSINESS, BY_CODE};
use crate::timeline::APART;
use crate::{DecisionRecord, Store, StoreError, cursor};

/// The most pages that are read to find similar decisions.
const PAGES: u32 = 10;

/// The order of decisions in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// Selects decisions of one business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionQuery {
    /// The business.
    pub business_id: String,
    /// Only decisions made before the one this cursor points at.
    pub before: Option<String>,
    /// Only decisions made after the one this cursor points at.
    pub after: Option<String>,
    /// How many at most, from 1 to 100.
    pub limit: u32,
    /// The order.
    pub order: Order,
}

/// A part of a longer list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The position of the last item. Pass it for the next page, as `before` when the newest items come first and
    /// otherwise as `after`. None at the end of the list.
    pub cursor: Option<String>,
    /// How many records of this part could not be read; they are not among the items.
    pub left_out: usize,
}

/// The decisions since a cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// The first page; [`Store::decisions_since`] returns the following ones.
    pub page: Page<DecisionRecord>,
    /// Whether it is certain that no decision since the cursor is missing.
    pub complete: bool,
    /// The client's new cursor when nothing was found.
    pub position: Option<String>,
}

impl Store {
    /// A business's decisions in the order of their moments. A new decision may take a moment to appear.
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

    /// The first page of the decisions that a client has missed which has seen everything up to `cursor`, the oldest
    /// first. Decisions are made in parallel and become visible slightly out of order, and the moments of hosts differ
    /// a little. So the page begins earlier than the cursor, by `overlap` and by the difference between hosts, and
    /// repeats some decisions that the client knows. Without a cursor it starts with the first decision.
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
            // No host has stored a moment since the timeline exists, so the cursor was given by an earlier version.
            None => (at.checked_sub(overlap.saturating_add(APART)).unwrap_or(Timestamp::MIN), true),
        };
        let page = self.decision_page(business_id, KeyRange::default().from(instant(from)), false, limit).await?;
        // A cursor ahead of all hosts would skip the next decisions, so the client gets one at the latest known moment
        // instead.
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

    /// The decisions after `cursor`, the oldest first, for the pages that follow [`Store::missed_since`]. With an
    /// `overlap`, it begins that much earlier than the cursor. Without a cursor it starts with the first decision.
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

    /// Past decisions of a business type with the same code, newest first; `limit` is from 1 to 100. A new decision may
    /// take a moment to appear.
    pub async fn similar_decisions(
        &self,
        business_type: &str,
        decision_code: &str,
        limit: u32,
    ) -> Result<Vec<DecisionModel>, StoreError> {
        let (partition, limit) = (type_and_code(business_type, decision_code), checked(limit)?);
        let (table, range) = (self.names().decisions.as_str(), KeyRange::default());
        let keys = [ID, BUSINESS];
        let listing = Listing { table, index: BY_CODE, partition: &partition, keys, range, descending: true };
        let mut similar: Vec<DecisionModel> = Vec::new();
        let mut cursor = None;
        // A running decision waits for this, so the number of pages is bounded even when many records cannot be read.
        for _ in 0..PAGES {
            let left = limit - similar.len();
            let (found, after) = self.listed(&listing, cursor, left).await?;
            for item in &found {
                match self.decision_record(item).await {
                    Ok(record) => similar.push(record.decision),
                    Err(StoreError::Unreadable { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            cursor = after;
            if cursor.is_none() || similar.len() >= limit {
                break;
            }
        }
        Ok(similar)
    }

    async fn decision_page(
        &self,
        business_id: &str,
        range: KeyRange,
        descending: bool,
        limit: u32,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let (table, limit) = (self.names().decisions.as_str(), checked(limit)?);
        let keys = [ID, BUSINESS];
        let listing = Listing { table, index: BY_BUSINESS, partition: business_id, keys, range, descending };
        let page = self.decisions_in(PageSource::Listing(listing), None, limit, |_| true).await?;
        Ok(page.sealed(&list(business_id)))
    }

    /// A page of records that `wants` accepts. The records are read from the table, because indexes are updated a
    /// little later.
    pub(super) async fn decisions_in(
        &self,
        part: PageSource<'_>,
        cursor: Option<String>,
        limit: usize,
        is_wanted: impl Fn(&DecisionRecord) -> bool,
    ) -> Result<Page<DecisionRecord>, StoreError> {
        let mut pages = Pages::of(part, cursor, limit);
        while let Some(found) = pages.next(self).await? {
            for item in &found {
                let record = self.decision_record(item).await;
                pages.add(record.map(|record| Some(record).filter(&is_wanted)))?;
            }
        }
        Ok(pages.end())
    }
}

impl DecisionRecord {
    /// The cursor of this decision for [`Store::decisions`] and [`Store::decisions_since`].
    pub fn cursor(&self) -> String {
        cursor::seal(&list(&self.decision.business_id), &moment(self.decision.created_at, &self.decision.id))
    }
}

fn list(business_id: &str) -> [&str; 2] {
    ["decisions", business_id]
}
