//! Makes a tick an input: the tick is claimed once in the cluster, handled, accepted, and noted as done.

use std::collections::VecDeque;

use jiff::Timestamp;
use signalbox_executor::{DecideError, HandleError, HandlerEvent, NewInput};
use signalbox_intake::{Acceptance, Arrival, InputEntry, InputOrigin, Intake, IntakeError, ReceiveError, Received};
use signalbox_model::{Clock, Content, ErrorType, InputType, JsonObject, Overlap, ReplySlot, Source, correlation_id};
use signalbox_store::{
    AcceptedInput, Fire, FireClaim, FireEnd, Remedy, Schedule, ScheduleDefinition, ScheduleSource, Store, StoreError,
};
use tokio_util::sync::CancellationToken;

use crate::metrics::{CRON_LATENESS, CRON_TICKS};
use crate::timetable::{DueTick, TickAction, duration};
use crate::{CronConfig, PAGE_SIZE};

/// How often a tick that waits for the previous tick's decision checks again.
const OVERLAP_POLL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
/// How often the intake is asked for room for an input before the tick is left to the next scan.
const MAX_ACCEPT_RETRIES: u32 = 5;

/// The parts that every task that fires ticks needs.
pub(super) struct TickDispatcher {
    pub config: CronConfig,
    pub intake: Intake,
    pub store: Store,
    pub clock: Clock,
    /// The name of this process in claims.
    pub owner: String,
}

/// How far a task came with the due ticks of one schedule.
#[derive(Debug, Default)]
pub(super) struct ScheduleProgress {
    /// The ticks that are left, in order.
    pub remaining: VecDeque<DueTick>,
    /// The earliest moment at which another try makes sense.
    pub not_before: Option<Timestamp>,
    /// The newest tick that any host has claimed.
    pub claimed: Option<Timestamp>,
    /// The schedule in the store has changed and must be read again.
    pub stale: bool,
}

/// The result of one tick.
enum TickOutcome {
    Done,
    /// The previous tick's input is still being decided.
    WaitsForPrevious,
    /// The business has used up its rate; the tick may be fired after this time.
    RateLimitedFor(std::time::Duration),
    Stale,
}

/// Why a tick gave no input.
enum NoInput {
    /// The tick cannot be handled now; it stays claimed, and a later scan takes it up.
    Later(String),
    /// The tick can never be handled.
    Refused(String),
}

impl TickDispatcher {
    /// Works through the due ticks of one schedule, in order.
    pub async fn work(
        &self,
        schedule: &Schedule,
        once: bool,
        due: VecDeque<DueTick>,
        claimed: Option<Timestamp>,
    ) -> ScheduleProgress {
        let mut progress = ScheduleProgress { remaining: due, claimed, ..ScheduleProgress::default() };
        while let Some(tick) = progress.remaining.front().copied() {
            match self.tick(schedule, tick, progress.claimed).await {
                Ok(TickOutcome::Done) => {
                    progress.remaining.pop_front();
                    progress.claimed = progress.claimed.max(Some(tick.nominal));
                    if once {
                        self.remove_schedule(schedule).await;
                    }
                }
                Ok(TickOutcome::WaitsForPrevious) => {
                    progress.not_before = self.clock.now().checked_add(duration(OVERLAP_POLL_INTERVAL)).ok();
                    return progress;
                }
                Ok(TickOutcome::RateLimitedFor(wait)) => {
                    progress.not_before = self.clock.now().checked_add(duration(wait)).ok();
                    return progress;
                }
                Ok(TickOutcome::Stale) => {
                    progress.stale = true;
                    return progress;
                }
                Err(error) => {
                    let name = &schedule.definition.name;
                    tracing::warn!(schedule = name, nominal = %tick.nominal, %error, "cannot fire a tick; trying again");
                    progress.not_before = self.clock.now().checked_add(duration(self.config.scan_interval.0)).ok();
                    return progress;
                }
            }
        }
        progress
    }

