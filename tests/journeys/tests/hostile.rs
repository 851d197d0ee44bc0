//! Hostile traffic from outside the process. In every case the host stays ready and answers a neighbour meanwhile, the
//! attacker is refused or cut off, and memory and file handles end where they began. The configuration keeps the time
//! limits short; only a test that fails waits longer than that.

mod bodies;
mod connections;
mod headers;
mod raw;
mod websocket;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use signalbox_tests_support::{Client, Host, Usage};

use super::{misbehaving_with, until, webhooks};

/// How much more memory may be used after an attack: allocators keep some of what was freed, more so in an unoptimised
/// host.
const KEPT: u64 = 64 << 20;

/// A host under attack, and a neighbour who must not notice.
struct Siege {
    host: Host,
    neighbour: Client,
    before: Usage,
    _folder: tempfile::TempDir,
}

impl Siege {
    /// Starts a host with this configuration, the businesses alpha and beta, and the webhook `events`.
    async fn begin(configuration: &str) -> Result<Self> {
        let (folder, bundle) = misbehaving_with(webhooks::HOOK)?;
        let setup = signalbox_tests_support::Setup::new()?.business("alpha", "probe-failures")?;
        let setup = setup.business("beta", "probe-failures")?.bundle(bundle);
        std::fs::write(setup.path().join("events"), webhooks::SECRET)?;
        let host = setup.config(webhooks::SECRETS).config(configuration).start().await?;
        let mut neighbour = host.coordinator("ion", "beta").await?;
        neighbour.ask("beta", "before").await?;
        let before = host.usage()?;
        Ok(Self { host, neighbour, before, _folder: folder })
    }

    /// `127.0.0.1:…`
    fn address(&self) -> &str {
        self.host.url().trim_start_matches("http://")
    }

    /// A token of a user who may do everything in alpha.
    fn token(&self) -> Result<String> {
        self.host.setup().token("mallory").business("alpha", &["coordinator"]).mint()
    }

    /// Checks that the host is ready and answers the neighbour.
    async fn is_borne(&mut self) -> Result<()> {
        let (status, report) = self.host.get("/readyz").await?;
        ensure!(status == 200, "not ready: {report}");
        self.neighbour.ask("beta", "meanwhile").await.context("the neighbour is not answered").map(drop)
    }

    async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        Ok(self.host.metric(name, labels).await?.unwrap_or_default())
    }

    /// Checks that memory and handles are as before.
    async fn ends(self) -> Result<()> {
        self.ends_with(KEPT).await
    }

    /// The same, when the attack may leave `kept` more bytes in use.
    async fn ends_with(mut self, kept: u64) -> Result<()> {
        self.is_borne().await?;
        let (host, before) = (&self.host, self.before);
        until("every file of the host is closed again", async || Ok(host.usage()?.files <= before.files)).await?;
        let after = self.host.usage()?;
        let more = after.memory.saturating_sub(before.memory);
        ensure!(more <= kept, "the host has {more} bytes more than before, {before:?}, {after:?}");
        Ok(())
    }
}

/// The code of a problem or an error frame.
fn code(body: &Value) -> &str {
    body.get("code").and_then(Value::as_str).unwrap_or_default()
}
