//! Reads one decision, or pages of them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use signalbox_model::DECISIONS_PERMISSION;
use signalbox_store::{DecisionQuery, DecisionRecord, Order};

use crate::Api;
use crate::api_error::ApiError;
use crate::bodies::{self, DecisionPage};
use crate::caller::{Caller, Visibility};
use crate::request::{Parameters, PathNames};

/// How many decisions a page has when the caller does not say.
const DEFAULT_PAGE_SIZE: u32 = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionListParameters {
    cursor: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    order: ListOrder,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListOrder {
    #[default]
    Newest,
    Oldest,
}

/// Read a business's decisions
///
/// Page by page: pass `nextCursor` on as `cursor`, or follow the `Link` header. Needs the permission `decisions`. A
/// caller who sees only some places of the business gets no decisions of the others, and of those without a place only
/// own ones, so a page may hold fewer than `limit`. A new decision may take a moment to appear.
#[utoipa::path(
    get,
    path = "/v1/businesses/{businessId}/decisions",
    operation_id = "listDecisions",
    tag = "decisions",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("cursor" = Option<String>, Query, description = "From the page before, exactly as it came.", min_length = 1),
        ("limit" = Option<u32>, Query, description = "How many at most; unset is 20.", minimum = 1, maximum = 100,
            example = 20),
        ("order" = Option<String>, Query, description = "Which come first, `newest` or `oldest`; unset is `newest`.",
            pattern = "^(newest|oldest)$", example = "newest"),
    ),
    responses(
        (status = 200, description = "The decisions.", body = ref("#/components/schemas/DecisionPage"),
            content_type = "application/json",
            headers(("Link" = String, description = "The address of the next page, with `rel=\"next\"`")),
            example = json!({"items": []})),
        (status = 400, description = "A parameter that cannot be read, or a cursor of another list."),
        (status = 403, description = "You may not read this business's decisions."),
        (status = 404, description = "There is no such business for you."),
    ),
    security(("token" = []))
)]
pub(super) async fn list_decisions(
    State(api): State<Api>,
    caller: Caller,
    PathNames(business_id): PathNames<String>,
    Parameters(parameters): Parameters<DecisionListParameters>,
) -> Result<Response, ApiError> {
    caller.authorize(&api, &business_id, None, DECISIONS_PERMISSION)?;
    let DecisionListParameters { cursor, limit, order } = parameters;
    let limit = limit.unwrap_or(DEFAULT_PAGE_SIZE);
    let (before, after, order) = match order {
        ListOrder::Newest => (cursor, None, Order::NewestFirst),
        ListOrder::Oldest => (None, cursor, Order::OldestFirst),
    };
    let query = DecisionQuery { business_id: business_id.clone(), before, after, limit, order };
    let page = api.shared.store.decisions(&query).await.map_err(ApiError::of_query)?;
    let visible = |record: &DecisionRecord| caller.can_see(&api, Visibility::All, &record.decision.context.input);
    let items = page.items.into_iter().filter(visible).map(|record| caller.decision_view(&api, record)).collect();
    let order = match order {
        Order::NewestFirst => "newest",
        Order::OldestFirst => "oldest",
    };
    let path = format!("/v1/businesses/{business_id}/decisions");
    let cursor = page.cursor.clone();
    let body = DecisionPage { items, next_cursor: page.cursor };
    Ok(bodies::page(&path, body, cursor.as_deref(), limit, &[("order", order)]))
}

/// Read one decision
///
/// With the permission `message` you see the decisions on your own inputs, without the replies to others; with
/// `decisions` you see all decisions of the places that you may see. A decision that does not exist and one that you
/// may not see give the same answer.
#[utoipa::path(
    get,
    path = "/v1/businesses/{businessId}/decisions/{decisionId}",
    operation_id = "getDecision",
    tag = "decisions",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("decisionId" = String, Path, description = "The decision",
            example = "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
    ),
    responses(
        (status = 200, description = "The decision.", body = ref("#/components/schemas/Decision"),
            content_type = "application/json"),
        (status = 404, description = "There is no such decision for you."),
    ),
    security(("token" = []))
)]
pub(super) async fn get_decision(
    State(api): State<Api>,
    caller: Caller,
    PathNames((business_id, decision_id)): PathNames<(String, String)>,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("decision");
    let visibility = caller.visibility(&api, &business_id, "decision")?;
    if !signalbox_model::is_record_id(&decision_id) {
        return Err(missing());
    }
    let record = api.shared.store.decision(&decision_id, &business_id).await?.ok_or_else(missing)?;
    if !caller.can_see(&api, visibility, &record.decision.context.input) {
        return Err(missing());
    }
    Ok(Json(caller.decision_view(&api, record)).into_response())
}
