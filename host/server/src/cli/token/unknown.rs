//! Finds the names in a token that the business directory does not have.

use std::collections::BTreeMap;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_diagnostics::suggestion;
use signalbox_model::{BusinessAccess, BusinessInfo};

use crate::config::Loaded;

/// A sentence for each business, role and location that is unknown. Without a configuration file the directory is
/// unknown, and nothing is reported.
pub(super) fn notes(loaded: &Loaded, named: &BTreeMap<String, BusinessAccess>) -> Vec<String> {
    if loaded.file.is_none() {
        return Vec::new();
    }
    let folder = &loaded.config.business.directory;
    match BusinessDirectory::open(folder) {
        Ok(directory) => named.iter().flat_map(|(id, access)| of_business(&directory, id, access)).collect(),
        Err(error) => vec![format!("nobody can tell whether the businesses of the token exist: {error}")],
    }
}

fn of_business(directory: &BusinessDirectory, id: &str, access: &BusinessAccess) -> Vec<String> {
    if let Some(business) = directory.get(id) {
        return of_access(&business, access);
    }
    let all = directory.all();
    if directory.awaits(id) {
        return vec![format!(
            "business `{id}` may be in a business file that cannot be loaded; `signalbox check` says why"
        )];
    }
    if all.is_empty() {
        return vec![format!("there is no business `{id}`: the business directory is empty")];
    }
    let known = all.iter().map(|business| business.business_id.as_str());
    vec![format!("there is no business `{id}` in the directory; {}", suggestion(id, "its businesses", known))]
}

fn of_access(business: &BusinessInfo, access: &BusinessAccess) -> Vec<String> {
    let id = &business.business_id;
    let unknown = |kind: &str, name: &str, known: Vec<&str>| {
        let help = match known.is_empty() {
            true => format!("it has no {kind}s"),
            false => suggestion(name, &format!("its {kind}s"), known),
        };
        format!("business `{id}` has no {kind} `{name}`; {help}")
    };
    let roles = access.roles.iter().filter(|role| !business.permissions.contains_key(*role));
    let roles = roles.map(|role| unknown("role", role, business.permissions.keys().map(String::as_str).collect()));
    let places = access.locations.iter().flatten().filter(|place| business.location(place).is_none());
    let places = places.map(|place| {
        unknown("location", place, business.locations.iter().map(|location| location.id.as_str()).collect())
    });
    roles.chain(places).collect()
}
