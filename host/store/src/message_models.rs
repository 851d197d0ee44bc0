use signalbox_model::{MessageModel, Timestamp};

use crate::client::unfinished;
use crate::{Store, StoreError};

/// What became of a message model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there.
    Created,
    /// It was there, word for word.
    Unchanged,
    /// It was there and said something else.
    Replaced,
}

impl Store {
    /// Stores a message model under its code, version, business type, place and locale. One that is there keeps its
    /// creation time and usage.
    pub async fn put_message_model(&self, _model: &MessageModel) -> Result<Put, StoreError> {
        unfinished()
    }

    /// All message models for a decision code, in no particular order.
    pub async fn message_models(&self, _decision_code: &str) -> Result<Vec<MessageModel>, StoreError> {
        unfinished()
    }

    /// Adds `n` to a model's usage.
    pub async fn count_usage(&self, _model: &MessageModel, _n: u64, _at: Timestamp) -> Result<(), StoreError> {
        unfinished()
    }
}
