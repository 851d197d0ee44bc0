//! Loads bundles: compiles every component, checks its imports against its grants, links it, and finds its export.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use signalbox_bindings::exports::signalbox::agent::{handler, node};
use signalbox_capabilities::{GrantError, Grants, PluginPolicy};
use signalbox_diagnostics::Problem;
use signalbox_graph::PluginSpec;
use wasmtime::component::Component;

use crate::breaker::Breakers;
use crate::bundle::Bundle;
use crate::compile::CompileError;
use crate::error::BundleError;
use crate::generation::{Export, Generation, Plugin};
use crate::sandbox::SandboxInner;
use crate::scheduler::{LoadPriority, background};
use crate::{Sandbox, imports};

/// The result for each component, by its digest.
type Compiled = BTreeMap<String, Result<Component, CompileError>>;

impl Sandbox {
    /// Reads, compiles, links and checks the bundle in a folder, with background priority: while the machine is busy
    /// with decisions, loading takes longer.
    pub async fn load(&self, folder: &Path) -> Result<Generation, BundleError> {
        self.load_at(folder, LoadPriority::Background).await
    }

    /// Like [`Sandbox::load`], with this priority. A bundle with errors in its files is refused before anything is
    /// compiled.
    pub async fn load_at(&self, folder: &Path, priority: LoadPriority) -> Result<Generation, BundleError> {
        self.load_with(folder, priority, false).await
    }

    /// Like [`Sandbox::load`], but finds everything that is wrong: it compiles and checks every component even when the
    /// manifest has errors, so that one report names every problem.
    pub async fn check(&self, folder: &Path) -> Result<Generation, BundleError> {
        self.load_with(folder, LoadPriority::Foreground, true).await
    }

    async fn load_with(
        &self,
        folder: &Path,
        priority: LoadPriority,
        everything: bool,
    ) -> Result<Generation, BundleError> {
        let broke_off =
            |error| BundleError::Unreadable { path: folder.to_owned(), reason: format!("loading broke off: {error}") };
        let (inner, path) = (self.inner.clone(), folder.to_owned());
        let read = move || {
            let (inner, path) = (inner.clone(), path.clone());
            async move { inner.read(&path) }
        };
        let (bundle, kept) = background::run_restartable("load", priority, read).await.map_err(broke_off)??;
        if bundle.is_refused() && !everything {
            return Err(bundle.refuse(Vec::new()));
        }
        let compiled = self.inner.compile(&bundle, kept, priority).await;
        let inner = self.inner.clone();
        let link = async move { inner.link(bundle, &compiled) };
        background::run_on_thread("load", priority.of_thread(), link).await.map_err(broke_off)?
    }
}

impl SandboxInner {
    /// Reads a bundle, and those of its components that are in the cache.
    fn read(&self, folder: &Path) -> Result<(Bundle, Compiled), BundleError> {
        let bundle = Bundle::read(folder, self.component_size)?;
        let digests: BTreeSet<&str> = bundle.components.values().map(|component| &*component.digest).collect();
        let kept = digests.into_iter().filter_map(|digest| Some((digest.to_owned(), Ok(self.compiler.kept(digest)?))));
        let kept = kept.collect();
        Ok((bundle, kept))
    }

    /// Compiles the other components of a bundle in parallel, and logs the progress. A component of several plugins is
    /// compiled once.
    async fn compile(&self, bundle: &Bundle, kept: Compiled, priority: LoadPriority) -> Compiled {
        let missing: BTreeMap<&str, (&str, &Bytes)> = bundle
            .components
            .iter()
            .filter(|(_, component)| !kept.contains_key(&component.digest))
            .map(|(plugin, component)| (&*component.digest, (plugin.as_str(), &component.bytes)))
            .collect();
        let (file, all) = (&bundle.written.file, missing.len());
        if all > 0 {
            let in_background = priority == LoadPriority::Background;
            tracing::info!(
                bundle = file,
                components = all,
                in_background,
                "compiling components that are not in the cache"
            );
        }
        let done = AtomicUsize::new(0);
        let compiling = missing.into_iter().map(async |(digest, (plugin, bytes))| {
            let compiled = self.compiler.compile(digest, bytes, priority).await;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::info!(bundle = file, plugin, done, of = all, ok = compiled.is_ok(), "compiled a component");
            (digest.to_owned(), compiled)
        });
        kept.into_iter().chain(join_all(compiling).await).collect()
    }

    fn link(&self, bundle: Bundle, compiled: &Compiled) -> Result<Generation, BundleError> {
        let business_type: Arc<str> = bundle.written.business_type.as_deref().unwrap_or_default().into();
        let (mut plugins, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, spec) in &bundle.written.plugins {
            // A missing component was reported already.
            let Some(component) = bundle.components.get(name) else { continue };
            let component = compiled.get(&component.digest);
            let is_node = bundle.nodes.contains(name);
            match self.link_plugin(name, spec, component, is_node, business_type.clone()) {
                Ok(plugin) => {
                    plugins.insert(name.clone(), Arc::new(plugin));
                }
                // Some problems of grants were already found in the manifest.
                Err(found) => problems.extend(found.into_iter().filter(|problem| !bundle.has_problem_at(problem))),
            }
        }
        if bundle.is_refused() || !problems.is_empty() {
            return Err(bundle.refuse(problems));
        }
        let digest: Arc<str> = bundle.digest().into();
        let Bundle { manifest: Some(manifest), models: Ok(models), written, .. } = bundle else {
            return Err(bundle.refuse(problems));
        };
        Ok(Generation {
            digest,
            business_type,
            version: manifest.version,
            graph: manifest.graph,
            inputs: Arc::new(manifest.inputs),
            models,
            written,
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
            let problem = |error: GrantError| {
                let span = place_of(&error, spec).unwrap_or_else(|| spec.span.clone());
                Problem::new(format!("plugin `{name}`: {error}"), span, "here")
                    .with_help("write the grant as the message says")
            };
            errors.into_iter().map(problem).collect::<Vec<_>>()
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
        let templates = spec.templates.as_ref().map(|listed| listed.iter().cloned().collect());
        Ok(Plugin { policy: Arc::new(policy), limits: spec.limits, breakers, business_type, templates, pre, export })
    }
}

/// The place in the manifest of the grant that an error is about.
fn place_of(error: &GrantError, spec: &PluginSpec) -> Option<Range<usize>> {
    let (GrantError::UnknownWord { capability, word } | GrantError::Malformed { capability, word, .. }) = error else {
        return None;
    };
    let words = spec.grants.get(capability.as_str())?;
    let position = words.iter().position(|granted| granted == word)?;
    spec.grant_spans.get(capability.as_str())?.get(position).cloned()
}
