//! Providers that refuse a part of a request, and the next variant of the request.

use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request as Received, Respond, ResponseTemplate};

use super::openai::settings;
use super::*;

/// The status and body with which a provider refuses a request; none accepts it.
type Refuses = fn(&Value) -> Option<(u16, Value)>;

/// Refuses what a test defines, as a provider would, and answers everything else.
struct Refusing(Refuses);

impl Respond for Refusing {
    fn respond(&self, request: &Received) -> ResponseTemplate {
        let (status, body) = (self.0)(&request.body_json().unwrap())
            .unwrap_or_else(|| (200, json!({"choices": [{"message": {"content": "{\"intent\":\"booking\"}"}}]})));
        ResponseTemplate::new(status).set_body_json(body)
    }
}

struct World {
    server: MockServer,
    provider: OpenAi,
}

impl World {
    async fn new(parameter: TokenParameter, refuses: Refuses) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(Refusing(refuses)).mount(&server).await;
        let provider =
            OpenAi::new(OpenAiSettings { max_tokens_parameter: parameter, ..settings(&server.uri()) }).unwrap();
        Self { server, provider }
    }

    async fn ask(&self, schema: Option<&Value>) -> Result<Completion, Error> {
        let request =
            Request { temperature: Some(0.0), response_schema: schema.map(Value::to_string), ..asks("o masă") };
        self.provider.complete(&request).await
    }

    /// All requests so far.
    async fn sent(&self) -> Vec<Value> {
        self.server.received_requests().await.unwrap().iter().map(|request| request.body_json().unwrap()).collect()
    }
}

fn strict_schema() -> Value {
    json!({
        "type": "object",
        "properties": { "intent": { "enum": ["booking"] } },
        "required": ["intent"],
    })
}

fn refused(message: &str) -> Option<(u16, Value)> {
    Some((400, json!({"error": {"message": message, "type": "invalid_request_error"}})))
}

#[tokio::test]
async fn the_bound_of_an_answer_is_called_what_the_provider_calls_it_and_that_is_remembered() {
    let cases: [Refuses; 3] = [
        |body| {
            body.get("max_completion_tokens")
                .and_then(|_| refused("Unrecognized request argument supplied: max_completion_tokens"))
        },
        |body| {
            body.get("max_completion_tokens").map(|_| {
                (422, json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}]}))
            })
        },
        |body| {
            body.get("max_completion_tokens").map(|_| {
                (400, json!({"error": {"message": "no", "param": "max_completion_tokens", "code": "unsupported_parameter"}}))
            })
        },
    ];
    for refuses in cases {
        let world = World::new(TokenParameter::Auto, refuses).await;
        for _question in 0..2 {
            world.ask(None).await.unwrap();
        }
        let sent = world.sent().await;
        assert_eq!(sent.len(), 3, "the second question is not refused any more");
        assert_eq!((sent[0].get("max_tokens"), &sent[0]["max_completion_tokens"]), (None, &json!(100)));
        assert_eq!((&sent[2]["max_tokens"], sent[2].get("max_completion_tokens")), (&json!(100), None));
    }
}

#[tokio::test]
async fn what_the_operator_says_of_the_bound_stands() {
    let refuses = |body: &Value| {
        body.get("max_tokens").and_then(|_| refused("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."))
    };
    let world = World::new(TokenParameter::MaxTokens, refuses).await;
    let error = world.ask(None).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.contains("Use 'max_completion_tokens' instead")), "{error:?}");
    assert_eq!(world.sent().await.len(), 1);
    let world = World::new(TokenParameter::MaxCompletionTokens, refuses).await;
    world.ask(None).await.unwrap();
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn a_bound_that_is_too_high_is_not_taken_for_one_that_is_not_known() {
    let world = World::new(TokenParameter::Auto, |_| {
        refused("max_completion_tokens is too large: 100. This model takes at most 50")
    })
    .await;
    assert!(matches!(world.ask(None).await, Err(Error::Invalid(why)) if why.contains("too large")));
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test]
async fn a_model_that_takes_no_temperature_is_asked_without() {
    let world = World::new(TokenParameter::Auto, |body| {
        body.get("temperature").and_then(|_| refused("Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported."))
    })
    .await;
    for _question in 0..2 {
        world.ask(None).await.unwrap();
    }
    let sent = world.sent().await;
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2].get("temperature"), None);
}

