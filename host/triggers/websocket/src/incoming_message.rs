//! Interprets what tungstenite reads from a client's socket.

use signalbox_http::ReadBudgetExceeded;
use signalbox_sessions::CloseCode;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error as WireError, Message as Wire, Utf8Bytes};

use crate::frame_validator::FrameViolation;
use crate::protocol::Event;

/// The metric label of a connection that the client closed.
pub(super) const CLOSED_BY_CLIENT: &str = "client";

/// The metric label of a connection that ended without a close.
pub(super) const CONNECTION_LOST: &str = "gone";

/// The result of a read from a client's socket.
pub(super) enum IncomingMessage {
    Event(Event),
    Text(Utf8Bytes),
    /// The client closes with a code that tungstenite does not know.
    ClosedWithCode(u16),
    /// The connection has ended; the string is its metric label.
    Ended(&'static str),
}

/// Interprets the result of a read.
pub(super) fn interpret(received: Option<Result<Wire, WireError>>) -> IncomingMessage {
    match received {
        Some(Ok(Wire::Text(text))) => IncomingMessage::Text(text),
        Some(Ok(Wire::Binary(_))) => IncomingMessage::Event(Event::ProtocolViolation(CloseCode::Binary)),
        Some(Ok(Wire::Ping(_) | Wire::Pong(_))) => IncomingMessage::Event(Event::ControlFrame),
        Some(Ok(Wire::Close(_))) => IncomingMessage::Ended(CLOSED_BY_CLIENT),
        // tungstenite never returns a raw frame from a read.
        Some(Ok(Wire::Frame(_))) | None => IncomingMessage::Ended(CONNECTION_LOST),
        Some(Err(error)) => interpret_error(&error),
    }
}

/// The event of a rule that the client broke, when the socket can still be written to.
fn interpret_error(error: &WireError) -> IncomingMessage {
    let violation = |code| IncomingMessage::Event(Event::ProtocolViolation(code));
    match error {
        WireError::Capacity(_) => violation(CloseCode::TooLarge),
        WireError::Utf8(_) => violation(CloseCode::InvalidText),
        WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => IncomingMessage::Ended(CONNECTION_LOST),
        WireError::Protocol(_) => violation(CloseCode::ProtocolError),
        WireError::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<ReadBudgetExceeded>()) => {
            violation(CloseCode::TooLarge)
        }
        WireError::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(FrameViolation::NonMinimalLength) => violation(CloseCode::ProtocolError),
            Some(FrameViolation::UnsupportedCloseCode(code)) => IncomingMessage::ClosedWithCode(*code),
            None => IncomingMessage::Ended(CONNECTION_LOST),
        },
        _ => IncomingMessage::Ended(CONNECTION_LOST),
    }
}
