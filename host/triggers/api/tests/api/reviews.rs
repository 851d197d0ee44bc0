//! Reviews over HTTP: reviewers find the decisions that wait for them, and exactly one review counts.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::Method;
use serde_json::{Value, json};
use signalbox_model::{Outcome, ReviewVerdict, Source, Timestamp};
use signalbox_store::{DecisionRecord, EffectKind, EffectState};
use signalbox_tests_decider::api::{Host, TEST_TIMEOUT, ana, read, token, token_with};

const REVIEWS: &str = "/v1/businesses/trattoria/reviews";

fn reviewer(name: &str) -> String {
    token(name, &[("trattoria", "reviewer"), ("clinic", "reviewer")])
}

/// The token of a user who may review the decisions of one place only.
fn at_the_bar() -> String {
    token_with(json!({
        "sub": "leo",
        "exp": Timestamp::now().as_second() + 3_600,
        "businesses": {"trattoria": {"roles": ["reviewer"], "locations": ["bar"]}},
    }))
}

/// Sends an input of ana whose decision waits for a person; returns the decision's id.
async fn asked(host: &Host, text: &str) -> String {
    asked_at(host, text, "terrace").await
}

async fn asked_at(host: &Host, text: &str, place: &str) -> String {
    let body = json!({"locationId": place, "content": {"text": text}});
    let (status, decision) = host.ask(&ana(), "trattoria", &body).await;
    assert_eq!((status, decision["outcome"].as_str()), (200, Some("review-pending")), "{decision}");
    decision["id"].as_str().unwrap().to_owned()
}

/// The answer to a review: status, body, and whether it is a replay.
async fn send(host: &Host, token: &str, path: &str, key: Option<&str>, body: String) -> (u16, Value, bool) {
    let mut request = host.request(Method::POST, path).bearer_auth(token).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let response = request.body(body).send().await.unwrap();
    let replayed = response.headers().contains_key("idempotency-replayed");
    let (status, body) = read(response).await;
    (status, body, replayed)
}

async fn review(host: &Host, token: &str, id: &str, body: &Value) -> (u16, Value) {
    let (status, body, _) = send(host, token, &format!("{REVIEWS}/{id}"), None, body.to_string()).await;
    (status, body)
}

async fn stored(host: &Host, id: &str) -> DecisionRecord {
    host.store.decision(id, "trattoria").await.unwrap().unwrap()
}

