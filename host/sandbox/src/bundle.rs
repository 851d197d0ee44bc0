use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use signalbox_capabilities::folder::Folder;
use signalbox_capabilities::rag::{BundleModels, ModelFileError, SpeaksFor, read_models};
use signalbox_diagnostics::{Problem, suggestion};
use signalbox_graph::{Examined, Manifest, PluginSpec};
use signalbox_model::{MessageModel, Timestamp};

use crate::error::{BundleError, Refusal};
use crate::generation::Written;
use crate::scheduler::chunked_io;

/// The file name of a bundle's manifest.
const MANIFEST: &str = "bundle.toml";

/// The largest manifest that is read.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// A bundle in its folder: read and checked as far as possible, not compiled.
pub(crate) struct Bundle {
    /// The manifest; none when it has errors.
    pub manifest: Option<Manifest>,
    /// The part of the manifest that could be read.
    pub written: Arc<Written>,
    /// The plugins that nodes run; all others are input handlers.
    pub nodes: BTreeSet<String>,
    /// The message models of the folder `models/`; or all of their problems, including warnings.
    pub models: Result<Vec<MessageModel>, Vec<ModelFileError>>,
    /// The component files that exist, by plugin.
    pub components: BTreeMap<String, ComponentFile>,
    /// All problems so far, including warnings.
    pub problems: Vec<Problem>,
}

/// A component's bytes, and their hash in hexadecimal digits. The hash is computed once, because that takes long for
/// large components.
pub(crate) struct ComponentFile {
    pub digest: String,
    pub bytes: Bytes,
}

impl Bundle {
    /// Reads a bundle's folder, and finds everything that is wrong with the manifest, the component files and the
    /// models.
    pub fn read(folder: &Path, largest_component: u64) -> Result<Self, BundleError> {
        let path = folder.join(MANIFEST);
        let file = path.display().to_string();
        let folder = Folder::open(folder).map_err(|error| unreadable(&path, &error))?;
        let manifest = folder.file(Path::new(MANIFEST)).map_err(|error| unreadable(&path, &error))?;
        let size = manifest.metadata().map_err(|error| unreadable(&path, &error))?.len();
        if size > LARGEST_MANIFEST {
            let reason = format!("it has {size} bytes; a manifest has at most {LARGEST_MANIFEST}");
            return Err(BundleError::Unreadable { path, reason });
        }
        let text =
            std::io::read_to_string(manifest.take(LARGEST_MANIFEST)).map_err(|error| unreadable(&path, &error))?;
        let Examined { manifest, business_type, plugins, inputs, places, permissions, nodes, mut problems } =
            signalbox_graph::examine(&text);
        let (components, mut missing) = read_components(&folder, &plugins, largest_component);
        problems.append(&mut missing);
        let speaks_for = business_type.as_deref().map_or(SpeaksFor::Any(None), SpeaksFor::Only);
        let (models, model_warnings) = match read_models(&folder, speaks_for, Timestamp::now()) {
            Ok(BundleModels { models, warnings }) => (Ok(models), warnings),
            Err(problems) => (Err(problems), Vec::new()),
        };
        if let Ok(models) = &models {
            problems.append(&mut unknown_templates(&plugins, models));
        }
        let warnings = problems.iter().filter(|problem| !problem.is_error()).cloned().collect();
        let written =
            Written { file, text, business_type, plugins, inputs, places, permissions, warnings, model_warnings };
        let written = Arc::new(written);
        Ok(Self { manifest, written, nodes, models, components, problems })
    }

    /// Whether the bundle cannot be loaded, whatever its components are.
    pub fn is_refused(&self) -> bool {
        self.manifest.is_none() || self.models.is_err() || self.problems.iter().any(Problem::is_error)
    }

    /// The error that refuses this bundle, with all problems so far and these.
    pub fn refuse(self, more: Vec<Problem>) -> BundleError {
        let problems: Vec<Problem> = self.problems.into_iter().chain(more).collect();
        let report = (!problems.is_empty()).then(|| self.written.report(problems));
        let models = self.models.err().unwrap_or_else(|| self.written.model_warnings.clone());
        BundleError::Refused(Box::new(Refusal { report, models, written: Some(self.written) }))
    }

    /// Whether a problem was already found at the place of this one.
    pub fn has_problem_at(&self, problem: &Problem) -> bool {
        self.problems.iter().any(|known| known.is_error() && known.span == problem.span)
    }

    /// `sha256:` and the hash of the whole bundle.
    pub fn digest(&self) -> String {
        digest(&self.written.text, &self.components, self.models.as_deref().unwrap_or_default())
    }
}

/// Message models that a plugin lists and the bundle does not have. A response that names one would fail its decision.
fn unknown_templates(plugins: &BTreeMap<String, PluginSpec>, models: &[MessageModel]) -> Vec<Problem> {
    let known: BTreeSet<&str> = models.iter().map(|model| model.decision_code.as_str()).collect();
    let mut problems = Vec::new();
    for (name, plugin) in plugins {
        let listed = plugin.templates.iter().flatten().zip(&plugin.template_spans);
        for (template, span) in listed.filter(|(template, _)| !known.contains(template.as_str())) {
            let message =
                format!("plugin `{name}` lists template `{template}`, and the bundle has no such message model");
            let help = match known.len() {
                0 => "the bundle has no message models: add the template to a file in its folder `models`".to_owned(),
                _ => suggestion(template, "its message models", known.iter().copied()),
            };
            problems.push(Problem::new(message, span.clone(), "here").with_help(help));
        }
    }
    problems
}

fn unreadable(path: &Path, error: &std::io::Error) -> BundleError {
    BundleError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

fn read_components(
    folder: &Folder,
    plugins: &BTreeMap<String, PluginSpec>,
    largest: u64,
) -> (BTreeMap<String, ComponentFile>, Vec<Problem>) {
    let (mut components, mut problems) = (BTreeMap::new(), Vec::new());
    // A plugin without a path is already a problem of the manifest.
    for (name, plugin) in plugins.iter().filter(|(_, plugin)| !plugin.component.is_empty()) {
        match read_component(folder, Path::new(&plugin.component), largest) {
            Ok(bytes) => {
                let digest = hex::encode(Sha256::digest(&bytes));
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

/// Reads a component far enough to know that it is one; otherwise says what the file is.
fn read_component(folder: &Folder, path: &Path, largest: u64) -> Result<Vec<u8>, (String, String)> {
    let build = "build it with `cargo build --release --target wasm32-wasip2`".to_owned();
    let unreadable = |error: std::io::Error| (format!("cannot read its component: {error}"), build.clone());
    let file = folder.file(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > largest {
        let help = "build it with `opt-level = \"s\"`, `lto` and `strip`, or raise `component-size` under [sandbox]";
        return Err((
            format!("its component has {size} bytes, more than the {largest} that are taken"),
            help.to_owned(),
        ));
    }
    let bytes = chunked_io::read(&file, size).map_err(unreadable)?;
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(bytes),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            Err(("its file is a core module, not a component".to_owned(), build))
        }
        _ if bytes.starts_with(b"\x7fELF") => Err(("its file is native code, which is never loaded".to_owned(), build)),
        _ => Err(("its file is no WebAssembly component".to_owned(), build)),
    }
}

/// The hash over everything that can change a decision. Each part is preceded by its length, so that different bundles
/// do not collide.
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
    format!("sha256:{}", hex::encode(hash.finalize()))
}
