//! One executor with one probe's bundle, two businesses, and a store in memory.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::cron::ScheduleLimits;
use signalbox_capabilities::http::{Egress, EgressRules, Lookup, SystemLookup};
use signalbox_capabilities::llm::{LanguageModels, Scripted};
use signalbox_capabilities::{AnswerLedger, AnswerLimits, PublishableTopics, Services};
use signalbox_executor::{
    EventCall, Executor, ExecutorConfig, ExecutorParts, Generations, HandleError, Handled, HandlerEvent, Progress,
    Silent,
};
use signalbox_model::{BusinessInfo, Outcome, ReplySlot};
use signalbox_sandbox::{Compilation, Sandbox, SandboxConfig};
use signalbox_store::{AcceptedInput, Backend, Config, DecisionRecord, Store};
use signalbox_tests_support::{LOADING, compiled};
use tempfile::TempDir;
use tracing::instrument::WithSubscriber;

/// Options with which a test can change the world.
#[derive(Default)]
pub struct Options {
    /// A text in `bundle.toml`, and its replacement.
    pub replace: Option<(String, String)>,
    /// The bundle's folder, if it is not one of `tests/probes/bundles`.
    pub folder: Option<PathBuf>,
    /// The limits of the sandbox.
    pub sandbox: SandboxConfig,
    /// The egress rules; none switches egress off.
    pub egress: Option<EgressRules>,
    /// The resolver of names; none is the system's.
    pub lookup: Option<Arc<dyn Lookup>>,
    /// Businesses besides `alpha` and `beta`, each with the probe of its bundle.
    pub businesses: Vec<(&'static str, &'static str)>,
    /// The script of the model `default`; without it there is no model.
    pub script: Option<String>,
    /// The limits for schedules that plugins make.
    pub schedules: ScheduleLimits,
    /// The topics that plugins can publish to.
    pub topics: PublishableTopics,
    /// The limits for answers to plugins.
    pub answers: AnswerLimits,
}

/// An executor with its store and backends.
pub struct World {
    /// The store with its decisions.
    pub store: Store,
    /// Counts the answers to plugins that are in memory.
    pub answers: Arc<AnswerLedger>,
    executor: Executor,
    sandbox: Sandbox,
    messages: AtomicU64,
    instances: usize,
}

impl World {
    /// A world with one probe's bundle.
    pub async fn start(probe: &str) -> Result<Self> {
        Self::with(probe, |_| {}).await
    }

    /// The same, with changed options.
    pub async fn with(probe: &str, choose: impl FnOnce(&mut Options)) -> Result<Self> {
        let mut options = Options::default();
        choose(&mut options);
        let folder = TempDir::new()?;
        let store = Store::open(Config::new(Backend::Embedded { path: None })).await?;
        let mut businesses = vec![business("alpha", probe)?, business("beta", probe)?];
        for (id, probe) in &options.businesses {
            businesses.push(business(id, probe)?);
        }
        let mut models = LanguageModels::none();
        if let Some(script) = &options.script {
            let file = folder.path().join("llm.toml");
            fs::write(&file, script)?;
            models = models.with("default", Arc::new(Scripted::open(&file, "default")?));
        }
        let lookup = options.lookup.take().unwrap_or_else(|| Arc::new(SystemLookup));
        let egress = options.egress.take().map(|config| Egress::new(config, lookup));
        let answers = AnswerLedger::new(options.answers.clone());
        let services = Services {
            store: store.clone(),
            directory: Arc::new(BusinessDirectory::of(businesses)),
            models: Arc::new(models),
            egress: egress.transpose().map_err(anyhow::Error::msg)?.map(Arc::new),
            schedules: options.schedules,
            topics: options.topics.clone(),
            answers: answers.clone(),
        };
        let directory = services.directory.clone();
        let config = SandboxConfig { cache: Some(compiled()?), ..options.sandbox.clone() };
        let loading = LOADING.lock().await;
        let sandbox = Sandbox::new(&config, Arc::new(services), Compilation::InProcess)?;
        let generation = sandbox.load(&bundle_folder(probe, &options, folder.path())?).await?;
        drop(loading);
        let loader = sandbox.clone();
        let executor = Executor::new(ExecutorParts {
            sandbox,
            store: store.clone(),
            directory,
            generations: Arc::new(Generations::default()),
            review: signalbox_executor::ReviewConfig::default(),
            config: ExecutorConfig::default(),
            clock: Timestamp::now,
            responses_are_effects: false,
        });
        executor.publish(generation).await?;
        let instances = loader.free_instances();
        Ok(Self { store, answers, executor, sandbox: loader, messages: AtomicU64::new(1), instances })
    }

