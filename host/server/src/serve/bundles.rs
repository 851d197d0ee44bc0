//! Loads the configured bundles. A bundle that cannot be loaded affects only its own business type: the other types are
//! served, and SIGHUP makes the host try again.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::join_all;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::rag::ModelFileError;
use signalbox_executor::{AbsentBundle, Executor};
use signalbox_model::folded_name;
use signalbox_sandbox::{BundleError, Generation, LoadPriority, Sandbox};
use signalbox_trigger_webhook::{HookError, Webhooks};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{StartError, businesses};
use crate::config::secrets::SecretError;
use crate::config::{Config, OnFailure};
use crate::{fit, permissions};

/// 1 for a business type whose bundle is loaded, 0 for one whose bundle could not be loaded.
pub const BUNDLE_LOADED: &str = "signalbox_bundle_loaded";
/// The most problems of one bundle or business that are logged one by one.
pub const MOST_LOGGED: usize = 20;
/// The longest reason that `/readyz` gives, in characters.
const LONGEST_REASON: usize = 1_000;

/// The parts that a bundle is checked with before it is published.
pub struct Bundles {
    /// The configuration at start.
    pub config: Config,
    /// Compiles and loads components.
    pub sandbox: Sandbox,
    /// Receives the loaded bundles.
    pub executor: Arc<Executor>,
    /// Holds the secrets of webhooks.
    pub webhooks: Webhooks,
    /// Secrets that could not be opened.
    pub missing_secrets: BTreeMap<String, SecretError>,
    /// The businesses that the bundles are for.
    pub directory: Arc<BusinessDirectory>,
}

/// A bundle that is not loaded.
struct Failed {
    absent: AbsentBundle,
    /// The report for a person at a terminal.
    report: String,
    /// The secret that the operator has to provide for one of its webhooks.
    cause: Option<StartError>,
}

impl Bundles {
    /// Loads all bundles at once with all cores, since no business is served yet, and publishes those that are valid.
    /// Fails when there are bundles and none can be published, or when one cannot and the operator wants all or none.
    pub async fn load_all(&self) -> Result<(), StartError> {
        let paths = &self.config.bundles.paths;
        let loading = paths.iter().map(|path| self.load(path, LoadPriority::Foreground));
        let (loaded, mut failed) = apart(join_all(loading).await);
        let (loaded, mut twice) = once(loaded);
        failed.append(&mut twice);
        let stop = self.config.bundles.on_failure == OnFailure::Stop || loaded.is_empty();
        if !failed.is_empty() && stop {
            // A bundle that lacks only a secret has an error page of its own.
            let cause = failed.first_mut().and_then(|failed| failed.cause.take()).filter(|_| failed.len() == 1);
            let report = || StartError::Bundles(failed.into_iter().map(|failed| failed.report).collect());
            return Err(cause.unwrap_or_else(report));
        }
        for (path, generation) in loaded {
            self.publish(&path, generation).await?;
        }
        for failed in &failed {
            tell(failed);
        }
        self.note_absent(failed.into_iter().map(|failed| failed.absent).collect());
        businesses::warn_of_types(&self.directory, self.executor.generations());
        Ok(())
    }

    /// Tries the bundles that are not loaded again at each `again`, in the background, until `stop`.
    pub async fn keep_trying(self, again: Arc<Notify>, stop: CancellationToken) {
        let asked = async {
            loop {
                again.notified().await;
                self.try_again().await;
            }
        };
        stop.run_until_cancelled(asked).await;
    }

