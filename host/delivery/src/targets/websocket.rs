//! Messages to people: to their connections on this host, else into the mailbox, and from there to the fallback topic.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use signalbox_model::Timestamp;
use signalbox_sessions::Sessions;
use signalbox_store::{DeliveredTo, EffectKind};

use crate::{AttemptResult, Audience, DueEffect, EffectTarget, Notice};

/// The most responses remembered that connections took before their effects were attempted.
const MAX_TAKEN: usize = 10_000;

/// The connections of this host.
#[derive(Clone)]
pub(crate) struct Connections {
    pub sessions: Sessions,
    pub audience: Arc<dyn Audience>,
    /// Responses are pushed as soon as they are stored, before their effects are attempted.
    pub taken: TakenResponses,
}

/// The ids of responses that connections took, until their effects are attempted. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct TakenResponses(Arc<Mutex<HashSet<String>>>);

/// The people who are connected. What none of them takes is in the mailbox: clients find it when they resume.
pub(crate) struct WebSocketTarget {
    pub connections: Connections,
    /// How long a message stays in the mailbox before it goes to the fallback topic; none leaves it there.
    pub fallback_after: Option<Duration>,
}

/// The topic from which the original system takes messages that no connection took. The connections are tried first,
/// because people may have come back.
pub(crate) struct FallbackTarget {
    pub connections: Connections,
    /// None where no fallback topic is configured any more, or no Kafka cluster.
    pub kafka: Option<Arc<dyn EffectTarget>>,
}

impl TakenResponses {
    /// Notes that a connection took a response.
    pub fn note(&self, response_id: &str) {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A response that is forgotten is pushed once more, and clients show a response once.
        if taken.len() >= MAX_TAKEN {
            taken.clear();
        }
        taken.insert(response_id.to_owned());
    }

    fn take(&self, response_id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(response_id)
    }
}

impl Connections {
    /// Pushes the message of an effect, and says whether a connection took it. The error says why the effect is no
    /// message to people.
    fn push(&self, due: &DueEffect) -> Result<bool, String> {
        let Some(notice) = Notice::of_message(&due.record, &due.effect) else {
            return Err(match &due.effect.kind {
                EffectKind::Action(action) => format!(
                    "nobody is meant by the target `{}`; a notification goes to `user:<id>` or to `business`",
                    action.target
                ),
                EffectKind::Response { .. } => "the decision has no such response".to_owned(),
                _ => "the notification has no recipient".to_owned(),
            });
        };
        let connections = notice.send(&self.sessions, self.audience.as_ref());
        tracing::debug!(effect_id = due.effect.id, connections, "message to people pushed");
        Ok(connections > 0)
    }
}

#[async_trait]
impl EffectTarget for WebSocketTarget {
    fn name(&self) -> &'static str {
        "websocket"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let is_taken = match self.connections.taken.take(&due.effect.id) {
            true => Ok(true),
            false => self.connections.push(due),
        };
        match (is_taken, self.fallback_after) {
            (Err(reason), _) => AttemptResult::Refused { reason },
            (Ok(true), _) => AttemptResult::DeliveredTo(DeliveredTo::Connection),
            (Ok(false), None) => AttemptResult::DeliveredTo(DeliveredTo::Mailbox),
            (Ok(false), Some(after)) => {
                AttemptResult::Kept { until: Timestamp::now().checked_add(after).unwrap_or(Timestamp::MAX) }
            }
        }
    }
}

#[async_trait]
impl EffectTarget for FallbackTarget {
    fn name(&self) -> &'static str {
        "fallback"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        match (self.connections.push(due), &self.kafka) {
            (Err(reason), _) => AttemptResult::Refused { reason },
            (Ok(true), _) => AttemptResult::DeliveredTo(DeliveredTo::Connection),
            (Ok(false), None) => AttemptResult::DeliveredTo(DeliveredTo::Mailbox),
            (Ok(false), Some(kafka)) => match kafka.attempt(due).await {
                AttemptResult::Delivered => AttemptResult::DeliveredTo(DeliveredTo::FallbackTopic),
                other => other,
            },
        }
    }
}
