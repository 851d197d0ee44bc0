//! How many files the host may have open: every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// File handles for the store, compiled components, calls to other systems and the log.
const BESIDES: u64 = 512;

/// Raises this process's limit as far as the system allows; systems start programs with a low limit for old programs
/// that depend on it. Warns when the limit is too low for the connections that the configuration allows.
pub fn allow(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    let connections = config.http.max_connections.saturating_add(config.websocket.max_connections);
    let needed = (connections as u64).saturating_add(BESIDES);
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            allowed,
            needed,
            "fewer files may be open than connections are allowed; raise the hard limit (`ulimit -Hn`, LimitNOFILE) or \
             lower `max-connections` under [http] and [websocket]"
        );
    }
}
