//! Real servers for the tests, fetched with Maven and started on this machine's loopback interface alone.

mod dynamodb_local;
mod kafka;
mod maven;
mod process;
pub mod python;
mod record;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::workspace::Workspace;
use process::Launched;
use record::{Record, Running};

/// Both servers answer within 15 seconds on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Subcommand)]
pub enum Action {
    /// Fetch what is missing, start what does not run, and print the variables that the tests take.
    Up,
    /// End the servers.
    Down,
    /// Say which servers run and answer; fails if one does not.
    Status,
}

/// A server that the tests can use.
struct Service {
    /// Its folder in `xtask/services` and in `target/services`, and its table in `services.toml`.
    name: &'static str,
    title: &'static str,
    /// Makes the folder ready and returns the command that starts the server. The command's arguments hold the token.
    prepare: fn(&Installed, SocketAddr, &str) -> Result<Command>,
    /// Asks the server something in its own protocol.
    ask: fn(SocketAddr) -> Result<()>,
    /// The variable that tells the tests about the server.
    variable: &'static str,
    /// The variable's value.
    value: fn(SocketAddr) -> String,
}

const SERVICES: [&Service; 2] = [&dynamodb_local::SERVICE, &kafka::SERVICE];

/// A service whose files are on this machine.
struct Installed {
    /// With `pom.xml` and what else the repository has for the service.
    sources: PathBuf,
    /// For all that the server needs and writes; the jars are in `libs`.
    folder: PathBuf,
}

impl Installed {
    /// All jars, as the Java launcher's class path.
    fn class_path(&self) -> PathBuf {
        self.folder.join("libs").join("*")
    }
}

