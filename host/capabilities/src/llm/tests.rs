use std::fs;

use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_bindings::signalbox::llm::llm::{FinishReason, Message, Role};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

fn asks(text: &str) -> Request {
    Request {
        model: "default".to_owned(),
        messages: vec![
            Message { role: Role::System, content: "Classify.".to_owned() },
            Message { role: Role::User, content: text.to_owned() },
        ],
        max_tokens: None,
        temperature: None,
        response_schema: None,
        timeout: None,
    }
}

async fn answering(status: u16, body: Value) -> (MockServer, OpenAi) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_json(body).insert_header("retry-after", "2");
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(answer).mount(&server).await;
    let provider = OpenAi::new(&format!("{}/v1/", server.uri()), "gpt-test", None, 100).unwrap();
    (server, provider)
}

#[tokio::test]
async fn a_completion_comes_with_its_tokens_and_the_key_goes_as_bearer() {
    let server = MockServer::start().await;
    let schema = json!({"type": "object"});
    let expected = json!({
        "model": "gpt-test",
        "max_tokens": 50,
        "messages": [{"role": "system", "content": "Classify."}, {"role": "user", "content": "o masă"}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
    });
    let answer = json!({
        "model": "gpt-test-2026",
        "choices": [{"message": {"role": "assistant", "content": "{\"intent\":\"booking\"}"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5},
    });
    Mock::given(header("authorization", "Bearer s3cret"))
        .and(body_partial_json(expected))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let key = SecretString::from("s3cret".to_owned());
    let provider = OpenAi::new(&format!("{}/v1", server.uri()), "gpt-test", Some(key), 50).unwrap();
    let request = Request { max_tokens: Some(500), response_schema: Some(schema.to_string()), ..asks("o masă") };
    let completion = provider.complete(&request).await.unwrap();
    assert_eq!(completion.text, "{\"intent\":\"booking\"}");
    assert_eq!((completion.input_tokens, completion.output_tokens), (12, 5));
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.model, "gpt-test-2026");
}

#[tokio::test]
async fn a_rate_limit_and_an_empty_purse_are_told_apart() {
    let (_server, provider) =
        answering(429, json!({"error": {"type": "requests", "code": "rate_limit_exceeded"}})).await;
    assert_eq!(provider.complete(&asks("x")).await.unwrap_err(), Error::RateLimited(Some(2_000)));
    let (_server, provider) = answering(429, json!({"error": {"type": "insufficient_quota"}})).await;
    assert_eq!(provider.complete(&asks("x")).await.unwrap_err(), Error::QuotaExhausted);
}

#[tokio::test]
async fn every_other_answer_is_its_own_error() {
    let (_server, provider) = answering(400, json!({"error": {"message": "bad"}})).await;
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::Invalid(_))));
    let (_server, provider) = answering(503, json!({})).await;
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::Unavailable(_))));
    let (_server, provider) = answering(401, json!({})).await;
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::Unavailable(_))));
    let (_server, provider) = answering(200, json!({"choices": []})).await;
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::MalformedAnswer(_))));
    let (_server, provider) = answering(200, json!("what?")).await;
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::MalformedAnswer(_))));
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unavailable_and_its_address_is_not_told() {
    let provider = OpenAi::new("http://127.0.0.1:9/v1", "m", None, 10).unwrap();
    let error = provider.complete(&asks("x")).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(why) if !why.contains("127.0.0.1")), "{error:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = MockServer::start().await;
    let endless = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 2 << 20]);
    Mock::given(method("POST")).respond_with(endless).mount(&server).await;
    let provider = OpenAi::new(&server.uri(), "m", None, 10).unwrap();
    assert!(matches!(provider.complete(&asks("x")).await, Err(Error::MalformedAnswer(_))));
}

fn scripted(yaml: &str) -> Result<Scripted, ScriptError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("llm.yaml");
    fs::write(&file, yaml).unwrap();
    Scripted::open(&file, "default")
}

#[tokio::test]
async fn the_first_rule_that_fits_the_last_user_message_answers() {
    let script = scripted(
        "models:\n  default:\n    - when: { contains: [\"masă\", table] }\n      reply-json: { intent: booking }\n    \
         - when: { matches: \"^open\" }\n      reply: hours\n    - otherwise: true\n      error: rate-limited\n",
    )
    .unwrap();
    assert_eq!(script.complete(&asks("O MASĂ, vă rog")).await.unwrap().text, "{\"intent\":\"booking\"}");
    assert_eq!(script.complete(&asks("Open today?")).await.unwrap().text, "hours");
    assert!(matches!(script.complete(&asks("hm")).await, Err(Error::RateLimited(_))));
}

#[test]
fn a_wrong_script_names_the_rule_and_a_missing_model_the_models_there_are() {
    let error = scripted("models:\n  default:\n    - when: { contains: [a] }\n").unwrap_err().to_string();
    assert!(error.contains("rule 1 of default") && error.contains("reply"), "{error}");
    let error = scripted("models:\n  other:\n    - otherwise: true\n      reply: x\n").unwrap_err().to_string();
    assert!(error.contains("no model default") && error.contains("other"), "{error}");
    let error = scripted("models:\n  default:\n    - otherwise: true\n      answer: x\n").unwrap_err().to_string();
    assert!(error.contains("answer"), "{error}");
}

#[test]
fn requests_that_no_provider_takes_are_refused_before_one_is_asked() {
    assert!(check(&Request { messages: Vec::new(), ..asks("x") }).is_err());
    assert!(check(&asks(&"x".repeat(300 << 10))).is_err());
    assert!(check(&Request { temperature: Some(f64::NAN), ..asks("x") }).is_err());
    assert!(check(&Request { response_schema: Some("[".to_owned()), ..asks("x") }).is_err());
    assert!(check(&asks("x")).is_ok());
}
