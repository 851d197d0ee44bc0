//! Reads the states of inputs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use signalbox_model::Outcome;
use signalbox_store::{AcceptedInput, DecisionRecord};

use crate::Api;
use crate::api_error::ApiError;
use crate::bodies::{InputState, InputStatus, decision_href, input_href};
use crate::caller::Caller;
use crate::request::PathNames;

/// Ask how an input stands
///
/// With the permission `message` you see your own inputs, with `decisions` all of a business. An input that does not
/// exist and one that you may not see give the same answer. An input is remembered for seven days after it was decided;
/// its decision for ever.
#[utoipa::path(
    get,
    path = "/v1/businesses/{businessId}/inputs/{inputId}",
    operation_id = "getInput",
    tag = "inputs",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("inputId" = String, Path, description = "The input", example = "in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f"),
    ),
    responses(
        (status = 200, description = "How it stands.", body = ref("#/components/schemas/InputStatus"),
            content_type = "application/json",
            example = json!({"inputId": "in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f", "businessId": "trattoria-roma",
                "state": "decided", "decisionId": "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                "acceptedAt": "2026-11-23T08:00:00Z", "decidedAt": "2026-11-23T08:00:01Z",
                "href": "/v1/businesses/trattoria-roma/inputs/in_9d1cbb5b2f0a4c7e8d6f3a2b1c0d9e8f",
                "decisionHref":
                    "/v1/businesses/trattoria-roma/decisions/dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0"})),
        (status = 404, description = "There is no such input for you."),
    ),
    security(("token" = []))
)]
pub(super) async fn get_input(
    State(api): State<Api>,
    caller: Caller,
    PathNames((business_id, input_id)): PathNames<(String, String)>,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("input");
    let visibility = caller.visibility(&api, &business_id, "input")?;
    if !signalbox_model::is_record_id(&input_id) {
        return Err(missing());
    }
    let (accepted, record) = api.find_input(&business_id, &input_id).await?.ok_or_else(missing)?;
    if !caller.can_see(&api, visibility, &accepted.input) {
        return Err(missing());
    }
    Ok(Json(status(accepted, record.as_ref())).into_response())
}

impl Api {
    /// An input with its decision, if it is made. Of inputs that were decided at once only the decision is stored.
    async fn find_input(
        &self,
        business_id: &str,
        input_id: &str,
    ) -> Result<Option<(AcceptedInput, Option<DecisionRecord>)>, ApiError> {
        let store = &self.shared.store;
        let decision_id = signalbox_model::decision_id(business_id, input_id);
        let (input, record) =
            tokio::try_join!(store.input_state(business_id, input_id), store.decision(&decision_id, business_id))?;
        Ok(match (input, record) {
            (Some(input), record) => Some((input.accepted, record)),
            (None, Some(record)) => Some((accepted_input_of(&record), Some(record))),
            (None, None) => None,
        })
    }

    pub(super) async fn status(&self, accepted: &AcceptedInput) -> Result<Option<InputStatus>, ApiError> {
        let found = self.find_input(&accepted.input.business_id, &accepted.input.id).await?;
        Ok(found.map(|(accepted, record)| status(accepted, record.as_ref())))
    }
}

fn accepted_input_of(record: &DecisionRecord) -> AcceptedInput {
    let input = record.decision.context.input.clone();
    AcceptedInput {
        permissions: record.decision.context.user_permissions.clone().unwrap_or_default(),
        reply: record.reply.clone(),
        accepted_at: input.timestamp,
        fingerprint: None,
        input,
    }
}

/// An input's state, as the API shows it.
pub(super) fn status(accepted: AcceptedInput, record: Option<&DecisionRecord>) -> InputStatus {
    let AcceptedInput { input, accepted_at, .. } = accepted;
    let decision_id = signalbox_model::decision_id(&input.business_id, &input.id);
    InputStatus {
        state: match record.map(|record| record.decision.outcome) {
            None => InputState::Accepted,
            Some(Outcome::Failed) => InputState::Failed,
            Some(_) => InputState::Decided,
        },
        href: input_href(&input.business_id, &input.id),
        decision_href: record.map(|_| decision_href(&input.business_id, &decision_id)),
        decided_at: record.map(|record| record.decision.created_at),
        input_id: input.id,
        business_id: input.business_id,
        decision_id,
        correlation_id: input.correlation_id,
        accepted_at,
        others: Vec::new(),
    }
}
