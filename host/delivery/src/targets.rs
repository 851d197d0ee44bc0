//! The targets that effects leave to, each an [`EffectTarget`](crate::EffectTarget).
//!
//! Resource actions, plugins' records, and messages to people that no connection took leave as records of Kafka.
//! [`effect_record`] says what such a record holds;
//! [`kafka`] sends it to the brokers, and [`development_sink`] appends it to a file where no brokers are configured.
//! [`http`] makes external calls.

mod development_sink;
mod effect_record;
mod fallback_record;
mod http;
mod kafka;
mod resource_action;
pub(crate) mod schedules;
pub(crate) mod websocket;

pub use development_sink::{DevelopmentSink, SinkEntry};
pub use effect_record::{EffectRecord, HEADERS as EFFECT_RECORD_HEADERS, KafkaTopics, UnmappedTopic, UnsendableEffect};
pub use fallback_record::{FallbackAudience, FallbackMessageType, FallbackRecord};
pub use http::{ExternalCallConfig, ExternalCallReceivers, HostPattern, HttpTarget, ReceiverConfig, ReceiverError};
pub use kafka::KafkaTarget;
pub use resource_action::{ActingDecision, ResourceActionRecord};
