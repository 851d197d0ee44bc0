use std::sync::Arc;

use signalbox_store::Store;

use crate::AnswerLedger;
use crate::business::BusinessDirectory;
use crate::cron::ScheduleLimits;
use crate::http::Egress;
use crate::llm::LanguageModels;

/// The backends of all capabilities, built once. A backend that is not configured is none, and its capability answers
/// `not-configured`.
#[derive(Clone)]
pub struct Services {
    /// Decisions, message models and plugins' rows.
    pub store: Store,
    /// Who the businesses are.
    pub directory: Arc<BusinessDirectory>,
    /// Language models by the operator's names.
    pub models: Arc<LanguageModels>,
    /// The way out to other services; none when outgoing requests are switched off.
    pub egress: Option<Arc<Egress>>,
    /// What the schedules that plugins make may come to.
    pub schedules: ScheduleLimits,
    /// How much of what plugins were answered the host holds.
    pub answers: Arc<AnswerLedger>,
}
