//! The connected users and how to reach them: the frames of the WebSocket protocol, one bounded outbox per connection,
//! and the registry that finds the connections of a user or of a business.
//!
//! This crate knows no sockets, and no time but the age of a connection. A trigger owns the socket and writes what its
//! outbox holds; code that has something to send calls [`Sessions::send_to_user`] or [`Sessions::broadcast`].

mod close;
mod frame;
mod metrics;
mod outbox;
mod registry;

pub use close::{Close, CloseCode};
pub use frame::{
    AckState, AuthFrame, ClientFrame, ClientLimits, DecisionSummary, Encoded, FrameError, FrameKey, Heartbeat,
    MessageFrame, OtherInput, PingFrame, ResumeFrame, ReviewFrame, ReviewState, ReviewView, ServerFrame, count_answers,
    response_frames,
};
pub use metrics::describe_metrics;
pub use outbox::{Outbox, Pushed};
pub use registry::{Full, Session, Sessions};
