//! `signalbox:http`: requests to other services, through the egress guard.

mod address;
mod egress;
mod grant;
mod journaled;

pub use address::{Network, is_public};
pub use egress::{Egress, EgressRules, EgressSecret, Lookup, PostAnswer, PostError, SystemLookup};
pub use grant::{HttpGrant, forbidden_grant};

use std::time::Duration;

use signalbox_bindings::signalbox::http::http::{Error, Host, Request, Response};

use self::journaled::{JournaledRequest, JournaledResponse};
use crate::Calls;
use crate::guard::{CapabilityError, Function};

/// The timeout of a request when the plugin does not set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer in the journal: a binary body of 1 MiB in base64, and the headers.
const LARGEST_ANSWER: usize = 2 << 20;
/// The longest timeout that a plugin may set.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Timeout
    }

    fn exhausted(reason: String) -> Self {
        Self::Exhausted(reason)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl Host for Calls {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let (egress, policy, scope) = (self.services.egress.clone(), self.policy.clone(), self.scope.clone());
        let patience =
            request.timeout.map_or(DEFAULT_TIMEOUT, |millis| Duration::from_millis(millis.into()).min(LONGEST_TIMEOUT));
        let function = Function::new("http", "send").patient(patience).answers(LARGEST_ANSWER);
        let answer = self
            .guard(function, JournaledRequest(request), |JournaledRequest(request), asked| async move {
                let egress = egress.ok_or(Error::NotConfigured)?;
                let business = &scope.business.business_id;
                egress
                    .send(business, &policy.name, policy.grants.http(), request, &asked.key)
                    .await
                    .map(JournaledResponse)
            })
            .await?;
        Ok(answer.map(|JournaledResponse(response)| response))
    }
}