/// Waits until all actions that may leave are delivered.
async fn left(host: &Host, id: &str) -> DecisionRecord {
    let leaving = async {
        loop {
            let record = stored(host, id).await;
            if record.effects.iter().all(|effect| effect.state.is_final()) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, leaving).await.expect("it never leaves")
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["decisionId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pending_reviews_are_listed_oldest_first_in_pages() {
    let host = Host::start().await;
    let mut made = Vec::new();
    for index in 0..5 {
        made.push(asked(&host, &format!("review {index}")).await);
    }
    host.ask(&ana(), "trattoria", &json!({"content": {"text": "waits for nobody"}})).await;
    let (mut found, mut path) = (Vec::new(), format!("{REVIEWS}?limit=2"));
    loop {
        let response = host.request(Method::GET, &path).bearer_auth(reviewer("rex")).send().await.unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let (status, page) = read(response).await;
        assert_eq!((status, link.is_some()), (200, page["nextCursor"].is_string()), "{page}");
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(link) = link else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(found, made);

    let (_, page) = host.get(&reviewer("rex"), &format!("{REVIEWS}?limit=1")).await;
    let item = &page["items"][0];
    let expected = json!({
        "decisionCode": "ECHO", "decisionType": "echo", "confidence": 1.0, "reasoning": "it was asked",
        "businessId": "trattoria", "locationId": "terrace", "userId": "ana", "content": {"text": "review 0"},
        "href": format!("{REVIEWS}/{}", made[0]),
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&item[name], value, "{name} in {item}");
    }
    assert_eq!(item["actions"][0]["payload"]["news"], "review 0", "{item}");
    assert_eq!(item["responses"][0]["content"]["text"], "re: review 0", "{item}");
    let moment = |name: &str| item[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(moment("expiresAt") > moment("createdAt"), "{item}");
}

#[tokio::test]
async fn lists_and_reviews_are_for_those_who_may_review_the_decisions_place() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let host = Host::start().await;
    let (bar, terrace) = (asked_at(&host, "review", "bar").await, asked(&host, "review").await);
    let auditor = token("mia", &[("trattoria", "auditor")]);
    let stranger = token("eve", &[("clinic", "reviewer")]);
    for (token, status, code) in
        [(&ana(), 403, "permission_missing"), (&auditor, 403, "permission_missing"), (&stranger, 404, "not_found")]
    {
        let (found, problem) = host.get(token, REVIEWS).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
        let (found, problem) = review(&host, token, &terrace, &json!({"verdict": "approve"})).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
    let (_, page) = host.get(&at_the_bar(), REVIEWS).await;
    assert_eq!(ids(&page), [bar.as_str()]);
    let (status, hidden) = review(&host, &at_the_bar(), &terrace, &json!({"verdict": "approve"})).await;
    let (_, missing) = review(&host, &at_the_bar(), "dec_0", &json!({"verdict": "approve"})).await;
    assert_eq!((status, &hidden["code"], &hidden["detail"]), (404, &json!("not_found"), &missing["detail"]));
    assert_eq!(stored(&host, &terrace).await.decision.outcome, Outcome::ReviewPending);
    let (status, approved) = review(&host, &at_the_bar(), &bar, &json!({"verdict": "approve"})).await;
    assert_eq!((status, approved["outcome"].as_str()), (200, Some("approved")));
    let (_, page) = host.get(&reviewer("rex"), REVIEWS).await;
    assert_eq!(ids(&page), [terrace.as_str()], "what is decided does not wait any more");
    for (code, times) in [("permission_missing", 2), ("business_not_found", 1), ("decision_not_found", 2)] {
        let series = format!("signalbox_reviews_refused_total{{code=\"{code}\"}} {times}");
        assert!(metrics.render().contains(&series), "{series} is not in {}", metrics.render());
    }
}

#[tokio::test]
async fn the_record_says_who_reviewed_when_by_which_way_how_and_why() {
    let host = Host::start().await;
    let id = asked(&host, "review").await;
    let path = format!("{REVIEWS}/{id}");
    let request =
        host.request(Method::POST, &path).bearer_auth(reviewer("rex")).header("x-correlation-id", "console-7");
    let response = request.json(&json!({"verdict": "reject", "note": "too dear"})).send().await.unwrap();
    assert_eq!(response.headers()["x-correlation-id"], "console-7");
    let (status, decision) = read(response).await;
    assert_eq!((status, decision["outcome"].as_str()), (200, Some("rejected")), "{decision}");
    let record = stored(&host, &id).await;
    assert!(record.effects.iter().all(|effect| matches!(effect.state, EffectState::Dropped { .. })), "{record:?}");
    let review = record.review.unwrap();
    let end = review.resolution.unwrap();
    assert_eq!((end.by.as_str(), end.verdict, end.note.as_deref()), ("rex", ReviewVerdict::Reject, Some("too dear")));
    assert_eq!(end.source, Some(Source::ExternalApi));
    assert!(end.at >= review.requested_at && end.input_id.starts_with("in_"), "{end:?}");
    assert_eq!(decision["review"]["resolution"], serde_json::to_value(end).unwrap());
}

#[tokio::test]
async fn edited_actions_leave_in_place_of_the_decisions_own() {
    let host = Host::start().await;
    let id = asked(&host, "review").await;
    let (_, page) = host.get(&reviewer("rex"), REVIEWS).await;
    let mut action = page["items"][0]["actions"][0].clone();
    action["payload"] = json!({"news": "better"});
    // Some programs write unset properties as null.
    action["retryPolicy"] = Value::Null;
    let (status, decision) =
        review(&host, &reviewer("rex"), &id, &json!({"verdict": "edit", "actions": [action]})).await;
    assert_eq!((status, decision["outcome"].as_str()), (200, Some("edited")), "{decision}");
    assert_eq!(decision["actions"][0]["payload"]["news"], "review", "what was proposed stays on record");
    let record = left(&host, &id).await;
    let [effect] = record.effects.as_slice() else { panic!("{record:?}") };
    let EffectKind::Action(sent) = &effect.kind else { panic!("{effect:?}") };
    assert_eq!(sent.payload["news"], "better");
    assert!(matches!(effect.state, EffectState::Delivered { .. }), "{effect:?}");
}

#[tokio::test]
async fn of_concurrent_reviews_exactly_one_counts_and_the_others_name_the_first_reviewer() {
    let host = Host::start().await;
    let id = asked(&host, "review").await;
    let requests: Vec<_> = (0..8)
        .map(|index| {
            let verdict = if index % 2 == 0 { "approve" } else { "reject" };
            let request = host.request(Method::POST, &format!("{REVIEWS}/{id}"));
            let request = request.bearer_auth(reviewer(&format!("user-{index}"))).json(&json!({"verdict": verdict}));
            tokio::spawn(async move { read(request.send().await.unwrap()).await })
        })
        .collect();
    let (mut won, mut lost) = (Vec::new(), Vec::new());
    for request in requests {
        let (status, answer) = tokio::time::timeout(TEST_TIMEOUT, request).await.unwrap().unwrap();
        match status {
            200 => won.push(answer["review"]["resolution"].clone()),
            409 => {
                assert_eq!(answer["code"], "already_reviewed", "{answer}");
                lost.push(answer["resolution"].clone());
            }
            _ => panic!("{status}: {answer}"),
        }
    }
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.iter().all(|first| *first == won[0] && first["at"].is_string()), "{won:?} {lost:?}");
}

#[tokio::test]
async fn a_review_after_its_expiry_is_refused_as_expired() {
    let host = Host::start().await;
    let (noticed, unnoticed) = (asked(&host, "review:expired").await, asked(&host, "review:expired").await);
    host.intake.expire_reviews().await.unwrap();
    for id in [noticed, unnoticed] {
        let (status, problem) = review(&host, &reviewer("rex"), &id, &json!({"verdict": "approve"})).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("review_expired")), "{problem}");
        assert_eq!(problem["resolution"]["by"], "expiry", "{problem}");
        let record = stored(&host, &id).await;
        assert_eq!(record.decision.outcome, Outcome::Rejected);
        let end = record.review.unwrap().resolution.unwrap();
        assert_eq!((end.verdict, end.source), (ReviewVerdict::Expire, None));
    }
    assert!(ids(&host.get(&reviewer("rex"), REVIEWS).await.1).is_empty());
}

#[tokio::test]
async fn the_same_key_is_answered_alike_and_with_another_body_refused() {
    let host = Host::start().await;
    let id = asked(&host, "review").await;
    let path = format!("{REVIEWS}/{id}");
    let action = |news: &str| json!([{"type": "notification", "target": "user:ana", "payload": {"news": news}}]);
    let edit = |news: &str| json!({"verdict": "edit", "actions": action(news)}).to_string();
    let (status, first, replayed) = send(&host, &reviewer("rex"), &path, Some("r-1"), edit("better")).await;
    assert_eq!((status, replayed), (200, false), "{first}");
    left(&host, &id).await;
    let again = send(&host, &reviewer("rex"), &path, Some("\"r-1\""), edit("better")).await;
    assert_eq!(again, (200, first, true));
    for other in [edit("worse"), json!({"verdict": "reject"}).to_string()] {
        let (status, problem, _) = send(&host, &reviewer("rex"), &path, Some("r-1"), other).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("idempotency_key_reused")), "{problem}");
    }
    for (token, key) in [(reviewer("rex"), Some("r-2")), (reviewer("rex"), None), (reviewer("ada"), Some("r-1"))] {
        let (status, problem, _) = send(&host, &token, &path, key, edit("better")).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("already_reviewed")), "{problem}");
    }
}

