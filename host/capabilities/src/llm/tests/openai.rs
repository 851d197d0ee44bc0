//! The various formats of providers' answers, over real connections.

use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_bindings::signalbox::llm::llm::FinishReason;
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

pub(super) fn settings(base_url: &str) -> OpenAiSettings {
    OpenAiSettings {
        base_url: base_url.to_owned(),
        model: "gpt-test".to_owned(),
        api_key: None,
        api_key_header: None,
        max_tokens: 100,
        max_tokens_parameter: TokenParameter::Auto,
    }
}

/// The result of a request to a provider with this answer.
async fn ask(answer: ResponseTemplate) -> Result<Completion, Error> {
    ask_with("sk-test-0123456789abcdef", answer).await
}

async fn ask_with(key: &str, answer: ResponseTemplate) -> Result<Completion, Error> {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(answer).mount(&server).await;
    let key = Some(SecretString::from(key.to_owned()));
    let provider = OpenAi::new(OpenAiSettings { api_key: key, ..settings(&format!("{}/v1", server.uri())) }).unwrap();
    provider.complete(&asks("x")).await
}

async fn body(status: u16, body: Value) -> Result<Completion, Error> {
    ask(ResponseTemplate::new(status).set_body_json(body)).await
}

async fn message(message: Value) -> Result<Completion, Error> {
    body(200, json!({ "choices": [{ "message": message, "finish_reason": "stop" }] })).await
}

