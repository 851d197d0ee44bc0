//! `signalbox:cron`: schedules of the business. Changes are effects; reads return the schedules in the store.

mod room;

use jiff::Timestamp;
use signalbox_bindings::signalbox::cron::cron::{Error, Host, ScheduleRequest, ScheduleStatus, Timing};
use signalbox_model::{CronExpression, HumanDuration, JsonObject};
use signalbox_store::{EffectKind, Schedule, ScheduleTiming, StoreError};

use crate::guard::{CapabilityError, EffectError, Function};
use crate::{Calls, Capability};

pub use room::{ScheduleLimits, ScheduleRoom};

/// The longest name of a schedule, in bytes.
const LONGEST_NAME: usize = 128;
/// The largest payload, in bytes.
const LARGEST_PAYLOAD: usize = 64 * 1024;
/// The most bytes of the list of all schedules of a business.
const LARGEST_LIST: usize = 1 << 20;
/// The prefix of the names of schedules that bundles declare.
const OF_BUNDLES: &str = "bundle/";

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Unavailable("no answer within the deadline".to_owned())
    }

    fn exhausted(reason: String) -> Self {
        Self::Exhausted(reason)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl EffectError for Error {
    fn denied(reason: String) -> Self {
        Self::Denied(reason)
    }
}

impl Host for Calls {
    async fn schedule(&mut self, request: ScheduleRequest) -> wasmtime::Result<Result<(), Error>> {
        let function = Function::new("cron", "schedule");
        let (limits, name) = (self.services.schedules, request.name.clone());
        let effect =
            may_schedule(self).and_then(|()| self.effect(function)).and_then(|()| self.schedule_of(&request, &limits));
        let (checked, store, scope) =
            (effect.as_ref().map(drop).map_err(Error::clone), self.services.store.clone(), self.scope.clone());
        let taken = self.guard(function, request, |_, _| async move {
            checked?;
            scope.schedules.take(&store, &scope.business.business_id, &name, &limits).await
        });
        let answer = taken.await?;
        if let (Ok(()), Ok(effect)) = (&answer, effect) {
            self.keep(effect);
        }
        Ok(answer)
    }

    async fn cancel(&mut self, name: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("cron", "cancel"), name, |calls, name| {
            may_schedule(calls)?;
            check_name(&name)?;
            calls.scope.schedules.give_back(&name);
            Ok(EffectKind::CancelSchedule { name })
        })
    }

    async fn status(&mut self, name: String) -> wasmtime::Result<Result<Option<ScheduleStatus>, Error>> {
        let (granted, store, scope) = (may_read(self), self.services.store.clone(), self.scope.clone());
        self.guard(Function::new("cron", "status"), name, |name, _| async move {
            granted?;
            if name.is_empty() || name.len() > LONGEST_NAME + OF_BUNDLES.len() {
                return Ok(None);
            }
            let found = store.schedule(&scope.business.business_id, &name).await.map_err(unavailable)?;
            Ok(found.map(|schedule| status(schedule, scope.started_at)))
        })
        .await
    }

    async fn list(&mut self) -> wasmtime::Result<Result<Vec<ScheduleStatus>, Error>> {
        let (granted, store, scope) = (may_read(self), self.services.store.clone(), self.scope.clone());
        self.guard(Function::new("cron", "list").answers(LARGEST_LIST), (), |(), _| async move {
            granted?;
            let found = store.schedules(&scope.business.business_id).await.map_err(unavailable)?;
            Ok(found.into_iter().map(|schedule| status(schedule, scope.started_at)).collect())
        })
        .await
    }
}

impl Calls {
    /// The effect that creates the requested schedule, if the request is valid.
    fn schedule_of(&self, request: &ScheduleRequest, limits: &ScheduleLimits) -> Result<EffectKind, Error> {
        let ScheduleRequest { name, timing, timezone, payload } = request.clone();
        check_name(&name)?;
        let timing = to_timing(timing, limits)?;
        let earliest = self.scope.schedules.earliest(self.scope.started_at, limits);
        if let (ScheduleTiming::At(at), Some(earliest)) = (&timing, earliest)
            && *at < earliest
        {
            let least = HumanDuration(limits.least_interval);
            return Err(Error::TooOften(format!(
                "a schedule's tick asks for this decision, which may make one that ticks {least} later at the earliest \
                 (cron.least-interval), not at {at}"
            )));
        }
        if let Some(zone) = &timezone {
            check_zone(zone)?;
        }
        let payload = payload.map(|payload| to_object(&payload)).transpose()?;
        Ok(EffectKind::Schedule { name, timing, timezone, payload })
    }
}

