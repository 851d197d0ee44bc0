//! The HTTP API on a scripted decider, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use signalbox_http::{HttpConfig, serve_http};
use signalbox_intake::{Intake, IntakeConfig};
use signalbox_model::{Clock, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Store};
use signalbox_trigger_api::{Api, ApiConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Script, ScriptedDecider, roles, verifier};

pub use crate::token_with;

/// The longest wait of a test; only a test that fails reaches it.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A host with the API and everything but an executor.
pub struct Host {
    pub address: SocketAddr,
    pub decider: Arc<ScriptedDecider>,
    pub store: Store,
    pub intake: Intake,
    client: Client,
    stop: CancellationToken,
}

/// What a test may change.
#[derive(Default)]
pub struct Settings {
    pub api: ApiConfig,
    pub intake: IntakeConfig,
    /// The routes of the host's documents.
    pub documents: Router,
}

impl Host {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let store = Store::open(Config::memory()).await.unwrap();
        let stop = CancellationToken::new();
        let script = Script::of_messages().panic_at("broken");
        let decider = ScriptedDecider::new(store.clone(), script);
        let (intake, relay) = decider.intake(settings.intake, Sessions::new(10), Clock::system());
        tokio::spawn(relay.run(stop.clone()));
        let api = Api::new(settings.api, Arc::new(verifier()), intake.clone(), store.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_http(HttpConfig::default(), listener, api.router(settings.documents), stop.clone()));
        let client = Client::builder().timeout(TEST_TIMEOUT).no_proxy().build().unwrap();
        Self { address, decider, store, intake, client, stop }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of Ana, who coordinates trattoria, handled, silent and broken.
    pub fn ana(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(ana())
    }

    pub async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path).bearer_auth(token).send().await.unwrap()).await
    }

    /// Creates an input with a text at trattoria.
    pub async fn create_input(&self, text: &str) -> (u16, Value) {
        let body = json!({"content": {"text": text}});
        let request = self.ana(Method::POST, "/v1/businesses/trattoria/inputs").json(&body);
        read(request.send().await.unwrap()).await
    }

    /// The same, and waits for the decision.
    pub async fn ask(&self, token: &str, business: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/businesses/{business}/inputs?wait=30");
        read(self.request(Method::POST, &path).bearer_auth(token).json(body).send().await.unwrap()).await
    }

    /// Queries an input until it is decided.
    pub async fn decided(&self, href: &str) -> Value {
        let asking = async {
            loop {
                let (status, input) = self.get(&ana(), href).await;
                assert_eq!(status, 200, "{input}");
                if input["state"] != "accepted" {
                    return input;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, asking).await.expect("it is never decided")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Status and body.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let problem = response.headers()["content-type"] == "application/problem+json";
    let correlation = response.headers()["x-correlation-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(problem, status >= 400, "{body}");
    if problem {
        assert_eq!(body["status"], status);
        assert_eq!(body["correlationId"], correlation);
    }
    (status, body)
}

pub fn ana() -> String {
    let business = ["trattoria", "handled", "silent", "broken"];
    token("ana", &business.map(|business| (business, "coordinator")))
}

pub fn token(user: &str, businesses: &[(&str, &str)]) -> String {
    token_with(json!({"sub": user, "exp": Timestamp::now().as_second() + 3_600, "businesses": roles(businesses)}))
}
