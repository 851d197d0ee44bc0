//! `signalbox:cron`: schedules of the business. No scheduler is configured yet, and the plugin is told.

use signalbox_bindings::signalbox::cron::cron::{Error, Host, ScheduleRequest, ScheduleStatus};

use crate::guard::{CapabilityError, EffectError, Function};
use crate::{Calls, Capability};

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
        self.guard_effect(Function::new("cron", "schedule"), request, |calls, _| {
            may_schedule(calls)?;
            Err(Error::NotConfigured)
        })
    }

    async fn cancel(&mut self, name: String) -> wasmtime::Result<Result<(), Error>> {
        self.guard_effect(Function::new("cron", "cancel"), name, |calls, _| {
            may_schedule(calls)?;
            Err(Error::NotConfigured)
        })
    }

    async fn status(&mut self, name: String) -> wasmtime::Result<Result<Option<ScheduleStatus>, Error>> {
        let granted = may_read(self);
        self.guard(Function::new("cron", "status"), name, |_, _| async move {
            granted?;
            Err(Error::NotConfigured)
        })
        .await
    }

    async fn list(&mut self) -> wasmtime::Result<Result<Vec<ScheduleStatus>, Error>> {
        let granted = may_read(self);
        self.guard(Function::new("cron", "list"), (), |(), _| async move {
            granted?;
            Err(Error::NotConfigured)
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
