//! Creates inputs.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use signalbox_executor::{HandlerEvent, NewInput, Reply};
use signalbox_intake::{Acceptance, Arrival, InputEntry, InputOrigin, IntakeError, PendingDecision, Received, Routed};
use signalbox_model::{ErrorCode, MESSAGE_PERMISSION, ReplySlot, Source};
use signalbox_store::{AcceptedInput, Claim, DecisionRecord, Delivery, DeliveryAnswer};
use ulid::Ulid;

use crate::Api;
use crate::api_error::ApiError;
use crate::bodies::{InputRequest, RequestType};
use crate::caller::Caller;
use crate::request::{self, PREFERENCE_APPLIED, Parameters, PathNames};
use crate::states::status;

/// Set when the answer is the one of an earlier request with the same key.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateParameters {
    wait: Option<String>,
}

/// Give in something to decide
///
/// The input is stored before it is acknowledged: an input that was answered with 200 or 202 is decided, even if the
/// host crashes. Without a wish to wait the answer is 202 with the address of the input's state; with one it is the
/// decision, or 202 when deciding takes longer. Needs the permission `message` in the business.
#[utoipa::path(
    post,
    path = "/v1/businesses/{businessId}/inputs",
    operation_id = "createInput",
    tag = "inputs",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("wait" = Option<String>, Query, description = "Waits so long for the decision: seconds, or a length of time \
            such as `500ms`. The preference `wait` means the same.", example = "10s",
            pattern = "^[0-9]{1,9}(ms|s|min)?$"),
        ("Prefer" = Option<String>, Header, description = "`wait=10` waits up to ten seconds for the decision (RFC \
            7240).", example = "wait=10"),
        ("Idempotency-Key" = Option<String>, Header, description = "Your own name for the request, 1 to 128 visible \
            ASCII characters: sent again with the same body it is not done again, and is answered from the record.",
            example = "order-4711", pattern = r#"^("[!#-~]{1,128}"|[!#-~]{1,128})$"#),
        ("X-Correlation-Id" = Option<String>, Header, description = "Under which the host's logs tell of this \
            request; without it the host makes one up.", example = "cor_01KB2Z8Y0000000000000000"),
    ),
    request_body(content = ref("#/components/schemas/InputRequest"), content_type = "application/json",
        description = "What to decide.",
        examples(
            ("text" = (summary = "Words of a person", value = json!({"type": "user_message",
                "content": {"text": "O masă pentru 4 mâine la 19:00, pe numele Ana"}}))),
            ("data" = (summary = "Data of a program", value = json!({"locationId": "centru",
                "content": {"data": {"order": 4711, "state": "late"}, "metadata": {"system": "pos"}}}))),
        )),
    responses(
        (status = 200, description = "Decided; or the business's handler answered at once and there was nothing to \
            decide.", body = ref("#/components/schemas/Decision"), content_type = "application/json"),
        (status = 202, description = "Stored, and decided soon.", body = ref("#/components/schemas/InputStatus"),
            content_type = "application/json",
            headers(("Location" = String, description = "Where the input's state is found")),
            example = json!({"inputId": "in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f", "businessId": "trattoria-roma",
                "state": "accepted", "decisionId": "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                "correlationId": "cor_01KB2Z8Y0000000000000000", "acceptedAt": "2026-11-23T08:00:00Z",
                "href": "/v1/businesses/trattoria-roma/inputs/in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f"})),
        (status = 204, description = "The business's handler found nothing to decide in it."),
        (status = 400, description = "Not sound JSON, or a header or parameter that cannot be read."),
        (status = 403, description = "You may not send inputs to this business, or it takes none over the API."),
        (status = 404, description = "There is no such business or location for you."),
        (status = 408, description = "The body did not arrive in time."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not said to be plain JSON."),
        (status = 422, description = "JSON of another shape, content beyond the limits, or an idempotency key that \
            was used with another body."),
    ),
    security(("token" = []))
)]
pub(super) async fn create_input(
    State(api): State<Api>,
    caller: Caller,
    PathNames(business_id): PathNames<String>,
    Parameters(parameters): Parameters<CreateParameters>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // Before the body is read, so that callers without the permission cost little.
    let authorized = caller.authorize(&api, &business_id, None, MESSAGE_PERMISSION)?;
    api.shared.intake.check_rate(Some(&caller.access.user_id), &business_id)?;
    let wait = request::wait(parameters.wait.as_deref(), &parts.headers)?;
    let key = request::idempotency_key(&parts.headers)?;
    let bytes = request::body(&parts.headers, body, &api.shared.config).await?;
    let input_request: InputRequest = request::json(&bytes, &["", "/content"])?;
    if let Some(location) = &input_request.location_id
        && !caller.may(&api, &business_id, Some(location), MESSAGE_PERMISSION)
    {
        return Err(ApiError::not_found("business or location"));
    }
    let origin = InputOrigin {
        source: Source::ExternalApi,
        scope: format!("api/{}", caller.access.user_id),
        event_id: key.clone().unwrap_or_else(|| Ulid::new().to_string()),
        business_id,
        user_id: Some(caller.access.user_id.clone()),
        permissions: authorized.permissions,
        correlation_id: caller.correlation_id.clone(),
        fingerprint: Some(hex::encode(Sha256::digest(&bytes))),
        reply: ReplySlot::None,
    };
    let wait = wait.map(|wait| wait.min(api.shared.config.max_wait.0));
    InputCreation { api: &api, caller: &caller, origin, is_keyed: key.is_some(), wait }.create(input_request).await
}

