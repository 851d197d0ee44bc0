//! Inputs other than the chat: a booking portal, the point of sale, the morning's schedule.

mod portal {
    use serde_json::{Value, json};

    use crate::restaurant::Restaurant;

    fn booking(event: &str, id: &str, guests: u32, time: &str) -> Value {
        json!({ "event": event, "bookingId": id, "guests": guests, "date": "2026-11-26", "time": time, "name": "Popescu" })
    }

    #[test]
    fn a_portals_booking_takes_a_table_like_any_other() {
        let bistro = Restaurant::open("bistro-central");
        let answer = bistro.post("dec_1", &booking("booking.requested", "P-1", 6, "19:00"));
        assert_eq!(answer.path, ["portal", "availability", "book", "respond"]);
        assert_eq!((answer.code.as_str(), answer.text.as_str()), ("booking.confirmed", ""));
        assert_eq!(answer.actions, ["reservation", "portal-booking"]);
        assert_eq!(
            (&answer.payloads[1]["bookingId"], &answer.payloads[1]["status"]),
            (&json!("P-1"), &json!("accepted"))
        );
        assert_eq!(bistro.say("bob", "a table for 6 tomorrow at 19:00").code, "booking.confirmed");
        let answer = bistro.post("dec_2", &booking("booking.requested", "P-2", 5, "19:00"));
        assert_eq!(answer.code, "booking.full", "seats are given once, whichever way");
        assert_eq!(answer.payloads[0]["status"], "refused");
        assert_eq!(answer.payloads[0]["details"]["alternatives"], json!(["17:00", "17:30", "20:30"]));
    }

    #[test]
    fn a_booking_that_is_sent_again_is_booked_once() {
        let bistro = Restaurant::open("bistro-central");
        let body = booking("booking.requested", "P-1", 2, "19:00");
        let (first, repeated) = (bistro.post("dec_1", &body), bistro.post("dec_1", &body));
        assert_eq!(first.payloads, repeated.payloads, "the same decision, repeated");
        let resent = bistro.post("dec_2", &body);
        assert_eq!((resent.code.as_str(), &resent.payloads[0]["status"]), ("booking.already", &json!("accepted")));
        assert_eq!(bistro.bookings("2026-11-26").len(), 1);
    }

    #[test]
    fn a_portal_calls_off_its_own_bookings_only() {
        let bistro = Restaurant::open("bistro-central");
        bistro.post("dec_1", &booking("booking.requested", "P-1", 2, "19:00"));
        let answer = bistro.post("dec_2", &booking("booking.cancelled", "P-9", 2, "19:00"));
        assert_eq!(answer.code, "booking.none-found");
        let answer = bistro.post("dec_3", &booking("booking.cancelled", "P-1", 2, "19:00"));
        assert_eq!((answer.code.as_str(), &answer.payloads[1]["status"]), ("booking.cancelled", &json!("cancelled")));
        assert_eq!(bistro.bookings("2026-11-26")[0]["cancelledBy"], "dec_3");
    }

    #[test]
    fn a_store_that_is_down_keeps_the_portal_waiting_for_a_person() {
        let bistro = Restaurant::open("bistro-central");
        for _attempt in 0..3 {
            bistro.host.clone().dynamodb_error(signalbox_sdk::dynamodb::Error::Unavailable("down".into()));
        }
        let answer = bistro.post("dec_1", &booking("booking.requested", "P-1", 2, "19:00"));
        assert_eq!((answer.code.as_str(), answer.review), ("handover.requested", true));
        assert_eq!(answer.payloads[1]["status"], "pending");
    }
}

mod point_of_sale {
    use serde_json::json;

    use crate::restaurant::Restaurant;