    async fn tick(
        &self,
        schedule: &Schedule,
        due: DueTick,
        claimed: Option<Timestamp>,
    ) -> Result<TickOutcome, StoreError> {
        let definition = &schedule.definition;
        let waits_for_previous = definition.overlap != Overlap::Allow && !matches!(due.action, TickAction::Skip(_));
        let mut overlaps = false;
        if waits_for_previous {
            match self.is_previous_running(definition, claimed).await? {
                None => return Ok(TickOutcome::Stale),
                Some(true) if definition.overlap == Overlap::Queue || due.action == TickAction::CatchUpTick => {
                    return Ok(TickOutcome::WaitsForPrevious);
                }
                Some(running) => overlaps = running,
            }
        }
        if !overlaps && let Some(wait) = self.rate_limit_wait(definition, due.action) {
            return Ok(TickOutcome::RateLimitedFor(wait));
        }
        let now = self.clock.now();
        let fire = Fire {
            business_id: definition.business_id.clone(),
            name: definition.name.clone(),
            nominal: due.nominal,
            generation: schedule.generation,
            owner: self.owner.clone(),
            lease_until: now.checked_add(duration(self.config.lease.0)).unwrap_or(Timestamp::MAX),
        };
        match self.store.claim_fire(&fire).await? {
            FireClaim::Won => {}
            FireClaim::Lost => return Ok(TickOutcome::Done),
            FireClaim::Stale => return Ok(TickOutcome::Stale),
        }
        match due.action {
            TickAction::Skip(count) => {
                self.store.finish_fire(&fire, FireEnd::Skipped).await?;
                count_ticks("missed", count);
                tracing::warn!(
                    business_id = fire.business_id,
                    schedule = fire.name,
                    newest = %fire.nominal,
                    count,
                    "left out ticks that were missed"
                );
            }
            _ if overlaps => {
                self.store.finish_fire(&fire, FireEnd::Skipped).await?;
                count_ticks("skipped", 1);
                tracing::warn!(
                    business_id = fire.business_id,
                    schedule = fire.name,
                    nominal = %fire.nominal,
                    "left out a tick, because the last one is still being decided"
                );
            }
            TickAction::Fire | TickAction::CatchUpTick => {
                self.dispatch(&fire, definition, due.action == TickAction::CatchUpTick).await?
            }
        }
        Ok(TickOutcome::Done)
    }

    /// How long the tick of a plugin's schedule has to wait for its business's rate, which it counts against like
    /// people's messages. A tick that waits is not claimed, so that any host may fire it.
    fn rate_limit_wait(&self, definition: &ScheduleDefinition, action: TickAction) -> Option<std::time::Duration> {
        let counts =
            matches!(definition.source, ScheduleSource::Plugin { .. }) && !matches!(action, TickAction::Skip(_));
        match counts.then(|| self.intake.check_rate(None, &definition.business_id)) {
            Some(Err(IntakeError::RateLimited { retry_after, .. })) => Some(retry_after),
            _ => None,
        }
    }

