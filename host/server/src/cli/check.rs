mod schedules;

use std::collections::BTreeSet;
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
use signalbox_capabilities::rag::ModelFileError;
use signalbox_diagnostics::{Problem, Report, counted};
use signalbox_sandbox::{BundleError, Generation, Refusal, Sandbox, SandboxConfig, Written};
use signalbox_store::Store;

use super::{Configured, output};
use crate::config::Loaded;
use crate::{fit, permissions, shutdown};

/// Checks a bundle as the host does when it loads it, and reports everything that is wrong at once.
///
/// The check covers the manifest, the graph, the message models and the components: whether they exist, compile within
/// the limits of [sandbox], and import only interfaces that they have a grant for. Compiled components are kept where
/// `serve` keeps them, so that neither the next check nor the first start compiles them again.
///
/// With a configuration (that of --config, or the signalbox.toml in the current folder) the bundle is compared with it:
/// grants without a backend, grants that [egress] forbids, topics that are not read, missing secrets of webhooks, and
/// permissions in business files that nothing in the bundle asks for. Business files that cannot be read are reported
/// too, whatever their type.
///
/// Errors keep a bundle from being loaded; warnings name what may fail when the bundle runs. Exit codes: 0 the bundle
/// can be loaded, also with warnings; 1 it cannot, or it has warnings and --deny-warnings is given; 2 wrong options.
///
/// Example: signalbox check target/plugins/restaurant
#[derive(Debug, Args)]
pub struct Options {
    /// The bundle's folder.
    bundle: PathBuf,
    /// Treats warnings as errors, for a build that has to stop at both.
    #[arg(long)]
    deny_warnings: bool,
    /// Prints JSON for programs: `ok`, `problems` and `warnings` with file, line, column, message and help, and
    /// `schedules` with the next ticks.
    #[arg(long)]
    json: bool,
}

/// What a check found.
struct Checked {
    /// None when the bundle cannot be loaded.
    generation: Option<Generation>,
    /// Problems of the manifest and of the files that it names.
    report: Option<Report>,
    /// Problems of business files.
    businesses: Vec<Arc<Report>>,
    /// Why the business directory cannot be read at all.
    directory_unreadable: Option<String>,
    /// The time zones in which schedules tick; none when they are unknown, because a business file could not be read.
    zones: Option<BTreeSet<String>>,
    /// Problems of message models, each with its place in the model's file.
    models: Vec<ModelFileError>,
    written: Option<Arc<Written>>,
}

/// Checks the bundle; the exit code says whether the host would load it.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let loaded = configured.load()?;
    let result = super::wait_for(load(&options.bundle, &loaded.config.sandbox))?;
    let mut checked = match result {
        Ok(generation) => {
            let (written, warnings) = (generation.written.clone(), generation.written.warnings.clone());
            let report = (!warnings.is_empty()).then(|| written.report(warnings));
            let models = written.model_warnings.clone();
            Checked::new(Some(generation), report, models, Some(written))
        }
        Err(BundleError::Refused(refusal)) => {
            let Refusal { report, models, written } = *refusal;
            Checked::new(None, report, models, written)
        }
        Err(error @ BundleError::Unreadable { .. }) if options.json => {
            output::json(&json!({ "ok": false, "problems": [{ "message": error.to_string() }], "warnings": [] }))?;
            return Ok(shutdown::FAILED);
        }
        Err(error) => return Err(error.into()),
    };
    if loaded.file.is_some() {
        checked.hold_against(&loaded);
    } else {
        checked.zones = Some(schedules::without_businesses());
    }
    let errors = checked.errors();
    let denied = errors > 0 || (options.deny_warnings && checked.warnings() > 0);
    if options.json {
        output::json(&checked.json(!denied)?)?;
    } else {
        checked.tell(&options.bundle, denied)?;
    }
    Ok(if denied { shutdown::FAILED } else { shutdown::DONE })
}

/// Loads the bundle as `serve` would, but without any backend for the plugins' capabilities.
async fn load(folder: &Path, config: &SandboxConfig) -> anyhow::Result<Result<Generation, BundleError>> {
    crate::serve::install_tls();
    let services = Services {
        store: Store::open(signalbox_store::Config::memory()).await.context("a store in memory")?,
        directory: Arc::new(BusinessDirectory::of([])),
        models: Arc::new(LanguageModels::none()),
        egress: None,
        schedules: Default::default(),
        topics: Default::default(),
        answers: Arc::default(),
    };
    let services = Arc::new(services);
    let config = SandboxConfig { instances: 1, ..config.clone() };
    let sandbox = match Sandbox::new(&config, services.clone(), crate::compiler::compilation()?) {
        Ok(sandbox) => sandbox,
        // A bundle in a read-only folder is checked all the same; it is compiled again each time.
        Err(_) if config.cache.is_some() => {
            let config = SandboxConfig { cache: None, ..config };
            Sandbox::new(&config, services, crate::compiler::compilation()?).context("the sandbox")?
        }
        Err(error) => return Err(error).context("the sandbox"),
    };
    Ok(sandbox.check(folder).await)
}

impl Checked {
    fn new(
        generation: Option<Generation>,
        report: Option<Report>,
        models: Vec<ModelFileError>,
        written: Option<Arc<Written>>,
    ) -> Self {
        let (businesses, directory_unreadable, zones) = (Vec::new(), None, None);
        Self { generation, report, businesses, directory_unreadable, zones, models, written }
    }

