//! How a request is written, and how it is rewritten after a provider has said which part of it it does not accept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use signalbox_bindings::signalbox::llm::llm::{Request, Role};
use signalbox_model::JsonObject;

use super::refusal::Told;
use super::strict::strict;

/// The name of the request parameter that carries `max-tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenParameter {
    /// `max_completion_tokens`, which newer models expect, or `max_tokens` after the endpoint has refused the newer
    /// name.
    #[default]
    Auto,
    /// Always `max_completion_tokens`.
    MaxCompletionTokens,
    /// Always `max_tokens`, for a server that ignores the newer name without an error and so would not limit its
    /// answers.
    MaxTokens,
}

/// The features of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    limit: Limit,
    temperature: bool,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    MaxCompletionTokens,
    MaxTokens,
}

/// The ways to request a JSON document, from the strictest to the loosest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Strict,
    Schema,
    JsonObject,
    Words,
}

/// A request as it was sent.
pub(super) struct Sent {
    pub(super) body: Value,
    limit: Limit,
    temperature: bool,
    /// None when no document was requested.
    form: Option<Form>,
}

/// Another variant of a request.
pub(super) struct Another {
    pub(super) dialect: Dialect,
    change: Change,
    /// Whether the change applies to all later requests too, and not only to this request's schema.
    pub(super) lasting: bool,
}

#[derive(Clone, Copy)]
enum Change {
    Limit(Limit),
    NoTemperature,
    Form(Form),
}

impl Dialect {
    pub(super) fn new(parameter: TokenParameter) -> Self {
        let limit = match parameter {
            TokenParameter::Auto | TokenParameter::MaxCompletionTokens => Limit::MaxCompletionTokens,
            TokenParameter::MaxTokens => Limit::MaxTokens,
        };
        Self { limit, temperature: true, form: Form::Strict }
    }

    /// The dialect with a change that another request has taught.
    pub(super) fn with(self, another: &Another) -> Self {
        self.changed(another.change)
    }

    fn changed(mut self, change: Change) -> Self {
        match change {
            Change::Limit(limit) => self.limit = limit,
            Change::NoTemperature => self.temperature = false,
            Change::Form(form) => self.form = form,
        }
        self
    }

    /// A request in this dialect.
    pub(super) fn wording(self, request: &Request, model: &str, most_tokens: u32) -> Sent {
        let mut messages: Vec<Value> = request
            .messages
            .iter()
            .map(|message| json!({ "role": role(message.role), "content": message.content }))
            .collect();
        let mut body = JsonObject::new();
        let schema = request.response_schema.as_deref().and_then(|schema| serde_json::from_str::<Value>(schema).ok());
        let form = schema.map(|schema| {
            let (form, format) = self.form.of(&schema);
            body.extend(format.map(|format| ("response_format".to_owned(), format)));
            if matches!(form, Form::JsonObject | Form::Words) {
                messages.insert(0, json!({ "role": "system", "content": in_words(&schema) }));
            }
            form
        });
        let limit = request.max_tokens.map_or(most_tokens, |wanted| wanted.min(most_tokens));
        body.insert("model".to_owned(), json!(model));
        body.insert("messages".to_owned(), json!(messages));
        body.insert(self.limit.name().to_owned(), json!(limit));
        let temperature = request.temperature.filter(|_| self.temperature);
        body.extend(temperature.map(|temperature| ("temperature".to_owned(), json!(temperature))));
        Sent { body: Value::Object(body), limit: self.limit, temperature: temperature.is_some(), form }
    }

    /// The variant to try after a refusal; none when the refusal names nothing that can be changed. `parameter` is the
    /// operator's setting, which a provider's refusal does not override.
    pub(super) fn after(self, told: &Told, status: u16, sent: &Sent, parameter: TokenParameter) -> Option<Another> {
        if !matches!(status, 400 | 422) {
            return None;
        }
        let limit =
            Some(sent.limit).filter(|_| parameter == TokenParameter::Auto && sent.limit == Self::new(parameter).limit);
        let parts: [(&[&str], Option<Change>); 3] = [
            (&[sent.limit.name()], limit.map(|_| Change::Limit(Limit::MaxTokens))),
            (&["temperature"], sent.temperature.then_some(Change::NoTemperature)),
            (&FORMATS, sent.form.and_then(Form::looser).map(Change::Form)),
        ];
        // A refusal is about the part that it names first. The rest of the sentence may name what to use instead.
        let named = |names: &[&str]| names.iter().filter_map(|name| told.names(name)).min();
        let (names, change) =
            parts.into_iter().filter(|(names, _)| named(names).is_some()).min_by_key(|(names, _)| named(names))?;
        let about_form = names == FORMATS;
        if !about_form && !told.says_unsupported() {
            return None;
        }
        let change = change?;
        Some(Another { dialect: self.changed(change), change, lasting: !(about_form && told.is_about_one_schema()) })
    }
}

/// The names of the answer's format in refusals.
const FORMATS: [&str; 5] = ["response_format", "json_schema", "schema", "strict", "structured output"];

impl Limit {
    fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

impl Form {
    /// This form, or the next one that can express the schema, and the format that it sends.
    fn of(self, schema: &Value) -> (Self, Option<Value>) {
        let format = |schema: Value| json!({ "type": "json_schema", "json_schema": schema });
        match self {
            Self::Strict => match strict(schema) {
                Some(schema) => (self, Some(format(json!({ "name": "answer", "schema": schema, "strict": true })))),
                None => Self::Schema.of(schema),
            },
            // Without `"strict": false`, which is the default and which some servers do not know.
            Self::Schema => (self, Some(format(json!({ "name": "answer", "schema": schema })))),
            Self::JsonObject => (self, Some(json!({ "type": "json_object" }))),
            Self::Words => (self, None),
        }
    }

    fn looser(self) -> Option<Self> {
        match self {
            Self::Strict => Some(Self::Schema),
            Self::Schema => Some(Self::JsonObject),
            Self::JsonObject => Some(Self::Words),
            Self::Words => None,
        }
    }
}

fn in_words(schema: &Value) -> String {
    format!("Answer with one JSON document that meets this JSON Schema, and with nothing else: {schema}")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}