#[tokio::test]
async fn a_completion_comes_with_its_tokens_and_the_key_goes_as_bearer() {
    let server = MockServer::start().await;
    let expected = json!({
        "model": "gpt-test",
        "max_completion_tokens": 50,
        "messages": [{"role": "system", "content": "Classify."}, {"role": "user", "content": "o masă"}],
    });
    let answer = json!({
        "model": "gpt-test-2026",
        "choices": [{"message": {"role": "assistant", "content": "booking"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5},
    });
    Mock::given(header("authorization", "Bearer s3cret"))
        .and(body_partial_json(expected))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let key = Some(SecretString::from("s3cret".to_owned()));
    let provider = OpenAi::new(OpenAiSettings { api_key: key, max_tokens: 50, ..settings(&server.uri()) }).unwrap();
    let completion = provider.complete(&Request { max_tokens: Some(500), ..asks("o masă") }).await.unwrap();
    assert_eq!(completion.text, "booking");
    assert_eq!((completion.input_tokens, completion.output_tokens), (12, 5));
    assert_eq!(completion.finish_reason, FinishReason::Stop);
    assert_eq!(completion.model, "gpt-test-2026");
}

#[tokio::test]
async fn a_key_goes_in_the_header_that_the_operator_names_and_a_query_of_the_address_stays() {
    let server = MockServer::start().await;
    Mock::given(path("/openai/deployments/gpt/chat/completions"))
        .and(query_param("api-version", "2024-10-21"))
        .and(header("api-key", "s3cret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"choices": [{"message": {"content": "hi"}}]})))
        .mount(&server)
        .await;
    let azure = OpenAiSettings {
        api_key: Some(SecretString::from("s3cret".to_owned())),
        api_key_header: Some("api-key".to_owned()),
        ..settings(&format!("{}/openai/deployments/gpt/?api-version=2024-10-21", server.uri()))
    };
    let completion = OpenAi::new(azure).unwrap().complete(&asks("x")).await.unwrap();
    assert_eq!((completion.text.as_str(), completion.model.as_str()), ("hi", "gpt-test"));
}

#[test]
fn settings_that_no_request_could_be_sent_with_are_refused_in_words() {
    let key = |key: &str| Some(SecretString::from(key.to_owned()));
    let base = "https://models.example/v1";
    for (wrong, what) in [
        (settings("models.example"), "`base-url`"),
        (OpenAiSettings { api_key: key("a\nb"), ..settings(base) }, "key"),
        (
            OpenAiSettings { api_key: key("a"), api_key_header: Some("api key".to_owned()), ..settings(base) },
            "`api key`",
        ),
        (OpenAiSettings { api_key_header: Some("api-key".to_owned()), ..settings(base) }, "`api-key`"),
    ] {
        let Err(why) = OpenAi::new(wrong) else { panic!("{what}") };
        assert!(why.contains(what), "{why}");
    }
}

#[tokio::test]
async fn content_is_read_as_text_or_as_parts() {
    for content in [
        json!("hello you"),
        json!([{"type": "text", "text": "hello "}, {"type": "text", "text": "you"}]),
        json!([{"type": "thinking", "thinking": "hm"}, {"type": "output_text", "text": "hello you"}]),
        json!([{"type": "text", "text": {"value": "hello you"}}, {"type": "image_url", "image_url": {}}]),
        json!(["hello ", "you"]),
        json!({"type": "text", "text": "hello you"}),
    ] {
        let completion = message(json!({ "role": "assistant", "content": content })).await.unwrap();
        assert_eq!(completion.text, "hello you", "{content}");
    }
    let odd =
        [json!({"content": null}), json!({}), json!({"content": "", "tool_calls": [], "reasoning_content": "hm"})];
    for empty in odd {
        assert_eq!(message(empty.clone()).await.unwrap().text, "", "{empty}");
    }
    let with_tools = json!({"content": "hello you", "tool_calls": [{"id": "c", "function": {"name": "f"}}]});
    assert_eq!(message(with_tools).await.unwrap().text, "hello you");
    let only_tools = json!({"content": null, "tool_calls": [{"id": "c", "function": {"name": "f"}}]});
    assert!(matches!(message(only_tools).await, Err(Error::MalformedAnswer(why)) if why.contains("tool")));
    let legacy = body(200, json!({"choices": [{"text": "hello you", "index": 0}], "error": null})).await;
    assert_eq!(legacy.unwrap().text, "hello you");
}

#[tokio::test]
async fn a_refusal_keeps_its_words() {
    for refusal in [
        json!({"content": null, "refusal": "I cannot help with that."}),
        json!({"content": [{"type": "refusal", "refusal": "I cannot help with that."}]}),
        json!({"content": "", "refusal": "I cannot help with that."}),
    ] {
        assert_eq!(message(refusal).await, Err(Error::Refused("I cannot help with that.".to_owned())));
    }
    assert_eq!(message(json!({"content": "yes", "refusal": null})).await.unwrap().text, "yes");
    let filtered = json!({"error": {"code": "content_filter", "message": "policy", "innererror": {"code": "ResponsibleAIPolicyViolation"}}});
    assert!(matches!(body(400, filtered).await, Err(Error::Refused(why)) if why.contains("policy")));
}

#[tokio::test]
async fn why_an_answer_ends_is_told() {
    for (said, reason) in [
        (json!("stop"), FinishReason::Stop),
        (json!("STOP"), FinishReason::Stop),
        (json!("length"), FinishReason::Length),
        (json!("MAX_TOKENS"), FinishReason::Length),
        (json!("content_filter"), FinishReason::ContentFilter),
        (json!("tool_calls"), FinishReason::Other),
        (Value::Null, FinishReason::Other),
    ] {
        let answer = body(200, json!({"choices": [{"message": {"content": "a"}, "finish_reason": said}]})).await;
        assert_eq!(answer.unwrap().finish_reason, reason, "{said}");
    }
}

#[tokio::test]
async fn odd_accounting_never_costs_a_good_answer() {
    for (usage, tokens) in [
        (json!(null), (0, 0)),
        (json!({}), (0, 0)),
        (json!([]), (0, 0)),
        (json!({"prompt_tokens": null, "completion_tokens": 7}), (0, 7)),
        (json!({"prompt_tokens": -3, "completion_tokens": 1e300}), (0, 0)),
        (json!({"prompt_tokens": 99_999_999_999_u64, "completion_tokens": "7"}), (0, 0)),
        (json!({"prompt_tokens": 12.0, "completion_tokens": 5, "total_tokens": null}), (12, 5)),
        (json!({"input_tokens": 12, "output_tokens": 5}), (12, 5)),
    ] {
        let answer =
            json!({"model": null, "usage": usage, "choices": [{"message": {"content": "a"}, "logprobs": null}]});
        let completion = body(200, answer).await.unwrap();
        assert_eq!((completion.input_tokens, completion.output_tokens), tokens, "{usage}");
        assert_eq!(completion.model, "gpt-test");
    }
}

#[tokio::test]
async fn an_error_inside_a_success_is_the_error_that_it_is() {
    let cases = [
        (
            json!({"error": {"message": "overloaded", "code": 503}}),
            Error::Unavailable("the provider failed with status 503: overloaded".into()),
        ),
        (json!({"error": {"message": "slow down", "code": 429}}), Error::RateLimited(None)),
        (json!({"error": {"message": "slow down", "type": "rate_limit_exceeded"}}), Error::RateLimited(None)),
        (json!({"error": "no such model"}), Error::Unavailable("the provider failed: no such model".into())),
        (
            json!({"choices": [{"error": {"message": "died", "code": 502}}]}),
            Error::Unavailable("the provider failed with status 502: died".into()),
        ),
        (
            json!({"object": "error", "message": "bad", "code": 400}),
            Error::Invalid("the provider refused the request with status 400: bad".into()),
        ),
        (
            json!([{"error": {"message": "bad", "status": "INVALID_ARGUMENT"}}]),
            Error::Invalid("the provider refused the request: bad".into()),
        ),
    ];
    for (answer, expected) in cases {
        assert_eq!(body(200, answer.clone()).await, Err(expected), "{answer}");
    }
}

#[tokio::test]
async fn what_an_operator_must_mend_is_no_outage_and_says_what_the_provider_said() {
    for (status, answer) in [
        (401, json!({"error": {"message": "No such key", "type": "invalid_request_error", "code": "invalid_api_key"}})),
        (401, json!({})),
        (403, json!({"message": "No such key"})),
        (404, json!({"error": {"message": "No such key", "code": "model_not_found"}})),
        (404, json!("No such key")),
        (307, json!({})),
        (400, json!([{"error": {"message": "No such key", "code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}])),
        (200, json!({"error": {"message": "No such key", "code": 401}})),
    ] {
        let error = body(status, answer.clone()).await.unwrap_err();
        let Error::Misconfigured(why) = &error else { panic!("{status} {answer}: {error:?}") };
        assert!(!answer.to_string().contains("No such key") || why.contains("No such key"), "{why}");
    }
}

#[tokio::test]
async fn the_providers_reason_is_told_whatever_its_shape() {
    let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx says no</body></html>";
    for (answer, words) in [
        (
            ResponseTemplate::new(400).set_body_json(json!({"error": {"message": "too many words"}})),
            "status 400: too many words",
        ),
        (
            ResponseTemplate::new(422).set_body_json(json!({"detail": [{"loc": ["body", "n"], "msg": "too small"}]})),
            "body.n: too small",
        ),
        (ResponseTemplate::new(400).set_body_json(json!({"detail": "too many words"})), "too many words"),
        (ResponseTemplate::new(500).set_body_json(json!({"errors": [{"message": "boom"}]})), "boom"),
        (
            ResponseTemplate::new(500)
                .set_body_json(json!({"error": {"message": "upstream", "metadata": {"raw": "boom"}}})),
            "upstream: boom",
        ),
        (ResponseTemplate::new(502).set_body_string(page), "nginx says no"),
        (ResponseTemplate::new(503), "status 503"),
    ] {
        let error = format!("{:?}", ask(answer).await.unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let html = ask(ResponseTemplate::new(200).set_body_string(page)).await.unwrap_err();
    assert!(matches!(html, Error::MalformedAnswer(_)), "{html:?}");
}

#[tokio::test]
async fn no_key_and_no_flood_gets_into_the_words_of_an_error() {
    let key = "sk-proj-AbCdEf0123456789";
    for said in [
        format!("Incorrect API key provided: {key}. See your account."),
        "Incorrect API key provided: sk-proj-********6789.".to_owned(),
        format!("header `Authorization: Bearer {key}` is wrong"),
        "Bearer abcdef123456 is wrong".to_owned(),
    ] {
        let error = format!(
            "{:?}",
            ask_with(key, ResponseTemplate::new(401).set_body_json(json!({"error": {"message": said}}))).await
        );
        assert!(error.contains("[key]"), "{error}");
        assert!(!error.contains("AbCdEf") && !error.contains("6789") && !error.contains("abcdef123"), "{error}");
    }
    let flood = format!("a\u{202e}b\u{1b}[31m\r\n{}", "x ".repeat(20_000));
    let error = body(400, json!({"error": {"message": flood}})).await.unwrap_err();
    let Error::Invalid(why) = error else { panic!("{error:?}") };
    assert!(why.chars().count() < 400 && !why.contains(['\u{202e}', '\u{1b}', '\n', '\r']), "{why}");
}

#[tokio::test]
async fn a_rate_limit_and_an_empty_purse_are_told_apart() {
    let rate = json!({"error": {"type": "requests", "code": "rate_limit_exceeded"}});
    assert_eq!(body(429, rate).await, Err(Error::RateLimited(None)));
    for (status, answer) in [
        (429, json!({"error": {"type": "insufficient_quota"}})),
        (429, json!({"error": {"type": "x", "code": "insufficient_quota"}})),
        (402, json!({})),
        (403, json!({"error": {"code": "billing_not_active"}})),
        (200, json!({"error": {"code": 402, "message": "no credit"}})),
    ] {
        assert_eq!(body(status, answer.clone()).await, Err(Error::QuotaExhausted), "{answer}");
    }
}

#[tokio::test]
async fn when_to_come_back_is_read_in_every_way_of_saying_it() {
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    for (headers, expected) in [
        (vec![("retry-after", "2")], Some(2_000)),
        (vec![("retry-after", " 1.5 ")], Some(1_500)),
        (vec![("retry-after", "20s")], Some(20_000)),
        (vec![("retry-after-ms", "150"), ("retry-after", "7")], Some(150)),
        (vec![("retry-after-ms", "soon"), ("retry-after", "7")], Some(7_000)),
        (vec![("date", date), ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")], Some(30_000)),
        (vec![("date", date), ("retry-after", "Wednesday, 21-Oct-26 07:28:30 GMT")], Some(30_000)),
        (vec![("date", date), ("retry-after", "Wed, 21 Oct 2026 07:00:00 GMT")], Some(0)),
        (vec![("retry-after", "999999999999")], Some(86_400_000)),
        (vec![("retry-after", "-5")], None),
        (vec![("retry-after", "NaN")], None),
        (vec![("retry-after", "tomorrow")], None),
        (vec![], None),
    ] {
        let answer = headers
            .iter()
            .fold(ResponseTemplate::new(429), |answer, (name, value)| answer.insert_header(*name, *value));
        assert_eq!(ask(answer).await, Err(Error::RateLimited(expected)), "{headers:?}");
    }
}

#[tokio::test]
async fn an_answer_is_read_whatever_its_bytes_come_in() {
    let text = json!({"choices": [{"message": {"content": "mâine"}}]}).to_string();
    let latin: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect();
    let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    for (body, content_type, encoding) in [
        (text.clone().into_bytes(), "application/json", "identity"),
        (text.clone().into_bytes(), "text/plain", "identity"),
        (marked, "application/json; charset=utf-8", "identity"),
        (latin, "application/json; charset=iso-8859-1", "identity"),
        (packed, "application/json", "gzip"),
    ] {
        let answer =
            ResponseTemplate::new(201).set_body_raw(body, content_type).insert_header("content-encoding", encoding);
        assert_eq!(ask(answer).await.unwrap().text, "mâine", "{content_type} {encoding}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    for status in [200, 500] {
        let endless = ResponseTemplate::new(status).set_body_bytes(vec![b' '; 2 << 20]);
        assert!(matches!(ask(endless).await, Err(Error::MalformedAnswer(why)) if why.contains("larger than")));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_malformed() {
    for answer in [json!({"choices": []}), json!({"choices": null}), json!({}), json!("what?"), json!(7), json!([])] {
        assert!(matches!(body(200, answer.clone()).await, Err(Error::MalformedAnswer(_))), "{answer}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unavailable_and_its_address_is_not_told() {
    let provider = OpenAi::new(settings("http://127.0.0.1:9/v1")).unwrap();
    let error = provider.complete(&asks("x")).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(why) if !why.contains("127.0.0.1")), "{error:?}");
}
