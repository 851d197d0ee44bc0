use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// A machine whose disk fills up, whose disk cannot be relied on, or whose clock is set: for one host, as the test
/// says, and while the host runs. A library of a few calls of C stands before the system's, compiled by the compiler
/// that has linked this test.
#[derive(Debug)]
pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With room on its disk and the right time.
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

    /// Nothing more can be written to the store's files.
    pub fn is_full(&self) -> Result<()> {
        self.say("full")
    }

    /// The store's files cannot be synced.
    pub fn cannot_sync(&self) -> Result<()> {
        self.say("broken-sync")
    }

    /// Its clock shows so many seconds more than it should, from now on.
    pub fn clock_is_ahead_by(&self, seconds: i64) -> Result<()> {
        self.say(&format!("clock {seconds}"))
    }

    /// Everything is as it should be.
    pub fn is_well(&self) -> Result<()> {
        self.say("")
    }

    /// What a host on this machine has to be started with.
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
        // At once, so that the host never reads half of it.
        let new = self.folder.path().join("new");
        std::fs::write(&new, what)?;
        std::fs::rename(new, self.told()).context("the machine cannot be told")
    }
}
