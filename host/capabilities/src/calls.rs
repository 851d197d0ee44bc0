use std::sync::{Arc, OnceLock};

use serde_json::Value;
use signalbox_model::{BusinessInfo, HumanSize, Location, Timestamp, Tokens};
use signalbox_store::EffectKind;
use thiserror::Error;
use tokio::time::Instant;

use crate::cron::ScheduleRoom;
use crate::{Answers, Grants, JournalEntry, Services};

/// The permissions and limits of one plugin of a generation, fixed when it is loaded.
#[derive(Debug)]
pub struct PluginPolicy {
    /// The plugin's name in its bundle.
    pub name: Arc<str>,
    /// The capabilities that it may use.
    pub grants: Grants,
    /// `[plugins.<name>.config]`, a JSON object.
    pub config: Value,
    /// The most capability calls of one guest call, including `log` and `config`.
    pub max_host_calls: u32,
    /// The most log lines of one guest call; further ones are counted instead of written.
    pub max_log_lines: u32,
    /// The most bytes of log lines of one guest call.
    pub max_log_bytes: u64,
}

/// The decision that guest calls belong to, with everything that they share.
#[derive(Clone, Debug)]
pub struct CallScope {
    /// The id of the decision, or of the event when a handler runs; a part of every idempotency key.
    pub decision_id: Arc<str>,
    /// The correlation id of log lines and traces.
    pub correlation_id: Arc<str>,
    /// The business as it was at the start.
    pub business: Arc<BusinessInfo>,
    /// The location that the input names.
    pub location: Option<Location>,
    /// The current time as guests see it.
    pub started_at: Timestamp,
    /// When all work for the decision has to be done.
    pub deadline: Instant,
    /// Whether there is a decision with which effects can be stored; a handler has none.
    pub takes_effects: bool,
    /// The limit of schedules, which all calls of the decision share.
    pub schedules: Arc<ScheduleRoom>,
    /// The account of answers; created by the first call.
    pub answers: OnceLock<Answers>,
}

/// What a guest call leaves for the decision.
#[derive(Debug, Default)]
pub struct CallRecord {
    /// Every capability call, in order.
    pub journal: Vec<JournalEntry>,
    /// The effects that are to be stored with the decision, in order.
    pub effects: Vec<EffectKind>,
    /// Language model usage.
    pub tokens: Tokens,
    /// Log lines that were counted instead of written.
    pub log_lines_dropped: u64,
}

/// A limit that the guest exceeded. The call traps, because only a broken plugin exceeds it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LimitExceeded {
    /// Too many capability calls.
    #[error("more than {0} host calls in one run; raise `limits.host-calls` of the plugin if it needs them")]
    HostCalls(u32),
    /// The plugin asked again after all of the decision's room for answers was used.
    #[error(
        "asked for more than the {} that the journal of one decision may hold, and went on when it was told; read less, or \
         keep a summary",
        HumanSize(*.0 as u64)
    )]
    Journal(usize),
}

/// One guest call's view of the capabilities. It implements the `Host` trait of every WIT interface.
pub struct Calls {
    pub(crate) services: Arc<Services>,
    pub(crate) policy: Arc<PluginPolicy>,
    pub(crate) scope: Arc<CallScope>,
    pub(crate) node: Arc<str>,
    pub(crate) attempt: u32,
    pub(crate) calls: u32,
    pub(crate) log_lines: u32,
    pub(crate) log_bytes: u64,
    pub(crate) record: CallRecord,
}

impl Calls {
    /// The capabilities for one run of `node` (a display path, or a handler's name).
    pub fn new(
        services: Arc<Services>,
        policy: Arc<PluginPolicy>,
        scope: Arc<CallScope>,
        node: Arc<str>,
        attempt: u32,
    ) -> Self {
        Self {
            services,
            policy,
            scope,
            node,
            attempt,
            calls: 0,
            log_lines: 0,
            log_bytes: 0,
            record: CallRecord::default(),
        }
    }

    /// What the call leaves for the decision.
    pub fn finish(self) -> CallRecord {
        if self.record.log_lines_dropped > 0 {
            tracing::warn!(
                plugin = %self.policy.name,
                node = %self.node,
                dropped = self.record.log_lines_dropped,
                "plugin logged more than its limit; the rest was dropped"
            );
        }
        self.record
    }

    /// The account of answers of the decision.
    pub(crate) fn answers(&self) -> &Answers {
        self.scope.answers.get_or_init(|| self.services.answers.begin(&self.scope.business.business_id))
    }

    /// Counts a capability call against the limit.
    pub(crate) fn count_call(&mut self) -> Result<u32, LimitExceeded> {
        self.calls += 1;
        if self.calls > self.policy.max_host_calls {
            return Err(LimitExceeded::HostCalls(self.policy.max_host_calls));
        }
        Ok(self.calls)
    }
}
