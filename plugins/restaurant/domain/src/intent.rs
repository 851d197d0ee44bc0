//! Finds a guest's intent by rules: the fallback when no language model answers, and a second opinion when one does.

use serde::{Deserialize, Serialize};

use crate::complaint;
use crate::text::{contains, words};

/// What a guest wants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// To book a table.
    Booking,
    /// To cancel a booking.
    Cancel,
    /// When the restaurant is open.
    Hours,
    /// What is on the menu.
    Menu,
    /// Address and telephone.
    Contact,
    /// Something went wrong.
    Complaint,
    /// To talk to a person.
    Person,
    /// Only a greeting or thanks.
    Greeting,
    /// The rules find none.
    Unclear,
}

/// Every intent, as a language model may name it.
pub const NAMES: [&str; 9] =
    ["booking", "cancel", "hours", "menu", "contact", "complaint", "person", "greeting", "unclear"];

/// The rules' guess, and its confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The intent.
    pub intent: Intent,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Folded words and phrases that point to an intent, with their weight; `*` matches any ending.
const SIGNS: &[(Intent, u32, &[&str])] = &[
    (Intent::Booking, 3, &["rezerv*", "book*", "reserv*", "table*", "o masa", "masa pentru", "masa de", "mese pentru"]),
    (Intent::Booking, 1, &["masa", "locuri", "persoane", "people", "guests", "party of"]),
    (Intent::Cancel, 6, &["anul*", "renunt*", "cancel*", "nu mai venim", "nu mai vin", "can't make it", "call off"]),
    (
        Intent::Hours,
        4,
        &[
            "program*",
            "orar*",
            "deschi*",
            "inchi*",
            "opening hours",
            "open",
            "clos*",
            "what time do you",
            "la ce ora",
            "pana la ce ora",
            "hours",
        ],
    ),
    (
        Intent::Menu,
        3,
        &[
            "meniu*",
            "menu",
            "vegetarian*",
            "vegan*",
            "gluten",
            "lactoz*",
            "lactose",
            "alerg*",
            "allerg*",
            "preparat*",
            "fel de mancare",
            "feluri de mancare",
            "dish*",
            "desert*",
            "dessert",
            "cat costa",
            "how much is",
            "how much are",
            "pret*",
            "price*",
            "de mancare",
            "to eat",
            "ce aveti bun",
        ],
    ),
    (
        Intent::Contact,
        4,
        &[
            "adres*",
            "telefon*",
            "unde sunteti",
            "unde va aflati",
            "unde va gasi",
            "address*",
            "phone",
            "where are you",
            "how do i get",
            "cum ajung",
            "contact",
        ],
    ),
    (
        Intent::Person,
        6,
        &[
            "un om",
            "o persoana reala",
            "operator",
            "cu cineva",
            "managerul",
            "vorbesc cu",
            "human",
            "real person",
            "a person",
            "the manager",
            "speak to someone",
            "talk to someone",
        ],
    ),
    (
        Intent::Greeting,
        1,
        &[
            "buna",
            "salut",
            "hello",
            "hi",
            "hey",
            "good morning",
            "good evening",
            "multumesc",
            "mersi",
            "thank*",
            "thanks",
        ],
    ),
];

/// The intent of a message. `dishes` are the folded names of dishes, which point to the menu too.
pub fn guess(text: &str, dishes: &[String]) -> Guess {
    let words = words(text);
    let mut scores: Vec<(Intent, u32)> = Vec::new();
    for (intent, weight, signs) in SIGNS {
        let hits = signs.iter().filter(|sign| contains(&words, sign)).count() as u32;
        add(&mut scores, *intent, hits * weight);
    }
    let on_the_menu = dishes.iter().filter(|dish| contains(&words, dish)).count() as u32;
    add(&mut scores, Intent::Menu, on_the_menu.min(1) * 2);
    add(&mut scores, Intent::Complaint, complaint::weight(&words));
    let total: u32 = scores.iter().map(|(_, score)| score).sum();
    // Of equals the first wins, so the order of `SIGNS` decides ties; a greeting never wins over a request.
    let best = scores.iter().rev().max_by_key(|(_, score)| *score).copied();
    match best {
        Some((intent, score)) if score > 0 => {
            let share = f64::from(score) / f64::from(total);
            let strength = f64::from(score.min(6)) / 6.0;
            Guess { intent, confidence: round(0.35 + 0.35 * share + 0.25 * strength) }
        }
        _ => Guess { intent: Intent::Unclear, confidence: 0.2 },
    }
}

fn add(scores: &mut Vec<(Intent, u32)>, intent: Intent, score: u32) {
    match scores.iter_mut().find(|(known, _)| *known == intent) {
        Some((_, sum)) => *sum += score,
        None => scores.push((intent, score)),
    }
}

/// Rules are no more precise than two digits.
pub(crate) fn round(confidence: f64) -> f64 {
    (confidence * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(text: &str) -> Intent {
        guess(text, &["pizza".to_owned(), "tiramisu".to_owned()]).intent
    }

    #[test]
    fn wishes_are_understood_in_both_languages() {
        let cases = [
            ("Aș vrea o masă pentru 4 persoane mâine la 19:30", Intent::Booking),
            ("vreau sa rezerv pentru sambata", Intent::Booking),
            ("A table for two, please", Intent::Booking),
            ("I'd like to book for Friday", Intent::Booking),
            ("Vreau să anulez rezervarea de mâine", Intent::Cancel),
            ("please cancel my booking", Intent::Cancel),
            ("Bună ziua! La ce oră deschideți sâmbătă?", Intent::Hours),
            ("Care e programul de duminică?", Intent::Hours),
            ("are you open on Monday?", Intent::Hours),
            ("Ce aveți vegetarian?", Intent::Menu),
            ("What vegetarian dishes do you have?", Intent::Menu),
            ("cât costă pizza?", Intent::Menu),
            ("aveti tiramisu?", Intent::Menu),
            ("Unde vă aflați?", Intent::Contact),
            ("what's your address", Intent::Contact),
            ("Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!", Intent::Complaint),
            ("my pizza was cold and the waiter was rude", Intent::Complaint),
            ("Vreau să vorbesc cu managerul", Intent::Person),
            ("can I talk to someone please", Intent::Person),
            ("Bună!", Intent::Greeting),
            ("hello", Intent::Greeting),
            ("xyz", Intent::Unclear),
            ("", Intent::Unclear),
        ];
        for (text, expected) in cases {
            assert_eq!(intent(text), expected, "{text}");
        }
    }

    #[test]
    fn confidence_stays_in_its_range_and_grows_with_the_signs() {
        let weak = guess("masa", &[]).confidence;
        let strong = guess("rezervare masă pentru 4 persoane", &[]).confidence;
        assert!(weak < strong, "{weak} {strong}");
        assert!((0.0..=1.0).contains(&strong));
    }

    #[test]
    fn the_names_are_those_on_the_wire() {
        for name in NAMES {
            let intent: Intent = serde_json::from_value(name.into()).unwrap();
            assert_eq!(serde_json::to_value(intent).unwrap(), name);
        }
    }
}
