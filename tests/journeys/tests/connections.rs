//! Guarantees for clients, proxies and load balancers between two requests: no answer spoils the connection for the
//! next request, idle connections stay open, and a host that shuts down says so first.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;
use signalbox_tests_support::{DEADLINE, Host, Setup};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::webhooks::{HOOK, SECRET, SECRETS};
use super::{misbehaving, misbehaving_with, until};

/// Sizes of bodies, from none to more than the host reads of a refused request.
const BODIES: [usize; 4] = [0, 2_000, 100_000, 1_000_000];

/// A host with every kind of route, and a token of a user who may send ten requests.
async fn host(more: &str) -> Result<(tempfile::TempDir, Host)> {
    let (folder, bundle) = misbehaving_with(HOOK)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(bundle);
    std::fs::write(setup.path().join("events"), SECRET)?;
    let limits =
        "[api]\nrequests-per-second = 1\nburst = 10\n[websocket]\nallowed-origins = [\"https://c.example.com\"]\n";
    Ok((folder, setup.config(SECRETS).config(limits).config(more).start().await?))
}

/// Method, path, headers and the status of the answer.
type Refused = (Method, &'static str, Vec<(&'static str, String)>, u16);

/// Requests that are answered before their bodies are read.
fn refused(token: &str) -> Vec<Refused> {
    let bearer = ("authorization", format!("Bearer {token}"));
    let json = ("content-type", "application/json".to_owned());
    const INPUTS: &str = "/v1/businesses/alpha/inputs";
    vec![
        (Method::POST, INPUTS, vec![json.clone()], 401),
        (Method::POST, INPUTS, vec![json.clone(), ("authorization", "Bearer rubbish".to_owned())], 401),
        (Method::PUT, INPUTS, vec![json.clone(), bearer.clone()], 405),
        (Method::POST, "/v1/nowhere", vec![json.clone()], 404),
        (Method::POST, "/nowhere/at/all", vec![], 404),
        (Method::POST, "/openapi.json", vec![], 405),
        (Method::POST, "/webhooks/alpha/nothing", vec![json.clone()], 404),
        (Method::POST, "/webhooks/nobody/events", vec![json.clone()], 404),
        (Method::PUT, "/webhooks/alpha/events", vec![json.clone()], 405),
        (Method::POST, "/webhooks/alpha/events", vec![json.clone(), ("content-encoding", "gzip".to_owned())], 415),
        (Method::POST, "/livez", vec![], 405),
        (Method::POST, "/readyz", vec![], 405),
        (Method::POST, "/metrics", vec![], 405),
        (Method::POST, "/ws", vec![], 405),
        (Method::GET, "/ws", vec![], 426),
        (Method::GET, "/livez", vec![], 200),
        (Method::POST, INPUTS, vec![("content-type", "text/plain".to_owned()), bearer], 415),
    ]
}

#[tokio::test]
async fn no_answer_to_an_unread_request_makes_the_next_request_fail() -> Result<()> {
    let (_folder, host) = host("").await?;
    let token = host.setup().token("shop").business("alpha", &["coordinator"]).mint()?;
    let pooled = reqwest::Client::builder().no_proxy().timeout(DEADLINE).pool_max_idle_per_host(1).build()?;
    let (mut asked, mut limited) = (0, 0);
    for round in 0..6 {
        for (method, path, headers, expected) in refused(&token) {
            for size in BODIES {
                let mut request = pooled.request(method.clone(), format!("{}{path}", host.url()));
                for (name, value) in &headers {
                    request = request.header(*name, value);
                }
                let what = format!("{method} {path} with {size} bytes, round {round}");
                let response = request.body(vec![b'x'; size]).send().await.with_context(|| what.clone())?;
                let status = response.status();
                limited += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
                ensure!(
                    status == expected || (status == StatusCode::TOO_MANY_REQUESTS && expected == 415),
                    "{what}: {status}"
                );
                response.bytes().await.with_context(|| format!("the answer to {what}"))?;
                asked += 1;
            }
        }
    }
    assert!(asked > 400 && limited > 5, "{asked} {limited}");
    Ok(())
}

