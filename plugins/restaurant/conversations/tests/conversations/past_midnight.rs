//! Bookings past midnight: the meant date, the service that it belongs to, and the question when the date is ambiguous.

use serde_json::json;

use crate::restaurant::Restaurant;

/// Books, and returns the answer to the guest and the minute in the row of Friday, 27 November.
fn friday_night(text: &str) -> (String, u64) {
    let trattoria = Restaurant::open("trattoria-roma");
    let answer = trattoria.say("ana", text);
    assert_eq!(answer.code, "booking.confirmed", "{text}: {answer:?}");
    let row = trattoria.bookings("2026-11-27");
    assert_eq!(row.len(), 1, "{text}: the row of the evening that the night belongs to");
    assert_eq!(answer.payloads[0]["date"], "2026-11-28", "{text}: others are told the date of the calendar");
    assert_eq!(answer.payloads[0]["serviceDay"], "2026-11-27", "{text}");
    (answer.text, row[0]["minute"].as_u64().unwrap())
}

#[test]
fn a_table_past_midnight_is_confirmed_with_the_date_that_was_meant() {
    for text in [
        "masă pentru 2 sâmbătă la 00:30",
        "masă pentru 2 sâmbătă 28 noiembrie la 0:30",
        "masă pentru 2 vineri noaptea la 00:30",
        "masă pentru 2 vineri la 24:30",
        "masă pentru 2 în noaptea de vineri spre sâmbătă la 00:30",
    ] {
        let (told, minute) = friday_night(text);
        let expected =
            "Masa pentru 2 persoane e rezervată: sâmbătă, 28 noiembrie, ora 00:30 (noaptea de vineri spre sâmbătă).";
        assert!(told.starts_with(expected), "{text}: {told}");
        assert_eq!(minute, 24 * 60 + 30, "{text}");
    }
    let bistro = Restaurant::open("bistro-central");
    let answer = bistro.say("bob", "a table for 2 on Friday at 23:30");
    assert!(answer.text.contains("Friday, 27 November at 23:30. Booking"), "no night before midnight: {answer:?}");
}

#[test]
fn midnight_ends_the_day_that_is_named() {
    for text in [
        "masă pentru 2 vineri la 24:00",
        "masă pentru 2 vineri la 24",
        "masă pentru 2 vineri 24h",
        "masă pentru 2 vineri la miezul nopții",
        "masă pentru 2 vineri la 12 noaptea",
        "table for 2 on Friday at midnight",
    ] {
        let (told, minute) = friday_night(text);
        assert!(
            told.contains("28 noiembrie, ora 00:00 (noaptea de") || told.contains("28 November at 00:00 (the night"),
            "{told}"
        );
        assert_eq!(minute, 24 * 60, "{text}");
    }
}

#[test]
fn a_night_that_is_closed_names_the_other_night_that_may_be_meant() {
    let trattoria = Restaurant::open("trattoria-roma");
    let answer = trattoria.say("ana", "masă pentru 2 vineri la 00:30");
    assert_eq!(answer.code, "booking.closed", "Thursday ends at eleven");
    assert!(
        answer.text.ends_with(
            "Dacă vă gândiți la noaptea de vineri spre sâmbătă, spuneți-mi: sâmbătă, 28 noiembrie, ora 00:30."
        ),
        "{answer:?}"
    );
    let answer = trattoria.say("ana", "sâmbătă, 28 noiembrie, ora 00:30");
    assert_eq!(answer.code, "booking.confirmed", "{answer:?}");
    assert_eq!(trattoria.bookings("2026-11-27").len(), 1);
    assert!(trattoria.bookings("2026-11-28").is_empty());
}

