use serde::{Deserialize, Serialize};

use crate::{JsonObject, Timestamp, UnknownName, composed};

/// Where an input came from.
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
    /// A source that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

/// The type of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// A message of a person.
    UserMessage,
    /// A tick of a schedule.
    ScheduledTask,
    /// A call of a webhook by an external service.
    Webhook,
    /// A request of a program to the API.
    ApiRequest,
    /// A coordinator's verdict on an earlier decision.
    Review,
    /// A record of a topic that the bundle reads. Versions before this type stored such inputs as `webhook`.
    KafkaRecord,
    /// A type that only a newer version knows.
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

/// An input to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentInput {
    /// Unique within the business: the same id is decided once, however often it arrives.
    pub id: String,
    /// Where it came from.
    pub source: Source,
    /// The user who sent it; none for schedules, and for services that send on behalf of no user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The business it belongs to.
    pub business_id: String,
    /// The location of the business that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// The type.
    #[serde(rename = "type")]
    pub input_type: InputType,
    /// The content.
    pub content: Content,
    /// When the host received it.
    pub timestamp: Timestamp,
    /// The id that all log lines, traces and messages about this input share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl AgentInput {
    /// Whether this version knows the input's source and type. An unknown input is left to a newer version.
    pub fn is_known(&self) -> bool {
        !matches!(self.source, Source::Unknown(_)) && !matches!(self.input_type, InputType::Unknown(_))
    }
}
