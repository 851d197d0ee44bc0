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

/// A loaded bundle: compiled and linked, with its grants checked. A decision uses one generation from start to end.
pub struct Generation {
    /// `sha256:` and the hash of the bundle.
    pub digest: Arc<str>,
    /// The type of the businesses that it decides for.
    pub business_type: Arc<str>,
    /// The bundle's version, for people.
    pub version: String,
    /// Its decision graph.
    pub graph: Arc<Graph>,
    /// The inputs that it declares.
    pub inputs: Arc<Inputs>,
    /// Its message models.
    pub models: Vec<MessageModel>,
    /// The manifest as its author wrote it, for reports about it.
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

/// A manifest as its author wrote it, for reports of problems that are found later, for example against the operator's
/// configuration.
#[derive(Debug, Default)]
pub struct Written {
    /// The name of `bundle.toml` in reports.
    pub file: String,
    /// The text.
    pub text: String,
    /// The type of the businesses that it is for.
    pub business_type: Option<String>,
    /// Its plugins.
    pub plugins: BTreeMap<String, PluginSpec>,
    /// The inputs that it declares.
    pub inputs: Inputs,
    /// Where it names what the operator has to provide for the inputs.
    pub places: InputPlaces,
    /// The permissions that its nodes ask for in addition to the host's.
    pub permissions: Vec<String>,
    /// Warnings: the bundle can be loaded, but it may fail when it runs.
    pub warnings: Vec<Problem>,
    /// Warnings of its message models.
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
    /// Whether a response of the plugin may name this message model. When the bundle lists models for the plugin, only
    /// these were checked.
    pub fn may_say(&self, template: &str) -> bool {
        self.templates.as_ref().is_none_or(|listed| listed.contains(template))
    }
}

/// What a plugin exports.
pub(crate) enum Export {
    Node(node::GuestIndices),
    Handler(handler::GuestIndices),
}
