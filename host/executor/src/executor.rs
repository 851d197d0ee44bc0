use std::sync::Arc;
use std::time::Instant;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::cron::ScheduleRoom;
use signalbox_capabilities::{CallScope, JournalEntry};
use signalbox_crash_points::{CrashPoint, pass};
use signalbox_graph::{Inputs, Scope as EdgeScope, Stepper};
use signalbox_model::{BusinessInfo, Outcome, Source, Timestamp, UserAccess, correlation_id, decision_id};
use signalbox_sandbox::{Generation, Sandbox};
use signalbox_store::{AcceptedInput, Committed, DecisionRecord, Store, StoreError};

use crate::context;
use crate::record::{RecordDraft, WrittenRecord};
use crate::render::Renderer;
use crate::run::{RunFailure, RunResult, Runner};
use crate::{AccessError, Authorized, DecideError, ExecutorConfig, Generations, Progress, ReviewConfig, metrics};

/// What an executor is built from.
pub struct ExecutorParts {
    /// Runs the nodes.
    pub sandbox: Sandbox,
    /// Stores the decisions.
    pub store: Store,
    /// Has the businesses.
    pub directory: Arc<BusinessDirectory>,
    /// The live bundles.
    pub generations: Arc<Generations>,
    /// How decisions are made.
    pub config: ExecutorConfig,
    /// How long decisions wait for a person.
    pub review: ReviewConfig,
    /// The host's clock.
    pub clock: fn() -> Timestamp,
    /// Whether responses to people are effects too, because they may go to a fallback topic.
    pub responses_are_effects: bool,
}

/// Turns inputs into decisions. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    parts: ExecutorParts,
    renderer: Renderer,
}

/// A stored decision.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision, its answers and its effects.
    pub record: Arc<DecisionRecord>,
    /// True when the input had been decided before and nothing was stored now.
    pub duplicate: bool,
}

/// A record that is not stored yet, and the journal that is stored before it.
struct DraftedDecision {
    written: WrittenRecord,
    journal: Vec<JournalEntry>,
    /// Holds the memory reserved for the journal until the journal is stored.
    scope: Option<Arc<CallScope>>,
}

impl Executor {
    /// Needs a tokio runtime, because it spawns the task that counts the uses of message models.
    pub fn new(parts: ExecutorParts) -> Self {
        let renderer = Renderer::new(parts.store.clone(), &parts.config, parts.clock);
        Self { inner: Arc::new(Inner { parts, renderer }) }
    }

    /// The live bundles.
    pub fn generations(&self) -> &Arc<Generations> {
        &self.inner.parts.generations
    }

    /// Stores a generation's message models and makes it the live one of its business type. Decisions under way keep
    /// the generation that they began with.
    pub async fn publish(&self, generation: Generation) -> Result<Option<Arc<Generation>>, StoreError> {
        for model in &generation.models {
            if model.business_type.as_deref() != Some(&*generation.business_type) {
                // Reading the bundle already refuses a model of another business type; this checks it once more.
                tracing::error!(
                    code = model.decision_code,
                    "left out a message model that is not of its bundle's type"
                );
                continue;
            }
            match self.inner.parts.store.put_message_model(model).await {
                // An unreadable stored model was already counted and logged. The other models of the bundle work
                // without it.
                Ok(_) | Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.inner.parts.generations.publish(Arc::new(generation)))
    }

    /// Every business of the directory, by id.
    pub fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        self.inner.parts.directory.all()
    }

    /// A business, as the directory has it at this moment.
    pub fn known_business(&self, business_id: &str) -> Option<Arc<BusinessInfo>> {
        self.inner.parts.directory.get(business_id)
    }

