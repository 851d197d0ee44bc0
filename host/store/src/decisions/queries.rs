use std::time::Duration;

use signalbox_model::{DecisionModel, Timestamp};

use super::{BUSINESS, ID, type_and_code};
use crate::key::{KeyRange, instant, moment, time_of};
use crate::listing::{Listing, PageSource, Pages, checked};
use crate::tables::{BY_BUSINESS, BY_CODE};
use crate::timeline::APART;
use crate::{DecisionRecord, Store, StoreError, cursor};

/// The most pages that are looked through for similar decisions.
const PAGES: u32 = 10;

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
    /// How many records among these could not be read: they are there and not in the items.
    pub left_out: usize,
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

    /// What a client that has seen everything up to `cursor` has missed, oldest first: the first page of it. Decisions
    /// are made in parallel and become visible a little out of order, and other hosts may stand a little behind the one
    /// that gave the cursor; so it looks back by `overlap` and by what hosts may be apart, and repeats some that the
    /// client knows. No cursor starts with the first decision.
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

    /// What was decided after `cursor`, oldest first, for the pages that follow [`Store::missed_since`]; or everything
    /// that was decided since `overlap` before it. No cursor starts with the first decision.
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

    /// Past decisions of a business type with the same code, newest first; `limit` is from 1 to 100. A decision may
    /// take a moment to appear here.
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
        // A decision waits for this, so it is not looked behind any number of records that cannot be read.
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

    /// A page of the records that are wanted as they are now: indexes lag behind.
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
    /// Points at this decision in [`Store::decisions`] and [`Store::decisions_since`].
    pub fn cursor(&self) -> String {
        cursor::seal(&list(&self.decision.business_id), &moment(self.decision.created_at, &self.decision.id))
    }
}

fn list(business_id: &str) -> [&str; 2] {
    ["decisions", business_id]
}
