//! `signalbox:business`: facts about the decision's own business.

mod directory;
mod file;
mod notifications;

pub use directory::{BusinessDirectory, BusinessNotLoaded, DirectoryError};
pub use notifications::NotificationReceivers;

use serde_json::Value;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_bindings::signalbox::business::business::{Error, Host};
use signalbox_model::{BusinessInfo, JsonObject, Location};

use crate::config::at_path;
use crate::guard::{CapabilityError, Function};
use crate::{Calls, Capability};

/// The most bytes of a business with all its locations and settings.
const WHOLE_BUSINESS: usize = 1 << 20;

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

impl Host for Calls {
    async fn get_info(&mut self) -> wasmtime::Result<Result<wit::BusinessInfo, Error>> {
        let found = self.current_business();
        self.guard(Function::new("business", "get-info").answers(WHOLE_BUSINESS), (), |(), _| async move {
            found.map(|found| to_wit(&found))
        })
        .await
    }

    async fn get_location(&mut self, id: String) -> wasmtime::Result<Result<Option<wit::Location>, Error>> {
        let found = self.current_business();
        self.guard(Function::new("business", "get-location"), id, |id, _| async move {
            let business = found?;
            Ok(business.location(&id).map(|location| location_to_wit(location, &business)))
        })
        .await
    }

    async fn get_setting(&mut self, path: String) -> wasmtime::Result<Result<Option<String>, Error>> {
        let found = self.current_business();
        let location = self.scope.location.as_ref().map(|location| location.id.clone());
        self.guard(Function::new("business", "get-setting"), path, |path, _| async move {
            let business = found?;
            let location = location.and_then(|id| business.location(&id));
            Ok(setting(&business, location, &path).map(|value| value.to_string()))
        })
        .await
    }
}

impl Calls {
    /// The decision's business as the directory has it now; as it was at the start if it has left the directory since.
    fn current_business(&self) -> Result<std::sync::Arc<BusinessInfo>, Error> {
        if !self.policy.grants.covers(Capability::Business) {
            // Loading has already refused such a plugin; this checks it once more.
            return Err(Error::NotConfigured);
        }
        let id = &self.scope.business.business_id;
        Ok(self.services.directory.get(id).unwrap_or_else(|| self.scope.business.clone()))
    }
}

/// The setting of the location if it has one, otherwise that of the business.
fn setting<'a>(business: &'a BusinessInfo, location: Option<&'a Location>, path: &str) -> Option<&'a Value> {
    let find = |settings: &'a JsonObject| {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let value = settings.get(first)?;
        rest.map_or(Some(value), |rest| at_path(value, rest))
    };
    location.and_then(|location| find(&location.settings)).or_else(|| find(&business.settings))
}

/// A business as a type of the contract.
pub fn to_wit(business: &BusinessInfo) -> wit::BusinessInfo {
    wit::BusinessInfo {
        id: business.business_id.clone(),
        name: business.name.clone(),
        business_type: business.business_type.clone(),
        locale: business.locale.clone(),
        timezone: business.timezone.clone(),
        settings: to_text(&business.settings),
        locations: business.locations.iter().map(|location| location_to_wit(location, business)).collect(),
    }
}

/// A location as a type of the contract, with the business's time zone when it has none of its own.
pub fn location_to_wit(location: &Location, business: &BusinessInfo) -> wit::Location {
    wit::Location {
        id: location.id.clone(),
        name: location.name.clone(),
        timezone: location.timezone.clone().unwrap_or_else(|| business.timezone.clone()),
        settings: to_text(&location.settings),
    }
}

fn to_text(object: &JsonObject) -> String {
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}
