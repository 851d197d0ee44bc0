//! The targets that effects leave to, each an [`EffectTarget`](crate::EffectTarget).
//!
//! Resource actions, plugins' records, and messages to people that no connection took leave as records of Kafka.
//! [`effect_record`] says what such a record holds;
//! [`kafka`] sends it to the brokers, and [`development_sink`] appends it to a file where no brokers are configured.
//! [`http`] makes external calls. Notifications leave by [`websocket`], and by the channels of their business besides:
//! [`email`] and [`notification_webhook`].

mod channel_message;
pub(crate) mod channels;
mod development_sink;
mod effect_record;
mod email;
mod fallback_record;
mod http;
mod kafka;
mod notification_webhook;
mod resource_action;
pub(crate) mod schedules;
pub(crate) mod websocket;

pub(crate) use channel_message::ChannelMessage;
pub use development_sink::{DevelopmentSink, SinkEntry};
pub use effect_record::{EffectRecord, HEADERS as EFFECT_RECORD_HEADERS, KafkaTopics, UnmappedTopic, UnsendableEffect};
pub use email::{EmailConfig, EmailConfigError, EmailEncryption, EmailServer, EmailTarget};
pub use fallback_record::{FallbackAudience, FallbackMessageType, FallbackRecord};
pub use http::{ExternalCallConfig, ExternalCallReceivers, HostPattern, HttpTarget, ReceiverConfig, ReceiverError};
pub use kafka::KafkaTarget;
pub use notification_webhook::{
    NotificationReceiverConfig, NotificationWebhookConfig, NotificationWebhookTarget, NotificationWebhooks,
    WebhookFormat,
};
pub use resource_action::{ActingDecision, ResourceActionRecord};
