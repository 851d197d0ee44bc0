//! A provider with OpenAI's chat completions API: OpenAI itself, Azure, or vLLM, Ollama, LiteLLM and others. Their APIs
//! differ in details, so requests adapt to what a provider accepts, and answers are read leniently.

mod answer;
mod body;
mod dialect;
mod endpoint;
mod refusal;
mod strict;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use signalbox_bindings::signalbox::llm::llm::{Completion, Error, Request};

use super::Provider;
use answer::NoAnswer;
use dialect::{Dialect, Sent};
use refusal::Told;

pub use dialect::TokenParameter;

/// The longest time of one exchange, even when the caller's deadline is later.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(60);
/// How many variants of one request are tried before the provider's refusal is returned.
const MOST_WORDINGS: usize = 6;

/// The address of a model, and how it is called.
#[derive(Debug)]
pub struct OpenAiSettings {
    /// The API's address with its version, for example `https://api.openai.com/v1`; a query stays in every request.
    pub base_url: String,
    /// The provider's name of the model.
    pub model: String,
    /// The API key, if the provider needs one.
    pub api_key: Option<SecretString>,
    /// The header that carries the key; none is `Authorization: Bearer`.
    pub api_key_header: Option<String>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// The name of the parameter for that limit.
    pub max_tokens_parameter: TokenParameter,
}

/// A provider with OpenAI's chat completions API.
pub struct OpenAi {
    client: reqwest::Client,
    url: reqwest::Url,
    model: String,
    key: Option<Key>,
    max_tokens: u32,
    parameter: TokenParameter,
    /// What the provider accepts, as learned from its refusals.
    dialect: Mutex<Dialect>,
}

struct Key {
    secret: SecretString,
    header: Option<HeaderName>,
}

impl OpenAi {
    /// Refuses an address or key with which no request could be sent. The operator chooses the endpoint, so the egress
    /// guard for plugins does not apply to it.
    pub fn new(settings: OpenAiSettings) -> Result<Self, String> {
        let OpenAiSettings { base_url, model, api_key, api_key_header, max_tokens, max_tokens_parameter } = settings;
        let client = reqwest::Client::builder()
            .timeout(LONGEST_EXCHANGE)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let url = endpoint::completions(&base_url)?;
        let header = api_key_header.map(|name| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no name of a header"))
        });
        let key = match (api_key, header.transpose()?) {
            (Some(secret), header) => {
                HeaderValue::from_str(secret.expose_secret())
                    .map_err(|_| "the key has a character that no header may carry, such as a line break".to_owned())?;
                Some(Key { secret, header })
            }
            (None, Some(header)) => return Err(format!("`{header}` is to carry the key, and there is no `api-key`")),
            (None, None) => None,
        };
        let dialect = Mutex::new(Dialect::new(max_tokens_parameter));
        Ok(Self { client, url, model, key, max_tokens, parameter: max_tokens_parameter, dialect })
    }

    fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, learned: Dialect) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = learned;
    }

    /// Sends one variant of a request and reads the answer.
    async fn exchange(&self, sent: &Sent) -> Result<Completion, Failure> {
        // An answer that is compressed nevertheless is decompressed, within limits.
        let mut call = self.client.post(self.url.clone()).header("accept-encoding", "identity").json(&sent.body);
        if let Some(key) = &self.key {
            let secret = key.secret.expose_secret();
            let (name, text) = match &key.header {
                Some(name) => (name.clone(), secret.to_owned()),
                None => (reqwest::header::AUTHORIZATION, format!("Bearer {secret}")),
            };
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| Failure::of(Error::Misconfigured("the key cannot be sent in a header".to_owned())))?;
            value.set_sensitive(true);
            call = call.header(name, value);
        }
        let response = call.send().await.map_err(|error| Failure::of(self.broken(&error)))?;
        let status = response.status().as_u16();
        let retry_after = refusal::retry_after(response.headers(), SystemTime::now());
        let success = response.status().is_success();
        let text = body::read(response)
            .await
            .map_err(|error| Failure { status: Some(status), ..Failure::of(self.unread(error)) })?;
        let secret = self.key.as_ref().map(|key| key.secret.expose_secret());
        let refused = |status: Option<u16>, told: Told| Failure {
            error: told.error(status, retry_after, secret),
            reason: told.words(secret),
            status,
            told: Some(told),
        };
        if !success {
            return Err(refused(Some(status), Told::read(&text)));
        }
        let read = serde_json::from_str::<Value>(&text).map_err(|error| {
            let start = refusal::bounded(&text, secret);
            Failure {
                status: Some(status),
                ..Failure::of(Error::MalformedAnswer(format!("no completion: {error}: {start}")))
            }
        })?;
        answer::read(&read, &self.model).map_err(|none| match none {
            NoAnswer::Failed(told) => refused(told.status(), *told),
            NoAnswer::Refused(words) => Failure::of(Error::Refused(refusal::bounded(&words, secret))),
            NoAnswer::Malformed(why) => Failure::of(Error::MalformedAnswer(why)),
        })
    }

    /// An error of the connection, without the address, which may contain confidential parts.
    fn broken(&self, error: &reqwest::Error) -> Error {
        if error.is_timeout() {
            return Error::Timeout;
        }
        let host = self.url.host_str().unwrap_or_default();
        let mut words =
            vec![if error.is_connect() { "no connection".to_owned() } else { "the exchange broke off".to_owned() }];
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !text.contains(host) && !words.contains(&text) {
                words.push(text);
            }
            source = cause.source();
        }
        Error::Unavailable(refusal::bounded(&words.join(": "), None))
    }

    fn unread(&self, error: body::UnreadableAnswer) -> Error {
        match error {
            body::UnreadableAnswer::Broken(error) => self.broken(&error),
            body::UnreadableAnswer::Malformed(why) => Error::MalformedAnswer(why),
        }
    }
}

/// Why one variant gave no completion.
struct Failure {
    error: Error,
    status: Option<u16>,
    reason: String,
    told: Option<Told>,
}

impl Failure {
    fn of(error: Error) -> Self {
        let reason = match &error {
            Error::Misconfigured(why) | Error::Refused(why) | Error::Unavailable(why) | Error::MalformedAnswer(why) => {
                why.clone()
            }
            Error::Timeout => "no answer in time".to_owned(),
            _ => String::new(),
        };
        Self { error, status: None, reason, told: None }
    }
}

#[async_trait::async_trait]
impl Provider for OpenAi {
    async fn complete(&self, request: &Request) -> Result<Completion, Error> {
        let known = self.dialect();
        let mut dialect = known;
        let mut learned = known;
        for _wording in 0..MOST_WORDINGS {
            let sent = dialect.wording(request, &self.model, self.max_tokens);
            let failure = match self.exchange(&sent).await {
                Ok(completion) => {
                    if learned != known {
                        tracing::info!(model = request.model, wording = ?learned, "learned what the provider takes");
                        self.remember(learned);
                    }
                    return Ok(completion);
                }
                Err(failure) => failure,
            };
            let another = failure
                .told
                .as_ref()
                .zip(failure.status)
                .and_then(|(told, status)| dialect.after(told, status, &sent, self.parameter));
            let Some(another) = another else {
                let Failure { error, status, reason, .. } = failure;
                tracing::warn!(model = request.model, status, reason, "the language model gave no answer");
                return Err(error);
            };
            tracing::debug!(model = request.model, reason = failure.reason, "asking again in other words");
            dialect = another.dialect;
            if another.lasting {
                learned = learned.with(&another);
            }
        }
        Err(Error::Invalid("the provider refused the request however it was put".to_owned()))
    }
}
