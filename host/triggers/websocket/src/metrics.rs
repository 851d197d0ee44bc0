//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Sockets, authenticated or not.
pub(crate) const SOCKETS: &str = "signalbox_websocket_sockets";
/// Closes by code.
pub(crate) const CLOSES: &str = "signalbox_websocket_closes_total";
/// Error frames by code.
pub(crate) const ERRORS: &str = "signalbox_websocket_errors_total";
/// Upgrades refused before there was a WebSocket.
pub(crate) const REFUSED: &str = "signalbox_websocket_refused_total";
/// Resumes by result.
pub(crate) const RESUMES: &str = "signalbox_websocket_resumes_total";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_gauge!(SOCKETS, Unit::Count, "WebSocket connections that are open, authenticated or not");
    describe_counter!(
        CLOSES,
        Unit::Count,
        "WebSocket connections that ended, by the close code the host sent, `client` or `gone`"
    );
    describe_counter!(ERRORS, Unit::Count, "Error frames by their code");
    describe_counter!(REFUSED, Unit::Count, "WebSocket upgrades that were refused, by reason");
    describe_counter!(RESUMES, Unit::Count, "Resumes by result (recovered, too_much, failed)");
}
