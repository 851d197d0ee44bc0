use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName};

/// Which way a response leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResponseTarget {
    /// To the recipient's connections.
    Websocket,
    /// Into the answer of the API request.
    Api,
    /// To the recipient's connections as a notification.
    Notification,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// What a response says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResponseContent {
    /// The words; rendered by the host when `template` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Structured data, and the template's parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<JsonObject>,
    /// The decision code of the message model that `text` was rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// Something said back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentResponse {
    /// Derived from decision and position: a client that gets it twice shows it once.
    pub id: String,
    /// Which way it leaves.
    pub target: ResponseTarget,
    /// A user id, or `service` when nobody in particular asked.
    pub recipient: String,
    /// What it says.
    pub content: ResponseContent,
    /// When it was decided.
    pub timestamp: Timestamp,
}
