//! Input handlers: the plugin that the bundle names turns an event of a business into inputs.

use std::sync::Arc;
use std::time::Duration;

use signalbox_capabilities::CallScope;
use signalbox_model::{BusinessInfo, ErrorCode};
use signalbox_sandbox::{Handled, HandlerCall, HandlerEvent, HandlerRun, Rejection};
use signalbox_store::Remedy;
use thiserror::Error;

use crate::{DecideError, Executor};

/// The longest time that a handler may keep the sender of an event waiting.
const LONGEST_HANDLING: Duration = Duration::from_secs(10);

/// How many characters of an unknown location's name the error repeats.
const LONGEST_PLACE: usize = 64;

/// An event that a bundle has a handler for.
#[derive(Clone, Debug)]
pub struct EventCall {
    /// The business that the event is for.
    pub business_id: String,
    /// The plugin that handles it.
    pub handler: String,
    /// The event's own id, the same at every redelivery: it seeds the guest's random numbers and idempotency keys.
    pub event_id: String,
    /// The correlation id of its log lines.
    pub correlation_id: String,
    /// What was received.
    pub event: HandlerEvent,
}

/// Why an event gave no inputs.
#[derive(Clone, Debug, Error)]
pub enum HandleError {
    /// The handler rejected the event, or failed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The handler could not be run.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl HandleError {
    /// What has to happen before the same event can be handled.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Rejected(Rejection::Unavailable(_)) => Remedy::Time,
            Self::Rejected(_) => Remedy::Nothing,
            Self::Decide(error) => error.remedy(),
        }
    }

    /// Whether the same event may be handled a moment later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Rejected(rejection) => matches!(rejection, Rejection::Unavailable(_)),
            Self::Decide(error) => error.retryable(),
        }
    }

    /// A stable name for metrics, logs and programs.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Rejected(Rejection::Invalid(_)) => ErrorCode::HandlerInvalid,
            Self::Rejected(Rejection::Forbidden(_)) => ErrorCode::HandlerForbidden,
            Self::Rejected(Rejection::Unavailable(_)) => ErrorCode::HandlerUnavailable,
            Self::Rejected(Rejection::Broken(_)) => ErrorCode::HandlerBroken,
            Self::Decide(error) => error.code(),
        }
    }
}

impl Executor {
    /// Runs the handler of the business's live generation once. Its capability calls carry idempotency keys derived
    /// from the event's id, so handling an event again is safe.
    pub async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        let generation = self.generation(&call.business_id)?;
        let business = self.business(&call.business_id)?;
        let plugin = generation.plugin(&call.handler).ok_or_else(|| {
            let (handler, kind) = (&call.handler, &generation.business_type);
            DecideError::Internal(format!("the bundle for {kind} has no handler {handler} any more"))
        })?;
        let scope = Arc::new(CallScope {
            decision_id: call.event_id.as_str().into(),
            correlation_id: call.correlation_id.as_str().into(),
            business: business.clone(),
            location: None,
            started_at: self.now(),
            deadline: tokio::time::Instant::now() + LONGEST_HANDLING,
            takes_effects: false,
            schedules: Arc::default(),
            answers: Default::default(),
        });
        let name: Arc<str> = call.handler.as_str().into();
        let HandlerRun { outcome, took, .. } =
            self.sandbox().run_handler(HandlerCall { plugin, scope, name, event: call.event }).await;
        let outcome = outcome.and_then(|handled| placed(handled, &business)).map_err(HandleError::from);
        match &outcome {
            Ok(handled) => tracing::debug!(
                handler = call.handler,
                inputs = handled.inputs.len(),
                micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                "handled an event"
            ),
            Err(HandleError::Rejected(broken @ Rejection::Broken(_))) => {
                tracing::info!(handler = call.handler, code = "handler_broken", reason = %broken, "a handler broke at an event");
            }
            // The reason may repeat words of the event, so only the sender is told it; the log has the code alone.
            Err(error) => tracing::info!(handler = call.handler, code = error.code().as_str(), "rejected an event"),
        }
        outcome
    }
}

/// Rejects inputs about locations that the business does not have: no user may see such a location, so no user could
/// see or review what is decided about it.
fn placed(handled: Handled, business: &BusinessInfo) -> Result<Handled, Rejection> {
    let mut places = handled.inputs.iter().filter_map(|input| input.location_id.as_deref());
    match places.find(|place| business.location(place).is_none()) {
        None => Ok(handled),
        Some(place) => {
            let place: String = place.chars().take(LONGEST_PLACE).collect();
            Err(Rejection::Invalid(format!("business {} has no place `{place}`", business.business_id)))
        }
    }
}
