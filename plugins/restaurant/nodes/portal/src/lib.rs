//! Node `portal`: translates a booking portal's request for the graph's other nodes.

use restaurant::intent::Intent;
use restaurant::language;
use restaurant::portal::{Booking, BookingEvent};
use signalbox_sdk::prelude::*;

/// Reads the portal's booking.
#[decision_node]
pub fn portal(context: &Context) -> Result<Step, Failure> {
    let Some(booking) = Booking::of(context)? else {
        return Err(Failure::invalid(
            "the input is no booking of a portal; the handler `reservations-webhook` gives one",
        ));
    };
    booking.check().map_err(Failure::invalid)?;
    let (intent, what) = match booking.event {
        BookingEvent::Requested => (Intent::Booking, "asks for a table"),
        BookingEvent::Cancelled => (Intent::Cancel, "calls off"),
    };
    Ok(Step::new()
        .update("language", &language::of_locale(&context.business.locale))?
        .update("intent", &intent)?
        .update("certainty", &1.0)?
        .update("request", &booking.request())?
        .update("notes", &format!("the portal {what} under {}", booking.booking_id))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(data: Value) -> Result<Step, Failure> {
        let context = testing::context().input_type(InputType::Webhook).source(Source::ExternalApi).data(&data);
        testing::run(|context: &Context, _: ()| portal(context), &context.build(), json!({}))
    }

    #[test]
    fn a_booking_becomes_a_request_of_the_graph() {
        let booking = json!({
            "event": "booking.requested", "bookingId": "P-1", "guests": 4, "date": "2026-11-26", "time": "19:30",
        });
        let step = run(booking.clone()).unwrap();
        assert_eq!(step.updates[1].1, r#""booking""#);
        assert!(step.updates[3].1.contains(r#""guest":"portal:P-1""#), "{:?}", step.updates);
        let mut cancelled = booking;
        cancelled["event"] = "booking.cancelled".into();
        assert_eq!(run(cancelled).unwrap().updates[1].1, r#""cancel""#);
    }

    #[test]
    fn data_that_is_no_booking_is_invalid() {
        for data in [json!({}), json!({ "event": "booking.requested", "bookingId": "P", "guests": "four" })] {
            assert!(matches!(run(data), Err(Failure::Invalid(_))));
        }
    }
}
