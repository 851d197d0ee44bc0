use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use signalbox_model::{
    ActionType, AgentAction, AgentOutput, DecisionModel, JsonObject, NotificationMedium, Priority, ReplySlot,
    RetryPolicy, Review, Timestamp, UnknownName,
};

/// A decision with its effects, written as one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// The decision, with its input.
    pub decision: DecisionModel,
    /// The answers, and the path through the graph.
    pub output: AgentOutput,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// The new state of the conversation, written in the same transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUpdate>,
    /// The review that the decision waits for or had; none when it never needed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// The effects to deliver. Responses are not among them, because clients read these from the record.
    pub effects: Vec<Effect>,
    /// The host that attempts the effects that are due; none leaves them to any host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<EffectLease>,
}

/// A conversation's state after a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionUpdate {
    /// The user of the conversation.
    pub user_id: String,
    /// Replaces the stored state.
    pub data: JsonObject,
    /// When the state expires.
    pub expires_at: Timestamp,
}

/// The right of one host to attempt the effects of a decision. No other host attempts them until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectLease {
    /// The process that has the lease, by a name that each run of a process makes for itself.
    pub holder: String,
    /// The end of the lease, by the clocks of the hosts.
    pub until: Timestamp,
}

/// An effect of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// Unique within the decision and stable: the idempotency key of every delivery.
    pub id: String,
    /// What is to be delivered.
    pub kind: EffectKind,
    /// The state of the delivery.
    pub state: EffectState,
    /// The number of delivery attempts.
    #[serde(default)]
    pub attempts: u32,
    /// Since when a message to people is in the mailbox, because no connection took it: a client that resumes gets it,
    /// whatever becomes of the effect. None for every other effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_since: Option<Timestamp>,
}

impl Effect {
    /// A new effect, to be delivered as soon as it is stored.
    pub fn pending(id: impl Into<String>, kind: EffectKind) -> Self {
        Self { id: id.into(), kind, state: EffectState::Pending, attempts: 0, kept_since: None }
    }

    /// The moment that is set for its next attempt; none when none is set, or when there is none.
    pub fn next_attempt(&self) -> Option<Timestamp> {
        match (&self.state, &self.kind) {
            (EffectState::Pending, EffectKind::Action(action)) => action.execute_at,
            (EffectState::Waiting { until, .. }, _) => *until,
            (EffectState::Kept { until, .. }, _) => Some(*until),
            _ => None,
        }
    }

    /// Whether a client that resumes gets the effect, if it is a message to people: a connection took it, or it is in
    /// the mailbox.
    pub fn is_resumable(&self) -> bool {
        match self.state {
            EffectState::Delivered { .. } => true,
            EffectState::Withheld | EffectState::Dropped { .. } | EffectState::Unknown(_) => false,
            _ => self.kept_since.is_some(),
        }
    }

    /// Whether it is a message in the mailbox that is to go to the fallback topic unless a connection takes it.
    pub fn awaits_fallback(&self) -> bool {
        let is_open = !self.state.is_final() && !matches!(self.state, EffectState::Withheld | EffectState::Unknown(_));
        is_open && self.kept_since.is_some()
    }

    /// A new effect that waits for a person's review.
    pub fn withheld(id: impl Into<String>, kind: EffectKind) -> Self {
        Self { id: id.into(), kind, state: EffectState::Withheld, attempts: 0, kept_since: None }
    }
}

/// The kinds of effects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EffectKind {
    /// An action of a node's step.
    Action(AgentAction),
    /// A message to one user, or to everyone in an audience.
    #[serde(rename_all = "camelCase")]
    Notification {
        /// One user; none means the audience that the other fields describe.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        /// Only users who may see this location; none means the decision's own location, or the whole business when it
        /// has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location_id: Option<String>,
        /// Only users with this permission; none means [`signalbox_model::DECISIONS_PERMISSION`], which the staff has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        permission: Option<String>,
        /// A wider audience, as far as a grant allows it. Records from before these grants have no wider audience.
        #[serde(default, skip_serializing_if = "Wider::is_nothing")]
        wider: Wider,
        /// The message.
        content: JsonObject,
    },
    /// A record for a Kafka topic.
    #[serde(rename_all = "camelCase")]
    KafkaRecord {
        /// Logical name; the operator maps it to a real topic.
        topic: String,
        /// Records with the same key keep their order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Base64 in JSON.
        #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
        value: Vec<u8>,
        /// Name and value.
        headers: Vec<(String, String)>,
    },
    /// Creates a schedule, or replaces one with the same name.
    #[serde(rename_all = "camelCase")]
    Schedule {
        /// Unique within the business.
        name: String,
        /// When it ticks.
        timing: ScheduleTiming,
        /// IANA time zone; none is the business's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
        /// Arrives as `content.data` of the input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payload: Option<JsonObject>,
    },
    /// Cancels a schedule.
    #[serde(rename_all = "camelCase")]
    CancelSchedule {
        /// Its name within the business.
        name: String,
    },
    /// The response of the decision whose id is the effect's id. Responses are pushed and resumed without an effect;
    /// one that has an effect goes to the fallback topic when no connection takes it in time.
    #[serde(rename_all = "camelCase")]
    Response {
        /// The user whom it is for.
        recipient: String,
    },
    /// A notification that leaves by a channel of its business besides the WebSocket. It has a state of its own, so
    /// that a channel that fails neither holds up nor repeats the others.
    #[serde(rename_all = "camelCase")]
    ChannelNotification {
        /// The id of the effect that is the notification.
        of: String,
        /// The channel's name in the business's file, which also says where it leads.
        channel: String,
        /// What carries it.
        medium: NotificationMedium,
        /// That of the notification.
        priority: Priority,
        /// That of the notification.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_policy: Option<RetryPolicy>,
    },
    /// A kind that only a newer version knows, as it was stored. This version does not deliver it.
    #[serde(untagged)]
    Unknown(Value),
}

