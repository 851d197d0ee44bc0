//! Handles every request alike: a correlation id, a log line, metrics, and problems written out.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method};
use signalbox_http::CORRELATION_HEADER;
use tracing::Instrument as _;

use crate::CorrelationId;
use crate::api_error::ApiError;
use crate::metrics::{API_REQUESTS, API_SECONDS};

/// Serves one request.
pub(super) async fn serve(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = correlation_id(&request);
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(CorrelationId(id.clone()));
    let span = tracing::info_span!("api", correlation_id = id, method = label(&method), path);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(ApiError(problem)) = response.extensions_mut().remove::<ApiError>() {
        span.in_scope(|| {
            tracing::info!(status = problem.status().as_u16(), code = problem.code().as_str(), "refused a request")
        });
        let headers = std::mem::take(response.headers_mut());
        response = problem.correlated(&id).into_response();
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name?, value))) {
            response.headers_mut().entry(name).or_insert(value);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CORRELATION_HEADER, value);
    }
    let status = response.status().as_str().to_owned();
    ::metrics::counter!(API_REQUESTS, "method" => label(&method), "path" => path.clone(), "status" => status)
        .increment(1);
    ::metrics::histogram!(API_SECONDS, "path" => path).record(started.elapsed().as_secs_f64());
    response
}

/// A method as a metric label. Clients may invent methods, so all that HTTP does not define share one label.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

/// The caller's correlation id when it is a valid one, else a new one.
fn correlation_id(request: &Request) -> String {
    let given = request.headers().get(CORRELATION_HEADER).and_then(|value| value.to_str().ok());
    let fits = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    given.filter(fits).map_or_else(signalbox_model::correlation_id, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_share_one_metric_label() {
        for name in ["GET", "POST", "OPTIONS"] {
            assert_eq!(label(&name.parse().unwrap()), name);
        }
        for name in ["get", "PROPFIND", "A-MILLION-1", "A-MILLION-2"] {
            assert_eq!(label(&name.parse().unwrap()), "other");
        }
    }
}
