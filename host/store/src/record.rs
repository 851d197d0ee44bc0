use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use signalbox_model::{ActionType, AgentAction, AgentOutput, DecisionModel, JsonObject, ReplySlot, Review, Timestamp};

/// A decision and all that it causes, written as one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// What was decided, on what.
    pub decision: DecisionModel,
    /// What was answered, and the path through the graph.
    pub output: AgentOutput,
    /// Where the answer goes.
    pub reply: ReplySlot,
    /// What the conversation remembers from now on; written in the same transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUpdate>,
    /// What a person has to say, or has said, to it; none when it never waited for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// What has to leave. Responses are none of these: they are served from the record.
    pub effects: Vec<Effect>,
}

/// A conversation's state after a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionUpdate {
    /// Whose conversation with the business.
    pub user_id: String,
    /// Replaces what was remembered.
    pub data: JsonObject,
    /// Forgotten after this moment.
    pub expires_at: Timestamp,
}

/// Something that has to leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// Unique within the decision and stable: the idempotency key of every delivery.
    pub id: String,
    /// What it is.
    pub kind: EffectKind,
    /// How it stands.
    pub state: EffectState,
    /// How often delivery was tried.
    #[serde(default)]
    pub attempts: u32,
}

impl Effect {
    /// A new effect, to be delivered as soon as it is stored.
    pub fn pending(id: impl Into<String>, kind: EffectKind) -> Self {
        Self { id: id.into(), kind, state: EffectState::Pending, attempts: 0 }
    }

    /// A new effect that waits for a person's review.
    pub fn withheld(id: impl Into<String>, kind: EffectKind) -> Self {
        Self { id: id.into(), kind, state: EffectState::Withheld, attempts: 0 }
    }
}

/// What an effect is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EffectKind {
    /// An action of a node's step.
    Action(AgentAction),
    /// A message to one user, or to everyone in an audience.
    #[serde(rename_all = "camelCase")]
    Notification {
        /// One user; none is the audience that the other fields describe.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
        /// Only people who may see this place; none is the decision's own, or the business as a whole when it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location_id: Option<String>,
        /// Only people with this permission; none is [`signalbox_model::DECISIONS_PERMISSION`], which the staff has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        permission: Option<String>,
        /// How much further it goes than that, as a grant has allowed. What was stored before there were such grants
        /// goes no further.
        #[serde(default, skip_serializing_if = "Wider::is_nothing")]
        wider: Wider,
        /// What it says.
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
    /// A schedule to keep from now on, in place of one with the same name.
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
    /// A schedule to forget.
    #[serde(rename_all = "camelCase")]
    CancelSchedule {
        /// Its name within the business.
        name: String,
    },
    /// Something that a newer version knows, as it has stored it. This one leaves it to a newer one.
    #[serde(untagged)]
    Unknown(Value),
}

impl EffectKind {
    /// Whether this version knows how to let it leave.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Action(action) => !matches!(action.action_type, ActionType::Unknown(_)),
            Self::Schedule { timing, .. } => !matches!(timing, ScheduleTiming::Unknown(_)),
            Self::Notification { .. } | Self::KafkaRecord { .. } | Self::CancelSchedule { .. } => true,
            Self::Unknown(_) => false,
        }
    }
}

/// How much further than to the staff of the decision's own place a broadcast goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wider {
    /// Whichever place somebody may see.
    #[serde(default)]
    pub every_place: bool,
    /// Whatever permissions somebody has.
    #[serde(default)]
    pub everyone: bool,
}

impl Wider {
    /// Whether it goes no further.
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
    /// As a newer version says it: this one leaves the schedule's ticks to a newer one.
    #[serde(untagged)]
    Unknown(Value),
}

/// How an effect stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum EffectState {
    /// To be delivered; an action with `executeAt` not before that.
    Pending,
    /// Held back until a person has reviewed the decision.
    Withheld,
    /// Confirmed by whoever received it; final.
    #[serde(rename_all = "camelCase")]
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Tried and to be tried again.
    #[serde(rename_all = "camelCase")]
    Waiting {
        /// Why it has not left yet, for a person.
        reason: String,
        /// When it is tried again; none waits for somebody to mend what is broken or not configured.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Never to be delivered: refused by a reviewer, or given up; final.
    #[serde(rename_all = "camelCase")]
    Dropped {
        /// Why, for a person.
        reason: String,
    },
    /// As a newer version says it. What becomes of the effect is for a newer one to say.
    #[serde(untagged)]
    Unknown(Value),
}

impl EffectState {
    /// Whether nothing more will happen to the effect.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Dropped { .. })
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(|_| de::Error::custom("expected base64"))
}
