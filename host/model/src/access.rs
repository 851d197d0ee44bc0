use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who is asking, as a verified token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserAccess {
    /// The user's id, from `sub`.
    pub user_id: String,
    /// The businesses the user may see, by id.
    pub businesses: BTreeMap<String, BusinessAccess>,
}

/// What a user is in one business. What each role may do there is the business's own affair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BusinessAccess {
    /// Role names, for example `coordinator`.
    pub roles: Vec<String>,
    /// The places the user may see; none is every place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}
