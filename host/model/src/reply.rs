use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where the answer to an input goes. It is a part of the input's data, so that the executor needs to know no trigger,
/// and it is stored with an accepted input, so that an input that is resumed after a crash is still answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ReplySlot {
    /// The connections of a user; `message_id` is the client's own id of the message.
    #[serde(rename_all = "camelCase")]
    Websocket {
        /// The user.
        user_id: String,
        /// The client's own id of the message.
        message_id: String,
    },
    /// No client waits; the decision is in the store.
    None,
    /// A reply slot that only a newer version knows. This version sends no answer.
    #[serde(untagged)]
    Unknown(Value),
}
