//! A component's imports are its capability manifest. Each is checked before anything runs.

use signalbox_capabilities::{Capability, Grants};

use crate::wasi;

/// The version of the contract's packages that this host offers.
const OFFERED_VERSION: &str = "0.1.0";

/// What is wrong with an import, and what to do.
pub(crate) type Refused = (String, String);

/// Checks one import by its name, for example `signalbox:llm/llm@0.1.0`.
pub(crate) fn check(import: &str, grants: &Grants) -> Result<(), Refused> {
    let (path, version) = import.split_once('@').unwrap_or((import, ""));
    if let Some(interface) = path.strip_prefix("signalbox:") {
        return check_own(import, interface.split('/').next().unwrap_or(interface), version, grants);
    }
    if path.starts_with("wasi:") {
        return check_wasi(import, path);
    }
    Err((
        format!("imports `{import}`, which this host does not offer"),
        "plugins may import the packages of `signalbox:` and the basics of `wasi:`".to_owned(),
    ))
}

fn check_own(import: &str, package: &str, version: &str, grants: &Grants) -> Result<(), Refused> {
    if version != OFFERED_VERSION && !is_compatible(version) {
        return Err((
            format!("imports `{import}`, and this host offers `signalbox:{package}@{OFFERED_VERSION}`"),
            "build it with the signalbox-sdk of this host's version".to_owned(),
        ));
    }
    if matches!(package, "agent" | "log" | "config") {
        return Ok(());
    }
    let Some(capability) = Capability::from_name(package) else {
        return Err((
            format!("imports `{import}`, and there is no capability `{package}`"),
            "build it with the signalbox-sdk of this host's version".to_owned(),
        ));
    };
    if grants.covers(capability) {
        return Ok(());
    }
    Err((
        format!("imports `{import}` without a grant for {capability}"),
        format!("add a grant to the plugin, for example `grants = {{ {} }}`, or stop using it", capability.example()),
    ))
}

/// A later patch of the same version only adds to it; the linker resolves what both have.
fn is_compatible(version: &str) -> bool {
    version.strip_prefix("0.1.").is_some_and(|patch| patch.parse::<u32>().is_ok())
}

fn check_wasi(import: &str, path: &str) -> Result<(), Refused> {
    if wasi::OFFERED.iter().any(|offered| path == *offered || (offered.ends_with('/') && path.starts_with(offered))) {
        return Ok(());
    }
    let way_out = match path.split('/').next() {
        Some("wasi:sockets" | "wasi:http") => "plugins have no network of their own: use the capability `http`",
        _ => "plugins have clocks, random numbers and output, and nothing else of WASI",
    };
    Err((format!("imports `{import}`, which no plugin gets"), way_out.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_import_without_grant_names_the_missing_grant() {
        let (message, help) = check("signalbox:llm/llm@0.1.0", &Grants::default()).unwrap_err();
        assert!(
            message.contains("signalbox:llm/llm@0.1.0") && help.contains(r#"llm = ["default"]"#),
            "{message} {help}"
        );
        let granted = Grants::parse(&BTreeMap::from([("llm".to_owned(), vec!["default".to_owned()])])).unwrap();
        check("signalbox:llm/llm@0.1.0", &granted).unwrap();
    }

    #[test]
    fn log_config_and_types_need_no_grant() {
        for import in ["signalbox:log/log@0.1.0", "signalbox:config/config@0.1.0", "signalbox:agent/types@0.1.0"] {
            check(import, &Grants::default()).unwrap();
        }
    }

    #[test]
    fn the_network_and_other_versions_are_refused_with_the_way_out() {
        assert!(check("wasi:sockets/tcp@0.2.6", &Grants::default()).unwrap_err().1.contains("`http`"));
        assert!(check("wasi:http/outgoing-handler@0.2.0", &Grants::default()).unwrap_err().1.contains("`http`"));
        assert!(check("signalbox:log/log@0.2.0", &Grants::default()).unwrap_err().0.contains("0.1.0"));
        assert!(check("evil:thing/x", &Grants::default()).is_err());
        check("wasi:random/insecure-seed@0.2.6", &Grants::default()).unwrap();
        check("wasi:cli/stdout@0.2.6", &Grants::default()).unwrap();
    }
}
