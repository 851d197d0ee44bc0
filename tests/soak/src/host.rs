//! The host under test, its files, and a server that its guests may reach.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::routing::get;
use serde_json::Value;
use signalbox_tests_support::{Client, DEADLINE, Process, Server, Setup, Token, bundle};
use tokio::net::TcpListener;

/// The secret with which webhooks are signed.
pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Limits that one round reaches: clients that do not read or answer are cut off, and reviews expire.
const CONFIG: &str = "\
[intake]
waiting-per-business = 512
admission-wait = \"2m\"
rate-per-user = 200
burst-per-user = 200
rate-per-business = 1000000
burst-per-business = 1000000
[http]
header-timeout = \"3s\"
[websocket]
auth-timeout = \"3s\"
frames-per-second = 100
burst = 100
ping-interval = \"5s\"
pong-timeout = \"10s\"
outbox-size = \"256KiB\"
[api]
requests-per-second = 200
burst = 200
[delivery]
scan-interval = \"1s\"
[review]
expires-after = \"12s\"
expiry-interval = \"1s\"
[cron]
scan-interval = \"500ms\"
[egress]
private-networks = [\"127.0.0.1/32\"]
allow-plain-http = true
[webhooks.secrets]
EVENTS = [{ file = \"events\" }]
[telemetry]
log = \"warn\"
log-format = \"json\"
";

/// How many guest calls run at a time. The slot of one keeps up to 2 MiB that its calls have touched, so there are few
/// slots, which the first rounds fill.
const INSTANCES: u32 = 8;

/// Limits so high that no honest plugin reaches them on a busy machine.
const PATIENT: &str = "limits = { time = \"1min\", cpu = \"10s\" }\n";

pub struct Host {
    server: Server,
    /// The address that guests may send requests to.
    pub upstream: String,
    /// How many guest calls can start at once while none is running.
    pub instances: f64,
}

impl Host {
    pub async fn start() -> Result<Self> {
        let upstream = serve_upstream().await?;
        let setup = Setup::new()?;
        let [failures, http, chain] = ["failures", "http", "chain"].map(|name| setup.path().join(name));
        write_failures(&failures)?;
        write_http(&http, &upstream)?;
        write_chain(&chain)?;
        fs::write(setup.path().join("events"), SECRET)?;
        let setup = setup
            .business("alpha", "probe-failures")?
            .business("wild", "probe-failures")?
            .business("beta", "probe-chain")?
            .business("news", "probe-websocket")?
            .business("crowd", "probe-websocket")?
            .business("outward", "probe-http")?
            .bundle(failures)
            .bundle(http)
            .bundle(chain)
            .bundle(bundle("probes/websocket")?)
            .instances(INSTANCES)
            .config(CONFIG);
        let server = tokio::task::spawn_blocking(move || Server::host(setup)).await??;
        let mut host = Self { server, upstream, instances: 0.0 };
        host.instances = host.metric(&http_client()?, "signalbox_sandbox_instances_free", "").await?;
        ensure!(host.instances > 0.0, "a host that nobody has talked to runs no guest");
        Ok(host)
    }

    pub fn process(&self) -> Process {
        self.server.process()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url)
    }

    pub fn websocket(&self) -> &str {
        &self.server.websocket
    }

    pub fn setup(&self) -> Result<&Setup> {
        self.server.setup.as_ref().context("a host has its files")
    }

    /// A connection of a coordinator of that business.
    pub async fn coordinator(&self, user: &str, business: &str) -> Result<Client> {
        Client::connect(self.websocket(), &token(user, business)?).await
    }

    /// The sum of a metric's series with this label; a series that does not exist yet counts as 0.
    pub async fn metric(&self, client: &reqwest::Client, name: &str, label: &str) -> Result<f64> {
        Ok(sum(&self.scrape(client).await?, name, label))
    }

    /// All metrics, over the connections of this client.
    pub async fn scrape(&self, client: &reqwest::Client) -> Result<String> {
        let response = client.get(self.url("/metrics")).send().await.context("the host shows no metrics")?;
        ensure!(response.status() == 200, "the host shows no metrics: {}", response.status());
        Ok(response.text().await?)
    }

    /// Checks that the host's own code never panicked.
    pub fn nothing_panicked(&self) -> Result<()> {
        let log = fs::read_to_string(self.setup()?.path().join("log"))?;
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let panicked = lines.find(|line| {
            line.get("message").and_then(Value::as_str).is_some_and(|message| message.starts_with("panicked: "))
        });
        match panicked {
            Some(line) => bail!("the host panicked: {line}"),
            None => Ok(()),
        }
    }
}

/// A token of a coordinator of that business.
pub fn token(user: &str, business: &str) -> Result<String> {
    Token::new(user).business(business, &["coordinator"]).mint()
}

/// A client for one part of a round: its connections end with it.
pub fn http_client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(DEADLINE).no_proxy().build()?)
}

