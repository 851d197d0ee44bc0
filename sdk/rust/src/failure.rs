use std::fmt;

use crate::JsonError;
use crate::bindings::decision_node::exports::signalbox::agent::node as wire;

/// Why a node could not do its work. The error of every capability turns into one with `?`: into [`Failure::Retry`]
/// when a retry may help, else into [`Failure::Fatal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input makes no sense to this node. Never retried.
    Invalid(String),
    /// Something failed that may work in a moment. Retried as the node's `retry` says.
    Retry(String),
    /// Something failed that no retry will fix.
    Fatal(String),
}

impl Failure {
    /// The input makes no sense to this node.
    pub fn invalid(reason: impl fmt::Display) -> Self {
        Self::Invalid(reason.to_string())
    }

    /// Something failed that may work in a moment.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self::Retry(reason.to_string())
    }

    /// Something failed that no retry will fix.
    pub fn fatal(reason: impl fmt::Display) -> Self {
        Self::Fatal(reason.to_string())
    }

    pub(crate) fn into_wire(self) -> wire::Failure {
        match self {
            Self::Invalid(reason) => wire::Failure::Invalid(reason),
            Self::Retry(reason) => wire::Failure::Retry(reason),
            Self::Fatal(reason) => wire::Failure::Fatal(reason),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(reason) | Self::Retry(reason) | Self::Fatal(reason) => formatter.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::Fatal(error.to_string())
    }
}
