//! Decisions that wait for a person: reviewers list them, and each is reviewed once.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use serde::Deserialize;
use signalbox_delivery::may_review;
use signalbox_intake::{MAX_ACTIONS, ReviewMessage};
use signalbox_model::{REVIEW_PERMISSION, Source};
use signalbox_store::DecisionRecord;
use ulid::Ulid;

use crate::Api;
use crate::api_error::ApiError;
use crate::bodies::{self, Decision, PendingReview, ReviewInput, ReviewPage};
use crate::caller::Caller;
use crate::inputs::REPLAYED;
use crate::request::{self, Parameters, PathNames};

/// How many decisions a page has when the caller does not say.
const DEFAULT_PAGE_SIZE: u32 = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewListParameters {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Read what waits for a person
///
/// The decisions of a business whose actions are withheld until a person has reviewed them, the one that waits longest
/// first. Page by page: pass `nextCursor` on as `cursor`, or follow the `Link` header. Needs the permission `review`.
/// A caller who sees only some places of the business gets no decisions of the others, so a page may hold fewer than
/// `limit`. A new decision may take a moment to appear.
#[utoipa::path(
    get,
    path = "/v1/businesses/{businessId}/reviews",
    operation_id = "listReviews",
    tag = "reviews",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("cursor" = Option<String>, Query, description = "From the page before, exactly as it came.", min_length = 1),
        ("limit" = Option<u32>, Query, description = "How many at most; unset is 20.", minimum = 1, maximum = 100,
            example = 20),
    ),
    responses(
        (status = 200, description = "The decisions.", body = ref("#/components/schemas/ReviewPage"),
            content_type = "application/json",
            headers(("Link" = String, description = "The address of the next page, with `rel=\"next\"`"))),
        (status = 400, description = "A parameter that cannot be read, or a cursor of another list."),
        (status = 403, description = "You may not review this business's decisions."),
        (status = 404, description = "There is no such business for you."),
    ),
    security(("token" = []))
)]
pub(super) async fn list_reviews(
    State(api): State<Api>,
    caller: Caller,
    PathNames(business_id): PathNames<String>,
    Parameters(parameters): Parameters<ReviewListParameters>,
) -> Result<Response, ApiError> {
    caller.authorize(&api, &business_id, None, REVIEW_PERMISSION)?;
    let ReviewListParameters { cursor, limit } = parameters;
    let limit = limit.unwrap_or(DEFAULT_PAGE_SIZE);
    let page = api.shared.store.pending_reviews(&business_id, cursor.as_deref(), limit).await;
    let page = page.map_err(ApiError::of_query)?;
    let audience = api.shared.intake.audience();
    let visible = |record: &DecisionRecord| may_review(record, &caller.access, &audience);
    let items = page.items.into_iter().filter(visible).map(PendingReview::from).collect();
    let path = format!("/v1/businesses/{business_id}/reviews");
    let cursor = page.cursor.clone();
    let body = ReviewPage { items, next_cursor: page.cursor };
    Ok(bodies::page(&path, body, cursor.as_deref(), limit, &[]))
}

/// Decide about what waits for a person
///
/// Approve the decision, send other actions in place of its own, or reject it. A review that was answered with 200 is
/// stored and counts, even if the host crashes; the actions that it lets go are being delivered. Of several reviews of
/// a decision exactly one counts: the others are answered 409 with who has reviewed it, when and how. Needs the
/// permission `review`, and that you may see the decision's place.
#[utoipa::path(
    post,
    path = "/v1/businesses/{businessId}/reviews/{decisionId}",
    operation_id = "reviewDecision",
    tag = "reviews",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("decisionId" = String, Path, description = "The decision",
            example = "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        ("Idempotency-Key" = Option<String>, Header, description = "Your own name for the review, 1 to 128 visible \
            ASCII characters: sent again with the same body it is answered as the first time.",
            example = "review-4711", pattern = r#"^("[!#-~]{1,128}"|[!#-~]{1,128})$"#),
        ("X-Correlation-Id" = Option<String>, Header, description = "Under which the host's logs tell of this \
            request; without it the host makes one up.", example = "cor_01KB2Z8Y0000000000000000"),
    ),
    request_body(content = ref("#/components/schemas/ReviewInput"), content_type = "application/json",
        description = "What is to become of the decision.",
        examples(
            ("approve" = (summary = "What was withheld leaves", value = json!({"verdict": "approve"}))),
            ("edit" = (summary = "Other actions leave in place of its own", value = json!({"verdict": "edit",
                "note": "ten is enough", "actions": [{"type": "resource_action", "target": "voucher",
                "payload": {"guest": "Ana", "amount": 10}}]}))),
            ("reject" = (summary = "Nothing leaves", value = json!({"verdict": "reject", "note": "too dear"}))),
        )),
    responses(
        (status = 200, description = "It counts; the decision afterwards. Its `review` says who decided, when and how.",
            body = ref("#/components/schemas/Decision"), content_type = "application/json"),
        (status = 400, description = "Not sound JSON, or a header that cannot be read."),
        (status = 403, description = "You may not review this business's decisions."),
        (status = 404, description = "There is no such decision for you."),
        (status = 408, description = "The body did not arrive in time."),
        (status = 409, description = "Somebody was first, its time was over, or it never waited; `resolution` says who, \
            when and how."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not said to be plain JSON."),
        (status = 422, description = "JSON of another shape, a review that cannot be, or an idempotency key that was \
            used with another body."),
    ),
    security(("token" = []))
)]
pub(super) async fn review_decision(
    State(api): State<Api>,
    caller: Caller,
    PathNames((business_id, decision_id)): PathNames<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // Before the body is read, so that callers without the permission cost little.
    if !signalbox_model::is_record_id(&decision_id) {
        return Err(ApiError::not_found("decision"));
    }
    api.shared.intake.may_review(&caller.access, &business_id, &decision_id)?;
    let key = request::idempotency_key(&parts.headers)?;
    let bytes = request::body(&parts.headers, body, &api.shared.config).await?;
    let review: ReviewInput = request::json(&bytes, &objects())?;
    let message = ReviewMessage {
        id: key.unwrap_or_else(|| Ulid::new().to_string()),
        business_id,
        source: Source::ExternalApi,
        correlation_id: Some(caller.correlation_id.clone()),
        request: review.into_request(decision_id),
    };
    let outcome = api.shared.intake.review(&caller.access, message).await?;
    let mut response = Json(Decision::from(DecisionRecord::clone(&outcome.record))).into_response();
    if outcome.duplicate {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The paths in a body that must hold objects.
fn objects() -> Vec<String> {
    // One more than allowed: a longer list is refused for its length.
    let actions = (0..=MAX_ACTIONS).flat_map(|index| {
        let action = format!("/actions/{index}");
        let policy = format!("{action}/retryPolicy");
        [action, policy]
    });
    std::iter::once(String::new()).chain(actions).collect()
}
