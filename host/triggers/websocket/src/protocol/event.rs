//! What goes into the state machine and what comes out.

use std::time::Duration;

use jiff::Timestamp;
use signalbox_http::{AuthError, Verified};
use signalbox_sessions::{
    ClientFrame, ClientLimits, Close, CloseCode, FrameError, MessageFrame, ResumeFrame, ReviewFrame, ServerFrame,
};

use super::super::error_frame::ErrorFrame;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A frame came; `throttled` says how long its user has to wait when there were too many.
    Frame { frame: ClientFrame, throttled: Option<Duration> },
    /// Text came that is no frame.
    NoFrame(FrameError),
    /// The wire broke a rule that ends the connection.
    Broken(CloseCode),
    /// Anything at all came.
    Heard,
    /// A ping or pong of the WebSocket protocol came.
    Control,
    /// The answer to [`Action::Verify`].
    Verified(Result<Verified, AuthError>),
    /// The answer to [`Action::Join`]: there was room.
    Joined(Verified),
    /// The answer to [`Action::Join`]: the user has too many connections.
    NoRoom { limit: usize },
    /// The end of [`Action::Decide`], with the error that nobody has sent yet.
    Finished { business_id: String, error: Option<Box<ErrorFrame>> },
    /// The end of [`Action::Review`], with its acknowledgement or its error, which nobody has sent yet.
    Reviewed(Result<Box<ServerFrame>, Box<ErrorFrame>>),
    /// The end of [`Action::Resume`], with its last frame or its error, which nobody has sent yet; none when the
    /// connection is being closed.
    Resumed(Result<Option<Box<ServerFrame>>, Box<ErrorFrame>>),
    /// The host goes away.
    Drain { reconnect_in: Duration, close_in: Duration, give_up_in: Duration },
    /// Time has passed.
    Tick,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Verify a token and come back with [`Event::Verified`].
    Verify(String),
    /// Register the connection and come back with [`Event::Joined`] or [`Event::NoRoom`].
    Join(Verified),
    /// Take over what the new token says.
    Refresh(Verified),
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
    /// Close, behind what is queued. Nothing follows.
    Close(Close),
}

/// The same for all connections.
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

/// The time, twice: since the connection began, which never jumps, and of day, which tokens are measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionTime {
    pub elapsed: Duration,
    pub wall: Timestamp,
}
