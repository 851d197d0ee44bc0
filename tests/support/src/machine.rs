use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// A machine whose disk fills up or fails, or whose clock is set, for one host, at the test's command and while the
/// host runs. A small C library replaces a few of the system's calls; the compiler that linked this test compiles it.
#[derive(Debug)]
pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// A machine with free disk space and the right time.
    pub fn new() -> Result<Self> {
        let folder = TempDir::new().context("a folder for the machine cannot be made")?;
        let source = folder.path().join("machine.c");
        std::fs::write(&source, include_str!("machine.c"))?;
        let machine = Self { folder };
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut compile = Command::new(&compiler);
        compile.args(["-O1", "-shared", "-fPIC", "-o"]).arg(machine.library()).arg(&source).arg("-ldl");
        let output = compile.output().with_context(|| format!("{} cannot be started", compiler.display()))?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        machine.is_well()?;
        Ok(machine)
    }

    /// Makes every write to the store's files fail.
    pub fn is_full(&self) -> Result<()> {
        self.say("full")
    }

    /// Makes syncing the store's files fail.
    pub fn cannot_sync(&self) -> Result<()> {
        self.say("broken-sync")
    }

    /// Sets the clock this many seconds ahead, from now on.
    pub fn clock_is_ahead_by(&self, seconds: i64) -> Result<()> {
        self.say(&format!("clock {seconds}"))
    }

    /// Makes the machine work normally again.
    pub fn is_well(&self) -> Result<()> {
        self.say("")
    }

    /// The environment variables with which a host on this machine is started.
    pub(crate) fn environment(&self) -> [(OsString, OsString); 2] {
        [("LD_PRELOAD".into(), self.library().into()), ("SIGNALBOX_TEST_MACHINE".into(), self.told().into())]
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("machine.so")
    }

    fn told(&self) -> PathBuf {
        self.folder.path().join("told")
    }

    fn say(&self, what: &str) -> Result<()> {
        // In one step, so that the host never reads half of it.
        let new = self.folder.path().join("new");
        std::fs::write(&new, what)?;
        std::fs::rename(new, self.told()).context("the machine cannot be told")
    }
}
