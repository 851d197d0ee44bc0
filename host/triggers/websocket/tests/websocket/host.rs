use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_delivery::{Relay, RelayConfig};
use signalbox_http::{AuthConfig, HttpConfig, KeyAlgorithm, KeyConfig, Verifier, serve_http};
use signalbox_intake::{Decide, Intake, IntakeConfig, PermissionAudience};
use signalbox_model::{Clock, HumanDuration, SecretReference, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Store};
use signalbox_tests_decider::{Desk, roles};
use signalbox_trigger_websocket::{WebSocket, WebSocketConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;

const SECRET: &str = "a secret for tests, of thirty-two bytes or more";

/// A host with everything but an executor.
pub struct Host {
    pub address: SocketAddr,
    pub desk: Arc<Desk>,
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
        // A test machine under load must not look like a slow client.
        settings.websocket.pong_timeout = HumanDuration::secs(60);
        change(&mut settings);
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk::new(store.clone()));
        let decide: Arc<dyn Decide> = desk.clone();
        let sessions = Sessions::new(settings.websocket.connections_per_user);
        let audience = Arc::new(PermissionAudience(decide.clone()));
        let (relay, task) = Relay::new(RelayConfig::default(), store.clone(), sessions.clone(), audience);
        tokio::spawn(task.run(stop.clone()));
        let intake = Intake::new(settings.intake, decide, store.clone(), relay, Clock::system());
        let auth = AuthConfig {
            leeway: HumanDuration::secs(0),
            keys: vec![KeyConfig {
                algorithm: KeyAlgorithm::Hs256,
                kid: None,
                key: SecretReference::Env("TEST".to_owned()),
            }],
            ..AuthConfig::default()
        };
        let verifier = Verifier::new(&auth, |_| Ok(SecretString::from(SECRET)), Clock::system()).unwrap();
        let websocket = WebSocket::new(
            settings.websocket,
            Arc::new(verifier),
            intake.clone(),
            sessions.clone(),
            store.clone(),
            Clock::system(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve_http(settings.http, listener, websocket.router(), stop.clone()));
        Self { address, desk, store, sessions, intake, websocket, stop, server }
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

    /// Waits until nothing is left to be delivered.
    pub async fn until_delivered(&self) {
        let wait = async {
            while !self.store.pending_decisions(Timestamp::now(), 10).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::client::PATIENCE, wait).await.expect("something is never delivered");
    }

    /// Waits until what another task does has happened.
    pub async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let wait = async {
            while !condition(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(super::client::PATIENCE, wait).await.expect("it never happened");
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

pub fn token_with(claims: Value) -> String {
    let mut all = json!({"iss": "signalbox", "aud": "signalbox"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jsonwebtoken::encode(&Header::default(), &all, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}
