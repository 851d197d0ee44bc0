use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::workspace::Workspace;

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
        let bundle = workspace.target.join("plugins/restaurant");
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

        let config = folder.join("signalbox.toml");
        fs::write(&config, configuration(&folder, &bundle))?;
        Ok(Self { signalbox, config, log: folder.join("signalbox.log") })
    }
}

/// JSON strings are TOML strings too, whatever the folder is called.
fn configuration(folder: &Path, bundle: &Path) -> String {
    let path = |path: &Path| json!(path.to_string_lossy()).to_string();
    format!(
        "# Written by `cargo xtask demo`, fresh for each run.\n\
         [server]\n\
         listen = \"127.0.0.1:0\"\n\n\
         [store]\n\
         path = {store}\n\n\
         [business]\n\
         directory = {business}\n\n\
         [bundles]\n\
         paths = [{bundle}]\n\n\
         [auth]\n\
         secret = {{ file = {secret} }}\n\
         issuer = \"signalbox-demo\"\n\
         audience = \"signalbox\"\n\
         development = true\n\n\
         [llm.models.default]\n\
         provider = \"scripted\"\n\
         file = {llm}\n",
        store = path(&folder.join("store.db")),
        business = path(&folder.join("business")),
        bundle = path(bundle),
        secret = path(&folder.join("secret")),
        llm = path(&folder.join("llm.yaml")),
    )
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
    fn the_configuration_is_toml_whatever_the_folder_is_called() {
        let text = configuration(Path::new("/a \"b\"\\c"), Path::new("/plugins/restaurant"));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["store"]["path"].as_str(), Some("/a \"b\"\\c/store.db"));
        assert_eq!(table["bundles"]["paths"][0].as_str(), Some("/plugins/restaurant"));
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random_secret().unwrap(), random_secret().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }
}
