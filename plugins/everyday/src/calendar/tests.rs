mod nights;

use jiff::civil::{date, time};

use super::*;

/// A Wednesday afternoon.
fn now() -> DateTime {
    date(2026, 11, 25).at(15, 0, 0, 0)
}

fn evening_restaurant(time: Time) -> bool {
    time.hour() >= 12
}

fn day(text: &str) -> Option<Date> {
    read(text, now()).date
}

fn at(text: &str) -> Option<Time> {
    read(text, now()).time.map(|said| said.resolve(evening_restaurant))
}

#[test]
fn days_are_read_in_both_languages_with_and_without_diacritics() {
    let cases = [
        ("azi la 20", date(2026, 11, 25)),
        ("diseară", date(2026, 11, 25)),
        ("in seara asta", date(2026, 11, 25)),
        ("mâine la 19:30", date(2026, 11, 26)),
        ("maine", date(2026, 11, 26)),
        ("tomorrow at 7 pm", date(2026, 11, 26)),
        ("poimâine", date(2026, 11, 27)),
        ("the day after tomorrow", date(2026, 11, 27)),
        ("peste două zile", date(2026, 11, 27)),
        ("peste 3 zile", date(2026, 11, 28)),
        ("peste o săptămână", date(2026, 12, 2)),
        ("in two weeks", date(2026, 12, 9)),
        ("in a week", date(2026, 12, 2)),
        ("sâmbătă", date(2026, 11, 28)),
        ("sambata seara", date(2026, 11, 28)),
        ("Sîmbătă nu, vineri", date(2026, 11, 27)),
        ("Sîmbătă", date(2026, 11, 28)),
        ("simbata seara", date(2026, 11, 28)),
        ("mîine", date(2026, 11, 26)),
        ("poimiine", date(2026, 11, 27)),
        ("sâmbătă, nu vineri", date(2026, 11, 28)),
        ("nu sâmbătă, ci vineri", date(2026, 11, 27)),
        ("not Saturday but Friday", date(2026, 11, 27)),
        ("sâmbătă nu se poate?", date(2026, 11, 28)),
        ("luni", date(2026, 11, 30)),
        ("on Friday", date(2026, 11, 27)),
        ("next Friday", date(2026, 12, 4)),
        ("vinerea viitoare", date(2026, 12, 4)),
        ("next Monday", date(2026, 11, 30)),
        ("25 decembrie", date(2026, 12, 25)),
        ("pe 25 decembrie la 8 seara", date(2026, 12, 25)),
        ("December 25th", date(2026, 12, 25)),
        ("the 25th of December", date(2026, 12, 25)),
        ("25 dec", date(2026, 12, 25)),
        ("1 mai", date(2027, 5, 1)),
        ("5 ianuarie 2027", date(2027, 1, 5)),
        ("25.12", date(2026, 12, 25)),
        ("25/12/2026", date(2026, 12, 25)),
        ("2026-12-25", date(2026, 12, 25)),
        ("3.1", date(2027, 1, 3)),
        ("pe 28", date(2026, 11, 28)),
        ("pe 3", date(2026, 12, 3)),
        ("on the 3rd", date(2026, 12, 3)),
    ];
    for (text, expected) in cases {
        assert_eq!(day(text), Some(expected), "{text}");
    }
}

#[test]
fn what_names_no_day_gives_none() {
    for text in ["", "o masă pentru 4", "la 19:30", "19.30", "may I book a table", "mai aveți locuri", "40.50"] {
        assert_eq!(day(text), None, "{text}");
    }
}

#[test]
fn a_day_that_does_not_exist_is_told_as_such() {
    let when = read("pe 30 februarie la 19:00", now());
    assert_eq!(when.date, None);
    assert_eq!(when.impossible.as_deref(), Some("30 februarie"));
}

#[test]
fn the_same_weekday_is_today_until_its_time_has_passed() {
    assert_eq!(day("miercuri la 19:30"), Some(date(2026, 11, 25)));
    assert_eq!(day("miercuri la 14:00"), Some(date(2026, 12, 2)));
}

