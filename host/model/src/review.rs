use serde::{Deserialize, Serialize};

use crate::{
    ActionType, AgentAction, JsonObject, Outcome, Priority, RetryPolicy, Source, Timestamp, UnknownName, written,
};

/// What users need to see decisions that wait for a person, and to decide about them.
pub const REVIEW_PERMISSION: &str = "review";

/// What a person has to say, or has said, to a decision whose actions wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// From this moment on nobody may approve it any more; none waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How it ended; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// How a review ended. There is only ever one: the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// The user who decided, or [`Resolution::EXPIRY`].
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub verdict: ReviewVerdict,
    /// The trigger by which it came; none for an expiry, and for what was decided before sources were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Why, in the words of whoever decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The input that brought it.
    pub input_id: String,
    /// SHA-256 of what the input said, which tells the same id with other words apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Resolution {
    /// Stands in for a user when nobody took the review in time.
    pub const EXPIRY: &str = "expiry";
}

/// What is decided about a decision under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReviewVerdict {
    /// Its actions leave as they are.
    Approve,
    /// Other actions leave in place of its own.
    Edit,
    /// Nothing leaves.
    Reject,
    /// Nobody decided in time: nothing leaves.
    Expire,
    /// As a newer version calls it.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

impl ReviewVerdict {
    /// How a decision stands after this verdict.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Approve => Outcome::Approved,
            Self::Edit => Outcome::Edited,
            Self::Reject | Self::Expire => Outcome::Rejected,
            Self::Unknown(name) => Outcome::Unknown(name),
        }
    }
}

/// What a person may say to a decision under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReviewChoice {
    /// Its actions leave as they are.
    Approve,
    /// The actions of the request leave in place of its own.
    Edit,
    /// Nothing leaves.
    Reject,
}

impl From<ReviewChoice> for ReviewVerdict {
    fn from(choice: ReviewChoice) -> Self {
        match choice {
            ReviewChoice::Approve => Self::Approve,
            ReviewChoice::Edit => Self::Edit,
            ReviewChoice::Reject => Self::Reject,
        }
    }
}

/// What a person says to a decision under review: `content.data` of an input of type `review`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewRequest {
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

/// An action as a reviewer wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditedAction {
    /// May stay as it was read and does not count: an action's id comes from its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What kind of thing it does.
    #[serde(rename = "type", deserialize_with = "written")]
    pub action_type: ActionType,
    /// A resource type, an audience (`user:<id>` or `business`), or a URL.
    pub target: String,
    /// What it says.
    pub payload: JsonObject,
    /// Which of two waiting actions goes first.
    #[serde(default, deserialize_with = "written")]
    pub priority: Priority,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    /// None takes the host's default.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

impl From<EditedAction> for AgentAction {
    fn from(edited: EditedAction) -> Self {
        let EditedAction { id, action_type, target, payload, priority, execute_at, retry_policy } = edited;
        Self { id: id.unwrap_or_default(), action_type, target, payload, priority, execute_at, retry_policy }
    }
}
