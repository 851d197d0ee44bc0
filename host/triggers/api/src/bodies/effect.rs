use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signalbox_model::{ActionType, Priority, Timestamp};
use signalbox_store::{DecisionRecord, DeliveredTo, Effect, EffectKind, EffectState};

use super::decision_href;

/// An effect of a decision outside of the host, and how its delivery stands.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionEffect {
    /// Its id: the idempotency key of every attempt to deliver it.
    pub id: String,
    /// The decision that caused it.
    pub decision_id: String,
    /// What was decided, in the bundle's vocabulary.
    pub decision_code: String,
    /// The place that the decision is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What is delivered.
    pub kind: DeliveredKind,
    /// Where it goes: an action's target, the topic of a Kafka record, the name of a schedule, the user of a
    /// message, or the channel of a notification; none for a notification to several people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Actions only: which leave first when several wait for the same target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How the delivery stands.
    pub state: DeliveryState,
    /// Why it is in this state, where there is a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often it was attempted.
    pub attempts: u32,
    /// For a message to people that is delivered: who or what has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_to: Option<MessageHolder>,
    /// When the next attempt is due, where a moment is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// When it was delivered or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When the decision was made.
    pub created_at: Timestamp,
    /// The decision's address.
    pub decision_href: String,
}

/// The kinds of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveredKind {
    /// An action on a resource.
    ResourceAction,
    /// A message to people.
    Notification,
    /// An answer that no connection took, on its way to the fallback topic.
    Response,
    /// A notification on its way by one channel, for example as an e-mail.
    ChannelNotification,
    /// A request to an external service.
    ExternalCall,
    /// A record for a Kafka topic.
    KafkaRecord,
    /// A schedule that is made, replaced or cancelled.
    Schedule,
    /// A kind that only a newer version of the host knows.
    Unknown,
}

/// The states of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryState {
    /// To be attempted, now or at its moment.
    Pending,
    /// It waits for the review of its decision.
    Withheld,
    /// The target has confirmed it.
    Delivered,
    /// A message that no connection took: it is in the mailbox, and goes to the fallback topic at `nextAttemptAt`.
    Kept,
    /// An attempt failed and the next one is due at `nextAttemptAt`, or an operator has to configure something first.
    Waiting,
    /// It waits until its target works again.
    HeldBack,
    /// Given up; an operator may have it attempted again.
    DeadLetter,
    /// Not to be delivered: rejected in a review, or cancelled.
    Dropped,
    /// A state that only a newer version of the host knows.
    #[serde(skip_deserializing)]
    Unknown,
}

/// Who or what has a message to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MessageHolder {
    /// At least one connection of a person whom it is for.
    Connection,
    /// The mailbox, which a client reads when it resumes.
    Mailbox,
    /// The Kafka topic from which the original system takes what no connection took.
    FallbackTopic,
    /// A way that only a newer version of the host knows.
    Unknown,
}

impl From<DeliveredTo> for MessageHolder {
    fn from(to: DeliveredTo) -> Self {
        match to {
            DeliveredTo::Connection => Self::Connection,
            DeliveredTo::Mailbox => Self::Mailbox,
            DeliveredTo::FallbackTopic => Self::FallbackTopic,
            DeliveredTo::Unknown(_) => Self::Unknown,
        }
    }
}

impl DeliveryState {
    /// The state as it is written in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Withheld => "withheld",
            Self::Delivered => "delivered",
            Self::Kept => "kept",
            Self::Waiting => "waiting",
            Self::HeldBack => "heldBack",
            Self::DeadLetter => "deadLetter",
            Self::Dropped => "dropped",
            Self::Unknown => "unknown",
        }
    }
}

/// A page of a business's effects.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectPage {
    /// The effects.
    pub items: Vec<DecisionEffect>,
    /// Pass it on as `cursor` for the next page; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl DecisionEffect {
    /// An effect of this decision, as the API shows it.
    pub fn new(record: &DecisionRecord, effect: &Effect) -> Self {
        let decision = &record.decision;
        let (kind, target, priority) = match &effect.kind {
            EffectKind::Action(action) => {
                let kind = match action.action_type {
                    ActionType::ResourceAction => DeliveredKind::ResourceAction,
                    ActionType::Notification => DeliveredKind::Notification,
                    ActionType::ExternalCall => DeliveredKind::ExternalCall,
                    ActionType::Unknown(_) => DeliveredKind::Unknown,
                };
                (kind, Some(action.target.clone()), Some(action.priority))
            }
            EffectKind::Notification { user_id, .. } => (DeliveredKind::Notification, user_id.clone(), None),
            EffectKind::Response { recipient } => (DeliveredKind::Response, Some(recipient.clone()), None),
            EffectKind::ChannelNotification { channel, .. } => {
                (DeliveredKind::ChannelNotification, Some(channel.clone()), None)
            }
            EffectKind::KafkaRecord { topic, .. } => (DeliveredKind::KafkaRecord, Some(topic.clone()), None),
            EffectKind::Schedule { name, .. } | EffectKind::CancelSchedule { name } => {
                (DeliveredKind::Schedule, Some(name.clone()), None)
            }
            EffectKind::Unknown(_) => (DeliveredKind::Unknown, None, None),
        };
        let (state, reason, ended_at) = match &effect.state {
            EffectState::Pending => (DeliveryState::Pending, None, None),
            EffectState::Withheld => (DeliveryState::Withheld, None, None),
            EffectState::Delivered { at, .. } => (DeliveryState::Delivered, None, Some(*at)),
            EffectState::Kept { .. } => (DeliveryState::Kept, None, None),
            EffectState::Waiting { reason, .. } => (DeliveryState::Waiting, Some(reason), None),
            EffectState::HeldBack { reason, .. } => (DeliveryState::HeldBack, Some(reason), None),
            EffectState::DeadLetter { at, reason } => (DeliveryState::DeadLetter, Some(reason), Some(*at)),
            EffectState::Dropped { reason } => (DeliveryState::Dropped, Some(reason), None),
            EffectState::Unknown(_) => (DeliveryState::Unknown, None, None),
        };
        Self {
            id: effect.id.clone(),
            decision_id: decision.id.clone(),
            decision_code: decision.decision_code.clone(),
            location_id: decision.location_id.clone(),
            kind,
            target,
            priority,
            state,
            reason: reason.cloned(),
            attempts: effect.attempts,
            delivered_to: match effect.state {
                EffectState::Delivered { to, .. } => to.map(MessageHolder::from),
                _ => None,
            },
            next_attempt_at: effect.next_attempt(),
            ended_at,
            created_at: decision.created_at,
            decision_href: decision_href(&decision.business_id, &decision.id),
        }
    }
}
