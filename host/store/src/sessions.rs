use signalbox_model::JsonObject;

use crate::client::unfinished;
use crate::{Store, StoreError};

impl Store {
    /// What a user's conversation with a business remembers; none when there is nothing or its time is over. It is
    /// written by [`Store::commit_decision`].
    pub async fn session(&self, _business_id: &str, _user_id: &str) -> Result<Option<JsonObject>, StoreError> {
        unfinished()
    }
}
