use jiff::civil::date;

use super::*;
use crate::calendar;
use crate::text::words;

fn read(text: &str) -> Option<Size> {
    let words = words(text);
    let when = calendar::read_words(&words, date(2026, 11, 25).at(15, 0, 0, 0));
    size(&words, &when.used, false)
}

fn of(count: u32) -> Option<Size> {
    Some(Size::Of(count))
}

#[test]
fn the_size_of_a_party_is_read_in_both_languages() {
    let cases = [
        ("o masă pentru 4 persoane mâine la 19:30", 4),
        ("masa pentru 4", 4),
        ("A table for two, please", 2),
        ("table for 6 tomorrow at 7 pm", 6),
        ("suntem cinci", 5),
        ("vom fi 8", 8),
        ("o masă de 6 la 8 seara", 6),
        ("party of 12", 12),
        ("there will be 3 of us", 3),
        ("20 de persoane", 20),
        ("2 adulți și 2 copii", 4),
        ("two adults and three kids", 5),
        ("o persoană", 1),
        ("eu și soția", 2),
        ("just me", 1),
        ("douăzeci și cinci de persoane", 25),
        ("masă pentru 4 și 2 copii", 6),
        ("masă pentru 4, din care 2 copii", 4),
        ("nu 4, ci 5 persoane", 5),
        ("vreo 5 persoane", 5),
        ("masă pentru 2 luni la 19:00", 2),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text), of(expected), "{text}");
    }
}

