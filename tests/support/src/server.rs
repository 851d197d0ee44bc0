use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{Process, Setup, signalbox};

/// A server in a process of its own, which is measured from outside: it shares no memory with this process. It is
/// killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:…`
    pub url: String,
    /// `ws://127.0.0.1:…/ws`
    pub websocket: String,
    /// From its start until its ready line.
    pub ready_after: Duration,
    /// The host's files; deleted after the host has ended.
    pub setup: Option<Setup>,
}

/// The first line that a server prints.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    websocket: String,
}

impl Server {
    /// Starts the host of a setup; its log goes into a file beside its configuration.
    pub fn host(setup: Setup) -> Result<Self> {
        let mut command = Command::new(signalbox()?);
        command.args(["serve", "--config"]).arg(setup.config_file()?);
        command.stderr(File::create(setup.path().join("log"))?);
        Self::start(command, Some(setup))
    }

    /// Starts a command, which must print a line of JSON with its `url` and its `websocket`.
    pub fn start(mut command: Command, setup: Option<Setup>) -> Result<Self> {
        let started = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().context("a server cannot be started")?;
        let output = child.stdout.take().context("a server has an output")?;
        let mut line = String::new();
        let mut reader = BufReader::new(output);
        reader.read_line(&mut line)?;
        let ready_after = started.elapsed();
        let Ok(Ready { url, websocket }) = serde_json::from_str(&line) else {
            let log = setup.as_ref().and_then(|setup| std::fs::read_to_string(setup.path().join("log")).ok());
            let _ = child.kill();
            bail!("the server does not start, it prints `{line}`; its log is\n{}", log.unwrap_or_default());
        };
        // Read on, so that the server never blocks on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        Ok(Self { child, url, websocket, ready_after, setup })
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
