//! Business, location and permissions: the context that a decision starts from.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_capabilities::business::{BusinessDirectory, location_to_wit, to_wit};
use signalbox_graph::Json;
use signalbox_model::{
    AgentContext, AgentInput, BusinessInfo, InputType, JsonObject, Location, Source, Timestamp, UnknownName, UserAccess,
};
use signalbox_store::AcceptedInput;

use crate::{AccessError, DecideError};

/// What a user may do in one business.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// The business as the directory knows it now.
    pub business: Arc<BusinessInfo>,
    /// What the user's roles permit there.
    pub permissions: Vec<String>,
}

/// What a user may do in a business of the directory. Checks business, location and permission, in this order.
pub fn authorize(
    directory: &BusinessDirectory,
    access: &UserAccess,
    business_id: &str,
    location_id: Option<&str>,
    permission: &str,
) -> Result<Authorized, AccessError> {
    let business = directory.get(business_id).ok_or_else(|| {
        // Only a user whose token names the business learns that its file could not be read.
        let is_awaited = access.businesses.contains_key(business_id) && directory.awaits(business_id);
        let error = if is_awaited { AccessError::NotLoaded } else { AccessError::UnknownBusiness };
        error(business_id.to_owned())
    })?;
    let granted = access.businesses.get(business_id).ok_or_else(|| AccessError::NoAccess(business_id.to_owned()))?;
    if let Some(location) = location_id {
        let granted = granted.locations.as_ref().is_none_or(|granted| granted.iter().any(|id| id == location));
        if !granted || business.location(location).is_none() {
            return Err(AccessError::NoLocation { business: business_id.to_owned(), location: location.to_owned() });
        }
    }
    let permissions = business.permissions_of(granted.roles.iter().map(String::as_str));
    if !permissions.iter().any(|held| held == permission) {
        let (business, permission) = (business_id.to_owned(), permission.to_owned());
        return Err(AccessError::MissingPermission { business, permission });
    }
    Ok(Authorized { business, permissions })
}

/// Everything that a decision starts from, as types of the model and as types of the contract.
pub(crate) struct DecisionStart {
    pub business: Arc<BusinessInfo>,
    pub location: Option<Location>,
    pub model: AgentContext,
    pub wit: wit::Context,
    pub session: BTreeMap<String, Json>,
}

/// Builds a decision's start.
pub(crate) fn start(
    directory: &BusinessDirectory,
    accepted: &AcceptedInput,
    decision_id: &str,
    correlation_id: &str,
    session: Option<JsonObject>,
    now: Timestamp,
) -> Result<DecisionStart, DecideError> {
    let input = &accepted.input;
    let business = directory.get(&input.business_id).ok_or_else(|| unknown(directory, &input.business_id))?;
    let location = input.location_id.as_deref().and_then(|id| business.location(id)).cloned();
    let model = AgentContext {
        input: input.clone(),
        business_info: BusinessInfo::clone(&business),
        location_info: location.clone(),
        user_permissions: Some(accepted.permissions.clone()),
        session_data: session.clone(),
        rag_context: None,
    };
    let wit = wit::Context {
        decision_id: decision_id.to_owned(),
        input: input_to_wit(input, correlation_id)?,
        business: to_wit(&business),
        location: location.as_ref().map(|location| location_to_wit(location, &business)),
        permissions: accepted.permissions.clone(),
        session: session.as_ref().map(to_text),
        now: now.to_string(),
        local_now: local(now, location.as_ref(), &business),
        node: String::new(),
        item: None,
    };
    let session = session
        .into_iter()
        .flatten()
        .filter_map(|(channel, value)| Json::from_value(value).ok().map(|value| (channel, value)))
        .collect();
    Ok(DecisionStart { business, location, model, wit, session })
}

/// Why the directory does not have a business.
pub(crate) fn unknown(directory: &BusinessDirectory, business_id: &str) -> DecideError {
    let error =
        if directory.awaits(business_id) { DecideError::BusinessNotLoaded } else { DecideError::UnknownBusiness };
    error(business_id.to_owned())
}

