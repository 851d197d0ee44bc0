//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_gauge};

/// Open HTTP connections.
pub(crate) const HTTP_CONNECTIONS: &str = "signalbox_http_connections";
/// HTTP connections refused.
pub(crate) const HTTP_REFUSED: &str = "signalbox_http_connections_refused_total";
/// HTTP requests refused before a handler saw them.
pub(crate) const HTTP_MALFORMED: &str = "signalbox_http_requests_malformed_total";

/// Describes each metric to the recorder; call once at start.
pub fn describe_metrics() {
    describe_gauge!(HTTP_CONNECTIONS, Unit::Count, "HTTP connections that are open; a WebSocket is none any more");
    describe_counter!(
        HTTP_REFUSED,
        Unit::Count,
        "HTTP connections that were closed at once because there were too many, by reason (all, address)"
    );
    describe_counter!(
        HTTP_MALFORMED,
        Unit::Count,
        "HTTP requests that are ambiguous and so were refused unread, by reason (the code of the refusal)"
    );
}
