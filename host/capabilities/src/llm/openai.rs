use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use signalbox_bindings::signalbox::llm::llm::{Completion, Error, FinishReason, Request, Role};
use signalbox_model::JsonObject;

use super::Provider;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// No exchange takes longer, whatever the caller's own deadline.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(60);

/// A provider that speaks OpenAI's chat completions: OpenAI itself, or vLLM, Ollama, LiteLLM and others.
pub struct OpenAi {
    client: reqwest::Client,
    url: String,
    model: String,
    key: Option<SecretString>,
    max_tokens: u32,
}

impl OpenAi {
    /// `base` is the API's address with its version, for example `https://api.openai.com/v1`. `max_tokens` bounds every
    /// answer. The endpoint is the operator's choice, so the egress guard for plugins does not apply to it.
    pub fn new(base: &str, model: &str, key: Option<SecretString>, max_tokens: u32) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(LONGEST_EXCHANGE)
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let url = format!("{}/chat/completions", base.trim_end_matches('/'));
        reqwest::Url::parse(&url).map_err(|error| format!("`{base}` is no URL: {error}"))?;
        Ok(Self { client, url, model: model.to_owned(), key, max_tokens })
    }

    fn body(&self, request: &Request) -> Value {
        let messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| json!({ "role": role(message.role), "content": message.content }))
            .collect();
        let max_tokens = request.max_tokens.map_or(self.max_tokens, |wanted| wanted.min(self.max_tokens));
        let mut body = JsonObject::new();
        body.insert("model".to_owned(), json!(self.model));
        body.insert("messages".to_owned(), json!(messages));
        body.insert("max_tokens".to_owned(), json!(max_tokens));
        if let Some(temperature) = request.temperature {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        let schema = request.response_schema.as_deref().and_then(|schema| serde_json::from_str::<Value>(schema).ok());
        if let Some(schema) = schema {
            let schema = json!({ "name": "answer", "schema": schema, "strict": true });
            body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": schema }));
        }
        Value::Object(body)
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    model: String,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    code: Option<Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[async_trait::async_trait]
impl Provider for OpenAi {
    async fn complete(&self, request: &Request) -> Result<Completion, Error> {
        let mut call = self.client.post(&self.url).json(&self.body(request));
        if let Some(key) = &self.key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = call.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let body = read(response).await?;
        if status != 200 {
            return Err(refused(status, retry_after, &body));
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| Error::MalformedAnswer(format!("no completion: {error}")))?;
        let usage = answer.usage.unwrap_or_default();
        let choice = answer.choices.into_iter().next();
        let choice = choice.ok_or_else(|| Error::MalformedAnswer("the completion has no choice".to_owned()))?;
        Ok(Completion {
            text: choice.message.content.unwrap_or_default(),
            finish_reason: match choice.finish_reason.as_deref() {
                Some("stop") => FinishReason::Stop,
                Some("length") => FinishReason::Length,
                Some("content_filter") => FinishReason::ContentFilter,
                _ => FinishReason::Other,
            },
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
            model: answer.model,
        })
    }
}

/// What went wrong on the wire, without the URL, which may hold what the operator keeps to himself.
fn broken(error: reqwest::Error) -> Error {
    if error.is_timeout() { Error::Timeout } else { Error::Unavailable(error.without_url().to_string()) }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Error::MalformedAnswer(format!("the answer is larger than {LARGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn retry_after(response: &reqwest::Response) -> Option<u32> {
    let seconds: f64 = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then_some((seconds * 1_000.0) as u32)
}

/// 429 means two different things: too fast, or no credit left. Only the body tells.
fn refused(status: u16, retry_after: Option<u32>, body: &[u8]) -> Error {
    let refusal = serde_json::from_slice::<Refusal>(body).ok().map(|refusal| refusal.error);
    let says = |word: &str| {
        refusal.as_ref().is_some_and(|refusal| {
            refusal.kind.as_deref() == Some(word) || refusal.code.as_ref().and_then(Value::as_str) == Some(word)
        })
    };
    match status {
        429 if says("insufficient_quota") => Error::QuotaExhausted,
        402 => Error::QuotaExhausted,
        429 => Error::RateLimited(retry_after),
        400 | 404 | 413 | 422 => Error::Invalid(format!("the provider refused the request with status {status}")),
        _ => Error::Unavailable(format!("the provider answered with status {status}")),
    }
}
