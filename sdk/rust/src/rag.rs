//! The business's wording and its past: message models by decision code, and similar past decisions.
//! Grant: `rag = ["read"]`.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! fn confidence() -> Result<f64, Failure> {
//!     let past = rag::find_similar_decisions("complaint.service", 10)?;
//!     let upheld = past.iter().filter(|decision| decision.outcome == "approved").count();
//!     Ok(if past.is_empty() { 0.5 } else { upheld as f64 / past.len() as f64 })
//! }
//! # testing::Host::new().enter(|| assert_eq!(confidence().unwrap(), 0.5));
//! ```

use crate::Json;

pub use crate::bindings::capabilities::signalbox::rag::rag::{MessageModel, PastDecision};

crate::error::capability_error! {
    /// Why nothing can be read about a decision code.
    rag {
        /// No store is configured. A retry will not help.
        NotConfigured => stop "no store is configured",
        /// The request is malformed. A retry will not help.
        Invalid(reason: String) => stop "the request is malformed: {reason}",
        /// The store does not answer. A retry may help.
        Unavailable(reason: String) => retry "the store does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
    }
}

/// Everything known about a decision code.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RagContext {
    /// The code.
    pub decision_code: String,
    /// The nearest message model.
    pub message_model: Option<MessageModel>,
    /// Past decisions with the code, newest first.
    pub similar_decisions: Vec<PastDecision>,
    /// Facts of the business that matter for the decision, an object.
    pub business_context: Json,
    /// How much is known, from 0 to 1.
    pub confidence: f64,
}

/// The nearest model for a decision code: of this place, the wanted locale, this business type, then the newest. With
/// `version`, only models of that version; without `locale`, the business's. None when no model fits.
pub fn get_message_model(
    decision_code: &str,
    version: Option<&str>,
    locale: Option<&str>,
) -> Result<Option<MessageModel>, Error> {
    Ok(crate::contract::rag::get_message_model(decision_code, version, locale)?)
}

/// All versions of a code's models, newest first, at most 50.
pub fn list_message_model_versions(decision_code: &str) -> Result<Vec<MessageModel>, Error> {
    Ok(crate::contract::rag::list_message_model_versions(decision_code)?)
}

/// Past decisions with the same code in this business type, newest first. `limit` is from 1 to 20.
pub fn find_similar_decisions(decision_code: &str, limit: u32) -> Result<Vec<PastDecision>, Error> {
    Ok(crate::contract::rag::find_similar_decisions(decision_code, limit)?)
}

/// Message model, five similar decisions and the business's facts in one answer.
pub fn get_context(decision_code: &str) -> Result<RagContext, Error> {
    let context = crate::contract::rag::get_context(decision_code)?;
    Ok(RagContext {
        decision_code: context.decision_code,
        message_model: context.message_model,
        similar_decisions: context.similar_decisions,
        business_context: Json::from_text(context.business_context),
        confidence: context.confidence,
    })
}
