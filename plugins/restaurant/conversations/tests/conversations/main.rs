//! Whole conversations: the graph of `bundle.toml` with its nodes called natively, the message models of `models/`, and
//! the businesses of `business/`.

#[cfg(test)]
mod inputs;
#[cfg(test)]
mod past_midnight;
#[cfg(test)]
mod restaurant;
#[cfg(test)]
mod spellings;

mod bookings {
    use super::restaurant::Restaurant;

    #[test]
    fn one_message_books_a_table() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "Aș vrea o masă pentru 4 persoane mâine la 19:30, pe numele Popescu");
        assert_eq!(answer.path, ["understand", "extract", "lookup", "availability", "book", "respond"]);
        assert_eq!(answer.code, "booking.confirmed");
        assert!(
            answer.text.starts_with("Masa pentru 4 persoane e rezervată: joi, 26 noiembrie, ora 19:30."),
            "{answer:?}"
        );
        assert_eq!(answer.actions, ["reservation"]);
        let day = trattoria.bookings("2026-11-26");
        assert_eq!((&day[0]["guests"], &day[0]["name"]), (&4.into(), &"Popescu".into()));
    }

    #[test]
    fn a_table_is_asked_for_over_several_messages() {
        let bistro = Restaurant::open("bistro-central");
        let answer = bistro.say("bob", "A table for two, please");
        assert_eq!(answer.code, "booking.details-needed");
        assert_eq!(answer.text, "Which day would you like the table for 2?");
        let answer = bistro.say("bob", "tomorrow");
        assert_eq!(answer.text, "What time would you like the table for 2, Thursday, 26 November?");
        let answer = bistro.say("bob", "7 pm");
        assert_eq!(answer.code, "booking.confirmed");
        assert!(answer.text.contains("Thursday, 26 November at 19:00"), "{answer:?}");
        let answer = bistro.say("bob", "a table please");
        assert_eq!(answer.text, "Gladly! For how many people?", "a settled request leaves nothing behind");
    }

    #[test]
    fn a_question_in_between_does_not_lose_the_booking() {
        let trattoria = Restaurant::open("trattoria-roma");
        trattoria.say("ana", "Vreau o masă pentru 4 sâmbătă");
        assert_eq!(trattoria.say("ana", "La ce oră deschideți?").code, "hours.week");
        let answer = trattoria.say("ana", "8");
        assert_eq!(answer.code, "booking.confirmed");
        assert!(answer.text.contains("sâmbătă, 28 noiembrie, ora 20:00"), "{answer:?}");
    }

    #[test]
    fn guests_do_not_hear_each_others_conversations() {
        let trattoria = Restaurant::open("trattoria-roma");
        trattoria.say("ana", "Vreau o masă pentru 4 mâine");
        assert_eq!(trattoria.say("ion", "la 20:00").code, "chat.unclear");
    }

    #[test]
    fn a_full_evening_offers_the_nearest_times() {
        let bistro = Restaurant::open("bistro-central");
        for guest in ["a", "b"] {
            assert_eq!(bistro.say(guest, "a table for 6 tomorrow at 19:00").code, "booking.confirmed");
        }
        let answer = bistro.say("c", "a table for 5 tomorrow at 19:00");
        assert_eq!(answer.code, "booking.full");
        assert!(answer.text.contains("We could seat you at 17:00, 17:30, 20:30."), "{answer:?}");
        let answer = bistro.say("c", "20:30");
        assert_eq!(answer.code, "booking.confirmed", "the party and the day were remembered");
        assert_eq!(bistro.bookings("2026-11-26").len(), 3);
    }

    #[test]
    fn a_closed_day_names_the_next_open_one() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "masă pentru 2 luni la 19:00");
        assert_eq!(answer.code, "booking.closed");
        assert!(
            answer.text.contains("luni, 30 noiembrie suntem închiși. Următoarea zi deschisă: marți, 1 decembrie"),
            "{answer:?}"
        );
        let answer = trattoria.say("ana", "atunci marți");
        assert_eq!(answer.code, "booking.confirmed", "{answer:?}");
    }

    #[test]
    fn christmas_is_closed_whatever_its_weekday() {
        let trattoria = Restaurant::open("trattoria-roma");
        assert_eq!(trattoria.say("ana", "masă pentru 2 pe 25 decembrie la 19:00").code, "booking.closed");
    }

    #[test]
    fn past_midnight_belongs_to_the_evening_before() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "masă pentru 2 sâmbătă la 00:30");
        assert_eq!(answer.code, "booking.confirmed");
        assert_eq!(trattoria.bookings("2026-11-27")[0]["minute"], 24 * 60 + 30);
    }

    #[test]
    fn what_cannot_be_booked_says_why() {
        let trattoria = Restaurant::open("trattoria-roma");
        let cases = [
            ("masă pentru 2 azi la 12:30", "booking.past"),
            ("masă pentru 2 mâine la 22:30", "booking.too-late"),
            ("masă pentru 2 mâine la 16:00", "booking.closed"),
            ("masă pentru 2 pe 20 mai 2027 la 19:00", "booking.too-early"),
            ("masă pentru 2 pe 30 februarie la 19:00", "booking.details-needed"),
        ];
        for (number, (text, code)) in cases.into_iter().enumerate() {
            let answer = trattoria.say(&format!("guest-{number}"), text);
            assert_eq!(answer.code, code, "{text}: {answer:?}");
            assert!(answer.actions.is_empty());
        }
    }

    #[test]
    fn a_large_party_waits_for_a_person() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "masă pentru 14 persoane sâmbătă la 20:00");
        assert_eq!((answer.code.as_str(), answer.review), ("booking.large-party", true));
        assert_eq!(answer.actions, ["large-party"]);
        assert!(trattoria.bookings("2026-11-28").is_empty());
    }

    #[test]
    fn a_repeated_decision_says_the_same_and_books_once() {
        let bistro = Restaurant::open("bistro-central");
        let text = "a table for 6 tomorrow at 19:00";
        let first = bistro.say_as("dec_same", "bob", text);
        let again = bistro.say_as("dec_same", "bob", text);
        assert_eq!((first.code, first.text), (again.code, again.text));
        assert_eq!(bistro.bookings("2026-11-26").len(), 1);
    }

    #[test]
    fn a_guest_is_not_booked_twice_at_the_same_time() {
        let bistro = Restaurant::open("bistro-central");
        bistro.say("bob", "a table for 2 tomorrow at 19:00");
        let answer = bistro.say("bob", "a table for 2 tomorrow at 19:30");
        assert_eq!(answer.code, "booking.already");
        assert_eq!(bistro.bookings("2026-11-26").len(), 1);
    }

    #[test]
    fn a_booking_is_called_off_and_frees_its_seats() {
        let bistro = Restaurant::open("bistro-central");
        assert_eq!(bistro.say("bob", "please cancel my booking").code, "booking.none-found");
        bistro.say("bob", "a table for 6 tomorrow at 19:00");
        bistro.say("bob", "a table for 2 on Friday at 20:00");
        let answer = bistro.say("bob", "please cancel my booking");
        assert_eq!(answer.code, "booking.which");
        assert!(answer.text.contains("Thursday, 26 November at 19:00"), "{answer:?}");
        let answer = bistro.say_as("dec_cancel", "bob", "cancel the one on Friday");
        assert_eq!(
            (answer.code.as_str(), answer.actions.as_slice()),
            ("booking.cancelled", ["reservation".to_owned()].as_slice())
        );
        let again = bistro.say_as("dec_cancel", "bob", "cancel the one on Friday");
        assert_eq!((again.code, again.text), (answer.code, answer.text), "a repeated decision finds what it did");
        assert_eq!(bistro.say("bob", "a table for 2 on Friday at 20:00").code, "booking.confirmed");
    }

    #[test]
    fn places_of_one_business_have_tables_of_their_own() {
        let trattoria = Restaurant::open("trattoria-roma").at("pipera");
        let answer = trattoria.say("ana", "masă pentru 7 mâine la 19:00");
        assert_eq!(answer.code, "booking.large-party", "Pipera seats six without asking, the Centru ten");
    }
}

