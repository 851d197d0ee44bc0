use std::collections::{BTreeMap, VecDeque};

use crate::bindings::capabilities::signalbox as wire;
use crate::log::Level;
use crate::testing::rows::Rows;
use crate::{Context, Json};

/// A line that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The line's level.
    pub level: Level,
    /// The message.
    pub message: String,
    /// The fields.
    pub fields: Vec<(String, String)>,
}

/// A capability call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The capability, for example `dynamodb`.
    pub capability: &'static str,
    /// The function, for example `put`.
    pub function: &'static str,
    /// The subject: a table and key, a model, a URL.
    pub subject: String,
}

/// An effect of the decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A record for Kafka.
    Kafka {
        /// Logical name of the topic.
        topic: String,
        /// Records with the same key keep their order.
        key: Option<String>,
        /// The bytes.
        value: Vec<u8>,
    },
    /// A notification for one user.
    Send {
        /// The user whom it is for.
        user_id: String,
        /// The content.
        content: Json,
    },
    /// A notification for an audience.
    Broadcast {
        /// The audience.
        audience: crate::websocket::Audience,
        /// The content.
        content: Json,
    },
    /// A schedule.
    Schedule {
        /// Unique within the business.
        name: String,
        /// When it ticks.
        timing: crate::cron::Timing,
        /// Arrives with each tick.
        payload: Option<Json>,
    },
    /// A cancelled schedule.
    Cancel {
        /// The schedule's name.
        name: String,
    },
}

/// The answer of a model: a fixed text or an error.
pub(super) type LlmAnswer = Result<String, wire::llm::llm::Error>;

/// Everything that a [`super::Host`] was given and has recorded.
#[derive(Default)]
pub(super) struct Memory {
    pub grants: Option<Vec<(String, String)>>,
    pub config: Option<serde_json::Value>,
    pub context: Option<Context>,
    pub llm_answers: VecDeque<LlmAnswer>,
    pub message_models: Vec<wire::rag::rag::MessageModel>,
    pub past_decisions: Vec<wire::rag::rag::PastDecision>,
    pub http_responses: Vec<(wire::http::http::Method, String, wire::http::http::Response)>,
    pub resources: BTreeMap<(String, String), wire::resources::resources::ResourceState>,
    pub schedules: Vec<wire::cron::cron::ScheduleStatus>,
    pub rows: Rows,
    pub failures: Failures,
    pub log_lines: Vec<LogLine>,
    pub calls: Vec<Call>,
    pub effects: Vec<Effect>,
    /// How many writes the running decision has made, for idempotency keys.
    pub writes: u32,
}

/// Errors that the next calls return, in order, before any other check.
#[derive(Default)]
pub(super) struct Failures {
    pub business: VecDeque<wire::business::business::Error>,
    pub resources: VecDeque<wire::resources::resources::Error>,
    pub rag: VecDeque<wire::rag::rag::Error>,
    pub dynamodb: VecDeque<wire::dynamodb::dynamodb::Error>,
    pub http: VecDeque<wire::http::http::Error>,
    pub kafka: VecDeque<wire::kafka::kafka::Error>,
    pub websocket: VecDeque<wire::websocket::websocket::Error>,
    pub cron: VecDeque<wire::cron::cron::Error>,
}

impl Memory {
    /// Prepares for a node's run with this context.
    pub fn begin(&mut self, context: &Context) {
        self.context = Some(context.clone());
        self.writes = 0;
    }

    /// Notes a call.
    pub fn note(&mut self, capability: &'static str, function: &'static str, subject: impl Into<String>) {
        self.calls.push(Call { capability, function, subject: subject.into() });
    }

    /// Whether the grants cover this; without any grant set, everything is granted.
    pub fn granted(&self, capability: &str, name: &str) -> bool {
        self.grants
            .as_ref()
            .is_none_or(|grants| grants.iter().any(|(granted, what)| granted == capability && what == name))
    }

    /// The key of the next write: the same when the decision is repeated.
    pub fn next_write_key(&mut self) -> String {
        self.writes += 1;
        match &self.context {
            Some(context) => format!("{}/{}/{}", context.decision_id, context.node, self.writes),
            None => format!("no-decision/{}", self.rows.fresh_number()),
        }
    }
}
