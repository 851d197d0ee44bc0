//! The operator's view: every failure and every success has a log line with the client's correlation id, and a metric.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;

use futures_util::SinkExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use super::host::{Host, token};

/// On a busy machine a decision takes long; it must not cause an acknowledgement here.
const LATE: signalbox_model::HumanDuration = signalbox_model::HumanDuration::secs(60);

thread_local! {
    /// The log lines of this thread, on which a whole test runs.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts logging for all threads: tracing caches that a line has no subscriber, so logging on one thread only would
/// miss lines.
fn log() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = "info,signalbox_trigger_websocket=trace,signalbox_intake=trace,signalbox_http=trace,signalbox_sessions=trace,signalbox_delivery=trace";
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(|| ThisThread).init();
    });
}

fn lines() -> Vec<Value> {
    let text = LOGGED.with_borrow(|logged| String::from_utf8(logged.clone()).unwrap());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_error_is_logged_with_its_correlation_id_and_counted() {
    log();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);

    let host = Host::start().await;
    let mut client = host.ana().await;
    let mut errors = Vec::new();
    let message = |business: &str, content: Value| {
        json!({"type": "message", "id": "m1", "businessId": business, "content": content}).to_string()
    };
    let bad = [
        ("{".to_owned(), "not_json"),
        (r#"{"type":"ping","x":1}"#.to_owned(), "invalid_field"),
        (message("trattoria", json!({})), "content_empty"),
        (message("nowhere", json!({"text": "hi"})), "business_not_found"),
        (message("trattoria", json!({"text": "outage"})), "store_unavailable"),
    ];
    for (text, code) in bad {
        client.send_text(&text).await;
        errors.push((code, client.expect_error(code).await));
    }
    client.socket.send(Message::binary(vec![0])).await.unwrap();
    errors.push(("binary_frame", client.expect_error("binary_frame").await));
    client.expect_close().await;
    let mut late = Client::open(host.address, &[]).await.unwrap();
    late.send(json!({"type": "auth", "token": token("ana", &[], -1)})).await;
    errors.push(("token_expired", late.expect_error("token_expired").await));
    late.expect_close().await;
    host.until(|host| host.websocket.sockets() == 0).await;

    let logged = lines();
    let rendered = metrics.render();
    for (code, error) in errors {
        let line = logged.iter().find(|line| line["fields"]["correlation_id"] == error["correlationId"]);
        let line = line.unwrap_or_else(|| panic!("no line for {error}"));
        assert_eq!(line["fields"]["code"], code);
        assert_eq!(line["span"]["name"], "connection", "and the line knows its connection: {line}");
        let counted = format!("signalbox_websocket_errors_total{{code=\"{code}\"}} 1");
        assert!(rendered.contains(&counted), "{counted} is not in\n{rendered}");
    }
    for counted in [
        "signalbox_websocket_closes_total{code=\"1003\"} 1",
        "signalbox_websocket_closes_total{code=\"4402\"} 1",
        "signalbox_messages_total{source=\"websocket\",result=\"rejected\"} 2",
        "signalbox_messages_total{source=\"websocket\",result=\"error\"} 1",
        "signalbox_websocket_connections 0",
        "signalbox_websocket_sockets 0",
        "signalbox_inputs_in_flight 0",
    ] {
        assert!(rendered.contains(counted), "{counted} is not in\n{rendered}");
    }
}

#[tokio::test]
async fn invalid_ids_of_clients_are_not_logged() {
    log();
    let host = Host::start().await;
    let mut client = host.ana().await;
    let content = json!({"text": "hi"});
    for id in ["Ana was here", "\u{202e}ereh saw Ana", "naïve"] {
        client.send(json!({"type": "message", "id": id, "businessId": "trattoria", "content": content})).await;
        client.expect_error("invalid_message_id").await;
    }
    let named = json!({"type": "message", "id": "m1", "businessId": "nowhere", "content": content});
    client.send(named).await;
    client.expect_error("business_not_found").await;
    for (business, decision) in [("Ana was here", "dec_1"), ("trattoria", "Ana was here")] {
        client
            .send(json!({
                "type": "review", "id": "r1", "businessId": business, "decisionId": decision, "verdict": "approve",
            }))
            .await;
        client.expect("error").await;
    }
    let mut stranger = Client::open(host.address, &[]).await.unwrap();
    // The header of an unsigned token: {"alg":"Ana was here"}.
    stranger.send(json!({"type": "auth", "token": "eyJhbGciOiJBbmEgd2FzIGhlcmUifQ.e30.AAAA"})).await;
    stranger.expect("error").await;
    let logged: Vec<String> = lines().iter().map(Value::to_string).collect();
    assert!(logged.iter().any(|line| line.contains("invalid_message_id")) && logged.len() > 5, "{logged:?}");
    for word in ["was here", "ereh", "naïve"] {
        assert!(logged.iter().all(|line| !line.contains(word)), "{word}: {logged:#?}");
    }
    assert!(logged.iter().any(|line| line.contains("\"message_id\":\"m1\"")), "what is an id helps: {logged:#?}");
}

#[tokio::test]
async fn a_message_carries_its_correlation_id_from_frame_to_reply() {
    log();
    let host = Host::with(|settings| settings.intake.ack_after = LATE).await;
    let mut client = host.ana().await;
    client.send_message("m1", "hi").await;
    let ack = client.expect("ack").await;
    client.expect("response").await;
    let decided = lines().into_iter().find(|line| line["fields"]["message"] == "input decided").unwrap();
    let span = decided["spans"].as_array().unwrap().iter().find(|span| span["name"] == "input").unwrap();
    assert_eq!(span["correlation_id"], ack["correlationId"]);
    assert_eq!(span["input_id"], ack["inputId"]);
    assert_eq!(span["business_id"], "trattoria");
    assert_eq!(decided["fields"]["decision_id"], ack["decisionId"]);
}

#[tokio::test]
async fn no_token_is_ever_logged() {
    log();
    let host = Host::start().await;
    let token = super::host::ana();
    let mut client = host.connect(&token).await;
    client.send(json!({"type": "refresh", "token": token})).await;
    client.expect("refreshed").await;
    client.send(json!({"type": "refresh", "token": format!("{token}x")})).await;
    client.expect("error").await;
    let protocols = format!("signalbox.v1, bearer.{token}");
    Client::open(host.address, &[("sec-websocket-protocol", &protocols)]).await.unwrap().expect("welcome").await;
    let signature = token.rsplit('.').next().unwrap();
    let logged: Vec<String> = lines().iter().map(Value::to_string).collect();
    assert!(logged.iter().any(|line| line.contains("token_signature") || line.contains("token_malformed")));
    assert!(logged.iter().all(|line| !line.contains(signature)), "{logged:?}");
}
