//! The data that passes through a host is for its senders and receivers only: the host's log holds none of it.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, Client, DEADLINE, Host, Setup};

use super::webhooks::{HOOK, SECRET, SECRETS};
use super::{misbehaving_with, until, webhooks};

/// Every input holds this text somewhere, with a different suffix in each place.
const CANARY: &str = "kanarienvogel";

fn canary(place: &str) -> String {
    format!("{CANARY}-{place}")
}

/// The texts that no log line may hold: the canaries, and tokens in whole and in parts.
struct Secrets(Vec<String>);

impl Secrets {
    fn token(&mut self, token: &str) {
        self.0.push(token.to_owned());
        // All tokens have the same header; their claims and signatures differ.
        self.0.extend(token.split('.').skip(1).map(str::to_owned));
    }

    fn found_in(&self, lines: &[String]) -> Vec<String> {
        let holds = |line: &&String| self.0.iter().any(|secret| line.contains(secret.as_str()));
        lines.iter().filter(holds).cloned().collect()
    }
}

#[tokio::test]
async fn no_token_secret_or_message_is_printed_at_any_log_level() -> Result<()> {
    let (_folder, path) = misbehaving_with(HOOK)?;
    let setup = Setup::new()?.business("alpha", "probe-failures")?.bundle(path);
    fs::write(setup.path().join("events"), SECRET)?;
    // A filter that names libraries does not let them log it either.
    let telemetry = "[telemetry]\nlog = \"trace,hyper=trace,tungstenite=trace,tokio_tungstenite=trace,rustls=trace\"\n";
    let mut host = setup.config(SECRETS).config(telemetry).start().await?;
    let mut secrets = Secrets(vec![CANARY.to_owned(), SECRET.trim_start_matches("whsec_").to_owned()]);

    speak(&host, &mut secrets).await?;
    call(&host, &mut secrets).await?;
    let body = json!({ "order": canary("webhook") }).to_string();
    let (status, answer) = webhooks::deliver(&host, "msg_1", &body, SECRET).await?;
    assert_eq!(status, 202, "{answer}");
    until("everything is decided", async || Ok(super::decisions(&host, "alpha").await? >= 6)).await?;
    host.terminate()?;
    assert!(host.ended().await?.success());

    let lines = host.log().text();
    assert!(lines.iter().any(|line| line.contains("told the client of an error")), "the log is not what is looked at");
    let found = secrets.found_in(&lines);
    assert!(found.is_empty(), "{} lines of {}, among them\n{}", found.len(), lines.len(), found.join("\n"));
    Ok(())
}

/// Sends valid and invalid frames over WebSocket, with the token in each of its three places.
async fn speak(host: &Host, secrets: &mut Secrets) -> Result<()> {
    let mint = |user: &str| host.setup().token(user).business("alpha", &["coordinator"]).mint();
    let (header, protocol, frame) = (mint("ana")?, mint("bea")?, mint("cleo")?);
    for token in [&header, &protocol, &frame] {
        secrets.token(token);
    }
    let mut in_header = Client::connect(host.websocket(), &header).await?;
    let named = format!("signalbox.v1, bearer.{protocol}");
    let mut in_protocol = Client::connect_with(host.websocket(), &[("sec-websocket-protocol", &named)]).await?;
    in_protocol.expect("welcome").await?;
    let mut in_frame = Client::connect_with(host.websocket(), &[("cookie", &canary("cookie"))]).await?;
    in_frame.send(&json!({ "type": "auth", "token": frame })).await?;
    in_frame.expect("welcome").await?;
    for (client, place) in [(&mut in_header, "header"), (&mut in_protocol, "protocol"), (&mut in_frame, "frame")] {
        client.ask("alpha", &format!("hello {}", canary(place))).await?;
    }
    // A message that is refused, one whose guest traps, and a text that is not a frame.
    in_header.say("nowhere", &canary("refused")).await?;
    in_header.expect("error").await?;
    let content = json!({ "text": "panic", "data": { "note": canary("trap") } });
    in_header.send(&json!({ "type": "message", "id": "m-trap", "businessId": "alpha", "content": content })).await?;
    in_header.expect("error").await?;
    in_header.send(&json!({ "type": canary("type"), "text": canary("text") })).await?;
    in_header.expect("error").await?;
    let forged = format!("{header}{}", "x".repeat(4));
    secrets.token(&forged);
    let mut refused = Client::connect_with(host.websocket(), &[]).await?;
    refused.send(&json!({ "type": "auth", "token": forged })).await?;
    refused.closed().await?;
    Ok(())
}

/// Sends valid and invalid requests to the API.
async fn call(host: &Host, secrets: &mut Secrets) -> Result<()> {
    let token = host.setup().token("dora").business("alpha", &["coordinator"]);
    let caller = Caller::new(&token)?;
    let input = json!({ "content": { "text": format!("hello {}", canary("api")) } });
    let headers = [("cookie", canary("api-cookie")), ("x-api-key", canary("key"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (status, answer) = caller.post(host, "/v1/businesses/alpha/inputs", &headers, &input).await?;
    assert!((200..300).contains(&status), "{status} {answer}");
    let client = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?;
    let minted = token.mint()?;
    secrets.token(&minted);
    for (token, body) in [(canary("token"), input.to_string()), (minted, canary("body"))] {
        let request = client.post(format!("{}/v1/businesses/alpha/inputs", host.url())).bearer_auth(token);
        let response = request.header("content-type", "application/json").body(body).send().await?;
        let problem: Value = serde_json::from_str(&response.text().await?).context("no problem details")?;
        assert!(problem.get("code").is_some(), "it is refused: {problem}");
    }
    Ok(())
}