#[test]
fn what_is_no_number_of_people_is_asked_about_and_never_rounded() {
    let cases = [
        ("masă pentru -3", "-3"),
        ("masă pentru \u{2212}3 persoane", "\u{2212}3"),
        ("masă pentru minus trei", "minus trei"),
        ("masă pentru 0 persoane", "0"),
        ("masă pentru zero persoane", "zero"),
        ("masă pentru 2,5", "2,5"),
        ("masă pentru 2.5 persoane", "2.5"),
        ("masă pentru 2½ persoane", "2 ½"),
        ("masă pentru 3-4 persoane", "3-4"),
        ("masă pentru 3\u{2013}4", "3\u{2013}4"),
        ("masă pentru 3/4 persoane mâine", "3/4"),
        ("masă pentru 3 sau 4 persoane", "3 sau 4"),
        ("table for 3 or 4", "3 or 4"),
        ("trei-patru persoane", "trei patru"),
        ("între 3 și 5 persoane", "3 și 5"),
        ("pentru 4+2", "4+2"),
        ("pentru 4 + 2 persoane", "4 + 2"),
        ("10+ people", "10+"),
        ("two hundred people", "two hundred"),
        ("masă pentru 501", "501"),
        ("masă pentru 99999999999999999999", "99999999999999999999"),
        ("pentru 1e9 persoane", "1e9"),
        ("2*4 persoane", "2*4"),
        ("masă pentru 4 cu 2 copii", "4 cu 2 copii"),
        ("4 persoane, adică 5 persoane", "5 persoane"),
    ];
    for (text, written) in cases {
        match read(text) {
            Some(Size::Unclear(said)) => assert_eq!(said, written, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for bare in ["-3", "0", "2,5", "3-4", "3 sau 4", "4 5", "501"] {
        assert!(matches!(size(&words(bare), &[], true), Some(Size::Unclear(_))), "{bare}");
    }
}

#[test]
fn a_minus_in_any_spelling_and_a_range_in_any_spelling_are_asked_about() {
    let cases = [
        ("masă pentru - 3", "- 3"),
        ("masă pentru \u{2212}\u{a0}3", "- 3"),
        ("masă pentru \u{2013} 3 persoane", "- 3"),
        ("masă pentru -trei", "- trei"),
        ("masă pentru \u{2796}3", "\u{2796}3"),
        ("masă pentru \u{2796}\u{fe0f} 3", "- 3"),
        ("masă pentru \u{207b}3", "\u{207b}3"),
        ("masă pentru minus 3 persoane", "minus 3"),
        ("masă pentru negativ trei", "negativ trei"),
        ("suntem - 3", "- 3"),
        ("a table of - 3", "- 3"),
        ("masă pentru 3 - 4", "3 - 4"),
        ("3 - 4 persoane", "3 - 4"),
        ("3 \u{2013} 4 persoane", "3 - 4"),
        ("între 3 și 4 persoane", "3 și 4"),
        ("masă pentru cel puțin 3 persoane", "cel puțin 3"),
        ("masă pentru mai mult de 3 persoane", "mult de 3"),
        ("masă pentru peste 10 persoane", "peste 10"),
        ("table for up to 6 people", "up to 6"),
        ("table for more than 6", "more than 6"),
        ("for at least 4 people", "at least 4"),
    ];
    for (text, written) in cases {
        assert_eq!(read(text), Some(Size::Unclear(written.to_owned())), "{text}");
    }
    assert_eq!(size(&words("- 3"), &[], true), Some(Size::Unclear("- 3".to_owned())), "an answer to how many");
    assert_eq!(size(&words("-trei"), &[], true), Some(Size::Unclear("- trei".to_owned())));
}

#[test]
fn the_dash_of_a_list_or_between_sentences_makes_no_number_negative() {
    for text in [
        "- 3 persoane",
        "Rezervare:\n- 3 persoane\n- mâine la 19:30",
        "mâine la 19:30 - 3 persoane",
        "luni - 3 persoane",
        "masă mâine \u{2014} 3 persoane",
        "\u{2013} masă pentru 3",
        "sîntem 3",
    ] {
        assert_eq!(read(text), of(3), "{text}");
    }
    assert!(matches!(read("-3 persoane"), Some(Size::Unclear(_))), "a sign that is glued to its number");
}

#[test]
fn a_party_beside_a_part_of_the_day_is_no_hour() {
    for text in [
        "masă pentru 2 diseară la 20:00",
        "masă pentru 2 noaptea de sâmbătă la 00:30",
        "table for 2 tonight at 8",
        "masă pentru 2 diseară",
    ] {
        assert_eq!(read(text), of(2), "{text}");
    }
}

#[test]
fn times_and_days_are_no_people() {
    for text in ["pentru mâine la 19:30", "for 7 pm", "peste 2 zile", "pe 25 decembrie", "la 8", "for 3 days"] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn a_lonely_number_counts_only_when_it_was_asked_for() {
    assert_eq!(size(&words("4"), &[false], false), None);
    assert_eq!(size(&words("4"), &[false], true), of(4));
    assert_eq!(size(&words("cred ca doi"), &[], true), of(2));
}

#[test]
fn a_name_is_kept_as_it_was_written() {
    assert_eq!(name(&words("pe numele Ștefan Popescu, mulțumesc")).as_deref(), Some("Ștefan Popescu"));
    assert_eq!(name(&words("under the name Smith please")).as_deref(), Some("Smith"));
    assert_eq!(name(&words("under the name of Ana")).as_deref(), Some("Ana"));
    assert_eq!(name(&words("ce nume frumos")), None);
    assert_eq!(name(&words("pe numele Ana-Maria Pop")).as_deref(), Some("Ana-Maria Pop"));
    assert_eq!(name(&words("the name is Sean O’Neill")).as_deref(), Some("Sean O’Neill"));
    assert_eq!(name(&words("pe numele S\u{326}tefan")).as_deref(), Some("Ștefan"), "composed");
}

#[test]
fn any_words_give_no_party_or_one_of_a_possible_size() {
    const WORDS: [&str; 20] = [
        "la", "pentru", "suntem", "o", "masa", "de", "4", "19:30", "9999", "0", "persoane", "copii", "adults", "for",
        "two", "mâine", "25.12", "half", "seara", "table",
    ];
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut pick = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % WORDS.len() as u64).unwrap()
    };
    for _ in 0..20_000 {
        let sentence = (0..1 + pick() % 9).map(|_| WORDS[pick()]).collect::<Vec<_>>().join(" ");
        let used: Vec<bool> = words(&sentence).iter().map(|_| pick() % 2 == 0).collect();
        let guests = size(&words(&sentence), &used, true);
        let possible = |size: Size| !matches!(size, Size::Of(count) if !(1..=LARGEST).contains(&count));
        assert!(guests.clone().is_none_or(possible), "{sentence}: {guests:?}");
    }
}
