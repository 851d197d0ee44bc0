//! Interprets a read from a client's socket.

use signalbox_http::UsedUp;
use signalbox_sessions::CloseCode;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as WireError, Message as Wire, Utf8Bytes};

use crate::frames::FrameViolation;
use crate::protocol::Event;

/// The label of a connection that the host did not close: the client closed it, or the network did.
pub(super) const CLIENT: &str = "client";
pub(super) const GONE: &str = "gone";

/// The result of a read from a client's socket.
pub(super) enum IncomingMessage {
    Event(Event),
    Text(Utf8Bytes),
    /// The client closes, with a code that the library does not know.
    Closed(u16),
    /// The connection is gone.
    Gone(&'static str),
}

/// Interprets the result for the connection.
pub(super) fn read(received: Option<Result<Wire, WireError>>) -> IncomingMessage {
    match received {
        Some(Ok(Wire::Text(text))) => IncomingMessage::Text(text),
        Some(Ok(Wire::Binary(_))) => IncomingMessage::Event(Event::Broken(CloseCode::Binary)),
        Some(Ok(Wire::Ping(_) | Wire::Pong(_))) => IncomingMessage::Event(Event::Control),
        Some(Ok(Wire::Close(_))) => IncomingMessage::Gone(CLIENT),
        // The library never returns a raw frame from a read.
        Some(Ok(Wire::Frame(_))) | None => IncomingMessage::Gone(GONE),
        Some(Err(error)) => broken_rule(&error),
    }
}

/// The rule that a client broke, when the socket can still be written to.
fn broken_rule(error: &WireError) -> IncomingMessage {
    let broken = |code| IncomingMessage::Event(Event::Broken(code));
    match error {
        WireError::Capacity(_) => broken(CloseCode::TooLarge),
        WireError::Utf8(_) => broken(CloseCode::InvalidText),
        WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => IncomingMessage::Gone(GONE),
        WireError::Protocol(_) => broken(CloseCode::ProtocolError),
        WireError::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<UsedUp>()) => {
            broken(CloseCode::TooLarge)
        }
        WireError::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(FrameViolation::Length) => broken(CloseCode::ProtocolError),
            Some(FrameViolation::Closed(code)) => IncomingMessage::Closed(*code),
            None => IncomingMessage::Gone(GONE),
        },
        _ => IncomingMessage::Gone(GONE),
    }
}
