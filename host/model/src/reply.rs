use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the answer to an input goes. It travels with the input as data, so that the executor knows no trigger, and is
/// stored with an accepted input, so that an input resumed after a crash is still answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ReplySlot {
    /// The connections of a user; `message_id` is the client's own id of the message.
    #[serde(rename_all = "camelCase")]
    Websocket {
        /// Whose connections.
        user_id: String,
        /// The client's own id of the message that is answered.
        message_id: String,
    },
    /// Nobody waits; the decision is found in the store.
    None,
    /// Some way of a newer version, which serves the answer from the record; this one sends it nowhere.
    #[serde(untagged)]
    Unknown(Value),
}