    #[test]
    fn a_party_without_a_booking_takes_seats_until_it_leaves() {
        let mut bistro = Restaurant::open("bistro-central");
        bistro.at_time("2026-11-25T18:00:00.000Z", "2026-11-25T18:00:00+00:00");
        let opened = json!({ "eventId": "e1", "type": "table.opened", "table": "12", "guests": 14 });
        let answer = bistro.tell("dec_1", &opened);
        assert_eq!((answer.path.as_slice(), answer.code.as_str()), (["floor".to_owned()].as_slice(), "table.opened"));
        assert_eq!(bistro.tell("dec_1", &opened).code, "table.opened", "a repeated decision");
        assert_eq!(bistro.bookings("2026-11-25").len(), 1);
        assert_eq!(bistro.say("bob", "a table for 4 today at 19:00").code, "booking.full");
        bistro.at_time("2026-11-25T18:40:00.000Z", "2026-11-25T18:40:00+00:00");
        let freed = json!({ "eventId": "e2", "type": "table.freed", "table": "12" });
        assert_eq!(bistro.tell("dec_2", &freed).code, "table.freed");
        assert_eq!(bistro.say("ana", "a table for 4 today at 19:00").code, "booking.confirmed");
        let unknown = json!({ "eventId": "e3", "type": "table.freed", "table": "99" });
        assert_eq!(bistro.tell("dec_3", &unknown).code, "table.unknown");
    }

    #[test]
    fn a_guests_words_that_a_program_brings_by_kafka_are_answered_like_any_guests() {
        let bistro = Restaurant::open("bistro-central");
        let answer = bistro.bring("dec_1", "guest-7", "a table for 4 today at 19:00");
        assert_eq!(answer.code, "booking.confirmed");
        assert!(!answer.path.contains(&"floor".to_owned()), "{:?}", answer.path);
    }

    #[test]
    fn a_party_with_a_booking_is_not_counted_twice() {
        let bistro = Restaurant::open("bistro-central");
        bistro.say_as("dec_00abc123", "bob", "a table for 6 today at 19:00");
        let opened = json!({
            "eventId": "e1", "type": "table.opened", "table": "3", "guests": 6, "bookingCode": "ABC123",
        });
        assert_eq!(bistro.tell("dec_1", &opened).code, "table.seated");
        assert_eq!(bistro.bookings("2026-11-25").len(), 1);
    }
}

mod summary {
    use serde_json::json;
    use signalbox_sdk::testing::Effect;

    use crate::restaurant::Restaurant;

    #[test]
    fn the_morning_counts_what_the_rows_say() {
        let mut bistro = Restaurant::open("bistro-central");
        bistro.say("bob", "a table for 4 tomorrow at 19:00");
        bistro.say("ana", "a table for 2 tomorrow at 12:30");
        bistro.say("eve", "a table for 2 tomorrow at 13:00");
        bistro.say("eve", "please cancel my booking");
        bistro.say("bob", "My son has food poisoning from your fish");
        bistro.say("ana", "the waiter was rude");
        let paid = json!({ "eventId": "e1", "type": "bill.paid", "table": "3", "totalMinor": 12_350 });
        assert_eq!(bistro.tell("dec_paid", &paid).code, "bill.recorded");
        bistro.tell("dec_paid", &paid);
        bistro.at_time("2026-11-26T08:00:00.000Z", "2026-11-26T08:00:00+00:00");
        let answer = bistro.tick();
        assert_eq!(answer.path, ["count-bookings", "count-complaints", "summary"]);
        assert_eq!((answer.code.as_str(), answer.review), ("summary.daily", false));
        let effects = bistro.host.effects();
        let Some(Effect::Broadcast { content, .. }) = effects.last() else { panic!("no broadcast") };
        assert_eq!(
            content.get::<String>("text").unwrap().unwrap(),
            "Today, Thursday, 26 November: 2 bookings, 6 guests, the first at 12:30; 1 cancelled. Yesterday: 1 bills, \
             123.50 GBP; 2 complaints, 1 of them grave. Today so far: 0 complaints."
        );
    }
}
