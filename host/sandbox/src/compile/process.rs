//! The parent process: starts a child, limits its time and output, and interprets how it ended.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::Signal;
use signalbox_model::{HumanDuration, HumanSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::child::ChildError;
use super::error::{CompileError, in_words};
use super::limits::{CompileLimits, LARGEST_CODE};
use crate::scheduler::background::{self, ThreadPriority};

/// The most bytes of a child's error message.
const LONGEST_WORDS: u64 = 8 << 10;

/// The output of a child.
struct ChildOutput {
    status: ExitStatus,
    code: Vec<u8>,
    words: String,
}

/// Starts a process that compiles; dropping the child kills it.
pub(super) fn start(program: &Path, command: &str, limits: &CompileLimits) -> Result<Child, CompileError> {
    spawn(program, command, limits)
        .map_err(|error| CompileError::Unavailable(format!("cannot start {}: {error}", program.display())))
}

/// Has a component compiled; none when the child starved with idle priority.
pub(super) async fn compile(
    mut child: Child,
    limits: &CompileLimits,
    component: &[u8],
    priority: Option<ThreadPriority>,
) -> Result<Option<Vec<u8>>, CompileError> {
    let id = child.id().filter(|_| priority == Some(ThreadPriority::Idle));
    let starved = async {
        match id {
            Some(id) => background::starved(&format!("/proc/{id}")).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        left = converse(&mut child, component) => Some(left),
        () = starved => None,
        () = tokio::time::sleep(limits.time) => {
            // An error means that the child has just ended by itself.
            child.kill().await.ok();
            return Err(CompileError::Time(HumanDuration(limits.time)));
        }
    };
    let Some(left) = ended else {
        child.kill().await.ok();
        return Ok(None);
    };
    let left = left.map_err(|error| CompileError::Unavailable(format!("its pipes broke: {error}")))?;
    let Some(left) = left else {
        child.kill().await.ok();
        return Err(CompileError::Code(HumanSize(LARGEST_CODE)));
    };
    judge(left, limits).map(Some)
}

fn spawn(program: &Path, command: &str, limits: &CompileLimits) -> std::io::Result<Child> {
    Command::new(program)
        .arg(command)
        .args(["--time-ms", &limits.time.as_millis().to_string()])
        .args(["--memory", &limits.memory.to_string()])
        .args(["--component-size", &limits.component_size.to_string()])
        // The environment may hold secrets of the host.
        .env_clear()
        // Otherwise mimalloc commits a gigabyte before the child can limit itself. Other allocators ignore the
        // variable.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .current_dir("/")
        // Signals from keys in the host's terminal go to the host alone.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Sends the component and waits for the child's end; none when the child writes more than it may.
async fn converse(child: &mut Child, component: &[u8]) -> std::io::Result<Option<ChildOutput>> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // When a child ends before it has read everything, its exit code says why.
            stdin.write_all(component).await.ok();
        }
    };
    let ((), code, words) = tokio::join!(give, read(stdout, LARGEST_CODE + 1), read(stderr, LONGEST_WORDS));
    let (code, words) = (code?, words?);
    if code.len() as u64 > LARGEST_CODE {
        return Ok(None);
    }
    let status = child.wait().await?;
    Ok(Some(ChildOutput { status, code, words: in_words(&String::from_utf8_lossy(&words)) }))
}

/// Reads up to a limit, and closes the pipe.
async fn read(from: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn judge(output: ChildOutput, limits: &CompileLimits) -> Result<Vec<u8>, CompileError> {
    let ChildOutput { status, code, words } = output;
    let memory = || CompileError::Memory(HumanSize(limits.memory));
    if let Some(signal) = status.signal() {
        return Err(match signal {
            signal if signal == Signal::XCPU.as_raw() => CompileError::Time(HumanDuration(limits.time)),
            // Rust prints this when an allocation fails, before it aborts.
            _ if words.contains("memory allocation of") => memory(),
            signal => CompileError::Broken(format!("it was ended by signal {signal}; {words}")),
        });
    }
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Ok(code),
        Some(ChildError::INVALID) => Err(CompileError::Invalid(words)),
        Some(ChildError::MEMORY) => Err(memory()),
        Some(ChildError::TROUBLE) => Err(CompileError::Unavailable(words)),
        _ => Err(CompileError::Broken(format!("{status}; {words}"))),
    }
}
