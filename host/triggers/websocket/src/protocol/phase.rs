use std::time::Duration;

use jiff::Timestamp;

/// The phase of a connection.
#[derive(Debug)]
pub(super) enum ConnectionPhase {
    /// The client has not authenticated yet.
    Authenticating,
    Open {
        user_id: String,
        expires_at: Timestamp,
        expiry_notice_sent: bool,
    },
    Closed,
}

/// When a connection closes because the host shuts down: once it is idle, or at the last moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    pub close_at: Duration,
    pub give_up_at: Duration,
}
