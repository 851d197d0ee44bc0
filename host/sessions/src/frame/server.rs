use serde::{Deserialize, Serialize};
use signalbox_model::{
    AgentOutput, DecisionModel, ErrorType, JsonObject, Outcome, ReplySlot, ResponseContent, Timestamp,
    WebSocketErrorResponse,
};

use super::{FrameKey, ReviewState, ReviewView};

/// The code of an error that tells a user that the decision on a message failed.
const DECISION_FAILED: &str = "decision_failed";

/// A frame to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The connection is accepted. Always the first frame.
    Welcome {
        /// The connection's id in the host's logs.
        connection_id: String,
        /// The user of the token.
        user_id: String,
        /// The businesses of the token.
        businesses: Vec<String>,
        /// When the host closes the connection unless it gets a new token.
        expires_at: Timestamp,
        /// How the host finds out that a client is gone.
        heartbeat: Heartbeat,
        /// The limits of what a client may send.
        limits: ClientLimits,
        /// The host's clock.
        server_time: Timestamp,
    },
    /// The host has decided a message or will decide it: the client need not send it again.
    Ack {
        /// The client's own id of the message.
        message_id: String,
        /// The input that the message became.
        input_id: String,
        /// The decision on it, made or to come; none when there is nothing to decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision_id: Option<String>,
        /// The other inputs that the business's handler made of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<OtherInput>,
        /// The correlation id in the host's logs.
        correlation_id: String,
        /// The state of the message.
        state: AckState,
        /// The immediate reply of the business's handler.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<ResponseContent>,
        /// How many answers to the sender follow, including the error of a failed decision; none until it is decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<u32>,
    },
    /// A node of the graph started or ended.
    Progress {
        /// The client's own id of the message.
        message_id: String,
        /// The decision that is being made.
        decision_id: String,
        /// The node.
        node: String,
        /// The step it runs in, from 1.
        step: u32,
        /// The attempt, from 1.
        attempt: u32,
        /// `started`, `done` or `failed`.
        phase: String,
    },
    /// An answer of a decision.
    Response {
        /// Unique and stable: an answer that comes twice carries the same id.
        id: String,
        /// The message that it answers; none when it answers another user or another trigger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// The decision that it comes from.
        decision_id: String,
        /// The business of the decision.
        business_id: String,
        /// The content.
        content: ResponseContent,
        /// The decision, in short.
        decision: DecisionSummary,
        /// The cursor to resume after this frame.
        cursor: String,
        /// When the decision was made.
        timestamp: Timestamp,
    },
    /// News of a decision that the client did not ask for.
    Notification {
        /// Unique and stable: news that come twice carry the same id.
        id: String,
        /// The decision that it comes from.
        decision_id: String,
        /// The business of the decision.
        business_id: String,
        /// The content.
        content: JsonObject,
        /// The cursor to resume after this frame.
        cursor: String,
        /// When the decision was made.
        timestamp: Timestamp,
    },
    /// A decision waits for a review, or a person has reviewed it.
    Review(Box<ReviewView>),
    /// The host has accepted the new token.
    Refreshed {
        /// When the host closes the connection unless it gets another one.
        expires_at: Timestamp,
    },
    /// The token is about to expire; send `refresh`.
    TokenExpiring {
        /// When the host closes the connection.
        expires_at: Timestamp,
    },
    /// The end of a resume.
    Resumed {
        /// The business.
        business_id: String,
        /// Whether every missed frame was sent; false when there were too many, or when the host cannot be sure.
        recovered: bool,
        /// How many frames were sent again.
        count: u64,
        /// The cursor for the next resume; none when there is nothing yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// The host shuts down soon: open another connection after the given time, then close this one.
    Reconnect {
        /// Differs between connections, so that clients do not all connect at once.
        after_ms: u64,
        /// The reason.
        reason: String,
    },
    /// The answer to a ping.
    Pong {
        /// The id of the ping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The host's clock.
        server_time: Timestamp,
    },
    /// Something went wrong.
    #[serde(untagged)]
    Error(WebSocketErrorResponse),
}

impl ServerFrame {
    /// What identifies the frame's content, for frames that several hosts or paths may send: an answer, a notification,
    /// a state of a review, and the failure of a decision.
    pub(super) fn key(&self) -> Option<FrameKey> {
        match self {
            Self::Response { id, decision_id, .. } => Some(FrameKey::of(&["response", decision_id, id])),
            Self::Notification { id, decision_id, .. } => Some(FrameKey::of(&["notification", decision_id, id])),
            Self::Review(view) => {
                let state = if view.state == ReviewState::Resolved { "resolved" } else { "requested" };
                Some(FrameKey::of(&["review", &view.decision_id, state]))
            }
            Self::Error(error) => {
                let details = error.details.as_ref()?;
                let text = |name: &str| details.get(name).and_then(serde_json::Value::as_str);
                let failed = text("code") == Some(DECISION_FAILED);
                text("decisionId").filter(|_| failed).map(|id| FrameKey::of(&["failure", id]))
            }
            _ => None,
        }
    }
}

