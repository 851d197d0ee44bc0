//! Compiles each component once, in a child process. A compiler is a large program that reads untrusted input, so its
//! time and memory must not be the host's.

mod cache;
mod child;
mod error;
mod limits;
mod process;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::metrics;
use crate::scheduler::LoadPriority;
use crate::scheduler::background::{self, ThreadPriority};
use cache::Cache;
pub use child::{ChildError, compile as compile_as_child};
pub use error::CompileError;
pub use limits::CompileLimits;

/// The shortest time that a compilation holds its permit, even when the component is refused at once. Each refusal
/// costs a process, and 150 refusals in a second measurably delayed decisions of other businesses.
const LEAST: Duration = Duration::from_millis(20);

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compilation {
    /// In a child process for each component, within `compile-time` and `compile-memory`.
    ChildProcess {
        /// The program, which must be of the same build as this one.
        program: PathBuf,
        /// Its command that calls [`compile_as_child`]; it is given `--time-ms`, `--memory` and `--component-size`.
        command: &'static str,
    },
    /// In this process, without limits: for programs that embed the sandbox, have no compiler command, and trust the
    /// components.
    InProcess,
}

/// Compiles for an engine. While the host serves, one core is left for other work; before that, as many components at a
/// time as there are cores.
pub(crate) struct Compiler {
    engine: Engine,
    compilation: Compilation,
    limits: CompileLimits,
    cache: Option<Cache>,
    background_permits: Semaphore,
    foreground_permits: Semaphore,
}

impl Compiler {
    /// Opens the cache.
    pub fn new(engine: Engine, config: &SandboxConfig, compilation: Compilation) -> Result<Self, SandboxError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            engine,
            compilation,
            limits: CompileLimits::of(config),
            cache: config.cache.as_deref().map(Cache::open).transpose()?,
            background_permits: Semaphore::new(cores.saturating_sub(1).max(1)),
            foreground_permits: Semaphore::new(cores),
        })
    }

    /// The component from the cache, if it was compiled before. Reads the whole file, so it must not run on a runtime
    /// thread.
    pub fn kept(&self, digest: &str) -> Option<Component> {
        let kept = self.mapped(&self.name(digest));
        metrics::cache(if kept.is_some() { "hit" } else { "miss" });
        kept
    }

    /// Compiles the component, and stores it in the cache.
    pub async fn compile(
        self: &Arc<Self>,
        digest: &str,
        bytes: &Bytes,
        priority: LoadPriority,
    ) -> Result<Component, CompileError> {
        let code = self.code(bytes, priority).await.inspect_err(|error| metrics::not_compiled(error.reason()))?;
        let (compiler, name, code) = (self.clone(), self.name(digest), Bytes::from(code));
        let keep = move || {
            let (compiler, name, code) = (compiler.clone(), name.clone(), code.clone());
            async move { compiler.keep(&name, &code) }
        };
        background::run_restartable("compile", priority, keep).await.map_err(broke_off)?
    }

    fn name(&self, digest: &str) -> String {
        format!("{digest}-{}", engine_name(&self.engine))
    }

    /// Loads the code from the cache file, so that only the pages that run take memory.
    fn keep(&self, name: &str, code: &[u8]) -> Result<Component, CompileError> {
        if let Some(cache) = &self.cache {
            cache.write(name, code);
        }
        match self.mapped(name) {
            Some(component) => Ok(component),
            None => deserialize(&self.engine, code).map_err(|error| CompileError::invalid(&error)),
        }
    }

    fn mapped(&self, name: &str) -> Option<Component> {
        let file = self.cache.as_ref()?.read(name)?;
        deserialize_file(&self.engine, &file)
            .inspect_err(|error| tracing::warn!(%error, "a cached component does not load; compiling it again"))
            .ok()
    }

    async fn code(&self, bytes: &Bytes, priority: LoadPriority) -> Result<Vec<u8>, CompileError> {
        let permits = match priority {
            LoadPriority::Background => &self.background_permits,
            LoadPriority::Foreground => &self.foreground_permits,
        };
        // The semaphore is never closed.
        let _permit = permits.acquire().await;
        let started = Instant::now();
        let code = match &self.compilation {
            Compilation::ChildProcess { program, command } => {
                self.compile_in_child(program, command, bytes, priority).await
            }
            Compilation::InProcess => self.compile_here(bytes, priority).await,
        };
        if code.is_ok() {
            metrics::compiled(started.elapsed());
        }
        sleep_until(started + LEAST).await;
        code
    }

    async fn compile_here(&self, bytes: &Bytes, priority: LoadPriority) -> Result<Vec<u8>, CompileError> {
        let (engine, bytes) = (self.engine.clone(), bytes.clone());
        let compiling = async move { engine.precompile_component(&bytes) };
        let compiled =
            background::run_on_thread("compile", priority.of_thread(), compiling).await.map_err(broke_off)?;
        compiled.map_err(|error| CompileError::invalid(&error))
    }

    /// Uses the host's own priority while the host does not serve yet. Later it uses idle priority, and when the child
    /// starves, it starts again with low priority.
    async fn compile_in_child(
        &self,
        program: &Path,
        command: &'static str,
        bytes: &[u8],
        priority: LoadPriority,
    ) -> Result<Vec<u8>, CompileError> {
        let priorities: &[Option<ThreadPriority>] = match priority {
            LoadPriority::Background => &[Some(ThreadPriority::Idle), Some(ThreadPriority::Low)],
            LoadPriority::Foreground => &[None],
        };
        for priority in priorities.iter().copied() {
            let (program, limits) = (program.to_owned(), self.limits);
            // The child inherits the priority of the thread that starts it. The conversation with it runs on the
            // runtime, because it sets timers.
            let starting = async move { process::start(&program, command, &limits) };
            let child = background::run_on_thread("compile", priority, starting).await.map_err(broke_off)??;
            if let Some(code) = process::compile(child, &self.limits, bytes, priority).await? {
                return Ok(code);
            }
            tracing::info!(
                "the machine is too busy to compile a component with idle priority; it is compiled again with low priority"
            );
        }
        Err(CompileError::Unavailable("it starved".to_owned()))
    }
}