/// The sum of a metric on a page of metrics.
pub fn sum(page: &str, name: &str, label: &str) -> f64 {
    let series = page.lines().filter_map(|line| line.rsplit_once(' '));
    let fitting = series.filter(|(series, _)| series.split('{').next() == Some(name) && series.contains(label));
    fitting.filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
}

/// Checks again and again until the condition is true.
pub async fn until<F: Future<Output = Result<bool>>>(what: &str, mut looks: impl FnMut() -> F) -> Result<()> {
    let looking = async {
        while !looks().await? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, looking).await.with_context(|| format!("it never happens that {what}"))?
}

/// Answers `/allowed/soup`, and everything else with 404.
async fn serve_upstream() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/allowed/soup", get(|| async { "tomato" }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address.to_string())
}

fn copy(from: &Path, to: &Path) -> Result<String> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(fs::read_to_string(to.join("bundle.toml"))?)
}

/// The misbehaving bundle, with a webhook and a schedule whose inputs, which have no text, are answered too.
fn write_failures(folder: &Path) -> Result<()> {
    let manifest = copy(&bundle("probes/failures")?, folder)?;
    let (inputs, textless) = ("[inputs.websocket]\n", r#"input.text == "keep-state""#);
    ensure!(manifest.contains(inputs) && manifest.contains(textless), "the bundle of failures has changed");
    let manifest = manifest.replace(
        inputs,
        "[inputs.websocket]\n\
         [inputs.webhook.events]\nverify = { scheme = \"standard-webhooks\", secret = \"EVENTS\" }\n\
         [inputs.cron.yearly]\nschedule = \"0 0 1 1 *\"\ntimezone = \"UTC\"\ncatch-up = \"none\"\n",
    );
    let manifest =
        manifest.replace(textless, &format!(r#"{textless} || input.source == "cron" || input.type == "webhook""#));
    let mut manifest = manifest.replace("deadline = \"10s\"", "deadline = \"2min\"");
    for answered in ["echo", "keep-state", "log-flood", "nap", "read-env", "read-file", "review", "stdout-flood"] {
        let config = format!("config = {{ behaviour = \"{answered}\" }}\n");
        manifest = manifest.replace(&config, &format!("{config}{PATIENT}"));
    }
    Ok(fs::write(folder.join("bundle.toml"), manifest)?)
}

/// The bundle of three nodes, without its webhook, which would need another secret.
fn write_chain(folder: &Path) -> Result<()> {
    let manifest = copy(&bundle("probes/chain")?, folder)?;
    let webhook = manifest.lines().position(|line| line.starts_with("[inputs.webhook"));
    let kept = manifest.lines().enumerate().filter(|(at, _)| webhook.is_none_or(|hook| *at != hook && *at != hook + 1));
    Ok(fs::write(folder.join("bundle.toml"), kept.map(|(_, line)| format!("{line}\n")).collect::<String>())?)
}

/// The bundle that sends requests, with a grant for this server.
fn write_http(folder: &Path, upstream: &str) -> Result<()> {
    let manifest = copy(&bundle("probes/http")?, folder)?;
    let manifest = manifest
        .replace("127.0.0.1:80/", &format!("{upstream}/"))
        .replace("component = \"http.wasm\"\n", &format!("component = \"http.wasm\"\n{PATIENT}"))
        .replace("[graph.channels]", "[graph]\ndeadline = \"2min\"\n\n[graph.channels]");
    Ok(fs::write(folder.join("bundle.toml"), manifest)?)
}
