use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signalbox_model::{ActionType, AgentAction, DecisionModel, JsonObject, Priority, Timestamp};
use signalbox_store::{DecisionRecord, Effect};

/// A resource action on its way to the service that owns the resource: the value of a record on the topic
/// `kafka.resource-actions-topic`. Later versions may add fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceActionRecord {
    /// The action's id, and the idempotency key of every delivery.
    pub id: String,
    /// Always `resource_action`.
    #[serde(rename = "type")]
    pub action_type: ActionType,
    /// The type of the resource.
    pub target: String,
    /// What is to be done, as the plugin wrote it.
    pub payload: JsonObject,
    /// Which of two waiting actions goes first.
    pub priority: Priority,
    /// The action is not to be done before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    /// The decision that caused it.
    pub decision: ActingDecision,
    /// The business that it was decided for; also the record's key.
    pub business_id: String,
    /// The business's type.
    pub business_type: String,
    /// The place that the decision is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// Under which the host's log tells more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// When the decision was made.
    pub created_at: Timestamp,
}

/// What a consumer of a record is told about the decision that caused it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActingDecision {
    /// The decision's id.
    pub id: String,
    /// What was decided.
    pub code: String,
    /// The kind of decision.
    #[serde(rename = "type")]
    pub decision_type: String,
    /// From 0 to 1.
    pub confidence: f64,
}

impl ResourceActionRecord {
    pub(super) fn of(record: &DecisionRecord, effect: &Effect, action: &AgentAction) -> Self {
        let decision = &record.decision;
        Self {
            id: effect.id.clone(),
            action_type: action.action_type,
            target: action.target.clone(),
            payload: action.payload.clone(),
            priority: action.priority,
            execute_at: action.execute_at,
            decision: ActingDecision::of(decision),
            business_id: decision.business_id.clone(),
            business_type: decision.business_type.clone(),
            location_id: decision.location_id.clone(),
            correlation_id: decision.context.input.correlation_id.clone(),
            created_at: decision.created_at,
        }
    }
}

impl ActingDecision {
    pub(super) fn of(decision: &DecisionModel) -> Self {
        Self {
            id: decision.id.clone(),
            code: decision.decision_code.clone(),
            decision_type: decision.decision_type.clone(),
            confidence: decision.confidence,
        }
    }
}
