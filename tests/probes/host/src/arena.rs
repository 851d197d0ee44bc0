//! One executor with every hostile guest, and a neighbour whose messages must be answered.

use std::collections::HashMap;
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, iter};

use anyhow::{Context as _, Result, ensure};
use signalbox_capabilities::http::{EgressRules, Lookup};
use signalbox_model::Outcome;
use signalbox_sandbox::{Compilation, Sandbox};
use tempfile::TempDir;
use tokio::sync::Mutex;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::attempts::{PRIVATE, raw_attempts};
use crate::loading::{Loading, bundle_of, in_children, refusal, sandbox};
use crate::raw;
use crate::world::{World, copied};

/// How many requests of one business may be under way.
pub const REQUESTS: usize = 8;

/// The executor, and the server that answers its guests' requests.
pub struct Arena {
    /// The executor.
    pub world: World,
    pub(crate) server: MockServer,
    loadings: Mutex<HashMap<String, Arc<Loaded>>>,
    _folder: TempDir,
}

/// A component that was built once, and the sandbox that must refuse it.
pub(crate) struct Loaded {
    pub sandbox: Sandbox,
    pub bundle: TempDir,
}

/// Resolves every name to the next of these addresses.
struct Changing(AtomicUsize);

#[async_trait::async_trait]
impl Lookup for Changing {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let addresses = [[127, 0, 0, 1], [169, 254, 169, 254], [10, 0, 0, 1], [192, 168, 0, 1]].map(IpAddr::from);
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(addresses.iter().copied().cycle().skip(turn % addresses.len()).take(1).collect())
    }
}

impl Arena {
    /// Assembles and loads the bundles, and checks that the neighbour is answered.
    pub async fn open() -> Result<Self> {
        let server = server().await?;
        let folder = TempDir::new()?;
        raw::bundle(folder.path(), &raw_attempts())?;
        let reachable = "127.0.0.2/32".parse().map_err(anyhow::Error::msg)?;
        let world = World::with("raw", |options| {
            options.folder = Some(folder.path().to_owned());
            options.businesses = vec![
                ("raw", "raw"),
                ("failures", "failures"),
                ("handler", "handler"),
                ("http", "http"),
                ("rows", "dynamodb"),
                ("rows-thief", "dynamodb"),
                ("neighbour", "chain"),
            ];
            // No breaker, because every attempt is repeated.
            options.sandbox.breaker_traps = 0;
            options.lookup = Some(Arc::new(Changing(AtomicUsize::new(0))));
            options.egress = Some(EgressRules {
                private_networks: vec![reachable],
                allow_plain_http: true,
                requests_per_business: REQUESTS,
                ..EgressRules::default()
            });
        })
        .await?;
        for probe in ["failures", "handler", "dynamodb", "chain"] {
            world.add(&signalbox_tests_support::bundle(&format!("probes/{probe}"))?).await?;
        }
        world.add(&http(&server, folder.path())?).await?;
        let arena = Self { world, server, loadings: Mutex::default(), _folder: folder };
        arena.neighbour().await?;
        Ok(arena)
    }

    /// A component and its sandbox, made at their first use.
    pub(crate) async fn loading(&self, name: &str, make: fn() -> Result<Loading>) -> Result<Arc<Loaded>> {
        self.loaded(name, async || {
            let Loading { component, time, memory, size } = make()?;
            let sandbox = sandbox(in_children()?, |config| {
                (config.compile_time, config.compile_memory, config.component_size) = (time, memory, size);
            });
            Ok(Loaded { sandbox: sandbox.await?, bundle: bundle_of(&component)? })
        })
        .await
    }

    /// Why a bundle is not loaded; the bundle is made at its first use.
    pub(crate) async fn refused(&self, name: &str, make: fn() -> Result<TempDir>) -> Result<String> {
        let compiled = Some(signalbox_tests_support::compiled()?);
        let loaded = self.loaded(name, async || {
            let sandbox = sandbox(Compilation::InProcess, |config| config.cache = compiled);
            Ok(Loaded { sandbox: sandbox.await?, bundle: make()? })
        });
        let loaded = loaded.await?;
        refusal(&loaded.sandbox, loaded.bundle.path()).await
    }

    async fn loaded(&self, name: &str, make: impl AsyncFnOnce() -> Result<Loaded>) -> Result<Arc<Loaded>> {
        let mut loadings = self.loadings.lock().await;
        if let Some(loaded) = loadings.get(name) {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(make().await?);
        loadings.insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// Sends the neighbour's message and checks its answer.
    pub async fn neighbour(&self) -> Result<()> {
        let (outcome, reason) = self.world.ask("neighbour", "a table for four").await?;
        ensure!(outcome == Outcome::Decided, "the neighbour was not answered: {reason}");
        Ok(())
    }
}

/// A server on an address of this machine that guests do not try to reach.
async fn server() -> Result<MockServer> {
    let listener = TcpListener::bind("127.0.0.2:0").context("127.0.0.2 is no address of this machine")?;
    let server = MockServer::builder().listener(listener).start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(path("/slow")).respond_with(slow).mount(&server).await;
    let moved = ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest/meta-data");
    Mock::given(path("/moved")).respond_with(moved).mount(&server).await;
    Ok(server)
}

/// The bundle of the probe `http`, with a grant for every address that is tried.
fn http(server: &MockServer, folder: &Path) -> Result<std::path::PathBuf> {
    let hosts = PRIVATE.iter().copied().chain(iter::once("changing.example"));
    let mut granted: Vec<String> = hosts.map(|host| format!("\"http://{host}/\"")).collect();
    granted.push(format!("\"{}/\"", server.uri()));
    let into = folder.join("http");
    fs::create_dir(&into)?;
    let original = signalbox_tests_support::bundle("probes/http")?;
    copied(&original, ("\"http://127.0.0.1:80/allowed/\"", &granted.join(", ")), &into)?;
    Ok(into)
}
