//! Imported message models beside those of a bundle, over restarts.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, Host, Setup, bundle};
use tempfile::TempDir;

/// A model for the decision code `greeting`.
fn written(version: &str, words: &str) -> String {
    format!(
        "decisionCode = \"greeting\"\nversion = \"{version}\"\nparameters = [\"name\"]\n\
         messageTemplate = \"{words} {{{{ name }}}}\"\n"
    )
}

/// The bundle `probes/failures` with a model of its own; the folder is deleted with the returned value.
fn with_a_model() -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::new()?;
    for entry in fs::read_dir(bundle("probes/failures")?)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    fs::create_dir(folder.path().join("models"))?;
    fs::write(folder.path().join("models/greeting.toml"), written("1", "the bundle greets"))?;
    let path = folder.path().to_owned();
    Ok((folder, path))
}

async fn import(host: &Host, version: &str, words: &str, option: &[&str]) -> Result<(bool, String)> {
    let file = host.setup().path().join("wording.toml");
    fs::write(&file, written(version, words))?;
    let path = file.to_string_lossy();
    let arguments = [&["models", "import", &*path, "--business-type", "probe-failures"], option].concat();
    let output = host.setup().run(&arguments).await?;
    Ok((output.status.success(), String::from_utf8(output.stderr)?))
}

/// The business's greeting.
async fn greeting(host: &Host) -> Result<Value> {
    let shop = Caller::new(&host.setup().token("shop").business("alpha", &["coordinator"]))?;
    let body = json!({"content": {"text": "words", "data": {"code": "greeting", "data": {"name": "Ana"}}}});
    let (_, decision) = shop.post(host, "/v1/businesses/alpha/inputs?wait=30", &[], &body).await?;
    decision.pointer("/responses/0/content/text").cloned().with_context(|| format!("no greeting in {decision}"))
}

#[tokio::test]
async fn imported_words_outlive_restarts_and_a_bundle_takes_its_own_version_back() -> Result<()> {
    let (_folder, path) = with_a_model()?;
    let mut host = Setup::new()?.business("alpha", "probe-failures")?.bundle(path).start().await?;
    assert_eq!(greeting(&host).await?, "the bundle greets Ana");

    let (done, told) = import(&host, "1", "somebody greets", &[]).await?;
    assert!(!done && told.contains("stored with other words"), "{told}");
    let (done, told) = import(&host, "1", "somebody greets", &["--replace"]).await?;
    assert!(done, "{told}");
    host.kill().await?;
    host.restart().await?;
    assert_eq!(greeting(&host).await?, "the bundle greets Ana");

    let (done, told) = import(&host, "1.1", "the operator greets", &[]).await?;
    assert!(done, "{told}");
    for _ in 0..2 {
        host.kill().await?;
        host.restart().await?;
        assert_eq!(greeting(&host).await?, "the operator greets Ana");
    }
    Ok(())
}