fn may_schedule(calls: &Calls) -> Result<(), Error> {
    if calls.policy.grants.allows(Capability::Cron, "schedule") {
        return Ok(());
    }
    Err(Error::Denied(format!("plugin {} has no grant `cron = [\"schedule\"]`", calls.policy.name)))
}

/// A plugin that may create schedules may also list them.
fn may_read(calls: &Calls) -> Result<(), Error> {
    if calls.policy.grants.covers(Capability::Cron) {
        return Ok(());
    }
    Err(Error::Denied(format!("plugin {} has no grant `cron = [\"read\"]`", calls.policy.name)))
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Invalid(format!(
            "`{}` is no name of a schedule; use 1 to {LONGEST_NAME} visible ASCII characters without blanks",
            name.escape_debug()
        )));
    }
    if name.starts_with(OF_BUNDLES) {
        return Err(Error::Invalid(format!("`{name}` belongs to the bundle; use a name that does not begin so")));
    }
    Ok(())
}

fn to_timing(timing: Timing, limits: &ScheduleLimits) -> Result<ScheduleTiming, Error> {
    match timing {
        Timing::At(at) => {
            let at = at.parse::<Timestamp>().map_err(|error| {
                Error::Invalid(format!("`{at}` is no moment ({error}); write for example `2026-11-23T08:00:00Z`"))
            })?;
            Ok(ScheduleTiming::At(at))
        }
        Timing::Expression(expression) => {
            let expression: CronExpression = expression.parse().map_err(|error| Error::Invalid(format!("{error}")))?;
            let (least, found) = (limits.least_interval, expression.least_interval());
            if found < least {
                let (found, least) = (HumanDuration(found), HumanDuration(least));
                return Err(Error::TooOften(format!(
                    "`{expression}` ticks {found} after a tick; a plugin's schedule ticks at most every {least} \
                     (cron.least-interval)"
                )));
            }
            Ok(ScheduleTiming::Expression(expression.as_str().to_owned()))
        }
    }
}

fn check_zone(zone: &str) -> Result<(), Error> {
    signalbox_model::time_zone(zone).map(drop).ok_or_else(|| {
        let zone = zone.escape_debug();
        Error::Invalid(format!("there is no time zone `{zone}`; use an IANA name, for example `Europe/Bucharest`"))
    })
}

fn to_object(payload: &str) -> Result<JsonObject, Error> {
    if payload.len() > LARGEST_PAYLOAD {
        let size = payload.len();
        return Err(Error::Invalid(format!("the payload has {size} bytes; at most {LARGEST_PAYLOAD} are kept")));
    }
    serde_json::from_str(payload).map_err(|error| Error::Invalid(format!("the payload is no JSON object: {error}")))
}

/// The status of a schedule. `next` and `last` are nominal times; `next` is the first tick after the decision's start,
/// which is the guest's current time.
fn status(schedule: Schedule, now: Timestamp) -> ScheduleStatus {
    let Schedule { definition, paused, last, handled_until, .. } = schedule;
    let (timing, next) = match definition.timing {
        ScheduleTiming::At(at) => {
            let over = handled_until.is_some_and(|handled| handled >= at);
            (Timing::At(at.to_string()), (!over).then_some(at))
        }
        ScheduleTiming::Expression(text) => {
            let zone = signalbox_model::time_zone(&definition.timezone);
            let expression = text.parse::<CronExpression>().ok();
            let next = expression.zip(zone).and_then(|(expression, zone)| expression.next_after(now, &zone));
            (Timing::Expression(text), next)
        }
        // This version cannot tell when the schedule ticks.
        ScheduleTiming::Unknown(timing) => (Timing::Expression(timing.to_string()), None),
    };
    ScheduleStatus {
        name: definition.name,
        timing,
        timezone: definition.timezone,
        next: next.filter(|_| !paused).map(|next| next.to_string()),
        last: last.map(|last| last.nominal.to_string()),
        paused,
    }
}

/// Leaves out the store's own message, which names real tables.
fn unavailable(error: StoreError) -> Error {
    tracing::warn!(code = error.code().as_str(), %error, "a plugin's look at its schedules failed");
    Error::Unavailable(format!("the store failed: {}", error.code()))
}
