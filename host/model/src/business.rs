use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::JsonObject;

/// A role's permissions within one business, for example `message` or `review`.
pub type Role = Vec<String>;

/// One place of a business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Unique within the business.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// IANA time zone; none is the business's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Extend the business's settings and win over them.
    #[serde(default)]
    pub settings: JsonObject,
}

/// A business, as the directory knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "camelCase")]
pub struct BusinessInfo {
    /// Unique in the directory: letters, digits, `-` and `_`, at most 64.
    pub business_id: String,
    /// What people call it.
    pub name: String,
    /// Chooses the bundle, for example `restaurant`.
    #[serde(rename = "type")]
    pub business_type: String,
    /// BCP 47 language tag, for example `ro`.
    #[serde(default = "default_locale")]
    pub locale: String,
    /// IANA time zone, for example `Europe/Bucharest`.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// Settings whose shape the bundle's author defines.
    #[serde(default)]
    pub settings: JsonObject,
    /// Its places.
    #[serde(default)]
    pub locations: Vec<Location>,
    /// Role name to permissions. A token names roles; this says what they may do here.
    #[serde(default)]
    pub permissions: BTreeMap<String, Role>,
    /// Anything else worth keeping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
}

/// The locale of a business that names none.
pub fn default_locale() -> String {
    "en".to_owned()
}

/// The time zone of a business that names none.
pub fn default_timezone() -> String {
    "UTC".to_owned()
}

impl BusinessInfo {
    /// The place with this id.
    pub fn location(&self, id: &str) -> Option<&Location> {
        self.locations.iter().find(|location| location.id == id)
    }

    /// Every permission that these roles have here, sorted, each once.
    pub fn permissions_of<'a>(&self, roles: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut all: Vec<String> =
            roles.into_iter().filter_map(|role| self.permissions.get(role)).flatten().cloned().collect();
        all.sort();
        all.dedup();
        all
    }
}