    /// The outcome of each call that the probe made for business `alpha`.
    pub async fn calls(&self, calls: Value) -> Result<Vec<Value>> {
        self.calls_at("alpha", None, calls).await
    }

    /// The same for a business, and one of its places.
    pub async fn calls_at(&self, business: &str, location: Option<&str>, calls: Value) -> Result<Vec<Value>> {
        Self::results(&*self.decide_calls(business, location, calls).await?)
    }

    /// The whole decision of a probe that makes these calls.
    pub async fn decide_calls(
        &self,
        business: &str,
        location: Option<&str>,
        calls: Value,
    ) -> Result<Arc<DecisionRecord>> {
        let id = self.next_id();
        self.decide(&id, business, location, json!({ "data": { "calls": calls } })).await
    }

    /// The outcome of each call.
    pub fn results(record: &DecisionRecord) -> Result<Vec<Value>> {
        let response = record.output.responses.first();
        let response = response.with_context(|| format!("the probe gave no answer: {}", record.decision.reasoning))?;
        let results = response.content.data.as_ref().and_then(|data| data.get("results")).and_then(Value::as_array);
        results.cloned().context("the answer has no results")
    }

    /// The outcome and reason of the decision on a text, without reading it from the store.
    pub async fn ask(&self, business: &str, text: &str) -> Result<(Outcome, String)> {
        let accepted = accepted(&self.next_id(), business, None, json!({ "text": text }))?;
        let decided = self.executor.decide(accepted, Arc::new(Silent)).await?;
        Ok((decided.record.decision.outcome, decided.record.decision.reasoning.clone()))
    }

    /// The decision on a text.
    pub async fn say(&self, text: &str) -> Result<Arc<DecisionRecord>> {
        let id = self.next_id();
        self.say_as(&id, text).await
    }

    /// The decision on a text under an input id.
    pub async fn say_as(&self, id: &str, text: &str) -> Result<Arc<DecisionRecord>> {
        self.say_watched(id, text, Arc::new(Silent)).await
    }

    /// The same, with progress reports to `watch`.
    pub async fn say_watched(&self, id: &str, text: &str, watch: Arc<dyn Progress>) -> Result<Arc<DecisionRecord>> {
        self.decide_watched(id, "alpha", None, json!({ "text": text }), watch).await
    }

    /// Publishes the probe's bundle with a text in its manifest replaced.
    pub async fn publish(&self, probe: &str, (text, instead): (&str, &str)) -> Result<()> {
        let folder = TempDir::new()?;
        let options = Options { replace: Some((text.to_owned(), instead.to_owned())), ..Options::default() };
        let generation = self.sandbox.load(&bundle_folder(probe, &options, folder.path())?).await?;
        self.executor.publish(generation).await?;
        Ok(())
    }

    /// Publishes the bundle in a folder in addition.
    pub async fn add(&self, folder: &Path) -> Result<()> {
        let loading = LOADING.lock().await;
        let generation = self.sandbox.load(folder).await?;
        drop(loading);
        self.executor.publish(generation).await?;
        Ok(())
    }

    /// A handler's result for an event of business `alpha`.
    pub async fn handle(&self, handler: &str, event: HandlerEvent) -> std::result::Result<Handled, HandleError> {
        self.handle_at("alpha", handler, event).await
    }

