use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use serde_json::{Value, json};
use signalbox_capabilities::http::{EgressRules, Lookup};
use signalbox_tests_probes::attempts::PRIVATE;
use wiremock::matchers::{header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::world::World;

/// A world whose guest may send requests to this server, as its bundle says.
async fn world(server: &MockServer) -> Result<World> {
    let port = server.address().port();
    let loopback = "127.0.0.1/32".parse().map_err(anyhow::Error::msg)?;
    World::with("http", |options| {
        options.replace = Some(("127.0.0.1:80/".to_owned(), format!("127.0.0.1:{port}/")));
        options.egress =
            Some(EgressRules { private_networks: vec![loopback], allow_plain_http: true, ..EgressRules::default() });
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
        options.egress = Some(EgressRules { allow_plain_http: true, ..EgressRules::default() });
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

/// Resolves every name to the next of these addresses.
struct Changing(AtomicUsize);

#[async_trait::async_trait]
impl Lookup for Changing {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let addresses = [[127, 0, 0, 1], [169, 254, 169, 254], [10, 0, 0, 1], [192, 168, 0, 1]].map(IpAddr::from);
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(addresses.iter().copied().cycle().skip(turn % addresses.len()).take(1).collect())
    }
}

#[tokio::test]
async fn no_guest_reaches_a_private_address_by_any_spelling_or_name_though_it_is_granted() -> Result<()> {
    let server = MockServer::start().await;
    let port = server.address().port();
    let mut urls: Vec<String> =
        PRIVATE.iter().chain(&["changing.example"]).map(|host| format!("http://{host}:{port}/")).collect();
    let granted = urls.iter().map(|url| format!("{url:?}")).collect::<Vec<_>>().join(", ");
    urls.extend(vec![format!("http://changing.example:{port}/"); 3]);
    let world = World::with("http", |options| {
        options.replace = Some(("\"http://127.0.0.1:80/allowed/\"".to_owned(), granted));
        options.egress = Some(EgressRules { allow_plain_http: true, ..EgressRules::default() });
        options.lookup = Some(Arc::new(Changing(AtomicUsize::new(0))));
    })
    .await?;
    let results = world.calls(urls.iter().map(|url| send("GET", url.clone())).collect()).await?;
    assert_eq!(results.len(), urls.len());
    for (url, result) in urls.iter().zip(&results) {
        assert_eq!((&result["error"], &result["retryable"]), (&json!("Denied"), &json!(false)), "{url}: {result}");
        assert!(
            !result["text"].to_string().contains("no grant"),
            "the address is refused, not the URL: {url}: {result}"
        );
    }
    assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_guest_that_asks_without_end_is_stopped_and_the_next_one_is_answered() -> Result<()> {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let port = server.address().port();
    let loopback = "127.0.0.1/32".parse().map_err(anyhow::Error::msg)?;
    let world = World::with("http", |options| {
        let limited = format!("limits = {{ host-calls = 20 }}\ngrants = {{ http = [\"http://127.0.0.1:{port}/\", ");
        options.replace = Some(("grants = { http = [\"http://127.0.0.1:80/allowed/\", ".to_owned(), limited));
        options.egress =
            Some(EgressRules { private_networks: vec![loopback], allow_plain_http: true, ..EgressRules::default() });
    })
    .await?;
    let call = || send("GET", format!("{}/", server.uri()));
    let record = world.decide_calls("alpha", None, vec![call(); 1_000].into()).await?;
    assert!(record.decision.reasoning.contains("more than 20 host calls"), "{}", record.decision.reasoning);
    let asked = server.received_requests().await.map(|requests| requests.len()).unwrap_or_default();
    assert!(asked <= 20, "{asked} requests left");
    assert_eq!(world.calls(json!([call()])).await?[0]["ok"]["status"], 200);
    Ok(())
}
