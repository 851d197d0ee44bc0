use serde::{Deserialize, Serialize};

use crate::{Outcome, Timestamp};

/// What a person has to say, or has said, to a decision whose actions wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resolution {
    /// The user who decided, or [`Resolution::EXPIRY`].
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub verdict: ReviewVerdict,
    /// Why, in the words of whoever decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The input that brought it.
    pub input_id: String,
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
}

impl ReviewVerdict {
    /// How a decision stands after this verdict.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Approve => Outcome::Approved,
            Self::Edit => Outcome::Edited,
            Self::Reject | Self::Expire => Outcome::Rejected,
        }
    }
}
