//! Bookings that a portal takes for the restaurant.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signalbox_sdk::{Context, Failure, InputType, Source};

use crate::booking::Request;
use crate::text::composed;

/// The body that a portal posts, and the data of the input that the handler makes of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// What happened at the portal.
    pub event: BookingEvent,
    /// The portal's id of the booking.
    pub booking_id: String,
    /// The number of guests.
    pub guests: u32,
    /// The day.
    pub date: Date,
    /// The time.
    pub time: Time,
    /// The name for the booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place, where the restaurant has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
}

/// What happened at the portal.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum BookingEvent {
    /// A guest asks for a table.
    #[serde(rename = "booking.requested")]
    Requested,
    /// A guest has cancelled it.
    #[serde(rename = "booking.cancelled")]
    Cancelled,
}

impl Booking {
    /// The portal's booking that a decision is about; none when it is about something else.
    pub fn of(context: &Context) -> Result<Option<Self>, Failure> {
        let by_webhook = context.input.input_type == InputType::Webhook && context.input.source == Source::ExternalApi;
        let Some(data) = context.input.content.data.as_ref().filter(|_| by_webhook) else { return Ok(None) };
        Ok(Some(data.read().map_err(Failure::invalid)?))
    }

    /// What is wrong with it, in words for the portal.
    pub fn check(&self) -> Result<(), String> {
        if self.booking_id.trim().is_empty() || self.booking_id.len() > 128 {
            return Err("`body.bookingId`: expected a string of 1 to 128 bytes that is not blank".to_owned());
        }
        if !(1..=1_000).contains(&self.guests) {
            let guests = self.guests;
            return Err(format!("`body.guests`: expected a whole number from 1 to 1000, found the number {guests}"));
        }
        Ok(())
    }

    /// The request for the graph's nodes. Each booking of a portal counts as a separate guest.
    pub fn request(&self) -> Request {
        Request {
            guests: Some(self.guests),
            date: Some(self.date),
            time: Some(self.time),
            name: self.name.as_deref().map(composed),
            guest: Some(format!("portal:{}", self.booking_id)),
            complete: true,
            ..Request::default()
        }
    }

    /// The answer for the portal. When a person must approve the booking, the answer leaves after the approval.
    pub fn answer(&self, code: &str, data: &Value) -> Value {
        let status = match code {
            "booking.confirmed" | "booking.already" | "booking.large-party" => "accepted",
            "booking.cancelled" | "booking.none-found" => "cancelled",
            "handover.requested" => "pending",
            _ => "refused",
        };
        json!({ "bookingId": self.booking_id, "status": status, "reason": code, "details": data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(patch: Value) -> Result<Booking, serde_json::Error> {
        let mut whole = json!({
            "event": "booking.requested", "bookingId": "P-1", "guests": 4, "date": "2026-11-26", "time": "19:30",
        });
        whole.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        serde_json::from_value(whole)
    }

    #[test]
    fn a_booking_is_a_complete_request_of_a_guest_of_its_own() {
        let request = booking(json!({ "name": "S\u{326}tefan" })).unwrap().request();
        assert_eq!(request.name.as_deref(), Some("Ștefan"), "data comes as it was sent");
        assert!(request.complete && request.missing().is_none());
        assert_eq!(request.guest.as_deref(), Some("portal:P-1"));
    }

    #[test]
    fn what_is_no_booking_is_refused() {
        for patch in [json!({ "event": "booking.eaten" }), json!({ "date": "2026-02-30" }), json!({ "guests": -1 })] {
            assert!(booking(patch.clone()).is_err(), "{patch}");
        }
        assert!(
            booking(json!({ "guests": 0 }))
                .unwrap()
                .check()
                .unwrap_err()
                .contains("from 1 to 1000, found the number 0")
        );
        assert!(booking(json!({ "bookingId": " " })).unwrap().check().is_err());
    }
}
