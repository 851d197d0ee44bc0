//! Reads defaults, then the file, then the environment, then options: each overrides the ones before.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use signalbox_diagnostics::{Lines, Problem, Report, parse_toml, suggestion};
use signalbox_model::SecretReference;

use super::Config;
use super::reader::{ConfigProblem, ConfigProblemKind};
use super::tree::{ConfigNode, ConfigOrigin, ConfigValue};
use super::variables;

/// The file that is read when no other is named and this one exists.
const USUAL_FILE: &str = "signalbox.toml";
/// The most problems that one report lists. It also ends the loop when a fault cannot be set aside.
const MOST_PROBLEMS: usize = 50;

/// The sources of the configuration.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file named by the operator.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// `KEY=VALUE` of the command line, each with the option's name.
    pub options: Vec<(String, String)>,
}

/// The configuration, and where each of its values was set.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every value that is not a default.
    pub tree: ConfigNode,
    /// The file that was read.
    pub file: Option<PathBuf>,
    source: String,
    /// Variables that look like configuration but set nothing, a sentence each.
    pub warnings: Vec<String>,
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigError {
    in_file: Option<Box<Report>>,
    elsewhere: Vec<String>,
}

impl Sources {
    /// The sources of this process: the file, the environment, and options, each a name and `KEY=VALUE`.
    pub fn of_process<'a>(file: Option<PathBuf>, options: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let options = options.into_iter().map(|(name, option)| (name.to_owned(), option)).collect();
        // A name that is not Unicode cannot be a key of the configuration.
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect();
        Self { file, variables, options }
    }

    /// Reads and checks everything.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let file = self.file.or_else(|| Path::new(USUAL_FILE).is_file().then(|| PathBuf::from(USUAL_FILE)));
        let source = match &file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let name = path.display();
                ConfigError::elsewhere(format!("cannot read the configuration file {name}: {error}"))
            })?,
            None => String::new(),
        };
        Self { file, ..self }.read(source)
    }

    /// Like [`Sources::load`], with the file's text given in `source`; no file is opened.
    pub fn read(self, source: String) -> Result<Loaded, ConfigError> {
        let file = self.file;
        let name = file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
        let parsed = parse_toml(&source, LARGEST_FILE).map(|document| ConfigNode::of(&document));
        let mut tree = parsed.map_err(|problems| ConfigError {
            in_file: Some(Box::new(Report::new(&name, &source, problems))),
            elsewhere: Vec::new(),
        })?;
        let mut elsewhere = Vec::new();
        let sections = Config::sections();
        let mut warnings = variables::lay_over(&mut tree, self.variables, &sections, &mut elsewhere);
        for (flag, option) in self.options {
            match option.split_once('=') {
                Some((key, value)) if !key.trim().is_empty() => {
                    let path: Vec<String> = key.trim().split('.').map(str::to_owned).collect();
                    let origin = ConfigOrigin::Flag(format!("{flag} {}", key.trim()));
                    tree.set(&path, ConfigNode::text(value.trim().to_owned(), origin));
                }
                _ => elsewhere.push(format!(
                    "option {flag} {option} is not KEY=VALUE; write for example `{flag} server.listen=127.0.0.1:8080`"
                )),
            }
        }
        match (read(&tree, &name, &source, &mut elsewhere), elsewhere.is_empty()) {
            (Ok(config), true) => {
                let mut loaded = Loaded { config, tree, file, source, warnings: Vec::new() };
                // A variable that a secret refers to is in use, whatever its name.
                loaded.config.each_secret(&mut |_, reference| {
                    if let SecretReference::Env(name) = reference {
                        warnings.retain(|warning| !warning.contains(&format!(" {name} ")));
                    }
                });
                loaded.warnings = warnings;
                loaded.anchor_paths();
                Ok(loaded)
            }
            (Ok(_), false) => Err(ConfigError { in_file: None, elsewhere }),
            (Err(in_file), _) => Err(ConfigError { in_file: in_file.map(Box::new), elsewhere }),
        }
    }
}

impl Loaded {
    /// Where a value was set, for people.
    pub fn provenance(&self, path: &[&str]) -> String {
        let file = self.file.as_deref().unwrap_or(Path::new(USUAL_FILE)).display();
        match self.tree.origin_of(path) {
            None => "default".to_owned(),
            Some(ConfigOrigin::File(span)) => {
                let line = Lines::of(&self.source).at(span.start);
                format!("{file}:{line}")
            }
            Some(origin) => origin.to_string(),
        }
    }

