//! Hours after midnight, and which night they belong to.

use jiff::civil::date;

use super::*;

/// The moment that a text means at a place that opens at noon and closes after midnight.
fn meant(text: &str, now: DateTime) -> Option<DateTime> {
    let when = read(text, now);
    Some(moment(when.date?, when.time?.resolve(evening_restaurant), when.late))
}

#[test]
fn an_hour_after_midnight_has_the_date_that_was_meant() {
    let (friday, saturday, sunday) = (date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 29));
    let cases = [
        ("sâmbătă la 00:30", saturday.at(0, 30, 0, 0)),
        ("Saturday at 0:30", saturday.at(0, 30, 0, 0)),
        ("sâmbătă 28 noiembrie la 00:30", saturday.at(0, 30, 0, 0)),
        ("vineri la 24:00", saturday.at(0, 0, 0, 0)),
        ("vineri la 24", saturday.at(0, 0, 0, 0)),
        ("vineri 24h", saturday.at(0, 0, 0, 0)),
        ("vineri la 24:30", saturday.at(0, 30, 0, 0)),
        ("vineri la miezul nopții", saturday.at(0, 0, 0, 0)),
        ("vineri la miez de noapte", saturday.at(0, 0, 0, 0)),
        ("Friday at midnight", saturday.at(0, 0, 0, 0)),
        ("Friday at 12 midnight", saturday.at(0, 0, 0, 0)),
        ("vineri la 12 noaptea", saturday.at(0, 0, 0, 0)),
        ("vineri la 12 și jumătate noaptea", saturday.at(0, 30, 0, 0)),
        ("vineri noaptea la 12", saturday.at(0, 0, 0, 0)),
        ("Friday night at 12", saturday.at(0, 0, 0, 0)),
        ("vineri noaptea la 1", saturday.at(1, 0, 0, 0)),
        ("vineri seara la 00:30", saturday.at(0, 30, 0, 0)),
        ("Friday night at 1 am", saturday.at(1, 0, 0, 0)),
        ("noaptea de vineri spre sâmbătă la 00:30", saturday.at(0, 30, 0, 0)),
        ("vineri spre sâmbătă la 00:30", saturday.at(0, 30, 0, 0)),
        ("the night from Friday to Saturday at 00:30", saturday.at(0, 30, 0, 0)),
        ("noaptea de vineri spre sâmbătă la 23:30", friday.at(23, 30, 0, 0)),
        ("sâmbătă noaptea la 00:30", sunday.at(0, 30, 0, 0)),
        ("sâmbătă la 1 noaptea", saturday.at(1, 0, 0, 0)),
        ("sâmbătă dimineața la 00:30", saturday.at(0, 30, 0, 0)),
        ("vineri la miezul nopții și jumătate", saturday.at(0, 30, 0, 0)),
        ("vineri la miezul nopții fără un sfert", friday.at(23, 45, 0, 0)),
        ("Friday at half past midnight", saturday.at(0, 30, 0, 0)),
        ("Friday at 12:00 midnight", saturday.at(0, 0, 0, 0)),
        ("vineri după miezul nopții la 00:30", saturday.at(0, 30, 0, 0)),
        ("vineri la două noaptea", friday.at(2, 0, 0, 0)),
        ("masă pentru 2 noaptea de sâmbătă la 00:30", sunday.at(0, 30, 0, 0)),
        ("vineri la 12", friday.at(12, 0, 0, 0)),
        ("vineri la 12 la prânz", friday.at(12, 0, 0, 0)),
        ("Friday 12 pm", friday.at(12, 0, 0, 0)),
        ("Friday 12 am", friday.at(0, 0, 0, 0)),
        ("diseară la 00:30", date(2026, 11, 26).at(0, 30, 0, 0)),
        ("tonight at midnight", date(2026, 11, 26).at(0, 0, 0, 0)),
        ("azi la 1 noaptea", date(2026, 11, 26).at(1, 0, 0, 0)),
        ("miercuri la 24:00", date(2026, 11, 26).at(0, 0, 0, 0)),
        ("31 decembrie la 24:00", date(2027, 1, 1).at(0, 0, 0, 0)),
        ("1 ianuarie la 00:30", date(2027, 1, 1).at(0, 30, 0, 0)),
    ];
    for (text, expected) in cases {
        assert_eq!(meant(text, now()), Some(expected), "{text}");
    }
}

#[test]
fn after_midnight_today_and_tonight_are_those_of_the_clock() {
    let now = date(2026, 11, 28).at(0, 20, 0, 0);
    let cases = [
        ("azi la 01:00", date(2026, 11, 28).at(1, 0, 0, 0)),
        ("diseară la 00:45", date(2026, 11, 28).at(0, 45, 0, 0)),
        ("diseară la 20", date(2026, 11, 28).at(20, 0, 0, 0)),
        ("peste o oră", date(2026, 11, 28).at(1, 20, 0, 0)),
        ("sâmbătă la 01:00", date(2026, 11, 28).at(1, 0, 0, 0)),
        ("mâine la 00:30", date(2026, 11, 29).at(0, 30, 0, 0)),
    ];
    for (text, expected) in cases {
        assert_eq!(meant(text, now), Some(expected), "{text}");
    }
}

#[test]
fn an_hour_of_the_night_that_may_be_of_either_night_of_the_day_is_told_as_such() {
    for text in
        ["vineri la două noaptea", "sâmbătă la 1 noaptea", "Friday at 2 at night", "vineri la 1 după miezul nopții"]
    {
        assert!(read(text, now()).is_of_either_night(), "{text}");
    }
    for text in [
        "vineri noaptea la 2",
        "vineri la 02:00",
        "vineri la 11 noaptea",
        "azi la 1 noaptea",
        "vineri la 24:00",
        "vineri seara",
    ] {
        assert!(!read(text, now()).is_of_either_night(), "{text}");
    }
}
