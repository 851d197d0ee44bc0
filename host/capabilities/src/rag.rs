//! `signalbox:rag`: message models by decision code, and similar past decisions.

mod models;
mod template;

pub use models::{
    BundleModels, ModelFileError, ModelFormat, ModelQuery, ReadText, SpeaksFor, WrittenModel, canonical_version,
    compare_versions, is_locale, nearest, read_model_source, read_model_text, read_models, same_version,
};
pub use template::{RenderSteps, Template, TemplateError};

use signalbox_bindings::signalbox::rag::rag::{Error, Host, MessageModel, PastDecision, RagContext};
use signalbox_model::{DecisionModel, Outcome};
use signalbox_store::{ModelName, StoreError};

use crate::guard::{CapabilityError, Function};
use crate::{Calls, Capability};

/// The most bytes of a list of message models, or of everything about a decision code.
const LARGEST_LIST: usize = 1 << 20;
/// How many versions of a code's models are listed.
const MOST_VERSIONS: usize = 50;
/// How many past decisions one call may ask for.
const MOST_DECISIONS: u32 = 20;
/// How many past decisions `get-context` gives.
const CONTEXT_DECISIONS: u32 = 5;

impl CapabilityError for Error {
    fn timeout() -> Self {
        Self::Unavailable("no answer within the deadline".to_owned())
    }

