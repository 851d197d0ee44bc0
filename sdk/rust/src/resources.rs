//! Resources that other services of the business own: tables, rooms, staff, stock.
//! Grants: `resources = ["read"]` for [`get`] and [`find`], `resources = ["execute"]` for [`execute_action`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::resources as contract;

crate::error::capability_error! {
    /// Why a resource cannot be read or acted on.
    resources with json {
        /// No resources service is configured. A retry will not help.
        NotConfigured => stop "no resources service is configured",
        /// The grant does not cover this. A retry will not help.
        Denied(reason: String) => stop "the grant does not cover this: {reason}",
        /// The request is malformed. A retry will not help.
        Invalid(reason: String) => stop "the request is malformed: {reason}",
        /// The resource was changed since the version given; read it again first.
        Conflict(reason: String) => stop "the resource was changed meanwhile, read it again: {reason}",
        /// The owner refused the action. A retry will not help.
        Refused(reason: String) => stop "the owner refused the action: {reason}",
        /// The service does not answer. A retry may help.
        Unavailable(reason: String) => retry "the resources service does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
        /// The answer did not come in time. Whether an action happened is unknown; calling again with the same
        /// arguments in the same decision is safe.
        Timeout => retry "the resources service did not answer in time",
    }
}

/// A resource whose attributes are of type `T`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resource<T> {
    /// What kind of resource it is.
    pub resource_type: String,
    /// Unique within its type.
    pub id: String,
    /// Grows with every change; pass it to [`execute_action`] to act only on what you have seen.
    pub version: u64,
    /// The resource's attributes.
    pub attributes: T,
    /// When it was changed last, in UTC as ISO 8601.
    pub updated_at: String,
}

/// Which resources [`find`] returns; by default all of them, the first 20.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    inner: Vec<(String, String)>,
    location_id: Option<String>,
    limit: Option<u32>,
}

impl Filter {
    /// All resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only resources of one place.
    pub fn location(mut self, id: impl Into<String>) -> Self {
        self.location_id = Some(id.into());
        self
    }

    /// Only resources whose attribute has this value.
    pub fn equals<T: Serialize + ?Sized>(mut self, attribute: &str, value: &T) -> Result<Self, Error> {
        self.inner.push((attribute.to_owned(), crate::json::encode(attribute, value)?));
        Ok(self)
    }

    /// At most this many, from 1 to 100.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// One resource; none when there is no such resource.
pub fn get<T: DeserializeOwned>(resource_type: &str, id: &str) -> Result<Option<Resource<T>>, Error> {
    contract::get(resource_type, id)?.map(read).transpose()
}

/// Resources of one type, ordered by id.
pub fn find<T: DeserializeOwned>(resource_type: &str, filter: Filter) -> Result<Vec<Resource<T>>, Error> {
    let filter = contract::Filter { location_id: filter.location_id, equals: filter.inner, limit: filter.limit };
    contract::find(resource_type, &filter)?.into_iter().map(read).collect()
}

/// Acts at once, unlike an action in the node's step, and returns the resource afterwards. A repeated decision acts
/// once, and replay and shadow do not act.
pub fn execute_action<P: Serialize + ?Sized, T: DeserializeOwned>(
    resource_type: &str,
    id: &str,
    action: &str,
    payload: &P,
    version: Option<u64>,
) -> Result<Resource<T>, Error> {
    let payload = crate::json::encode("payload", payload)?;
    read(contract::execute_action(resource_type, id, action, &payload, version)?)
}

fn read<T: DeserializeOwned>(resource: contract::ResourceState) -> Result<Resource<T>, Error> {
    Ok(Resource {
        attributes: crate::json::decode("attributes", &resource.attributes)?,
        resource_type: resource.resource_type,
        id: resource.id,
        version: resource.version,
        updated_at: resource.updated_at,
    })
}
