use std::time::Duration;

use signalbox_store::StoreError;
use thiserror::Error;

/// Why a user may not address a business. Triggers show all but [`AccessError::MissingPermission`] alike, so that
/// nobody learns which businesses exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccessError {
    /// The directory has no such business.
    #[error("there is no business {0}")]
    UnknownBusiness(String),
    /// The user's token does not name the business.
    #[error("the token gives no access to business {0}")]
    NoAccess(String),
    /// The business has no such place, or the token does not name it.
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
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownBusiness(_) => "unknown_business",
            Self::NoAccess(_) => "no_access",
            Self::NoLocation { .. } => "no_location",
            Self::MissingPermission { .. } => "missing_permission",
        }
    }
}

/// Why an input was not decided. A graph that fails is no such error: it is recorded as a failed decision.
#[derive(Clone, Debug, Error)]
pub enum DecideError {
    /// The business has left the directory since the input was admitted.
    #[error("business {0} is not in the directory any more")]
    UnknownBusiness(String),
    /// No bundle is loaded for the business's type.
    #[error("no bundle is loaded for business type {business_type}; deploy one or list it under [bundles] paths")]
    NoBundle {
        /// The type.
        business_type: String,
    },
    /// The bundle for the business's type should be loaded, and could not be.
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
    /// The store did not take or give what was needed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our fault; the log has the details under the correlation id.
    #[error("{0}")]
    Internal(String),
}

impl DecideError {
    /// Whether the same input may be decided in a moment.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Busy { .. } | Self::NotLoaded { .. } => true,
            Self::Store(error) => error.retryable(),
            Self::UnknownBusiness(_) | Self::NoBundle { .. } | Self::Internal(_) => false,
        }
    }

    /// A stable name for metrics, logs and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownBusiness(_) => "unknown_business",
            Self::NoBundle { .. } => "no_bundle",
            Self::NotLoaded { .. } => "bundle_not_loaded",
            Self::Busy { .. } => "busy",
            Self::Store(_) => "store",
            Self::Internal(_) => "internal",
        }
    }
}
