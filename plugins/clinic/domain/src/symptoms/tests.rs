use super::*;

fn codes(text: &str) -> Vec<String> {
    read(text).into_iter().map(|symptom| symptom.code).collect()
}

#[test]
fn symptoms_are_found_in_both_languages_and_in_order() {
    assert_eq!(codes("Mă doare capul de trei zile și am febră 39"), ["headache", "fever"]);
    assert_eq!(codes("Mă doare capul și gâtul"), ["headache", "throat"], "one `doare` serves both");
    assert_eq!(codes("I have a bad cough, a fever of 38.5 and my knee hurts"), ["cough", "fever", "joint"]);
    assert_eq!(codes("Vreau o programare joi"), Vec::<String>::new());
}

#[test]
fn what_is_denied_is_no_symptom() {
    assert_eq!(codes("Tușesc, dar nu am febră"), ["cough"]);
    assert_eq!(codes("I have a cough without fever"), ["cough"]);
    assert_eq!(codes("Nu pot respira"), ["breathing"], "the sign's own `nu` denies nothing");
}

#[test]
fn a_part_of_the_body_alone_is_no_symptom() {
    assert_eq!(codes("where is the head office"), Vec::<String>::new());
}

#[test]
fn each_symptom_keeps_the_words_said_of_it() {
    let found = read("Mă doare capul de trei zile, am febră 38,5");
    assert_eq!(found[0].said, "Mă doare capul de trei zile");
    assert_eq!(found[1].said, "am febră 38,5", "a decimal comma ends no clause");
}

#[test]
fn duration_strength_and_temperature_are_read() {
    let cases = [
        ("de trei zile", Some(3)),
        ("de două săptămâni", Some(14)),
        ("for a month", Some(30)),
        ("de ieri", Some(1)),
        ("since 2 hours", Some(0)),
        ("mult", None),
    ];
    for (text, expected) in cases {
        assert_eq!(days(&words(text)), expected, "{text}");
    }
    assert_eq!(strength(&words("mă doare insuportabil")), Strength::Severe);
    assert_eq!(strength(&words("8 din 10")), Strength::Severe);
    assert_eq!(strength(&words("about 2/10")), Strength::Mild);
    assert_eq!(strength(&words("mă doare")), Strength::Moderate);
    assert_eq!(temperature(&words("febră 38,5")), Some(385));
    assert_eq!(temperature(&words("fever of 40")), Some(400));
    assert_eq!(temperature(&words("de 3 zile")), None);
    assert_eq!(temperature(&words("39-40 de grade")), Some(400));
}

#[test]
fn clauses_end_the_same_in_every_spelling() {
    let whole = codes("Mă doare gâtul și tușesc dar nu am febră");
    assert_eq!(whole, ["throat", "cough"]);
    for text in [
        "MĂ DOARE GÂTUL ȘI TUȘESC DAR NU AM FEBRĂ",
        "Ma\u{306} doare ga\u{302}tul s\u{326}i tus\u{326}esc dar nu am febra\u{306}",
        "Mă doare gâtul\u{a0}și\u{a0}tușesc\u{a0}dar\u{202f}nu am febră",
        "Mă doare gâtul \u{15f}i tu\u{15f}esc dar nu am febră",
        "Mă doare gâtul\u{ff0c} tușesc\u{ff1b} nu am febră",
    ] {
        assert_eq!(codes(text), whole, "{text}");
    }
}

#[test]
fn any_text_is_read_without_end_or_panic() {
    for text in ["", ",,,..;;", "șșș, și și și", "38,", ",5", "🤒 febră 🤒", &"febră și ".repeat(5_000)] {
        assert!(read(text).len() <= MOST_SYMPTOMS);
    }
}
