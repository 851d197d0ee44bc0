use aws_sdk_dynamodb::types::{self, AttributeValue};
use signalbox_model::{JsonObject, Timestamp};

use crate::client::key;
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{EXPIRES_AT, Update, expired};
use crate::{SessionUpdate, Store, StoreError};

const BUSINESS: &str = "businessId";
const USER: &str = "userId";
const DATA: &str = "data";

impl Store {
    /// The stored state of a user's conversation with a business; none when there is none or it has expired.
    /// [`Store::commit_decision`] writes it.
    pub async fn session(&self, business_id: &str, user_id: &str) -> Result<Option<JsonObject>, StoreError> {
        let table = &self.names().sessions;
        let item = self.item(table, key((BUSINESS, business_id), (USER, user_id))).await?;
        let Some(item) = item.filter(|item| !expired(item, Timestamp::now())) else { return Ok(None) };
        let what = || format!("the session of user {user_id} with business {business_id}");
        let unreadable = |reason| self.unreadable(table, what(), reason);
        unpack(&item, DATA).await.map(Some).map_err(unreadable)
    }

    /// Writes the new state of a conversation. Attributes of a newer version stay as they are.
    pub(crate) async fn session_write(
        &self,
        business_id: &str,
        update: &SessionUpdate,
    ) -> Result<types::Update, StoreError> {
        let table = &self.names().sessions;
        let data = pack(&update.data).await?;
        let size = packed_size(&data);
        if size > ITEM_LIMIT {
            let what = format!("the session of user {} with business {business_id}", update.user_id);
            return Err(StoreError::TooLarge { what, table: table.clone(), size, limit: ITEM_LIMIT });
        }
        let expires = AttributeValue::N(update.expires_at.as_second().to_string());
        let changes = Update::default().set(DATA, data).set(EXPIRES_AT, expires);
        let write = types::Update::builder()
            .table_name(table)
            .set_key(Some(key((BUSINESS, business_id), (USER, &update.user_id))))
            .update_expression(changes.expression())
            .set_expression_attribute_names(Some(changes.names))
            .set_expression_attribute_values(Some(changes.values));
        write.build().map_err(|error| StoreError::Refused {
            table: table.clone(),
            operation: "TransactWriteItems",
            reason: error.to_string(),
        })
    }
}