    async fn try_again(&self) {
        let generations = self.executor.generations();
        // The business directory has just been read again.
        for generation in generations.all() {
            permissions::warn(&self.directory, &generation);
        }
        businesses::warn_of_types(&self.directory, generations);
        let waiting: Vec<PathBuf> = generations.absent().iter().map(|absent| absent.folder.clone()).collect();
        if waiting.is_empty() {
            return;
        }
        tracing::info!(bundles = waiting.len(), "trying again to load the bundles that are not loaded");
        let loading = waiting.iter().map(|path| self.load(path, LoadPriority::Background));
        let (loaded, mut failed) = apart(join_all(loading).await);
        let (loaded, mut twice) = once(loaded);
        failed.append(&mut twice);
        for (path, generation) in loaded {
            if generations.live(&generation.business_type).is_some() {
                failed.push(Failed::new(&path, Some(&generation.business_type), SECOND.to_owned(), None));
                continue;
            }
            if let Err(error) = self.publish(&path, generation).await {
                failed.push(Failed::new(&path, None, format!("its message models cannot be stored: {error}"), None));
            }
        }
        for failed in &failed {
            tell(failed);
        }
        self.note_absent(failed.into_iter().map(|failed| failed.absent).collect());
    }

    /// A bundle that fits the configuration, or why it cannot be loaded.
    async fn load(&self, path: &Path, priority: LoadPriority) -> Result<(PathBuf, Generation), Failed> {
        let generation = match self.sandbox.load_at(path, priority).await {
            Ok(generation) => generation,
            Err(BundleError::Refused(refusal)) => {
                let colour = std::io::stderr().is_terminal();
                let first = refusal.report.as_ref().and_then(|report| {
                    let first =
                        report.problems().find(|problem| problem.severity == signalbox_diagnostics::Severity::Error)?;
                    Some(format!("bundle.toml:{}:{}: {}", first.line, first.column, first.message))
                });
                let first = first
                    .or_else(|| refusal.models.iter().find(|model| model.is_error()).map(ToString::to_string))
                    .unwrap_or_default();
                let reason = match refusal.errors() {
                    0 | 1 => first,
                    errors => format!("{first}, and {} more", errors - 1),
                };
                let models = refusal.models.iter().filter_map(ModelFileError::report);
                refusal.report.iter().chain(models).for_each(log_problems);
                return Err(Failed::new(path, refusal.business_type(), reason, Some(refusal.render(colour))));
            }
            Err(error) => return Err(Failed::new(path, None, error.to_string(), None)),
        };
        let business_type = generation.business_type.to_string();
        let bundle = format!("the bundle for {business_type} businesses");
        if let Err(error) = self.webhooks.check(&business_type, &generation.inputs) {
            let missing = match &error {
                HookError::UnknownSecret { secret, .. } | HookError::BusinessSecretMissing { secret, .. } => {
                    self.missing_secrets.get(&folded_name(secret)).cloned()
                }
                _ => None,
            };
            let cause = missing.map_or_else(|| StartError::from(error), StartError::from);
            let failed = Failed::new(path, Some(&business_type), cause.to_string(), None);
            return Err(Failed { cause: Some(cause), ..failed });
        }
        if let Err(error) = self.config.kafka.check(&bundle, &generation.inputs) {
            return Err(Failed::new(path, Some(&business_type), error.to_string(), None));
        }
        match self.unmapped_topics(path, &generation) {
            Some(failed) => Err(failed),
            None => Ok((path.to_owned(), generation)),
        }
    }

    /// Refuses a bundle whose plugins may publish to topics that are mapped to none of the cluster's.
    fn unmapped_topics(&self, path: &Path, generation: &Generation) -> Option<Failed> {
        let problems = fit::unmapped_topics(&self.config, &generation.written);
        if problems.is_empty() {
            return None;
        }
        let count = problems.len();
        let report = generation.written.report(problems);
        let first = report.problems().next().map(|first| {
            let help = first.help.unwrap_or_default();
            format!("bundle.toml:{}:{}: {}; {help}", first.line, first.column, first.message)
        });
        let reason = match (first.unwrap_or_default(), count) {
            (first, 1) => first,
            (first, count) => format!("{first}, and {} more", count - 1),
        };
        log_problems(&report);
        let report = report.render(std::io::stderr().is_terminal());
        Some(Failed::new(path, Some(&generation.business_type), reason, Some(report)))
    }

