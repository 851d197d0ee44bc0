use std::time::Duration;

use signalbox_model::ErrorCode;
use signalbox_store::{Remedy, StoreError};
use thiserror::Error;

/// Why a user may not address a business. Triggers report every case but [`AccessError::MissingPermission`] in the same
/// words, so that a client cannot find out which businesses exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccessError {
    /// The directory has no such business.
    #[error("there is no business {0}")]
    UnknownBusiness(String),
    /// The token names the business, but its file could not be read.
    #[error("business {0} cannot be served: its file could not be read, the log says why, and SIGHUP tries again")]
    NotLoaded(String),
    /// The user's token does not name the business.
    #[error("the token gives no access to business {0}")]
    NoAccess(String),
    /// The business has no such location, or the token does not name it.
    #[error("the token gives no access to location {location} of business {business}")]
    NoLocation {
        /// The business.
        business: String,
        /// The place.
        location: String,
    },
    /// The user's roles do not give the permission.
    #[error("the permission {permission} is missing in business {business}; ask for a role that gives it")]
    MissingPermission {
        /// The business.
        business: String,
        /// What the user would need.
        permission: String,
    },
}

impl AccessError {
    /// A stable name for metrics, logs and the audit.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownBusiness(_) => ErrorCode::BusinessNotFound,
            Self::NotLoaded(_) => ErrorCode::BusinessNotLoaded,
            Self::NoAccess(_) => ErrorCode::BusinessNotFound,
            Self::NoLocation { .. } => ErrorCode::LocationNotFound,
            Self::MissingPermission { .. } => ErrorCode::PermissionMissing,
        }
    }
}

/// Why an input was not decided. A failing graph is no such error: it is recorded as a failed decision.
#[derive(Clone, Debug, Error)]
pub enum DecideError {
    /// The directory has lost the business since the input was admitted.
    #[error("business {0} is not in the directory any more")]
    UnknownBusiness(String),
    /// The business's file could not be read.
    #[error("the file of business {0} could not be read; the log says why, and SIGHUP tries again")]
    BusinessNotLoaded(String),
    /// No bundle is loaded for the business's type.
    #[error("no bundle is loaded for business type {business_type}; deploy one or list it under [bundles] paths")]
    NoBundle {
        /// The type.
        business_type: String,
    },
    /// A bundle for the business's type is configured, but could not be loaded.
    #[error(
        "the bundle for business type {business_type} could not be loaded; the log and /readyz say why, and SIGHUP tries again"
    )]
    NotLoaded {
        /// The type.
        business_type: String,
    },
    /// Every slot of the sandbox pool is taken.
    #[error("the host is busy; come back in {} ms", .retry_after.as_millis())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The store did not accept or return what the decision needs.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the host; the log has the details under the correlation id.
    #[error("{0}")]
    Internal(String),
}

/// What a sender is told when the store did not accept something: what it was, and what must stay the same when it is
/// sent again. The words follow from the error's [`Remedy`], like everything that tells a program whether to send
/// again.
pub fn not_stored(what: &str, with_same: &str, error: &StoreError) -> String {
    match (error.remedy(), error) {
        (Remedy::Time, _) => {
            format!("the {what} could not be stored; send it again in a moment with the same {with_same}")
        }
        (Remedy::Operator, _) => format!(
            "the {what} was not accepted, because the operator has to mend the host's store first; send it again later \
             with the same {with_same}"
        ),
        (Remedy::Nothing, StoreError::TooLarge { .. }) => {
            format!("the {what} is too large to be stored; send a reference to the data")
        }
        (Remedy::Nothing, _) => format!("the {what} cannot be stored as it is"),
    }
}

impl DecideError {
    /// What has to happen before the same input can be decided.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Busy { .. } => Remedy::Time,
            Self::NoBundle { .. } | Self::NotLoaded { .. } | Self::BusinessNotLoaded(_) => Remedy::Operator,
            Self::Store(error) => error.remedy(),
            Self::UnknownBusiness(_) | Self::Internal(_) => Remedy::Nothing,
        }
    }

    /// Whether the operator has to mend something first. Until then inputs of the business wait, and are not given up.
    pub fn waits_for_the_operator(&self) -> bool {
        matches!(self, Self::NotLoaded { .. } | Self::BusinessNotLoaded(_))
    }

    /// Whether the same input may be decided a moment later.
    pub fn retryable(&self) -> bool {
        self.remedy() == Remedy::Time || self.waits_for_the_operator()
    }

    /// A stable name for metrics, logs and programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownBusiness(_) => ErrorCode::BusinessNotFound,
            Self::NoBundle { .. } => ErrorCode::NoBundle,
            Self::NotLoaded { .. } => ErrorCode::BundleNotLoaded,
            Self::BusinessNotLoaded(_) => ErrorCode::BusinessNotLoaded,
            Self::Busy { .. } => ErrorCode::Busy,
            Self::Store(_) => ErrorCode::StoreUnavailable,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}
