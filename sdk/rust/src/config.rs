//! The plugin's own configuration, from `[plugins.<name>.config]` of its bundle. Needs no grant.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! # testing::Host::new().config(json!({ "limits": { "party-size": 12 } })).enter(|| {
//! let largest = config::get::<u32>("limits.party-size").unwrap().unwrap_or(8);
//! # assert_eq!(largest, 12);
//! # });
//! ```

use serde::de::DeserializeOwned;

use crate::JsonError;

/// The value under a dotted path; none when the bundle sets nothing there.
pub fn get<T: DeserializeOwned>(path: &str) -> Result<Option<T>, JsonError> {
    match crate::contract::config::get(path) {
        Some(text) => crate::json::decode(path, &text),
        None => Ok(None),
    }
}

/// The whole table as one type.
pub fn all<T: DeserializeOwned>() -> Result<T, JsonError> {
    crate::json::decode("config", &crate::contract::config::all())
}
