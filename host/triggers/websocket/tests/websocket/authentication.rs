//! Which clients are let in, how, and for how long.

use std::time::Duration;

use serde_json::json;
use signalbox_model::{HumanDuration, Timestamp};
use tokio_tungstenite::tungstenite::Error;

use super::client::Client;
use super::host::{Host, ana, token, token_with};

/// On a busy machine a decision takes long; it must not cause an acknowledgement here.
const LATE: signalbox_model::HumanDuration = signalbox_model::HumanDuration::secs(60);

#[tokio::test]
async fn a_token_is_taken_from_header_subprotocol_and_first_frame() {
    let host = Host::start().await;
    let token = ana();
    let mut by_header = Client::open(host.address, &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
    let protocols = format!("signalbox.v1, bearer.{token}");
    let mut by_protocol = Client::open(host.address, &[("sec-websocket-protocol", &protocols)]).await.unwrap();
    let mut by_frame = Client::open(host.address, &[]).await.unwrap();
    by_frame.send(json!({"type": "auth", "token": token})).await;
    for client in [&mut by_header, &mut by_protocol, &mut by_frame] {
        let welcome = client.expect("welcome").await;
        assert_eq!(welcome["userId"], "ana");
        assert_eq!(welcome["businesses"], json!(["trattoria"]));
        assert_eq!(welcome["limits"]["inFlight"], 8);
        assert_eq!(welcome["heartbeat"]["pingEveryMs"], 25_000);
        let expires_at: Timestamp = welcome["expiresAt"].as_str().unwrap().parse().unwrap();
        assert!(expires_at > Timestamp::now());
    }
    assert_eq!(host.sessions.count_of("ana"), 3);
}

#[tokio::test]
async fn every_invalid_token_gets_its_error_and_close_and_other_connections_go_on() {
    let host = Host::with(|settings| settings.intake.ack_after = LATE).await;
    let mut neighbour = host.ana().await;
    let soon = Timestamp::now().as_second() + 3_600;
    let good = ana();
    let (head, _) = good.rsplit_once('.').unwrap();
    let cases = [
        (String::from("rubbish"), "token_malformed", 4401),
        (format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap()), "token_algorithm", 4401),
        (format!("{head}.{}", "A".repeat(43)), "token_signature", 4401),
        (token_with(json!({"sub": "ana", "exp": soon, "iss": "evil"})), "token_issuer", 4401),
        (token_with(json!({"sub": "ana", "exp": soon, "aud": "other"})), "token_audience", 4401),
        (token_with(json!({"sub": "ana"})), "token_without_expiry", 4401),
        (token_with(json!({"sub": "ana", "exp": soon, "nbf": soon})), "token_not_yet_valid", 4401),
        (token_with(json!({"exp": soon})), "token_claims", 4401),
        (token("ana", &[], -1), "token_expired", 4402),
    ];
    for (token, code, close) in cases {
        let mut client = Client::open(host.address, &[]).await.unwrap();
        client.send(json!({"type": "auth", "token": token})).await;
        let error = client.expect_error(code).await;
        assert_eq!(error["errorType"], "auth_failed");
        let closed = client.expect_close().await;
        assert_eq!((closed.code, &closed.advice["newToken"]), (close, &json!(true)), "{code}");
        assert_eq!(closed.advice["reconnect"], close == 4402, "{code}");
        neighbour.send_message(code, "still here?").await;
        neighbour.expect_answer().await;
    }
    assert_eq!(host.sessions.count(), 1);
}

