//! Message models: read from a bundle's folder, and chosen by how near they are.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use signalbox_model::{BusinessInfo, MessageModel, Timestamp};
use thiserror::Error;

use super::template::{TemplateError, Templates};

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
}

/// The part of a language tag before the region, in lower case.
fn language(locale: &str) -> String {
    locale.split(['-', '_']).next().unwrap_or(locale).to_ascii_lowercase()
}

/// The nearest model, and of equally near ones the newest.
pub fn nearest<'a>(models: &'a [MessageModel], wanted: &Wanted<'_>) -> Option<&'a MessageModel> {
    models
        .iter()
        .filter_map(|model| wanted.nearness(model).map(|nearness| (nearness, model)))
        .max_by(|(near, one), (nearer, other)| {
            near.cmp(nearer).then_with(|| compare_versions(&one.version, &other.version))
        })
        .map(|(_, model)| model)
}

/// Compares versions number by number, so that `1.10` is newer than `1.9`.
pub(super) fn compare_versions(one: &str, other: &str) -> Ordering {
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
    /// It is no message model.
    #[error("{} is not a message model:\n{reason}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why, several lines.
        reason: String,
    },
    /// Its template does not work.
    #[error("the template of {} {version} in {}: {reason}", .code, .path.display())]
    Template {
        /// Which file.
        path: PathBuf,
        /// Which code.
        code: String,
        /// Which version.
        version: String,
        /// Why.
        reason: TemplateError,
    },
}

/// A message model as an author writes it: the host knows the times and counts the uses.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenModel {
    decision_code: String,
    version: String,
    message_template: String,
    #[serde(default)]
    parameters: Vec<String>,
    business_type: Option<String>,
    location_context: Option<String>,
    locale: Option<String>,
}

/// One model at the file's top level, or several under `[[models]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    models: Vec<WrittenModel>,
}

/// Reads every `*.toml` of a folder, for one business type unless a model names another. A folder that is not there has
/// no models. Everything that is wrong is reported, not only the first.
pub fn read_models(
    folder: &Path,
    business_type: &str,
    now: Timestamp,
) -> Result<Vec<MessageModel>, Vec<ModelFileError>> {
    let mut files: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(vec![ModelFileError::Unreadable { path: folder.to_owned(), reason: error.to_string() }]);
        }
    };
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let (mut models, mut errors) = (Vec::new(), Vec::new());
    for path in files {
        match read_file(&path) {
            Ok(written) => models.extend(written.into_iter().map(|model| (path.clone(), model))),
            Err(error) => errors.push(error),
        }
    }
    let templates = Templates::new();
    let mut ready = Vec::with_capacity(models.len());
    for (path, written) in models {
        let model = MessageModel {
            decision_code: written.decision_code,
            version: written.version,
            message_template: written.message_template,
            parameters: written.parameters,
            business_type: written.business_type.or_else(|| Some(business_type.to_owned())),
            location_context: written.location_context,
            locale: written.locale,
            usage_count: 0,
            last_used: None,
            created_at: now,
            updated_at: now,
        };
        match templates.check(&model) {
            Ok(()) => ready.push(model),
            Err(reason) => {
                errors.push(ModelFileError::Template {
                    path,
                    code: model.decision_code,
                    version: model.version,
                    reason,
                });
            }
        }
    }
    if errors.is_empty() { Ok(ready) } else { Err(errors) }
}

fn read_file(path: &Path) -> Result<Vec<WrittenModel>, ModelFileError> {
    let text = fs::read_to_string(path)
        .map_err(|error| ModelFileError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
    let malformed =
        |error: toml::de::Error| ModelFileError::Malformed { path: path.to_owned(), reason: error.to_string() };
    if text.contains("[[models]]") {
        return toml::from_str(&text).map(|file: ModelFile| file.models).map_err(malformed);
    }
    toml::from_str(&text).map(|model| vec![model]).map_err(malformed)
}

#[cfg(test)]
mod tests {
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
    fn every_wrong_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let good = "decisionCode = \"a\"\nversion = \"1\"\nparameters = [\"name\"]\n";
        fs::write(folder.path().join("a.toml"), format!("{good}messageTemplate = \"Hi {{{{ name }}}}\"")).unwrap();
        fs::write(folder.path().join("b.toml"), format!("{good}messageTemplate = \"Hi {{{{ name\"")).unwrap();
        fs::write(folder.path().join("c.toml"), "decisionCode = 7").unwrap();
        fs::write(folder.path().join("d.toml"), format!("{good}messageTemplate = \"Hi {{{{ nmae }}}}\"")).unwrap();
        let errors = read_models(folder.path(), "restaurant", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(errors.iter().any(|error| error.to_string().contains("nmae")), "{errors:?}");
    }
}
