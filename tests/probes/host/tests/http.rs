use anyhow::Result;
use serde_json::{Value, json};
use signalbox_capabilities::http::EgressConfig;
use wiremock::matchers::{header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::world::World;

/// A world whose guest may reach this server as its bundle says.
async fn world(server: &MockServer) -> Result<World> {
    let port = server.address().port();
    let loopback = "127.0.0.1/32".parse().map_err(anyhow::Error::msg)?;
    World::with("http", |options| {
        options.replace = Some(("127.0.0.1:80/".to_owned(), format!("127.0.0.1:{port}/")));
        options.egress =
            Some(EgressConfig { private_networks: vec![loopback], allow_plain_http: true, ..EgressConfig::default() });
    })
    .await
}

fn send(method: &str, url: String) -> Value {
    json!({"call": "send", "method": method, "url": url, "timeout": 5_000})
}

#[tokio::test]
pub async fn the_probe_is_answered() -> Result<()> {
    let server = MockServer::start().await;
    let base = server.uri();
    Mock::given(method("GET"))
        .and(path("/allowed/soup"))
        .respond_with(ResponseTemplate::new(200).set_body_string("tomato"))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/allowed/moved"))
        .respond_with(ResponseTemplate::new(302).insert_header("location", format!("{base}/forbidden")))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/orders"))
        .and(header_exists("idempotency-key"))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    let results = world(&server)
        .await?
        .calls(json!([
            send("GET", format!("{base}/allowed/soup")),
            send("GET", format!("{base}/allowed/moved")),
            send("GET", format!("{base}/allowed/nothing-here")),
            send("POST", format!("{base}/orders")),
            send("POST", format!("{base}/allowed/soup")),
            send("GET", format!("{base}/forbidden")),
            send("GET", format!("{base}/allowed/../forbidden")),
            send("GET", "http://169.254.169.254/latest/meta-data".to_owned()),
            send("GET", "no address".to_owned()),
        ]))
        .await?;
    assert_eq!((&results[0]["ok"]["status"], &results[0]["ok"]["body"]), (&json!(200), &json!("tomato")));
    assert_eq!(results[1]["ok"]["status"], 302, "a redirect is an answer, not followed: {}", results[1]);
    assert_eq!(results[2]["ok"]["status"], 404);
    assert_eq!(results[3]["ok"]["status"], 201);
    for (index, case) in [(4, "Denied"), (5, "Denied"), (6, "Denied"), (7, "Denied"), (8, "Invalid")] {
        assert_eq!(results[index]["error"], case, "{}", results[index]);
        assert_eq!(results[index]["retryable"], false, "{}", results[index]);
    }
    let forbidden = server.received_requests().await.unwrap_or_default();
    assert!(forbidden.iter().all(|request| request.url.path() != "/forbidden"), "a refused request left");
    Ok(())
}

#[tokio::test]
async fn private_addresses_are_refused_whatever_the_grant_says() -> Result<()> {
    let server = MockServer::start().await;
    let port = server.address().port();
    let world = World::with("http", |options| {
        options.replace = Some(("127.0.0.1:80/".to_owned(), format!("127.0.0.1:{port}/")));
        options.egress = Some(EgressConfig { allow_plain_http: true, ..EgressConfig::default() });
    })
    .await?;
    let results = world.calls(json!([send("GET", format!("{}/allowed/soup", server.uri()))])).await?;
    assert_eq!(results[0]["error"], "Denied", "{}", results[0]);
    assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(0));
    Ok(())
}

#[tokio::test]
async fn with_outgoing_requests_switched_off_the_plugin_is_told() -> Result<()> {
    let world = World::start("http").await?;
    let results = world.calls(json!([send("GET", "http://127.0.0.1:80/allowed/soup".to_owned())])).await?;
    assert_eq!(results[0]["error"], "NotConfigured", "{}", results[0]);
    Ok(())
}
