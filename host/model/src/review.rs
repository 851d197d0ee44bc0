use serde::{Deserialize, Serialize};

use crate::{
    ActionType, AgentAction, JsonObject, Outcome, Priority, RetryPolicy, Source, Timestamp, UnknownName, written,
};

/// The permission to see decisions that wait for a review, and to review them.
pub const REVIEW_PERMISSION: &str = "review";

/// The review of a decision whose actions wait, or have waited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Since when it waits.
    pub requested_at: Timestamp,
    /// The time at which the review expires; none if it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The result; none while the decision waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// The result of a review. A review has exactly one, which does not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// The user id of the reviewer, or [`Resolution::EXPIRY`].
    pub by: String,
    /// When the review ended.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: ReviewVerdict,
    /// The trigger by which it came; none for an expiry, and for reviews from before sources were stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The reviewer's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The input that carried the verdict.
    pub input_id: String,
    /// SHA-256 of that input's content. It distinguishes a repetition from another input with the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Resolution {
    /// Stands for the user when the review has expired.
    pub const EXPIRY: &str = "expiry";
}

/// The verdicts on a decision under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReviewVerdict {
    /// Its actions are delivered as they are.
    Approve,
    /// Other actions are delivered in place of its own.
    Edit,
    /// Nothing is delivered.
    Reject,
    /// The review has expired: nothing is delivered.
    Expire,
    /// A verdict that only a newer version knows.
    #[serde(untagged)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    Unknown(UnknownName),
}

impl ReviewVerdict {
    /// The outcome of the decision after this verdict.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Approve => Outcome::Approved,
            Self::Edit => Outcome::Edited,
            Self::Reject | Self::Expire => Outcome::Rejected,
            Self::Unknown(name) => Outcome::Unknown(name),
        }
    }
}

/// The verdicts that a person may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReviewChoice {
    /// The actions are delivered as they are.
    Approve,
    /// The actions of the request are delivered in place of the decision's own.
    Edit,
    /// Nothing is delivered.
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

/// A person's verdict on a decision under review: `content.data` of an input of type `review`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewRequest {
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

/// An action from a reviewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditedAction {
    /// Ignored, because the id of an action derives from its position. The client may send it as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of action.
    #[serde(rename = "type", deserialize_with = "written")]
    pub action_type: ActionType,
    /// A resource type, an audience (`user:<id>` or `business`), or a URL.
    pub target: String,
    /// The content.
    pub payload: JsonObject,
    /// Which of two waiting actions is delivered first.
    #[serde(default, deserialize_with = "written")]
    pub priority: Priority,
    /// The earliest time of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_at: Option<Timestamp>,
    /// None is the host's default.
    #[serde(default, deserialize_with = "written", skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
}

impl From<EditedAction> for AgentAction {
    fn from(edited: EditedAction) -> Self {
        let EditedAction { id, action_type, target, payload, priority, execute_at, retry_policy } = edited;
        Self { id: id.unwrap_or_default(), action_type, target, payload, priority, execute_at, retry_policy }
    }
}
