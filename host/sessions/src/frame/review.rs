use serde::{Deserialize, Serialize};
use signalbox_model::{AgentAction, AgentResponse, EditedAction, Resolution, ReviewChoice, ReviewRequest, Timestamp};

/// A person's verdict on a decision under review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewFrame {
    /// The client's own id, the same when it is sent again; 1 to 128 visible ASCII characters.
    pub id: String,
    /// The business of the decision.
    pub business_id: String,
    /// The decision.
    pub decision_id: String,
    /// The verdict.
    pub verdict: ReviewChoice,
    /// The reason; kept in the decision's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// With `edit`, and only then: the actions that replace the decision's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<EditedAction>>,
}

impl ReviewFrame {
    /// The verdict, without the id of the frame.
    pub fn into_request(self) -> ReviewRequest {
        let Self { decision_id, verdict, note, actions, .. } = self;
        ReviewRequest { decision_id, verdict, note, actions }
    }
}

/// A decision whose actions wait, or waited, for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReviewView {
    /// The decision.
    pub decision_id: String,
    /// The business of the decision.
    pub business_id: String,
    /// The location that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// The decision code, in the bundle's vocabulary.
    pub code: String,
    /// The reasoning.
    pub reasoning: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// The actions that wait; after an edit, the actions that replaced them.
    pub actions: Vec<AgentAction>,
    /// The responses that people got already.
    pub responses: Vec<AgentResponse>,
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// The time at which the review expires; none if it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it still waits.
    pub state: ReviewState,
    /// Who ended it, how and when; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// The state of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReviewState {
    /// It waits for a person.
    Requested,
    /// A person has reviewed the decision, or the review has expired.
    Resolved,
}
