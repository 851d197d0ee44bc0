//! The names of this crate's metrics.

use metrics::{Unit, describe_gauge};

/// Connections that are open and authenticated.
pub(crate) const CONNECTIONS: &str = "signalbox_websocket_connections";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_gauge!(CONNECTIONS, Unit::Count, "WebSocket connections that are open and authenticated");
}
