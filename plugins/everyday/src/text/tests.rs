use super::*;

fn folded(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.folded).collect()
}

#[test]
fn both_encodings_of_romanian_letters_fold_to_the_same() {
    assert_eq!(fold("Sâmbătă, peşte și țuică"), "sambata, peste si tuica");
    assert_eq!(fold("ŞŢ ȘȚ"), "st st");
}

#[test]
fn every_spelling_of_a_word_folds_to_the_same() {
    let spellings = [
        ("Tu\u{219}esc", "tusesc"),
        ("Tus\u{326}esc", "tusesc"),
        ("TU\u{218}ESC", "tusesc"),
        ("TUS\u{326}ESC", "tusesc"),
        ("tu\u{15f}esc", "tusesc"),
        ("tus\u{327}esc", "tusesc"),
        ("tu\u{ad}\u{219}e\u{200d}sc\u{200b}", "tusesc"),
        ("\u{ff34}\u{ff35}\u{219}esc", "tusesc"),
        ("\u{130}n\u{21b}epat", "intepat"),
        ("I\u{307}nt\u{326}epat", "intepat"),
        ("of\u{fb01}ce", "office"),
        ("Stra\u{df}e", "strasse"),
        ("a\u{302}\u{323}", "a"),
        ("can\u{2019}t", "can't"),
        ("10\u{2013}12", "10-12"),
    ];
    for (written, folded) in spellings {
        assert_eq!(fold(written), folded, "{written}");
        assert_eq!(fold(&composed(written)), folded, "{written}");
    }
}

#[test]
fn marks_and_invisible_characters_cut_no_words_and_odd_spaces_do() {
    assert_eq!(folded("Tus\u{326}esc cu sa\u{302}nge"), ["tusesc", "cu", "sange"]);
    assert_eq!(folded("ma\u{301}\u{300}ine\u{a0}la\u{202f}19:30"), ["maine", "la", "19:30"]);
    assert_eq!(folded("re\u{ad}zer\u{200b}vare la 1\u{200d}9\u{ff1a}30"), ["rezervare", "la", "19:30"]);
    assert_eq!(folded("\u{feff}\u{ff14} persoane"), ["4", "persoane"]);
    let name = words("Ana-Maria O\u{2019}Neill s\u{326}i");
    assert_eq!(name.iter().map(|word| word.tie).collect::<Vec<_>>(), [None, Some('-'), None, Some('\u{2019}'), None]);
    assert_eq!(name[4].written, "și");
}

#[test]
fn numbers_keep_their_signs_and_what_binds_them() {
    assert_eq!(folded("pentru -3"), ["pentru", "-3"]);
    assert_eq!(folded("pentru \u{2212}3, (-4) masa-5"), ["pentru", "-3", "-4", "masa", "5"]);
    assert_eq!(folded("3-4 sau 3\u{2013}4, 2,5 ori 2\u{bd}"), ["3-4", "sau", "3-4", "2,5", "ori", "2", "1/2"]);
    assert_eq!(folded("4+2 sau 4 + 2, 10+ la +40 21"), ["4+2", "sau", "4", "+", "2", "10+", "la", "40", "21"]);
    assert_eq!(folded("luni - 3 persoane"), ["luni", "3", "persoane"]);
    assert_eq!(folded("pentru \u{2796}3, \u{2796}\u{fe0f}4, \u{207b}5"), ["pentru", "-3", "-4", "-5"]);
}

#[test]
fn a_dash_before_a_number_is_kept_and_the_dash_of_a_list_is_not() {
    let dashed =
        |text: &str| words(text).into_iter().filter(|word| word.dash).map(|word| word.written).collect::<Vec<_>>();
    for text in
        ["pentru - 3", "pentru \u{2212}\u{a0}3", "pentru \u{2014} 3", "luni - 3 persoane", "pentru -\u{200b} 3", "- 3"]
    {
        assert_eq!(dashed(text), ["3"], "{text}");
    }
    assert_eq!(dashed("pentru -trei, - patru"), ["trei", "patru"]);
    assert_eq!(dashed("3 - 4"), ["4"]);
    for text in
        ["- 3 persoane", "mâine:\n- 3 persoane\n \u{2013} la 19", "Ana-Maria - pește", "-3", "sala - la 3", "3 -"]
    {
        assert_eq!(dashed(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_sign_has_alternatives_gaps_and_open_ends() {
    let message = words("am tușit azi mult cu sânge");
    assert_eq!(spans(&message, "tusesc|tusi* .. sange*").collect::<Vec<_>>(), [(1, 5)]);
    assert!(!contains(&words("am tușit azi foarte mult cu sânge"), "tusi* .. sange*"), "four words are too many");
    assert!(contains(&words("tușesc sânge"), "tuse* .. sange*") && !contains(&words("tușesc"), "tuse* .. sange*"));
    assert!(contains(&words("nu-mi mai simt mâna"), "nu .. simt .. mana|brat*"));
    assert_eq!(spans(&words("da da"), "da").count(), 2);
    assert!(contains(&words("I can't move"), "can't move $") && !contains(&words("can't move it"), "can't move $"));
}

#[test]
fn numerals_of_several_words_are_one_number() {
    assert_eq!(folded("douăzeci și cinci de persoane"), ["25", "de", "persoane"]);
    assert_eq!(folded("twenty-five or twenty five people"), ["25", "or", "25", "people"]);
    assert_eq!(folded("la opt și douăzeci"), ["la", "opt", "si", "douazeci"]);
    assert_eq!(words("treizeci și doi")[0].written, "treizeci și doi");
}

#[test]
fn dates_and_times_stay_whole_and_sentences_are_cut() {
    assert_eq!(folded("Mâine la 19:30, 25.12.2026."), ["maine", "la", "19:30", "25.12.2026"]);
    assert_eq!(folded("at 7pm or 7 p.m."), ["at", "7", "pm", "or", "7", "pm"]);
    assert_eq!(folded("2026-12-25 la 8."), ["2026-12-25", "la", "8"]);
    assert_eq!(folded(""), Vec::<String>::new());
}

#[test]
fn a_sign_is_found_as_whole_words_or_by_its_beginning() {
    let message = words("Aș vrea să-mi anulez programarea, n-am timp");
    assert_eq!(find(&message, "anul*"), Some(4));
    assert!(contains(&message, "n'am timp"));
    assert!(!contains(&message, "program"), "a sign without `*` is a whole word");
    assert!(!contains(&[], "anul*"));
}

#[test]
fn numbers_are_read_in_both_languages() {
    assert_eq!(number("patru"), Some(4));
    assert_eq!(number("twelve"), Some(12));
    assert_eq!(number("12"), Some(12));
    assert_eq!(number("12345"), None);
    assert_eq!(number("masa"), None);
}