#[test]
fn an_hour_of_the_night_that_may_be_of_either_night_is_answered_with_the_date_that_was_meant_and_the_other_one() {
    let trattoria = Restaurant::open("trattoria-roma");
    let answer = trattoria.say("ana", "masă pentru 2 vineri la două noaptea");
    assert_eq!(answer.code, "booking.closed", "Thursday ends at eleven: {answer:?}");
    let hint = "Dacă vă gândiți la noaptea de vineri spre sâmbătă, spuneți-mi: sâmbătă, 28 noiembrie, ora 02:00.";
    assert!(answer.text.ends_with(hint), "{answer:?}");
    let answer = trattoria.say("ana", "sâmbătă, 28 noiembrie, ora 02:00");
    assert_eq!(answer.code, "booking.too-late", "it closes then, and says until when it seats: {answer:?}");

    let hours = json!({ "thursday": ["18:00-04:00"], "friday": ["18:00-04:00"] });
    for (text, confirmed, hint) in [
        (
            "masă pentru 2 vineri la două noaptea",
            "vineri, 27 noiembrie, ora 02:00 (noaptea de joi spre vineri).",
            "Dacă vă gândiți la noaptea de vineri spre sâmbătă (sâmbătă, 28 noiembrie, ora 02:00)",
        ),
        (
            "a table for 2 on Friday at 2 at night",
            "Friday, 27 November at 02:00 (the night from Thursday to Friday).",
            "If you mean the night from Friday to Saturday (Saturday, 28 November at 02:00)",
        ),
    ] {
        let trattoria = Restaurant::open("trattoria-roma").setting("hours", hours.clone());
        let answer = trattoria.say("ana", text);
        assert_eq!((answer.code.as_str(), &answer.payloads[0]["date"]), ("booking.confirmed", &json!("2026-11-27")));
        assert!(answer.text.contains(confirmed) && answer.text.contains(hint), "{answer:?}");
        for unmistakable in ["masă pentru 2 sâmbătă la 02:00", "masă pentru 2 vineri noaptea la 2"] {
            let trattoria = Restaurant::open("trattoria-roma").setting("hours", hours.clone());
            let answer = trattoria.say("ana", unmistakable);
            assert_eq!(
                (answer.code.as_str(), &answer.payloads[0]["date"]),
                ("booking.confirmed", &json!("2026-11-28"))
            );
            assert!(!answer.text.contains("Dacă vă gândiți"), "{answer:?}");
        }
    }
}

#[test]
fn a_party_beside_a_part_of_the_day_is_booked_at_the_time_of_the_clock() {
    for (text, date, time) in [
        ("masă pentru 2 diseară la 20:00", "2026-11-25", "20:00"),
        ("masă pentru 2 noaptea de vineri la 00:30", "2026-11-28", "00:30"),
        ("masă pentru 2 vineri la miezul nopții și jumătate", "2026-11-28", "00:30"),
        ("masă pentru 2 vineri la 23:00, înainte de miezul nopții", "2026-11-27", "23:00"),
        ("masă pentru 2 vineri la 11, înainte de miezul nopții", "2026-11-27", "23:00"),
        ("Rezervare:\n- 2 persoane\n- vineri la 20:00", "2026-11-27", "20:00"),
    ] {
        let answer = Restaurant::open("trattoria-roma").say("ana", text);
        assert_eq!(answer.code, "booking.confirmed", "{text}: {answer:?}");
        let booked = &answer.payloads[0];
        assert_eq!(
            (&booked["guests"], &booked["date"], &booked["time"]),
            (&json!(2), &json!(date), &json!(time)),
            "{text}"
        );
    }
    let answer = Restaurant::open("trattoria-roma").say("ana", "masă pentru 2 vineri înainte de miezul nopții");
    assert_eq!(answer.code, "booking.details-needed", "a bound is no time: {answer:?}");
}

#[test]
fn the_turn_of_the_year_is_a_night_like_any_other() {
    let trattoria = Restaurant::open("trattoria-roma");
    for (guest, text) in
        [("ana", "masă pentru 2 pe 31 decembrie la miezul nopții"), ("ion", "masă pentru 2 pe 1 ianuarie la 01:00")]
    {
        let answer = trattoria.say(guest, text);
        assert_eq!(
            (answer.code.as_str(), &answer.payloads[0]["date"]),
            ("booking.confirmed", &json!("2027-01-01")),
            "{text}"
        );
        assert!(answer.text.contains("vineri, 1 ianuarie"), "{answer:?}");
    }
    assert_eq!(trattoria.bookings("2026-12-31").len(), 2);
}

