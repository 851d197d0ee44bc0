use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::workspace::{Workspace, succeed};

/// The longest time that one input may take, in seconds.
const SLOWEST: u32 = 10;
/// The most memory that a target may hold, in MB.
const LARGEST: u32 = 4096;

/// Runs one target under libFuzzer for `minutes`; see CONTRIBUTING.md.
pub fn run(workspace: &Workspace, target: &str, minutes: u32) -> Result<ExitCode> {
    let folder = workspace.root.join("fuzz");
    if !folder.join("fuzz_targets").join(target).with_extension("rs").is_file() {
        bail!("there is no fuzz target `{target}`; fuzz/fuzz_targets holds them all");
    }
    let dictionary = folder.join("dictionaries").join(target);
    let (found, corpus) = (folder.join("found").join(target), folder.join("corpus").join(target));
    fs::create_dir_all(&found).with_context(|| format!("{} cannot be made", found.display()))?;
    let mut cargo = workspace.cargo();
    // Instrumentation is a flag of nightly compilers; this variable makes a stable one accept it.
    cargo.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none", target]);
    // libFuzzer writes new inputs into the first folder; the shared corpus is only read.
    cargo.args([&found, &corpus]).arg("--");
    cargo.arg(format!("-max_total_time={}", u64::from(minutes) * 60));
    cargo.args([format!("-timeout={SLOWEST}"), format!("-rss_limit_mb={LARGEST}")]);
    if dictionary.is_file() {
        cargo.arg(format!("-dict={}", dictionary.display()));
    }
    succeed(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}

/// The targets are a workspace of their own, whose lock file is easily forgotten when the host's dependencies change. A
/// stale lock file is reported here, before the next fuzz run meets it.
pub fn check_lock(workspace: &Workspace) -> Result<()> {
    let manifest = workspace.root.join("fuzz/Cargo.toml");
    let mut cargo = workspace.cargo();
    cargo.args(["update", "--workspace", "--locked", "--quiet", "--manifest-path"]).arg(manifest);
    succeed(&mut cargo)
        .context("run `cargo update --workspace --manifest-path fuzz/Cargo.toml`, and commit fuzz/Cargo.lock")
}
