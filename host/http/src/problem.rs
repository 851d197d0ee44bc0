//! Error responses as problem details, RFC 9457.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use signalbox_model::{ErrorCode, JsonObject};

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The header of a response with the correlation id of its log lines.
pub const CORRELATION_HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// An error response. `detail` is for people, `code` for programs.
#[derive(Clone, Debug, PartialEq)]
pub struct ProblemResponse {
    status: StatusCode,
    code: ErrorCode,
    title: &'static str,
    detail: String,
    retry_after: Option<Duration>,
    correlation_id: Option<String>,
    /// Extension members, RFC 9457, 3.2. Boxed, because few problems have them and many results have room for a
    /// problem.
    extensions: Option<Box<JsonObject>>,
}

/// The body; the order of its members is for people who read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    /// Always `about:blank`: the status is the type, and `code` distinguishes further without a URI that may change.
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(flatten)]
    extensions: Option<&'a JsonObject>,
}

impl ProblemResponse {
    /// A problem with the standard reason phrase of its status as title.
    pub fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { status, code, title, detail: detail.into(), retry_after: None, correlation_id: None, extensions: None }
    }

    /// Sets `Retry-After`, rounded up to whole seconds and at least one, because the header has no finer unit.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Sets the correlation id, in the body and in [`CORRELATION_HEADER`].
    #[must_use]
    pub fn correlated(mut self, correlation_id: &str) -> Self {
        self.correlation_id = Some(correlation_id.to_owned());
        self
    }

    /// Adds an extension member, RFC 9457, 3.2.
    #[must_use]
    pub fn with(mut self, name: &str, value: serde_json::Value) -> Self {
        self.extensions.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code for programs.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The explanation for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it has `Retry-After`.
    pub fn has_retry_after(&self) -> bool {
        self.retry_after.is_some()
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let details = Details {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            correlation_id: self.correlation_id.as_deref(),
            extensions: self.extensions.as_deref(),
        };
        let body = serde_json::to_vec(&details).unwrap_or_default();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(id) = self.correlation_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(CORRELATION_HEADER, id);
        }
        (self.status, headers, Body::from(body)).into_response()
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn a_problem_is_written_as_problem_details_with_its_headers() {
        let problem =
            ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Busy, "too much is being decided")
                .retry_after(Duration::from_millis(1_200))
                .with("room", json!(0))
                .correlated("cor_1");
        let response = problem.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert_eq!(response.headers()[CORRELATION_HEADER], "cor_1");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let expected = json!({
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "too much is being decided",
            "code": "busy",
            "correlationId": "cor_1",
            "room": 0,
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        for (wait, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (90_000, 90)] {
            assert_eq!(whole_seconds(Duration::from_millis(wait)), seconds, "{wait} ms");
        }
    }
}
