use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use signalbox_model::Timestamp;
use ulid::Ulid;

use crate::client::{Query, failure, key};
use crate::document::{compress, decompress};
use crate::item::{AttributeMap, ItemBuilder, bytes, expired, number, text};
use crate::key::KeyRange;
use crate::{Store, StoreError};

const DECISION: &str = "decisionId";
const PART: &str = "part";
const DATA: &str = "data";
/// An attribute of the head: the number of further parts, and their name.
const PARTS: &str = "parts";
const SET: &str = "set";

/// The sort key of the head, the item that is read first. It holds the whole journal in nearly all cases.
const HEAD: &str = "head";
/// The largest part. DynamoDB's limit of an item is 400 KB.
const PART_BYTES: usize = 350 * 1024;

impl Store {
    /// Stores a decision's journal for the configured time. It replaces an earlier journal.
    pub async fn put_journal(&self, decision_id: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let packed = compress(bytes.to_vec()).await?;
        let expires = Timestamp::now().checked_add(self.journal_retention()).unwrap_or(Timestamp::MAX);
        let part = |name: &str, data: &[u8]| {
            let item = ItemBuilder::default().text(DECISION, decision_id).text(PART, name);
            item.bytes(DATA, data.to_vec()).expires(expires)
        };
        let mut chunks = packed.chunks(PART_BYTES);
        let first = chunks.next().unwrap_or_default();
        // Each call names its parts differently, so that two writers of one journal do not mix their parts. The head is
        // written last, so that a visible journal is complete.
        let set = Ulid::new().to_string();
        let mut parts = 0_u64;
        for chunk in chunks {
            self.put_part(part(&part_name(&set, parts), chunk).build()).await?;
            parts += 1;
        }
        self.put_part(part(HEAD, first).text(SET, set).number(PARTS, parts).build()).await
    }

    /// A decision's journal; none when it was not stored or has expired.
    pub async fn journal(&self, decision_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let table = &self.names().journals;
        let head = self.item(table, key((DECISION, decision_id), (PART, HEAD))).await?;
        let Some(head) = head.filter(|head| !expired(head, Timestamp::now())) else { return Ok(None) };
        let what = || format!("the journal of decision {decision_id}");
        let unreadable = |reason: &str| self.unreadable(table, what(), reason.to_owned());
        let mut packed = bytes(&head, DATA).ok_or_else(|| unreadable("it has no data"))?.to_vec();
        let parts = number(&head, PARTS).unwrap_or_default();
        if parts > 0 {
            let set = text(&head, SET).ok_or_else(|| unreadable("its parts have no name"))?;
            let mut query = Query::all(table, (DECISION, decision_id), PART);
            query.range = KeyRange::prefix(&part_name_start(set));
            let found = self.query(&query, |_| true).await?;
            if found.len() as u64 != parts {
                return Err(unreadable(&format!("{} of its {parts} further parts are there", found.len())));
            }
            for part in &found {
                packed.extend_from_slice(bytes(part, DATA).ok_or_else(|| unreadable("a part has no data"))?);
            }
        }
        decompress(packed).await.map(Some).map_err(|reason| unreadable(&reason))
    }

    async fn put_part(&self, item: AttributeMap) -> Result<(), StoreError> {
        let table = &self.names().journals;
        let call = PutItemInput::builder().table_name(table).set_item(Some(item));
        self.send(call).await.map_err(|error| failure("PutItem", table, error))?;
        Ok(())
    }
}

fn part_name(set: &str, number: u64) -> String {
    format!("{}{number:06}", part_name_start(set))
}

fn part_name_start(set: &str) -> String {
    format!("part/{set}/")
}
