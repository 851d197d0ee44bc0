//! Lists, page by page. A record that cannot be read does not hide the records after it, and only the last page may be
//! empty.

use signalbox_model::Timestamp;

use crate::client::Query;
use crate::item::{AttributeMap, text};
use crate::key::{KeyRange, after_prefix, moment};
use crate::queue::Lane;
use crate::tables::{BY_LIST, IndexSpec};
use crate::{Page, Store, StoreError, cursor};

/// A part of an index. The items are read from the table itself, so that they are up to date.
pub(crate) struct Listing<'a> {
    pub(crate) table: &'a str,
    pub(crate) index: IndexSpec,
    /// The value of the index's partition key.
    pub(crate) partition: &'a str,
    /// The key attributes of the table.
    pub(crate) keys: [&'a str; 2],
    pub(crate) range: KeyRange,
    pub(crate) descending: bool,
}

/// A lane of a queue. The items are read from the table itself, so that they are up to date.
pub(crate) struct Queue<'a> {
    pub(crate) table: &'a str,
    pub(crate) index: IndexSpec,
    pub(crate) lane: Lane<'a>,
    /// Only items that are due at this time; none is all items.
    pub(crate) now: Option<Timestamp>,
    /// Only items whose attribute of this name has this value.
    pub(crate) filter: Option<(&'a str, &'a str)>,
    /// The key attributes of the table.
    pub(crate) keys: [&'a str; 2],
}

/// The source of a page.
pub(crate) enum PageSource<'a> {
    Listing(Listing<'a>),
    Queue(Queue<'a>),
}

/// Items, and the sort key of the last one when more may follow it.
pub(crate) type ListedItems = (Vec<AttributeMap>, Option<String>);

/// Collects one page. Records that cannot be read are skipped, and more items are read as long as the page is empty.
pub(crate) struct Pages<'a, T> {
    part: PageSource<'a>,
    limit: usize,
    page: Page<T>,
    is_over: bool,
}

impl<'a, T> Pages<'a, T> {
    /// The items after a sort key.
    pub(crate) fn of(part: PageSource<'a>, cursor: Option<String>, limit: usize) -> Self {
        Self { part, limit, page: Page { items: Vec::new(), cursor, left_out: 0 }, is_over: false }
    }

    /// All items of a table: `list` is the partition of the index `by-list` that holds them, `keys` are the key
    /// attributes of the table.
    pub(crate) fn of_all(
        table: &'a str,
        list: &'a str,
        keys: [&'a str; 2],
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Self, StoreError> {
        let limit = checked(limit)?;
        let cursor = cursor.map(|cursor| cursor::open(&all_of(list), cursor)).transpose()?;
        let range = KeyRange::default();
        let listing = Listing { table, index: BY_LIST, partition: list, keys, range, descending: false };
        Ok(Self::of(PageSource::Listing(listing), cursor, limit))
    }

    /// The next items to read; none when the page is complete.
    pub(crate) async fn next(&mut self, store: &Store) -> Result<Option<Vec<AttributeMap>>, StoreError> {
        if self.is_over || !self.page.items.is_empty() {
            return Ok(None);
        }
        let after = self.page.cursor.take();
        let (found, last) = match &self.part {
            PageSource::Listing(listing) => store.listed(listing, after, self.limit).await?,
            PageSource::Queue(queue) => store.queued(queue, after, self.limit).await?,
        };
        self.is_over = last.is_none();
        self.page.cursor = last;
        Ok(Some(found))
    }

    /// Adds the record of an item; none when the caller does not want the record.
    pub(crate) fn add(&mut self, read: Result<Option<T>, StoreError>) -> Result<(), StoreError> {
        match read {
            Ok(read) => self.page.items.extend(read),
            // It was counted and logged where it was read.
            Err(StoreError::Unreadable { .. }) => self.page.left_out += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The page, with the sort key of the last item when more may follow it.
    pub(crate) fn end(self) -> Page<T> {
        self.page
    }
}

/// The name in cursors of the list of all items of a table.
pub(crate) fn all_of(list: &str) -> [&str; 2] {
    [list, "all"]
}

impl Store {
    /// The items of a part of an index after a sort key.
    pub(crate) async fn listed(
        &self,
        listing: &Listing<'_>,
        after: Option<String>,
        limit: usize,
    ) -> Result<ListedItems, StoreError> {
        let Listing { table, index, partition, keys, descending, .. } = *listing;
        let mut range = listing.range.clone();
        if let Some(after) = after {
            range = if descending { range.until(Some(after)) } else { range.after(&after) };
        }
        let query = Query::of_index(table, index, partition, range, descending, limit + 1);
        let mut found = self.query(&query, |_| true).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more).and_then(|item| text(item, index.sort)).map(str::to_owned);
        Ok((self.items_of(table, keys, found).await?, last))
    }

    /// The items of a queue's lane after a sort key, in the order in which they are due.
    pub(crate) async fn queued(
        &self,
        queue: &Queue<'_>,
        after: Option<String>,
        limit: usize,
    ) -> Result<ListedItems, StoreError> {
        let Queue { table, index, lane, now, filter, keys } = *queue;
        let mut range = KeyRange::default();
        if let Some(now) = now {
            range = range.until(after_prefix(&moment(now, "")));
        }
        if let Some(after) = after {
            range = range.after(&after);
        }
        let found = self.in_lane(table, index, lane, range, filter, limit).await?;
        let last = found.last().filter(|_| found.len() == limit).and_then(|item| text(item, index.sort));
        let last = last.map(str::to_owned);
        Ok((self.items_of(table, keys, found).await?, last))
    }

    /// The items of a table for the keys from an index, in the order of the index.
    async fn items_of(
        &self,
        table: &str,
        keys: [&str; 2],
        mut found: Vec<AttributeMap>,
    ) -> Result<Vec<AttributeMap>, StoreError> {
        for item in &mut found {
            item.retain(|name, _| keys.contains(&name.as_str()));
        }
        self.items(table, found).await
    }
}

impl<T> Page<T> {
    /// The page with a cursor that is valid for this list only.
    pub(crate) fn sealed(self, list: &[&str]) -> Self {
        Self { cursor: self.cursor.map(|position| cursor::seal(list, &position)), ..self }
    }
}

/// Checks that a limit is within the range that one read allows.
pub(crate) fn checked(limit: u32) -> Result<usize, StoreError> {
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(StoreError::Invalid(format!("limit {limit} is not from 1 to 100"))),
    }
}