fn broke_off(error: std::io::Error) -> CompileError {
    CompileError::Unavailable(format!("it broke off: {error}"))
}

#[allow(unsafe_code, reason = "native code can be loaded in no other way")]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code was made just now, by this process or by a child of it, or its MAC says that a process with our
    // key made it. A child is this very program with the same compiler, and the pipe has no other end; a component that
    // could make the child write something else could do the same to a compiler in this process.
    unsafe { Component::deserialize(engine, code) }
}

/// Maps the code of a file into memory, like an executable: pages that never run take no memory.
#[allow(unsafe_code, reason = "native code can be loaded in no other way")]
fn deserialize_file(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // Opened by the file's descriptor and not by its path, which may lead to another file since the seal was checked.
    let open_files = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let path = format!("{open_files}/{}", file.as_raw_fd());
    // SAFETY: as above, because the seal was checked; and this program replaces files of the cache and never writes to
    // them, and the files belong to the user of this process alone.
    unsafe { Component::deserialize_file(engine, path) }
}

/// A name for everything that decides whether compiled code fits: Wasmtime's version and every setting.
fn engine_name(engine: &Engine) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{compiling_engine, engine_config};

    #[tokio::test(start_paused = true)]
    async fn refused_components_do_not_follow_one_another_at_once() {
        let engine = compiling_engine().unwrap();
        let config = SandboxConfig { cache: None, ..SandboxConfig::default() };
        let compiler = Compiler::new(engine, &config, Compilation::InProcess).unwrap();
        let started = Instant::now();
        compiler.code(&Bytes::from_static(b"nonsense"), LoadPriority::Background).await.unwrap_err();
        assert!(started.elapsed() >= LEAST);
    }

    #[test]
    fn code_of_the_engine_that_only_compiles_fits_the_engine_that_runs_it() {
        let (compiling, running) = (compiling_engine().unwrap(), Engine::new(&engine_config(Some(1))).unwrap());
        assert_eq!(engine_name(&compiling), engine_name(&running));
        let component = b"\0asm\x0d\0\x01\0";
        let code = compiling.precompile_component(component).unwrap();
        assert_eq!(code, running.precompile_component(component).unwrap());
        deserialize(&running, &code).unwrap();
    }
}