/// The local time at the location, or at the business. The directory has checked that their time zones exist.
fn local(now: Timestamp, location: Option<&Location>, business: &BusinessInfo) -> String {
    let zone = location.and_then(|location| location.timezone.as_ref()).unwrap_or(&business.timezone);
    let zone = signalbox_model::time_zone(zone).unwrap_or(TimeZone::UTC);
    now.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Input kinds that only a newer version of the host knows have no name in the contract with plugins.
fn input_to_wit(input: &AgentInput, correlation_id: &str) -> Result<wit::Input, DecideError> {
    let newer = |name: UnknownName| DecideError::Internal(format!("only a newer version of the host knows `{name}`"));
    Ok(wit::Input {
        id: input.id.clone(),
        source: match input.source {
            Source::Websocket => wit::Source::Websocket,
            Source::Cron => wit::Source::Cron,
            Source::ExternalApi => wit::Source::ExternalApi,
            Source::Kafka => wit::Source::Kafka,
            Source::Unknown(name) => return Err(newer(name)),
        },
        input_type: match input.input_type {
            InputType::UserMessage => wit::InputType::UserMessage,
            InputType::ScheduledTask => wit::InputType::ScheduledTask,
            InputType::Webhook => wit::InputType::Webhook,
            InputType::ApiRequest => wit::InputType::ApiRequest,
            InputType::Review => wit::InputType::Review,
            InputType::KafkaRecord => wit::InputType::KafkaRecord,
            InputType::Unknown(name) => return Err(newer(name)),
        },
        user_id: input.user_id.clone(),
        business_id: input.business_id.clone(),
        location_id: input.location_id.clone(),
        content: wit::Content {
            text: input.content.text.clone(),
            data: input.content.data.as_ref().map(to_text),
            metadata: input.content.metadata.as_ref().map(to_text),
        },
        timestamp: input.timestamp.to_string(),
        correlation_id: correlation_id.to_owned(),
    })
}

fn to_text(object: &JsonObject) -> String {
    serde_json::to_string(object).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use signalbox_model::BusinessAccess;

    use super::*;

    fn directory() -> BusinessDirectory {
        BusinessDirectory::of([BusinessInfo {
            business_id: "roma".to_owned(),
            name: "Roma".to_owned(),
            business_type: "restaurant".to_owned(),
            locale: "ro".to_owned(),
            timezone: "Europe/Bucharest".to_owned(),
            settings: JsonObject::new(),
            locations: vec![Location {
                id: "centru".to_owned(),
                name: "Centru".to_owned(),
                timezone: None,
                settings: JsonObject::new(),
            }],
            permissions: BTreeMap::from([("coordinator".to_owned(), vec!["message".to_owned()])]),
            metadata: None,
        }])
    }

    fn access(business: &str, roles: &[&str], locations: Option<&[&str]>) -> UserAccess {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let granted = BusinessAccess { roles: owned(roles), locations: locations.map(owned) };
        UserAccess { user_id: "ana".to_owned(), businesses: BTreeMap::from([(business.to_owned(), granted)]) }
    }

    #[test]
    fn a_coordinator_reaches_only_businesses_places_and_permissions_of_the_token() {
        let directory = directory();
        let check = |access: &UserAccess, business, location, permission| {
            authorize(&directory, access, business, location, permission)
                .map(drop)
                .map_err(|error| error.code().as_str())
        };
        let ana = access("roma", &["coordinator"], None);
        assert_eq!(check(&ana, "roma", Some("centru"), "message"), Ok(()));
        assert_eq!(check(&ana, "roma", None, "review"), Err("permission_missing"));
        assert_eq!(check(&ana, "roma", Some("nord"), "message"), Err("location_not_found"));
        assert_eq!(check(&ana, "milano", None, "message"), Err("business_not_found"));
        assert_eq!(
            check(&access("milano", &["coordinator"], None), "roma", None, "message"),
            Err("business_not_found")
        );
        let elsewhere = access("roma", &["coordinator"], Some(&["nord"]));
        assert_eq!(check(&elsewhere, "roma", Some("centru"), "message"), Err("location_not_found"));
        assert_eq!(check(&access("roma", &["guest"], None), "roma", None, "message"), Err("permission_missing"));
    }

    #[test]
    fn local_time_is_the_places_in_summer_and_winter() {
        let directory = directory();
        let business = directory.get("roma").unwrap();
        let at = |text: &str| local(text.parse().unwrap(), None, &business);
        assert_eq!(at("2026-07-01T12:00:00Z"), "2026-07-01T15:00:00+03:00");
        assert_eq!(at("2026-12-01T12:00:00Z"), "2026-12-01T14:00:00+02:00");
    }
}
