//! What decisions cause, on its way out: answers and notifications to people who are connected, and whatever has to
//! reach other systems.
//!
//! Effects are stored with their decision before anything here hears of it, so a crash loses none: the [`Relay`] finds
//! them again in the store. Answers are no effects; they are served from the record, now or when a client resumes.

mod admin;
mod config;
mod hosts;
mod metrics;
mod notice;
mod relay;
mod retry;
mod review;
mod route;
mod target;
mod targets;

pub use admin::{AdminConfig, AdminEvent, AdminNoticeTask, AdminNotices};
pub use config::{RelayConfig, RetryConfig, TargetConfig};
pub use hosts::{FanOut, FanOutReader, FanOutSender, FanOutState, Follower, HostsConfig, Neighbours, Presence};
pub use metrics::describe_metrics;
pub use notice::{Audience, Notice, Recipient};
pub use relay::{Relay, RelayTask};
pub use review::{may_review, review_view};
pub use route::TARGETS;
pub use target::{AttemptResult, DueEffect, EffectTarget};
pub use targets::{
    ActingDecision, DevelopmentSink, EFFECT_RECORD_HEADERS, EffectRecord, EmailConfig, EmailConfigError,
    EmailEncryption, EmailServer, EmailTarget, ExternalCallConfig, ExternalCallReceivers, FallbackAudience,
    FallbackMessageType, FallbackRecord, HostPattern, HttpTarget, KafkaTarget, KafkaTopics, NotificationReceiverConfig,
    NotificationWebhookConfig, NotificationWebhookTarget, NotificationWebhooks, ReceiverConfig, ReceiverError,
    ResourceActionRecord, SinkEntry, UnmappedTopic, UnsendableEffect, WebhookFormat,
};
