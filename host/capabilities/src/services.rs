use std::sync::Arc;

use signalbox_store::Store;

use crate::business::BusinessDirectory;
use crate::cron::ScheduleLimits;
use crate::http::Egress;
use crate::llm::LanguageModels;
use crate::{AnswerLedger, PublishableTopics};

/// The backends of all capabilities, created once. A backend that is not configured is none, and calls of its
/// capability fail with `not-configured`.
#[derive(Clone)]
pub struct Services {
    /// The store, with decisions, message models and plugins' rows.
    pub store: Store,
    /// The directory of businesses.
    pub directory: Arc<BusinessDirectory>,
    /// Language models by the operator's names.
    pub models: Arc<LanguageModels>,
    /// Outgoing requests to other services; none when they are switched off.
    pub egress: Option<Arc<Egress>>,
    /// Limits of schedules that plugins create.
    pub schedules: ScheduleLimits,
    /// The topics that plugins can publish to.
    pub topics: PublishableTopics,
    /// The bytes of answers that the host holds.
    pub answers: Arc<AnswerLedger>,
}
