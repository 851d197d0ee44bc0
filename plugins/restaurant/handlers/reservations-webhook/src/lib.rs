//! Handler `reservations-webhook`: makes one input of a booking that a portal posts, under the portal's own id. The
//! host has verified the signature.
//!
//! ```json
//! {
//!   "event": "booking.requested", "bookingId": "P-77", "guests": 4, "date": "2026-11-26", "time": "19:30",
//!   "name": "Popescu"
//! }
//! ```

use restaurant::portal::Booking;
use signalbox_sdk::prelude::*;

/// Turns a delivery into an input.
#[input_handler]
pub fn reservations_webhook(event: Event) -> Result<Handled, Rejection> {
    let Event::Webhook(request) = event else {
        return Err(Rejection::Invalid("bookings of the portal come by webhook".to_owned()));
    };
    let booking: Booking = request.json()?;
    booking.check().map_err(Rejection::Invalid)?;
    let mut input = NewInput::new(InputType::Webhook).id(&booking.booking_id).data(&booking)?;
    if let Some(location) = &booking.location_id {
        input = input.location(location);
    }
    Ok(Handled::new().input(input).reply_json(&json!({ "accepted": 1, "bookingId": booking.booking_id }))?)
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::WebhookRequest;

    use super::*;

    fn deliver(body: &[u8]) -> Result<Handled, Rejection> {
        let (hook, delivery_id) = ("reservations".to_owned(), "msg_1".to_owned());
        let request = WebhookRequest { hook, delivery_id, headers: vec![], body: body.to_vec() };
        testing::handle(reservations_webhook, Event::Webhook(request))
    }

    #[test]
    fn a_booking_is_an_input_under_the_portals_id() {
        let body = br#"{"event":"booking.requested","bookingId":"P-1","guests":4,"date":"2026-11-26","time":"19:30",
            "locationId":"pipera","portal":"TableBook"}"#;
        let handled = deliver(body).unwrap();
        let [input] = &handled.inputs[..] else { panic!("one input") };
        assert_eq!((input.id.as_deref(), input.location_id.as_deref()), (Some("P-1"), Some("pipera")));
        assert_eq!(input.content.data.as_ref().unwrap().read::<Booking>().unwrap().guests, 4);
        assert_eq!(handled.reply.unwrap().body, br#"{"accepted":1,"bookingId":"P-1"}"#);
    }

    fn with(patch: Value) -> Vec<u8> {
        let mut body = json!({ "event": "booking.requested", "bookingId": "P-1", "guests": 2, "date": "2026-11-26", "time": "19:30" });
        body.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        body.to_string().into_bytes()
    }

    #[test]
    fn a_malformed_body_is_rejected_with_the_place_what_was_expected_and_what_was_found() {
        let in_order = br#"["booking.requested","P-1",4,"2026-11-26","19:30"]"#;
        let twice = br#"{"event":"booking.requested","bookingId":"P","guests":2,"guests":9,"date":"2026-11-26","time":"19:30"}"#;
        let bodies: [(Vec<u8>, &str); 12] = [
            (b"".to_vec(), "`body`: it is empty; expected JSON"),
            (b"\xff".to_vec(), "`body`: it is no UTF-8 from its byte 1 on; send JSON in UTF-8"),
            (
                [b"\xef\xbb\xbf".to_vec(), with(json!({}))].concat(),
                "`body`: it begins with a byte order mark, which JSON has not; send it without",
            ),
            (in_order.to_vec(), "`body`: expected an object, found an array"),
            (b"{}".to_vec(), "`body`: the key `event` is missing"),
            (twice.to_vec(), "`body`: the key `guests` stands twice"),
            (
                with(json!({ "event": "booking.eaten" })),
                "`body.event`: expected one of `booking.requested`, `booking.cancelled`, found the string \"booking.eaten\"",
            ),
            (with(json!({ "guests": 0 })), "`body.guests`: expected a whole number from 1 to 1000, found the number 0"),
            (
                with(json!({ "guests": "four" })),
                "`body.guests`: expected a whole number from 0 to 4294967295, found the string \"four\"",
            ),
            (
                with(json!({ "bookingId": " " })),
                "`body.bookingId`: expected a string of 1 to 128 bytes that is not blank",
            ),
            (with(json!({ "name": ["Ana"] })), "`body.name`: expected a string, found an array"),
            (
                with(json!({ "date": "2026-02-30" })),
                "`body.date`: found the string \"2026-02-30\", which is not understood: ",
            ),
        ];
        for (body, expected) in bodies {
            let Err(Rejection::Invalid(reason)) = deliver(&body) else {
                panic!("accepted {}", String::from_utf8_lossy(&body))
            };
            assert!(reason.starts_with(expected), "{reason}");
        }
    }
}
