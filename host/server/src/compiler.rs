//! The host compiles components in children of itself.

use std::path::PathBuf;

use signalbox_sandbox::Compilation;

/// The command of `cli/compile_component.rs`.
const COMMAND: &str = "compile-component";

/// How the host compiles components: with this very program.
pub fn compilation() -> std::io::Result<Compilation> {
    Ok(Compilation::ChildProcess { program: this_program()?, command: COMMAND })
}

/// The program that runs, also when its file has been replaced by a newer one since it started: the newer program's
/// native code would not fit this one.
fn this_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}
