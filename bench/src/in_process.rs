//! The host's executor on a store in this process, with the bundles and businesses that a measurement needs.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use signalbox_capabilities::Services;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::llm::LanguageModels;
use signalbox_executor::{Executor, ExecutorConfig, ExecutorParts, Generations, ReviewConfig, Silent};
use signalbox_model::{Outcome, ReplySlot};
use signalbox_sandbox::{Compilation, Generation, Sandbox, SandboxConfig};
use signalbox_store::{AcceptedInput, Backend, Config, Store};
use signalbox_tests_support::compiled;

/// The business whose bundle is measured.
pub const BUSINESS: &str = "trattoria";
/// The text that is sent by default: it takes all three nodes of the chain.
pub const TEXT: &str = "a table for four, please";

pub struct InProcessHost {
    pub store: Store,
    pub sandbox: Sandbox,
    pub executor: Executor,
}

impl InProcessHost {
    /// An executor whose store is in memory.
    pub async fn new() -> Result<Self> {
        Self::with(Store::open(Config::new(Backend::Embedded { path: None })).await?, SandboxConfig::default())
    }

    /// An executor on a given store.
    pub fn with(store: Store, config: SandboxConfig) -> Result<Self> {
        let business = serde_json::from_value(json!({
            "businessId": BUSINESS, "name": "Trattoria", "type": "probe-chain", "timezone": "Europe/Bucharest",
            "settings": {"hours": {"monday": "9-17"}},
            "locations": [{"id": "north", "name": "North"}],
            "permissions": {"coordinator": ["message", "review", "decisions"]},
        }))?;
        let services = Services {
            store: store.clone(),
            directory: Arc::new(BusinessDirectory::of([business])),
            models: Arc::new(LanguageModels::none()),
            egress: None,
            schedules: Default::default(),
            topics: Default::default(),
            answers: Arc::default(),
        };
        let directory = services.directory.clone();
        let config = SandboxConfig { cache: Some(compiled()?), ..config };
        let sandbox = Sandbox::new(&config, Arc::new(services), Compilation::InProcess)?;
        let executor = Executor::new(ExecutorParts {
            sandbox: sandbox.clone(),
            store: store.clone(),
            directory,
            generations: Arc::new(Generations::default()),
            review: ReviewConfig::default(),
            config: ExecutorConfig::default(),
            clock: Timestamp::now,
            responses_are_effects: false,
        });
        Ok(Self { store, sandbox, executor })
    }

    /// Loads the bundle of a folder.
    pub async fn load(&self, folder: &Path) -> Result<Generation> {
        Ok(self.sandbox.load(folder).await?)
    }

    /// Makes the bundle of a folder the live one.
    pub async fn publish(&self, folder: &Path) -> Result<()> {
        self.executor.publish(self.load(folder).await?).await?;
        Ok(())
    }

    /// Decides an input without recording the decision.
    pub async fn decide_unrecorded(&self, accepted: &AcceptedInput) -> Result<()> {
        let record = self.executor.decide_unrecorded(accepted, &Silent).await?;
        anyhow::ensure!(record.decision.outcome == Outcome::Decided, "{}", record.decision.reasoning);
        Ok(())
    }

    /// Decides an input and records it.
    pub async fn decide(&self, accepted: AcceptedInput) -> Result<()> {
        let decided = self.executor.decide(accepted, Arc::new(Silent)).await?;
        let decision = &decided.record.decision;
        anyhow::ensure!(decision.outcome == Outcome::Decided && !decided.duplicate, "{}", decision.reasoning);
        Ok(())
    }
}

/// A new input, with an id that was not used before.
pub fn input(content: &Value) -> Result<AcceptedInput> {
    let (id, now) = (ulid::Ulid::new(), Timestamp::now());
    let input = serde_json::from_value(json!({
        "id": format!("in_{id}"), "source": "websocket", "userId": "ana", "businessId": BUSINESS,
        "type": "user_message", "content": content, "timestamp": now, "correlationId": format!("cor_{id}"),
    }))
    .context("an input")?;
    let permissions = vec!["message".to_owned()];
    Ok(AcceptedInput { input, permissions, reply: ReplySlot::None, accepted_at: now, fingerprint: None })
}
