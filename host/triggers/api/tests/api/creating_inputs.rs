use reqwest::Method;
use serde_json::json;
use signalbox_tests_decider::api::{Host, TEST_TIMEOUT, ana, read, token};

const INPUTS: &str = "/v1/businesses/trattoria/inputs";

#[tokio::test]
async fn a_request_that_waits_gets_the_decision_in_its_response() {
    let host = Host::start().await;
    let body = json!({"locationId": "bar", "type": "user_message", "content": {"text": "a table"}});
    let (status, decision) = host.ask(&ana(), "trattoria", &body).await;
    assert_eq!(status, 200);
    assert_eq!(decision["decisionCode"], "ECHO");
    assert_eq!(decision["outcome"], "decided");
    assert_eq!(decision["locationId"], "bar");
    assert_eq!(decision["responses"][0]["content"]["text"], "re: a table");
    let (status, again) = host.get(&ana(), decision["href"].as_str().unwrap()).await;
    assert_eq!((status, again), (200, decision));
}

#[tokio::test]
async fn the_prefer_header_works_like_the_parameter_and_is_acknowledged() {
    let host = Host::start().await;
    let body = json!({"content": {"data": {"n": 1}}});
    let request = host.ana(Method::POST, INPUTS).header("prefer", "respond-async, wait=5").json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["preference-applied"], "wait=5");
    assert_eq!(read(response).await.0, 200);
}

#[tokio::test]
async fn a_request_that_does_not_wait_gets_a_location_once_its_input_is_stored() {
    let host = Host::start().await;
    let body = json!({"content": {"text": "wait:gate"}});
    let response = host.ana(Method::POST, INPUTS).json(&body).send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let (status, accepted) = read(response).await;
    assert_eq!(status, 202);
    assert_eq!((accepted["state"].as_str(), accepted["href"].as_str()), (Some("accepted"), Some(&*location)));
    let stored = host.store.input_state("trattoria", accepted["inputId"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.accepted.input.content.text.as_deref(), Some("wait:gate"));
    assert_eq!(host.get(&ana(), &location).await.1["state"], "accepted");
    host.decider.open("gate");
    let decided = host.decided(&location).await;
    assert_eq!(decided["state"], "decided");
    assert_eq!(decided["inputId"], accepted["inputId"]);
    let (status, decision) = host.get(&ana(), decided["decisionHref"].as_str().unwrap()).await;
    assert_eq!((status, &decision["id"]), (200, &accepted["decisionId"]));
}

#[tokio::test]
async fn a_wait_that_ends_before_the_decision_does_is_answered_with_where_to_look() {
    let host = Host::start().await;
    let body = json!({"content": {"text": "wait:gate"}});
    let request = host.ana(Method::POST, &format!("{INPUTS}?wait=20ms")).json(&body);
    let (status, accepted) = read(request.send().await.unwrap()).await;
    assert_eq!((status, accepted["state"].as_str()), (202, Some("accepted")));
    host.decider.open("gate");
    assert_eq!(host.decided(accepted["href"].as_str().unwrap()).await["state"], "decided");
}

#[tokio::test]
async fn no_request_waits_longer_than_the_operator_allows() {
    let host = Host::with(|settings| settings.api.max_wait = signalbox_model::HumanDuration::millis(20)).await;
    let (status, _) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "wait:gate"}})).await;
    assert_eq!(status, 202);
    host.decider.open("gate");
}

#[tokio::test]
async fn a_run_without_a_decision_gives_its_correlation_id() {
    let host = Host::start().await;
    let (status, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "fail"}})).await;
    assert_eq!(status, 200);
    assert_eq!(decision["outcome"], "failed");
    let (said, id) = (decision["reasoning"].as_str().unwrap(), decision["correlationId"].as_str().unwrap());
    assert!(said.contains(id) && !said.contains("`echo`"), "{said}");
    let input = format!("{INPUTS}/{}", decision["inputId"].as_str().unwrap());
    assert_eq!(host.get(&ana(), &input).await.1["state"], "failed");
}

