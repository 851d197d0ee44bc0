//! The business directory is the context of the node that is running.

use super::current;
pub use crate::bindings::capabilities::signalbox::agent::types::{BusinessInfo, Location};
pub use crate::bindings::capabilities::signalbox::business::business::Error;
use crate::{Business, Context};

pub fn get_info() -> Result<BusinessInfo, Error> {
    let context = running("get-info", "")?;
    let Business { id, name, business_type, locale, timezone, settings, locations } = context.business;
    Ok(BusinessInfo {
        id,
        name,
        business_type,
        locale,
        timezone,
        settings: settings.as_str().to_owned(),
        locations: locations.into_iter().map(wire_location).collect(),
    })
}

pub fn get_location(id: &str) -> Result<Option<Location>, Error> {
    let context = running("get-location", id)?;
    Ok(context.business.locations.into_iter().find(|location| location.id == id).map(wire_location))
}

pub fn get_setting(path: &str) -> Result<Option<String>, Error> {
    let context = running("get-setting", path)?;
    let value = context.setting::<serde_json::Value>(path).map_err(|error| Error::Unavailable(error.to_string()))?;
    Ok(value.map(|value| value.to_string()))
}

/// The directory of a test is the context of the node that is running.
fn running(function: &'static str, subject: &str) -> Result<Context, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("business", function, subject);
    fail_if_told!(memory, business);
    memory.context.clone().ok_or(Error::NotConfigured)
}

fn wire_location(location: crate::Location) -> Location {
    Location {
        id: location.id,
        name: location.name,
        timezone: location.timezone,
        settings: location.settings.as_str().to_owned(),
    }
}