#[tokio::test]
async fn an_invalid_review_is_refused_with_the_invalid_field_and_changes_nothing() {
    let host = Host::start().await;
    let id = asked(&host, "review").await;
    let path = format!("{REVIEWS}/{id}");
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let deep = format!(r#"{{"verdict":"edit","actions":[{{"type":"notification","target":"b","payload":{deep}}}]}}"#);
    let many = vec![json!({"type": "notification", "target": "user:ana", "payload": {}}); 101];
    let many = json!({"verdict": "edit", "actions": many}).to_string();
    let long = json!({"verdict": "reject", "note": "x".repeat(17 * 1024)}).to_string();
    let huge = json!({"verdict": "reject", "note": "x".repeat(256 * 1024)}).to_string();
    let cases = [
        ("", 400, "not_json", "EOF"),
        (r#"{"verdict":"approve","verdict":"reject"}"#, 400, "not_json", "`verdict` stands there twice"),
        ("[\"approve\"]", 422, "invalid_field", "the body has to be an object"),
        ("{}", 422, "invalid_field", "missing field `verdict`"),
        (r#"{"verdict":"expire"}"#, 422, "invalid_field", "verdict"),
        (r#"{"verdict":"approve","decisionId":"dec_1"}"#, 422, "invalid_field", "decisionId"),
        (r#"{"verdict":"edit","actions":[["a"]]}"#, 422, "invalid_field", "`actions.0` has to be an object"),
        (r#"{"verdict":"edit","actions":[{"type":"sing"}]}"#, 422, "invalid_field", "actions[0].type"),
        (r#"{"verdict":"edit"}"#, 422, "invalid_review", "an edit needs"),
        (r#"{"verdict":"approve","actions":[]}"#, 422, "invalid_review", "only an edit"),
        (&deep, 422, "invalid_review", "actions[0].payload"),
        (&many, 422, "invalid_review", "101 actions"),
        (&long, 422, "invalid_review", "`note`"),
        (&huge, 413, "body_too_large", "256"),
    ];
    for (body, status, code, detail) in cases {
        let (found, problem, _) = send(&host, &reviewer("rex"), &path, None, body.to_owned()).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{body:.80} gave {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{body:.80} gave {problem}");
    }
    let (status, problem, _) =
        send(&host, &reviewer("rex"), &path, Some("a b"), r#"{"verdict":"approve"}"#.into()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_idempotency_key")));
    assert_eq!(stored(&host, &id).await.decision.outcome, Outcome::ReviewPending);

    for query in ["limit=0", "limit=101", "cursor=AAAA", "state=open"] {
        let (status, problem) = host.get(&reviewer("rex"), &format!("{REVIEWS}?{query}")).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_query")), "{query}");
    }
    let (_, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "hello"}})).await;
    let approve = json!({"verdict": "approve"});
    let (status, problem) = review(&host, &reviewer("rex"), decision["id"].as_str().unwrap(), &approve).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("not_under_review")));
    for missing in ["dec_nobody", "..%2Fdecisions", &"x".repeat(3_000)] {
        let (status, problem) = review(&host, &reviewer("rex"), missing, &approve).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")), "{missing}");
    }
}
