//! A way out of the host: what the relay asks of every target, and what a target answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use signalbox_model::Timestamp;
use signalbox_store::{DecisionRecord, DeliveredTo, Effect};

/// Where effects go: a Kafka cluster, an HTTP endpoint, the people of a business.
///
/// The relay decides when an effect is attempted and what a failure means for it; a target makes one attempt and says
/// how it ended. A target keeps its own deadline: an attempt ends within the time that its configuration allows.
#[async_trait]
pub trait EffectTarget: Send + Sync + 'static {
    /// The target's name in metrics and logs, for example `kafka`.
    fn name(&self) -> &'static str;

    /// Delivers the effect once.
    async fn attempt(&self, due: &DueEffect) -> AttemptResult;
}

/// An effect whose time has come.
#[derive(Clone, Debug)]
pub struct DueEffect {
    /// The decision that caused it.
    pub record: Arc<DecisionRecord>,
    /// The effect; its id is the idempotency key of every attempt.
    pub effect: Effect,
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The target has confirmed the effect. It is never sent again.
    Delivered,
    /// A message to people has arrived, and this says where. It is never sent again.
    DeliveredTo(DeliveredTo),
    /// No connection took a message to people. It is in the mailbox now.
    Kept {
        /// When it goes to the fallback topic, unless a connection takes it before.
        until: Timestamp,
    },
    /// The target will never take this effect: further attempts are useless, and the effect becomes a dead letter.
    Refused {
        /// Why, for the operator.
        reason: String,
    },
    /// This attempt failed, and a later one may succeed. It counts against the effect's retry policy.
    Failed {
        /// Why, for the operator.
        reason: String,
        /// How long the target has asked the host to wait; none leaves it to the retry policy.
        retry_after: Option<Duration>,
    },
    /// The target as a whole cannot be reached, so the attempt says nothing about this effect and does not count
    /// against its retry policy. The relay holds the target's effects back until the target answers again.
    Unavailable {
        /// Why, for the operator.
        reason: String,
    },
}
