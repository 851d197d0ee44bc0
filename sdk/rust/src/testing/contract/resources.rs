//! Resources live in a map; an action merges its payload.

use super::current;
pub use crate::bindings::capabilities::signalbox::resources::resources::{Error, Filter, ResourceState};
use serde_json::{Map, Value};

pub fn get(resource_type: &str, id: &str) -> Result<Option<ResourceState>, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("resources", "get", format!("{resource_type}/{id}"));
    fail_if_told!(memory, resources);
    if !memory.granted("resources", "read") {
        return Err(Error::Denied("the grant `read` is missing".to_owned()));
    }
    Ok(memory.resources.get(&(resource_type.to_owned(), id.to_owned())).cloned())
}

pub fn find(resource_type: &str, filter: &Filter) -> Result<Vec<ResourceState>, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("resources", "find", resource_type);
    fail_if_told!(memory, resources);
    if !memory.granted("resources", "read") {
        return Err(Error::Denied("the grant `read` is missing".to_owned()));
    }
    let limit = filter.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Error::Invalid(format!("the limit {limit} is not from 1 to 100")));
    }
    let matching = memory.resources.values().filter(|resource| {
        let attributes = attributes(&resource.attributes);
        let at_place = filter
            .location_id
            .as_ref()
            .is_none_or(|place| attributes.get("locationId").and_then(Value::as_str) == Some(place));
        resource.resource_type == resource_type
            && at_place
            && filter
                .equals
                .iter()
                .all(|(name, wanted)| attributes.get(name) == serde_json::from_str::<Value>(wanted).ok().as_ref())
    });
    Ok(matching.take(limit as usize).cloned().collect())
}

pub fn execute_action(
    resource_type: &str,
    id: &str,
    action: &str,
    payload: &str,
    version: Option<u64>,
) -> Result<ResourceState, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("resources", "execute-action", format!("{resource_type}/{id} {action}"));
    fail_if_told!(memory, resources);
    if !memory.granted("resources", "execute") {
        return Err(Error::Denied("the grant `execute` is missing".to_owned()));
    }
    let Some(resource) = memory.resources.get_mut(&(resource_type.to_owned(), id.to_owned())) else {
        return Err(Error::Refused(format!("there is no {resource_type} `{id}`")));
    };
    if version.is_some_and(|seen| seen != resource.version) {
        return Err(Error::Conflict(format!("{resource_type} `{id}` is at version {}", resource.version)));
    }
    let mut merged = attributes(&resource.attributes);
    merged.extend(attributes(payload));
    resource.attributes = Value::Object(merged).to_string();
    resource.version += 1;
    Ok(resource.clone())
}

fn attributes(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}