    /// A business and the inputs that its live bundle declares. The error says that there is no such business, or that
    /// its file or the bundle for its type is missing or could not be loaded.
    pub fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        let generation = self.generation(business_id)?;
        Ok((self.business(business_id)?, generation.inputs.clone()))
    }

    /// Whether the unreadable business files may include a business whose bundle reads this topic.
    pub fn may_lack_a_reader(&self, topic: &str) -> bool {
        let parts = &self.inner.parts;
        let reads = |business_type: &str| match parts.generations.live(business_type) {
            Some(generation) => generation.inputs.kafka.values().any(|input| input.topic == topic),
            None => parts.generations.is_absent(business_type),
        };
        let waiting = parts.directory.not_loaded();
        let mut waiting = waiting.iter().filter(|file| !file.is_served_as_before);
        waiting.any(|file| file.business_type.as_deref().is_none_or(reads))
    }

    /// What a user may do in a business, if the user may see the business and its location (when one is named) and has
    /// the permission.
    pub fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        context::authorize(&self.inner.parts.directory, access, business_id, location_id, permission)
    }

    /// Decides an input once. A failing graph gives a decision with the outcome `failed`. An error means that nothing
    /// was recorded; when the error is retryable, the same input may be sent again.
    pub async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        let _in_flight = metrics::InFlight::begin();
        let parts = &self.inner.parts;
        let began = Instant::now();
        let input = &accepted.input;
        let id: Arc<str> = decision_id(&input.business_id, &input.id).into();
        if let Some(record) = parts.store.decision(&id, &input.business_id).await? {
            metrics::duplicate();
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        let drafted = self.draft(&accepted, id, &*progress).await?;
        self.commit(drafted, began).await
    }

    /// Records an input as failed after `attempts` attempts to decide it ended the host, and marks it as a dead letter.
    /// No node is run.
    pub async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError> {
        let parts = &self.inner.parts;
        let (began, input) = (Instant::now(), &accepted.input);
        let id: Arc<str> = decision_id(&input.business_id, &input.id).into();
        if let Some(record) = parts.store.decision(&id, &input.business_id).await? {
            metrics::duplicate();
            return Ok(Decided { record: Arc::new(record), duplicate: true });
        }
        let generation = self.generation(&input.business_id)?;
        let now = (parts.clock)();
        let correlation = input.correlation_id.clone().unwrap_or_else(correlation_id);
        // Without the session data of the user, because reading that may be what ended the host.
        let start = context::start(&parts.directory, &accepted, &id, &correlation, None, now)?;
        let ran = RunResult::failed(RunFailure::EndedTheHost { attempts });
        let drafted = self.drafted(&accepted, &id, start, &generation, ran, began);
        self.commit(drafted, began).await
    }

    async fn commit(&self, drafted: DraftedDecision, began: Instant) -> Result<Decided, DecideError> {
        let (parts, DraftedDecision { mut written, journal, scope }) = (&self.inner.parts, drafted);
        if !journal.is_empty() {
            // The journal is stored before the decision, so that every decision in the store has its journal.
            let text = journal_text(journal).await?;
            parts.store.put_journal(&written.record.output.metadata.journal_id, &text).await?;
        }
        // The moment comes from the store's order, which all hosts share, because cursors refer to it; the clocks of
        // hosts may differ.
        written.record.decision.created_at = parts.store.moment().await?;
        // This host attempts the effects first: no other host looks for them as long as it may be at it.
        parts.store.lease_due_effects(&mut written.record);
        drop(scope);
        pass(CrashPoint::BeforeCommit);
        let committed = match parts.store.commit_decision(&written.record).await {
            // The decision would be too large again next time, so the record says only that it was too large.
            Err(error @ StoreError::TooLarge { .. }) => {
                written = written.too_large(&error);
                parts.store.commit_decision(&written.record).await?
            }
            committed => committed?,
        };
        match committed {
            Committed::New => pass(CrashPoint::AfterCommit),
            Committed::Duplicate(record) => {
                metrics::duplicate();
                return Ok(Decided { record: Arc::new(*record), duplicate: true });
            }
        }
        for model in written.models {
            self.inner.renderer.count(model);
        }
        let record = Arc::new(written.record);
        report(&record, began);
        Ok(Decided { record, duplicate: false })
    }

    /// Decides an input and records nothing, to measure what a decision costs without its store. Capability calls of
    /// plugins take effect at once as usual; effects that would be stored with the decision are dropped.
    pub async fn decide_unrecorded(
        &self,
        accepted: &AcceptedInput,
        progress: &dyn Progress,
    ) -> Result<DecisionRecord, DecideError> {
        let id = decision_id(&accepted.input.business_id, &accepted.input.id).into();
        Ok(self.draft(accepted, id, progress).await?.written.record)
    }

    /// Makes the record of an input's decision, without storing it.
    async fn draft(
        &self,
        accepted: &AcceptedInput,
        id: Arc<str>,
        progress: &dyn Progress,
    ) -> Result<DraftedDecision, DecideError> {
        let parts = &self.inner.parts;
        let (began, now, input) = (Instant::now(), (parts.clock)(), &accepted.input);
        let generation = self.generation(&input.business_id)?;
        let session = match &input.user_id {
            Some(user) if generation.graph.session_channels().next().is_some() => {
                parts.store.session(&input.business_id, user).await?
            }
            _ => None,
        };
        let correlation: Arc<str> = input.correlation_id.clone().unwrap_or_else(correlation_id).into();
        let start = context::start(&parts.directory, accepted, &id, &correlation, session, now)?;
        let scope = Arc::new(CallScope {
            decision_id: id.clone(),
            correlation_id: correlation,
            business: start.business.clone(),
            location: start.location.clone(),
            started_at: now,
            deadline: tokio::time::Instant::now() + generation.graph.deadline(),
            takes_effects: true,
            schedules: Arc::new(ScheduleRoom::of(input.source == Source::Cron)),
            answers: Default::default(),
        });
        let ran = self.run(&generation, &start, scope.clone(), accepted, progress).await;
        let drafted = self.drafted(accepted, &id, start, &generation, ran, began);
        Ok(DraftedDecision { scope: Some(scope), ..drafted })
    }

    fn drafted(
        &self,
        accepted: &AcceptedInput,
        id: &str,
        start: context::DecisionStart,
        generation: &Generation,
        mut ran: RunResult,
        began: Instant,
    ) -> DraftedDecision {
        let parts = &self.inner.parts;
        let journal = std::mem::take(&mut ran.journal);
        let draft = RecordDraft {
            decision_id: id,
            journal_id: format!("jrn_{}", ulid::Ulid::new()),
            accepted,
            start,
            generation,
            session_lifetime: parts.config.session_lifetime.0,
            review_expires_after: parts.review.expires_after.0,
            processing_time: began.elapsed(),
            now: (parts.clock)(),
            responses_are_effects: parts.responses_are_effects,
        };
        DraftedDecision { written: draft.write(ran), journal, scope: None }
    }

    async fn run(
        &self,
        generation: &Generation,
        start: &context::DecisionStart,
        scope: Arc<CallScope>,
        accepted: &AcceptedInput,
        progress: &dyn Progress,
    ) -> RunResult {
        let edges = EdgeScope::new(&accepted.input, &accepted.permissions);
        let stepper = Stepper::new(generation.graph.clone(), start.session.clone(), edges);
        let (sandbox, renderer) = (&self.inner.parts.sandbox, &self.inner.renderer);
        Runner { sandbox, renderer, generation, scope, start, progress }.run(stepper).await
    }

    /// The generation that decides. It is taken once, so a swap while the decision runs does not affect it.
    pub(crate) fn generation(&self, business_id: &str) -> Result<Arc<Generation>, DecideError> {
        let business_type = &self.business(business_id)?.business_type;
        let generations = &self.inner.parts.generations;
        generations.live(business_type).ok_or_else(|| match generations.is_absent(business_type) {
            true => DecideError::NotLoaded { business_type: business_type.clone() },
            false => DecideError::NoBundle { business_type: business_type.clone() },
        })
    }

    pub(crate) fn business(&self, business_id: &str) -> Result<Arc<BusinessInfo>, DecideError> {
        let found = self.inner.parts.directory.get(business_id);
        found.ok_or_else(|| context::unknown(&self.inner.parts.directory, business_id))
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.inner.parts.sandbox
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.parts.clock)()
    }
}

