use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use signalbox_bindings::exports::signalbox::agent::{handler, node};
use signalbox_capabilities::PluginPolicy;
use signalbox_capabilities::rag::ModelFileError;
use signalbox_diagnostics::{Problem, Report};
use signalbox_graph::{Graph, InputPlaces, Inputs, PluginLimits, PluginSpec};
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
    /// What its author wrote, for reports about it.
    pub written: Arc<Written>,
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

/// A manifest as it is written, for reports on what is found out later, for example against the operator's
/// configuration.
#[derive(Debug, Default)]
pub struct Written {
    /// `bundle.toml` as reports call it.
    pub file: String,
    /// What is in it.
    pub text: String,
    /// Which businesses it is for.
    pub business_type: Option<String>,
    /// Its plugins.
    pub plugins: BTreeMap<String, PluginSpec>,
    /// Where inputs enter.
    pub inputs: Inputs,
    /// Where it names what the operator provides for them.
    pub places: InputPlaces,
    /// The permissions that its nodes ask for besides the host's.
    pub permissions: Vec<String>,
    /// What does not keep it from being loaded, and may fail where it runs.
    pub warnings: Vec<Problem>,
    /// The same in its message models.
    pub model_warnings: Vec<ModelFileError>,
}

impl Written {
    /// A report of these problems.
    pub fn report(&self, problems: Vec<Problem>) -> Report {
        Report::new(&self.file, &self.text, problems)
    }
}

/// One plugin of a generation, ready to be instantiated.
pub struct Plugin {
    pub(crate) policy: Arc<PluginPolicy>,
    pub(crate) limits: PluginLimits,
    pub(crate) breakers: Breakers,
    pub(crate) business_type: Arc<str>,
    pub(crate) templates: Option<BTreeSet<String>>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) export: Export,
}

impl Plugin {
    /// Whether a response of it may name this message model. What a bundle lists is all that its check has seen.
    pub fn may_say(&self, template: &str) -> bool {
        self.templates.as_ref().is_none_or(|listed| listed.contains(template))
    }
}

/// What a plugin exports.
pub(crate) enum Export {
    Node(node::GuestIndices),
    Handler(handler::GuestIndices),
}