/// A request to create an input.
struct InputCreation<'a> {
    api: &'a Api,
    caller: &'a Caller,
    origin: InputOrigin,
    is_keyed: bool,
    wait: Option<Duration>,
}

/// An input that was accepted.
struct CreatedInput {
    accepted: AcceptedInput,
    is_new: bool,
    pending: Option<PendingDecision>,
}

impl InputCreation<'_> {
    async fn create(&self, input_request: InputRequest) -> Result<Response, ApiError> {
        let shared = &self.api.shared;
        shared.intake.check_content(&input_request.content)?;
        let origin = &self.origin;
        let InputRequest { location_id, content, input_type } = input_request;
        let arrival = Arrival {
            origin: origin.clone(),
            entry: InputEntry::Api,
            mapped_input_id: None,
            handler_event_id: signalbox_model::input_id(&origin.scope, &origin.event_id),
            event: HandlerEvent::Api { user_id: origin.user_id.clone(), location_id, content: content.composed() },
        };
        let task = match shared.intake.route(arrival, |event| mapping(event, input_type))? {
            Routed::Mapped(Received { inputs, reply }) => return self.accept(inputs, reply).await,
            Routed::Handler(task) => task,
        };
        let delivery = self.delivery();
        if let Some(delivery) = &delivery {
            match shared.store.claim_delivery(delivery).await? {
                Claim::Open => {}
                Claim::Answered(answer) => return Ok(replayed(answer)),
                Claim::Conflict => return Err(ApiError::key_reused()),
            }
        }
        let Received { inputs, reply } = shared.intake.run_handler(task).await?;
        if !inputs.is_empty() {
            return self.accept(inputs, reply).await;
        }
        if let Some(delivery) = &delivery {
            // Nothing is stored that would show that the same request comes again.
            let answer = reply.clone().map_or(empty_answer(), answer_of);
            shared.store.answer_delivery(delivery, &answer).await?;
        }
        Ok(reply.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |reply| respond(StatusCode::OK, reply)))
    }

    /// The delivery record of a request with a key, when a handler decides how many inputs it becomes.
    fn delivery(&self) -> Option<Delivery> {
        let origin = &self.origin;
        let fingerprint = origin.fingerprint.clone().filter(|_| self.is_keyed)?;
        Some(Delivery {
            business_id: origin.business_id.clone(),
            // The name of a webhook has no slash, so no webhook's delivery has the same id.
            id: signalbox_model::delivery_id(&origin.business_id, &origin.scope, &origin.event_id),
            fingerprint,
            received_at: signalbox_model::Timestamp::now(),
        })
    }

    async fn accept(&self, inputs: Vec<AcceptedInput>, reply: Option<Reply>) -> Result<Response, ApiError> {
        let intake = &self.api.shared.intake;
        let mut created = Vec::with_capacity(inputs.len());
        for accepted in inputs {
            let (acceptance, pending) = intake.accept_and_wait(accepted.clone()).await?;
            created.push(match acceptance {
                Acceptance::New(_) => CreatedInput { accepted, is_new: true, pending: Some(pending) },
                Acceptance::Duplicate(_) => CreatedInput { accepted, is_new: false, pending: None },
                Acceptance::Conflict(_) => return Err(ApiError::key_reused()),
            });
        }
        let is_replay = created.iter().all(|created| !created.is_new);
        let mut response = self.answer(created, reply).await?;
        if is_replay {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    async fn answer(&self, mut created: Vec<CreatedInput>, reply: Option<Reply>) -> Result<Response, ApiError> {
        // One decision can be the answer; of several, none could be chosen.
        if let (Some(wait), [only]) = (self.wait, created.as_mut_slice())
            && let Some(record) = self.wait_for(only, wait).await?
        {
            let decision = self.caller.decision_view(self.api, DecisionRecord::clone(&record));
            let mut response = Json(decision).into_response();
            self.applied(&mut response, wait);
            return Ok(response);
        }
        let mut statuses = Vec::with_capacity(created.len());
        for CreatedInput { accepted, is_new, .. } in created {
            let found = if is_new { Some(status(accepted, None)) } else { self.api.status(&accepted).await? };
            statuses.extend(found);
        }
        let mut rest = statuses.into_iter();
        let Some(mut first) = rest.next() else {
            return Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::Internal,
                "there is no input to tell of",
            ));
        };
        first.others = rest.collect();
        let location = HeaderValue::from_str(&first.href);
        let mut response = match reply {
            Some(reply) => respond(StatusCode::ACCEPTED, reply),
            None => (StatusCode::ACCEPTED, Json(first)).into_response(),
        };
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        if let Some(wait) = self.wait {
            self.applied(&mut response, wait);
        }
        Ok(response)
    }

    /// The decision, if it is made in time. In every other case the input is stored and gets decided later.
    async fn wait_for(
        &self,
        created: &mut CreatedInput,
        wait: Duration,
    ) -> Result<Option<Arc<DecisionRecord>>, ApiError> {
        let shared = &self.api.shared;
        let deciding = async {
            match created.pending.take() {
                Some(pending) => pending.decided().await,
                // The input is decided already, or being decided: then this call waits together with the others.
                None => shared.intake.decide_now(created.accepted.clone()).await,
            }
        };
        match tokio::time::timeout(wait, deciding).await {
            Ok(Ok(decided)) => Ok(Some(decided.record)),
            Ok(Err(IntakeError::IdReused)) => Err(ApiError::key_reused()),
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    fn applied(&self, response: &mut Response, wait: Duration) {
        if let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
    }
}

/// Without a handler the request's content becomes the content of one input.
fn mapping(event: HandlerEvent, input_type: RequestType) -> Result<NewInput, ApiError> {
    let HandlerEvent::Api { user_id, location_id, content } = event else {
        return Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "what arrived is no request",
        ));
    };
    Ok(NewInput { id: None, input_type: input_type.into(), user_id, location_id, content })
}

fn respond(status: StatusCode, reply: Reply) -> Response {
    let content_type = HeaderValue::from_str(&reply.content_type);
    let mut response = (status, Body::from(reply.body)).into_response();
    if let Ok(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

fn answer_of(reply: Reply) -> DeliveryAnswer {
    DeliveryAnswer { status: StatusCode::OK.as_u16(), content_type: reply.content_type, body: reply.body }
}

fn empty_answer() -> DeliveryAnswer {
    DeliveryAnswer { status: StatusCode::NO_CONTENT.as_u16(), content_type: String::new(), body: Vec::new() }
}

fn replayed(answer: DeliveryAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = if status == StatusCode::NO_CONTENT {
        status.into_response()
    } else {
        respond(status, Reply { content_type: answer.content_type, body: answer.body })
    };
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
