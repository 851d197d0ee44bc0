//! The inputs and outputs of the state machine.

use std::time::Duration;

use jiff::Timestamp;
use signalbox_http::{AuthError, VerifiedToken};
use signalbox_sessions::{
    ClientFrame, ClientLimits, Close, CloseCode, FrameError, MessageFrame, ResumeFrame, ReviewFrame, ServerFrame,
};

use super::super::error_frame::ErrorFrame;

/// A verified token, or why it is refused.
pub(crate) type VerifyResult = Result<VerifiedToken, AuthError>;

/// The last frame of a review or resume, or the error frame in place of it.
pub(crate) type RequestResult = Result<Option<Box<ServerFrame>>, Box<ErrorFrame>>;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A frame came; `throttled` says how long its user has to wait when the user's rate is used up.
    Frame { frame: ClientFrame, throttled: Option<Duration> },
    /// Text came that is not a frame.
    InvalidFrame(FrameError),
    /// The client broke a rule of the WebSocket protocol that ends the connection.
    ProtocolViolation(CloseCode),
    /// Any bytes came.
    DataReceived,
    /// A ping or pong of the WebSocket protocol came.
    ControlFrame,
    /// The answer to [`Action::Verify`].
    Verified(VerifyResult),
    /// The answer to [`Action::Join`]: the connection is registered.
    Joined(VerifiedToken),
    /// The answer to [`Action::Join`]: the user has too many connections.
    TooManyConnections { limit: usize },
    /// The end of [`Action::Decide`]; the error, if any, is still to be sent.
    Finished { business_id: String, error: Option<Box<ErrorFrame>> },
    /// The end of [`Action::Review`]; its acknowledgement or error is still to be sent.
    Reviewed(Result<Box<ServerFrame>, Box<ErrorFrame>>),
    /// The end of [`Action::Resume`]; its last frame or error is still to be sent. None when the connection is being
    /// closed.
    Resumed(RequestResult),
    /// The host shuts down.
    Drain { reconnect_in: Duration, close_in: Duration, give_up_in: Duration },
    /// Time has passed.
    Tick,
}

/// An action to perform.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Verify a token and come back with [`Event::Verified`].
    Verify(String),
    /// Register the connection and come back with [`Event::Joined`] or [`Event::TooManyConnections`].
    Join(VerifiedToken),
    /// Take over the rights of the new token.
    Refresh(VerifiedToken),
    /// Queue a frame.
    Send(ServerFrame),
    /// Have a message decided and come back with [`Event::Finished`].
    Decide(MessageFrame),
    /// Have a review counted and come back with [`Event::Reviewed`].
    Review(ReviewFrame),
    /// Replay what was missed and come back with [`Event::Resumed`].
    Resume(ResumeFrame),
    /// Send a WebSocket ping.
    Ping,
    /// Close, after the queued frames. No action follows.
    Close(Close),
}

/// The limits that are the same for all connections.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub auth_timeout: Duration,
    pub expiry_notice: Duration,
    pub ping_interval: Duration,
    pub pong_timeout: Duration,
    pub in_flight: usize,
    pub max_errors: usize,
    pub error_window: Duration,
    pub max_pings: u32,
    pub limits: ClientLimits,
}

/// The time by two clocks: since the connection began, which never jumps, and the time of day, against which tokens
/// expire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionTime {
    pub elapsed: Duration,
    pub wall: Timestamp,
}
