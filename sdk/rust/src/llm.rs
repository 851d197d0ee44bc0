//! Language models, by the names that the operator gave them. Grant: the names, for example `llm = ["default"]`.
//!
//! Have rules to fall back to: a guest must get an answer even when the model gives none.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Answer {
//!     intent: String,
//! }
//!
//! fn intent(text: &str) -> String {
//!     let schema = json!({
//!         "type": "object",
//!         "properties": { "intent": { "type": "string", "enum": ["booking", "question"] } },
//!         "required": ["intent"],
//!         "additionalProperties": false,
//!     });
//!     let request = llm::Request::new("default").system("What does the guest want?").user(text);
//!     match request.ask_json::<Answer>(&schema) {
//!         Ok(answer) => answer.intent,
//!         Err(error) => {
//!             warn!(error = error, "the model did not help, took the rules");
//!             if text.contains("table") { "booking".into() } else { "question".into() }
//!         }
//!     }
//! }
//! # testing::Host::new().llm_answer(r#"{"intent":"question"}"#).enter(|| assert_eq!(intent("a table?"), "question"));
//! # testing::Host::new().llm_error(llm::Error::Timeout).enter(|| assert_eq!(intent("a table?"), "booking"));
//! ```

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::contract::llm as contract;

pub use crate::bindings::capabilities::signalbox::llm::llm::{Completion, FinishReason, Role};

crate::error::capability_error! {
    /// Why a model gave no answer.
    llm {
        /// No model has this name in the host's configuration. A retry will not help.
        NotConfigured => stop "no language model has this name",
        /// The grant does not name this model. A retry will not help.
        Denied(reason: String) => stop "the grant does not name this model: {reason}",
        /// The request is malformed or too large. A retry will not help.
        Invalid(reason: String) => stop "the request is malformed: {reason}",
        /// The provider refuses the operator's key, model or address. A retry will not help until an operator corrects
        /// them.
        Misconfigured(reason: String) => stop "the provider does not take what is configured: {reason}",
        /// The model, or the provider's filter, declines to answer this. A retry will not help.
        Refused(words: String) => stop "the model declines to answer: {words}",
        /// The provider limits the host's rate. A retry may help after this many milliseconds, when the provider says
        /// so.
        RateLimited(after: Option<u32>) => retry "the provider limits our rate",
        /// Quota or credit is used up. A retry will not help until an operator acts.
        QuotaExhausted => stop "the provider's quota is used up",
        /// The provider does not answer or failed. A retry may help.
        Unavailable(reason: String) => retry "the provider does not answer: {reason}",
        /// The answer is larger than one call may give, or this decision has used up its limit of answers. A retry will
        /// not help: ask for less.
        Exhausted(reason: String) => stop "there is no room for the answer: {reason}",
        /// No answer within the time. A retry may help.
        Timeout => retry "the provider did not answer in time",
        /// The answer has another form than requested. A retry may help.
        MalformedAnswer(reason: String) => retry "the answer is not what was asked for: {reason}",
    }
}

/// A question for a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Request(contract::Request);

impl Request {
    /// A question for a model of the host's configuration.
    pub fn new(model: impl Into<String>) -> Self {
        Self(contract::Request {
            model: model.into(),
            messages: Vec::new(),
            max_tokens: None,
            temperature: None,
            response_schema: None,
            timeout: None,
        })
    }

    /// Adds a system message: facts and rules for the model.
    pub fn system(self, content: impl Into<String>) -> Self {
        self.message(Role::System, content)
    }

    /// Adds a message of the person.
    pub fn user(self, content: impl Into<String>) -> Self {
        self.message(Role::User, content)
    }

    /// Adds an earlier answer of the model.
    pub fn assistant(self, content: impl Into<String>) -> Self {
        self.message(Role::Assistant, content)
    }

    fn message(mut self, role: Role, content: impl Into<String>) -> Self {
        self.0.messages.push(contract::Message { role, content: content.into() });
        self
    }

    /// At most this many tokens; the operator's limit is never exceeded.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.0.max_tokens = Some(tokens);
        self
    }

    /// From 0 to 2; the model's default if not set.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.0.temperature = Some(temperature);
        self
    }

    /// Sets the time limit; never longer than the decision has left.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Asks once.
    pub fn ask(self) -> Result<Completion, Error> {
        Ok(contract::complete(&self.0)?)
    }

    /// Asks once for a JSON document of a shape; an answer of another shape is [`Error::MalformedAnswer`].
    ///
    /// Every provider keeps to a schema whose objects name their `type`, require all their properties and say
    /// `"additionalProperties": false`. Other schemas may be used too: the host checks the answer.
    pub fn ask_json<T: DeserializeOwned>(mut self, schema: &Value) -> Result<T, Error> {
        self.0.response_schema = Some(schema.to_string());
        let completion = self.ask()?;
        crate::json::decode("answer", &completion.text).map_err(|error| Error::MalformedAnswer(error.to_string()))
    }
}
