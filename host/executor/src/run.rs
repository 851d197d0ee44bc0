use std::sync::Arc;

use signalbox_model::UserAccess;
use signalbox_store::{AcceptedInput, DecisionRecord};

use crate::{AccessError, Authorized, DecideError, Progress};

/// Turns inputs into decisions. Cheap to clone.
#[derive(Clone)]
pub struct Executor {}

/// A decision as it stands in the store.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision, its answers and its effects.
    pub record: Arc<DecisionRecord>,
    /// True when the input had been decided before and nothing ran now.
    pub duplicate: bool,
}

impl Executor {
    /// What a user may do in a business, if the user may see it, and its place when one is named, and has the permission.
    pub fn authorize(
        &self,
        _access: &UserAccess,
        business_id: &str,
        _location_id: Option<&str>,
        _permission: &str,
    ) -> Result<Authorized, AccessError> {
        Err(AccessError::UnknownBusiness(business_id.to_owned()))
    }

    /// Decides an input once. A graph that fails gives a decision with the outcome `failed`; an error means that nothing
    /// was recorded and, when it is retryable, that the same input may be sent again.
    pub async fn decide(&self, _accepted: AcceptedInput, _progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        Err(DecideError::Internal("unfinished".to_owned()))
    }
}
