//! Who calls: every request but those for documents carries a token of its own.

use axum::extract::{FromRequestParts, OriginalUri};
use http::header::AUTHORIZATION;
use http::request::Parts;
use signalbox_executor::Authorized;
use signalbox_model::{AgentInput, UserAccess};

use super::refusal::Refusal;
use super::{Api, CorrelationId, DECISIONS_PERMISSION};
use crate::auth::{bearer, is_token_in_url};
use crate::{AuthError, MESSAGE_PERMISSION};

/// A caller whose token holds and who does not ask too much.
#[derive(Debug)]
pub(super) struct Caller {
    pub access: UserAccess,
    pub correlation_id: String,
}

/// How much of a business's affairs a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Everything, with the permission `decisions`.
    All,
    /// What came of the caller's own inputs, with the permission `message`.
    Own,
}

impl Caller {
    /// What the caller may do in a business, if anything.
    pub fn authorize(
        &self,
        api: &Api,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, Refusal> {
        let decide = api.shared.intake.decide();
        Ok(decide.authorize(&self.access, business_id, location_id, permission)?)
    }

    /// Lets the caller look at what a business has decided: all of it, or what is the caller's own.
    pub fn look(&self, api: &Api, business_id: &str, what: &str) -> Result<Sight, Refusal> {
        if self.may(api, business_id, None, DECISIONS_PERMISSION) {
            Ok(Sight::All)
        } else if self.may(api, business_id, None, MESSAGE_PERMISSION) {
            Ok(Sight::Own)
        } else {
            Err(Refusal::not_found(what))
        }
    }

    /// Whether the caller sees what belongs to this input.
    pub fn sees(&self, api: &Api, sight: Sight, input: &AgentInput) -> bool {
        let permission = match sight {
            Sight::All => DECISIONS_PERMISSION,
            Sight::Own if input.user_id.as_deref() == Some(&self.access.user_id) => MESSAGE_PERMISSION,
            Sight::Own => return false,
        };
        self.may(api, &input.business_id, input.location_id.as_deref(), permission)
    }

    /// Whether the caller has a permission.
    pub fn may(&self, api: &Api, business_id: &str, location_id: Option<&str>, permission: &str) -> bool {
        api.shared.intake.decide().authorize(&self.access, business_id, location_id, permission).is_ok()
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
        if is_token_in_url(uri) {
            return Err(AuthError::InUrl.into());
        }
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let token = match (headers.next(), headers.next()) {
            (Some(header), None) => bearer(header),
            (None, _) => return Err(AuthError::Missing.into()),
            (Some(_), Some(_)) => {
                return Err(AuthError::Malformed("there is more than one `Authorization` header".to_owned()).into());
            }
        };
        let verified = api.shared.verifier.verify(&token).await?;
        if let Some(wait) = api.shared.limits.user(&verified.access.user_id) {
            let (rate, burst) = (api.shared.config.requests_per_second, api.shared.config.burst);
            let detail = format!("more than {rate} requests per second (and {burst} at once); slow down");
            return Err(Refusal::limited(&detail, wait));
        }
        let correlation_id = parts.extensions.get::<CorrelationId>().map(|id| id.0.clone()).unwrap_or_default();
        Ok(Self { access: verified.access, correlation_id })
    }
}
