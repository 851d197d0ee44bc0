use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signalbox_model::{JsonObject, Timestamp};
use signalbox_sessions::ServerFrame;
use signalbox_store::{DecisionRecord, Effect};

use super::resource_action::ActingDecision;
use crate::{Notice, Recipient};

/// A message to people that no connection took in time, on its way to the original system: the value of a record on the
/// topic `kafka.fallback-topic`. Clients that resume get the message too. Later versions may add fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FallbackRecord {
    /// The message's id, the same on the WebSocket, and the idempotency key of every delivery.
    pub id: String,
    /// What kind of message it is.
    #[serde(rename = "type")]
    pub message_type: FallbackMessageType,
    /// The user whom it is for; none when it is for an audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The audience that it is for; none when it is for one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<FallbackAudience>,
    /// The message. That of a response has `text`, `data` and `template`, each if there is one.
    pub content: JsonObject,
    /// The decision that caused it.
    pub decision: ActingDecision,
    /// The business that it was decided for; also the record's key.
    pub business_id: String,
    /// The business's type.
    pub business_type: String,
    /// The place that the decision is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// Under which the host's log tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// When the decision was made.
    pub created_at: Timestamp,
}

/// The kinds of messages to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FallbackMessageType {
    /// The answer to what a user has sent.
    Response,
    /// A notification, which may be for many people.
    Notification,
}

/// The people whom a notification is for, when it is not for one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FallbackAudience {
    /// Those who may see this place; none is the business as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// Those with this permission.
    pub permission: String,
    /// Those of every place.
    pub every_location: bool,
    /// Those without the permission too.
    pub everyone: bool,
}

impl FallbackRecord {
    /// The record of an effect that is a message to people; none for every other effect.
    pub(super) fn of(record: &DecisionRecord, effect: &Effect) -> Option<Self> {
        let notice = Notice::of_message(record, effect)?;
        let (message_type, content) = match notice.frame {
            ServerFrame::Notification { content, .. } => (FallbackMessageType::Notification, content),
            ServerFrame::Response { content, .. } => match serde_json::to_value(content) {
                Ok(Value::Object(content)) => (FallbackMessageType::Response, content),
                _ => return None,
            },
            _ => return None,
        };
        let (user_id, audience) = match notice.to {
            Recipient::User(user_id) => (Some(user_id), None),
            Recipient::Everyone { location_id, permission, wider } => {
                let (every_location, everyone) = (wider.every_place, wider.everyone);
                (None, Some(FallbackAudience { location_id, permission, every_location, everyone }))
            }
        };
        let decision = &record.decision;
        Some(Self {
            id: effect.id.clone(),
            message_type,
            user_id,
            audience,
            content,
            decision: ActingDecision::of(decision),
            business_id: decision.business_id.clone(),
            business_type: decision.business_type.clone(),
            location_id: decision.location_id.clone(),
            correlation_id: decision.context.input.correlation_id.clone(),
            created_at: decision.created_at,
        })
    }
}
