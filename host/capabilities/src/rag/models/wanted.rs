//! Chooses one of several message models.

use std::borrow::Borrow;

use signalbox_model::{BusinessInfo, MessageModel};
use signalbox_store::{ModelName, Store, StoreError};

use super::version::{canonical_version, compare_versions, same_version};

/// Selects a model.
#[derive(Clone, Copy, Debug)]
pub struct ModelQuery<'a> {
    /// The type of the business.
    pub business_type: &'a str,
    /// The location, when the input names one.
    pub location: Option<&'a str>,
    /// Only this version.
    pub version: Option<&'a str>,
    /// The wanted language.
    pub locale: &'a str,
    /// The language of the business, as a fallback.
    pub business_locale: &'a str,
}

impl<'a> ModelQuery<'a> {
    /// A query for a business; no locale means the business's own.
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

    /// How near a model is; none when it may not be used. Greater is nearer.
    fn nearness(&self, model: &MessageModel) -> Option<(u8, u8, u8)> {
        let MessageModel { version, business_type, location_context, locale, .. } = model;
        self.nearness_of([Some(version), business_type.as_ref(), location_context.as_ref(), locale.as_ref()])
    }

    /// Like `nearness`, from the name alone.
    fn nearness_of_name(&self, name: &ModelName) -> Option<(u8, u8, u8)> {
        let ModelName { version, business_type, location_context, locale } = name;
        self.nearness_of([Some(version), business_type.as_ref(), location_context.as_ref(), locale.as_ref()])
    }

    fn nearness_of(&self, [version, kind, place, locale]: [Option<&String>; 4]) -> Option<(u8, u8, u8)> {
        let is_wanted = |wanted: &str| version.is_some_and(|version| same_version(wanted, version));
        if !self.version.is_none_or(is_wanted) {
            return None;
        }
        let kind = match kind {
            None => 0,
            Some(kind) if kind == self.business_type => 1,
            Some(_) => return None,
        };
        let place = match (place, self.location) {
            (None, _) => 0,
            (Some(place), Some(wanted)) if place == wanted => 1,
            (Some(_), _) => return None,
        };
        let locale = match locale {
            Some(locale) if locale.eq_ignore_ascii_case(self.locale) => 3,
            Some(locale) if language(locale) == language(self.locale) => 2,
            None => 1,
            Some(locale) if language(locale) == language(self.business_locale) => 0,
            Some(_) => return None,
        };
        Some((place, locale, kind))
    }

    /// The nearest model of a code in the store, and of equally near ones the newest. The other models are not
    /// decompressed.
    pub async fn find(&self, store: &Store, decision_code: &str) -> Result<Option<MessageModel>, StoreError> {
        let version = self.version.map(canonical_version);
        let in_canonical_spelling = match &version {
            Some(version) => self.first(store, decision_code, Some(version)).await?,
            None => None,
        };
        // An earlier release may have stored the version in another spelling.
        match in_canonical_spelling {
            Some(model) => Ok(Some(model)),
            None => self.first(store, decision_code, None).await,
        }
    }

    async fn first(
        &self,
        store: &Store,
        code: &str,
        version: Option<&str>,
    ) -> Result<Option<MessageModel>, StoreError> {
        let wants = |name: &ModelName| self.nearness_of_name(name).is_some();
        let order = |one: &ModelName, other: &ModelName| {
            let nearness = |name| self.nearness_of_name(name);
            nearness(other).cmp(&nearness(one)).then_with(|| compare_versions(&other.version, &one.version))
        };
        Ok(store.first_message_models(code, version, 1, wants, order).await?.pop())
    }

    /// Why a model may be used, and how near it is, for people; none when it may not be used.
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
pub fn nearest<'a, M: Borrow<MessageModel>>(models: &'a [M], wanted: &ModelQuery<'_>) -> Option<&'a M> {
    models
        .iter()
        .filter_map(|model| wanted.nearness(model.borrow()).map(|nearness| (nearness, model)))
        .max_by(|(near, one), (nearer, other)| {
            near.cmp(nearer).then_with(|| compare_versions(&(*one).borrow().version, &(*other).borrow().version))
        })
        .map(|(_, model)| model)
}

#[cfg(test)]
mod tests {
    use signalbox_model::Timestamp;

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

    fn wanted(locale: &'static str, location: Option<&'static str>) -> ModelQuery<'static> {
        ModelQuery { business_type: "restaurant", location, version: None, locale, business_locale: "ro" }
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
        let second = ModelQuery { version: Some("2"), ..wanted("ro", None) };
        assert_eq!(nearest(&models, &second).unwrap().version, "2");
        assert!(nearest(&models, &ModelQuery { version: Some("3"), ..second }).is_none());
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
    fn every_spelling_of_a_version_is_found_and_the_one_that_is_written_today_wins() {
        let models = [model("1.0", None, None, None), model("1", None, None, None), model("01", None, None, None)];
        assert_eq!(nearest(&models, &wanted("ro", None)).unwrap().version, "1");
        for version in ["1", "1.0", "01"] {
            let this = ModelQuery { version: Some(version), ..wanted("ro", None) };
            assert_eq!(nearest(&models, &this).unwrap().version, "1");
            assert_eq!(nearest(&models[..1], &this).unwrap().version, "1.0", "a store that has only the old spelling");
        }
    }

    #[tokio::test]
    async fn the_store_gives_the_same_nearest_model_as_all_of_them_together() {
        let store = Store::open(signalbox_store::Config::memory()).await.unwrap();
        let mut models = Vec::new();
        for version in ["1", "1.0", "1.9", "1.10", "2.0"] {
            for (locale, place, kind) in [
                (None, None, None),
                (Some("ro"), None, Some("restaurant")),
                (Some("en"), Some("centru"), None),
                (Some("en"), None, Some("clinic")),
            ] {
                let model = model(version, locale, place, kind);
                store.put_message_model(&model).await.unwrap();
                models.push(model);
            }
        }
        for locale in ["ro", "en-GB", "de"] {
            for place in [None, Some("centru"), Some("nord")] {
                for version in [None, Some("1"), Some("1.0"), Some("1.9"), Some("2"), Some("2.0"), Some("7")] {
                    let wanted = ModelQuery { version, ..wanted(locale, place) };
                    let found = wanted.find(&store, "booking.confirmed").await.unwrap();
                    assert_eq!(found.as_ref(), nearest(&models, &wanted), "{wanted:?}");
                }
            }
        }
    }
}
