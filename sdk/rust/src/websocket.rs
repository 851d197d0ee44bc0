//! Messages to people who are connected, as effects: they are sent after the decision is stored, not before.
//!
//! Grants: `websocket = ["send"]` and `websocket = ["broadcast"]`. A broadcast goes to the staff of the decision's own
//! place; `"broadcast-other-places"` and `"broadcast-everyone"` in addition to `"broadcast"` let it reach more people.

use serde::Serialize;

use crate::contract::websocket as contract;

pub use crate::bindings::capabilities::signalbox::websocket::websocket::{Audience, People, Places};

crate::error::capability_error! {
    /// Why a message cannot be added to the decision.
    websocket with json {
        /// A grant is missing; the text names it. A retry will not help.
        Denied(reason: String) => stop "the grant does not cover this: {reason}",
        /// The content is not a JSON object or larger than 64 KiB, or there is no such place. A retry will not help.
        Invalid(reason: String) => stop "the content is malformed: {reason}",
    }
}

impl Audience {
    /// The staff of the decision's own place: those with the permission `decisions`, who may read the decision itself
    /// too. A decision without a place is for those who may see every place of the business.
    pub fn staff() -> Self {
        Self { places: Places::OwnPlace, people: People::Staff }
    }

    /// The users of the decision's own place who have a permission, for example `review`. Guests have `message`, which
    /// therefore needs the grant `broadcast-everyone`.
    pub fn with_permission(permission: impl Into<String>) -> Self {
        Self { places: Places::OwnPlace, people: People::Permitted(permission.into()) }
    }

    /// Every user of the decision's own place, guests too; needs the grant `broadcast-everyone`.
    pub fn everyone() -> Self {
        Self { places: Places::OwnPlace, people: People::Everyone }
    }

    /// The users of this place instead; another place than the decision's own needs the grant `broadcast-other-places`.
    pub fn at(mut self, location_id: impl Into<String>) -> Self {
        self.places = Places::One(location_id.into());
        self
    }

    /// The users of any place instead; needs the grant `broadcast-other-places`.
    pub fn everywhere(mut self) -> Self {
        self.places = Places::EveryPlace;
        self
    }
}

/// Adds a notification for one user to the decision's effects; `content` must be written as a JSON object.
pub fn send<T: Serialize + ?Sized>(user_id: &str, content: &T) -> Result<(), Error> {
    Ok(contract::send(user_id, &crate::json::encode("content", content)?)?)
}

/// Adds a notification for an audience to the decision's effects; `content` must be written as a JSON object.
pub fn broadcast<T: Serialize + ?Sized>(audience: &Audience, content: &T) -> Result<(), Error> {
    Ok(contract::broadcast(audience, &crate::json::encode("content", content)?)?)
}
