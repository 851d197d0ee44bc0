//! Messages to people who are connected, as effects: they leave when the decision is stored, not before.
//! Grants: `websocket = ["send"]`, `websocket = ["broadcast"]`.

use serde::Serialize;

use crate::contract::websocket as contract;

pub use crate::bindings::capabilities::signalbox::websocket::websocket::Audience;

crate::error::capability_error! {
    /// Why a message does not join the decision.
    websocket with json {
        /// The grant does not cover this. A retry will not help.
        Denied(reason: String) => stop "the grant does not cover this: {reason}",
        /// The content is not a JSON object, or larger than 64 KiB. A retry will not help.
        Invalid(reason: String) => stop "the content is malformed: {reason}",
    }
}

impl Audience {
    /// Everyone who is connected and may see this business.
    pub fn everyone() -> Self {
        Self { location_id: None, permission: None }
    }

    /// Everyone with a permission, for example `review`.
    pub fn with_permission(permission: impl Into<String>) -> Self {
        Self { location_id: None, permission: Some(permission.into()) }
    }

    /// Only people of one place.
    pub fn at(mut self, location_id: impl Into<String>) -> Self {
        self.location_id = Some(location_id.into());
        self
    }
}

/// Adds a notification for one user to the decision's effects; `content` must be written as a JSON object.
pub fn send<T: Serialize + ?Sized>(user_id: &str, content: &T) -> Result<(), Error> {
    Ok(contract::send(user_id, &crate::json::encode("content", content)?)?)
}

/// Adds a notification for everyone in the audience to the decision's effects.
pub fn broadcast<T: Serialize + ?Sized>(audience: &Audience, content: &T) -> Result<(), Error> {
    Ok(contract::broadcast(audience, &crate::json::encode("content", content)?)?)
}
