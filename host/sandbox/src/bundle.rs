use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use signalbox_capabilities::rag::{ModelFileError, read_models};
use signalbox_graph::{Manifest, Problem, Report};
use signalbox_model::{MessageModel, Timestamp};

use crate::error::{BundleError, Refusal};
use crate::pieces;

/// The largest manifest that is read.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// A bundle as it lies in its folder: read and checked, not yet compiled.
pub(crate) struct Bundle {
    /// `sha256:` and the hash of everything in it.
    pub digest: String,
    /// What `bundle.toml` says.
    pub manifest: Manifest,
    /// The message models of its `models/` folder.
    pub models: Vec<MessageModel>,
    /// `bundle.toml` as reports call it.
    pub file: String,
    pub text: String,
    /// By plugin.
    pub components: BTreeMap<String, ComponentFile>,
}

/// A component's bytes, and their hash in hexadecimal digits. Large ones take long to hash: it is done once.
pub(crate) struct ComponentFile {
    pub digest: String,
    pub bytes: Bytes,
}

impl Bundle {
    /// Reads a bundle's folder. Finds everything that is wrong with manifest and models, not only the first thing.
    pub fn read(folder: &Path, largest_component: u64) -> Result<Self, BundleError> {
        let path = folder.join("bundle.toml");
        let file = path.display().to_string();
        let size = file_size(&path).map_err(|error| unreadable(&path, &error))?;
        if size > LARGEST_MANIFEST {
            let reason = format!("it has {size} bytes; a manifest has at most {LARGEST_MANIFEST}");
            return Err(BundleError::Unreadable { path, reason });
        }
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let manifest = match signalbox_graph::parse(&file, &text) {
            Ok(manifest) => manifest,
            Err(report) => {
                let models = models_of(folder, "").err().unwrap_or_default();
                return Err(BundleError::Refused(Box::new(Refusal { report: Some(report), models })));
            }
        };
        let (components, problems) = read_components(folder, &manifest, largest_component);
        let models = models_of(folder, &manifest.business_type);
        let report = (!problems.is_empty()).then(|| Report::new(&file, &text, problems));
        match (models, report) {
            (Ok(models), None) => {
                let digest = digest(&text, &components, &models);
                Ok(Self { digest, manifest, models, file, text, components })
            }
            (models, report) => {
                Err(BundleError::Refused(Box::new(Refusal { report, models: models.err().unwrap_or_default() })))
            }
        }
    }

    /// A refusal of this bundle with these problems.
    pub fn refuse(&self, problems: Vec<Problem>) -> BundleError {
        let report = Some(Report::new(&self.file, &self.text, problems));
        BundleError::Refused(Box::new(Refusal { report, models: Vec::new() }))
    }
}

fn models_of(folder: &Path, business_type: &str) -> Result<Vec<MessageModel>, Vec<ModelFileError>> {
    read_models(&folder.join("models"), business_type, Timestamp::now())
}

fn unreadable(path: &Path, error: &std::io::Error) -> BundleError {
    BundleError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

fn read_components(
    folder: &Path,
    manifest: &Manifest,
    largest: u64,
) -> (BTreeMap<String, ComponentFile>, Vec<Problem>) {
    let (mut components, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, plugin) in &manifest.plugins {
        match read_component(&folder.join(&plugin.component), largest) {
            Ok(bytes) => {
                let digest = hex(&Sha256::digest(&bytes));
                components.insert(name.clone(), ComponentFile { digest, bytes: bytes.into() });
            }
            Err((message, help)) => problems.push(
                Problem::new(format!("plugin `{name}`: {message}"), plugin.component_span.clone(), "this component")
                    .with_help(help),
            ),
        }
    }
    (components, problems)
}

/// Reads a component far enough to know that it is one, and says what it is instead where it is not.
fn read_component(path: &PathBuf, largest: u64) -> Result<Vec<u8>, (String, String)> {
    let build = "build it with `cargo build --release --target wasm32-wasip2`".to_owned();
    let size = file_size(path).map_err(|error| (format!("cannot read its component: {error}"), build.clone()))?;
    if size > largest {
        let help = "build it with `opt-level = \"s\"`, `lto` and `strip`, or raise `component-size` under [sandbox]";
        return Err((
            format!("its component has {size} bytes, more than the {largest} that are taken"),
            help.to_owned(),
        ));
    }
    let read = fs::File::open(path).and_then(|file| pieces::read(&file, size));
    let bytes = read.map_err(|error| (format!("cannot read its component: {error}"), build.clone()))?;
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(bytes),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            Err(("its file is a core module, not a component".to_owned(), build))
        }
        _ if bytes.starts_with(b"\x7fELF") => Err(("its file is native code, which is never loaded".to_owned(), build)),
        _ => Err(("its file is no WebAssembly component".to_owned(), build)),
    }
}

/// In bytes. What is no file, as a pipe, may keep who opens it waiting forever.
fn file_size(path: &Path) -> std::io::Result<u64> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(std::io::Error::other("it is no file")) }
}

/// Over everything that can change a decision, each part with its length so that no two bundles collide.
fn digest(manifest: &str, components: &BTreeMap<String, ComponentFile>, models: &[MessageModel]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(manifest.as_bytes());
    for (name, component) in components {
        part(name.as_bytes());
        part(component.digest.as_bytes());
    }
    for model in models {
        for text in [
            Some(&model.decision_code),
            Some(&model.version),
            Some(&model.message_template),
            model.business_type.as_ref(),
            model.location_context.as_ref(),
            model.locale.as_ref(),
        ] {
            part(text.map_or(&[], |text| text.as_bytes()));
        }
        for parameter in &model.parameters {
            part(parameter.as_bytes());
        }
    }
    format!("sha256:{}", hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
