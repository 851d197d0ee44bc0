use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use signalbox_capabilities::folder::Folder;
use signalbox_sandbox::Refusal;

use super::output;
use crate::shutdown;

/// Draws a bundle's decision graph as Mermaid.
///
/// Fixed edges are solid, `goto` and `on-error` are dotted, conditions stand on their edges.
///
/// Example: signalbox graph plugins/restaurant > graph.mmd
#[derive(Debug, Args)]
pub struct Options {
    /// The bundle's folder, or its bundle.toml.
    bundle: PathBuf,
    /// Prints JSON for programs, with the drawing under `mermaid`.
    #[arg(long)]
    json: bool,
}

/// Draws the graph; the components need not be built.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let path = manifest_path(&options.bundle);
    let name = path.display().to_string();
    let text = read(&path).with_context(|| format!("reading {name}"))?;
    let manifest = match signalbox_graph::parse(&name, &text) {
        Ok(manifest) => manifest,
        Err(report) => {
            let refusal = Refusal { report: Some(report), models: Vec::new(), written: None };
            return super::check::refuse(refusal, options.json);
        }
    };
    let mermaid = signalbox_graph::mermaid(&manifest.graph);
    if options.json {
        output::json(&json!({
            "businessType": manifest.business_type, "version": manifest.version, "mermaid": mermaid,
        }))?;
    } else {
        output::text(&output::printable(&mermaid))?;
    }
    Ok(shutdown::DONE)
}

fn read(path: &Path) -> std::io::Result<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    std::io::read_to_string(Folder::open(folder)?.file(Path::new(name))?)
}

/// The manifest of a bundle that is named by its folder or by its manifest.
pub fn manifest_path(bundle: &Path) -> PathBuf {
    if bundle.is_dir() { bundle.join("bundle.toml") } else { bundle.to_path_buf() }
}
