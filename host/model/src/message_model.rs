use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A message model: the template of a message for one decision code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MessageModel {
    /// The decision code (partition key).
    pub decision_code: String,
    /// Its version (sort key), compared number by number: `1.10` is newer than `1.9`.
    pub version: String,
    /// The template, in Jinja's syntax.
    pub message_template: String,
    /// The parameters of the template.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// The business type that it is for; none is every type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_type: Option<String>,
    /// The location that it is for; none is every location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_context: Option<String>,
    /// BCP 47 language tag; none is every language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// How many messages were rendered from it.
    #[serde(default)]
    pub usage_count: u64,
    /// When the last message was rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
