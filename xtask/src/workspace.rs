//! The folders of the workspace, and calls of cargo.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// This repository's main cargo workspace.
pub struct Workspace {
    pub root: PathBuf,
    /// Where cargo builds: `target`, or `CARGO_TARGET_DIR`.
    pub target: PathBuf,
    pub packages: Vec<Package>,
}

/// A member, as `cargo metadata` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// None for a normal dependency.
    pub kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    pub fn locate() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be started; is rustup's cargo on the PATH?")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed; run it by hand to see why");
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("`cargo metadata` cannot be read")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, packages: metadata.packages })
    }

    /// A call of cargo for the main workspace.
    pub fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// A call of cargo for a workspace of guests. These workspaces share one target folder, so that common dependencies
    /// are built once. It is not the host's, whose features differ.
    pub fn guest_cargo(&self, folder: &Path) -> Command {
        let mut command = cargo();
        command.current_dir(folder).env("CARGO_TARGET_DIR", self.target.join("guests"));
        command
    }

    /// The path relative to the root, as a person would write it.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// Cargo without the environment variables of the cargo that started this task: some build scripts watch them, and
/// would run again each time that a task and a person build in turns.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        if left_by_cargo(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn left_by_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    name == "CARGO" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Runs a command to its end and turns a failure into an error that shows it.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("`{}` cannot be started", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_folder_asked_for_reaches_nested_builds() {
        assert!(!left_by_cargo(OsStr::new("CARGO_TARGET_DIR")));
        assert!(left_by_cargo(OsStr::new("CARGO_MANIFEST_DIR")));
        assert!(left_by_cargo(OsStr::new("CARGO_PKG_VERSION")));
    }

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        assert_eq!(shown(Command::new("cargo").args(["build", "--workspace"])), "cargo build --workspace");
    }
}
