//! The call of one guest, ready to be repeated: by the sandbox with all of its limits, and by bare Wasmtime with none.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use signalbox_bindings::exports::signalbox::agent::node::GuestIndices;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_capabilities::CallScope;
use signalbox_graph::{Next, Scope as EdgeScope, Stepper, Task};
use signalbox_model::Timestamp;
use signalbox_sandbox::{Generation, NodeCall};
use tempfile::TempDir;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::turn::turn;
use crate::bundle;
use crate::in_process::{BUSINESS, InProcessHost, TEXT, input};

/// How many calls are made of one instance that is kept, so that making it hardly counts.
const MANY: u32 = 100;

/// What a guest finds in a store of bare Wasmtime: WASI with its default setup, and nothing else.
struct Plain {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Plain {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Wasmtime alone: a pool that keeps all memory that it may, and no epochs, fuel, limits, journal or breaker.
struct Bare {
    pre: InstancePre<Plain>,
    node: GuestIndices,
}

impl Bare {
    fn new(component: &Path) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(16)
            .total_core_instances(64)
            .total_memories(32)
            .total_tables(64)
            .total_stacks(16)
            .max_core_instances_per_component(20)
            .linear_memory_keep_resident(1 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(256 << 10)
            .pagemap_scan(Enabled::Auto);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).map_err(refused)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(refused)?;
        let component = Component::from_file(&engine, component).map_err(refused)?;
        let pre = linker.instantiate_pre(&component).map_err(refused)?;
        let node = GuestIndices::new(&pre).map_err(refused)?;
        Ok(Self { pre, node })
    }

    fn store(&self) -> Store<Plain> {
        Store::new(self.pre.engine(), Plain { wasi: WasiCtx::builder().build(), table: ResourceTable::new() })
    }

    async fn fresh(&self, context: &wit::Context) -> Result<()> {
        let mut store = self.store();
        let instance = self.pre.instantiate_async(&mut store).await.map_err(refused)?;
        let node = self.node.load(&mut store, &instance).map_err(refused)?;
        told(node.call_run(&mut store, context, &[]).await.map_err(refused)?)
    }

    /// Makes `calls` calls of one instance that is kept, which Signalbox never does.
    async fn warm(&self, context: &wit::Context, calls: u32) -> Result<()> {
        let mut store = self.store();
        let instance = self.pre.instantiate_async(&mut store).await.map_err(refused)?;
        let node = self.node.load(&mut store, &instance).map_err(refused)?;
        for _ in 0..calls {
            told(node.call_run(&mut store, context, &[]).await.map_err(refused)?)?;
        }
        Ok(())
    }
}

/// Wasmtime's errors do not implement the standard error trait.
fn refused(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn told<T, E: std::fmt::Debug>(answer: Result<T, E>) -> Result<()> {
    answer.map(drop).map_err(|failure| anyhow::anyhow!("the guest gave no step: {failure:?}"))
}

/// One node of the sandbox, ready to be called.
struct Boxed {
    host: InProcessHost,
    generation: Generation,
    scope: Arc<CallScope>,
    task: Task,
}

impl Boxed {
    async fn new(folder: &Path) -> Result<Self> {
        let host = InProcessHost::new().await?;
        let generation = host.load(folder).await?;
        let accepted = input(&json!({ "text": TEXT }))?;
        let edges = EdgeScope::new(&accepted.input, &accepted.permissions);
        let mut stepper = Stepper::<()>::new(generation.graph.clone(), Default::default(), edges);
        let Next::Run(tasks) = stepper.next() else { bail!("the graph begins with nothing") };
        let task = tasks.into_iter().next().context("the graph begins with a node")?;
        let business = host.sandbox.services().directory.get(BUSINESS).context("the business is there")?;
        let scope = Arc::new(CallScope {
            decision_id: "dec_1".into(),
            correlation_id: "cor_1".into(),
            business,
            location: None,
            started_at: Timestamp::now(),
            deadline: tokio::time::Instant::now() + Duration::from_secs(3_600),
            takes_effects: true,
            schedules: Arc::default(),
            answers: Default::default(),
        });
        Ok(Self { host, generation, scope, task })
    }

    async fn fresh(&self, context: &wit::Context) -> Result<()> {
        let plugin = self.generation.plugin("chain").context("the plugin is there")?;
        let call = NodeCall { plugin, scope: self.scope.clone(), context, task: &self.task };
        told(self.host.sandbox.run_node(call).await.outcome)
    }
}

fn context() -> wit::Context {
    wit::Context {
        decision_id: "dec_1".to_owned(),
        input: wit::Input {
            id: "in_1".to_owned(),
            source: wit::Source::Websocket,
            input_type: wit::InputType::UserMessage,
            user_id: Some("ana".to_owned()),
            business_id: BUSINESS.to_owned(),
            location_id: None,
            content: wit::Content { text: Some(TEXT.to_owned()), data: None, metadata: None },
            timestamp: "2026-11-23T17:25:57Z".to_owned(),
            correlation_id: "cor_1".to_owned(),
        },
        business: wit::BusinessInfo {
            id: BUSINESS.to_owned(),
            name: "Trattoria".to_owned(),
            business_type: "probe-chain".to_owned(),
            locale: "ro".to_owned(),
            timezone: "Europe/Bucharest".to_owned(),
            settings: "{\"hours\":{\"monday\":\"9-17\"}}".to_owned(),
            locations: Vec::new(),
        },
        location: None,
        permissions: vec!["message".to_owned()],
        session: None,
        now: "2026-11-23T17:25:57Z".to_owned(),
        local_now: "2026-11-23T19:25:57+02:00".to_owned(),
        node: "reply".to_owned(),
        item: None,
    }
}

/// The node `reply` of the probe `chain`, to be called in each of three ways. Each returns the processor time of one
/// call in microseconds, averaged over as many calls as fit into a turn.
pub struct GuestCall {
    boxed: Boxed,
    bare: Bare,
    context: wit::Context,
}

impl GuestCall {
    pub async fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        bundle::line(folder.path(), 1)?;
        let (boxed, bare) = (Boxed::new(folder.path()).await?, Bare::new(&folder.path().join("chain.wasm"))?);
        Ok(Self { boxed, bare, context: context() })
    }

    /// By the sandbox, in a fresh instance.
    pub async fn sandbox(&self, length: Duration) -> Result<f64> {
        turn(length, 1, async || self.boxed.fresh(&self.context).await).await
    }

    /// By bare Wasmtime, in a fresh instance.
    pub async fn bare(&self, length: Duration) -> Result<f64> {
        turn(length, 1, async || self.bare.fresh(&self.context).await).await
    }

    /// By bare Wasmtime, in an instance that is kept.
    pub async fn warm(&self, length: Duration) -> Result<f64> {
        turn(length, MANY, async || self.bare.warm(&self.context, MANY).await).await
    }
}