pub fn run(workspace: &Workspace, action: Action) -> Result<ExitCode> {
    match action {
        Action::Up => {
            // Only the variables are on the standard output, so that a shell can evaluate it.
            for (name, value) in up(workspace, None)?.variables {
                println!("export {name}={value}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Down => {
            down(workspace, None)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Status => status(workspace),
    }
}

/// The services, once all of them answer.
pub struct Up {
    /// The names of those that this call started.
    pub started: Vec<&'static str>,
    /// The variables that tell the tests about the services.
    pub variables: Vec<(&'static str, String)>,
}

impl Up {
    /// The value of a service's variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

/// Starts these services, or all of them, where they do not run, and waits until every one answers. If one does not,
/// those that this call started are ended.
pub fn up(workspace: &Workspace, only: Option<&[&str]>) -> Result<Up> {
    let wanted = || SERVICES.into_iter().filter(|service| only.is_none_or(|only| only.contains(&service.name)));
    let folder = folder(workspace);
    let mut record = Record::read(&folder)?;
    let mut installed = Vec::new();
    for service in wanted() {
        if let Some(running) = record.services.get(service.name).filter(|running| running.runs()) {
            let Running { pid, address, .. } = running;
            (service.ask)(*address).with_context(|| {
                format!(
                    "{} runs already as process {pid} and does not answer at {address}; end it with `cargo xtask \
                     services down`",
                    service.title
                )
            })?;
            eprintln!("{} runs already at {address}, process {pid}", service.title);
            continue;
        }
        installed.push((service, install(workspace, service)?));
    }
    let mut launched = Vec::new();
    for (service, installed) in installed {
        match launch(service, &installed, &mut record, &folder) {
            Ok(process) => launched.push(Starting { service, installed, process }),
            Err(error) => return Err(undo(launched, &mut record, &folder, error)),
        }
    }
    for starting in &mut launched {
        if let Err(error) = starting.answers(&mut record, &folder) {
            let error = error.context(format!("{} did not start", starting.service.title));
            return Err(undo(launched, &mut record, &folder, error));
        }
        let (title, running) = (starting.service.title, &starting.process.running);
        eprintln!("{title} answers at {}, process {}", running.address, running.pid);
    }
    let variable = |service: &Service| {
        let running = record.services.get(service.name)?;
        Some((service.variable, (service.value)(running.address)))
    };
    Ok(Up {
        started: launched.iter().map(|starting| starting.service.name).collect(),
        variables: wanted().filter_map(variable).collect(),
    })
}

/// A service that was launched and does not answer yet.
struct Starting {
    service: &'static Service,
    installed: Installed,
    process: Launched,
}

impl Starting {
    /// Waits until the service answers. A process that ends is started once more, on another port: another program may
    /// have taken the port between its choice and the server's start.
    fn answers(&mut self, record: &mut Record, folder: &Path) -> Result<()> {
        let Err(error) = self.process.answers(self.service.ask, START_DEADLINE) else { return Ok(()) };
        if !self.process.has_ended() {
            return Err(error);
        }
        eprintln!("{} ended at its start and is started once more: {error:#}", self.service.title);
        self.process = launch(self.service, &self.installed, record, folder)?;
        self.process.answers(self.service.ask, START_DEADLINE)
    }
}

/// A program of Kafka's own, with the jars of the installed service.
pub fn kafka_tool(workspace: &Workspace, class: &str) -> Result<Command> {
    let mut java = kafka::java(&install(workspace, &kafka::SERVICE)?);
    java.arg(class);
    Ok(java)
}

fn install(workspace: &Workspace, service: &Service) -> Result<Installed> {
    let sources = workspace.root.join("xtask/services").join(service.name);
    let installed = Installed { sources, folder: folder(workspace).join(service.name) };
    maven::fetch(&installed.sources.join("pom.xml"), &installed.folder)
        .with_context(|| format!("{} cannot be fetched", service.title))?;
    Ok(installed)
}

/// Starts a service and writes down its process at once, so that `down` finds it whatever happens next.
fn launch(service: &Service, installed: &Installed, record: &mut Record, folder: &Path) -> Result<Launched> {
    let address = free_address()?;
    let token = process::token();
    let command = (service.prepare)(installed, address, &token)
        .with_context(|| format!("{} cannot be prepared", service.title))?;
    eprintln!("{} is being started at {address}; its log is {}", service.title, process::log(installed).display());
    let launched = Launched::start(command, Running { pid: 0, address, token }, process::log(installed))?;
    record.services.insert(service.name.to_owned(), launched.running.clone());
    if let Err(error) = record.write(folder) {
        // Without a record `down` would never find the process.
        launched.running.end()?;
        return Err(error);
    }
    Ok(launched)
}

fn undo(launched: Vec<Starting>, record: &mut Record, folder: &Path, error: anyhow::Error) -> anyhow::Error {
    for Starting { service, process, .. } in launched {
        record.services.remove(service.name);
        if let Err(other) = process.running.end() {
            eprintln!("{} cannot be ended: {other:#}", service.title);
        }
    }
    match record.write(folder) {
        Ok(()) => error,
        Err(other) => error.context(other),
    }
}

/// Ends these services, or all of them.
pub fn down(workspace: &Workspace, only: Option<&[&str]>) -> Result<()> {
    let folder = folder(workspace);
    let mut record = Record::read(&folder)?;
    for service in SERVICES.iter().filter(|service| only.is_none_or(|only| only.contains(&service.name))) {
        match record.services.get(service.name).filter(|running| running.runs()) {
            Some(running) => {
                running.end().with_context(|| format!("{} cannot be ended", service.title))?;
                eprintln!("{} has ended", service.title);
            }
            None => eprintln!("{} does not run", service.title),
        }
        record.services.remove(service.name);
        record.write(&folder)?;
    }
    Ok(())
}

fn status(workspace: &Workspace) -> Result<ExitCode> {
    let record = Record::read(&folder(workspace))?;
    let mut all = true;
    for service in SERVICES {
        let told = match record.services.get(service.name).filter(|running| running.runs()) {
            None => Err("does not run".to_owned()),
            Some(Running { pid, address, .. }) => match (service.ask)(*address) {
                Ok(()) => Ok(format!("answers at {address}, process {pid}")),
                Err(error) => Err(format!("runs as process {pid} and does not answer at {address}: {error:#}")),
            },
        };
        all &= told.is_ok();
        println!("{} {}", service.title, told.unwrap_or_else(|problem| problem));
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("services")
}

/// An address of the loopback interface whose port is free at this moment, and that was not given before: a server
/// takes some seconds until it listens at the port that it was given.
fn free_address() -> Result<SocketAddr> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?.local_addr()?;
        if given.insert(address.port()) {
            return Ok(address);
        }
    }
}

/// Deletes and makes a folder.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be deleted", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static PREPARED: AtomicUsize = AtomicUsize::new(0);

    /// Ends at its first start, and runs at its second one.
    const UNLUCKY: Service = Service {
        name: "unlucky",
        title: "Unlucky",
        prepare: |_, _, token| {
            let script =
                if PREPARED.fetch_add(1, Ordering::SeqCst) == 0 { "exit 1" } else { "while :; do sleep 1; done" };
            let mut command = Command::new("sh");
            command.args(["-c", script, token]);
            Ok(command)
        },
        ask: |_| if PREPARED.load(Ordering::SeqCst) < 2 { anyhow::bail!("no answer") } else { Ok(()) },
        variable: "UNLUCKY",
        value: |address| address.to_string(),
    };

    #[test]
    fn a_server_that_ends_at_its_start_is_started_once_more_on_another_port() {
        let folder = std::env::temp_dir().join(format!("signalbox-xtask-unlucky-{}", std::process::id()));
        empty(&folder).unwrap();
        let (mut record, installed) =
            (Record::default(), Installed { sources: folder.clone(), folder: folder.clone() });
        let process = launch(&UNLUCKY, &installed, &mut record, &folder).unwrap();
        let first = process.running.address;
        let mut starting = Starting { service: &UNLUCKY, installed, process };
        starting.answers(&mut record, &folder).unwrap();
        let second = &starting.process.running;
        assert_ne!(second.address, first);
        assert_eq!(record.services["unlucky"], *second, "`down` ends the second process");
        second.end().unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