#[test]
fn times_are_read_in_both_languages() {
    let cases = [
        ("la 19:30", time(19, 30, 0, 0)),
        ("la 19.30", time(19, 30, 0, 0)),
        ("19h30", time(19, 30, 0, 0)),
        ("la 8 seara", time(20, 0, 0, 0)),
        ("la opt seara", time(20, 0, 0, 0)),
        ("ora 20", time(20, 0, 0, 0)),
        ("at 7 pm", time(19, 0, 0, 0)),
        ("7pm", time(19, 0, 0, 0)),
        ("at 7:30 p.m.", time(19, 30, 0, 0)),
        ("at 8", time(20, 0, 0, 0)),
        ("la 7 și jumătate", time(19, 30, 0, 0)),
        ("la 8 și un sfert", time(20, 15, 0, 0)),
        ("half past seven", time(19, 30, 0, 0)),
        ("quarter to nine", time(20, 45, 0, 0)),
        ("8 o'clock", time(20, 0, 0, 0)),
        ("8 in the evening", time(20, 0, 0, 0)),
        ("la 1 după-amiază", time(13, 0, 0, 0)),
        ("noon", time(12, 0, 0, 0)),
        ("la miezul nopții", time(0, 0, 0, 0)),
        ("la 24", time(0, 0, 0, 0)),
        ("diseară la 9", time(21, 0, 0, 0)),
        ("pe la 8", time(20, 0, 0, 0)),
        ("08:30", time(8, 30, 0, 0)),
        ("la 9 dimineața", time(9, 0, 0, 0)),
        ("la 1 noaptea", time(1, 0, 0, 0)),
    ];
    for (text, expected) in cases {
        assert_eq!(at(text), Some(expected), "{text}");
    }
}

#[test]
fn numbers_that_are_no_times_are_left_alone() {
    for text in ["masă pentru 4 persoane", "la 4 persoane", "25:99", "at 31", "peste două zile", "30.11", "pe 25"] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn hours_from_now_give_day_and_time() {
    let when = read("peste două ore", now());
    assert_eq!((when.date, when.time), (Some(date(2026, 11, 25)), Some(Said::Exact(time(17, 0, 0, 0)))));
    let late = read("in 10 hours", now());
    assert_eq!((late.date, late.time), (Some(date(2026, 11, 26)), Some(Said::Exact(time(1, 0, 0, 0)))));
    assert_eq!(at("într-o jumătate de oră"), None, "a known gap must not become a wrong time");
}

#[test]
fn day_and_time_of_one_message_do_not_disturb_each_other() {
    let when = read("pe 25.12 la 19.30", now());
    assert_eq!(when.date, Some(date(2026, 12, 25)));
    assert_eq!(when.time, Some(Said::Exact(time(19, 30, 0, 0))));
    let when = read("Aș vrea o masă pentru 4 persoane mâine la 19:30", now());
    assert_eq!(when.date, Some(date(2026, 11, 26)));
    assert_eq!(when.time, Some(Said::Exact(time(19, 30, 0, 0))));
}

#[test]
fn an_hour_without_half_of_day_takes_the_one_that_is_open() {
    let said = read("la 9", now()).time.unwrap();
    assert_eq!(said.resolve(|time| (8..15).contains(&time.hour())), time(9, 0, 0, 0));
    assert_eq!(said.resolve(evening_restaurant), time(21, 0, 0, 0));
    assert_eq!(said.resolve(|_| false), time(21, 0, 0, 0));
}

#[test]
fn days_are_named_in_both_languages() {
    use crate::language::Language;
    assert_eq!(day_name(date(2026, 11, 28), Language::Ro), "sâmbătă, 28 noiembrie");
    assert_eq!(day_name(date(2026, 11, 28), Language::En), "Saturday, 28 November");
}

#[test]
fn no_odd_shape_breaks_the_reading() {
    let odd = [
        "99.99.9999",
        "0.0",
        "00:00:00",
        "1/2/3/4",
        "----",
        "pe",
        "la",
        "in in in",
        "next",
        "of december",
        "\u{0}\u{1F600}",
        "२५ decembrie",
        "31 aprilie 9999",
        "la 4294967296",
        "peste 9999 saptamani",
    ];
    for text in odd {
        let when = read(text, now());
        assert!(when.time.is_none() || when.used.contains(&true), "{text}");
    }
}

/// All orders of meaningful words: none makes the reading fail, and what is read is possible.
#[test]
fn no_sentence_breaks_the_reading() {
    const WORDS: &str = "la pe in peste de si un o a ora at on next the of for pentru mâine azi luni sâmbătă friday \
                         viitoare zile zi ore weeks hour jumatate sfert half past quarter to 1 2 7 8 12 19 24 25 30 31 \
                         9999 19:30 7:05 25.12 19.30 2026-12-25 31/12/99 pm am seara dimineata noaptea dupa amiaza \
                         decembrie mai february th rd o'clock persoane copii adulti masa suntem asta diseară";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut pick = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % words.len() as u64).unwrap()
    };
    for _ in 0..20_000 {
        let length = 1 + pick() % 9;
        let sentence = (0..length).map(|_| words[pick()]).collect::<Vec<_>>().join(" ");
        let when = read(&sentence, now());
        let parsed = crate::text::words(&sentence);
        assert_eq!(when.used.len(), parsed.len(), "{sentence}");
        assert!(when.date.is_none() || when.impossible.is_none(), "{sentence}");
    }
}

