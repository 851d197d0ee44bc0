//! Reads how the effects of a business's decisions stand.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use signalbox_delivery::TARGETS;
use signalbox_model::{DECISIONS_PERMISSION, is_record_id};
use signalbox_store::{DecisionRecord, Effect, OpenEffects, StoreError};

use crate::Api;
use crate::api_error::ApiError;
use crate::bodies::{self, DecisionEffect, DeliveryState, EffectPage};
use crate::caller::{Caller, Visibility};
use crate::request::{Parameters, PathNames};

/// How many decisions the effects of a page belong to when the caller does not say.
const DEFAULT_PAGE_SIZE: u32 = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EffectListParameters {
    decision_id: Option<String>,
    state: Option<DeliveryState>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Read how a business's effects stand
///
/// Without `decisionId` these are the effects that have not left: the pending ones first, then those that their targets
/// hold back, those that wait, and the dead letters. With it, all effects of that decision. Pass `nextCursor` on as
/// `cursor`, or follow the `Link` header. Needs the permission `decisions`. A caller who sees only some places of the
/// business gets no effects of the others, so a page may hold fewer. A change may take a moment to appear.
#[utoipa::path(
    get,
    path = "/v1/businesses/{businessId}/effects",
    operation_id = "listEffects",
    tag = "effects",
    params(
        ("businessId" = String, Path, description = "The business", example = "trattoria-roma"),
        ("decisionId" = Option<String>, Query, description = "All effects of this decision, those that have left too.",
            example = "dec_0f1e2d3c4b5a69788796a5b4c3d2e1f0"),
        ("state" = Option<String>, Query, description = "Only effects in this state.",
            pattern = "^(pending|withheld|delivered|kept|waiting|heldBack|deadLetter|dropped)$", example = "deadLetter"),
        ("cursor" = Option<String>, Query, description = "From the page before, exactly as it came.", min_length = 1),
        ("limit" = Option<u32>, Query, description = "Of how many decisions at most; unset is 20.", minimum = 1,
            maximum = 100, example = 20),
    ),
    responses(
        (status = 200, description = "The effects.", body = ref("#/components/schemas/EffectPage"),
            content_type = "application/json",
            headers(("Link" = String, description = "The address of the next page, with `rel=\"next\"`")),
            example = json!({"items": []})),
        (status = 400, description = "A parameter that cannot be read, or a cursor of another list."),
        (status = 403, description = "You may not read this business's decisions."),
        (status = 404, description = "There is no such business or decision for you."),
    ),
    security(("token" = []))
)]
pub(super) async fn list_effects(
    State(api): State<Api>,
    caller: Caller,
    PathNames(business_id): PathNames<String>,
    Parameters(parameters): Parameters<EffectListParameters>,
) -> Result<Response, ApiError> {
    caller.authorize(&api, &business_id, None, DECISIONS_PERMISSION)?;
    let EffectListParameters { decision_id, state, cursor, limit } = parameters;
    let limit = limit.unwrap_or(DEFAULT_PAGE_SIZE);
    let visible = |record: &DecisionRecord| caller.can_see(&api, Visibility::All, &record.decision.context.input);
    let in_state = |effect: &DecisionEffect| state.is_none_or(|state| effect.state == state);
    let path = format!("/v1/businesses/{business_id}/effects");
    let Some(decision_id) = decision_id else {
        let open = OpenEffects { business_id: &business_id, targets: &TARGETS };
        let page = api.shared.store.open_effects(&open, cursor.as_deref(), limit).await.map_err(ApiError::of_query)?;
        let records = page.items.iter().filter(|record| visible(record));
        let items = records.flat_map(|record| shown(record, Effect::is_open)).filter(in_state).collect();
        let body = EffectPage { items, next_cursor: page.cursor.clone() };
        let state = state.map(DeliveryState::as_str);
        let more: Vec<_> = state.iter().map(|state| ("state", *state)).collect();
        return Ok(bodies::page(&path, body, page.cursor.as_deref(), limit, &more));
    };
    if cursor.is_some() {
        let reason = "`cursor` does not go with `decisionId`: the effects of one decision are one page".to_owned();
        return Err(ApiError::of_query(StoreError::Invalid(reason)));
    }
    let missing = || ApiError::not_found("decision");
    if !is_record_id(&decision_id) {
        return Err(missing());
    }
    let record = api.shared.store.decision(&decision_id, &business_id).await?;
    let record = record.filter(visible).ok_or_else(missing)?;
    let items = shown(&record, |_| true).filter(in_state).collect();
    Ok(bodies::page(&path, EffectPage { items, next_cursor: None }, None, limit, &[]))
}

fn shown(record: &DecisionRecord, is_wanted: impl Fn(&Effect) -> bool) -> impl Iterator<Item = DecisionEffect> {
    let effects = record.effects.iter().filter(move |effect| is_wanted(effect));
    effects.map(|effect| DecisionEffect::new(record, effect))
}
