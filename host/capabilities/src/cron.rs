//! `signalbox:cron`: schedules of the business. Changes are effects; what is in force is read from the store.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use signalbox_bindings::signalbox::cron::cron::{Error, Host, ScheduleRequest, ScheduleStatus, Timing};
use signalbox_model::{CronExpression, JsonObject};
use signalbox_store::{EffectKind, Schedule, ScheduleTiming, StoreError};

use crate::guard::{CapabilityError, EffectError, Function};
use crate::{Calls, Capability};

/// The longest name of a schedule, in bytes.
const LONGEST_NAME: usize = 128;
/// The largest payload, in bytes.
const LARGEST_PAYLOAD: usize = 64 * 1024;
/// Names that belong to schedules of bundles.
const OF_BUNDLES: &str = "bundle/";

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Unavailable("no answer within the deadline".to_owned())
    }
}

impl EffectError for Error {
    fn denied(reason: String) -> Self {
        Self::Denied(reason)
    }
}

impl Host for Calls {
    async fn schedule(&mut self, request: ScheduleRequest) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("cron", "schedule"), request, |calls, request| {
            may_schedule(calls)?;
            let ScheduleRequest { name, timing, timezone, payload } = request;
            check_name(&name)?;
            let timing = to_timing(timing)?;
            if let Some(zone) = &timezone {
                check_zone(zone)?;
            }
            let payload = payload.map(|payload| to_object(&payload)).transpose()?;
            Ok(EffectKind::Schedule { name, timing, timezone, payload })
        })
    }

    async fn cancel(&mut self, name: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("cron", "cancel"), name, |calls, name| {
            may_schedule(calls)?;
            check_name(&name)?;
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
        self.guard(Function::new("cron", "list"), (), |(), _| async move {
            granted?;
            let found = store.schedules(&scope.business.business_id).await.map_err(unavailable)?;
            Ok(found.into_iter().map(|schedule| status(schedule, scope.started_at)).collect())
        })
        .await
    }
}

fn may_schedule(calls: &Calls) -> Result<(), Error> {
    if calls.policy.grants.allows(Capability::Cron, "schedule") {
        return Ok(());
    }
    Err(Error::Denied(format!("plugin {} has no grant `cron = [\"schedule\"]`", calls.policy.name)))
}

/// Whoever may schedule may also look.
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

fn to_timing(timing: Timing) -> Result<ScheduleTiming, Error> {
    match timing {
        Timing::At(at) => {
            let at = at.parse::<Timestamp>().map_err(|error| {
                Error::Invalid(format!("`{at}` is no moment ({error}); write for example `2026-11-23T08:00:00Z`"))
            })?;
            Ok(ScheduleTiming::At(at))
        }
        Timing::Expression(expression) => {
            let expression: CronExpression = expression.parse().map_err(|error| Error::Invalid(format!("{error}")))?;
            Ok(ScheduleTiming::Expression(expression.as_str().to_owned()))
        }
    }
}

fn check_zone(zone: &str) -> Result<(), Error> {
    TimeZone::get(zone).map(drop).map_err(|_| {
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

/// `next` and `last` are nominal times; `next` is seen from the decision's start, as all time is.
fn status(schedule: Schedule, now: Timestamp) -> ScheduleStatus {
    let Schedule { definition, paused, last, handled_until, .. } = schedule;
    let (timing, next) = match definition.timing {
        ScheduleTiming::At(at) => {
            let over = handled_until.is_some_and(|handled| handled >= at);
            (Timing::At(at.to_string()), (!over).then_some(at))
        }
        ScheduleTiming::Expression(text) => {
            let zone = TimeZone::get(&definition.timezone).ok();
            let expression = text.parse::<CronExpression>().ok();
            let next = expression.zip(zone).and_then(|(expression, zone)| expression.next_after(now, &zone));
            (Timing::Expression(text), next)
        }
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

/// What the store says names real tables, which are none of the guest's business.
fn unavailable(error: StoreError) -> Error {
    tracing::warn!(code = error.code(), %error, "a plugin's look at its schedules failed");
    Error::Unavailable(format!("the store failed: {}", error.code()))
}
