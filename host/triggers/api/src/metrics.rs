//! The names of this crate's metrics.

use metrics::{Unit, describe_counter, describe_histogram};

/// Requests of the API by method, path and status.
pub(crate) const API_REQUESTS: &str = "signalbox_api_requests_total";
/// How long requests of the API take.
pub(crate) const API_SECONDS: &str = "signalbox_api_request_seconds";

/// Tells the recorder what each metric means; call once at start.
pub fn describe_metrics() {
    describe_counter!(API_REQUESTS, Unit::Count, "Requests of the API by method, path (as documented) and status");
    describe_histogram!(API_SECONDS, Unit::Seconds, "Time from the headers of an API request to its answer, by path");
}
