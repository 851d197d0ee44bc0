//! Message models: read from a bundle's folder, and chosen by how near they are.

mod written;

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::io::Read;
use std::path::{Path, PathBuf};

use signalbox_model::{BusinessInfo, MessageModel, Timestamp};
use thiserror::Error;

use crate::folder::Folder;

pub use written::{ModelFormat, ModelProblem, SpeaksFor, WrittenModel, is_locale, read_model_text};

/// The largest file of message models, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// The most message models of a bundle. Those of all types for one decision code are read together, so what one bundle
/// brings is a burden on others.
const MOST_MODELS: usize = 1_000;

/// Where a bundle has its models.
const FOLDER: &str = "models";

/// The most files of message models of one bundle.
const MOST_FILES: usize = 1_000;

/// Which model is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The business's type.
    pub business_type: &'a str,
    /// The place, when the input names one.
    pub location: Option<&'a str>,
    /// Only this version.
    pub version: Option<&'a str>,
    /// The language to speak.
    pub locale: &'a str,
    /// The language to fall back to.
    pub business_locale: &'a str,
}

impl<'a> Wanted<'a> {
    /// What a business wants; no locale means its own.
    pub fn of(
        business: &'a BusinessInfo,
        location: Option<&'a str>,
        version: Option<&'a str>,
        locale: Option<&'a str>,
    ) -> Self {
        Self {
            business_type: &business.business_type,
            location,
            version,
            locale: locale.unwrap_or(&business.locale),
            business_locale: &business.locale,
        }
    }

    /// How near a model is; none when it may not be used at all. Greater is nearer.
    fn nearness(&self, model: &MessageModel) -> Option<(u8, u8, u8)> {
        if self.version.is_some_and(|version| version != model.version) {
            return None;
        }
        let kind = match &model.business_type {
            None => 0,
            Some(kind) if kind == self.business_type => 1,
            Some(_) => return None,
        };
        let place = match (&model.location_context, self.location) {
            (None, _) => 0,
            (Some(place), Some(wanted)) if place == wanted => 1,
            (Some(_), _) => return None,
        };
        let locale = match &model.locale {
            Some(locale) if locale.eq_ignore_ascii_case(self.locale) => 3,
            Some(locale) if language(locale) == language(self.locale) => 2,
            None => 1,
            Some(locale) if language(locale) == language(self.business_locale) => 0,
            Some(_) => return None,
        };
        Some((place, locale, kind))
    }

    /// Why a model may be used, and how near it is, for a person; none when it may not be used at all.
    pub fn why(&self, model: &MessageModel) -> Option<String> {
        let (place, locale, kind) = self.nearness(model)?;
        let place = match (&model.location_context, place) {
            (Some(place), 1..) => format!("for the place {place}"),
            _ => "for every place".to_owned(),
        };
        let written = model.locale.as_deref().unwrap_or_default();
        let locale = match locale {
            3 => format!("in {written}, as wanted"),
            2 => format!("in {written}, the language of {}", self.locale),
            1 => "in no particular language".to_owned(),
            _ => format!("in {written}, the business's language, because there is none in {}", self.locale),
        };
        let kind = match kind {
            0 => "for every type of business".to_owned(),
            _ => format!("for businesses of type {}", self.business_type),
        };
        Some(format!("{place}, {locale}, {kind}"))
    }
}

/// The part of a language tag before the region, in lower case.
fn language(locale: &str) -> String {
    locale.split(['-', '_']).next().unwrap_or(locale).to_ascii_lowercase()
}

/// The nearest model, and of equally near ones the newest.
pub fn nearest<'a, M: Borrow<MessageModel>>(models: &'a [M], wanted: &Wanted<'_>) -> Option<&'a M> {
    models
        .iter()
        .filter_map(|model| wanted.nearness(model.borrow()).map(|nearness| (nearness, model)))
        .max_by(|(near, one), (nearer, other)| {
            near.cmp(nearer).then_with(|| compare_versions(&(*one).borrow().version, &(*other).borrow().version))
        })
        .map(|(_, model)| model)
}

/// Compares versions number by number, so that `1.10` is newer than `1.9`.
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    let parts = |version: &str| -> Vec<(u64, String)> {
        version.split('.').map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    parts(one).cmp(&parts(other))
}

/// What is wrong with a file of message models.
#[derive(Debug, Error)]
pub enum ModelFileError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{}:{}: {}", .path.display(), .problem.line, .problem.message)]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        problem: ModelProblem,
    },
}

