use reqwest::Method;
use serde_json::{Value, json};
use signalbox_model::Timestamp;
use signalbox_tests_decider::api::{Host, ana, token, token_with};

const DECISIONS: &str = "/v1/businesses/trattoria/decisions";

async fn decide(host: &Host, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for index in 0..count {
        let (status, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": format!("{index}")}})).await;
        assert_eq!(status, 200, "{decision}");
        ids.push(decision["id"].as_str().unwrap().to_owned());
    }
    ids
}

fn manager() -> String {
    token("mia", &[("trattoria", "manager"), ("clinic", "manager")])
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_hold_every_decision_once_in_either_order() {
    let host = Host::start().await;
    let made = decide(&host, 5).await;
    for (order, expected) in [("oldest", made.clone()), ("newest", made.iter().rev().cloned().collect())] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let (status, page) = host.get(&manager(), &format!("{DECISIONS}?order={order}&limit=2{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            found.extend(ids(&page));
            pages += 1;
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((found, pages), (expected, 3), "{order}");
    }
}

#[tokio::test]
async fn the_link_leads_to_the_next_page() {
    let host = Host::start().await;
    let made = decide(&host, 3).await;
    let request = host.request(Method::GET, &format!("{DECISIONS}?limit=2")).bearer_auth(manager());
    let response = request.send().await.unwrap();
    let link = response.headers()["link"].to_str().unwrap().to_owned();
    let address = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    let (status, page) = host.get(&manager(), address).await;
    assert_eq!((status, ids(&page)), (200, vec![made[0].clone()]));
}

#[tokio::test]
async fn a_user_who_may_only_send_sees_own_decisions_and_no_others() {
    let host = Host::start().await;
    let (_, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "mine"}})).await;
    let dan = token("dan", &[("trattoria", "coordinator")]);
    let input = format!("/v1/businesses/trattoria/inputs/{}", decision["inputId"].as_str().unwrap());
    for path in [decision["href"].as_str().unwrap(), &input] {
        assert_eq!(host.get(&ana(), path).await.0, 200, "{path}");
        assert_eq!(host.get(&manager(), path).await.0, 200, "{path}");
        let (status, problem) = host.get(&dan, path).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")), "{path}");
    }
    let (status, problem) = host.get(&dan, DECISIONS).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("permission_missing")));
}

#[tokio::test]
async fn a_place_that_a_user_may_not_see_is_left_out() {
    let host = Host::start().await;
    let at = |place: &str| json!({"locationId": place, "content": {"text": place}});
    let (_, bar) = host.ask(&ana(), "trattoria", &at("bar")).await;
    let (_, terrace) = host.ask(&ana(), "trattoria", &at("terrace")).await;
    let only_bar = token_with(json!({
        "sub": "leo",
        "exp": Timestamp::now().as_second() + 3_600,
        "businesses": {"trattoria": {"roles": ["manager"], "locations": ["bar"]}},
    }));
    let (_, page) = host.get(&only_bar, DECISIONS).await;
    assert_eq!(ids(&page), [bar["id"].as_str().unwrap()]);
    assert_eq!(host.get(&only_bar, bar["href"].as_str().unwrap()).await.0, 200);
    assert_eq!(host.get(&only_bar, terrace["href"].as_str().unwrap()).await.0, 404);
}

#[tokio::test]
async fn missing_decisions_and_decisions_of_other_users_look_alike() {
    let host = Host::start().await;
    let (_, decision) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "mine"}})).await;
    let id = decision["id"].as_str().unwrap();
    let stranger = token("eve", &[("clinic", "manager")]);
    let guest = token("gus", &[("trattoria", "guest")]);
    let mut seen = Vec::new();
    for (token, path) in [
        (&stranger, decision["href"].as_str().unwrap().to_owned()),
        (&stranger, format!("/v1/businesses/clinic/decisions/{id}")),
        (&stranger, "/v1/businesses/nowhere/decisions/dec_1".to_owned()),
        (&guest, decision["href"].as_str().unwrap().to_owned()),
        (&manager(), format!("/v1/businesses/clinic/decisions/{id}")),
        (&manager(), format!("/v1/businesses/trattoria%2Fdecisions/decisions/{id}")),
        (&manager(), format!("/v1/businesses/trattoria/decisions/..%2F{id}")),
        (&manager(), format!("/v1/businesses/trattoria/decisions/{}", "x".repeat(3_000))),
        (&manager(), "/v1/businesses/trattoria/decisions/%FF%FE".to_owned()),
    ] {
        let (status, mut problem) = host.get(token, &path).await;
        assert_eq!(status, 404, "{path}");
        problem["correlationId"].take();
        seen.push(problem);
    }
    seen.pop();
    seen.dedup();
    assert_eq!(seen.len(), 1, "nothing tells them apart");
    let (status, problem) = host.get(&stranger, DECISIONS).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")));
}

#[tokio::test]
async fn decisions_without_a_place_are_for_users_of_all_places_and_their_sender() {
    let host = Host::start().await;
    let (_, placeless) = host.ask(&ana(), "trattoria", &json!({"content": {"text": "whole"}})).await;
    let href = placeless["href"].as_str().unwrap();
    let manager_at = |places: Value| {
        token_with(json!({
            "sub": "leo",
            "exp": Timestamp::now().as_second() + 3_600,
            "businesses": {"trattoria": {"roles": ["manager"], "locations": places}},
        }))
    };
    let (some, all) = (manager_at(json!(["bar"])), manager_at(json!(["bar", "terrace"])));
    assert_eq!(host.get(&some, href).await.0, 404);
    assert!(ids(&host.get(&some, DECISIONS).await.1).is_empty());
    assert_eq!(host.get(&all, href).await.0, 200);
    assert_eq!(ids(&host.get(&all, DECISIONS).await.1), [placeless["id"].as_str().unwrap()]);
    // Leo sees the decisions on his own inputs, at any place.
    let (_, own) = host.ask(&some, "trattoria", &json!({"content": {"text": "own"}})).await;
    assert_eq!(host.get(&some, own["href"].as_str().unwrap()).await.0, 200);
    assert_eq!(ids(&host.get(&some, DECISIONS).await.1), [own["id"].as_str().unwrap()]);
}
