use serde::{Deserialize, Serialize};

use crate::{AgentInput, BusinessInfo, DecisionModel, JsonObject, Location, MessageModel};

/// What is known about a decision code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RagContext {
    /// The code.
    pub decision_code: String,
    /// The nearest message model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_model: Option<MessageModel>,
    /// Past decisions with the code, newest first.
    pub similar_decisions: Vec<DecisionModel>,
    /// Facts about the business that are relevant to it.
    pub business_context: JsonObject,
    /// How much information there is, from 0 to 1.
    pub confidence: f64,
}

/// Everything a decision starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentContext {
    /// The input.
    pub input: AgentInput,
    /// The business as the directory had it at the start.
    pub business_info: BusinessInfo,
    /// The location that the input names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_info: Option<Location>,
    /// What the sender may do in this business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_permissions: Option<Vec<String>>,
    /// The state that earlier messages of the conversation have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_data: Option<JsonObject>,
    /// What was known about the decision code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rag_context: Option<RagContext>,
}
