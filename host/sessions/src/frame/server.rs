use serde::{Deserialize, Serialize};
use signalbox_model::{
    AgentOutput, DecisionModel, ErrorType, JsonObject, Outcome, ReplySlot, ResponseContent, ResponseTarget, Timestamp,
    WebSocketErrorResponse,
};

use super::ReviewView;

/// A frame to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// You are in. Always the first frame.
    Welcome {
        /// Names the connection in the host's logs.
        connection_id: String,
        /// Who the token says you are.
        user_id: String,
        /// The businesses the token names.
        businesses: Vec<String>,
        /// When the connection is closed unless a new token comes.
        expires_at: Timestamp,
        /// How the host finds out that a client is gone.
        heartbeat: Heartbeat,
        /// What a client may send.
        limits: ClientLimits,
        /// The host's clock.
        server_time: Timestamp,
    },
    /// A message will be decided, or has been: it need not be sent again.
    Ack {
        /// The client's own id of the message.
        message_id: String,
        /// The input it became.
        input_id: String,
        /// The decision on it, made or to come; none when there is nothing to decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision_id: Option<String>,
        /// The other inputs that the business's handler made of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<OtherInput>,
        /// Under which the host's logs tell more.
        correlation_id: String,
        /// How far it is.
        state: AckState,
        /// What the business's handler says at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<ResponseContent>,
        /// How many answers to the sender follow, the error of a failed decision among them; none until it is decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<u32>,
    },
    /// A node of the graph started or ended.
    Progress {
        /// The client's own id of the message.
        message_id: String,
        /// The decision that is being made.
        decision_id: String,
        /// Which node.
        node: String,
        /// The step it runs in, from 1.
        step: u32,
        /// The attempt, from 1.
        attempt: u32,
        /// `started`, `done` or `failed`.
        phase: String,
    },
    /// An answer.
    Response {
        /// Unique and stable: an answer that comes twice carries the same id.
        id: String,
        /// The message that it answers; none when it answers another user or another trigger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// The decision it comes from.
        decision_id: String,
        /// Whose affair it is.
        business_id: String,
        /// What it says.
        content: ResponseContent,
        /// What was decided.
        decision: DecisionSummary,
        /// Where to resume after this frame.
        cursor: String,
        /// When it was decided.
        timestamp: Timestamp,
    },
    /// News that nobody asked for.
    Notification {
        /// Unique and stable: news that come twice carry the same id.
        id: String,
        /// The decision they come from.
        decision_id: String,
        /// Whose affair they are.
        business_id: String,
        /// What they say.
        content: JsonObject,
        /// Where to resume after this frame.
        cursor: String,
        /// When they were decided.
        timestamp: Timestamp,
    },
    /// A decision waits for a person, or a person has decided about it.
    Review(Box<ReviewView>),
    /// The new token holds.
    Refreshed {
        /// When the connection is closed unless another one comes.
        expires_at: Timestamp,
    },
    /// The token is about to expire; send `refresh`.
    TokenExpiring {
        /// When the connection is closed.
        expires_at: Timestamp,
    },
    /// The end of a resume.
    Resumed {
        /// In which business.
        business_id: String,
        /// True when everything that was missed has been sent; false when there was too much to send it all.
        recovered: bool,
        /// How many frames were sent again.
        count: u64,
        /// Where to resume next time; none when there is nothing yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// The host goes away soon: open another connection after the time given, then leave this one.
    Reconnect {
        /// Different for each connection, so that not all come at once.
        after_ms: u64,
        /// Why.
        reason: String,
    },
    /// Still here.
    Pong {
        /// From the ping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The host's clock.
        server_time: Timestamp,
    },
    /// Something went wrong.
    #[serde(untagged)]
    Error(WebSocketErrorResponse),
}

/// How far an acknowledged message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum AckState {
    /// Stored; its decision comes, whatever happens to the host.
    Accepted,
    /// Decided and stored; the answer follows.
    Decided,
    /// Decided before; the answer is sent again.
    Duplicate,
    /// The business's handler took it, and there is nothing to decide.
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

/// What was decided, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DecisionSummary {
    /// In the bundle's vocabulary.
    pub code: String,
    /// The kind of decision.
    #[serde(rename = "type")]
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Its actions wait for a person.
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

/// What a client may send.
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

/// What a decision says to people, in order, each with the user it is for: its responses, or, when no decision came
/// out, the error for whoever asked.
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
    let responses = output.responses.iter().filter(|response| reaches_people(response.target)).map(|response| {
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

/// How many of [`response_frames`] are for the user who asked.
pub fn count_answers(decision: &DecisionModel, output: &AgentOutput, user_id: &str) -> u32 {
    let to_user = output.responses.iter().filter(|response| response.recipient == user_id);
    let responses = to_user.filter(|response| reaches_people(response.target)).count();
    u32::try_from(responses).unwrap_or(u32::MAX) + u32::from(decision.outcome == Outcome::Failed)
}

fn reaches_people(target: ResponseTarget) -> bool {
    matches!(target, ResponseTarget::Websocket | ResponseTarget::Notification)
}

fn failure_frame(decision: &DecisionModel, message_id: &str, cursor: &str) -> ServerFrame {
    let mut details = JsonObject::new();
    let facts = [
        ("code", "decision_failed"),
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