    /// Adds the problems that show when the bundle is compared with the configuration.
    fn hold_against(&mut self, loaded: &Loaded) {
        let folder = &loaded.config.business.directory;
        let directory = match BusinessDirectory::open_with(folder, loaded.config.notification_receivers()) {
            Ok(directory) => Some(directory),
            Err(error) => {
                self.directory_unreadable = Some(error.to_string());
                None
            }
        };
        self.businesses =
            directory.iter().flat_map(|directory| directory.not_loaded().to_vec()).map(|file| file.report).collect();
        let Some(written) = self.written.clone() else { return };
        let config = &loaded.config;
        let mut problems = fit::problems(config, &written);
        problems.extend(fit::errors(config, &written));
        self.add(&written, problems);
        let Some(business_type) = &written.business_type else { return };
        self.zones = directory.and_then(|directory| schedules::zones(business_type, &directory));
        let found = permissions::reports(folder, business_type, &written.permissions);
        self.businesses.extend(found.into_iter().map(Arc::new));
    }

    fn add(&mut self, written: &Written, problems: Vec<Problem>) {
        if problems.is_empty() {
            return;
        }
        self.report = Some(match self.report.take() {
            Some(report) => report.with(problems),
            None => written.report(problems),
        });
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        let models = self.models.iter().filter_map(ModelFileError::report);
        self.report.iter().chain(models).chain(self.businesses.iter().map(Arc::as_ref))
    }

    /// What could not be read, so that no report tells of it.
    fn unreadable(&self) -> impl Iterator<Item = String> {
        let models = self.models.iter().filter(|model| model.report().is_none()).map(ToString::to_string);
        models.chain(self.directory_unreadable.clone())
    }

    fn errors(&self) -> usize {
        self.bundle_errors() + self.business_errors()
    }

    fn bundle_errors(&self) -> usize {
        let models = self.models.iter().map(ModelFileError::errors).sum::<usize>();
        self.report.as_ref().map_or(0, Report::errors) + models
    }

    fn business_errors(&self) -> usize {
        let of_files = self.businesses.iter().map(|report| report.errors()).sum::<usize>();
        of_files + usize::from(self.directory_unreadable.is_some())
    }

    fn warnings(&self) -> usize {
        self.reports().map(Report::warnings).sum()
    }

    fn json(&self, ok: bool) -> anyhow::Result<Value> {
        let of = |severity: signalbox_diagnostics::Severity| {
            let problems =
                self.reports().flat_map(Report::problems).filter(move |problem| problem.severity == severity);
            problems.map(|problem| serde_json::to_value(&problem)).collect::<Result<Vec<Value>, _>>()
        };
        let mut problems = of(signalbox_diagnostics::Severity::Error)?;
        problems.extend(self.unreadable().map(|message| json!({ "severity": "error", "message": message })));
        let warnings = of(signalbox_diagnostics::Severity::Warning)?;
        let mut value = json!({ "ok": ok, "problems": problems, "warnings": warnings });
        if let (Some(generation), Some(fields)) = (&self.generation, value.as_object_mut()) {
            fields.insert("businessType".to_owned(), json!(*generation.business_type));
            fields.insert("version".to_owned(), json!(generation.version));
            fields.insert("digest".to_owned(), json!(*generation.digest));
            fields.insert("schedules".to_owned(), schedules::json(&generation.inputs, self.zones.as_ref()));
        }
        Ok(value)
    }

    fn tell(&self, folder: &Path, denied: bool) -> anyhow::Result<()> {
        let colour = std::io::stderr().is_terminal();
        for report in self.reports() {
            output::problem(&report.render(colour));
        }
        for problem in self.unreadable() {
            output::problem(&output::printable(&format!("{problem}\n")));
        }
        let (errors, warnings) = (self.errors(), self.warnings());
        if denied {
            let (bundle, business) = (self.bundle_errors(), self.business_errors());
            if bundle > 0 || business == 0 {
                output::problem(&format!(
                    "error[bundle_invalid]: the bundle has {}\n",
                    counted(errors - business, warnings)
                ));
                output::problem("  docs/errors/bundle_invalid.md says what to do\n");
            }
            if business > 0 {
                let counted = counted(business, 0);
                output::problem(&format!("error[business_directory_invalid]: the business directory has {counted}\n"));
                output::problem("  docs/errors/business_directory_invalid.md says what to do\n");
            }
            return Ok(());
        }
        let Some(generation) = &self.generation else { return Ok(()) };
        let how = match warnings {
            0 => "is sound".to_owned(),
            warnings => format!("can be loaded, with {}", counted(0, warnings)),
        };
        output::line(&output::printable(&format!(
            "{} {how}: version {} for businesses of type {}, {} message models\n{}",
            folder.display(),
            generation.version,
            generation.business_type,
            generation.models.len(),
            generation.digest
        )))?;
        for line in schedules::lines(&generation.inputs, self.zones.as_ref()) {
            output::line(&output::printable(&line))?;
        }
        Ok(())
    }
}

/// Reports the problems of a bundle: as JSON on standard output, or as text on standard error.
pub fn refuse(refusal: Refusal, as_json: bool) -> anyhow::Result<ExitCode> {
    let Refusal { report, models, written } = refusal;
    let checked = Checked::new(None, report, models, written);
    if as_json {
        output::json(&checked.json(false)?)?;
    } else {
        checked.tell(Path::new(""), true)?;
    }
    Ok(shutdown::FAILED)
}
