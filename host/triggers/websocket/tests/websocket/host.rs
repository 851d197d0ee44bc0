use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signalbox_http::{HttpConfig, serve_http};
use signalbox_intake::{Intake, IntakeConfig};
use signalbox_model::{Clock, HumanDuration, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Store};
use signalbox_tests_decider::{Script, ScriptedDecider, roles, verifier};
use signalbox_trigger_websocket::{WebSocket, WebSocketConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;

pub use signalbox_tests_decider::token_with;

/// A host with everything but an executor.
pub struct Host {
    pub address: SocketAddr,
    pub decider: Arc<ScriptedDecider>,
    pub store: Store,
    pub sessions: Sessions,
    pub intake: Intake,
    pub websocket: WebSocket,
    pub stop: CancellationToken,
    pub server: JoinHandle<()>,
}

/// What a test may change.
#[derive(Default)]
pub struct Settings {
    pub websocket: WebSocketConfig,
    pub intake: IntakeConfig,
    pub http: HttpConfig,
}

impl Host {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Store::open(Config::memory()).await.unwrap(), change).await
    }

    /// A host on a store that may have seen other hosts.
    pub async fn on(store: Store, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        // A slow answer of a test machine under load must not close the connection.
        settings.websocket.pong_timeout = HumanDuration::secs(60);
        change(&mut settings);
        let stop = CancellationToken::new();
        let decider = ScriptedDecider::new(store.clone(), Script::of_messages());
        let sessions = Sessions::new(settings.websocket.connections_per_user);
        let (intake, relay) = decider.intake(settings.intake, sessions.clone(), Clock::system());
        tokio::spawn(relay.run(stop.clone()));
        let websocket = WebSocket::new(
            settings.websocket,
            Arc::new(verifier()),
            intake.clone(),
            sessions.clone(),
            store.clone(),
            Clock::system(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve_http(settings.http, listener, websocket.router(), stop.clone()));
        Self { address, decider, store, sessions, intake, websocket, stop, server }
    }

    /// Connects with a token in the header and reads the welcome.
    pub async fn connect(&self, token: &str) -> Client {
        let mut client = Client::open(self.address, &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
        client.expect("welcome").await;
        client
    }

    /// Ana, coordinator of trattoria.
    pub async fn ana(&self) -> Client {
        self.connect(&ana()).await
    }

    /// Waits until no effect is left to deliver.
    pub async fn until_delivered(&self) {
        let wait = async {
            while !self.store.pending_decisions(Timestamp::MAX, 10).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::client::TEST_TIMEOUT, wait).await.expect("something is never delivered");
    }

    /// Waits until other tasks have made the condition true.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let wait = async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::client::TEST_TIMEOUT, wait).await.expect("it never happened");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn ana() -> String {
    token("ana", &[("trattoria", "coordinator")], 3_600)
}

pub fn token(user: &str, businesses: &[(&str, &str)], seconds: i64) -> String {
    token_with(json!({
        "sub": user,
        "exp": Timestamp::now().as_second() + seconds,
        "businesses": roles(businesses),
    }))
}