#[tokio::test]
async fn the_same_key_and_body_is_done_once_and_answered_from_the_record() {
    let host = Host::start().await;
    let body = json!({"content": {"text": "once"}});
    let send = async |key: &str, wait: &str| {
        let path = format!("{INPUTS}{wait}");
        let request = host.ana(Method::POST, &path).header("idempotency-key", key).json(&body);
        let response = request.send().await.unwrap();
        let replayed = response.headers().get("idempotency-replayed").is_some();
        let (status, answer) = read(response).await;
        (status, answer, replayed)
    };
    let (status, first, replayed) = send("order-1", "?wait=30").await;
    assert_eq!((status, replayed), (200, false));
    let (status, again, replayed) = send("\"order-1\"", "?wait=30").await;
    assert_eq!((status, replayed), (200, true));
    assert_eq!(again, first);
    let (status, later, replayed) = send("order-1", "").await;
    assert_eq!((status, replayed, later["state"].as_str()), (202, true, Some("decided")));
    assert_eq!(later["decisionId"], first["id"]);
    assert_eq!(later["correlationId"], first["correlationId"], "the record's, not the repeated request's");
    assert_eq!(host.decider.started().len(), 1);
    let (_, other, _) = send("order-2", "?wait=30").await;
    assert_ne!(other["id"], first["id"]);
}

#[tokio::test]
async fn a_key_with_another_body_is_refused_and_changes_nothing() {
    let host = Host::start().await;
    let send = async |text: &str| {
        let body = json!({"content": {"text": text}});
        let request = host.ana(Method::POST, &format!("{INPUTS}?wait=30"));
        read(request.header("idempotency-key", "k").json(&body).send().await.unwrap()).await
    };
    assert_eq!(send("one").await.0, 200);
    let (status, problem) = send("another").await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reused")));
    assert_eq!(host.decider.started().len(), 1);
}

#[tokio::test]
async fn keys_of_different_users_are_different_keys() {
    let host = Host::start().await;
    let send = async |token: String, text: &str| {
        let body = json!({"content": {"text": text}});
        let request = host.request(Method::POST, &format!("{INPUTS}?wait=30")).bearer_auth(token);
        read(request.header("idempotency-key", "k").json(&body).send().await.unwrap()).await
    };
    let (_, anas) = send(ana(), "one").await;
    let (status, dans) = send(token("dan", &[("trattoria", "coordinator")]), "two").await;
    assert_eq!(status, 200);
    assert_ne!(anas["id"], dans["id"]);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_one_decision() {
    let host = Host::start().await;
    let body = json!({"content": {"text": "wait:gate"}});
    let requests: Vec<_> = (0..8)
        .map(|_| {
            let request = host.ana(Method::POST, &format!("{INPUTS}?wait=30")).header("idempotency-key", "k");
            tokio::spawn(request.json(&body).send())
        })
        .collect();
    host.decider.open("gate");
    let mut ids = Vec::new();
    for request in requests {
        let response = tokio::time::timeout(TEST_TIMEOUT, request).await.unwrap().unwrap().unwrap();
        let (status, decision) = read(response).await;
        assert_eq!(status, 200, "{decision}");
        ids.push(decision["id"].as_str().unwrap().to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(host.decider.started().len(), 1);
}

#[tokio::test]
async fn the_callers_correlation_id_stays_with_the_decision() {
    let host = Host::start().await;
    let body = json!({"content": {"text": "x"}});
    let request = host.ana(Method::POST, &format!("{INPUTS}?wait=30")).header("x-correlation-id", "shop-77");
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.headers()["x-correlation-id"], "shop-77");
    assert_eq!(read(response).await.1["correlationId"], "shop-77");
}

#[tokio::test]
async fn a_full_host_answers_with_retry_after_and_stores_nothing() {
    let host = Host::with(|settings| {
        settings.intake.in_flight = 1;
        settings.intake.waiting = 0;
        settings.intake.retry_after = signalbox_model::HumanDuration::secs(3);
    })
    .await;
    assert_eq!(host.create_input("wait:gate").await.0, 202);
    let body = json!({"content": {"text": "more"}});
    let response = host.ana(Method::POST, INPUTS).json(&body).send().await.unwrap();
    let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3..=4).contains(&seconds), "three seconds and up to a quarter more: {seconds}");
    let (status, problem) = read(response).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("busy")));
    assert_eq!(host.store.pending_inputs(10).await.unwrap().len(), 1, "only what was acknowledged");
    host.decider.open("gate");
}
