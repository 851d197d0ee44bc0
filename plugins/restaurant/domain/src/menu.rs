//! The menu from the settings, and questions about it.

use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::text::{Word, words};

/// A text in the languages of the restaurant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Text {
    /// In Romanian.
    pub ro: String,
    /// In English; the Romanian one when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// A dish or drink, from the setting `menu`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dish {
    /// Its name.
    pub name: Text,
    /// In the currency of the setting `currency`.
    pub price: f64,
    /// `starter`, `pizza`, `pasta`, `main`, `dessert`, `drink`, or a category of the restaurant's own.
    pub category: String,
    /// Without meat and fish.
    #[serde(default)]
    pub vegetarian: bool,
    /// Without animal products.
    #[serde(default)]
    pub vegan: bool,
    /// `gluten`, `milk`, `egg`, `nuts`, `fish`, `shellfish`, `soy`, `celery`, `mustard`, `sesame`.
    #[serde(default)]
    pub allergens: Vec<String>,
}

/// What a question about the menu asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Without meat and fish.
    pub vegetarian: bool,
    /// Without animal products.
    pub vegan: bool,
    /// Allergens that a dish must not have.
    pub without: Vec<&'static str>,
    /// Only this category.
    pub category: Option<String>,
    /// Only dishes with these words in their names, folded.
    pub names: Vec<String>,
}

/// Allergen, and the beginnings of words that mean it.
const ALLERGENS: &[(&str, &[&str])] = &[
    ("gluten", &["gluten", "celiac", "coeliac", "faina", "wheat"]),
    ("milk", &["lapte", "lactoz", "lactose", "lactate", "milk", "dairy"]),
    ("egg", &["ou", "oua", "egg", "eggs"]),
    ("nuts", &["nuci", "nuca", "alune", "arahide", "nut", "nuts", "peanut"]),
    ("fish", &["peste", "fish"]),
    ("shellfish", &["crustacee", "creveti", "shellfish", "shrimp", "seafood"]),
    ("soy", &["soia", "soy"]),
    ("celery", &["telina", "celery"]),
    ("mustard", &["mustar", "mustard"]),
    ("sesame", &["susan", "sesame"]),
];

const CATEGORIES: &[(&str, &[&str])] = &[
    ("starter", &["aperitiv", "antreu", "starter", "appetizer", "appetiser"]),
    ("soup", &["supa", "supe", "ciorba", "ciorbe", "soup"]),
    ("salad", &["salata", "salate", "salad"]),
    ("pizza", &["pizza", "pizze"]),
    ("pasta", &["paste", "pasta"]),
    ("main", &["fel principal", "feluri principale", "main course", "main dish", "mains"]),
    ("dessert", &["desert", "dulce", "dulciuri", "dessert", "sweet"]),
    ("drink", &["bautur", "vin", "vinuri", "bere", "drink", "wine", "beer", "cafea", "coffee"]),
];

/// What a question asks for. A dish is named by any word of its name that is not a category or filler.
pub fn read(text: &str, menu: &[Dish]) -> Query {
    let words = words(text);
    let mut query = Query {
        vegan: starts(&words, "vegan"),
        vegetarian: starts(&words, "vegetarian")
            || has(&words, &["fara", "carne"])
            || has(&words, &["without", "meat"]),
        ..Query::default()
    };
    for (allergen, names) in ALLERGENS {
        if (0..words.len()).any(|index| names.iter().any(|name| avoided(&words, index, name))) {
            query.without.push(allergen);
        }
    }
    let category = CATEGORIES.iter().find(|(_, names)| names.iter().any(|name| means(&words, name)));
    query.category = category.map(|(category, _)| (*category).to_owned());
    query.names =
        menu.iter().flat_map(telling_words).filter(|name| words.iter().any(|word| word.folded == *name)).collect();
    query.names.sort();
    query.names.dedup();
    query
}