/// A journal of at least this many calls is serialised on a blocking thread, because it may have megabytes.
const LONG_JOURNAL: usize = 64;

async fn journal_text(journal: Vec<JournalEntry>) -> Result<Vec<u8>, DecideError> {
    let large = journal.len() >= LONG_JOURNAL || journal.iter().any(JournalEntry::is_large);
    let write = move || serde_json::to_vec(&journal).map_err(|error| DecideError::Internal(error.to_string()));
    if !large {
        return write();
    }
    // A blocking thread inherits the priority of the thread that starts it, which may be a guest's, and serves other
    // work later. So a task of the runtime starts it.
    let apart = tokio::spawn(async move { tokio::task::spawn_blocking(write).await });
    apart.await.and_then(|done| done).map_err(|error| DecideError::Internal(error.to_string()))?
}

/// Writes one log line and the metrics of a decision.
fn report(record: &DecisionRecord, began: Instant) {
    let (decision, took) = (&record.decision, began.elapsed());
    metrics::decided(&decision.business_type, decision.outcome, took);
    let level_is_warn = decision.outcome == Outcome::Failed;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                decision_id = decision.id,
                decision_code = decision.decision_code,
                outcome = ?decision.outcome,
                confidence = decision.confidence,
                generation = record.output.metadata.generation,
                nodes = record.output.metadata.path.len(),
                effects = record.effects.len(),
                micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                "{}", if level_is_warn { decision.reasoning.as_str() } else { "decided" }
            )
        };
    }
    if level_is_warn { line!(warn) } else { line!(info) }
}
