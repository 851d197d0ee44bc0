//! Webhooks: `POST /webhooks/{business}/{hook}`. `docs/guide/webhooks.md` describes them for senders.
//!
//! The way of a delivery: its body is read, [`verify`] checks its signature, and [`accept_delivery`] calls the handler
//! and stores the inputs before the sender gets its answer.

mod accept_delivery;
mod config;
mod delivery_error;
mod handler_headers;
mod keys;
mod metrics;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use signalbox_graph::{Inputs, WebhookInput};
use signalbox_http::{CORRELATION_HEADER, read_body};
use signalbox_intake::Intake;
use signalbox_limits::RateLimiter;
use signalbox_model::Clock;
use signalbox_store::{DeliveryAnswer, Store};
use thiserror::Error;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::metrics::{SIGNATURES_REFUSED, WEBHOOKS};
use accept_delivery::{Signature, VerifiedDelivery};
use delivery_error::DeliveryError;
use keys::Keys;

pub use config::WebhookConfig;
pub use keys::WebhookSecrets;
pub use metrics::describe_metrics;
pub use verify::{SignatureError, SigningKey, verify};

/// The path of webhooks.
pub const PATH: &str = "/webhooks/{business}/{hook}";

/// The metrics' label for a delivery to no existing hook: bundles cannot give a hook this name.
const UNKNOWN_HOOK_LABEL: &str = "-";

/// The webhook endpoint. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    shared: Arc<Shared>,
}

struct Shared {
    config: WebhookConfig,
    keys: Keys,
    intake: Intake,
    store: Store,
    clock: Clock,
    /// By business and hook, which both exist, so that requests to invented addresses do not make it grow.
    rate_limiter: RateLimiter<(String, String)>,
    permits: Arc<Semaphore>,
}

/// A hook that exists.
struct Hook {
    input: WebhookInput,
    /// Whether no other hook of the bundle uses its secret.
    is_secret_unique: bool,
}

/// Why a bundle's hooks could not be verified.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HookError {
    /// The configuration does not have the secret.
    #[error(
        "webhook `{hook}` of {bundle} is verified with the secret `{secret}`, which is not configured; add it as \
         `{secret}` under [webhooks.business-secrets.BUSINESS] for each business, or under [webhooks.secrets] for all of \
         them, for example `{secret} = [{{ env = \"NAME\" }}]`"
    )]
    UnknownSecret {
        /// The bundle.
        bundle: String,
        /// The hook.
        hook: String,
        /// The secret.
        secret: String,
    },
    /// One business has no secret, though others have.
    #[error(
        "webhook `{hook}` of {bundle} is verified with the secret `{secret}`, which business `{business}` does not have; add \
         it as `{secret} = [{{ env = \"NAME\" }}]` under [webhooks.business-secrets.{business}]"
    )]
    BusinessSecretMissing {
        /// The bundle.
        bundle: String,
        /// The hook.
        hook: String,
        /// The secret.
        secret: String,
        /// The business.
        business: String,
    },
    /// The secret is so short that it could be guessed.
    #[error(
        "webhook `{hook}` of {bundle}: its secret `{secret}` is a key of {bytes} bytes, and {least} are the least; let the \
         sender make a new one, or take what `openssl rand -base64 32` prints after `whsec_`",
        least = verify::MIN_KEY_BYTES
    )]
    Short {
        /// The bundle.
        bundle: String,
        /// The hook.
        hook: String,
        /// The secret.
        secret: String,
        /// How many bytes it has as a key.
        bytes: usize,
    },
    /// The secret cannot be a key of the scheme.
    #[error(
        "webhook `{hook}` of {bundle} is verified by Standard Webhooks, but its secret `{secret}` is not of the form \
         `whsec_` and Base64; take it over from the sender as it is"
    )]
    NoKey {
        /// The bundle.
        bundle: String,
        /// The hook.
        hook: String,
        /// The secret.
        secret: String,
    },
}