/// The dishes that answer a question. A named dish is found in any category.
pub fn search<'m>(menu: &'m [Dish], query: &Query) -> Vec<&'m Dish> {
    let fits_diet = |dish: &&Dish| {
        (!query.vegan || dish.vegan)
            && (!query.vegetarian || dish.vegetarian || dish.vegan)
            && !query.without.iter().any(|allergen| dish.allergens.iter().any(|contained| contained == allergen))
    };
    let named: Vec<&Dish> = menu
        .iter()
        .filter(|dish| telling_words(dish).iter().any(|word| query.names.contains(word)))
        .filter(fits_diet)
        .collect();
    if !query.names.is_empty() {
        return named;
    }
    menu.iter()
        .filter(|dish| query.category.as_ref().is_none_or(|category| dish.category == *category))
        .filter(fits_diet)
        .collect()
}

impl Query {
    /// Whether nothing restricts the question.
    pub fn is_broad(&self) -> bool {
        *self == Self::default()
    }
}

impl Text {
    /// The text in a language.
    pub fn in_language(&self, language: Language) -> &str {
        match (language, &self.en) {
            (Language::En, Some(english)) => english,
            _ => &self.ro,
        }
    }
}

/// The folded words that identify a dish, for the rules that guess an intent.
pub fn telling_words(dish: &Dish) -> Vec<String> {
    let names = [Some(&dish.name.ro), dish.name.en.as_ref()];
    let mut telling: Vec<String> = names
        .into_iter()
        .flatten()
        .flat_map(|name| words(name))
        .map(|word| word.folded)
        .filter(|word| word.len() >= 4 && !is_filler(word))
        .collect();
    telling.sort();
    telling.dedup();
    telling
}

fn is_filler(word: &str) -> bool {
    let category = CATEGORIES.iter().flat_map(|(_, names)| names.iter()).any(|name| *name == word);
    let allergen = ALLERGENS.iter().flat_map(|(_, names)| names.iter()).any(|name| *name == word);
    category
        || allergen
        || matches!(word, "with" | "house" | "casei" | "style" | "fresh" | "grilled" | "gratar" | "zilei")
}

/// An allergen that the guest does not want: `fără lapte`, `no nuts`, `alergic la ouă`, `gluten-free`.
fn avoided(words: &[Word], index: usize, name: &str) -> bool {
    let at = |index: usize| words.get(index).map_or("", |word| word.folded.as_str());
    let is_named = if name.len() > 4 { at(index).starts_with(name) } else { at(index) == name };
    if !is_named {
        return false;
    }
    let free_after = matches!(at(index + 1), "free" | "intolerant" | "intolerance" | "allergy" | "allergic");
    // Several allergens may share one `fără`: `fără lapte și ouă`.
    let avoided_before = (1..=6).filter_map(|back| index.checked_sub(back)).any(|before| {
        matches!(
            at(before),
            "fara"
                | "without"
                | "no"
                | "alergic"
                | "alergica"
                | "alergie"
                | "allergic"
                | "allergy"
                | "intolerant"
                | "intoleranta"
                | "intolerance"
        )
    });
    let telling_itself = at(index).starts_with("celiac") || at(index).starts_with("coeliac");
    free_after || avoided_before || telling_itself
}

fn starts(words: &[Word], stem: &str) -> bool {
    words.iter().any(|word| word.folded.starts_with(stem))
}

fn means(words: &[Word], name: &str) -> bool {
    let parts: Vec<&str> = name.split(' ').collect();
    match parts.as_slice() {
        [stem] if stem.len() > 4 => starts(words, stem),
        parts => has(words, parts),
    }
}

fn has(words: &[Word], phrase: &[&str]) -> bool {
    words.windows(phrase.len()).any(|window| window.iter().zip(phrase).all(|(word, wanted)| word.folded == *wanted))
}

