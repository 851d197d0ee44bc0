use std::collections::BTreeMap;
use std::sync::Arc;

use signalbox_bindings::exports::signalbox::agent::{handler, node};
use signalbox_capabilities::PluginPolicy;
use signalbox_graph::{Graph, Inputs, Limits};
use signalbox_model::MessageModel;
use wasmtime::component::InstancePre;

use crate::breaker::Breakers;
use crate::guest::Guest;

/// A bundle loaded: compiled, linked, grants checked. A decision is pinned to one from start to end.
pub struct Generation {
    /// `sha256:` and the hash of the bundle.
    pub digest: Arc<str>,
    /// Which businesses it decides for.
    pub business_type: Arc<str>,
    /// The bundle's version, for people.
    pub version: String,
    /// Its decision graph.
    pub graph: Arc<Graph>,
    /// Where inputs enter.
    pub inputs: Arc<Inputs>,
    /// Its message models.
    pub models: Vec<MessageModel>,
    pub(crate) plugins: BTreeMap<String, Arc<Plugin>>,
}

impl Generation {
    /// A plugin by its name in the bundle.
    pub fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.get(name)
    }
}

impl std::fmt::Debug for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generation")
            .field("digest", &self.digest)
            .field("business_type", &self.business_type)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// One plugin of a generation, ready to be instantiated.
pub struct Plugin {
    pub(crate) policy: Arc<PluginPolicy>,
    pub(crate) limits: Limits,
    pub(crate) breakers: Breakers,
    pub(crate) business_type: Arc<str>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) export: Export,
}

/// What a plugin exports.
pub(crate) enum Export {
    Node(node::GuestIndices),
    Handler(handler::GuestIndices),
}