    /// A relative path is relative to the configuration file, so that the configuration means the same from every
    /// directory; only paths from the environment and the command line are relative to the working directory.
    fn anchor_paths(&mut self) {
        let Some(folder) = self.file.as_deref().and_then(Path::parent).map(Path::to_path_buf) else { return };
        let tree = &self.tree;
        self.config.each_path(&mut |key, path| {
            let of_the_file = matches!(tree.origin_of(key), None | Some(ConfigOrigin::File(_)));
            if of_the_file && path.is_relative() {
                *path = folder.join(&*path);
            }
        });
    }
}

impl ConfigNode {
    pub(super) fn text(value: String, origin: ConfigOrigin) -> Self {
        Self { content: ConfigValue::Text(value), key_origin: origin.clone(), origin }
    }
}

/// Reads the tree. A faulty value is noted and set aside, so that one report names all faults.
fn read(tree: &ConfigNode, name: &str, source: &str, elsewhere: &mut Vec<String>) -> Result<Config, Option<Report>> {
    let mut rest = tree.clone();
    let mut in_file = Vec::new();
    let mut set_aside: Vec<Vec<String>> = Vec::new();
    loop {
        let fault = match Config::deserialize(rest.clone()) {
            Ok(config) if set_aside.is_empty() => return Ok(config),
            Ok(_) => break,
            Err(fault) => fault,
        };
        // A key that was set aside because of its value is missing now; its fault has been reported already.
        let told = matches!(&fault.kind, ConfigProblemKind::Missing(key)
            if set_aside.iter().any(|path| path.split_last().is_some_and(|(last, parent)| last == key && parent == fault.path)));
        if !told {
            tell(&fault, name, source, &mut in_file, elsewhere);
        }
        if !rest.remove(&fault.path) || in_file.len() + elsewhere.len() >= MOST_PROBLEMS {
            break;
        }
        set_aside.push(fault.path);
    }
    Err((!in_file.is_empty()).then(|| Report::new(name, source, in_file)))
}

fn tell(fault: &ConfigProblem, name: &str, source: &str, in_file: &mut Vec<Problem>, elsewhere: &mut Vec<String>) {
    let key = fault.path.join(".");
    let message = match &fault.kind {
        ConfigProblemKind::UnknownKey(..) => format!("unknown key `{key}`"),
        ConfigProblemKind::Missing(missing) if key.is_empty() => format!("section `{missing}` is missing"),
        ConfigProblemKind::Missing(missing) => format!("`{key}` lacks the key `{missing}`"),
        _ => format!("`{key}`: {fault}"),
    };
    let help = help(fault);
    match &fault.origin {
        // The line would show the secret.
        Some(ConfigOrigin::File(span)) if matches!(fault.kind, ConfigProblemKind::PlainSecret) => {
            let line = Lines::of(source).at(span.start);
            elsewhere.push(format!("{name}:{line}: {message}; {help}"));
        }
        Some(ConfigOrigin::File(span)) => {
            let label = match &fault.kind {
                ConfigProblemKind::UnknownKey(..) => "not a key here",
                ConfigProblemKind::Missing(_) => "lacks a key",
                _ => "does not fit",
            };
            in_file.push(Problem::new(message, span.clone(), label).with_help(help));
        }
        Some(origin) => elsewhere.push(format!("{origin}: {message}; {help}")),
        None => elsewhere.push(format!("{message}; {help}")),
    }
}

fn help(fault: &ConfigProblem) -> String {
    match &fault.kind {
        ConfigProblemKind::UnknownKey(_, known) | ConfigProblemKind::UnknownChoice(_, known) if known.is_empty() => {
            "nothing is known here".to_owned()
        }
        ConfigProblemKind::UnknownKey(key, known) | ConfigProblemKind::UnknownChoice(key, known) => {
            suggestion(key, "known", known.iter().copied())
        }
        ConfigProblemKind::PlainSecret => "write `{ env = \"NAME\" }` or `{ file = \"path\" }`".to_owned(),
        ConfigProblemKind::Missing(key) => format!("add `{key}`; docs/guide/configuration.md says what it takes"),
        ConfigProblemKind::Value(_) => "docs/guide/configuration.md lists every key with its default".to_owned(),
    }
}

/// The largest configuration file, in bytes.
const LARGEST_FILE: usize = 1 << 20;

impl ConfigError {
    pub(crate) fn elsewhere(problem: String) -> Self {
        Self { in_file: None, elsewhere: vec![problem] }
    }

    /// The error as a person reads it in a terminal.
    pub fn render(&self, colour: bool) -> String {
        let mut out = self.in_file.as_ref().map(|report| report.render(colour)).unwrap_or_default();
        for problem in &self.elsewhere {
            out.push_str(&format!("  × {}\n", signalbox_model::visible(problem)));
        }
        out
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.in_file.as_ref().map_or(0, |report| report.count()) + self.elsewhere.len();
        write!(f, "the configuration has {count} problem{}", if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