    async fn publish(&self, path: &Path, generation: Generation) -> Result<(), StartError> {
        let mut warnings = generation.written.warnings.clone();
        warnings.extend(fit::problems(&self.config, &generation.written));
        if !warnings.is_empty() {
            log_problems(&generation.written.report(warnings));
        }
        generation.written.model_warnings.iter().filter_map(ModelFileError::report).for_each(log_problems);
        permissions::warn(&self.directory, &generation);
        tracing::info!(
            business_type = %generation.business_type,
            version = generation.version,
            generation = %generation.digest,
            folder = %path.display(),
            "loaded a bundle"
        );
        metrics::gauge!(BUNDLE_LOADED, "business_type" => generation.business_type.to_string()).set(1.0);
        self.executor.publish(generation).await.map(|_| ()).map_err(StartError::from)
    }

    fn note_absent(&self, absent: Vec<AbsentBundle>) {
        for bundle in &absent {
            let business_type = bundle.business_type.clone().unwrap_or_else(|| "unknown".to_owned());
            metrics::gauge!(BUNDLE_LOADED, "business_type" => business_type).set(0.0);
        }
        let generations = self.executor.generations();
        let unknown = |bundles: &[AbsentBundle]| bundles.iter().any(|bundle| bundle.business_type.is_none());
        if unknown(&generations.absent()) && !unknown(&absent) {
            metrics::gauge!(BUNDLE_LOADED, "business_type" => "unknown").set(1.0);
        }
        generations.note_absent(absent);
    }
}

const SECOND: &str = "another bundle decides for businesses of its type; list one of them under [bundles] paths";

impl Failed {
    fn new(path: &Path, business_type: Option<&str>, reason: String, report: Option<String>) -> Self {
        // The report has already made its text safe for a terminal; its colours have to stay.
        let visible = |text: &str| signalbox_model::visible(text).into_owned();
        let report = report.unwrap_or_else(|| visible(&format!("{}: {reason}\n", path.display())));
        let reason = match reason.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
            None => reason,
        };
        let absent = AbsentBundle { business_type: business_type.map(str::to_owned), folder: path.to_owned(), reason };
        Self { absent, report, cause: None }
    }
}

type Loaded = Vec<(PathBuf, Generation)>;

fn apart(results: Vec<Result<(PathBuf, Generation), Failed>>) -> (Loaded, Vec<Failed>) {
    let (mut loaded, mut failed) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => loaded.push(one),
            Err(one) => failed.push(one),
        }
    }
    (loaded, failed)
}

/// Refuses all of several bundles for one business type, because only the operator knows which one is right.
fn once(loaded: Loaded) -> (Loaded, Vec<Failed>) {
    let types: Vec<Arc<str>> = loaded.iter().map(|(_, generation)| generation.business_type.clone()).collect();
    let is_single =
        |one: &(PathBuf, Generation)| types.iter().filter(|other| **other == one.1.business_type).count() == 1;
    let (single, several): (Loaded, Loaded) = loaded.into_iter().partition(is_single);
    let refused = |(path, generation): (PathBuf, Generation)| {
        let business_type = &generation.business_type;
        let reason = format!("for businesses of type {business_type}: {SECOND}");
        Failed::new(&path, Some(business_type), reason, None)
    };
    (single, several.into_iter().map(refused).collect())
}

fn tell(failed: &Failed) {
    let AbsentBundle { business_type, folder, reason } = &failed.absent;
    tracing::error!(
        business_type = business_type.as_deref().unwrap_or("unknown"),
        folder = %folder.display(),
        reason,
        "a bundle is not loaded: businesses of its type get no decisions until it is mended and SIGHUP is sent; the others \
         are served"
    );
}

fn log_problems(report: &signalbox_diagnostics::Report) {
    for problem in report.problems().take(MOST_LOGGED) {
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        let help = problem.help.unwrap_or_default();
        match problem.severity {
            signalbox_diagnostics::Severity::Error => tracing::error!(place, help, "bundle: {}", problem.message),
            signalbox_diagnostics::Severity::Warning => tracing::warn!(place, help, "bundle: {}", problem.message),
        }
    }
}
