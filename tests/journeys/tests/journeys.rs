//! The experience of coordinators and operators, from outside the process. Needs the host's binary and the bundles that
//! `cargo xtask build-plugins --probes` assembles; `cargo xtask test` builds both.

mod answers;
mod api;
mod bundles;
mod connections;
mod crash;
mod cron;
mod drain;
mod flooding;
#[cfg(target_os = "linux")]
mod hostile;
mod kafka;
mod many_hosts;
mod models;
mod notifications;
mod operation;
mod places;
mod refusals;
mod reviews;
mod secrecy;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod store;
mod webhooks;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use signalbox_tests_support::{Caller, DEADLINE, Host, Setup, bundle};
use tempfile::TempDir;

/// A host with two businesses whose every message is answered as the bundle `probes/failures` says.
fn misbehaving() -> Result<Setup> {
    let bundle = bundle("probes/failures")?;
    Ok(Setup::new()?.business("alpha", "probe-failures")?.business("beta", "probe-failures")?.bundle(bundle))
}

/// The bundle `probes/failures` with more inputs; the folder is deleted with the returned value.
fn misbehaving_with(inputs: &str) -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new()?;
    for entry in fs::read_dir(bundle("probes/failures")?)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let manifest = folder.path().join("bundle.toml");
    let websocket = "[inputs.websocket]\n";
    let text = fs::read_to_string(&manifest)?.replace(websocket, &format!("{websocket}{inputs}"));
    // A schedule's tick has no text: the guest sleeps.
    let nap = r#"input.text.startsWith("nap")"#;
    fs::write(&manifest, text.replace(nap, &format!(r#"{nap} || input.source == "cron""#)))?;
    let path = folder.path().to_owned();
    Ok((folder, path))
}

/// Every decision of a business, the oldest first, read over the API.
async fn all_decisions(host: &Host, business: &str) -> Result<Vec<Value>> {
    let auditor = Caller::new(&host.setup().token("auditor").business(business, &["coordinator"]))?;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/businesses/{business}/decisions?order=oldest&limit=100{cursor}");
        let (status, page) = auditor.get(host, &path).await?;
        anyhow::ensure!(status == 200, "{page}");
        found.extend(page.get("items").and_then(Value::as_array).context("a page has items")?.iter().cloned());
        let Some(next) = text_at(&page, "/nextCursor") else { return Ok(found) };
        cursor = format!("&cursor={next}");
    }
}

/// The text at a place in a frame or a body.
fn text_at<'a>(value: &'a Value, place: &str) -> Option<&'a str> {
    value.pointer(place).and_then(Value::as_str)
}

/// Checks again and again until the condition is true.
async fn until(what: &str, mut looks: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let looking = async {
        while !looks().await? {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DEADLINE, looking).await.with_context(|| format!("it never happens that {what}"))?
}

/// How many decisions a business has in the store, up to 100.
async fn decisions(host: &Host, business: &str) -> Result<usize> {
    let output = host.setup().run(&["decisions", "list", "--business", business, "--limit", "100", "--json"]).await?;
    anyhow::ensure!(output.status.success(), "`signalbox decisions list`: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice::<Vec<serde_json::Value>>(&output.stdout)?.len())
}
