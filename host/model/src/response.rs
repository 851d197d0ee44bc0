use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName};

/// How a response is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResponseTarget {
    /// To the recipient's connections.
    Websocket,
    /// In the answer to the API request.
    Api,
    /// To the recipient's connections as a notification.
    Notification,
    /// A target that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

impl ResponseTarget {
    /// Whether the response goes to the connections of its recipient.
    pub fn reaches_people(self) -> bool {
        matches!(self, Self::Websocket | Self::Notification)
    }
}

/// The content of a response.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResponseContent {
    /// The text; rendered by the host when `template` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Structured data, and the template's parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<JsonObject>,
    /// The decision code of the message model that `text` was rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A response of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentResponse {
    /// Derived from decision and position: a client that receives it twice shows it once.
    pub id: String,
    /// How it is delivered.
    pub target: ResponseTarget,
    /// A user id, or `service` when the input has no user.
    pub recipient: String,
    /// The content.
    pub content: ResponseContent,
    /// When the decision was made.
    pub timestamp: Timestamp,
}
