use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use signalbox_bindings::exports::signalbox::agent::{handler, node};
use signalbox_capabilities::{Grants, PluginPolicy, Services};
use signalbox_graph::{PluginSpec, Problem};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

use crate::compile::{self, Cache};
use crate::config::SandboxConfig;
use crate::error::{BundleError, SandboxError};
use crate::generation::{Export, Generation, Plugin};
use crate::guest::Guest;
use crate::{Bundle, imports, wasi};

/// How often a computing guest is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(5);
/// Native stack of a guest; the rest of the fiber is the host functions'.
const GUEST_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 2 << 20;
/// The largest memory that a bundle may ask for.
const LARGEST_MEMORY: usize = 256 << 20;
/// What stays in a pool slot between calls, so that the next one need not fault it in again. Measured to make a call
/// three times as fast together with `pagemap_scan`.
const KEPT_MEMORY: usize = 1 << 20;
const KEPT_TABLE: usize = 64 << 10;
const KEPT_STACK: usize = 256 << 10;

/// The engine, its pool of instances, and everything that guests may ask. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub engine: Engine,
    pub linker: Linker<Guest>,
    pub services: Arc<Services>,
    pub slots: Semaphore,
    cache: Option<Cache>,
    component_size: u64,
}

impl Sandbox {
    /// Sets up engine, pool and cache.
    pub fn new(config: &SandboxConfig, services: Arc<Services>) -> Result<Self, SandboxError> {
        let wrong = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let instances = config.instances.clamp(1, 1_000);
        let engine = Engine::new(&engine_config(instances)).map_err(wrong)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker).map_err(wrong)?;
        signalbox_capabilities::add_to_linker(&mut linker, |guest: &mut Guest| &mut guest.calls).map_err(wrong)?;
        let cache = config.cache.as_deref().map(Cache::open).transpose()?;
        start_ticker(&engine).map_err(|error| SandboxError::Engine(format!("no ticker thread: {error}")))?;
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                linker,
                services,
                slots: Semaphore::new(instances as usize),
                cache,
                component_size: config.component_size.0,
            }),
        })
    }

    /// The largest component that is taken, in bytes.
    pub fn largest_component(&self) -> u64 {
        self.inner.component_size
    }

    /// The backends that guests reach.
    pub fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// Guest calls that could start at once now.
    pub fn free_slots(&self) -> usize {
        self.inner.slots.available_permits()
    }

    /// Compiles, links and checks a bundle beside whatever runs. Every plugin is looked at, so that one answer names
    /// every problem.
    pub async fn load(&self, bundle: Bundle) -> Result<Generation, BundleError> {
        let inner = self.inner.clone();
        let path = bundle.file.clone().into();
        tokio::task::spawn_blocking(move || inner.load(bundle)).await.unwrap_or_else(|error| {
            Err(BundleError::Unreadable { path, reason: format!("loading broke off: {error}") })
        })
    }
}

impl Inner {
    fn load(&self, bundle: Bundle) -> Result<Generation, BundleError> {
        let business_type: Arc<str> = bundle.manifest.business_type.as_str().into();
        let (mut plugins, mut problems) = (BTreeMap::new(), Vec::new());
        // Several plugins may share one component; it is compiled once.
        let mut compiled = BTreeMap::new();
        for (name, spec) in &bundle.manifest.plugins {
            let bytes = bundle.components.get(name).map_or(&[][..], Vec::as_slice);
            let is_node = bundle.manifest.graph.plugins().iter().any(|used| **used == *name.as_str());
            match self.load_plugin(name, spec, bytes, &mut compiled, is_node, business_type.clone()) {
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

    fn load_plugin(
        &self,
        name: &str,
        spec: &PluginSpec,
        bytes: &[u8],
        compiled: &mut BTreeMap<String, Component>,
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
        let digest = digest(bytes);
        let component = match compiled.get(&digest) {
            Some(component) => component.clone(),
            None => compile::component(&self.engine, self.cache.as_ref(), &digest, bytes).map_err(|error| {
                let help = "build it again for wasm32-wasip2";
                vec![at_component(format!("does not compile: {error:#}"), help.to_owned())]
            })?,
        };
        compiled.insert(digest, component.clone());
        let imports: Vec<Problem> = component
            .component_type()
            .imports(&self.engine)
            .filter_map(|(import, _)| imports::check(import, &grants).err())
            .map(|(message, help)| at_component(message, help))
            .collect();
        if !imports.is_empty() {
            return Err(imports);
        }
        let pre = self.linker.instantiate_pre(&component).map_err(|error| {
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
        Ok(Plugin { policy: Arc::new(policy), limits: spec.limits, business_type, pre, export })
    }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The only engine configuration of the host. What plugins do not need is off, whatever its default.
fn engine_config(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    // A component holds several core instances: its own module, the adapter's and the shims between them.
    pool.total_component_instances(instances)
        .total_core_instances(4 * instances)
        .total_memories(2 * instances)
        .total_tables(4 * instances)
        .total_stacks(instances)
        .max_core_instances_per_component(20)
        .max_memories_per_component(2)
        .max_tables_per_component(8)
        .max_memories_per_module(1)
        .max_tables_per_module(4)
        .table_elements(20_000)
        .max_memory_size(LARGEST_MEMORY)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLE)
        .async_stack_keep_resident(KEPT_STACK)
        .pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .async_stack_zeroing(true)
        .wasm_component_model(true)
        .wasm_component_model_async(false)
        .concurrency_support(false)
        .wasm_threads(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_exceptions(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .gc_support(false)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Moves the epoch on from a thread of its own: a guest that computes on every runtime thread cannot stop it. Ends with
/// the engine.
fn start_ticker(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