#[test]
fn both_sides_of_midnight_share_their_seats() {
    let bistro = Restaurant::open("bistro-central");
    for guest in ["a", "b"] {
        assert_eq!(bistro.say(guest, "a table for 6 on Friday at 22:30").code, "booking.confirmed");
    }
    let trattoria = Restaurant::open("trattoria-roma");
    for guest in ["a", "b", "c", "d"] {
        assert_eq!(trattoria.say(guest, "masă pentru 10 vineri la 23:30").code, "booking.confirmed");
    }
    let answer = trattoria.say("e", "masă pentru 10 sâmbătă la 00:30");
    assert_eq!(answer.code, "booking.full", "those of half past eleven still sit there: {answer:?}");
    assert!(answer.text.contains("sâmbătă, 28 noiembrie la 00:30 (noaptea de vineri spre sâmbătă)"), "{answer:?}");
    assert!(answer.text.contains("21:30"), "{answer:?}");
    let answer = trattoria.say("e", "21:30");
    assert_eq!(
        (answer.code.as_str(), &answer.payloads[0]["date"]),
        ("booking.confirmed", &json!("2026-11-27")),
        "{answer:?}"
    );
    assert_eq!(trattoria.say("f", "masă pentru 10 sâmbătă la 23:30").code, "booking.confirmed", "another night");
}

#[test]
fn after_midnight_the_evening_that_goes_on_is_booked_and_nothing_that_is_over_is_offered() {
    let mut trattoria = Restaurant::open("trattoria-roma");
    trattoria.at_time("2026-11-27T22:20:00.000Z", "2026-11-28T00:20:00+02:00");
    let answer = trattoria.say("ana", "masă pentru 2 azi la 00:45");
    assert_eq!((answer.code.as_str(), &answer.payloads[0]["date"]), ("booking.confirmed", &json!("2026-11-28")));
    assert_eq!(trattoria.bookings("2026-11-27").len(), 1);
    for guest in ["a", "b", "c", "d"] {
        trattoria.say(guest, "masă pentru 9 azi la 00:30");
    }
    let answer = trattoria.say("e", "masă pentru 9 azi la 00:45");
    assert_eq!(answer.code, "booking.full");
    assert!(!answer.text.contains("Am putea la"), "yesterday evening is over: {answer:?}");
    let answer = trattoria.say("f", "masă pentru 2 azi la 00:10");
    assert_eq!(answer.code, "booking.past");
}

#[test]
fn a_booking_of_the_night_is_called_off_by_its_date_and_by_its_evening() {
    for text in [
        "anulează masa de sâmbătă",
        "anulează masa de vineri",
        "anulează masa de vineri de la 24:30",
        "anulează masa de sâmbătă de la 00:30",
    ] {
        let trattoria = Restaurant::open("trattoria-roma");
        trattoria.say("ana", "masă pentru 2 sâmbătă la 00:30");
        let answer = trattoria.say("ana", text);
        assert_eq!(answer.code, "booking.cancelled", "{text}: {answer:?}");
        assert_eq!(answer.payloads[0]["date"], "2026-11-28");
        assert!(answer.text.contains("sâmbătă, 28 noiembrie, ora 00:30"), "{answer:?}");
    }
    let mut trattoria = Restaurant::open("trattoria-roma");
    trattoria.say("ana", "masă pentru 2 azi la 19:00");
    trattoria.at_time("2026-11-25T22:00:00.000Z", "2026-11-26T00:00:00+02:00");
    assert_eq!(trattoria.say("ana", "anulează rezervarea").code, "booking.none-found", "it is over");
}

#[test]
fn the_last_seating_of_a_night_is_told_with_its_date() {
    let trattoria = Restaurant::open("trattoria-roma");
    let answer = trattoria.say("ana", "masă pentru 2 sâmbătă la 01:30");
    assert_eq!(answer.code, "booking.too-late");
    assert!(
        answer.text.to_lowercase().starts_with("sâmbătă, 28 noiembrie primim ultimii oaspeți la 01:00"),
        "{answer:?}"
    );
    let answer = trattoria.say("ana", "23:30");
    assert_eq!(
        (answer.code.as_str(), &answer.payloads[0]["date"]),
        ("booking.confirmed", &json!("2026-11-27")),
        "the same night"
    );
}

