use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The host's binary, built beside this test.
pub fn signalbox() -> Result<PathBuf> {
    let binary = profile_folder()?.join("signalbox");
    if !binary.is_file() {
        bail!("{} is not there; build it with `cargo build --package signalbox-server`", binary.display());
    }
    Ok(binary)
}

/// A bundle that `cargo xtask build-plugins --probes` has assembled, for example `probes/failures`.
pub fn bundle(path: &str) -> Result<PathBuf> {
    let target = profile_folder()?.parent().context("the target folder has no parent")?.join(path);
    if !target.join("bundle.toml").is_file() {
        bail!("{} is not there; build it with `cargo xtask build-plugins --probes`", target.display());
    }
    Ok(target)
}

/// The folder that keeps compiled components between tests and runs: compiling takes longer than any test.
pub fn compiled() -> Result<PathBuf> {
    let folder = profile_folder()?.parent().context("the target folder has no parent")?.join("tmp/compiled");
    // With the mode that the host would use: it refuses a folder that others can write to.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// The folder of the current profile: it holds the binaries, and the tests in `deps`.
fn profile_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().context("a program knows where it is")?;
    let folder = program.parent().context("a program lies in a folder")?;
    if folder.ends_with("deps") {
        return folder.parent().map(PathBuf::from).context("`deps` lies in a folder of cargo's");
    }
    Ok(folder.to_owned())
}
