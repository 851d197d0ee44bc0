//! `signalbox:llm`: language models by the operator's names. The operator configures the provider of each name; a
//! plugin cannot choose it.

mod openai;
mod scripted;
mod shape;

pub use openai::{OpenAi, OpenAiSettings, TokenParameter};
pub use scripted::{ScriptError, Scripted};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use signalbox_bindings::signalbox::llm::llm::{Completion, Error, FinishReason, Host, Request};

use crate::guard::{CapabilityError, Function};
use crate::{Calls, Capability, metrics};

/// The timeout of a call when the plugin does not set one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest timeout that a plugin may set.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest completion, in bytes.
const LARGEST_ANSWER: usize = 1 << 20;
/// The most bytes of all messages of a request together.
const LARGEST_REQUEST: usize = 256 * 1024;
/// The most bytes of the schema of an answer.
const LARGEST_SCHEMA: usize = 64 * 1024;

/// A provider of a language model.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// Sends one request. The caller enforces the deadline and has checked the request.
    async fn complete(&self, request: &Request) -> Result<Completion, Error>;
}

/// The configured models by name.
#[derive(Clone, Default)]
pub struct LanguageModels {
    models: BTreeMap<String, Arc<dyn Provider>>,
}

impl LanguageModels {
    /// No models: every call fails with `not-configured`.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a model under the operator's name.
    pub fn with(mut self, name: impl Into<String>, provider: Arc<dyn Provider>) -> Self {
        self.models.insert(name.into(), provider);
        self
    }

    /// The configured names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

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
    async fn complete(&mut self, request: Request) -> wasmtime::Result<Result<Completion, Error>> {
        let provider = self.provider(&request.model);
        let patience =
            request.timeout.map_or(DEFAULT_TIMEOUT, |millis| Duration::from_millis(millis.into()).min(LONGEST_TIMEOUT));
        let function = Function::new("llm", "complete").patient(patience).answers(LARGEST_ANSWER);
        let answer = self
            .guard(function, request, |request, _| async move {
                let provider = provider?;
                check(&request)?;
                let mut completion = provider.complete(&request).await?;
                if let Some(schema) = &request.response_schema {
                    completion.text = document(&completion, schema)?;
                }
                metrics::tokens(&request.model, completion.input_tokens, completion.output_tokens);
                Ok(completion)
            })
            .await?;
        if let Ok(completion) = &answer {
            self.record.tokens.input += u64::from(completion.input_tokens);
            self.record.tokens.output += u64::from(completion.output_tokens);
        }
        Ok(answer)
    }
}

impl Calls {
    fn provider(&self, model: &str) -> Result<Arc<dyn Provider>, Error> {
        if !self.policy.grants.allows(Capability::Llm, model) {
            return Err(Error::Denied(format!("plugin {} has no grant `llm = [\"{model}\"]`", self.policy.name)));
        }
        let found = signalbox_model::find_named(&self.services.models.models, model);
        found.map(|(_, provider)| provider.clone()).ok_or(Error::NotConfigured)
    }
}

fn check(request: &Request) -> Result<(), Error> {
    if request.messages.is_empty() {
        return Err(Error::Invalid("a request needs at least one message".to_owned()));
    }
    let size: usize = request.messages.iter().map(|message| message.content.len()).sum();
    if size > LARGEST_REQUEST {
        return Err(Error::Invalid(format!("the messages have {size} bytes; at most {LARGEST_REQUEST} are taken")));
    }
    if request.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err(Error::Invalid("temperature must be from 0 to 2".to_owned()));
    }
    if let Some(schema) = &request.response_schema {
        let size = schema.len();
        if size > LARGEST_SCHEMA {
            return Err(Error::Invalid(format!(
                "response-schema has {size} bytes; at most {LARGEST_SCHEMA} are taken"
            )));
        }
        serde_json::from_str::<signalbox_model::JsonObject>(schema)
            .map_err(|error| Error::Invalid(format!("response-schema is not a JSON object: {error}")))?;
    }
    Ok(())
}

/// The JSON document of an answer, checked against the requested schema.
fn document(completion: &Completion, schema: &str) -> Result<String, Error> {
    let text = shape::document(&completion.text);
    let document = serde_json::from_str::<Value>(text).map_err(|error| match completion.finish_reason {
        FinishReason::ContentFilter => Error::Refused("the provider's filter held the answer back".to_owned()),
        FinishReason::Length => Error::MalformedAnswer("the answer was cut off at its limit of tokens".to_owned()),
        _ => Error::MalformedAnswer(format!("not JSON: {error}")),
    })?;
    let schema = serde_json::from_str::<Value>(schema)
        .map_err(|error| Error::Invalid(format!("response-schema is not a JSON object: {error}")))?;
    match shape::check(&document, &schema) {
        Ok(()) => Ok(text.to_owned()),
        Err(shape::Misshapen::Wrong(why)) => Err(Error::MalformedAnswer(format!("not of the shape asked for: {why}"))),
        Err(too_much @ shape::Misshapen::TooMuch) => Err(Error::Invalid(format!("response-schema: {too_much}"))),
    }
}

#[cfg(test)]
mod tests;
