//! Who is connected, and how to reach them: the frames of the WebSocket protocol, one bounded outbox per connection,
//! and the registry that finds the connections of a user or of a business.
//!
//! Nothing here knows a socket or reads a clock. A trigger owns the socket and writes what its outbox holds; code that
//! has something to say calls [`Sessions::send_to_user`] or [`Sessions::broadcast`].

mod close;
mod frame;
mod metrics;
mod outbox;
mod registry;

pub use close::{Close, CloseCode};
pub use frame::{
    AckState, AuthFrame, ClientFrame, ClientLimits, DecisionSummary, Encoded, FrameError, Heartbeat, MessageFrame,
    OtherInput, PingFrame, ResumeFrame, ReviewFrame, ReviewState, ReviewView, ServerFrame, count_answers,
    response_frames,
};
pub use metrics::describe_metrics;
pub use outbox::{Outbox, Pushed};
pub use registry::{Full, Session, Sessions};
