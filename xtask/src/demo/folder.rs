use std::fs;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Relative paths start at the file's own folder, `target/demo`.
const CONFIGURATION: &str = r#"# Written by `cargo xtask demo`, fresh for each run.
[server]
listen = "127.0.0.1:0"

[store]
path = "store.db"

[business]
directory = "business"

[bundles]
paths = ["../plugins/restaurant"]

[auth]
keys = [{ algorithm = "HS256", key = { file = "secret" } }]
development = true

[webhooks.secrets]
RESERVATIONS_WEBHOOK = [{ file = "webhook-secret" }]

[llm.models.default]
provider = "scripted"
file = "llm.yaml"
"#;

/// Everything the demo's host reads and writes, fresh for each run.
pub struct DemoFolder {
    /// The host's binary.
    pub signalbox: PathBuf,
    pub config: PathBuf,
    /// What the host writes to standard error.
    pub log: PathBuf,
}

impl DemoFolder {
    pub fn fresh(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target.join("demo");
        let example = workspace.root.join("plugins/restaurant");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        fs::create_dir_all(folder.join("business")).with_context(|| format!("{} cannot be made", folder.display()))?;
        let signalbox = workspace.target.join("debug/signalbox");
        if !signalbox.is_file() {
            bail!("{} is not there, though cargo has built it", signalbox.display());
        }

        for entry in fs::read_dir(example.join("business")).context("the example has no business directory")? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join("business").join(entry.file_name()))?;
        }
        fs::copy(example.join("llm.yaml"), folder.join("llm.yaml")).context("the example has no llm.yaml")?;
        fs::write(folder.join("secret"), random_secret()?)?;
        // Hexadecimal digits are Base64 too.
        fs::write(folder.join("webhook-secret"), format!("whsec_{}", random_secret()?))?;

        let config = folder.join("signalbox.toml");
        fs::write(&config, CONFIGURATION)?;
        Ok(Self { signalbox, config, log: folder.join("signalbox.log") })
    }
}

fn random_secret() -> Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random_secret().unwrap(), random_secret().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }
}
