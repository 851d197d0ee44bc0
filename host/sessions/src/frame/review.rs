use serde::{Deserialize, Serialize};
use signalbox_model::{AgentAction, AgentResponse, EditedAction, Resolution, ReviewChoice, ReviewRequest, Timestamp};

/// What a person says to a decision under review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewFrame {
    /// The client's own id, the same when it is sent again; 1 to 128 visible ASCII characters.
    pub id: String,
    /// Whose affair it is.
    pub business_id: String,
    /// The decision.
    pub decision_id: String,
    /// What is to become of it.
    pub verdict: ReviewChoice,
    /// Why; kept in the decision's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// With `edit`, and only then: what leaves in place of the decision's own actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<EditedAction>>,
}

impl ReviewFrame {
    /// What it asks for, without how it came.
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
    /// Whose affair it is.
    pub business_id: String,
    /// The place it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// What was decided, in the bundle's vocabulary.
    pub code: String,
    /// Why.
    pub reasoning: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// What waits to leave; after an edit, what left instead.
    pub actions: Vec<AgentAction>,
    /// What was said to people meanwhile.
    pub responses: Vec<AgentResponse>,
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// From this moment on nobody may approve it any more; none waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it still waits.
    pub state: ReviewState,
    /// Who ended it, how and when; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// How far a review is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ReviewState {
    /// It waits for a person.
    Requested,
    /// A person has decided, or its time was over.
    Resolved,
}