impl Webhooks {
    /// The endpoint, which is reachable once its router is served; `secrets` are those of the configuration, opened.
    pub fn new(config: WebhookConfig, secrets: WebhookSecrets, intake: Intake, store: Store, clock: Clock) -> Self {
        let shared = Shared {
            keys: Keys::new(secrets),
            permits: Arc::new(Semaphore::new(config.in_flight.min(Semaphore::MAX_PERMITS))),
            rate_limiter: RateLimiter::new(config.deliveries_per_second, config.burst),
            config,
            intake,
            store,
            clock,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whether every hook of the bundle for a business type can be verified for every business of that type.
    pub fn check(&self, business_type: &str, inputs: &Inputs) -> Result<(), HookError> {
        let mut businesses = self.shared.intake.businesses();
        businesses.retain(|business| business.business_type == business_type);
        self.shared.keys.check(&format!("the bundle for {business_type} businesses"), inputs, &businesses)
    }

    /// A sentence for the operator about each secret that businesses share; `hooks` are the inputs of every business
    /// type's bundle.
    pub fn warnings(&self, hooks: &BTreeMap<String, Arc<Inputs>>) -> Vec<String> {
        self.shared.keys.warnings(&self.shared.intake.businesses(), hooks)
    }

    /// The route of the endpoint.
    pub fn router(&self) -> Router {
        let methods = post(deliver).fallback(refuse_method);
        Router::new().route(PATH, methods).with_state(self.shared.clone())
    }
}

async fn deliver(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let correlation_id = signalbox_model::correlation_id();
    let (business_id, hook) = path.map(|Path(path)| path).unwrap_or_default();
    let found = shared.hook(&business_id, &hook);
    // Only hooks that exist become labels, so that requests to invented addresses add no time series.
    let label = if found.is_ok() { hook.clone() } else { UNKNOWN_HOOK_LABEL.to_owned() };
    // Only businesses that exist are logged, because an invented address may hold any text.
    let known = shared.intake.business(&business_id).map(|business| business.business_id.clone());
    let span = tracing::info_span!("webhook", correlation_id, business_id = known, hook = label);
    let answered = async {
        let input = found?;
        shared.clone().receive(business_id, hook, input, headers, body, &correlation_id).await
    };
    let answered = answered.instrument(span.clone()).await;
    let result = match &answered {
        Ok(_) => "accepted",
        Err(refusal) => refusal.code().as_str(),
    };
    ::metrics::counter!(WEBHOOKS, "hook" => label, "result" => result).increment(1);
    let mut response = match answered {
        Ok(answer) => respond(answer),
        Err(refusal) => span.in_scope(|| shared.refuse(&refusal, &correlation_id)),
    };
    if let Ok(id) = HeaderValue::from_str(&correlation_id) {
        response.headers_mut().insert(CORRELATION_HEADER, id);
    }
    response
}

impl Shared {
    fn hook(&self, business_id: &str, hook: &str) -> Result<Hook, DeliveryError> {
        let (_, inputs) = self.intake.inputs(business_id).map_err(|error| match error {
            // Only the business's file and bundle know whether the hook exists; "not found" would make the sender give
            // up.
            error if error.waits_for_the_operator() => DeliveryError::NotLoaded(error),
            _ => DeliveryError::Unknown,
        })?;
        let input = inputs.webhook.get(hook).cloned().ok_or(DeliveryError::Unknown)?;
        let same_secret = |other: &&WebhookInput| other.verify.secret == input.verify.secret;
        let is_secret_unique = inputs.webhook.values().filter(same_secret).count() == 1;
        Ok(Hook { input, is_secret_unique })
    }

    async fn receive(
        self: Arc<Self>,
        business_id: String,
        hook: String,
        Hook { input, is_secret_unique }: Hook,
        headers: HeaderMap,
        body: Body,
        correlation_id: &str,
    ) -> Result<DeliveryAnswer, DeliveryError> {
        // Held until the end, so that bodies and handlers together take a bounded amount of memory.
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| DeliveryError::Full)?;
        let body = read_body(&headers, body, self.config.body_size, self.config.body_timeout).await?;
        let secret = &input.verify.secret;
        let keys =
            self.keys.of(&business_id, secret).ok_or_else(|| DeliveryError::NoSecret { secret: secret.clone() })?;
        let (scheme, now) = (input.verify.scheme, self.clock.now());
        let sender_id =
            verify::verify(scheme, keys.keys, &headers, &body, now).map_err(DeliveryError::InvalidSignature)?;
        // The signature does not cover the address: where several addresses would accept it, only the first use counts.
        let signature = (keys.shared || !is_secret_unique).then(|| Signature {
            id: signalbox_model::signature_id(&keys.name, &verify::signed_identity(scheme, &sender_id, &body)),
            address: format!("{business_id}/{hook}"),
        });
        // Only verified deliveries count, so that others cannot use up the sender's rate.
        self.throttle(&business_id, &hook)?;
        self.intake.check_rate(None, &business_id)?;
        let delivery = VerifiedDelivery {
            headers: handler_headers::of(&headers),
            signature,
            correlation_id: correlation_id.to_owned(),
            business_id,
            hook,
            sender_id,
            body,
            received_at: now,
        };
        // A separate task, so that a sender that disconnects does not stop it half-way.
        let accepting = async move {
            let answer = accept_delivery::accept_delivery(&self.intake, &self.store, delivery).await;
            drop(permit);
            answer
        };
        tokio::spawn(accepting.in_current_span()).await.unwrap_or(Err(DeliveryError::Internal))
    }

    fn throttle(&self, business_id: &str, hook: &str) -> Result<(), DeliveryError> {
        let key = (business_id.to_owned(), hook.to_owned());
        self.rate_limiter.check(&key).map_err(|wait| DeliveryError::Rate { wait })
    }

    fn refuse(&self, refusal: &DeliveryError, correlation_id: &str) -> Response {
        match refusal {
            DeliveryError::InvalidSignature(reason) => {
                ::metrics::counter!(SIGNATURES_REFUSED, "reason" => reason.reason()).increment(1);
                tracing::warn!(reason = reason.reason(), "refused a delivery: {reason}");
            }
            DeliveryError::NoSecret { secret } => {
                tracing::error!(secret, "the hook's secret is not configured; add it under [webhooks.secrets]");
            }
            DeliveryError::IdReused | DeliveryError::UsedAtAnotherHook => {
                tracing::warn!("refused a delivery: {refusal}")
            }
            refusal if refusal.is_host_error() => {
                tracing::error!(code = refusal.code().as_str(), "cannot take in a delivery: {refusal}")
            }
            // The texts of these errors repeat parts of the delivery, and are for its sender only.
            DeliveryError::NoObject(_) | DeliveryError::Handle(_) => {
                tracing::info!(code = refusal.code().as_str(), "refused a delivery")
            }
            refusal => tracing::info!(code = refusal.code().as_str(), "refused a delivery: {refusal}"),
        }
        let problem = refusal.problem(self.config.retry_after.0).correlated(correlation_id);
        let mut response = problem.into_response();
        if refusal.closes() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

async fn refuse_method(State(shared): State<Arc<Shared>>) -> Response {
    let correlation_id = signalbox_model::correlation_id();
    let refusal = DeliveryError::Method;
    ::metrics::counter!(WEBHOOKS, "hook" => UNKNOWN_HOOK_LABEL, "result" => refusal.code().as_str()).increment(1);
    let span = tracing::info_span!("webhook", correlation_id);
    let mut response = span.in_scope(|| shared.refuse(&refusal, &correlation_id));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn respond(answer: DeliveryAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_str(&answer.content_type);
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    // A handler's reply is for the sender, and browsers must not show it as a page of this host.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    (status, headers, Body::from(answer.body)).into_response()
}
