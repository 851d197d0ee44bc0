//! One call of one guest: by the sandbox with every limit armed, and by bare Wasmtime with none.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use signalbox_bindings::exports::signalbox::agent::node::GuestIndices;
use signalbox_bindings::signalbox::agent::types as wit;
use signalbox_capabilities::Scope;
use signalbox_graph::{Next, Scope as EdgeScope, Stepper, Task};
use signalbox_model::Timestamp;
use signalbox_sandbox::{Generation, NodeCall};
use tempfile::TempDir;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::bundle;
use crate::desk::{BUSINESS, Desk, TEXT, input};
use crate::figures::{ROUNDS, in_micros, median, micros, times};
use crate::machine::cpu_time;
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_millis(300);

/// What a guest finds in a store of bare Wasmtime: WASI as its makers set it up, and nothing else.
struct Plain {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Plain {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Wasmtime alone: a pool that keeps what it may, and no epochs, fuel, limits, journal or breaker.
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

    /// So many calls of an instance that lives on, which Signalbox never does.
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

/// Wasmtime's errors are no standard errors.
fn refused(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

fn told<T, E: std::fmt::Debug>(answer: Result<T, E>) -> Result<()> {
    answer.map(drop).map_err(|failure| anyhow::anyhow!("the guest gave no step: {failure:?}"))
}

/// One node of the sandbox, ready to be called.
struct Boxed {
    desk: Desk,
    generation: Generation,
    scope: Arc<Scope>,
    task: Task,
}

impl Boxed {
    async fn new(folder: &Path) -> Result<Self> {
        let desk = Desk::new().await?;
        let generation = desk.load(folder).await?;
        let accepted = input(&json!({ "text": TEXT }))?;
        let edges = EdgeScope::new(&accepted.input, &accepted.permissions);
        let mut stepper = Stepper::<()>::new(generation.graph.clone(), Default::default(), edges);
        let Next::Run(tasks) = stepper.next() else { bail!("the graph begins with nothing") };
        let task = tasks.into_iter().next().context("the graph begins with a node")?;
        let business = desk.sandbox.services().directory.get(BUSINESS).context("the business is there")?;
        let scope = Arc::new(Scope {
            decision_id: "dec_1".into(),
            correlation_id: "cor_1".into(),
            business,
            location: None,
            started_at: Timestamp::now(),
            deadline: tokio::time::Instant::now() + Duration::from_secs(3_600),
            takes_effects: true,
        });
        Ok(Self { desk, generation, scope, task })
    }

    async fn fresh(&self, context: &wit::Context) -> Result<()> {
        let plugin = self.generation.plugin("chain").context("the plugin is there")?;
        let call = NodeCall { plugin, scope: self.scope.clone(), context, task: &self.task };
        told(self.desk.sandbox.run_node(call).await.outcome)
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

/// Processor time of one call, in microseconds.
async fn round(calls_at_once: u32, mut call: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let (cpu, started, mut calls) = (cpu_time(), Instant::now(), 0_u32);
    while started.elapsed() < ROUND {
        call().await?;
        calls += calls_at_once;
    }
    Ok(in_micros(cpu_time() - cpu) / f64::from(calls))
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let folder = TempDir::new()?;
    bundle::line(folder.path(), 1)?;
    let (boxed, plain) = (Boxed::new(folder.path()).await?, Bare::new(&folder.path().join("chain.wasm"))?);
    let context = context();
    const MANY: u32 = 100;
    let (mut sandbox, mut fresh, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=ROUNDS {
        let one = round(1, async || boxed.fresh(&context).await).await?;
        let two = round(1, async || plain.fresh(&context).await).await?;
        let three = round(MANY, async || plain.warm(&context, MANY).await).await?;
        // The first turn warms up.
        if turn > 0 {
            sandbox.push(one);
            fresh.push(two);
            warm.push(three);
        }
    }
    let (sandbox, bare, warm) = (median(&sandbox), median(&fresh), median(&warm));
    for (name, cost) in [("call.sandbox", sandbox), ("call.bare", bare), ("call.warm", warm)] {
        report.keep(name, cost);
    }
    let mut section = Section::new("One call of one guest");
    section.say(
        "The node `reply` of the probe `chain`, a component of Rust's standard library and the SDK. All three take turns \
         in each round. Signalbox never calls an instance twice, so it has no warm call; bare Wasmtime's shows what is the \
         guest's own work with its arguments and result.",
    );
    let row = |name: &str, cost: f64| vec![name.to_owned(), micros(cost), times(cost / bare)];
    section.table(
        &["call", "CPU", "beside a fresh instance of bare Wasmtime"],
        &[
            row("sandbox: fresh instance, every limit", sandbox),
            row("bare Wasmtime: fresh instance", bare),
            row("bare Wasmtime: an instance that lives on", warm),
        ],
    );
    report.add(section);
    Ok(())
}