/// The state of an acknowledged message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum AckState {
    /// It is stored and will be decided, even if the host ends.
    Accepted,
    /// It is decided, and the decision is stored; the answer follows.
    Decided,
    /// It was decided earlier; the answer is sent again.
    Duplicate,
    /// The business's handler accepted it, and there is nothing to decide.
    Handled,
}

/// An input among several that a handler made of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OtherInput {
    /// The input.
    pub input_id: String,
    /// The decision on it, made or to come.
    pub decision_id: String,
}

/// A decision, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DecisionSummary {
    /// The decision code, in the bundle's vocabulary.
    pub code: String,
    /// The kind of decision.
    #[serde(rename = "type")]
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Whether its actions wait for a review.
    pub requires_human_review: bool,
}

/// How the host finds out that a client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The host sends a WebSocket ping this often.
    pub ping_every_ms: u64,
    /// The pong has to come within this time.
    pub pong_timeout_ms: u64,
}

/// The limits of what a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClientLimits {
    /// Bytes of one WebSocket message.
    pub message_bytes: u64,
    /// Bytes of `content.text`.
    pub text_bytes: u64,
    /// Levels of nesting in `content.data` and `content.metadata`.
    pub json_depth: u32,
    /// Messages of one connection that are being decided or wait for it.
    pub in_flight: u32,
    /// Frames of one user each second, over time.
    pub frames_per_second: u32,
    /// Frames of one user at once.
    pub burst: u32,
}

/// The frames of a decision, in order, each with the user it is for: its responses, or, when no decision was made, the
/// error for the user who sent the input.
pub fn response_frames(
    decision: &DecisionModel,
    output: &AgentOutput,
    reply: &ReplySlot,
    cursor: &str,
) -> Vec<(String, ServerFrame)> {
    let asked = match reply {
        ReplySlot::Websocket { user_id, message_id } => Some((user_id, message_id)),
        ReplySlot::None | ReplySlot::Unknown(_) => None,
    };
    let failed = asked.filter(|_| decision.outcome == Outcome::Failed);
    let failure = failed.map(|(user_id, message_id)| (user_id.clone(), failure_frame(decision, message_id, cursor)));
    let responses = output.responses.iter().filter(|response| response.target.reaches_people()).map(|response| {
        let message_id = asked.filter(|(user_id, _)| **user_id == response.recipient).map(|(_, id)| id.clone());
        let frame = ServerFrame::Response {
            id: response.id.clone(),
            message_id,
            decision_id: output.id.clone(),
            business_id: decision.business_id.clone(),
            content: response.content.clone(),
            decision: DecisionSummary {
                code: output.decision_code.clone(),
                decision_type: output.decision_type.clone(),
                confidence: output.confidence,
                requires_human_review: output.requires_human_review,
            },
            cursor: cursor.to_owned(),
            timestamp: response.timestamp,
        };
        (response.recipient.clone(), frame)
    });
    responses.chain(failure).collect()
}

/// How many of [`response_frames`] are for the user who sent the input.
pub fn count_answers(decision: &DecisionModel, output: &AgentOutput, user_id: &str) -> u32 {
    let to_user = output.responses.iter().filter(|response| response.recipient == user_id);
    let responses = to_user.filter(|response| response.target.reaches_people()).count();
    u32::try_from(responses).unwrap_or(u32::MAX) + u32::from(decision.outcome == Outcome::Failed)
}

fn failure_frame(decision: &DecisionModel, message_id: &str, cursor: &str) -> ServerFrame {
    let mut details = JsonObject::new();
    let facts = [
        ("code", DECISION_FAILED),
        ("messageId", message_id),
        ("decisionId", &decision.id),
        ("businessId", &decision.business_id),
        ("cursor", cursor),
    ];
    for (name, fact) in facts {
        details.insert(name.to_owned(), fact.into());
    }
    // The failure is recorded: the same message again gets the same answer.
    details.insert("retryable".to_owned(), false.into());
    ServerFrame::Error(WebSocketErrorResponse {
        error_type: ErrorType::ProcessingError,
        message: decision.told_failure().unwrap_or_default(),
        details: Some(details),
        timestamp: decision.created_at,
        correlation_id: decision.context.input.correlation_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoded;

    #[test]
    fn an_error_frame_is_told_apart_from_every_other_frame() {
        let error = ServerFrame::Error(WebSocketErrorResponse {
            error_type: ErrorType::RateLimitExceeded,
            message: "slow down".to_owned(),
            details: None,
            timestamp: Timestamp::UNIX_EPOCH,
            correlation_id: None,
        });
        let pong = ServerFrame::Pong { id: None, server_time: Timestamp::UNIX_EPOCH };
        for frame in [error, pong] {
            let text = Encoded::json(&frame).to_string();
            assert_eq!(serde_json::from_str::<ServerFrame>(&text).unwrap(), frame, "{text}");
        }
    }

    #[test]
    fn frames_are_camel_case_throughout() {
        let frame = ServerFrame::TokenExpiring { expires_at: Timestamp::UNIX_EPOCH };
        let text = Encoded::json(&frame).to_string();
        assert_eq!(text, r#"{"type":"tokenExpiring","expiresAt":"1970-01-01T00:00:00Z"}"#);
    }
}
