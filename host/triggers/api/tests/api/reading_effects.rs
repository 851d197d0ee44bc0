use serde_json::{Value, json};
use signalbox_model::Timestamp;
use signalbox_store::{EffectState, EffectUpdate};
use signalbox_tests_decider::api::{Host, ana, token, token_with};

const EFFECTS: &str = "/v1/businesses/trattoria/effects";

fn manager() -> String {
    token("mia", &[("trattoria", "manager"), ("clinic", "manager")])
}

/// A decision whose one action waits for a review, and is then set to `state`.
async fn effect_in(host: &Host, state: EffectState, location: Option<&str>) -> String {
    let mut body = json!({"content": {"text": "review"}});
    if let Some(location) = location {
        body["locationId"] = location.into();
    }
    let (status, decision) = host.ask(&ana(), "trattoria", &body).await;
    assert_eq!(status, 200, "{decision}");
    let id = decision["id"].as_str().unwrap().to_owned();
    let record = host.store.decision(&id, "trattoria").await.unwrap().unwrap();
    let updates = [EffectUpdate { effect_id: record.effects[0].id.clone(), state }];
    host.store.update_effects(&id, "trattoria", &updates).await.unwrap();
    id
}

fn dead_letter() -> EffectState {
    EffectState::DeadLetter { at: Timestamp::UNIX_EPOCH, reason: "410 Gone".to_owned() }
}

fn decisions(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["decisionId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn open_effects_are_read_with_state_and_reason_page_by_page() {
    let host = Host::start().await;
    let reason = "no Kafka is configured".to_owned();
    let waiting = effect_in(&host, EffectState::Waiting { reason, until: None }, None).await;
    let dead = effect_in(&host, dead_letter(), None).await;
    effect_in(&host, EffectState::Delivered { at: Timestamp::UNIX_EPOCH, to: None }, None).await;
    let (status, page) = host.get(&manager(), EFFECTS).await;
    assert_eq!((status, decisions(&page)), (200, vec![waiting.clone(), dead.clone()]));
    let shown = &page["items"][1];
    assert_eq!((shown["state"].as_str(), shown["reason"].as_str()), (Some("deadLetter"), Some("410 Gone")));
    assert_eq!((shown["kind"].as_str(), shown["target"].as_str()), (Some("notification"), Some("user:ana")));
    let (_, page) = host.get(&manager(), &format!("{EFFECTS}?state=deadLetter")).await;
    assert_eq!(decisions(&page), std::slice::from_ref(&dead));
    let (_, first) = host.get(&manager(), &format!("{EFFECTS}?limit=1")).await;
    assert_eq!(decisions(&first), [waiting]);
    let next = first["nextCursor"].as_str().unwrap();
    let (_, second) = host.get(&manager(), &format!("{EFFECTS}?limit=1&cursor={next}")).await;
    assert_eq!(decisions(&second), [dead]);
}

#[tokio::test]
async fn the_effects_of_one_decision_are_read_whatever_their_state() {
    let host = Host::start().await;
    let delivered = effect_in(&host, EffectState::Delivered { at: Timestamp::UNIX_EPOCH, to: None }, None).await;
    let (status, page) = host.get(&manager(), &format!("{EFFECTS}?decisionId={delivered}")).await;
    assert_eq!((status, page["items"][0]["state"].as_str()), (200, Some("delivered")), "{page}");
    let (status, problem) = host.get(&manager(), &format!("{EFFECTS}?decisionId={delivered}&cursor=abc")).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("invalid_query")));
    for unknown in ["dec_00000000000000000000000000000000", "x"] {
        assert_eq!(host.get(&manager(), &format!("{EFFECTS}?decisionId={unknown}")).await.0, 404);
    }
}

#[tokio::test]
async fn effects_are_for_those_who_may_read_the_decisions_of_the_place() {
    let host = Host::start().await;
    let bar = effect_in(&host, dead_letter(), Some("bar")).await;
    let terrace = effect_in(&host, dead_letter(), Some("terrace")).await;
    let (status, problem) = host.get(&ana(), EFFECTS).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("permission_missing")));
    let only_bar = token_with(json!({
        "sub": "leo",
        "exp": Timestamp::now().as_second() + 3_600,
        "businesses": {"trattoria": {"roles": ["manager"], "locations": ["bar"]}},
    }));
    let (status, page) = host.get(&only_bar, EFFECTS).await;
    assert_eq!((status, decisions(&page)), (200, vec![bar]), "{page}");
    assert_eq!(host.get(&only_bar, &format!("{EFFECTS}?decisionId={terrace}")).await.0, 404);
}
