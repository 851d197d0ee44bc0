//! Message models: reading them from a bundle's folder, and choosing the nearest one.

mod version;
mod wanted;
mod written;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signalbox_diagnostics::{Problem, Report, Severity};
use signalbox_model::{MessageModel, Timestamp, visible};
use thiserror::Error;

use crate::folder::Folder;

pub use version::{canonical_version, compare_versions, same_version};
pub use wanted::{ModelQuery, nearest};
pub use written::{ModelFormat, ReadText, SpeaksFor, WrittenModel, is_locale, read_model_text};

/// The largest file of message models, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The most message models of a bundle. The models of all business types for one decision code are read together, so a
/// bundle with many models slows others down.
const MOST_MODELS: usize = 1_000;

/// The folder of the models in a bundle.
const FOLDER: &str = "models";

/// The most files of message models of one bundle.
const MOST_FILES: usize = 1_000;

/// A problem of a file of message models.
#[derive(Clone, Debug, Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its text has errors or warnings.
    #[error("{}", first_problem(.0))]
    Text(Arc<Report>),
}

impl ModelFileError {
    /// How many errors there are. Each of them prevents the use of the models.
    pub fn errors(&self) -> usize {
        self.report().map_or(1, Report::errors)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.report().map_or(0, Report::warnings)
    }

    /// Whether an error prevents the use of the models.
    pub fn is_error(&self) -> bool {
        self.errors() > 0
    }

    /// All problems of the text; none when the file cannot be read.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Text(report) => Some(report),
        }
    }

    /// All problems, as a terminal shows them.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Unreadable { .. } => format!("{}\n", visible(&self.to_string())),
            Self::Text(report) => report.render(colour),
        }
    }
}

/// The first error with its place; the first warning when there is no error.
fn first_problem(report: &Report) -> String {
    let first = report.problems().find(|problem| problem.severity == Severity::Error);
    let first = first.or_else(|| report.problems().next());
    first.map_or_else(String::new, |first| format!("{}:{}:{}: {}", first.file, first.line, first.column, first.message))
}

/// The message models of a bundle.
#[derive(Debug, Default)]
pub struct BundleModels {
    /// The models.
    pub models: Vec<MessageModel>,
    /// Warnings: the models can be used, but their author may have meant something else.
    pub warnings: Vec<ModelFileError>,
}

/// Reads every `*.toml` of a bundle's folder `models`. A missing folder has no models. Reports everything that is
/// wrong, and warnings.
pub fn read_models(
    bundle: &Folder,
    speaks_for: SpeaksFor<'_>,
    now: Timestamp,
) -> Result<BundleModels, Vec<ModelFileError>> {
    let mut files: Vec<PathBuf> = match bundle.list(Path::new(FOLDER)) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BundleModels::default()),
        Err(error) => {
            let path = bundle.path().join(FOLDER);
            return Err(vec![ModelFileError::Unreadable { path, reason: error.to_string() }]);
        }
    };
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    if files.len() > MOST_FILES {
        let (path, found) = (bundle.path().join(FOLDER), files.len());
        let reason = format!("it has {found} files, more than {MOST_FILES}; put several models into one");
        return Err(vec![ModelFileError::Unreadable { path, reason }]);
    }
    let (mut models, mut errors, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for file in files {
        let path = bundle.path().join(&file);
        let text = match bundle.file(&file).map_err(|error| error.to_string()).and_then(read_model_source) {
            Ok(text) => text,
            Err(reason) => {
                errors.push(ModelFileError::Unreadable { path, reason });
                continue;
            }
        };
        let problems = match read_model_text(&text, ModelFormat::Toml, speaks_for, now) {
            Ok(read) => {
                let mut problems = read.warnings;
                for written in read.models {
                    let place = format!("{}:{}", file.display(), written.line);
                    problems.extend(repeated_in_files(&mut seen, &written, place));
                    models.push(written.model);
                }
                problems
            }
            Err(problems) => problems,
        };
        if !problems.is_empty() {
            let report = Report::new(&path.display().to_string(), &text, problems);
            errors.push(ModelFileError::Text(Arc::new(report)));
        }
    }
    if models.len() > MOST_MODELS {
        let reason = format!("it has {} message models; a bundle brings at most {MOST_MODELS}", models.len());
        errors.push(ModelFileError::Unreadable { path: bundle.path().join(FOLDER), reason });
    }
    if errors.iter().any(ModelFileError::is_error) {
        return Err(errors);
    }
    Ok(BundleModels { models, warnings: errors })
}