#[test]
fn times_are_read_in_every_way_of_saying_them() {
    let cases = [
        ("la 8.30", time(20, 30, 0, 0)),
        ("la 8,30", time(20, 30, 0, 0)),
        ("20h30", time(20, 30, 0, 0)),
        ("la 20h", time(20, 0, 0, 0)),
        ("mâine 8 jumate", time(20, 30, 0, 0)),
        ("la 8 jumătate", time(20, 30, 0, 0)),
        ("la 8 și jumate", time(20, 30, 0, 0)),
        ("la 9 fără un sfert", time(20, 45, 0, 0)),
        ("la nouă fără zece", time(20, 50, 0, 0)),
        ("1 fără un sfert", time(12, 45, 0, 0)),
        ("la 21 fără un sfert", time(20, 45, 0, 0)),
        ("la 8 și sfert", time(20, 15, 0, 0)),
        ("ora 20 și 15 minute", time(20, 15, 0, 0)),
        ("la nouăsprezece treizeci", time(19, 30, 0, 0)),
        ("la douăzeci și două", time(22, 0, 0, 0)),
        ("la douăzeci și trei și treizeci", time(23, 30, 0, 0)),
        ("ten to nine", time(20, 50, 0, 0)),
        ("twenty past eight", time(20, 20, 0, 0)),
        ("at half eight", time(20, 30, 0, 0)),
        ("half past midnight", time(0, 30, 0, 0)),
        ("quarter to midnight", time(23, 45, 0, 0)),
        ("half past noon", time(12, 30, 0, 0)),
        ("la miezul nopții și jumătate", time(0, 30, 0, 0)),
        ("miezul nopții fără un sfert", time(23, 45, 0, 0)),
        ("19:00-21:00", time(19, 0, 0, 0)),
        ("la 8 luni", time(20, 0, 0, 0)),
        ("la ora 0", time(0, 0, 0, 0)),
    ];
    for (text, expected) in cases {
        assert_eq!(at(text), Some(expected), "{text}");
    }
}