mod questions {
    use super::restaurant::Restaurant;

    #[test]
    fn hours_are_told_for_the_day_that_was_asked() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "Bună ziua! La ce oră deschideți sâmbătă?");
        assert_eq!(answer.path, ["understand", "extract", "lookup", "respond"]);
        assert_eq!(answer.code, "hours.day");
        assert_eq!(
            answer.text,
            "Sâmbătă, 28 noiembrie: deschis 12:00–02:00. Acum suntem închiși; azi deschidem la 18:00."
        );
        let answer = trattoria.say("ana", "și luni e deschis?");
        assert!(answer.text.starts_with("Luni, 30 noiembrie: închis."), "{answer:?}");
    }

    #[test]
    fn hours_without_a_day_tell_the_week() {
        let bistro = Restaurant::open("bistro-central");
        let answer = bistro.say("bob", "What are your opening hours?");
        assert_eq!(answer.code, "hours.week");
        assert!(
            answer.text.starts_with("We are open right now, until 22:00.\nWednesday, 25 November: 11:00–22:00\n"),
            "{answer:?}"
        );
        assert_eq!(answer.text.lines().count(), 8);
    }

    #[test]
    fn the_menu_answers_in_the_guests_language() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "What vegan dishes do you have?");
        assert_eq!(answer.code, "menu.matches");
        assert!(
            answer.text.starts_with("4 dishes fit:\n• Tomato bruschetta, 24 RON (contains gluten)\n"),
            "{answer:?}"
        );
        let answer = trattoria.say("ana", "aveți ceva fără gluten și fără lapte?");
        assert!(answer.text.contains("Păstrăv la grătar, 56 RON (conține: pește)"), "{answer:?}");
        assert!(!answer.text.contains("Pizza"));
        let answer = trattoria.say("ana", "vegan pizza?");
        assert_eq!(answer.code, "menu.none");
    }

    #[test]
    fn two_businesses_answer_from_their_own_data() {
        let question = "what vegetarian dishes do you have";
        let trattoria = Restaurant::open("trattoria-roma").say("ana", question).text;
        let bistro = Restaurant::open("bistro-central").say("ana", question).text;
        assert!(trattoria.contains("Margherita") && !bistro.contains("Margherita"));
        assert!(bistro.contains("Mushroom omelette, 9.5 GBP"), "{bistro}");
    }

    #[test]
    fn small_talk_and_nonsense_get_an_answer_too() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "Bună!");
        assert!(answer.text.starts_with("Bună! Aici Trattoria Roma."), "{answer:?}");
        let answer = trattoria.say("ana", "Care e adresa?");
        assert_eq!(answer.text, "Trattoria Roma, Strada Covaci 12, București, telefon +40 21 555 0101.");
        let answer = trattoria.say("ana", "qwertz");
        assert_eq!(answer.code, "chat.unclear");
        assert!(answer.confidence < 0.4);
    }
}