/// What identifies a model.
type Key = (String, String, Option<String>, Option<String>, Option<String>);

/// A problem if an earlier file has the same model, because the order of the file names would decide which one is used.
fn repeated_in_files(seen: &mut HashMap<Key, String>, written: &WrittenModel, place: String) -> Option<Problem> {
    let MessageModel { decision_code, version, business_type, location_context, locale, .. } = written.model.clone();
    let message =
        format!("{decision_code} {version} stands here again for the same place and language; the first is in");
    let first = seen.insert((decision_code, version, business_type, location_context, locale), place)?;
    let problem = Problem::new(format!("{message} {first}"), written.at.clone(), "here");
    Some(problem.with_help("leave one out, or give it another version"))
}

/// Reads a text that is not longer than a file of message models may be.
pub fn read_model_source(source: impl Read) -> Result<String, String> {
    let mut text = String::new();
    source.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(format!("it has more than {LARGEST_FILE} bytes; divide it into several"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_wrong_file_is_reported() {
        let bundle = tempfile::tempdir().unwrap();
        let folder = bundle.path().join("models");
        fs::create_dir(&folder).unwrap();
        let good = "decisionCode = \"a\"\nversion = \"1\"\nparameters = [\"name\"]\n";
        fs::write(folder.join("a.toml"), format!("{good}messageTemplate = \"Hi {{{{ name }}}}\"")).unwrap();
        fs::write(folder.join("b.toml"), format!("{good}messageTemplate = \"Hi {{{{ name\"")).unwrap();
        fs::write(folder.join("c.toml"), "decisionCode = 7").unwrap();
        fs::write(folder.join("d.toml"), format!("{good}messageTemplate = \"Hi {{{{ nmae }}}}\"")).unwrap();
        let errors =
            read_models(&Folder::open(bundle.path()).unwrap(), SpeaksFor::Only("restaurant"), Timestamp::UNIX_EPOCH)
                .unwrap_err();
        let told: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
        for (file, problem) in [("b.toml:4:", "syntax"), ("c.toml:1:", "decisionCode"), ("d.toml:4:", "nmae")] {
            assert!(told.iter().any(|told| told.contains(file) && told.contains(problem)), "{file} in {told:#?}");
        }
        assert!(!told.iter().any(|told| told.contains("a.toml")), "{told:#?}");
    }

    #[test]
    fn several_mistakes_of_a_file_are_told_at_once_each_with_its_line_and_a_caret() {
        let bundle = tempfile::tempdir().unwrap();
        fs::create_dir(bundle.path().join("models")).unwrap();
        let text = "decisionCode = \"a b\"\nverzion = \"1\"\nversion = \"1\"\nmessageTemplate = \"\"\"\nHi\n{{ nmae }}\"\"\"\n";
        fs::write(bundle.path().join("models/a.toml"), text).unwrap();
        let folder = Folder::open(bundle.path()).unwrap();
        let errors = read_models(&folder, SpeaksFor::Only("restaurant"), Timestamp::UNIX_EPOCH).unwrap_err();
        let told: String = errors.iter().map(|error| error.render(false)).collect();
        for part in [
            "a.toml:1:16]",
            "1 │ decisionCode = \"a b\"",
            "a.toml:2:1]",
            "did you mean `version`?",
            "a.toml:6:1]",
            "6 │ {{ nmae }}",
            "3 problems in",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        assert_eq!(told.matches("╰── here").count(), 3, "{told}");
    }

    #[test]
    fn the_same_model_in_two_files_is_told_in_whatever_spelling() {
        let bundle = tempfile::tempdir().unwrap();
        let folder = bundle.path().join("models");
        fs::create_dir(&folder).unwrap();
        let text = |version: &str| format!("decisionCode = \"a\"\nversion = \"{version}\"\nmessageTemplate = \"x\"\n");
        fs::write(folder.join("a.toml"), text("1")).unwrap();
        fs::write(folder.join("b.toml"), text("1.0")).unwrap();
        fs::write(folder.join("c.toml"), text("2")).unwrap();
        let folder = Folder::open(bundle.path()).unwrap();
        let errors = read_models(&folder, SpeaksFor::Only("restaurant"), Timestamp::UNIX_EPOCH).unwrap_err();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("b.toml:1:1: a 1 stands here again") && told[0].contains("a.toml:1"), "{told:?}");
    }
}
