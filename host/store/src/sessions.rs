use signalbox_model::{JsonObject, Timestamp};

use crate::client::key;
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{AttributeMap, ItemBuilder, expired};
use crate::{SessionUpdate, Store, StoreError};

const BUSINESS: &str = "businessId";
const USER: &str = "userId";
const DATA: &str = "data";

impl Store {
    /// What a user's conversation with a business remembers; none when there is nothing or its time is over. It is
    /// written by [`Store::commit_decision`].
    pub async fn session(&self, business_id: &str, user_id: &str) -> Result<Option<JsonObject>, StoreError> {
        let table = &self.names().sessions;
        let item = self.item(table, key((BUSINESS, business_id), (USER, user_id))).await?;
        let Some(item) = item.filter(|item| !expired(item, Timestamp::now())) else { return Ok(None) };
        let unreadable = |reason| StoreError::Unreadable {
            what: format!("the session of user {user_id} with business {business_id}"),
            table: table.clone(),
            reason,
        };
        unpack(&item, DATA).await.map(Some).map_err(unreadable)
    }

    pub(crate) async fn session_item(
        &self,
        business_id: &str,
        update: &SessionUpdate,
    ) -> Result<AttributeMap, StoreError> {
        let data = pack(&update.data).await?;
        let size = packed_size(&data);
        if size > ITEM_LIMIT {
            let what = format!("the session of user {} with business {business_id}", update.user_id);
            return Err(StoreError::TooLarge { what, table: self.names().sessions.clone(), size, limit: ITEM_LIMIT });
        }
        let item = ItemBuilder::default()
            .text(BUSINESS, business_id)
            .text(USER, &update.user_id)
            .attribute(DATA, data)
            .expires(update.expires_at);
        Ok(item.build())
    }
}
