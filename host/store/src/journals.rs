use crate::client::unfinished;
use crate::{Store, StoreError};

impl Store {
    /// Keeps a decision's journal, in place of an earlier one, for as long as the configuration says.
    pub async fn put_journal(&self, _decision_id: &str, _bytes: &[u8]) -> Result<(), StoreError> {
        unfinished()
    }

    /// A decision's journal; none when there is none or its time is over.
    pub async fn journal(&self, _decision_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        unfinished()
    }
}