impl EffectKind {
    /// Whether this version can deliver it.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Action(action) => !matches!(action.action_type, ActionType::Unknown(_)),
            Self::Schedule { timing, .. } => !matches!(timing, ScheduleTiming::Unknown(_)),
            Self::ChannelNotification { medium, .. } => !matches!(medium, NotificationMedium::Unknown(_)),
            Self::Notification { .. }
            | Self::KafkaRecord { .. }
            | Self::CancelSchedule { .. }
            | Self::Response { .. } => true,
            Self::Unknown(_) => false,
        }
    }
}

/// Who receives a broadcast besides the staff of the decision's own location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wider {
    /// The staff of every location.
    #[serde(default)]
    pub every_place: bool,
    /// Users without the permission too.
    #[serde(default)]
    pub everyone: bool,
}

impl Wider {
    /// Whether the audience is not widened.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// When a schedule ticks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScheduleTiming {
    /// Once, at this moment.
    At(Timestamp),
    /// By a cron expression of 5 fields.
    Expression(String),
    /// A timing that only a newer version knows. This version does not fire the schedule's ticks.
    #[serde(untagged)]
    Unknown(Value),
}

/// The state of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum EffectState {
    /// To be delivered; an action with `executeAt` not before that time.
    Pending,
    /// Held back until a person has reviewed the decision.
    Withheld,
    /// The receiver has confirmed it; final.
    #[serde(rename_all = "camelCase")]
    Delivered {
        /// When.
        at: Timestamp,
        /// For a message to people, who or what has it. None for every other effect, and in records of versions that
        /// did not note it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<DeliveredTo>,
    },
    /// A message to people that no connection took. It is in the mailbox, and goes to the fallback topic unless a
    /// connection takes it before.
    #[serde(rename_all = "camelCase")]
    Kept {
        /// Since when it is in the mailbox.
        at: Timestamp,
        /// When it goes to the fallback topic.
        until: Timestamp,
    },
    /// Attempted, and to be attempted again.
    #[serde(rename_all = "camelCase")]
    Waiting {
        /// Why it was not delivered yet, for people.
        reason: String,
        /// When the next attempt is due; none waits until an operator has mended or configured something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Held back, because its target as a whole cannot be reached or has more to deliver than it can. The effect is
    /// attempted when the target works again. Holding it back is no attempt.
    #[serde(rename_all = "camelCase")]
    HeldBack {
        /// The name of the target, for example `kafka`.
        target: String,
        /// Why, for people.
        reason: String,
    },
    /// Given up: the target refused it, or its last attempt failed. It stays until an operator has it attempted again
    /// or cancels it.
    #[serde(rename_all = "camelCase")]
    DeadLetter {
        /// When it was given up.
        at: Timestamp,
        /// Why, for people.
        reason: String,
    },
    /// Not to be delivered: rejected by a reviewer, or cancelled by an operator; final.
    #[serde(rename_all = "camelCase")]
    Dropped {
        /// Why, for people.
        reason: String,
    },
    /// A state that only a newer version knows. This version does not change it.
    #[serde(untagged)]
    Unknown(Value),
}

/// Who or what has a message to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveredTo {
    /// At least one connection of a person whom it is for.
    Connection,
    /// The business's timeline, which a client reads when it resumes.
    Mailbox,
    /// The Kafka topic from which the original system takes what no connection took. It is in the mailbox too.
    FallbackTopic,
    /// A way that only a newer version knows.
    #[serde(untagged)]
    Unknown(UnknownName),
}

impl EffectState {
    /// Delivered to a target that confirms what it takes.
    pub fn delivered(at: Timestamp) -> Self {
        Self::Delivered { at, to: None }
    }

    /// Whether the host does nothing more about the effect by itself.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Dropped { .. } | Self::DeadLetter { .. })
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| de::Error::custom("expected base64"))
}
