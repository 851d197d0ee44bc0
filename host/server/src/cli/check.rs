use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use signalbox_capabilities::Services;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::llm::LanguageModels;
use signalbox_sandbox::{BundleError, Generation, Refusal, Sandbox, SandboxConfig};
use signalbox_store::Store;

use super::{Configured, output};
use crate::shutdown;

/// Checks a bundle as the host does when it loads it, and reports everything that is wrong at once.
///
/// Looked at are the manifest, the graph, the message models, and the components: whether they are there, compile within
/// the limits of [sandbox], and import only what they have a grant for.
///
/// Example: signalbox check target/plugins/restaurant
#[derive(Debug, Args)]
pub struct Options {
    /// The bundle's folder.
    bundle: PathBuf,
    /// Prints JSON for programs: `ok`, and `problems` with file, line, column, message and help.
    #[arg(long)]
    json: bool,
}

/// Checks it; the exit code says whether the host would load it.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let config = configured.load()?.config;
    let loaded = super::wait_for(load(&options.bundle, &config.sandbox))?;
    match loaded {
        Err(BundleError::Refused(refusal)) => refuse(&refusal, options.json),
        Err(error @ BundleError::Unreadable { .. }) if options.json => {
            output::json(&json!({ "ok": false, "problems": [{ "message": error.to_string() }] }))?;
            Ok(shutdown::FAILED)
        }
        Err(error) => Err(error.into()),
        Ok(generation) => {
            praise(&options.bundle, &generation, options.json)?;
            Ok(shutdown::DONE)
        }
    }
}

/// Loads it as `serve` would, only that nothing it could ask for is there.
async fn load(folder: &Path, config: &SandboxConfig) -> anyhow::Result<Result<Generation, BundleError>> {
    crate::serve::install_tls();
    let services = Services {
        store: Store::open(signalbox_store::Config::memory()).await.context("a store in memory")?,
        directory: Arc::new(BusinessDirectory::of([])),
        models: Arc::new(LanguageModels::none()),
        egress: None,
        schedules: Default::default(),
    };
    // A check leaves nothing behind: it uses the host's cache when there is one, and makes none.
    let cache = config.cache.clone().filter(|cache| cache.is_dir());
    let config = SandboxConfig { instances: 1, cache, ..config.clone() };
    let sandbox = Sandbox::new(&config, Arc::new(services), crate::compiler::compilation()?).context("the sandbox")?;
    Ok(sandbox.load(folder).await)
}

fn praise(folder: &Path, generation: &Generation, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return output::json(&json!({
            "ok": true,
            "problems": [],
            "businessType": *generation.business_type,
            "version": generation.version,
            "digest": *generation.digest,
        }));
    }
    output::line(&format!(
        "{} is sound: version {} for businesses of type {}, {} message models\n{}",
        folder.display(),
        generation.version,
        generation.business_type,
        generation.models.len(),
        generation.digest
    ))
}

/// Reports what is wrong with a bundle: for programs on standard output, for people on standard error.
pub fn refuse(refusal: &Refusal, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        output::json(&json!({ "ok": false, "problems": problems(refusal)? }))?;
    } else {
        output::problem(&refusal.render(std::io::stderr().is_terminal()));
        let count = refusal.count();
        let plural = if count == 1 { "" } else { "s" };
        output::problem(&format!("error[bundle-invalid]: the bundle has {count} problem{plural}\n"));
        output::problem("  docs/errors/bundle-invalid.md says what to do\n");
    }
    Ok(shutdown::FAILED)
}

fn problems(refusal: &Refusal) -> anyhow::Result<Vec<Value>> {
    let placed =
        refusal.report.iter().flat_map(|report| report.problems()).map(|problem| serde_json::to_value(&problem));
    let models = refusal.models.iter().map(|model| Ok(json!({ "message": model.to_string() })));
    Ok(placed.chain(models).collect::<Result<_, _>>()?)
}
