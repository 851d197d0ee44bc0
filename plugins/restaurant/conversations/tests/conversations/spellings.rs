//! Texts that look the same are understood the same.

use everyday::spellings;

use crate::restaurant::Restaurant;

const SENTENCES: [&str; 14] = [
    "Sâmbătă la prânz vrem o masă, suntem patru, când aveți loc?",
    "o masă mâine la ora 20, pâine fără gluten și brânză, suntem cinci",
    "Aș vrea o masă pentru 4 persoane mâine la 19:30, pe numele Popescu",
    "Vreau o masă sâmbătă la nouă fără un sfert pentru două persoane",
    "Vreau să anulez rezervarea de mâine",
    "Bună ziua! La ce oră deschideți sâmbătă?",
    "aveți ceva fără lapte și fără ouă?",
    "cât costă păstrăvul?",
    "Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!",
    "Soția mea a făcut o toxiinfecție de la pește",
    "Vreau să vorbesc cu managerul",
    "I'd like a table for two on Friday at half past seven",
    "I can't make it, please cancel my booking",
    "there was a hair in my fish and the waiter was rude, I want a refund",
];

#[test]
fn every_spelling_of_a_sentence_is_decided_alike() {
    for sentence in SENTENCES {
        let expected = Restaurant::open("trattoria-roma").say("ana", sentence);
        for (name, spelling) in spellings::of(sentence) {
            let answer = Restaurant::open("trattoria-roma").say("ana", &spelling);
            assert_eq!(
                (&answer.code, answer.review, &answer.path, &answer.actions),
                (&expected.code, expected.review, &expected.path, &expected.actions),
                "{name}: {spelling}"
            );
        }
    }
}

#[test]
fn a_name_is_kept_as_it_was_written() {
    let trattoria = Restaurant::open("trattoria-roma");
    trattoria.say("ana", "masă pentru 2 mâine la 19:30, pe numele S\u{326}tefan-Ioan Popescu");
    assert_eq!(trattoria.bookings("2026-11-26")[0]["name"], "Ștefan-Ioan Popescu");
}
