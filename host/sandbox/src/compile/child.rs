//! The child's side: takes away from itself what a compiler does not need, reads a component, and writes native code.

use std::io::{Read, Write};

use rustix::process::{Resource, Rlimit};
use thiserror::Error;

use super::error::in_words;
use super::limits::CompileLimits;
use crate::engine::compiling_engine;

/// Lets the host's own threads go first, and still gets some of a busy machine, because time is limited by the clock.
const NICENESS: i32 = 5;

/// Why a child gives no code. The parent knows them by their exit codes.
#[derive(Debug, Error)]
pub enum ChildError {
    /// It could not limit itself, and so has read nothing.
    #[error("it cannot limit itself: {0}")]
    Limits(String),
    /// It could not read the component or write the code.
    #[error("its pipes broke: {0}")]
    Pipe(#[from] std::io::Error),
    /// It is no component.
    #[error("{0}")]
    Invalid(String),
    /// There was not enough memory.
    #[error("not enough memory")]
    Memory,
}

impl ChildError {
    pub(super) const INVALID: u8 = 10;
    pub(super) const MEMORY: u8 = 11;
    pub(super) const TROUBLE: u8 = 12;

    /// The exit code that tells the parent.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Invalid(_) => Self::INVALID,
            Self::Memory => Self::MEMORY,
            Self::Limits(_) | Self::Pipe(_) => Self::TROUBLE,
        }
    }
}

/// Limits this process for good, then reads a component and writes its native code.
pub fn compile(limits: &CompileLimits, from: impl Read, mut to: impl Write) -> Result<(), ChildError> {
    confine(limits)?;
    let mut component = Vec::new();
    // One byte more shows that there are more; the compiler then finds a component that is cut off.
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

fn confine(limits: &CompileLimits) -> Result<(), ChildError> {
    close_files()?;
    let cpu = limits.cpu_seconds();
    let most = |resource, most: u64| limit(resource, most, most);
    // Ended by a signal that says why, and a second later by one that cannot be caught.
    limit(Resource::Cpu, cpu, cpu.saturating_add(1))?;
    // What is reserved and never written costs nothing and is not counted, unlike by `As`.
    most(Resource::Data, limits.memory)?;
    most(Resource::Core, 0)?;
    most(Resource::Fsize, 0)?;
    // The three pipes are open already; nothing else will be.
    most(Resource::Nofile, 3)?;
    most(Resource::Nproc, 0)?;
    rustix::process::nice(NICENESS).map_err(|error| ChildError::Limits(format!("niceness: {error}")))?;
    Ok(())
}

fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), ChildError> {
    // A limit that the host has itself cannot be raised.
    let hard = rustix::process::getrlimit(resource).maximum.map_or(hard, |own| own.min(hard));
    rustix::process::setrlimit(resource, Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) })
        .map_err(|error| ChildError::Limits(format!("{resource:?}: {error}")))
}

/// No file, no network, and no program with more rights, as far as the kernel offers to forbid them.
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
