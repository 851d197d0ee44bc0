//! Handler `reservations-webhook`: a booking that a portal posts becomes one input, under the portal's own id. The host has
//! verified the signature.
//!
//! ```json
//! { "event": "booking.requested", "bookingId": "P-77", "guests": 4, "date": "2026-11-26", "time": "19:30", "name": "Popescu" }
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

    #[test]
    fn a_malformed_body_is_rejected() {
        let bodies: [&[u8]; 7] = [
            b"",
            b"\xff",
            b"[]",
            b"{}",
            br#"{"event":"booking.eaten","bookingId":"P","guests":1,"date":"2026-11-26","time":"19:30"}"#,
            br#"{"event":"booking.requested","bookingId":"P","guests":0,"date":"2026-11-26","time":"19:30"}"#,
            br#"{"event":"booking.requested","bookingId":"P","guests":2,"date":"2026-02-30","time":"19:30"}"#,
        ];
        for body in bodies {
            assert!(matches!(deliver(body), Err(Rejection::Invalid(_))), "{}", String::from_utf8_lossy(body));
        }
    }
}
