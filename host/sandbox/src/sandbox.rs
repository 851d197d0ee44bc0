use std::sync::Arc;
use std::time::Duration;

use signalbox_capabilities::Services;
use signalbox_limits::FairSemaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::breaker::Thresholds;
use crate::compile::{Compilation, Compiler};
use crate::config::SandboxConfig;
use crate::engine::engine_config;
use crate::error::SandboxError;
use crate::guest::Guest;
use crate::scheduler::{EpochTicker, Scheduler};
use crate::wasi;

/// The engine, its pool of instances, and all capabilities that guests may call. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<SandboxInner>,
}

pub(crate) struct SandboxInner {
    pub engine: Engine,
    pub linker: Linker<Guest>,
    pub services: Arc<Services>,
    /// A permit for each instance of the pool; a guest call needs one.
    pub instances: FairSemaphore<Arc<str>>,
    pub scheduler: Scheduler,
    pub tick: Duration,
    pub ticker: EpochTicker,
    pub compiler: Arc<Compiler>,
    pub thresholds: Thresholds,
    /// The largest component that is accepted, in bytes.
    pub component_size: u64,
}

impl Sandbox {
    /// Creates engine, pool and cache.
    pub fn new(
        config: &SandboxConfig,
        services: Arc<Services>,
        compilation: Compilation,
    ) -> Result<Self, SandboxError> {
        let wrong = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let instances = config.instances.clamp(1, 1_000);
        let engine = Engine::new(&engine_config(Some(instances))).map_err(wrong)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker).map_err(wrong)?;
        signalbox_capabilities::add_to_linker(&mut linker, |guest: &mut Guest| &mut guest.calls).map_err(wrong)?;
        let compiler = Arc::new(Compiler::new(engine.clone(), config, compilation)?);
        let ticker = EpochTicker::start(&engine, config.tick)
            .map_err(|error| SandboxError::Engine(format!("the thread that ticks does not start: {error}")))?;
        Ok(Self {
            inner: Arc::new(SandboxInner {
                engine,
                linker,
                services,
                instances: FairSemaphore::new(instances as usize, instances.div_ceil(2) as usize),
                ticker,
                scheduler: Scheduler::new(),
                tick: config.tick,
                compiler,
                thresholds: Thresholds::of(config),
                component_size: config.component_size.0,
            }),
        })
    }

    /// The backends of the capabilities.
    pub fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// How many guest calls could start at once now.
    pub fn free_instances(&self) -> usize {
        self.inner.instances.available_permits()
    }
}