#[tokio::test]
async fn a_schema_is_sent_strict_only_in_the_form_that_providers_keep_to() {
    let world = World::new(TokenParameter::Auto, |_| None).await;
    world.ask(Some(&strict_schema())).await.unwrap();
    let optional = json!({ "type": "object", "properties": { "intent": { "type": "string" }, "day": { "type": "string" } }, "required": ["intent"] });
    world.ask(Some(&optional)).await.unwrap();
    let sent: Vec<Value> =
        world.sent().await.iter().map(|body| body["response_format"]["json_schema"].clone()).collect();
    let strict = json!({
        "type": "object",
        "properties": { "intent": { "type": "string", "enum": ["booking"] } },
        "required": ["intent"],
        "additionalProperties": false,
    });
    assert_eq!(sent[0], json!({ "name": "answer", "schema": strict, "strict": true }));
    assert_eq!(sent[1], json!({ "name": "answer", "schema": optional }), "as it was written, and checked by the host");
}

#[tokio::test]
async fn a_provider_without_schemas_is_asked_in_words_and_not_refused_again() {
    let world = World::new(TokenParameter::Auto, |body| {
        let format = body.get("response_format")?;
        if format["type"] == "json_schema" { refused("This response_format type is unavailable now") } else { None }
    })
    .await;
    for _question in 0..2 {
        world.ask(Some(&strict_schema())).await.unwrap();
    }
    let sent = world.sent().await;
    assert_eq!(sent.len(), 4);
    assert_eq!(sent[3]["response_format"], json!({ "type": "json_object" }));
    let told = sent[3]["messages"][0]["content"].as_str().unwrap();
    assert!(
        told.contains("JSON Schema") && told.contains("additionalProperties") || told.contains("\"booking\""),
        "{told}"
    );
    assert_eq!(sent[3]["messages"][1]["content"], "Classify.");
}

#[tokio::test]
async fn one_schema_that_is_refused_does_not_loosen_the_next() {
    let world = World::new(TokenParameter::Auto, |body| {
        let schema = body.get("response_format")?.get("json_schema")?;
        let odd = schema.to_string().contains("odd");
        if odd && schema["strict"] == true { refused("Invalid schema for response_format 'answer'") } else { None }
    })
    .await;
    let mut odd = strict_schema();
    odd["description"] = json!("odd");
    world.ask(Some(&odd)).await.unwrap();
    world.ask(Some(&strict_schema())).await.unwrap();
    let strict: Vec<bool> =
        world.sent().await.iter().map(|body| body["response_format"]["json_schema"]["strict"] == true).collect();
    assert_eq!(strict, [true, false, true]);
}

#[tokio::test]
async fn a_provider_that_refuses_everything_is_asked_a_few_times_and_its_last_reason_told() {
    let world = World::new(TokenParameter::Auto, |body| {
        for part in ["max_completion_tokens", "temperature", "response_format"] {
            if body.get(part).is_some() {
                return refused(&format!("unsupported: {part}"));
            }
        }
        refused("max_tokens is not supported either")
    })
    .await;
    let error = world.ask(Some(&strict_schema())).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.contains("not supported either")), "{error:?}");
    assert!(world.sent().await.len() <= 6);
    world.ask(None).await.unwrap_err();
    assert!(world.sent().await.last().unwrap().get("max_tokens").is_some(), "adapted again from the start");
}

#[tokio::test]
async fn several_refusals_in_a_row_are_all_learned_from() {
    let world = World::new(TokenParameter::Auto, |body| {
        ["max_completion_tokens", "temperature"]
            .into_iter()
            .find(|part| body.get(*part).is_some())
            .and_then(|part| refused(&format!("{part} is not supported")))
    })
    .await;
    for _question in 0..2 {
        world.ask(Some(&strict_schema())).await.unwrap();
    }
    assert_eq!(world.sent().await.len(), 4, "two refusals, and an answer for each question");
}
