//! Lists of everything in a table, whatever its partition, page by page by the table's index `by-list`.

use crate::client::Query;
use crate::decisions::checked;
use crate::item::{AttributeMap, text};
use crate::key::KeyRange;
use crate::tables::BY_LIST;
use crate::{Store, StoreError, cursor};

impl Store {
    /// The items of one page and the cursor of the next: `list` is the partition of the index that holds them all, `keys`
    /// are the table's own key attributes. The index lags behind a little, so a page may hold fewer than asked for.
    pub(crate) async fn listed(
        &self,
        table: &str,
        list: &str,
        keys: [&str; 2],
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<AttributeMap>, Option<String>), StoreError> {
        let (limit, listed) = (checked(limit)?, [list, "all"]);
        let mut range = KeyRange::default();
        if let Some(cursor) = cursor {
            range = range.after(&cursor::open(&listed, cursor)?);
        }
        let mut found = self.query(&Query::of_index(table, BY_LIST, list, range, false, limit + 1), |_| true).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().and_then(|key| text(key, BY_LIST.sort));
        let cursor = last.filter(|_| more).map(|last| cursor::seal(&listed, last));
        for item in &mut found {
            item.retain(|name, _| keys.contains(&name.as_str()));
        }
        Ok((self.items(table, found).await?, cursor))
    }
}
