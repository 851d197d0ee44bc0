use std::time::Duration;

use jiff::Timestamp;

/// How far a connection is.
#[derive(Debug)]
pub(super) enum ConnectionPhase {
    /// Nobody knows who it is.
    Joining,
    Open {
        user_id: String,
        expires_at: Timestamp,
        reminded: bool,
    },
    Closed,
}

/// When a connection is closed because the host goes away: once it is idle, or at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    pub close_at: Duration,
    pub give_up_at: Duration,
}
