use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::BusinessInfo;

/// The permission to send messages to a business, and to read their answers again. Coordinators and guests need it
/// alike.
pub const MESSAGE_PERMISSION: &str = "message";

/// The permission to read all decisions of a business, and to receive what its plugins send to the staff. The users
/// with this permission are the staff.
pub const DECISIONS_PERMISSION: &str = "decisions";

/// The permissions that the host itself asks for. Bundles declare others that their nodes ask for.
pub const HOST_PERMISSIONS: [&str; 3] = [MESSAGE_PERMISSION, crate::REVIEW_PERMISSION, DECISIONS_PERMISSION];

/// The user of a verified token, with the businesses and roles that it grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserAccess {
    /// The user's id, from `sub`.
    pub user_id: String,
    /// The businesses the user may see, by id.
    pub businesses: BTreeMap<String, BusinessAccess>,
}

/// The longest id of a user, in bytes.
const LONGEST_USER_ID: usize = 128;

/// The longest id of a business, in bytes.
const LONGEST_BUSINESS_ID: usize = 64;

/// The rule for a business's id, for errors.
pub const BUSINESS_ID_RULE: &str = "1 to 64 letters, digits, `-` or `_`";

/// Why a text is not valid as a user's id; none when it is. The error follows the name of the field: "`sub` begins or
/// ends with a space".
pub fn user_id_problem(text: &str) -> Option<String> {
    if !(1..=LONGEST_USER_ID).contains(&text.len()) {
        return Some(format!("has to name the user in 1 to {LONGEST_USER_ID} bytes"));
    }
    // People read user ids in lists and logs, where two different ids must not look the same.
    let is_odd = |character: char| crate::is_hidden(character) || (character.is_whitespace() && character != ' ');
    if let Some(odd) = text.chars().find(|character| is_odd(*character)) {
        return Some(format!("names the user with a character that nobody sees: {}", crate::name_of_hidden(odd)));
    }
    (text.trim() != text).then(|| "begins or ends with a space, or is nothing else".to_owned())
}

/// Whether a text is valid as a business's id.
pub fn is_business_id(text: &str) -> bool {
    let is_of_ids = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_BUSINESS_ID).contains(&text.len()) && text.bytes().all(is_of_ids)
}

/// A user's roles and locations in one business. The business's own file says what each role permits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BusinessAccess {
    /// Role names, for example `coordinator`.
    pub roles: Vec<String>,
    /// The locations that the user may see; none is every location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locations: Option<Vec<String>>,
}

/// What a record belongs to, for the question who may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// One location: users who may see that location.
    Place(&'a str),
    /// The whole business: users who may see all of its locations.
    Business,
    /// Any location: users who may see at least one location of the business.
    AnyPlace,
}

impl<'a> Reach<'a> {
    /// The reach of a record about this location, or about none and so about the whole business.
    pub fn of(location_id: Option<&'a str>) -> Self {
        location_id.map_or(Self::Business, Self::Place)
    }
}

impl UserAccess {
    /// Whether the user may see what belongs to `reach`. This is the one rule for push, resume, lists, reads and
    /// reviews. Without a `permission` only the reach counts.
    pub fn may_see(&self, business: &BusinessInfo, reach: Reach<'_>, permission: Option<&str>) -> bool {
        let Some(granted) = self.businesses.get(&business.business_id) else { return false };
        let sees = |place: &str| granted.locations.as_ref().is_none_or(|seen| seen.iter().any(|id| id == place));
        let in_sight = match reach {
            Reach::Place(place) => sees(place),
            Reach::Business => business.locations.iter().all(|place| sees(&place.id)),
            Reach::AnyPlace => true,
        };
        let roles = || granted.roles.iter().map(String::as_str);
        in_sight
            && permission.is_none_or(|permission| business.permissions_of(roles()).iter().any(|has| has == permission))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn business(places: &[&str]) -> BusinessInfo {
        let places: Vec<_> = places.iter().map(|id| json!({"id": id, "name": id})).collect();
        let roles = json!({"doctor": ["message", "review"], "patient": ["message"]});
        let business = json!({
            "businessId": "clinic", "name": "Clinic", "type": "clinic", "locations": places, "permissions": roles
        });
        serde_json::from_value(business).unwrap()
    }

    fn access(role: &str, places: Option<&[&str]>) -> UserAccess {
        let locations = places.map(|places| places.iter().map(|id| (*id).to_owned()).collect());
        let granted = BusinessAccess { roles: vec![role.to_owned()], locations };
        UserAccess { user_id: "ana".to_owned(), businesses: BTreeMap::from([("clinic".to_owned(), granted)]) }
    }

    #[test]
    fn a_place_is_seen_by_those_whose_token_names_it_and_the_whole_business_by_those_who_see_every_place() {
        let clinic = business(&["north", "south"]);
        let sees = |places: Option<&[&str]>, reach| access("doctor", places).may_see(&clinic, reach, Some("review"));
        for (places, north, whole) in [
            (None, true, true),
            (Some(&["north"][..]), true, false),
            (Some(&["south"]), false, false),
            (Some(&["south", "north"]), true, true),
            (Some(&[]), false, false),
        ] {
            assert_eq!(sees(places, Reach::Place("north")), north, "{places:?}");
            assert_eq!(sees(places, Reach::of(None)), whole, "{places:?}");
            assert!(sees(places, Reach::AnyPlace), "{places:?}");
        }
        // A location that was removed is visible to users who may see every location.
        assert!(sees(None, Reach::Place("west")) && !sees(Some(&["south", "north"]), Reach::Place("west")));
        // In a business without locations, everything belongs to the whole business.
        assert!(access("doctor", Some(&["north"])).may_see(&business(&[]), Reach::Business, Some("review")));
    }

    #[test]
    fn nothing_is_seen_without_the_permission_or_in_another_business() {
        let clinic = business(&[]);
        assert!(!access("patient", None).may_see(&clinic, Reach::Business, Some("review")));
        assert!(access("patient", None).may_see(&clinic, Reach::Business, Some("message")));
        assert!(access("nobody", None).may_see(&clinic, Reach::Business, None));
        assert!(!access("nobody", None).may_see(&clinic, Reach::Business, Some("message")));
        let elsewhere = BusinessInfo { business_id: "other".to_owned(), ..clinic };
        assert!(!access("doctor", None).may_see(&elsewhere, Reach::AnyPlace, None));
    }
}
