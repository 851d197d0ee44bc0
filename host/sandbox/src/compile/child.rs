//! The child process: gives up the rights that a compiler does not need, reads a component, and writes native code.

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit};
use thiserror::Error;

use super::error::in_words;
use super::limits::CompileLimits;
use crate::engine::compiling_engine;

/// Why a child writes no code. The parent distinguishes the errors by exit codes.
#[derive(Debug, Error)]
pub enum ChildError {
    /// The process could not limit itself, and has read nothing.
    #[error("it cannot limit itself: {0}")]
    Limits(String),
    /// It could not read the component or write the code.
    #[error("its pipes broke: {0}")]
    Pipe(#[from] std::io::Error),
    /// The input is not a valid component.
    #[error("{0}")]
    Invalid(String),
    /// The compiler ran out of memory.
    #[error("not enough memory")]
    Memory,
}

impl ChildError {
    pub(super) const INVALID: u8 = 10;
    pub(super) const MEMORY: u8 = 11;
    pub(super) const TROUBLE: u8 = 12;

    /// The exit code for the parent.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_) => Self::INVALID,
            Self::Memory => Self::MEMORY,
            Self::Limits(_) | Self::Pipe(_) => Self::TROUBLE,
        }
    }
}

/// Limits this process permanently, then reads a component and writes its native code.
pub fn compile(limits: &CompileLimits, from: impl Read, mut to: impl Write) -> Result<(), ChildError> {
    confine(limits)?;
    let mut component = Vec::new();
    // One byte more than allowed makes the compiler report a truncated component when the input is too large.
    from.take(limits.component_size.saturating_add(1)).read_to_end(&mut component)?;
    let engine = compiling_engine().map_err(|error| ChildError::Limits(in_words(&format!("{error:#}"))))?;
    let code = engine.precompile_component(&component).map_err(|error| {
        if error.is::<wasmtime::OutOfMemory>() || error.downcast_ref() == Some(&rustix::io::Errno::NOMEM) {
            return ChildError::Memory;
        }
        ChildError::Invalid(in_words(&format!("{error:#}")))
    })?;
    Ok(to.write_all(&code).and_then(|()| to.flush())?)
}

/// The most writable memory, in bytes, that the allocator may hold before a component is read.
#[cfg(target_os = "linux")]
const MOST_HELD: u64 = 64 << 20;

fn confine(limits: &CompileLimits) -> Result<(), ChildError> {
    look_at_what_is_held()?;
    close_files()?;
    let cpu = limits.cpu_seconds();
    let most = |resource, most: u64| limit(resource, most, most);
    // The first signal names the reason; the second, one second later, cannot be caught.
    limit(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    // Unlike `As`, this limit does not count memory that is reserved and never written.
    most(Resource::Data, limits.memory)?;
    most(Resource::Core, 0)?;
    most(Resource::Fsize, 0)?;
    // The three pipes are open already, and no other file may be opened.
    most(Resource::Nofile, 3)?;
    most(Resource::Nproc, 0)?;
    Ok(())
}

/// Checks the memory that the allocator holds already: memory from before a limit was set is not limited, so the
/// allocator could hand out much.
#[cfg(target_os = "linux")]
fn look_at_what_is_held() -> Result<(), ChildError> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| ChildError::Limits(error.to_string()))?;
    let held =
        status.lines().find_map(|line| line.strip_prefix("VmData:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    match held.map(|kib: u64| kib << 10) {
        Some(held) if held <= MOST_HELD => Ok(()),
        held => Err(ChildError::Limits(format!(
            "its memory cannot be limited, because it holds {} before it begins",
            held.map_or_else(|| "an unknown part".to_owned(), |held| format!("{held} bytes"))
        ))),
    }
}

#[cfg(not(target_os = "linux"))]
fn look_at_what_is_held() -> Result<(), ChildError> {
    Ok(())
}

fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), ChildError> {
    // A limit cannot be raised above the host's own limit.
    let hard = rustix::process::getrlimit(resource).maximum.map_or(hard, |own| own.min(hard));
    rustix::process::setrlimit(resource, Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) })
        .map_err(|error| ChildError::Limits(format!("{resource:?}: {error}")))
}

/// Forbids files, the network, and programs with more rights, as far as the kernel supports it.
#[cfg(target_os = "linux")]
fn close_files() -> Result<(), ChildError> {
    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, Scope};
    let wrong = |error: landlock::RulesetError| ChildError::Limits(error.to_string());
    let closed = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.restrict_self())
        .map_err(wrong)?;
    if closed.no_new_privs { Ok(()) } else { Err(ChildError::Limits("the kernel has no `no_new_privs`".to_owned())) }
}

#[cfg(not(target_os = "linux"))]
fn close_files() -> Result<(), ChildError> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::{self, File};
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Landlock restricts one thread and the threads that it starts, so a test can use it.
    #[test]
    fn a_compiler_opens_no_file_and_no_connection() {
        let (folder, listener) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (path, address) = (folder.path().join("file"), listener.local_addr().unwrap());
        fs::write(&path, "before").unwrap();
        let tried = std::thread::spawn(move || {
            close_files().unwrap();
            let new = path.with_file_name("new");
            [
                ("read", File::open(&path).map(drop)),
                ("write", fs::write(&path, "after")),
                ("create", File::create(new).map(drop)),
                ("remove", fs::remove_file(&path)),
                ("list", fs::read_dir("/").map(drop)),
                ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
                ("connect", TcpStream::connect(address).map(drop)),
            ]
        });
        for (what, tried) in tried.join().unwrap() {
            assert_eq!(tried.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied), "{what}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "before");
    }
}