    /// The same for a business.
    pub async fn handle_at(
        &self,
        business: &str,
        handler: &str,
        event: HandlerEvent,
    ) -> std::result::Result<Handled, HandleError> {
        let call = EventCall {
            business_id: business.to_owned(),
            handler: handler.to_owned(),
            event_id: "evt_1".to_owned(),
            correlation_id: "cor_1".to_owned(),
            event,
        };
        self.executor.handle(call).await
    }

    /// Waits until no guest runs any more.
    pub async fn idle(&self) -> Result<()> {
        let waiting = async {
            while self.sandbox.free_instances() < self.instances {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.context("a guest never ends")
    }

    /// An input id that was not used before.
    pub fn next_id(&self) -> String {
        format!("in_{}", self.messages.fetch_add(1, Ordering::Relaxed))
    }

    /// The decision on an input.
    pub async fn decide(
        &self,
        id: &str,
        business: &str,
        location: Option<&str>,
        content: Value,
    ) -> Result<Arc<DecisionRecord>> {
        self.decide_watched(id, business, location, content, Arc::new(Silent)).await
    }

    async fn decide_watched(
        &self,
        id: &str,
        business: &str,
        location: Option<&str>,
        content: Value,
        watch: Arc<dyn Progress>,
    ) -> Result<Arc<DecisionRecord>> {
        let decided = self.executor.decide(accepted(id, business, location, content)?, watch).await?;
        let stored = self.store.decision(&decided.record.decision.id, business).await?;
        anyhow::ensure!(stored.as_ref() == Some(&*decided.record), "what is stored is what was decided");
        Ok(decided.record)
    }
}

fn accepted(id: &str, business: &str, location: Option<&str>, content: Value) -> Result<AcceptedInput> {
    let now = Timestamp::now();
    let input = serde_json::from_value(json!({
        "id": id, "source": "websocket", "userId": "ana", "businessId": business, "locationId": location,
        "type": "user_message", "content": content, "timestamp": now, "correlationId": format!("cor_{id}"),
    }))?;
    Ok(AcceptedInput {
        input,
        permissions: vec!["message".to_owned()],
        reply: ReplySlot::None,
        accepted_at: now,
        fingerprint: None,
    })
}

/// The probe's bundle, or a copy of it with a text in its manifest replaced.
fn bundle_folder(probe: &str, options: &Options, folder: &Path) -> Result<PathBuf> {
    let original = match &options.folder {
        Some(folder) => folder.clone(),
        None => signalbox_tests_support::bundle(&format!("probes/{probe}"))?,
    };
    let Some((text, instead)) = &options.replace else { return Ok(original) };
    let copy = folder.join("bundle");
    fs::create_dir(&copy)?;
    copied(&original, (text, instead), &copy)?;
    Ok(copy)
}

/// Copies a bundle into a folder, with a text in its manifest replaced.
pub fn copied(original: &Path, (text, instead): (&str, &str), into: &Path) -> Result<()> {
    for entry in fs::read_dir(original)? {
        let entry = entry?;
        fs::copy(entry.path(), into.join(entry.file_name()))?;
    }
    let path = into.join("bundle.toml");
    let manifest = fs::read_to_string(&path)?;
    anyhow::ensure!(manifest.contains(text), "`{text}` is not in {}", original.display());
    Ok(fs::write(path, manifest.replace(text, instead))?)
}

fn business(id: &str, probe: &str) -> Result<BusinessInfo> {
    Ok(serde_json::from_value(json!({
        "businessId": id, "name": id, "type": format!("probe-{probe}"), "timezone": "Europe/Bucharest",
        "settings": {"hours": {"monday": "9-17"}},
        "locations": [{"id": "north", "name": "North", "settings": {"hours": {"monday": "closed"}}}, {"id": "south", "name": "South"}],
        "permissions": {"coordinator": ["message", "review"]},
    }))?)
}

/// Runs a future and returns the log lines that it wrote, each as JSON.
pub async fn captured<T>(work: impl Future<Output = T>) -> (T, Vec<Value>) {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let result = work.with_subscriber(subscriber).await;
    let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (result, lines)
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
