//! Processes that live on after this one, found again by their id and a token in their command line.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::Installed;
use super::record::Running;
use crate::workspace::shown;

/// What to look for when a Java program cannot be started.
pub const JAVA_IS_MISSING: &str = "is a JDK of version 17 or later on the PATH?";

/// Between two questions to a server that starts or ends.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// For a server that was asked to end; afterwards it is killed.
const END_DEADLINE: Duration = Duration::from_secs(20);
/// How much of a log an error shows.
const SHOWN_LINES: usize = 20;

/// A server that this process has started.
pub struct Launched {
    pub running: Running,
    child: Child,
    /// The command as a person would type it.
    command: String,
    log: PathBuf,
}

/// Where a server's output goes.
pub fn log(installed: &Installed) -> PathBuf {
    installed.folder.join("log")
}

/// A word that no other process has in its command line.
pub fn token() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("signalbox-{}-{}", std::process::id(), since.as_nanos())
}

impl Launched {
    /// Starts the command; `running` gets its process id.
    pub fn start(mut command: Command, mut running: Running, log: PathBuf) -> Result<Self> {
        let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // In a process group of its own, so that Ctrl-C on this task's terminal does not reach it.
        command.process_group(0);
        let child =
            command.spawn().with_context(|| format!("`{}` cannot be started; {JAVA_IS_MISSING}", shown(&command)))?;
        running.pid = child.id();
        Ok(Self { running, child, command: shown(&command), log })
    }

    /// Waits until the server answers. Fails at once if the server ends.
    pub fn answers(&mut self, ask: fn(SocketAddr) -> Result<()>, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        loop {
            let Err(error) = ask(self.running.address) else { return Ok(()) };
            if let Some(status) = self.child.try_wait()? {
                bail!("`{}` ended ({status}) and printed:\n{}", self.command, self.printed());
            }
            if Instant::now() > until {
                let seconds = deadline.as_secs();
                return Err(error.context(format!(
                    "`{}` does not answer after {seconds} seconds; it printed:\n{}",
                    self.command,
                    self.printed()
                )));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    fn printed(&self) -> String {
        last_lines(&fs::read_to_string(&self.log).unwrap_or_default(), SHOWN_LINES)
    }
}

impl Running {
    /// Whether the process that was started under this id still runs.
    pub fn runs(&self) -> bool {
        command_line(self.pid).is_some_and(|line| line.contains(&self.token))
    }

    /// Ends the process: asks it first, and kills it if it takes too long.
    pub fn end(&self) -> Result<()> {
        for (signal, deadline) in [(Signal::TERM, END_DEADLINE), (Signal::KILL, END_DEADLINE)] {
            if !self.runs() {
                return Ok(());
            }
            let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("its process id is none")?;
            kill_process(pid, signal).with_context(|| format!("no signal reaches process {}", self.pid))?;
            let until = Instant::now() + deadline;
            while self.runs() && Instant::now() < until {
                thread::sleep(POLL_INTERVAL);
            }
        }
        if self.runs() {
            bail!("process {} goes on after it was killed", self.pid);
        }
        Ok(())
    }
}

/// A process's program and arguments; none if there is no such process. One that has ended and whose parent has not
/// noticed has no command line.
fn command_line(pid: u32) -> Option<String> {
    if let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&line).into_owned());
    }
    // macOS has no /proc.
    let output = Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid.to_string()]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(pid: u32, token: &str) -> Running {
        Running { pid, address: "127.0.0.1:1".parse().unwrap(), token: token.to_owned() }
    }

    /// A shell whose command line holds the token, as a server's does.
    fn shell(script: &str, token: &str) -> Launched {
        let mut command = Command::new("sh");
        command.args(["-c", script, token]);
        let log = std::env::temp_dir().join(format!("{token}.log"));
        Launched::start(command, running(0, token), log).unwrap()
    }

    #[test]
    fn a_process_is_ended_only_if_it_is_the_one_that_was_started() {
        let token = token();
        let launched = shell("read line < /dev/fd/0; while :; do sleep 1; done", &token);
        let pid = launched.running.pid;
        // The system shows the command line of a program a moment after it was started.
        let until = Instant::now() + Duration::from_secs(60);
        while !launched.running.runs() && Instant::now() < until {
            thread::sleep(POLL_INTERVAL);
        }
        let another = running(pid, "another token");
        assert!(launched.running.runs() && !another.runs());
        another.end().unwrap();
        assert!(launched.running.runs(), "the process with the same id is not the one that was started");
        launched.running.end().unwrap();
        assert!(!launched.running.runs());
        fs::remove_file(launched.log).unwrap();
    }

    #[test]
    fn a_server_that_ends_instead_of_answering_is_told_with_its_command_and_output() {
        let token = token();
        let mut launched = shell("echo 'no such option'; exit 3", &token);
        let failed = launched.answers(|_| bail!("no answer"), Duration::from_secs(60)).unwrap_err().to_string();
        for part in ["`sh -c ", "exit status: 3", "no such option"] {
            assert!(failed.contains(part), "{failed}");
        }
        fs::remove_file(launched.log).unwrap();
    }

    #[test]
    fn the_end_of_a_log_is_shown() {
        assert_eq!(last_lines("1\n2\n3\n", 2), "2\n3");
        assert_eq!(last_lines("1\n", 2), "1");
        assert_eq!(last_lines("", 2), "");
    }
}
