use std::fs;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::outgoing::Outgoing;
use crate::workspace::Workspace;

/// Relative paths start at the file's own folder, `target/demo`.
const CONFIGURATION: &str = r#"# Written by `cargo xtask demo`, fresh for each run.
[server]
listen = "127.0.0.1:0"
# No balancer has to notice that it leaves.
shutdown-delay = "0s"

[store]
path = "store.db"

[business]
directory = "business"

[bundles]
paths = ["../plugins/restaurant", "../plugins/clinic"]

[auth]
keys = [{ algorithm = "HS256", key = { file = "secret" } }]
development = true

[webhooks.secrets]
RESERVATIONS_WEBHOOK = [{ file = "reservations-secret" }]
LAB_RESULTS_WEBHOOK = [{ file = "lab-results-secret" }]

# Compiled components outlive the run, so that the next one starts at once; the tests keep theirs there too.
[sandbox]
cache = "../tmp/compiled"

# So that `signalbox cron run` is seen at once.
[cron]
scan-interval = "250ms"

[llm.models.default]
provider = "scripted"
file = "restaurant.toml"

[llm.models.clinic]
provider = "scripted"
file = "clinic.toml"
"#;

/// All files of the demo's host, new for each run.
pub struct DemoFolder {
    /// The host's binary.
    pub signalbox: PathBuf,
    pub config: PathBuf,
    /// The host's standard error.
    pub log: PathBuf,
    /// The secret with which the laboratory signs its results.
    pub laboratory_secret: String,
}

/// Bundles whose businesses the host serves.
const EXAMPLES: [&str; 2] = ["restaurant", "clinic"];

impl DemoFolder {
    pub fn fresh(workspace: &Workspace, outgoing: &Outgoing<'_>) -> Result<Self> {
        let folder = workspace.target.join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        fs::create_dir_all(folder.join("business")).with_context(|| format!("{} cannot be made", folder.display()))?;
        let signalbox = workspace.target.join("debug/signalbox");
        if !signalbox.is_file() {
            bail!("{} is not there, though cargo has built it", signalbox.display());
        }

        for example in EXAMPLES {
            let source = workspace.root.join("plugins").join(example);
            let businesses = fs::read_dir(source.join("business"));
            for entry in businesses.with_context(|| format!("the example {example} has no business directory"))? {
                let entry = entry?;
                fs::copy(entry.path(), folder.join("business").join(entry.file_name()))?;
            }
            fs::copy(source.join("llm.toml"), folder.join(format!("{example}.toml")))
                .with_context(|| format!("the example {example} has no llm.toml"))?;
        }
        fs::write(folder.join("secret"), random_secret()?)?;
        // Hexadecimal digits are valid Base64 too.
        let laboratory_secret = format!("whsec_{}", random_secret()?);
        fs::write(folder.join("lab-results-secret"), &laboratory_secret)?;
        fs::write(folder.join("reservations-secret"), format!("whsec_{}", random_secret()?))?;

        let config = folder.join("signalbox.toml");
        fs::write(&config, format!("{CONFIGURATION}{}", outgoing.configuration()))?;
        Ok(Self { signalbox, config, log: folder.join("signalbox.log"), laboratory_secret })
    }
}

fn random_secret() -> Result<String> {
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("the system gives no random bytes")?;
    Ok(hex::encode(bytes))
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