    fn exhausted(reason: String) -> Self {
        Self::Exhausted(reason)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl Host for Calls {
    async fn get_message_model(
        &mut self,
        decision_code: String,
        version: Option<String>,
        locale: Option<String>,
    ) -> wasmtime::Result<Result<Option<MessageModel>, Error>> {
        let lookup = self.lookup();
        let request = (decision_code, version, locale);
        self.guard(Function::new("rag", "get-message-model"), request, |(code, version, locale), _| async move {
            lookup?.message_model(&code, version.as_deref(), locale.as_deref()).await
        })
        .await
    }

    async fn list_message_model_versions(
        &mut self,
        decision_code: String,
    ) -> wasmtime::Result<Result<Vec<MessageModel>, Error>> {
        let lookup = self.lookup();
        let function = Function::new("rag", "list-message-model-versions").answers(LARGEST_LIST);
        self.guard(function, decision_code, |code, _| async move { lookup?.versions(&code).await }).await
    }

    async fn find_similar_decisions(
        &mut self,
        decision_code: String,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<PastDecision>, Error>> {
        let lookup = self.lookup();
        let request = (decision_code, limit);
        self.guard(Function::new("rag", "find-similar-decisions"), request, |(code, limit), _| async move {
            if limit == 0 || limit > MOST_DECISIONS {
                return Err(Error::Invalid(format!("limit is {limit}; it must be from 1 to {MOST_DECISIONS}")));
            }
            lookup?.similar(&code, limit).await
        })
        .await
    }

    async fn get_context(&mut self, decision_code: String) -> wasmtime::Result<Result<RagContext, Error>> {
        let lookup = self.lookup();
        self.guard(Function::new("rag", "get-context").answers(LARGEST_LIST), decision_code, |code, _| async move {
            let lookup = lookup?;
            let message_model = lookup.message_model(&code, None, None).await?;
            let similar_decisions = lookup.similar(&code, CONTEXT_DECISIONS).await?;
            let confidence = confidence(message_model.is_some(), &similar_decisions);
            let business_context = serde_json::to_string(&lookup.business.settings).unwrap_or_else(|_| "{}".to_owned());
            Ok(RagContext { decision_code: code, message_model, similar_decisions, business_context, confidence })
        })
        .await
    }
}

/// 0.5 for a message model, and 0.1 for each of up to five similar decisions that were not rejected or failed.
fn confidence(has_model: bool, similar: &[PastDecision]) -> f64 {
    let agreeing = similar.iter().filter(|past| !matches!(past.outcome.as_str(), "rejected" | "failed")).count();
    let precedent = f64::from(u32::try_from(agreeing.min(5)).unwrap_or(5)) * 0.1;
    if has_model { 0.5 + precedent } else { precedent }
}

/// The data of a lookup, taken out of the call so that the lookup can be awaited.
struct Lookup {
    store: signalbox_store::Store,
    business: std::sync::Arc<signalbox_model::BusinessInfo>,
    location: Option<String>,
}

impl Calls {
    fn lookup(&self) -> Result<Lookup, Error> {
        if !self.policy.grants.covers(Capability::Rag) {
            // Loading has already refused such a plugin; this checks it once more.
            return Err(Error::NotConfigured);
        }
        Ok(Lookup {
            store: self.services.store.clone(),
            business: self.scope.business.clone(),
            location: self.scope.location.as_ref().map(|location| location.id.clone()),
        })
    }
}

impl Lookup {
    async fn message_model(
        &self,
        code: &str,
        version: Option<&str>,
        locale: Option<&str>,
    ) -> Result<Option<MessageModel>, Error> {
        let wanted = ModelQuery::of(&self.business, self.location.as_deref(), version, locale);
        let found = wanted.find(&self.store, code).await.map_err(to_wit_error)?;
        Ok(found.map(to_wit_model))
    }

    async fn versions(&self, code: &str) -> Result<Vec<MessageModel>, Error> {
        let wants =
            |name: &ModelName| name.business_type.as_ref().is_none_or(|kind| *kind == self.business.business_type);
        let order = |one: &ModelName, other: &ModelName| models::compare_versions(&other.version, &one.version);
        let found = self.store.first_message_models(code, None, MOST_VERSIONS, wants, order).await;
        Ok(found.map_err(to_wit_error)?.into_iter().map(to_wit_model).collect())
    }

    async fn similar(&self, code: &str, limit: u32) -> Result<Vec<PastDecision>, Error> {
        let found =
            self.store.similar_decisions(&self.business.business_type, code, limit).await.map_err(to_wit_error)?;
        Ok(found.into_iter().map(|decision| self.past_decision(decision)).collect())
    }

    /// A past decision for the plugin. A decision of another business comes without id, reasoning and location, because
    /// these may contain what that business's guests wrote. The reason of a failed decision is left out too, because it
    /// may reveal details of a plugin.
    fn past_decision(&self, decision: DecisionModel) -> PastDecision {
        let same_business = decision.business_id == self.business.business_id;
        let failed = decision.outcome == Outcome::Failed;
        PastDecision {
            id: if same_business { decision.id } else { String::new() },
            decision_code: decision.decision_code,
            decision_type: decision.decision_type,
            confidence: decision.confidence,
            reasoning: if same_business && !failed { decision.reasoning } else { String::new() },
            outcome: outcome(&decision.outcome).to_owned(),
            location_id: if same_business { decision.location_id } else { None },
            created_at: decision.created_at.to_string(),
            same_business,
        }
    }
}

fn outcome(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Decided => "decided",
        Outcome::ReviewPending => "review-pending",
        Outcome::Approved => "approved",
        Outcome::Edited => "edited",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
        Outcome::Unknown(name) => name.as_str(),
    }
}

fn to_wit_model(model: signalbox_model::MessageModel) -> MessageModel {
    MessageModel {
        decision_code: model.decision_code,
        version: model.version,
        message_template: model.message_template,
        parameters: model.parameters,
        business_type: model.business_type,
        location_context: model.location_context,
        locale: model.locale,
        usage_count: model.usage_count,
        last_used: model.last_used.map(|at| at.to_string()),
        created_at: model.created_at.to_string(),
        updated_at: model.updated_at.to_string(),
    }
}

fn to_wit_error(error: StoreError) -> Error {
    match error {
        StoreError::Invalid(reason) => Error::Invalid(reason),
        other => {
            tracing::warn!(code = other.code().as_str(), error = %other, "a plugin's lookup failed");
            Error::Unavailable(format!("the store failed: {}", other.code()))
        }
    }
}
