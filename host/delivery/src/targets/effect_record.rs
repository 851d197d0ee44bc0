//! What an effect is as a record of Kafka: topic, key, headers and value.

use std::collections::BTreeMap;

use serde::Serialize;
use signalbox_model::{ActionType, find_named};
use signalbox_store::{DecisionRecord, Effect, EffectKind};
use thiserror::Error;

use super::fallback_record::FallbackRecord;
use super::resource_action::ResourceActionRecord;
use crate::DueEffect;

/// Headers that begin like this are the host's own; a plugin's header of such a name is left out.
const PREFIX: &str = "signalbox-";

const IDEMPOTENCY_KEY: &str = "signalbox-idempotency-key";
const DECISION_ID: &str = "signalbox-decision-id";
const DECISION_CODE: &str = "signalbox-decision-code";
const BUSINESS_ID: &str = "signalbox-business-id";
const BUSINESS_TYPE: &str = "signalbox-business-type";
const CORRELATION_ID: &str = "signalbox-correlation-id";
const PRIORITY: &str = "signalbox-priority";
const EXECUTE_AT: &str = "signalbox-execute-at";
const CONTENT_TYPE: &str = "content-type";

/// The headers that the host gives to a record, in their order, and their meaning.
pub const HEADERS: [(&str, &str); 9] = [
    (IDEMPOTENCY_KEY, "The same at every delivery of this effect: a consumer that has seen it does nothing more."),
    (DECISION_ID, "The decision that caused it; `signalbox decisions show` shows it."),
    (DECISION_CODE, "What was decided."),
    (BUSINESS_ID, "The business that it was decided for."),
    (BUSINESS_TYPE, "The business's type."),
    (CORRELATION_ID, "Under which the host's log tells more; missing when the input had none."),
    (PRIORITY, "Resource actions only: low, medium or high."),
    (EXECUTE_AT, "Resource actions only: not before this moment, in ISO 8601; missing when it may be done at once."),
    (CONTENT_TYPE, "application/json; missing in plugins' records, unless the plugin has set it."),
];

/// The real topics that effects go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaTopics {
    /// Where resource actions go.
    pub resource_actions: String,
    /// Where plugins' records go: the real topic by the logical name that plugins use. A name is also found in the
    /// spelling of an environment variable.
    pub published: BTreeMap<String, String>,
    /// Where messages to people go that no connection took in time; none leaves them in the mailbox.
    pub fallback: Option<String>,
}

/// What becomes of a plugin's record whose logical topic is not mapped to a real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmappedTopic {
    /// The record is refused, because the host cannot know where it belongs.
    IsRefused,
    /// The logical name is used in place of the real one. For development, where no brokers are configured.
    KeepsItsName,
}

/// Why an effect cannot be a record of Kafka. No later attempt with the same configuration changes that.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnsendableEffect {
    /// The logical topic is not mapped. The bundle was loaded before the mapping was removed, or by another host.
    #[error(
        "no topic is configured for `{topic}`: add `{topic} = \"TOPIC\"` under [kafka.topics], and have the effect \
         delivered again"
    )]
    UnmappedTopic {
        /// The logical name.
        topic: String,
    },
    /// Effects of this kind leave by another target.
    #[error("only resource actions, plugins' records and messages to people leave by Kafka")]
    NotForKafka,
    /// A message to people, where it could go only to a topic that is not configured.
    #[error("no fallback topic is configured: set kafka.fallback-topic, and have the effect delivered again")]
    NoFallbackTopic,
    /// The value cannot be written as JSON.
    #[error("the record cannot be written as JSON: {0}")]
    NotJson(String),
}

/// An effect as a record of Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRecord {
    /// The real topic.
    pub topic: String,
    /// Chooses the partition: records with the same key keep their order. The business's id, unless the plugin has
    /// chosen another.
    pub key: String,
    /// The host's [`HEADERS`], then the plugin's own.
    pub headers: Vec<(String, String)>,
    /// For a resource action a [`ResourceActionRecord`] and for a message to people a [`FallbackRecord`], both as JSON,
    /// else the plugin's own bytes.
    pub value: Vec<u8>,
}

impl EffectRecord {
    /// The record of an effect that is due.
    pub fn of(due: &DueEffect, topics: &KafkaTopics, unmapped: UnmappedTopic) -> Result<Self, UnsendableEffect> {
        let DueEffect { record, effect } = due;
        match &effect.kind {
            EffectKind::Action(action) if action.action_type == ActionType::ResourceAction => {
                let value = ResourceActionRecord::of(record, effect, action);
                let mut headers = headers(record, effect);
                headers.push((PRIORITY.to_owned(), text(&action.priority)));
                headers.extend(action.execute_at.map(|at| (EXECUTE_AT.to_owned(), at.to_string())));
                Self::of_json(topics.resource_actions.clone(), record, headers, &value)
            }
            EffectKind::KafkaRecord { topic, key, value, headers: own } => {
                let real = match (find_named(&topics.published, topic), unmapped) {
                    (Some((_, real)), _) => real,
                    (None, UnmappedTopic::KeepsItsName) => topic,
                    (None, UnmappedTopic::IsRefused) => {
                        return Err(UnsendableEffect::UnmappedTopic { topic: topic.clone() });
                    }
                };
                let mut headers = headers(record, effect);
                headers.extend(own.iter().filter(|(name, _)| !is_the_hosts(name)).cloned());
                Ok(Self {
                    topic: real.clone(),
                    key: key.clone().unwrap_or_else(|| record.decision.business_id.clone()),
                    headers,
                    value: value.clone(),
                })
            }
            _ => {
                let value = FallbackRecord::of(record, effect).ok_or(UnsendableEffect::NotForKafka)?;
                let topic = topics.fallback.clone().ok_or(UnsendableEffect::NoFallbackTopic)?;
                Self::of_json(topic, record, headers(record, effect), &value)
            }
        }
    }

    /// A record of the host's own, with the business's id as its key.
    fn of_json(
        topic: String,
        record: &DecisionRecord,
        mut headers: Vec<(String, String)>,
        value: &impl Serialize,
    ) -> Result<Self, UnsendableEffect> {
        headers.push((CONTENT_TYPE.to_owned(), "application/json".to_owned()));
        let value = serde_json::to_vec(value).map_err(|error| UnsendableEffect::NotJson(error.to_string()))?;
        Ok(Self { topic, key: record.decision.business_id.clone(), headers, value })
    }
}

/// The headers that every record has.
fn headers(record: &DecisionRecord, effect: &Effect) -> Vec<(String, String)> {
    let decision = &record.decision;
    let mut headers = vec![
        (IDEMPOTENCY_KEY, effect.id.clone()),
        (DECISION_ID, decision.id.clone()),
        (DECISION_CODE, decision.decision_code.clone()),
        (BUSINESS_ID, decision.business_id.clone()),
        (BUSINESS_TYPE, decision.business_type.clone()),
    ];
    headers.extend(decision.context.input.correlation_id.clone().map(|id| (CORRELATION_ID, id)));
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Some consumers read the names of headers whatever their case.
fn is_the_hosts(header: &str) -> bool {
    header.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// A variant as it is written in JSON.
fn text(priority: &signalbox_model::Priority) -> String {
    match serde_json::to_value(priority) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}