/// Reads every `*.toml` of a bundle's folder `models`. A folder that is not there has no models. Everything that is wrong is
/// reported, not only the first.
pub fn read_models(
    bundle: &Folder,
    speaks_for: SpeaksFor<'_>,
    now: Timestamp,
) -> Result<Vec<MessageModel>, Vec<ModelFileError>> {
    let mut files: Vec<PathBuf> = match bundle.list(Path::new(FOLDER)) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
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
    let (mut models, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        let path = bundle.path().join(&file);
        let text = match bundle.file(&file).map_err(|error| error.to_string()).and_then(read_model_source) {
            Ok(text) => text,
            Err(reason) => {
                errors.push(ModelFileError::Unreadable { path, reason });
                continue;
            }
        };
        match read_model_text(&text, ModelFormat::Toml, speaks_for, now) {
            Ok(written) => models.extend(written.into_iter().map(|written| written.model)),
            Err(problems) => {
                let wrong = |problem| ModelFileError::Wrong { path: path.clone(), problem };
                errors.extend(problems.into_iter().map(wrong));
            }
        }
    }
    if models.len() > MOST_MODELS {
        let reason = format!("it has {} message models; a bundle brings at most {MOST_MODELS}", models.len());
        errors.push(ModelFileError::Unreadable { path: bundle.path().join(FOLDER), reason });
    }
    if errors.is_empty() { Ok(models) } else { Err(errors) }
}

/// A text, when it is no longer than a file of message models may be.
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

    fn model(version: &str, locale: Option<&str>, place: Option<&str>, kind: Option<&str>) -> MessageModel {
        let now = Timestamp::UNIX_EPOCH;
        MessageModel {
            decision_code: "booking.confirmed".to_owned(),
            version: version.to_owned(),
            message_template: "x".to_owned(),
            parameters: Vec::new(),
            business_type: kind.map(str::to_owned),
            location_context: place.map(str::to_owned),
            locale: locale.map(str::to_owned),
            usage_count: 0,
            last_used: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn wanted(locale: &'static str, location: Option<&'static str>) -> Wanted<'static> {
        Wanted { business_type: "restaurant", location, version: None, locale, business_locale: "ro" }
    }

    #[test]
    fn the_place_wins_over_the_language_and_the_language_over_the_version() {
        let models = [
            model("3", Some("ro"), None, None),
            model("1", Some("en"), None, None),
            model("1", Some("ro"), Some("centru"), None),
        ];
        assert_eq!(nearest(&models, &wanted("en-GB", None)).unwrap().locale.as_deref(), Some("en"));
        assert_eq!(
            nearest(&models, &wanted("en", Some("centru"))).unwrap().location_context.as_deref(),
            Some("centru")
        );
        assert_eq!(nearest(&models, &wanted("de", None)).unwrap().version, "3");
    }

    #[test]
    fn the_newest_of_equals_wins_number_by_number() {
        let models = [model("1.9", None, None, None), model("1.10", None, None, None)];
        assert_eq!(nearest(&models, &wanted("ro", None)).unwrap().version, "1.10");
    }

    #[test]
    fn models_of_other_businesses_and_places_are_not_used() {
        let models = [model("1", None, None, Some("clinic")), model("1", None, Some("nord"), None)];
        assert!(nearest(&models, &wanted("ro", Some("centru"))).is_none());
    }

    #[test]
    fn a_model_for_a_type_wins_over_one_for_all_and_a_named_version_over_the_newest() {
        let models = [model("2", None, None, None), model("1", None, None, Some("restaurant"))];
        assert_eq!(nearest(&models, &wanted("ro", None)).unwrap().version, "1");
        let second = Wanted { version: Some("2"), ..wanted("ro", None) };
        assert_eq!(nearest(&models, &second).unwrap().version, "2");
        assert!(nearest(&models, &Wanted { version: Some("3"), ..second }).is_none());
    }

    #[test]
    fn why_a_model_is_used_is_told_and_one_that_may_not_be_has_no_reason() {
        let why = |model: MessageModel, locale: &'static str| wanted(locale, Some("centru")).why(&model);
        let near = why(model("1", Some("en"), Some("centru"), Some("restaurant")), "en-GB").unwrap();
        assert_eq!(near, "for the place centru, in en, the language of en-GB, for businesses of type restaurant");
        let far = why(model("1", Some("ro"), None, None), "de").unwrap();
        assert!(far.contains("for every place, in ro, the business's language") && far.contains("none in de"), "{far}");
        assert_eq!(why(model("1", Some("fr"), None, None), "de"), None);
    }

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
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        for (file, problem) in [("b.toml:4:", "syntax"), ("c.toml:1:", "decisionCode"), ("d.toml:4:", "nmae")] {
            assert!(told.iter().any(|told| told.contains(file) && told.contains(problem)), "{file} in {told:#?}");
        }
        assert!(!told.iter().any(|told| told.contains("a.toml")), "{told:#?}");
    }
}