/// A connection, and the bytes that were read of it.
struct Wire {
    stream: TcpStream,
}

impl Wire {
    async fn connect(host: &Host) -> Result<Self> {
        let address = host.url().trim_start_matches("http://");
        Ok(Self { stream: timeout(DEADLINE, TcpStream::connect(address)).await.context("nobody accepts")?? })
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        timeout(DEADLINE, self.stream.write_all(bytes))
            .await
            .context("nobody reads")?
            .context("the connection is reset")
    }

    /// The next answer's head in lower case, and its body.
    async fn answer(&mut self) -> Result<(String, Vec<u8>)> {
        let reading = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.stream.read_u8().await?);
            }
            let head = String::from_utf8(head)?.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            self.stream.read_exact(&mut body).await?;
            anyhow::Ok((head, body))
        };
        timeout(DEADLINE, reading).await.context("no answer")?
    }

    /// Waits for the end of the connection, which must not be a reset.
    async fn end(mut self) -> Result<()> {
        let mut rest = Vec::new();
        timeout(DEADLINE, self.stream.read_to_end(&mut rest)).await.context("it stays open")?.context("it is reset")?;
        ensure!(rest.is_empty(), "more came: {}", String::from_utf8_lossy(&rest));
        Ok(())
    }
}

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: signalbox\r\n\r\n";

#[tokio::test]
async fn an_answer_before_the_body_was_read_keeps_the_connection_or_ends_it_in_peace_as_announced() -> Result<()> {
    let (_folder, host) = host("").await?;
    let (mut kept, mut ended) = (0, 0);
    for (method, path, headers, expected) in refused("rubbish") {
        for size in BODIES {
            for chunked in [false, true] {
                let mut wire = Wire::connect(&host).await?;
                let framing =
                    if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {size}") };
                let mut request = format!("{method} {path} HTTP/1.1\r\nHost: signalbox\r\n{framing}\r\n");
                headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
                let mut bytes = format!("{request}\r\n").into_bytes();
                match (chunked, size) {
                    (true, 0) => bytes.extend(b"0\r\n\r\n"),
                    (true, size) => {
                        bytes.extend(format!("{size:x}\r\n").into_bytes());
                        bytes.extend(vec![b'x'; size]);
                        bytes.extend(b"\r\n0\r\n\r\n");
                    }
                    (false, size) => bytes.extend(vec![b'x'; size]),
                }
                // Like most clients: the whole request first, then the answer.
                wire.send(&bytes).await.with_context(|| request.clone())?;
                let (head, _) = wire.answer().await.with_context(|| request.clone())?;
                let status: u16 = head.split(' ').nth(1).context("no status")?.parse()?;
                ensure!(status == expected || (expected == 415 && status == 401), "{request}{head}");
                if head.contains("connection: close") || head.contains(", close") {
                    ended += 1;
                    wire.end().await.with_context(|| request.clone())?;
                } else {
                    kept += 1;
                    wire.send(LIVEZ).await.with_context(|| request.clone())?;
                    ensure!(wire.answer().await.with_context(|| request.clone())?.0.starts_with("http/1.1 200"));
                }
            }
        }
    }
    assert!(kept > 60 && ended > 20, "{kept} {ended}: small bodies are read, and large ones are not");
    // A client that waits for `100 Continue` does not get it, and its connection is closed.
    let mut wire = Wire::connect(&host).await?;
    let asks = "POST /v1/businesses/alpha/inputs HTTP/1.1\r\nHost: signalbox\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    wire.send(asks.as_bytes()).await?;
    let (head, _) = wire.answer().await?;
    ensure!(head.starts_with("http/1.1 401") && head.contains("connection: close"), "{head}");
    wire.end().await
}

