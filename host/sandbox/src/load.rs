//! Loads bundles: every component compiled, its imports held against its grants, linked, and its export found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use signalbox_bindings::exports::signalbox::agent::{handler, node};
use signalbox_capabilities::{Grants, PluginPolicy};
use signalbox_graph::{PluginSpec, Problem};
use wasmtime::component::Component;

use crate::behind::{self, Rank};
use crate::breaker::Breakers;
use crate::bundle::Bundle;
use crate::compile::CompileError;
use crate::engine::Inner;
use crate::error::BundleError;
use crate::generation::{Export, Generation, Plugin};
use crate::{Sandbox, imports};

/// What became of each component, by its digest.
type Compiled = BTreeMap<String, Result<Component, CompileError>>;

impl Sandbox {
    /// Reads, compiles, links and checks the bundle in a folder beside whatever runs and behind it: while the machine is
    /// busy with decisions, loading takes longer. Every plugin is looked at, so that one answer names every problem.
    pub async fn load(&self, folder: &Path) -> Result<Generation, BundleError> {
        let broke_off =
            |error| BundleError::Unreadable { path: folder.to_owned(), reason: format!("loading broke off: {error}") };
        let (inner, path) = (self.inner.clone(), folder.to_owned());
        let read = move || {
            let (inner, path) = (inner.clone(), path.clone());
            async move { inner.read(&path) }
        };
        let (bundle, kept) = behind::patiently("load", read).await.map_err(broke_off)??;
        let compiled = self.inner.compile(&bundle, kept).await;
        let inner = self.inner.clone();
        let link = async move { inner.link(bundle, &compiled) };
        behind::run("load", Rank::Share, link).await.map_err(broke_off)?
    }
}

impl Inner {
    /// Reads a bundle, and those of its components that were compiled before.
    fn read(&self, folder: &Path) -> Result<(Bundle, Compiled), BundleError> {
        let bundle = Bundle::read(folder, self.component_size)?;
        let digests: BTreeSet<&str> = bundle.components.values().map(|component| &*component.digest).collect();
        let kept = digests.into_iter().filter_map(|digest| Some((digest.to_owned(), Ok(self.compiler.kept(digest)?))));
        let kept = kept.collect();
        Ok((bundle, kept))
    }

    /// Compiles the other components of a bundle, side by side. Several plugins may share one; it is compiled once.
    async fn compile(&self, bundle: &Bundle, kept: Compiled) -> Compiled {
        let missing: BTreeMap<&str, &Bytes> = bundle
            .components
            .values()
            .filter(|component| !kept.contains_key(&component.digest))
            .map(|component| (&*component.digest, &component.bytes))
            .collect();
        let compiling = missing.into_iter().map(async |(digest, bytes)| {
            let compiled = self.compiler.compile(digest, bytes).await;
            (digest.to_owned(), compiled)
        });
        kept.into_iter().chain(join_all(compiling).await).collect()
    }

    fn link(&self, bundle: Bundle, compiled: &Compiled) -> Result<Generation, BundleError> {
        let business_type: Arc<str> = bundle.manifest.business_type.as_str().into();
        let (mut plugins, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, spec) in &bundle.manifest.plugins {
            let component = bundle.components.get(name).and_then(|component| compiled.get(&component.digest));
            let is_node = bundle.manifest.graph.plugins().iter().any(|used| **used == *name.as_str());
            match self.link_plugin(name, spec, component, is_node, business_type.clone()) {
                Ok(plugin) => {
                    plugins.insert(name.clone(), Arc::new(plugin));
                }
                Err(mut found) => problems.append(&mut found),
            }
        }
        if !problems.is_empty() {
            return Err(bundle.refuse(problems));
        }
        Ok(Generation {
            digest: bundle.digest.as_str().into(),
            business_type,
            version: bundle.manifest.version,
            graph: bundle.manifest.graph,
            inputs: Arc::new(bundle.manifest.inputs),
            models: bundle.models,
            plugins,
        })
    }

    fn link_plugin(
        &self,
        name: &str,
        spec: &PluginSpec,
        compiled: Option<&Result<Component, CompileError>>,
        is_node: bool,
        business_type: Arc<str>,
    ) -> Result<Plugin, Vec<Problem>> {
        let at_component = |message: String, help: String| {
            Problem::new(format!("plugin `{name}` {message}"), spec.component_span.clone(), "this component")
                .with_help(help)
        };
        let grants = Grants::parse(&spec.grants).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| Problem::new(format!("plugin `{name}`: {error}"), spec.span.clone(), "this plugin"))
                .collect::<Vec<_>>()
        })?;
        let component = match compiled {
            Some(Ok(component)) => component,
            Some(Err(error)) => return Err(vec![at_component(error.to_string(), error.way_out().to_owned())]),
            None => {
                let error = CompileError::Unavailable("compiling broke off".to_owned());
                return Err(vec![at_component(error.to_string(), error.way_out().to_owned())]);
            }
        };
        let imports: Vec<Problem> = component
            .component_type()
            .imports(&self.engine)
            .filter_map(|(import, _)| imports::check(import, &grants).err())
            .map(|(message, help)| at_component(message, help))
            .collect();
        if !imports.is_empty() {
            return Err(imports);
        }
        let pre = self.linker.instantiate_pre(component).map_err(|error| {
            let help = "its interfaces differ from this host's; build it with the signalbox-sdk of this host's version";
            vec![at_component(format!("does not fit this host: {error:#}"), help.to_owned())]
        })?;
        let export = if is_node {
            node::GuestIndices::new(&pre).map(Export::Node).map_err(|_| "signalbox:agent/node@0.1.0")
        } else {
            handler::GuestIndices::new(&pre).map(Export::Handler).map_err(|_| "signalbox:agent/handler@0.1.0")
        };
        let export = export.map_err(|missing| {
            let help = "a decision node is annotated with #[decision_node], an input handler with #[input_handler]";
            vec![at_component(format!("does not export `{missing}`"), help.to_owned())]
        })?;
        let policy = PluginPolicy {
            name: name.into(),
            grants,
            config: serde_json::Value::Object(spec.config.clone()),
            max_host_calls: spec.limits.host_calls,
            max_log_lines: spec.limits.log_lines,
            max_log_bytes: spec.limits.log_bytes,
        };
        let breakers = Breakers::new(self.thresholds, business_type.clone(), policy.name.clone());
        Ok(Plugin { policy: Arc::new(policy), limits: spec.limits, breakers, business_type, pre, export })
    }
}
