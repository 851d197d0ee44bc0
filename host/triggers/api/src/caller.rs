//! The caller of a request: every request but those for documents carries a token of its own.

use axum::extract::{FromRequestParts, OriginalUri};
use http::request::Parts;
use signalbox_delivery::Audience as _;
use signalbox_executor::{AccessError, Authorized};
use signalbox_http::{AuthError, authorization, is_token_in_url};
use signalbox_model::{AgentInput, DECISIONS_PERMISSION, MESSAGE_PERMISSION, Reach, UserAccess};
use signalbox_store::DecisionRecord;

use crate::api_error::ApiError;
use crate::bodies::Decision;
use crate::{Api, CorrelationId};

/// A caller whose token is valid and whose rate is not used up.
#[derive(Debug)]
pub(super) struct Caller {
    pub access: UserAccess,
    pub correlation_id: String,
}

/// How much of a business a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// With the permission `decisions`: everything of the places that the caller may see, and the caller's own inputs.
    All,
    /// With the permission `message`: the results of the caller's own inputs.
    Own,
}

impl Caller {
    /// Whether the caller has a permission in a business; returns what the token grants there.
    pub fn authorize(
        &self,
        api: &Api,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, ApiError> {
        Ok(api.shared.intake.authorize(&self.access, business_id, location_id, permission)?)
    }

    /// How much the caller may see of what a business has decided: all of it, or the results of the caller's own
    /// inputs.
    pub fn visibility(&self, api: &Api, business_id: &str, what: &str) -> Result<Visibility, ApiError> {
        let staff = api.shared.intake.authorize(&self.access, business_id, None, DECISIONS_PERMISSION);
        if let Err(error @ AccessError::NotLoaded(_)) = staff {
            return Err(error.into());
        }
        if staff.is_ok() {
            Ok(Visibility::All)
        } else if self.may(api, business_id, None, MESSAGE_PERMISSION) {
            Ok(Visibility::Own)
        } else {
            Err(ApiError::not_found(what))
        }
    }

    /// Whether the caller may see this input.
    pub fn can_see(&self, api: &Api, visibility: Visibility, input: &AgentInput) -> bool {
        (visibility == Visibility::All && self.can_see_as_staff(api, input)) || self.can_see_as_sender(api, input)
    }

    /// A decision as this caller may see it; the caller may at least know that it exists.
    pub fn decision_view(&self, api: &Api, record: DecisionRecord) -> Decision {
        if self.can_see_as_staff(api, &record.decision.context.input) {
            Decision::from(record)
        } else {
            Decision::for_sender(record, &self.access.user_id)
        }
    }

    fn can_see_as_staff(&self, api: &Api, input: &AgentInput) -> bool {
        let reach = Reach::of(input.location_id.as_deref());
        let audience = api.shared.intake.audience();
        audience.may_see(&self.access, &input.business_id, reach, Some(DECISIONS_PERMISSION))
    }

    fn can_see_as_sender(&self, api: &Api, input: &AgentInput) -> bool {
        let own = input.user_id.as_deref() == Some(&self.access.user_id);
        let reach = input.location_id.as_deref().map_or(Reach::AnyPlace, Reach::Place);
        let audience = api.shared.intake.audience();
        own && audience.may_see(&self.access, &input.business_id, reach, Some(MESSAGE_PERMISSION))
    }

    /// Whether the caller has a permission.
    pub fn may(&self, api: &Api, business_id: &str, location_id: Option<&str>, permission: &str) -> bool {
        api.shared.intake.authorize(&self.access, business_id, location_id, permission).is_ok()
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        if is_token_in_url(uri) {
            return Err(AuthError::InUrl.into());
        }
        let token = authorization(&parts.headers)?.ok_or(AuthError::Missing)?;
        let verified = api.shared.verifier.verify(&token).await?;
        if let Err(wait) = api.shared.rate_limiter.check(&verified.access.user_id) {
            let (rate, burst) = (api.shared.config.requests_per_second, api.shared.config.burst);
            let detail = format!("more than {rate} requests per second (and {burst} at once); slow down");
            return Err(ApiError::limited(&detail, wait));
        }
        let correlation_id = parts.extensions.get::<CorrelationId>().map(|id| id.0.clone()).unwrap_or_default();
        Ok(Self { access: verified.access, correlation_id })
    }
}