#[tokio::test]
async fn a_request_names_one_host_and_is_not_ambiguous() -> Result<()> {
    let (_folder, host) = host("").await?;
    for (request, expected) in [
        ("GET /livez HTTP/1.1\r\n\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
        ("GET /livez HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Type: application/json\r\n\r\n", "400"),
        ("POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        ("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
    ] {
        let mut wire = Wire::connect(&host).await?;
        wire.send(request.as_bytes()).await?;
        let (head, body) = wire.answer().await?;
        ensure!(head.split(' ').nth(1) == Some(expected), "{request}{head}");
        if expected != "200" {
            let problem: serde_json::Value = serde_json::from_slice(&body)?;
            ensure!(problem["code"].is_string() && head.contains("connection: close"), "{head}{problem}");
            wire.end().await?;
        }
    }
    let count = host.metric("signalbox_http_requests_malformed_total", &[]).await?;
    assert_eq!(count, Some(6.0));
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_headers_and_not_its_own() -> Result<()> {
    let host = misbehaving()?.config("[http]\nheader-timeout = \"400ms\"\nidle-timeout = \"10m\"\n").start().await?;
    let mut idle = Wire::connect(&host).await?;
    idle.send(LIVEZ).await?;
    ensure!(idle.answer().await?.0.starts_with("http/1.1 200"));
    // Two connections that are cut off one after the other have taken twice the time for headers.
    for _ in 0..2 {
        let mut slow = Wire::connect(&host).await?;
        slow.send(b"GET /livez HTTP/1.1\r\n").await?;
        slow.end().await?;
    }
    idle.send(LIVEZ).await?;
    ensure!(idle.answer().await?.0.starts_with("http/1.1 200"), "it is still there");
    idle.send(b"GET ").await?;
    idle.end().await.context("its next headers have as long as any")?;

    let host = misbehaving()?.config("[http]\nheader-timeout = \"10m\"\nidle-timeout = \"300ms\"\n").start().await?;
    let mut idle = Wire::connect(&host).await?;
    idle.send(LIVEZ).await?;
    ensure!(idle.answer().await?.0.starts_with("http/1.1 200"));
    idle.end().await
}

#[tokio::test]
async fn a_host_that_leaves_serves_on_while_it_is_not_ready_until_balancers_have_noticed() -> Result<()> {
    let mut host = misbehaving()?.shutdown_delay("30m").start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    host.terminate()?;
    until("it is not ready", async || Ok(host.get("/readyz").await?.0 == 503)).await?;

    ana.ask("alpha", "still here?").await?;
    let mut late = host.coordinator("late", "alpha").await?;
    late.ask("alpha", "just come").await?;
    let token = host.setup().token("shop").business("alpha", &["coordinator"]).mint()?;
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let request = client.post(format!("{}/v1/businesses/alpha/inputs?wait=30", host.url())).bearer_auth(token);
    let response = request.json(&json!({"content": {"text": "by program"}})).send().await?;
    ensure!(response.status() == 200, "{}", response.status());
    ensure!(response.headers().get("connection").is_some_and(|value| value == "close"), "the next goes elsewhere");

    host.terminate()?;
    for client in [&mut ana, &mut late] {
        client.expect("reconnect").await?;
        ensure!(client.closed().await?.code == 1012);
    }
    ensure!(host.ended().await?.success(), "a second signal ends the wait, and nothing is lost");
    Ok(())
}

#[tokio::test]
async fn a_host_leaves_by_itself_once_balancers_have_had_their_time() -> Result<()> {
    let mut host = misbehaving()?.shutdown_delay("300ms").start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    host.terminate()?;
    host.log().wait_for("of not being ready", |line| line.to_string().contains("not ready any more")).await?;
    ana.expect("reconnect").await?;
    let ended = timeout(DEADLINE.max(Duration::from_secs(60)), host.ended()).await.context("it stays")??;
    ensure!(ended.success(), "{ended}");
    Ok(())
}
