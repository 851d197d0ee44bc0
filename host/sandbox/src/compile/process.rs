//! The parent's side: starts a child, bounds its time and its words, and says how it ended.

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

/// What a child may say about a failure, in bytes.
const LONGEST_WORDS: u64 = 8 << 10;

/// Everything that a child left.
struct ChildOutput {
    status: ExitStatus,
    code: Vec<u8>,
    words: String,
}

/// Starts a process that compiles; it is gone when the child is dropped.
pub(super) fn start(program: &Path, command: &str, limits: &CompileLimits) -> Result<Child, CompileError> {
    spawn(program, command, limits)
        .map_err(|error| CompileError::Unavailable(format!("cannot start {}: {error}", program.display())))
}

/// Has a component compiled; none when that starved with idle priority.
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
            // An error says that it has just ended by itself.
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
        // Secrets of the host come by its environment.
        .env_clear()
        // Else mimalloc takes a gigabyte for writing before the child can limit itself. Other allocators do not know
        // it.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .current_dir("/")
        // Keys pressed in the host's terminal are for the host.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Hands over the component and waits for the child's end; none when it has more to say than it may.
async fn converse(child: &mut Child, component: &[u8]) -> std::io::Result<Option<ChildOutput>> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // A child that ends before it has read everything says more by its exit code.
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

/// Reads to a limit, and closes.
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
            // Rust's words when an allocation fails, before it aborts.
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
