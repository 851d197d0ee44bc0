//! Whole decisions: the graph of `bundle.toml` with its nodes called natively, the message models of `models/`, and the
//! businesses of `business/`.

#[cfg(test)]
mod clinic;
#[cfg(test)]
mod past_midnight;
#[cfg(test)]
mod spellings;

mod complaints {
    use super::clinic::Clinic;

    #[test]
    fn each_symptom_is_weighed_and_a_doctor_looks() {
        let clinic = Clinic::open("clinica-sanatatea");
        let answer = clinic.say("ana", "Mă doare capul de trei zile și am febră 39");
        assert_eq!(answer.path, ["understand", "symptoms", "weigh", "weigh", "triage", "respond"]);
        assert_eq!((answer.code.as_str(), answer.review), ("triage.urgent", true));
        assert!(answer.text.contains("Nu vă pot pune un diagnostic"), "{answer:?}");
        let targets: Vec<&str> = answer.actions.iter().map(|action| action.target.as_str()).collect();
        assert_eq!(targets, ["triage", "user:ana"]);
        assert_eq!(answer.actions[0].payload["symptoms"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_wait_is_told_to_call_for_help_at_once() {
        for (business, text, words) in [
            ("clinica-sanatatea", "Mă doare pieptul și transpir", "Sunați acum la 112"),
            ("harbour-practice", "I can't breathe", "Call 112 now"),
        ] {
            let answer = Clinic::open(business).say("ana", text);
            assert_eq!((answer.code.as_str(), answer.review), ("triage.emergency", true), "{text}");
            assert!(answer.text.starts_with(words), "{answer:?}");
        }
    }

    #[test]
    fn nothing_that_is_said_back_is_advice() {
        let clinic = Clinic::open("harbour-practice");
        for text in ["I have a cough", "my knee hurts terribly", "fever of 40 since yesterday", "I feel strange pain"] {
            let answer = clinic.say("bob", text);
            assert!(answer.review, "{text}");
            let said = answer.text.to_lowercase();
            for word in ["take ", "diagnosed", "you have", "ibuprofen", "advises"] {
                assert!(!said.contains(word), "{text}: {said}");
            }
        }
    }

    #[test]
    fn a_complaint_leads_to_an_appointment_in_its_field() {
        let mut clinic = Clinic::open("clinica-sanatatea");
        let answer = clinic.say("ana", "Am o erupție pe piele");
        assert_eq!(answer.code, "triage.routine");
        let answer = clinic.say("ana", "da");
        assert_eq!(answer.code, "appointment.offered");
        assert!(answer.text.contains("joi, 26 noiembrie, ora 09:00, la dr. Vlad Marin"), "{answer:?}");
        clinic.at("2026-11-25T13:35:00.000Z", "2026-11-25T15:35:00+02:00");
        let answer = clinic.say("ana", "da, confirm");
        assert_eq!(answer.code, "appointment.confirmed");
        assert!(!answer.review, "an appointment is no medical matter");
    }

    #[test]
    fn results_are_never_told_in_a_chat() {
        let answer = Clinic::open("clinica-sanatatea").say("ana", "Au venit rezultatele analizelor?");
        assert_eq!((answer.code.as_str(), answer.review), ("results.asked", true));
        assert_eq!(answer.path, ["understand", "handover", "respond"]);
    }
}

mod appointments {
    use serde_json::json;

    use super::clinic::{Clinic, message};

    #[test]
    fn a_time_is_found_held_and_confirmed() {
        let clinic = Clinic::open("clinica-sanatatea");
        let answer = clinic.say("ana", "Aș vrea o programare joi la 10");
        assert_eq!(answer.path, ["understand", "request", "find", "hold", "respond"]);
        assert_eq!(answer.code, "appointment.offered");
        assert!(answer.actions.is_empty(), "nothing leaves before the patient agrees");
        let answer = clinic.say("ana", "Da, mulțumesc");
        assert_eq!(answer.path, ["understand", "request", "find", "hold", "confirm", "respond"]);
        assert_eq!(answer.code, "appointment.confirmed");
        assert!(answer.text.starts_with("Programarea e confirmată: joi, 26 noiembrie, ora 10:00, la dr. Ana Ionescu."));
        assert_eq!(answer.actions[0].payload["time"], "10:00");
        let row = clinic.appointments("2026-11-26");
        assert_eq!((row.len(), &row[0]["patient"]), (1, &json!("ana")));
    }

    #[test]
    fn a_held_time_is_nobody_elses_until_the_hold_is_over() {
        let mut clinic = Clinic::open("harbour-practice");
        assert_eq!(clinic.say("ana", "appointment on Thursday at 10:00").code, "appointment.offered");
        let answer = clinic.say("bob", "appointment on Thursday at 10:00");
        assert_eq!(answer.code, "appointment.taken");
        assert!(answer.text.ends_with("Near it: 09:30, 09:45, 10:15. Which other time suits you?"), "{answer:?}");
        clinic.at("2026-11-25T13:45:00.000Z", "2026-11-25T13:45:00+00:00");
        assert_eq!(clinic.say("bob", "then again Thursday at 10:00").code, "appointment.offered");
        assert_eq!(clinic.say("bob", "yes").code, "appointment.confirmed");
        let late = clinic.say("ana", "yes please");
        assert_eq!(late.code, "appointment.taken", "who thinks too long finds it gone");
        assert_eq!(clinic.appointments("2026-11-26").len(), 2, "the hold that ran out stays until it is replaced");
    }

    #[test]
    fn a_no_asks_for_another_time() {
        let clinic = Clinic::open("harbour-practice");
        clinic.say("bob", "Can I see a doctor tomorrow morning?");
        let answer = clinic.say("bob", "no, that does not suit me");
        assert_eq!(answer.code, "appointment.declined");
        let answer = clinic.say("bob", "Friday afternoon");
        assert_eq!(answer.code, "appointment.offered");
        assert!(answer.text.contains("Friday, 27 November at 12:00"), "{answer:?}");
    }

    #[test]
    fn an_appointment_is_called_off_and_its_time_is_free_again() {
        let clinic = Clinic::open("harbour-practice");
        assert_eq!(clinic.say("bob", "please cancel my appointment").code, "appointment.none-found");
        clinic.say("bob", "appointment on Thursday at 10:00");
        clinic.say("bob", "yes");
        assert_eq!(
            clinic.say("ana", "cancel my appointment").code,
            "appointment.none-found",
            "nobody cancels another's"
        );
        let input = message("bob", "please cancel my appointment");
        let answer = clinic.decide("dec_cancel", &input);
        assert_eq!((answer.code.as_str(), answer.actions.len()), ("appointment.cancelled", 1));
        let again = clinic.decide("dec_cancel", &input);
        assert_eq!((again.code, again.text), (answer.code, answer.text), "a repeated decision finds what it did");
        assert_eq!(clinic.say("ana", "appointment on Thursday at 10:00").code, "appointment.offered");
    }

    #[test]
    fn what_cannot_be_given_says_why() {
        let clinic = Clinic::open("harbour-practice");
        let cases = [
            ("appointment on 20 November 2026", "appointment.past"),
            ("appointment on 1 May 2027", "appointment.too-early"),
            ("appointment on Saturday", "appointment.none"),
        ];
        for (text, code) in cases {
            assert_eq!(clinic.say("bob", text).code, code, "{text}");
        }
    }
}

mod programs {
    use serde_json::json;
    use signalbox_sdk::ResponseTarget;

    use super::clinic::{Clinic, Input};

    #[test]
    fn a_program_books_in_one_request_and_is_told_over_the_api() {
        let clinic = Clinic::open("clinica-sanatatea").with("appointments");
        let book =
            json!({ "action": "book", "patient": "ana", "date": "2026-11-26", "time": "10:00", "language": "en" });
        let answer = clinic.ask("desk", &book);
        assert_eq!(answer.path, ["request", "find", "hold", "confirm", "respond"]);
        assert_eq!((answer.code.as_str(), answer.target), ("appointment.confirmed", Some(ResponseTarget::Api)));
        assert_eq!(clinic.ask("desk", &book).code, "appointment.already", "another request for the same time");
        let other = json!({ "action": "book", "patient": "ion", "date": "2026-11-26", "time": "10:00" });
        let answer = clinic.ask("desk", &other);
        assert_eq!(answer.code, "appointment.taken");
        assert_eq!(clinic.appointments("2026-11-26").len(), 1);
        let cancel = json!({ "action": "cancel", "patient": "ana" });
        assert_eq!(clinic.ask("desk", &cancel).code, "appointment.cancelled");
    }

    #[test]
    fn a_repeated_decision_says_the_same_and_books_once() {
        let clinic = Clinic::open("harbour-practice");
        let data = Some(json!({ "action": "book", "date": "2026-11-26", "time": "10:00" }));
        let input_type = signalbox_sdk::InputType::ApiRequest;
        let input = Input { input_type, user: Some("bob".to_owned()), text: None, data };
        let (first, again) = (clinic.decide("dec_same", &input), clinic.decide("dec_same", &input));
        assert_eq!(first.code, "appointment.confirmed");
        assert_eq!((first.code, first.text), (again.code, again.text));
        assert_eq!(clinic.appointments("2026-11-26").len(), 1);
    }

    #[test]
    fn free_times_are_listed_without_holding_any() {
        let clinic = Clinic::open("clinica-sanatatea");
        let answer = clinic.ask("ana", &json!({ "action": "slots", "speciality": "dermatology" }));
        assert_eq!(answer.code, "appointment.slots");
        assert!(answer.text.starts_with("Ore libere: joi, 26 noiembrie 09:00 (dr. Vlad Marin)"), "{answer:?}");
        assert!(clinic.appointments("2026-11-26").is_empty());
    }

    #[test]
    fn what_a_program_may_not_ask_is_refused_in_words() {
        let clinic = Clinic::open("harbour-practice");
        let answer = clinic.ask("bob", &json!({ "action": "cancel", "patient": "ana" }));
        assert_eq!(answer.code, "request.forbidden");
        let answer = clinic.ask("bob", &json!({ "action": "burn" }));
        assert_eq!(answer.code, "request.invalid");
        assert_eq!(answer.path, ["request", "respond"]);
    }
}

mod laboratory {
    use serde_json::json;

    use super::clinic::Clinic;

    #[test]
    fn every_result_set_waits_for_a_doctor() {
        let clinic = Clinic::open("clinica-sanatatea");
        let set = |order: &str, value: f64| {
            let values =
                json!([{ "code": "K", "value": value, "unit": "mmol/L", "range": { "low": 3.5, "high": 5.1 } }]);
            json!({ "orderId": order, "patientId": "ana", "values": values })
        };
        let answers = clinic.post(&json!({ "laboratory": "Lab", "resultSets": [set("O-1", 4.0), set("O-2", 6.9)] }));
        let told: Vec<_> = answers.iter().map(|answer| (answer.code.as_str(), answer.review)).collect();
        assert_eq!(told, [("results.within-range", true), ("results.critical", true)]);
        for answer in &answers {
            assert_eq!(answer.path, ["results"]);
            assert!(answer.text.is_empty(), "nobody is told before a doctor has looked");
        }
        let notice = answers[1].actions[1].payload["text"].as_str().unwrap().to_owned();
        assert_eq!(
            notice,
            "Un medic v-a văzut analizele (O-2) și dorește să le discute cu dumneavoastră. Sunați la +40 21 555 0150."
        );
    }
}

mod reminders {
    use serde_json::json;
    use signalbox_sdk::InputType;

    use super::clinic::{Clinic, Input};

    /// Books `count` appointments for tomorrow, one after the other.
    fn booked(clinic: &Clinic, count: usize) {
        let appointments: Vec<_> = (0..count)
            .map(|number| {
                json!({
                    "decision": format!("dec_{number:04}"), "patient": format!("patient-{number}"),
                    "practitioner": "ionescu", "minute": 480 + number, "until": 481 + number, "language": "ro",
                    "heldUntil": "2026-11-25T08:00:00.000Z", "confirmedBy": "dec_x",
                })
            })
            .collect();
        clinic.host.clone().put_row("appointments", "main", "2026-11-26", &json!({ "appointments": appointments }));
    }

    #[test]
    fn patients_are_reminded_of_tomorrow_once() {
        let mut clinic = Clinic::open("clinica-sanatatea");
        clinic.say("ana", "programare joi la 10:00");
        clinic.say("ana", "da");
        clinic.say("ion", "programare vineri la 10:00");
        clinic.say("ion", "da");
        clinic.say("eva", "programare joi la 11:00");
        clinic.at("2026-11-25T15:00:00.000Z", "2026-11-25T17:00:00+02:00");
        let answer = clinic.tick();
        assert_eq!((answer.code.as_str(), answer.review), ("reminders.sent", false));
        let targets: Vec<&str> = answer.actions.iter().map(|action| action.target.as_str()).collect();
        assert_eq!(targets, ["user:ana"], "not who comes on Friday, not who never agreed");
        let text = answer.actions[0].payload["text"].as_str().unwrap();
        assert!(text.contains("programarea de mâine, joi, 26 noiembrie, ora 10:00, la dr. Ana Ionescu"), "{text}");
        let again = clinic.tick();
        assert_eq!((again.code.as_str(), again.actions.len()), ("reminders.none", 0));
    }

    #[test]
    fn tomorrow_is_the_clinics_own() {
        let mut clinic = Clinic::open("clinica-sanatatea");
        booked(&clinic, 1);
        clinic.at("2026-11-25T23:30:00.000Z", "2026-11-26T01:30:00+02:00");
        assert_eq!(clinic.tick().code, "reminders.none", "in UTC it would still be tomorrow");
        clinic.at("2026-11-25T21:30:00.000Z", "2026-11-25T23:30:00+02:00");
        assert_eq!(clinic.tick().code, "reminders.sent");
    }

    #[test]
    fn more_patients_than_one_step_may_remind_are_all_reminded_once() {
        let clinic = Clinic::open("clinica-sanatatea");
        booked(&clinic, 130);
        let answer = clinic.tick();
        assert_eq!(answer.path, ["remind", "remind", "remind"]);
        let mut targets: Vec<&str> = answer.actions.iter().map(|action| action.target.as_str()).collect();
        targets.sort_unstable();
        targets.dedup();
        assert_eq!((targets.len(), answer.actions.len()), (130, 130));
    }

    #[test]
    fn a_repeated_tick_reminds_of_the_same() {
        let clinic = Clinic::open("clinica-sanatatea");
        booked(&clinic, 60);
        let input = Input { input_type: InputType::ScheduledTask, user: None, text: None, data: Some(json!({})) };
        let (first, again) = (clinic.decide("dec_tick", &input), clinic.decide("dec_tick", &input));
        assert_eq!(first.actions, again.actions);
    }
}

mod failures {
    use signalbox_sdk::dynamodb;

    use super::clinic::Clinic;

    #[test]
    fn a_store_that_stumbles_is_asked_again_and_one_that_is_down_hands_over() {
        let clinic = Clinic::open("harbour-practice");
        clinic.host.clone().dynamodb_error(dynamodb::Error::Unavailable("throttled".into()));
        let answer = clinic.say("bob", "appointment on Thursday at 10:00");
        assert_eq!(answer.code, "appointment.offered");
        assert_eq!(answer.path.iter().filter(|node| *node == "find").count(), 2, "{answer:?}");
        for _attempt in 0..3 {
            clinic.host.clone().dynamodb_error(dynamodb::Error::Unavailable("down".into()));
        }
        let answer = clinic.say("eve", "appointment on Thursday at 11:00");
        assert_eq!((answer.code.as_str(), answer.review), ("handover.failed", true));
        assert!(answer.text.starts_with("I need a colleague's help"), "{answer:?}");
    }

    #[test]
    fn a_message_without_words_reaches_a_person() {
        assert_eq!(Clinic::open("harbour-practice").say("bob", "  ").code, "handover.failed");
    }

    #[test]
    fn small_talk_and_questions_get_an_answer_too() {
        let clinic = Clinic::open("clinica-sanatatea");
        let answer = clinic.say("ana", "Care e programul?");
        assert!(answer.text.starts_with("miercuri, 25 noiembrie: 08:00–18:00\njoi"), "{answer:?}");
        assert!(clinic.say("ana", "Bună!").text.starts_with("Bună! Aici Clinica Sănătatea."));
        assert_eq!(
            clinic.say("ana", "Care e adresa?").text,
            "Clinica Sănătatea, Strada Plantelor 8, București, telefon +40 21 555 0150."
        );
        let answer = clinic.say("ana", "qwertz");
        assert!(answer.code == "chat.unclear" && answer.confidence < 0.4);
    }
}

mod message_models {
    use super::clinic::Clinic;

    #[test]
    fn every_model_is_there_in_both_languages() {
        let models = Clinic::models();
        for (code, locale) in models.keys() {
            let other = if locale == "ro" { "en" } else { "ro" };
            assert!(models.contains_key(&(code.clone(), other.to_owned())), "{code} has no {other}");
        }
        assert!(models.len() >= 50);
    }
}
