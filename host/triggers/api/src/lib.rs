//! The HTTP API: programs create inputs, wait for the decision or ask for it later, read decisions, and review those
//! that wait for a person. It serves descriptions of itself (OpenAPI, AsyncAPI, JSON Schemas) that are made from this
//! code.

mod api_error;
mod bodies;
mod caller;
mod config;
mod decisions;
mod effects;
mod inputs;
mod metrics;
mod middleware;
mod request;
mod reviews;
mod states;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::any;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LINK, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode};
use signalbox_http::{CORRELATION_HEADER, Verifier};
use signalbox_intake::Intake;
use signalbox_limits::RateLimiter;
use signalbox_model::ErrorCode;
use signalbox_store::Store;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use api_error::ApiError;
pub use bodies::{
    Decision, DecisionEffect, DecisionPage, DeliveredKind, DeliveryState, EffectPage, InputRequest, InputStatus,
    MessageHolder, PendingReview, ProblemDetails, ReviewInput, ReviewPage,
};
pub use config::ApiConfig;
pub use metrics::describe_metrics;

/// The API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

struct Shared {
    config: ApiConfig,
    verifier: Arc<Verifier>,
    intake: Intake,
    store: Store,
    /// Limits requests of any kind by user; [`Intake::check_rate`] limits how many of them are inputs.
    rate_limiter: RateLimiter<String>,
}

/// The correlation id of a request, set before anything else is done.
#[derive(Clone, Debug)]
struct CorrelationId(String);

impl Api {
    /// The API, which is reachable once its router is served.
    pub fn new(config: ApiConfig, verifier: Arc<Verifier>, intake: Intake, store: Store) -> Self {
        let rate_limiter = RateLimiter::new(config.requests_per_second, config.burst);
        Self { shared: Arc::new(Shared { config, verifier, intake, store, rate_limiter }) }
    }

    /// The operations, for the OpenAPI document.
    pub fn description() -> OpenApi {
        operations().into_openapi()
    }

    /// The API's routes under `/v1`, the routes of the `documents` that describe them, and the answer for addresses
    /// without a route.
    pub fn router(&self, documents: Router) -> Router {
        let (routes, _) = operations().split_for_parts();
        routes
            // More specific routes win; this one gives problem details for every other address below `/v1`.
            .route("/v1/", any(no_such_address))
            .route("/v1/{*rest}", any(no_such_address))
            .with_state(self.clone())
            .merge(documents)
            .method_not_allowed_fallback(method_not_allowed)
            // The same for addresses outside of `/v1`.
            .fallback(no_such_address)
            .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| after_a_panic()))
            .layer(from_fn(middleware::serve))
            .layer(self.cors())
    }

    fn cors(&self) -> CorsLayer {
        let allowed = &self.shared.config.allowed_origins;
        let origins: Vec<HeaderValue> =
            allowed.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()).collect();
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                ACCEPT,
                AUTHORIZATION,
                CONTENT_TYPE,
                CORRELATION_HEADER,
                request::IDEMPOTENCY_KEY,
                request::PREFER,
            ])
            .expose_headers([
                CORRELATION_HEADER,
                LINK,
                LOCATION,
                RETRY_AFTER,
                inputs::REPLAYED,
                request::PREFERENCE_APPLIED,
            ])
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// All operations with their descriptions.
fn operations() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(inputs::create_input))
        .routes(routes!(states::get_input))
        .routes(routes!(decisions::list_decisions))
        .routes(routes!(decisions::get_decision))
        .routes(routes!(effects::list_effects))
        .routes(routes!(reviews::list_reviews))
        .routes(routes!(reviews::review_decision))
}

async fn no_such_address() -> ApiError {
    ApiError::not_found("address")
}

async fn method_not_allowed() -> ApiError {
    let detail = "this address is not for this method; see /openapi.json";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, detail)
}

fn after_a_panic() -> axum::response::Response {
    use axum::response::IntoResponse as _;
    tracing::error!("a request of the API panicked");
    let detail = "the request could not be served because of an error in the host";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, detail).into_response()
}
