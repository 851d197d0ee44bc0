//! Facts about the business that the decision belongs to, as its directory knows them at this moment. The
//! [`crate::Context`] holds them as they were at the decision's start, without a grant. Grant: `business = ["read"]`.

use serde::de::DeserializeOwned;

use crate::{Business, Location};

crate::error::capability_error! {
    /// Why a fact about the business cannot be read.
    business with json {
        /// No business directory is configured. A retry will not help.
        NotConfigured => stop "no business directory is configured",
        /// The directory does not answer. A retry may help.
        Unavailable(reason: String) => retry "the business directory does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
    }
}

/// The business.
pub fn get_info() -> Result<Business, Error> {
    Ok(Business::from_wire(crate::contract::business::get_info()?))
}

/// One of its places; none when there is no such place.
pub fn get_location(id: &str) -> Result<Option<Location>, Error> {
    Ok(crate::contract::business::get_location(id)?.map(Location::from_wire))
}

/// The setting under a dotted path: of the input's place when it has one and sets it, else of the business.
pub fn get_setting<T: DeserializeOwned>(path: &str) -> Result<Option<T>, Error> {
    match crate::contract::business::get_setting(path)? {
        Some(text) => Ok(crate::json::decode(path, &text)?),
        None => Ok(None),
    }
}