#[test]
fn a_time_or_day_that_does_not_exist_is_told_as_such() {
    for (text, written) in [
        ("mâine la 25:00", "25:00"),
        ("la 19:75", "19:75"),
        ("ora 31", "31"),
        ("la 24:60", "24:60"),
        ("la 29.30", "29.30"),
    ] {
        let when = read(text, now());
        assert_eq!((when.time, when.impossible_time.as_deref()), (None, Some(written)), "{text}");
    }
    for (text, written) in [
        ("31 februarie", "31 februarie"),
        ("31.02", "31.02"),
        ("30/02/2027", "30/02/2027"),
        ("29 februarie 2027", "29 februarie 2027"),
        ("32 decembrie", "32 decembrie"),
        ("31 aprilie la 19", "31 aprilie"),
        ("sâmbătă, 27 noiembrie", "sâmbătă 27 noiembrie"),
        ("Friday, November 28", "Friday November 28"),
        ("vineri pe 28.11", "vineri pe 28.11"),
    ] {
        let when = read(text, now());
        assert_eq!((when.date, when.impossible.as_deref()), (None, Some(written)), "{text}");
    }
    assert_eq!(day("sâmbătă, 28 noiembrie"), Some(date(2026, 11, 28)));
    assert_eq!(day("29 februarie 2028"), Some(date(2028, 2, 29)));
}

#[test]
fn odd_numbers_of_guests_are_no_days() {
    assert_eq!(day("masă pentru 3/4 persoane mâine la 19"), Some(date(2026, 11, 26)));
    assert_eq!(day("masă pentru 2.5 mâine la 19"), Some(date(2026, 11, 26)));
    assert_eq!(day("pentru 25.12 la 19"), Some(date(2026, 12, 25)));
    assert_eq!(day("putem veni 4 mai devreme"), None);
}

#[test]
fn every_spelling_of_a_text_says_the_same_day_and_time() {
    let spellings = |text: &str| {
        use unicode_normalization::UnicodeNormalization as _;
        let soft = text.chars().flat_map(|letter| [Some(letter), letter.is_alphabetic().then_some('\u{ad}')]).flatten();
        [text.nfd().collect::<String>(), text.to_uppercase(), text.replace(' ', "\u{a0}"), soft.collect()]
    };
    for text in
        ["Sâmbătă la 8 și jumătate seara", "poimâine la nouă fără zece", "noaptea de vineri spre sâmbătă la 00:30"]
    {
        let expected = read(text, now());
        for spelling in spellings(text) {
            let when = read(&spelling, now());
            assert_eq!((when.date, when.time, when.late), (expected.date, expected.time, expected.late), "{spelling}");
        }
    }
}

#[test]
fn an_explicit_clock_time_wins_and_a_party_is_no_hour() {
    let cases = [
        ("masă pentru 2 diseară la 20:00", time(20, 0, 0, 0)),
        ("masă pentru 2 diseară la 8", time(20, 0, 0, 0)),
        ("masă pentru două seara, la 20.30", time(20, 30, 0, 0)),
        ("2 noaptea de sâmbătă la 00:30", time(0, 30, 0, 0)),
        ("table for 2 tonight at 8", time(20, 0, 0, 0)),
        ("a table of 4 in the evening, 19:30", time(19, 30, 0, 0)),
        ("7 seara sau mai bine 20:15", time(20, 15, 0, 0)),
        ("vineri la 23:00, înainte de miezul nopții", time(23, 0, 0, 0)),
        ("la 11, înainte de miezul nopții", time(23, 0, 0, 0)),
        ("at 11 before midnight", time(23, 0, 0, 0)),
        ("vineri la 1 după miezul nopții", time(1, 0, 0, 0)),
        ("masă pentru 8 seara, 4 persoane", time(20, 0, 0, 0)),
        ("8 seara", time(20, 0, 0, 0)),
    ];
    for (text, expected) in cases {
        assert_eq!(at(text), Some(expected), "{text}");
    }
    for text in [
        "masă pentru 2 diseară",
        "masă pentru două noaptea",
        "masă de 4 dimineața",
        "suntem 5 seara",
        "table for 2 in the evening",
        "a table for 4 in the garden",
        "4 in the garden",
        "înainte de miezul nopții",
        "after midnight",
        "până la miezul nopții",
    ] {
        assert_eq!(at(text), None, "{text}");
    }
    assert_eq!(read("înainte de miezul nopții", now()).part, Some(DayPart::Night));
}