#[tokio::test]
async fn an_upgrade_that_cannot_work_is_refused_with_its_reason() {
    let host = Host::with(|settings| {
        settings.websocket.allowed_origins = vec!["https://console.example.com".parse().unwrap()];
    })
    .await;
    let refused = async |path: &str, headers: &[(&str, &str)]| match Client::open_at(host.address, path, headers).await
    {
        Err(Error::Http(response)) => {
            let body: serde_json::Value = serde_json::from_slice(response.body().as_ref().unwrap()).unwrap();
            (response.status().as_u16(), body["details"]["code"].as_str().unwrap().to_owned())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{path} was let in"),
    };
    let token = ana();
    assert_eq!(refused(&format!("/ws?access_token={token}"), &[]).await, (400, "token_in_url".to_owned()));
    let other = [("sec-websocket-protocol", "graphql-ws")];
    assert_eq!(refused("/ws", &other).await, (400, "subprotocol_required".to_owned()));
    let evil = [("origin", "https://evil.example.com")];
    assert_eq!(refused("/ws", &evil).await, (403, "origin_not_allowed".to_owned()));
    let own = [("origin", "https://console.example.com"), ("authorization", &*format!("Bearer {token}"))];
    Client::open(host.address, &own).await.unwrap().expect("welcome").await;
}

#[tokio::test]
async fn a_connection_whose_first_frame_is_missing_or_not_auth_is_closed() {
    let host = Host::with(|settings| settings.websocket.auth_timeout = HumanDuration::millis(100)).await;
    let mut silent = Client::open(host.address, &[]).await.unwrap();
    silent.expect_error("auth_timeout").await;
    assert_eq!(silent.expect_close().await.code, 4408);
    let host = Host::start().await;
    let mut eager = Client::open(host.address, &[]).await.unwrap();
    eager.send_message("m1", "let me in").await;
    eager.expect_error("not_authenticated").await;
    assert_eq!(eager.expect_close().await.code, 4401);
    assert!(host.decider.started_texts().is_empty());
}

#[tokio::test]
async fn an_expired_token_closes_after_a_reminder_and_a_refresh_prevents_it() {
    let host = Host::start().await;
    let short = || token("ana", &[("trattoria", "coordinator")], 2);
    let mut forgetful = host.connect(&short()).await;
    let mut careful = host.connect(&short()).await;
    careful.expect("tokenExpiring").await;
    careful.send(json!({"type": "refresh", "token": token("ana", &[("clinic", "coordinator")], 3_600)})).await;
    careful.expect("refreshed").await;
    forgetful.expect("tokenExpiring").await;
    forgetful.expect_error("token_expired").await;
    let closed = forgetful.expect_close().await;
    assert_eq!((closed.code, &closed.advice["reconnect"]), (4402, &json!(true)));
    // The careful client is still connected, and has exactly the rights of its new token.
    careful.send_message("m1", "hi").await;
    careful.expect_error("business_not_found").await;
    careful.send(json!({"type": "message", "id": "m2", "businessId": "clinic", "content": {"text": "hi"}})).await;
    careful.expect("ack").await;
}

#[tokio::test]
async fn a_refresh_by_another_user_closes_and_an_invalid_one_does_not() {
    let host = Host::start().await;
    let mut client = host.ana().await;
    client.send(json!({"type": "refresh", "token": "rubbish"})).await;
    client.expect_error("token_malformed").await;
    client.send(json!({"type": "auth", "token": ana()})).await;
    client.expect_error("already_authenticated").await;
    client.send(json!({"type": "ping", "id": "p1"})).await;
    assert_eq!(client.expect("pong").await["id"], "p1");
    client.send(json!({"type": "refresh", "token": token("dan", &[], 3_600)})).await;
    client.expect_error("token_other_user").await;
    assert_eq!(client.expect_close().await.code, 4403);
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_connections() {
    let host = Host::with(|settings| settings.websocket.connections_per_user = 2).await;
    let first = host.ana().await;
    let _second = host.ana().await;
    let mut third = Client::open(host.address, &[("authorization", &format!("Bearer {}", ana()))]).await.unwrap();
    third.expect_error("too_many_connections").await;
    let closed = third.expect_close().await;
    assert_eq!((closed.code, &closed.advice["afterMs"]), (4409, &json!(30_000)));
    let other = token("dan", &[("trattoria", "coordinator")], 3_600);
    host.connect(&other).await;
    drop(first);
    host.until(|host| host.sessions.count_of("ana") == 1).await;
    host.ana().await;
}

#[tokio::test]
async fn all_connections_together_are_bounded_too() {
    let host = Host::with(|settings| settings.websocket.max_connections = 1).await;
    let only = host.ana().await;
    let Err(Error::Http(response)) = Client::open(host.address, &[]).await else { panic!("it was let in") };
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    drop(only);
    host.until(|host| host.websocket.sockets() == 0).await;
    host.ana().await;
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let host = Host::with(|settings| {
        settings.websocket.ping_interval = HumanDuration::millis(50);
        settings.websocket.pong_timeout = HumanDuration::millis(50);
    })
    .await;
    let client = host.ana().await;
    // The client reads nothing, so it answers no ping.
    host.until(|host| host.sessions.count() == 0).await;
    drop(client);
    let mut attentive =
        Host::with(|settings| settings.websocket.ping_interval = HumanDuration::millis(20)).await.ana().await;
    let silence = tokio::time::timeout(Duration::from_millis(300), attentive.next()).await;
    assert!(silence.is_err(), "pongs keep the connection, and pings are no frames");
}