/// The name of an allergen in a language; an unknown allergen keeps its own name.
pub fn allergen_name(allergen: &str, language: Language) -> &str {
    match (language, allergen) {
        (Language::En, other) => other,
        (Language::Ro, "milk") => "lapte",
        (Language::Ro, "egg") => "ou",
        (Language::Ro, "nuts") => "nuci",
        (Language::Ro, "fish") => "pește",
        (Language::Ro, "shellfish") => "crustacee",
        (Language::Ro, "soy") => "soia",
        (Language::Ro, "celery") => "țelină",
        (Language::Ro, "mustard") => "muștar",
        (Language::Ro, "sesame") => "susan",
        (Language::Ro, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu() -> Vec<Dish> {
        serde_json::from_value(serde_json::json!([
            { "name": { "ro": "Pizza Margherita" }, "price": 38, "category": "pizza", "vegetarian": true,
              "allergens": ["gluten", "milk"] },
            { "name": { "ro": "Pizza Diavola" }, "price": 44, "category": "pizza", "allergens": ["gluten", "milk"] },
            { "name": { "ro": "Salată de sezon", "en": "Seasonal salad" }, "price": 29, "category": "salad", "vegan": true },
            { "name": { "ro": "Păstrăv la grătar", "en": "Grilled trout" }, "price": 56, "category": "main",
              "allergens": ["fish"] },
            { "name": { "ro": "Tiramisu" }, "price": 27, "category": "dessert", "vegetarian": true,
              "allergens": ["gluten", "milk", "egg"] },
        ]))
        .unwrap()
    }

    fn found(text: &str) -> Vec<String> {
        let menu = menu();
        search(&menu, &read(text, &menu)).into_iter().map(|dish| dish.name.ro.clone()).collect()
    }

    #[test]
    fn diets_and_allergens_are_kept_in_both_languages() {
        let vegetarian = ["Pizza Margherita", "Salată de sezon", "Tiramisu"];
        assert_eq!(found("Ce aveți vegetarian?"), vegetarian);
        assert_eq!(found("What vegetarian dishes do you have?"), vegetarian);
        assert_eq!(found("something vegan"), ["Salată de sezon"]);
        assert_eq!(found("fără gluten"), ["Salată de sezon", "Păstrăv la grătar"]);
        assert_eq!(found("sunt alergic la pește și ouă"), ["Pizza Margherita", "Pizza Diavola", "Salată de sezon"]);
        assert_eq!(found("gluten-free and no fish"), ["Salată de sezon"]);
        assert_eq!(found("lactose intolerant"), ["Salată de sezon", "Păstrăv la grătar"]);
    }

    #[test]
    fn a_guest_who_wants_fish_is_not_taken_for_one_who_avoids_it() {
        assert!(read("aveți pește?", &menu()).without.is_empty());
    }

    #[test]
    fn categories_and_dishes_are_found_by_name() {
        assert_eq!(found("ce pizza aveți?"), ["Pizza Margherita", "Pizza Diavola"]);
        assert_eq!(found("vegetarian pizza"), ["Pizza Margherita"]);
        assert_eq!(found("how much is the trout?"), ["Păstrăv la grătar"]);
        assert_eq!(found("cat costa pastravul sau tiramisu"), ["Tiramisu"]);
        assert_eq!(found("desert"), ["Tiramisu"]);
        assert_eq!(found("Pizza Diavola fara lactoza"), Vec::<String>::new());
    }

    #[test]
    fn an_open_question_gets_the_whole_menu() {
        assert!(read("ce aveți de mâncare?", &menu()).is_broad());
        assert_eq!(found("ce aveți de mâncare?").len(), 5);
    }

    #[test]
    fn a_name_is_told_in_the_language_of_the_guest() {
        assert_eq!(menu()[3].name.in_language(Language::En), "Grilled trout");
        assert_eq!(menu()[0].name.in_language(Language::En), "Pizza Margherita");
    }
}
