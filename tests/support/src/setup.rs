use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::{Host, Token, artefacts};

/// The secret with which the tokens for hosts under test are signed.
pub(crate) const SECRET: &str = "a secret of more than thirty-two bytes for tests";

/// A folder with everything that a host needs, from which it can be started again and again.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    bundles: Vec<PathBuf>,
    llm: Option<String>,
    store: String,
    shutdown_delay: &'static str,
    instances: u32,
    extra: String,
    environment: Vec<(OsString, OsString)>,
}

impl Setup {
    /// A setup without a business or a bundle.
    pub fn new() -> Result<Self> {
        let folder = TempDir::new().context("a folder for the host cannot be made")?;
        fs::create_dir(folder.path().join("business"))?;
        fs::write(folder.path().join("secret"), SECRET)?;
        let (store, extra) = ("path = \"store.db\"".to_owned(), String::new());
        let environment = Vec::new();
        // Hosts under test have no load balancer.
        let shutdown_delay = "0s";
        Ok(Self { folder, bundles: Vec::new(), llm: None, store, shutdown_delay, instances: 128, extra, environment })
    }

    /// Adds a business of that type whose role `coordinator` may do everything.
    pub fn business(self, id: &str, business_type: &str) -> Result<Self> {
        let text = format!(
            "businessId = \"{id}\"\nname = \"{id}\"\ntype = \"{business_type}\"\n\
             [[locations]]\nid = \"north\"\nname = \"North\"\n\
             [[locations]]\nid = \"south\"\nname = \"South\"\n\
             [permissions]\ncoordinator = [\"message\", \"review\", \"decisions\"]\nguest = []\n"
        );
        self.business_file(id, &text)
    }

    /// Adds a business with the given file.
    pub fn business_file(self, id: &str, text: &str) -> Result<Self> {
        fs::write(self.path().join("business").join(format!("{id}.toml")), text)?;
        Ok(self)
    }

    /// Adds the businesses of a folder.
    pub fn business_folder(self, folder: &Path) -> Result<Self> {
        for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
            let entry = entry?;
            fs::copy(entry.path(), self.path().join("business").join(entry.file_name()))?;
        }
        Ok(self)
    }

    /// Adds a bundle's folder.
    pub fn bundle(mut self, folder: impl Into<PathBuf>) -> Self {
        self.bundles.push(folder.into());
        self
    }

    /// Adds a scripted model `default`.
    pub fn llm(mut self, script: &str) -> Result<Self> {
        fs::write(self.path().join("llm.toml"), script)?;
        self.llm = Some("[llm.models.default]\nprovider = \"scripted\"\nfile = \"llm.toml\"\n".to_owned());
        Ok(self)
    }

    /// Uses a store in memory instead of one in a file.
    pub fn store_in_memory(self) -> Self {
        self.store("backend = \"memory\"")
    }

    /// Uses the store that these keys of `[store]` describe.
    pub fn store(mut self, toml: impl Into<String>) -> Self {
        self.store = toml.into();
        self
    }

    /// Sets how long the host keeps serving after SIGTERM.
    pub fn shutdown_delay(mut self, delay: &'static str) -> Self {
        self.shutdown_delay = delay;
        self
    }

    /// Sets how many guest calls may run at the same time.
    pub fn instances(mut self, instances: u32) -> Self {
        self.instances = instances;
        self
    }

    /// Adds configuration: whole TOML sections that this setup does not write itself.
    pub fn config(mut self, toml: &str) -> Self {
        self.extra.push_str(toml);
        self.extra.push('\n');
        self
    }

    /// Sets an environment variable of the host's process.
    pub fn environment_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs the host on a machine whose disk and clock the test controls.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub fn on(mut self, machine: &crate::Machine) -> Self {
        self.environment.extend(machine.environment());
        self
    }

    /// The environment variables of the host's process in addition to the test's own.
    pub(crate) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// The host's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration file.
    pub fn config_file(&self) -> Result<PathBuf> {
        let bundles: Vec<_> = self.bundles.iter().map(|folder| json!(folder.to_string_lossy()).to_string()).collect();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nshutdown-delay = \"{}\"\n\
             [store]\n{}\n\
             [business]\ndirectory = \"business\"\n\
             [bundles]\npaths = [{}]\n\
             [sandbox]\ninstances = {}\ncache = {}\ncompile-time = \"10m\"\n\
             [auth]\nkeys = [{{ algorithm = \"HS256\", key = {{ file = \"secret\" }} }}]\ndevelopment = true\n\
             {}{}",
            self.shutdown_delay,
            self.store,
            bundles.join(", "),
            self.instances,
            json!(artefacts::compiled()?.to_string_lossy()),
            self.llm.as_deref().unwrap_or_default(),
            self.extra
        );
        let file = self.path().join("signalbox.toml");
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(file)
    }

    /// Starts a host on these files and waits until it is ready.
    pub async fn start(self) -> Result<Host> {
        Host::start(Arc::new(self)).await
    }

    /// Runs `signalbox` with these arguments and the configuration, to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let mut command = tokio::process::Command::new(artefacts::signalbox()?);
        command.args(arguments).arg("--config").arg(self.config_file()?).kill_on_drop(true);
        let ended = tokio::time::timeout(crate::DEADLINE, command.output()).await;
        ended
            .with_context(|| format!("`signalbox {}` did not end", arguments.join(" ")))?
            .context("signalbox cannot be started")
    }

    /// A token for this host.
    pub fn token(&self, user: &str) -> Token {
        Token::new(user)
    }
}
