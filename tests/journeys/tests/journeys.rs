//! What a coordinator and an operator live through, from outside the process. Needs the host's binary and the bundles
//! that `cargo xtask build-plugins --probes` puts together; `cargo xtask test` sees to both.

mod answers;
mod api;
mod crash;
mod drain;
mod kafka;
mod operation;
mod refusals;
mod webhooks;

use anyhow::Result;
use signalbox_tests_support::{Host, Setup, bundle};

/// A host with two businesses whose every message is answered as the bundle `probes/failures` says.
fn misbehaving() -> Result<Setup> {
    let bundle = bundle("probes/failures")?;
    Ok(Setup::new()?.business("alpha", "probe-failures")?.business("beta", "probe-failures")?.bundle(bundle))
}

/// How many decisions a business has in the store, up to 100.
async fn decisions(host: &Host, business: &str) -> Result<usize> {
    let output = host.setup().run(&["decisions", "list", "--business", business, "--limit", "100", "--json"]).await?;
    anyhow::ensure!(output.status.success(), "`signalbox decisions list`: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice::<Vec<serde_json::Value>>(&output.stdout)?.len())
}
