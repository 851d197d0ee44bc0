//! `signalbox:resources`: resources that other services of the business own. No service is configured yet, so every
//! call fails with an error that says so.

use signalbox_bindings::signalbox::resources::resources::{Error, Filter, Host, ResourceState};

use crate::guard::{CapabilityError, Function};
use crate::{Calls, Capability};

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Timeout
    }

    fn exhausted(reason: String) -> Self {
        Self::Exhausted(reason)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl Host for Calls {
    async fn get(
        &mut self,
        resource_type: String,
        id: String,
    ) -> wasmtime::Result<Result<Option<ResourceState>, Error>> {
        let granted = self.granted("read");
        self.guard(Function::new("resources", "get"), (resource_type, id), |_, _| async move {
            granted?;
            Err(Error::NotConfigured)
        })
        .await
    }

    async fn find(
        &mut self,
        resource_type: String,
        filter: Filter,
    ) -> wasmtime::Result<Result<Vec<ResourceState>, Error>> {
        let granted = self.granted("read");
        self.guard(Function::new("resources", "find"), (resource_type, filter), |_, _| async move {
            granted?;
            Err(Error::NotConfigured)
        })
        .await
    }

    async fn execute_action(
        &mut self,
        resource_type: String,
        id: String,
        action: String,
        payload: String,
        version: Option<u64>,
    ) -> wasmtime::Result<Result<ResourceState, Error>> {
        let granted = self.granted("execute");
        let request = (resource_type, id, action, payload, version);
        self.guard(Function::new("resources", "execute-action"), request, |_, _| async move {
            granted?;
            Err(Error::NotConfigured)
        })
        .await
    }
}

impl Calls {
    fn granted(&self, word: &str) -> Result<(), Error> {
        if self.policy.grants.allows(Capability::Resources, word) {
            return Ok(());
        }
        Err(Error::Denied(format!("plugin {} has no grant `resources = [\"{word}\"]`", self.policy.name)))
    }
}
