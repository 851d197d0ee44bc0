//! The data model of Signalbox: plain serde types, camelCase on every wire, ISO-8601 times in UTC.
//!
//! Stored records are read leniently, because a newer version may have written them: unknown fields are ignored, and
//! unknown variants are kept. JSON that people write is read through [`HandWritten`], which refuses both. This crate
//! does no I/O; only [`Clock`] reads the time.

mod access;
mod action;
mod business;
mod clock;
mod context;
mod cron;
mod decision;
mod error_code;
mod error_frame;
mod excerpt;
mod id;
mod input;
mod message_model;
mod name;
mod notification;
mod output;
mod reply;
mod response;
mod review;
mod schedule;
mod secret;
pub mod strict_json;
mod text;
mod units;
mod unknown_name;
mod visible;
mod written;
mod zone;

pub use access::{
    BUSINESS_ID_RULE, BusinessAccess, DECISIONS_PERMISSION, HOST_PERMISSIONS, MESSAGE_PERMISSION, Reach, UserAccess,
    is_business_id, user_id_problem,
};
pub use action::{ActionType, AgentAction, Priority, RetryPolicy};
pub use business::{BusinessInfo, Location, Role, default_locale, default_timezone};
pub use clock::Clock;
pub use context::{AgentContext, RagContext};
pub use cron::{CronError, CronExpression};
pub use decision::{DEAD_LETTER, DecisionModel, Outcome, PathStep, StepResult};
pub use error_code::ErrorCode;
pub use error_frame::{ErrorType, WebSocketErrorResponse};
pub use excerpt::{LONGEST_PLACE, LONGEST_PROBLEM, excerpt};
pub use id::{
    action_id, correlation_id, decision_id, delivery_id, fire_input_id, input_id, is_record_id, record_id, response_id,
    signature_id,
};
pub use input::{AgentInput, Content, InputType, Source};
pub use message_model::MessageModel;
pub use name::{find_named, folded_name};
pub use notification::{
    NotificationChannel, NotificationMedium, NotificationRoute, NotificationSettings, RoutedNotification,
    is_channel_name,
};
pub use output::{AgentOutput, OutputMetadata, Tokens};
pub use reply::ReplySlot;
pub use response::{AgentResponse, ResponseContent, ResponseTarget};
pub use review::{EditedAction, REVIEW_PERMISSION, Resolution, Review, ReviewChoice, ReviewRequest, ReviewVerdict};
pub use schedule::{CatchUp, Overlap};
pub use secret::{SecretReference, SecretTextError, secret_text};
pub use text::composed;
pub use units::{HumanDuration, HumanSize, UnitError};
pub use unknown_name::UnknownName;
pub use visible::{is_hidden, name_of_hidden, visible, visible_json, visible_line};
pub use written::{HandWritten, written};
pub use zone::{time_zone, time_zone_names};

/// A JSON object as it stands in settings, payloads and metadata.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// A moment in UTC, written as ISO 8601.
pub type Timestamp = jiff::Timestamp;
