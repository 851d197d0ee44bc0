use std::num::NonZeroU32;

use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::Method;
use serde_json::{Value, json};
use signalbox_model::{HumanDuration, Timestamp};
use signalbox_tests_decider::api::{Host, TEST_TIMEOUT, ana, read, token, token_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const INPUTS: &str = "/v1/businesses/trattoria/inputs";

async fn raw(host: &Host, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, Value) {
    let mut request = host.ana(Method::POST, INPUTS).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(request.send().await.unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_body_that_is_not_as_documented_is_refused_with_its_path() {
    let host = Host::start().await;
    let deep = format!(r#"{{"content":{{"data":{}1{}}}}}"#, r#"{"a":"#.repeat(40), "}".repeat(40));
    let long = json!({"content": {"text": "x".repeat(17 * 1024)}}).to_string();
    let cases = [
        ("", 400, "not_json", "EOF"),
        ("{", 400, "not_json", "EOF"),
        (r#"{"content":{"data":{"n":NaN}}}"#, 400, "not_json", "content.data.n"),
        (r#"{"content":{"data":{"n":-Infinity}}}"#, 400, "not_json", "content.data.n"),
        (r#"{"content":{"data":{"n":1e999}}}"#, 400, "not_json", "out of range"),
        (r#"{"content":{"data":{"n":1,"n":2}}}"#, 400, "not_json", "`n` stands there twice"),
        (r#"{"content":{"text":"a"},"content":{"text":"b"}}"#, 400, "not_json", "`content` stands there twice"),
        (r#"{"content":{"text":"a"}}{}"#, 400, "not_json", "trailing"),
        ("[]", 422, "invalid_field", "the body has to be an object"),
        (r#"{"content":["a"]}"#, 422, "invalid_field", "`content` has to be an object"),
        ("{}", 422, "invalid_field", "missing field `content`"),
        (r#"{"content":{"text":7}}"#, 422, "invalid_field", "content.text"),
        (r#"{"content":{"text":"a"},"businessId":"b"}"#, 422, "invalid_field", "businessId"),
        (r#"{"content":{"text":"a","html":"b"}}"#, 422, "invalid_field", "content.html"),
        (r#"{"content":{"text":"a"},"type":"review"}"#, 422, "invalid_field", "type"),
        (r#"{"content":{}}"#, 422, "content_empty", "`text` or `data`"),
        (r#"{"content":{"text":" "}}"#, 422, "content_empty", "`text` or `data`"),
        (&deep, 422, "content_too_deep", "content.data"),
        (&long, 422, "text_too_long", "content.text"),
        (r#"{"content":{"text":"a"},"locationId":"nowhere"}"#, 404, "not_found", "location"),
    ];
    for (body, status, code, detail) in cases {
        let (found, problem) = raw(&host, &[JSON], body.to_owned()).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{body} gave {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{body} gave {problem}");
    }
    assert!(host.store.pending_inputs(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_is_not_plain_json_or_too_large_is_refused() {
    let host = Host::start().await;
    let good = json!({"content": {"text": "a"}}).to_string();
    let huge = json!({"content": {"data": {"x": "x".repeat(256 * 1024)}}}).to_string();
    /// Headers, body, status and code.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let cases: [Case<'_>; 7] = [
        (&[], &good, 415, "content_type"),
        (&[("content-type", "text/plain")], &good, 415, "content_type"),
        (&[JSON, ("content-type", "text/plain")], &good, 400, "header_repeated"),
        (&[JSON, ("content-encoding", "gzip")], &good, 415, "content_encoding"),
        (&[JSON, ("content-encoding", "identity"), ("content-encoding", "gzip")], &good, 415, "content_encoding"),
        (&[JSON], &huge, 413, "body_too_large"),
        (&[JSON, ("idempotency-key", "a b")], &good, 400, "invalid_idempotency_key"),
    ];
    for (headers, body, status, code) in cases {
        let (found, problem) = raw(&host, headers, body.to_owned()).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_timed_out() {
    let host = Host::with(|settings| settings.api.body_timeout = HumanDuration::millis(50)).await;
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    let head = format!(
        "POST {INPUTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\n{{\r\n",
        ana()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(TEST_TIMEOUT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn every_bad_token_is_refused_with_its_reason() {
    let host = Host::start().await;
    let now = Timestamp::now().as_second();
    let expired = token_with(json!({"sub": "ana", "exp": now - 60, "businesses": {}}));
    let other = token_with(json!({"sub": "ana", "exp": now + 60, "iss": "somebody"}));
    let (signed, _) = ana().rsplit_once('.').map(|(signed, tag)| (signed.to_owned(), tag.to_owned())).unwrap();
    let forged = format!("{signed}.{}", "A".repeat(43));
    let cases = [
        ("", "token_missing"),
        ("Basic YTpi", "token_missing"),
        ("Bearer ", "token_missing"),
        ("Bearer abc", "token_malformed"),
        (&*format!("Bearer {expired}"), "token_expired"),
        (&format!("Bearer {other}"), "token_issuer"),
        (&format!("Bearer {forged}"), "token_signature"),
    ];
    for (header, code) in cases {
        let mut request = host.request(Method::POST, INPUTS).json(&json!({"content": {"text": "a"}}));
        if !header.is_empty() {
            request = request.header("authorization", header);
        }
        let response = request.send().await.unwrap();
        assert!(response.headers().contains_key("www-authenticate"), "{code}");
        let (status, problem) = read(response).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some(code)));
    }
    let in_url = format!("{INPUTS}?access_token={}", ana());
    let (status, problem) = read(host.ana(Method::GET, &in_url).send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (405, Some("method_not_allowed")));
    let (status, problem) = read(host.ana(Method::POST, &in_url).send().await.unwrap()).await;
    assert_eq!((status, problem["code"].as_str()), (401, Some("token_in_url")));
}

#[tokio::test]
async fn parameters_that_cannot_be_read_are_refused() {
    let host = Host::start().await;
    let manager = token("mia", &[("trattoria", "manager")]);
    let clinic = token("mia", &[("clinic", "manager"), ("trattoria", "manager")]);
    for query in ["limit=0", "limit=101", "limit=x", "order=random", "cursor=%00", "cursor=AAAA", "colour=red"] {
        let (status, problem) = host.get(&manager, &format!("/v1/businesses/trattoria/decisions?{query}")).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_query")), "{query}");
    }
    host.ask(&ana(), "trattoria", &json!({"content": {"text": "a"}})).await;
    host.ask(&ana(), "trattoria", &json!({"content": {"text": "b"}})).await;
    let (_, page) = host.get(&manager, "/v1/businesses/trattoria/decisions?limit=1").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    let (status, _) = host.get(&clinic, &format!("/v1/businesses/clinic/decisions?cursor={cursor}")).await;
    assert_eq!(status, 400, "a cursor of another list");
    let request = host.ana(Method::POST, &format!("{INPUTS}?wait=soon")).json(&json!({"content": {"text": "a"}}));
    assert_eq!(read(request.send().await.unwrap()).await.0, 400);
}

#[tokio::test]
async fn an_address_or_method_that_is_not_there_is_a_problem_like_any_other() {
    let host = Host::start().await;
    for path in ["/v1/", "/v1/businesses", "/v1/businesses/trattoria/inputs/a/b", "/v1/other"] {
        let (status, problem) = host.get(&ana(), path).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    let response = host.ana(Method::DELETE, INPUTS).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(read(response).await.0, 405);
}

#[tokio::test]
async fn a_caller_over_its_rate_gets_retry_after_and_others_are_served() {
    let one = NonZeroU32::new(1).unwrap();
    let host = Host::with(|settings| {
        settings.api.requests_per_second = one;
        settings.api.burst = one;
    })
    .await;
    assert_eq!(host.create_input("a").await.0, 202);
    let refused = async {
        loop {
            let request = host.ana(Method::POST, INPUTS).json(&json!({"content": {"text": "b"}}));
            let response = request.send().await.unwrap();
            if response.status() == 429 {
                return response;
            }
        }
    };
    let response = tokio::time::timeout(TEST_TIMEOUT, refused).await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(read(response).await.1["code"], "too_many_requests");
    let dan = token("dan", &[("trattoria", "coordinator")]);
    assert_eq!(host.ask(&dan, "trattoria", &json!({"content": {"text": "c"}})).await.0, 200);
}

#[tokio::test]
async fn a_business_over_its_rate_does_not_affect_the_requests_of_others() {
    let host = Host::with(|settings| {
        settings.intake.rate_per_business = NonZeroU32::MIN;
        settings.intake.burst_per_business = NonZeroU32::MIN;
    })
    .await;
    let both = token("dan", &[("trattoria", "coordinator"), ("clinic", "coordinator")]);
    assert_eq!(limited(&host, &both).await["code"], "business_rate_limited");
    assert_eq!(host.ask(&both, "clinic", &json!({"content": {"text": "a"}})).await.0, 200);
}

#[tokio::test]
async fn a_caller_over_its_input_rate_gets_retry_after_and_may_still_read() {
    let host = Host::with(|settings| {
        settings.intake.rate_per_user = NonZeroU32::MIN;
        settings.intake.burst_per_user = NonZeroU32::MIN;
    })
    .await;
    assert_eq!(limited(&host, &ana()).await["code"], "user_rate_limited");
    assert_eq!(host.get(&ana(), "/v1/businesses/trattoria/inputs/in_none").await.0, 404);
    let dan = token("dan", &[("trattoria", "coordinator")]);
    assert_eq!(host.ask(&dan, "trattoria", &json!({"content": {"text": "a"}})).await.0, 200);
}

/// Sends inputs to trattoria until one is refused, and returns the refusal.
async fn limited(host: &Host, token: &str) -> Value {
    let refused = async {
        loop {
            let request =
                host.request(Method::POST, INPUTS).bearer_auth(token).json(&json!({"content": {"text": "a"}}));
            let response = request.send().await.unwrap();
            if response.status() == 429 {
                assert_eq!(response.headers()["retry-after"], "1");
                return read(response).await.1;
            }
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, refused).await.unwrap()
}

#[tokio::test]
async fn pages_of_allowed_origins_only_may_call() {
    let console = "https://console.example.com";
    let host = Host::with(|settings| settings.api.allowed_origins = vec![console.parse().unwrap()]).await;
    let ask = async |origin: &str| {
        let request = host.request(Method::OPTIONS, INPUTS).header("origin", origin);
        let request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key");
        request.send().await.unwrap()
    };
    let response = ask(console).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], console);
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    assert!(allowed.contains("idempotency-key"), "{allowed}");
    assert!(ask("https://evil.example.com").await.headers().get("access-control-allow-origin").is_none());
    let request = host.ana(Method::POST, INPUTS).header("origin", console).json(&json!({"content": {"text": "a"}}));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], console);
    let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
    for name in ["location", "x-correlation-id", "retry-after", "idempotency-replayed"] {
        assert!(exposed.split(',').any(|found| found == name), "{name} is not in {exposed}");
    }
}

#[tokio::test]
async fn every_error_response_is_a_problem_with_a_correlation_id_and_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let host = Host::start().await;
    let cases = [
        (Method::GET, "/", 404, "not_found", "none"),
        (Method::GET, "/v1", 404, "not_found", "none"),
        (Method::GET, "/v1/nothing", 404, "not_found", "/v1/{*rest}"),
        (Method::POST, "/v1%2Fbusinesses%2Ftrattoria%2Finputs", 404, "not_found", "none"),
        (Method::PUT, INPUTS, 405, "method_not_allowed", "/v1/businesses/{businessId}/inputs"),
    ];
    for (method, path, status, code, label) in cases {
        let (found, problem) = read(host.request(method.clone(), path).send().await.unwrap()).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{path} gave {problem}");
        let series =
            format!("signalbox_api_requests_total{{method=\"{method}\",path=\"{label}\",status=\"{status}\"}}");
        assert!(metrics.render().contains(&series), "{series} is not in {}", metrics.render());
    }
    for index in 0..3 {
        let method = Method::from_bytes(format!("MADE-UP-{index}").as_bytes()).unwrap();
        host.request(method, "/v1/nothing").send().await.unwrap();
    }
    let page = metrics.render();
    assert!(!page.contains("MADE-UP") && page.contains("method=\"other\""), "{page}");
}

#[tokio::test]
async fn a_query_that_is_not_as_documented_is_refused_in_words() {
    let host = Host::start().await;
    for (query, words) in [("foo=1", "unknown field `foo`"), ("wait=1&wait=2", "duplicate field `wait`")] {
        let request = host.ana(Method::POST, &format!("{INPUTS}?{query}")).json(&json!({"content": {"text": "a"}}));
        let (status, problem) = read(request.send().await.unwrap()).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_query")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words) && !detail.contains("eserialize"), "{detail}");
    }
}
