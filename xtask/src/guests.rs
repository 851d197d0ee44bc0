//! Builds guests to WebAssembly components and assembles them to bundles.

mod bundle;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::steps::Steps;
use crate::workspace::{Workspace, shown};

const TARGET: &str = "wasm32-wasip2";

/// A cargo workspace of guests, and the folder for its bundles.
struct Guests {
    /// Folder of the cargo workspace.
    folder: PathBuf,
    /// The source folders of the bundles are in this folder.
    bundles: PathBuf,
    /// A folder in the target folder.
    output: &'static str,
}

/// A component that cargo has built.
pub struct Component {
    /// Of the crate's manifest.
    pub manifest: PathBuf,
    /// The crate's library, as cargo writes it.
    pub library: String,
    pub file: PathBuf,
}

pub fn run(workspace: &Workspace, probes: bool) -> Result<ExitCode> {
    let mut steps = Steps::new(if probes { 3 } else { 2 });
    steps.run("wasm target", add_target)?;
    steps.attempt("plugins", || build_plugins(workspace));
    if probes {
        steps.attempt("probes", || build_probes(workspace));
    }
    Ok(if steps.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub fn build_plugins(workspace: &Workspace) -> Result<()> {
    build(workspace, &plugins(workspace))
}

pub fn build_probes(workspace: &Workspace) -> Result<()> {
    build(workspace, &probes(workspace))
}

fn plugins(workspace: &Workspace) -> Guests {
    let folder = workspace.root.join("plugins");
    Guests { bundles: folder.clone(), folder, output: "plugins" }
}

fn probes(workspace: &Workspace) -> Guests {
    let folder = workspace.root.join("tests/probes");
    Guests { bundles: folder.join("bundles"), folder: folder.join("guests"), output: "probes" }
}

/// Installs the guests' target when it is missing. The toolchain file does not list it, because every call of cargo
/// would fail where it cannot be downloaded.
pub fn add_target() -> Result<()> {
    let way_out = format!(
        "building plugins needs the target {TARGET}: install rustup from https://rustup.rs, then run `rustup target add {TARGET}`"
    );
    if installed_without_rustup()? {
        return Ok(());
    }
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output().context(way_out.clone())?;
    if String::from_utf8_lossy(&installed.stdout).lines().any(|line| line == TARGET) {
        println!("    {TARGET} is installed");
        return Ok(());
    }
    println!("    adding the target {TARGET} with `rustup target add {TARGET}`");
    let status = Command::new("rustup").args(["target", "add", TARGET]).status().context(way_out.clone())?;
    if !status.success() {
        bail!("rustup refused to add {TARGET}, its words are above; {way_out}");
    }
    Ok(())
}

/// A toolchain that was installed without rustup may include the target.
fn installed_without_rustup() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc cannot be started; install rustup from https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let installed = output.status.success() && Path::new(folder.trim()).is_dir();
    if installed {
        println!("    {TARGET} is installed");
    }
    Ok(installed)
}

fn build(workspace: &Workspace, guests: &Guests) -> Result<()> {
    let components = compile(workspace, guests)?;
    let mut used = Vec::new();
    for folder in bundle::find(&guests.bundles)? {
        let output = workspace.target.join(guests.output).join(&folder.name);
        used.extend(bundle::assemble(&folder, &components, &output)?);
        println!("    bundle {} -> {}", folder.name, workspace.relative(&output).display());
    }
    if let Some(unused) = components.iter().find(|component| !used.contains(&component.file)) {
        bail!(
            "`{}` is built, but no bundle names it as a component; name it in a bundle.toml or remove it",
            unused.library
        );
    }
    Ok(())
}

fn compile(workspace: &Workspace, guests: &Guests) -> Result<Vec<Component>> {
    let mut command = workspace.guest_cargo(&guests.folder);
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` cannot be started in {}", shown(&command), guests.folder.display()))?;
    let mut components = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            components.extend(component(&line?));
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed in {}", shown(&command), workspace.relative(&guests.folder).display());
    }
    Ok(components)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The component that a line of cargo's messages names.
fn component(line: &str) -> Option<Component> {
    let message: Message = serde_json::from_str(line).ok()?;
    let target = message.target?;
    if message.reason != "compiler-artifact" || !target.kind.iter().any(|kind| kind == "cdylib") {
        return None;
    }
    let file =
        message.filenames.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))?;
    Some(Component { manifest: message.manifest_path, library: target.name, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found_among_cargos_messages() {
        let artifact = r#"{"reason":"compiler-artifact","manifest_path":"/r/classify/Cargo.toml",
            "target":{"name":"restaurant_classify","kind":["cdylib","rlib"]},"filenames":["/t/a.rlib","/t/a.wasm"]}"#;
        let found = component(artifact).unwrap();
        assert_eq!((found.library.as_str(), found.file.to_str()), ("restaurant_classify", Some("/t/a.wasm")));
        assert!(component(r#"{"reason":"build-finished","success":true}"#).is_none());
        assert!(component(&artifact.replace("cdylib", "lib")).is_none());
    }
}
