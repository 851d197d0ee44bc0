//! Texts that look the same are understood the same: an emergency is recognised however a keyboard composes letters.

use everyday::spellings;

use crate::clinic::Clinic;

const SENTENCES: [&str; 19] = [
    "Am tușit cu sânge de sâmbătă",
    "nu-mi mai simt mâna și am gura strâmbă",
    "nu am sânge în urină",
    "Am febră",
    "Bineînțeles, reînnoiesc programarea de mâine",
    "bunica a avut un infarct acum 10 ani",
    "Tușesc cu sânge",
    "Mă doare capul de trei zile și am febră 39",
    "Mă doare pieptul și transpir",
    "Nu pot respira și mă doare în piept",
    "Am amețeli, dar nu am febră",
    "Mă doare gâtul și nu pot înghiți",
    "copilul are febră și vărsături cu sânge",
    "Au venit rezultatele analizelor?",
    "Aș vrea o programare la dermatolog joi după-amiază",
    "Vreau să anulez programarea de sâmbătă",
    "I can't breathe",
    "I have had a cough for three weeks, my throat hurts",
    "fever of 40 since yesterday and a stiff neck",
];

#[test]
fn every_spelling_of_a_sentence_has_the_same_triage() {
    for sentence in SENTENCES {
        let expected = Clinic::open("clinica-sanatatea").say("ana", sentence);
        for (name, spelling) in spellings::of(sentence) {
            let answer = Clinic::open("clinica-sanatatea").say("ana", &spelling);
            assert_eq!(
                (&answer.code, answer.review, &answer.path, answer.actions.len()),
                (&expected.code, expected.review, &expected.path, expected.actions.len()),
                "{name}: {spelling}"
            );
        }
    }
}

#[test]
fn blood_in_a_cough_is_urgent_however_it_is_spelt() {
    for spelling in ["Tușesc cu sânge", "Tus\u{326}esc cu sa\u{302}nge", "TU\u{15e}ESC CU SÂNGE"] {
        let answer = Clinic::open("clinica-sanatatea").say("ana", spelling);
        assert_eq!((answer.code.as_str(), answer.review), ("triage.urgent", true), "{spelling}: {answer:?}");
    }
}

#[test]
fn whoever_is_unsure_reaches_a_person() {
    for text in
        ["nu am sânge în urină", "mi-e rău", "am înghițit ceva", "ceva la inimă", "ajutor", "nu mai pot de durere"]
    {
        for spelling in ["clinica-sanatatea", "harbour-practice"] {
            let answer = Clinic::open(spelling).say("ana", text);
            assert!(answer.review && answer.code.starts_with("triage."), "{text}: {answer:?}");
        }
    }
}