#[test]
fn what_is_no_number_of_guests_and_no_time_is_asked_back_and_nothing_booked() {
    let trattoria = Restaurant::open("trattoria-roma");
    let cases = [
        ("masă pentru -3 mâine la 19:00", "„-3” nu-mi spune câte persoane"),
        ("masă pentru - 3 mâine la 19:00", "„- 3” nu-mi spune"),
        ("masă pentru \u{2212}\u{a0}3 mâine la 19:00", "„- 3” nu-mi spune"),
        ("masă pentru -trei mâine la 19:00", "„- trei” nu-mi spune"),
        ("masă pentru \u{2796}3 mâine la 19:00", "„\u{2796}3” nu-mi spune"),
        ("masă pentru minus trei mâine la 19:00", "„minus trei” nu-mi spune"),
        ("masă pentru 3 - 4 persoane mâine la 19:00", "„3 - 4” nu-mi spune"),
        ("masă pentru 0 persoane mâine la 19:00", "„0” nu-mi spune"),
        ("masă pentru 2,5 mâine la 19:00", "„2,5” nu-mi spune"),
        ("masă pentru 3-4 persoane mâine la 19:00", "„3-4” nu-mi spune"),
        ("masă pentru 3 sau 4 persoane mâine la 19:00", "„3 sau 4” nu-mi spune"),
        ("masă pentru 999999999999 mâine la 19:00", "„999999999999” nu-mi spune"),
        ("masă pentru 2 mâine la 25:00", "„25:00” nu e o oră"),
        ("masă pentru 2 pe 31 februarie la 19:00", "„31 februarie” nu există"),
        ("masă pentru 2 sâmbătă, 27 noiembrie la 19:00", "„sâmbătă 27 noiembrie” nu există"),
    ];
    for (number, (text, words)) in cases.into_iter().enumerate() {
        let answer = trattoria.say(&format!("guest-{number}"), text);
        assert_eq!(answer.code, "booking.details-needed", "{text}: {answer:?}");
        assert!(answer.text.contains(words) && answer.actions.is_empty(), "{text}: {answer:?}");
    }
    let answer = trattoria.say("guest-0", "3");
    assert_eq!(answer.code, "booking.confirmed", "the rest was remembered: {answer:?}");
}

#[test]
fn an_hour_that_the_clocks_skip_is_not_booked_and_one_that_comes_twice_is_booked_once() {
    let all_night = json!({ "saturday": ["18:00-06:00"] });
    let mut trattoria = Restaurant::open("trattoria-roma").setting("hours", all_night);
    trattoria.at_time("2027-03-25T13:30:00.000Z", "2027-03-25T15:30:00+02:00");
    let answer = trattoria.say("ana", "masă pentru 2 duminică la 03:30");
    assert_eq!(answer.code, "booking.skipped-hour");
    assert!(answer.text.to_lowercase().starts_with("duminică, 28 martie, ora 03:30 nu există"), "{answer:?}");
    let answer = trattoria.say("ana", "04:15");
    assert_eq!(
        (answer.code.as_str(), &answer.payloads[0]["date"]),
        ("booking.confirmed", &json!("2027-03-28")),
        "{answer:?}"
    );

    trattoria.at_time("2027-10-28T12:30:00.000Z", "2027-10-28T15:30:00+03:00");
    let answer = trattoria.say("ion", "masă pentru 2 duminică la 03:30");
    assert_eq!(
        (answer.code.as_str(), &answer.payloads[0]["date"]),
        ("booking.confirmed", &json!("2027-10-31")),
        "{answer:?}"
    );
    assert_eq!(trattoria.bookings("2027-10-30").len(), 1);
}

#[test]
fn around_the_clock_no_seat_is_given_twice_at_midnight() {
    let always = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let always: serde_json::Map<_, _> = always.iter().map(|day| ((*day).to_owned(), json!(["00:00-24:00"]))).collect();
    let bistro = Restaurant::open("bistro-central").setting("hours", always.into());
    for guest in ["a", "b"] {
        assert_eq!(bistro.say(guest, "a table for 6 on Thursday at 23:00").code, "booking.confirmed");
    }
    let answer = bistro.say("c", "a table for 5 on Friday at 00:15");
    assert_eq!(answer.code, "booking.full", "they sit there until half past midnight: {answer:?}");
    assert_eq!(bistro.say("d", "a table for 4 on Friday at 00:00").code, "booking.confirmed");
    let answer = bistro.say("e", "a table for 2 on Thursday at 23:00");
    assert_eq!(answer.code, "booking.full", "with the four of midnight there would be eighteen: {answer:?}");
    assert_eq!((bistro.bookings("2026-11-26").len(), bistro.bookings("2026-11-27").len()), (2, 1));
}
