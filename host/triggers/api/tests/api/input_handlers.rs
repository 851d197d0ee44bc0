use reqwest::{Method, Response};
use serde_json::json;
use signalbox_tests_decider::api::{Host, ana, read, token};

const INPUTS: &str = "/v1/businesses/handled/inputs";

async fn send(host: &Host, text: &str, key: Option<&str>) -> Response {
    let body = json!({"content": {"text": text}});
    let mut request = host.ana(Method::POST, INPUTS).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_handler_makes_inputs_of_a_request_and_each_is_decided() {
    let host = Host::start().await;
    let (status, first) = read(send(&host, "one two three", None).await).await;
    assert_eq!(status, 202);
    let others = first["others"].as_array().unwrap();
    assert_eq!(others.len(), 2);
    for input in others.iter().chain([&first]) {
        assert_eq!(host.decided(input["href"].as_str().unwrap()).await["state"], "decided");
    }
}

#[tokio::test]
async fn one_input_of_a_handler_can_be_waited_for() {
    let host = Host::start().await;
    let (status, decision) = host.ask(&ana(), "handled", &json!({"content": {"text": "only"}})).await;
    assert_eq!((status, decision["responses"][0]["content"]["text"].as_str()), (200, Some("re: only")));
}

#[tokio::test]
async fn a_handler_may_answer_without_an_input_and_is_not_asked_again_for_the_same_key() {
    let host = Host::start().await;
    for repeated in [false, true] {
        let response = send(&host, "reply:nothing to do", Some("k")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.headers().contains_key("idempotency-replayed"), repeated);
        assert_eq!(response.text().await.unwrap(), "nothing to do");
    }
    assert_eq!(host.decider.events().len(), 1);
    let (status, problem) = read(send(&host, "other", Some("k")).await).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reused")));
}

#[tokio::test]
async fn a_request_sent_again_makes_no_more_inputs() {
    let host = Host::start().await;
    let (_, first) = read(send(&host, "one two", Some("k")).await).await;
    host.decided(first["others"][0]["href"].as_str().unwrap()).await;
    host.decided(first["href"].as_str().unwrap()).await;
    let (status, again) = read(send(&host, "one two", Some("k")).await).await;
    assert_eq!((status, &again["inputId"]), (202, &first["inputId"]));
    assert_eq!(host.decider.started().len(), 2);
}

#[tokio::test]
async fn a_handlers_refusal_becomes_the_status_that_says_what_to_do() {
    let host = Host::start().await;
    for (text, status, code, again) in [
        ("no", 422, "handler_invalid", false),
        ("forbidden", 403, "handler_forbidden", false),
        ("later", 503, "handler_unavailable", true),
    ] {
        let response = send(&host, text, None).await;
        assert_eq!(response.headers().contains_key("retry-after"), again, "{text}");
        let (found, problem) = read(response).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)));
    }
}

#[tokio::test]
async fn a_business_whose_bundle_offers_no_api_says_so() {
    let host = Host::start().await;
    let (status, problem) = host.ask(&ana(), "silent", &json!({"content": {"text": "x"}})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("api_not_offered")));
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let host = Host::start().await;
    let (status, problem) = host.ask(&ana(), "broken", &json!({"content": {"text": "x"}})).await;
    assert_eq!((status, problem["code"].as_str()), (500, Some("internal")));
    let dan = token("dan", &[("trattoria", "coordinator")]);
    assert_eq!(host.ask(&dan, "trattoria", &json!({"content": {"text": "x"}})).await.0, 200);
}
