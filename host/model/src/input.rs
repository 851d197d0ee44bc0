use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName, composed};

/// Where an input entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A coordinator's connection.
    Websocket,
    /// A schedule.
    Cron,
    /// A webhook or the API.
    ExternalApi,
    /// A Kafka record.
    Kafka,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// What an input asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// A person wrote something.
    UserMessage,
    /// A schedule ticked.
    ScheduledTask,
    /// An external service called a webhook.
    Webhook,
    /// A program called the API.
    ApiRequest,
    /// A coordinator approved, edited or rejected an earlier decision.
    Review,
    /// A record was read from a topic of a bundle. Inputs that versions before it have stored say `webhook`.
    KafkaRecord,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// The content of an input; at least one field is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// What a person wrote, in Unicode's composed form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Structured data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<JsonObject>,
    /// Facts about the message that are not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
}

impl Content {
    /// The content as the host stores it: with its text in Unicode's composed form. `data` and `metadata` stay as they
    /// were sent, because programs may compare them byte for byte.
    pub fn composed(self) -> Self {
        Self { text: self.text.map(composed), ..self }
    }
}

/// One thing to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentInput {
    /// Unique within the business: the same id is decided once, however often it arrives.
    pub id: String,
    /// Where it entered.
    pub source: Source,
    /// Who sent it; none for schedules and services that act for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The business it belongs to.
    pub business_id: String,
    /// The place of the business it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What it asks for.
    #[serde(rename = "type")]
    pub input_type: InputType,
    /// What it says.
    pub content: Content,
    /// When it entered.
    pub timestamp: Timestamp,
    /// Ties together every log line, trace and message of this input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl AgentInput {
    /// Whether this version knows the input's source and type. An unknown input is left to a newer version.
    pub fn is_known(&self) -> bool {
        !matches!(self.source, Source::Unknown(_)) && !matches!(self.input_type, InputType::Unknown(_))
    }
}
