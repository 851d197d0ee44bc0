//! Loads bundles of one hostile component, each with a sandbox of its own that compiles in a child process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use signalbox_capabilities::Services;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::llm::LanguageModels;
use signalbox_model::{HumanDuration, HumanSize};
use signalbox_sandbox::{BundleError, Compilation, Sandbox, SandboxConfig};
use signalbox_store::{Backend, Config, Store};
use signalbox_tests_support::signalbox;
use tempfile::TempDir;

const MANIFEST: &str = r#"[bundle]
business-type = "hostile"
version = "1.0.0"

[inputs.api]

[plugins.hostile]
component = "hostile.wasm"

[graph.nodes.hostile]
plugin = "hostile"

[[graph.edges]]
from = "start"
to = "hostile"

[[graph.edges]]
from = "hostile"
to = "end"
"#;

/// A component, and limits for compiling it that are lower than usual.
pub struct Loading {
    /// Its bytes.
    pub component: Vec<u8>,
    /// How long compiling may take.
    pub time: HumanDuration,
    /// How much memory compiling may take.
    pub memory: HumanSize,
    /// How large the component may be.
    pub size: HumanSize,
}

impl Loading {
    /// A component with limits that no honest component reaches, also on a busy machine.
    pub fn new(component: Vec<u8>) -> Self {
        Self { component, time: HumanDuration::secs(600), memory: HumanSize(1 << 30), size: HumanSize(16 << 20) }
    }
}

/// Compilation in child processes of the host's program, as the host does it.
pub fn in_children() -> Result<Compilation> {
    Ok(Compilation::ChildProcess { program: signalbox()?, command: "compile-component" })
}

/// A sandbox without a cache, with limits that no honest component reaches, also on a busy machine.
pub async fn sandbox(compilation: Compilation, choose: impl FnOnce(&mut SandboxConfig)) -> Result<Sandbox> {
    let mut config =
        SandboxConfig { instances: 1, cache: None, compile_time: HumanDuration::secs(600), ..SandboxConfig::default() };
    choose(&mut config);
    let services = Services {
        store: Store::open(Config::new(Backend::Embedded { path: None })).await?,
        directory: Arc::new(BusinessDirectory::of([])),
        models: Arc::new(LanguageModels::none()),
        egress: None,
        schedules: Default::default(),
        topics: Default::default(),
        answers: Arc::default(),
    };
    Ok(Sandbox::new(&config, Arc::new(services), compilation)?)
}

/// Puts a bundle of this component into a folder.
pub fn bundle_of(component: &[u8]) -> Result<TempDir> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("bundle.toml"), MANIFEST)?;
    fs::write(folder.path().join("hostile.wasm"), component)?;
    Ok(folder)
}

/// Why a sandbox does not load the bundle of a folder.
pub async fn refusal(sandbox: &Sandbox, folder: &Path) -> Result<String> {
    match sandbox.load(folder).await {
        Err(BundleError::Refused(refusal)) => {
            // The report wraps lines for terminals.
            Ok(refusal.render(false).split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" "))
        }
        Err(error) => Err(error.into()),
        Ok(generation) => anyhow::bail!("{generation:?} was loaded"),
    }
}