    /// Takes up every tick that a host claimed and did not finish. Ticks that only other hosts can handle hide none.
    pub async fn reclaim_all(&self, now: Timestamp, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut cursor = None;
        loop {
            let page = self.store.unfinished_fires_after(now, cursor.as_deref(), PAGE_SIZE).await?;
            let reclaiming = page.items.iter().map(async |fire| {
                if let Err(error) = self.reclaim(fire).await {
                    let Fire { business_id, name, nominal, .. } = fire;
                    tracing::warn!(business_id, schedule = name, %nominal, %error, "cannot take up a tick");
                }
            });
            futures_util::future::join_all(reclaiming).await;
            cursor = page.cursor.filter(|_| !stop.is_cancelled());
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes up a tick that another host, or this one before, claimed and did not finish.
    async fn reclaim(&self, fire: &Fire) -> Result<(), StoreError> {
        let now = self.clock.now();
        let schedule = self.store.schedule(&fire.business_id, &fire.name).await?;
        let is_too_old = now.duration_since(fire.nominal) > duration(self.config.catch_up_age.0);
        let is_served = self.intake.inputs(&fire.business_id).is_ok();
        if schedule.as_ref().is_some_and(|schedule| !schedule.definition.is_known() || (!is_too_old && !is_served)) {
            // Another host may serve this business, or have the handler that the schedule names.
            return Ok(());
        }
        let lease_until = now.checked_add(duration(self.config.lease.0)).unwrap_or(Timestamp::MAX);
        let (claim, fire) = self.store.reclaim_fire(fire, &self.owner, lease_until).await?;
        if claim != FireClaim::Won {
            return Ok(());
        }
        match schedule.filter(|_| !is_too_old) {
            Some(schedule) => {
                self.dispatch(&fire, &schedule.definition, false).await?;
                if matches!(schedule.definition.timing, signalbox_store::ScheduleTiming::At(at) if at == fire.nominal) {
                    self.remove_schedule(&schedule).await;
                }
                Ok(())
            }
            None => {
                count_ticks("dropped", 1);
                let Fire { business_id, name, nominal, .. } = &fire;
                let why = "dropped a tick: it is too old, or its schedule is cancelled";
                tracing::warn!(business_id, schedule = name, %nominal, "{why}");
                self.store.finish_fire(&fire, FireEnd::Skipped).await
            }
        }
    }

    async fn dispatch(&self, fire: &Fire, definition: &ScheduleDefinition, made_up: bool) -> Result<(), StoreError> {
        let inputs = match self.inputs(fire, definition).await {
            Ok(inputs) => inputs,
            Err(NoInput::Later(reason)) => return self.release_claim(fire, &reason).await,
            Err(NoInput::Refused(reason)) => return self.refused(fire, &reason).await,
        };
        let count = inputs.len();
        for input in inputs {
            match self.accept(input).await {
                Ok(()) => {}
                // The same error would come at every further try.
                Err(error) if error.error_type() == ErrorType::ValidationError => {
                    return self.refused(fire, &error.to_string()).await;
                }
                Err(error) => return self.release_claim(fire, &error.to_string()).await,
            }
        }
        let at = self.clock.now();
        self.store.finish_fire(fire, FireEnd::Fired { at }).await?;
        let late = at.duration_since(fire.nominal);
        count_ticks(if made_up { "made_up" } else { "fired" }, 1);
        ::metrics::histogram!(CRON_LATENESS).record(late.as_secs_f64().max(0.0));
        tracing::info!(
            business_id = fire.business_id,
            schedule = fire.name,
            nominal = %fire.nominal,
            late_ms = i64::try_from(late.as_millis()).unwrap_or(i64::MAX),
            made_up,
            inputs = count,
            input_id = fire.input_id(),
            "a schedule ticked"
        );
        Ok(())
    }

    /// Ends a tick that can never become an input.
    async fn refused(&self, fire: &Fire, reason: &str) -> Result<(), StoreError> {
        let Fire { business_id, name, nominal, .. } = fire;
        count_ticks("rejected", 1);
        tracing::warn!(business_id, schedule = name, %nominal, reason, "a tick gave no input");
        self.store.finish_fire(fire, FireEnd::Skipped).await
    }

    /// The inputs of a tick. The first has the tick's own id, so that firing the tick again creates the same input.
    async fn inputs(&self, fire: &Fire, definition: &ScheduleDefinition) -> Result<Vec<AcceptedInput>, NoInput> {
        let (schedule, entry) = match &definition.source {
            ScheduleSource::Bundle { hook } => (hook.as_str(), InputEntry::Cron(hook.clone())),
            ScheduleSource::Plugin { .. } => (definition.name.as_str(), InputEntry::Undeclared),
            ScheduleSource::Unknown(_) => return Err(NoInput::Later("a newer version knows its source".to_owned())),
        };
        let arrival = Arrival {
            origin: InputOrigin {
                source: Source::Cron,
                scope: format!("cron/{}/{}", fire.business_id, fire.name),
                event_id: fire.input_id(),
                business_id: fire.business_id.clone(),
                user_id: None,
                permissions: Vec::new(),
                correlation_id: correlation_id(),
                fingerprint: None,
                reply: ReplySlot::None,
            },
            entry,
            mapped_input_id: None,
            handler_event_id: fire.input_id(),
            event: HandlerEvent::Cron {
                schedule: schedule.to_owned(),
                nominal: fire.nominal,
                payload: definition.payload.clone(),
            },
        };
        let Received { mut inputs, .. } = self.intake.receive(arrival, tick_input).await?;
        if let Some(first) = inputs.first_mut() {
            first.input.id = fire.input_id();
        }
        Ok(inputs)
    }

    async fn accept(&self, input: AcceptedInput) -> Result<(), IntakeError> {
        let mut retries = 0;
        loop {
            match self.intake.accept(input.clone()).await {
                // The input of an earlier run of this tick stands, even when its handler now returns another one.
                Ok(Acceptance::New(_) | Acceptance::Duplicate(_) | Acceptance::Conflict(_)) => return Ok(()),
                Err(IntakeError::Busy { retry_after }) if retries < MAX_ACCEPT_RETRIES => {
                    retries += 1;
                    let again = self.clock.now().checked_add(duration(retry_after)).unwrap_or(Timestamp::MAX);
                    self.clock.sleep_until(again).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves a claimed tick to the next scan, by this process or another.
    async fn release_claim(&self, fire: &Fire, reason: &str) -> Result<(), StoreError> {
        count_ticks("delayed", 1);
        let Fire { business_id, name, nominal, .. } = fire;
        tracing::warn!(business_id, schedule = name, %nominal, reason, "a tick could not be fired; it is taken up again");
        self.store.reclaim_fire(fire, &self.owner, self.clock.now()).await.map(|_| ())
    }

    /// Whether the schedule's newest input is still undecided; none when the schedule is gone.
    async fn is_previous_running(
        &self,
        definition: &ScheduleDefinition,
        claimed: Option<Timestamp>,
    ) -> Result<Option<bool>, StoreError> {
        let Some(now) = self.store.schedule(&definition.business_id, &definition.name).await? else { return Ok(None) };
        // A host has claimed a tick and not yet noted its result.
        if claimed.is_some_and(|claimed| now.handled_until.is_none_or(|handled| handled < claimed)) {
            return Ok(Some(true));
        }
        let Some(last) = now.last else { return Ok(Some(false)) };
        let state = self.store.input_state(&definition.business_id, &last.input_id).await?;
        Ok(Some(state.is_some_and(|state| state.finished_at.is_none())))
    }

    /// Removes a schedule that ticks once after its tick, unless it was replaced meanwhile.
    async fn remove_schedule(&self, schedule: &Schedule) {
        let definition = &schedule.definition;
        let (business_id, name) = (&definition.business_id, &definition.name);
        match self.store.schedule(business_id, name).await {
            // The schedule stays until a host has finished its tick.
            Ok(Some(now)) if now.handled_until.is_none() => {}
            Ok(_) => {
                if let Err(error) = self.store.cancel_schedule(business_id, name, schedule.updated_at).await {
                    tracing::warn!(schedule = name, %error, "cannot forget a schedule that has ticked");
                }
            }
            Err(error) => tracing::warn!(schedule = name, %error, "cannot read a schedule that has ticked"),
        }
    }
}

/// The input of a tick without a handler.
fn tick_input(event: HandlerEvent) -> Result<NewInput, NoInput> {
    let HandlerEvent::Cron { schedule, nominal, payload } = event else {
        return Err(NoInput::Refused("what arrived is no tick".to_owned()));
    };
    let mut metadata = JsonObject::new();
    metadata.insert("schedule".to_owned(), schedule.into());
    metadata.insert("nominal".to_owned(), nominal.to_string().into());
    Ok(NewInput {
        id: None,
        input_type: InputType::ScheduledTask,
        user_id: None,
        location_id: None,
        content: Content { text: None, data: payload, metadata: Some(metadata) },
    })
}

impl From<ReceiveError> for NoInput {
    fn from(error: ReceiveError) -> Self {
        match error {
            // Another host may serve this business, or this host may in a moment.
            ReceiveError::Handle(HandleError::Decide(
                DecideError::UnknownBusiness(_) | DecideError::NoBundle { .. } | DecideError::NotLoaded { .. },
            )) => Self::Later("nothing decides for this business here".to_owned()),
            ReceiveError::Handle(error) if error.remedy() != Remedy::Nothing => Self::Later(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

fn count_ticks(result: &'static str, count: u64) {
    ::metrics::counter!(CRON_TICKS, "result" => result).increment(count);
}