mod complaints {
    use super::restaurant::Restaurant;

    #[test]
    fn a_complaint_waits_for_review_and_is_answered_at_once() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!");
        assert_eq!(answer.path, ["understand", "extract", "lookup", "complaint", "respond"]);
        assert_eq!((answer.code.as_str(), answer.review), ("complaint.food", true));
        assert_eq!(answer.actions, ["complaint"]);
        assert!(answer.text.contains("despre mâncare"), "{answer:?}");
    }

    #[test]
    fn somebody_ill_is_urgent() {
        let bistro = Restaurant::open("bistro-central");
        let answer = bistro.say("bob", "My son has food poisoning from your fish");
        assert_eq!((answer.code.as_str(), answer.review), ("complaint.safety", true));
        assert!(answer.text.contains("call 112, then +44 20 5550 0142"), "{answer:?}");
    }
}

mod failures {
    use signalbox_sdk::dynamodb;

    use super::restaurant::Restaurant;

    #[test]
    fn a_store_that_stumbles_is_asked_again() {
        let bistro = Restaurant::open("bistro-central");
        bistro.host.clone().dynamodb_error(dynamodb::Error::Unavailable("throttled".into()));
        let answer = bistro.say("bob", "a table for 2 tomorrow at 19:00");
        assert_eq!(answer.code, "booking.confirmed");
        assert_eq!(answer.path.iter().filter(|node| *node == "availability").count(), 2, "{answer:?}");
    }

    #[test]
    fn a_store_that_is_down_hands_over_to_a_person() {
        let bistro = Restaurant::open("bistro-central");
        for _attempt in 0..3 {
            bistro.host.clone().dynamodb_error(dynamodb::Error::Unavailable("down".into()));
        }
        let answer = bistro.say("bob", "a table for 2 tomorrow at 19:00");
        assert_eq!((answer.code.as_str(), answer.review), ("handover.requested", true));
        assert!(answer.text.starts_with("I need a colleague's help"), "{answer:?}");
        assert!(bistro.bookings("2026-11-26").is_empty());
    }

    #[test]
    fn facts_that_cannot_be_looked_up_do_not_leave_a_guest_without_an_answer() {
        let bistro = Restaurant::open("bistro-central");
        for _attempt in 0..2 {
            bistro.host.clone().business_error(signalbox_sdk::business::Error::Unavailable("down".into()));
        }
        let answer = bistro.say("bob", "are you open on Sunday?");
        assert_eq!(answer.code, "info.contact");
        assert!(!answer.text.is_empty());
    }

    #[test]
    fn who_asks_for_a_person_gets_one() {
        let trattoria = Restaurant::open("trattoria-roma");
        let answer = trattoria.say("ana", "Vreau să vorbesc cu managerul");
        assert_eq!((answer.code.as_str(), answer.review), ("handover.requested", true));
        assert!(answer.text.starts_with("Sigur, un coleg preia conversația"), "{answer:?}");
    }

    #[test]
    fn a_message_without_words_hands_over_too() {
        let answer = Restaurant::open("trattoria-roma").say("ana", "   ");
        assert_eq!(answer.code, "handover.requested");
    }
}

mod message_models {
    use super::restaurant::Restaurant;

    #[test]
    fn every_model_is_there_in_both_languages() {
        let models = Restaurant::models();
        for (code, locale) in models.keys() {
            let other = if locale == "ro" { "en" } else { "ro" };
            assert!(models.contains_key(&(code.clone(), other.to_owned())), "{code} has no {other}");
        }
        assert!(models.len() >= 40);
    }
}
