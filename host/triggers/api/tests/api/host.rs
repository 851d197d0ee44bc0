use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_delivery::{Relay, RelayConfig};
use signalbox_http::{AuthConfig, HttpConfig, KeyAlgorithm, KeyConfig, Verifier, serve_http};
use signalbox_intake::{Decide, Intake, IntakeConfig, PermissionAudience};
use signalbox_model::{Clock, HumanDuration, SecretReference, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Store};
use signalbox_trigger_api::{Api, ApiConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;

const SECRET: &str = "a secret for tests, of thirty-two bytes or more";

/// For whatever a test waits for; only a test that fails ever waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A host with everything but an executor.
pub struct Host {
    pub address: SocketAddr,
    pub desk: Arc<Desk>,
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
        let desk = Arc::new(Desk::new(store.clone()));
        let decide: Arc<dyn Decide> = desk.clone();
        let audience = Arc::new(PermissionAudience(decide.clone()));
        let (relay, task) = Relay::new(RelayConfig::default(), store.clone(), Sessions::new(10), audience);
        tokio::spawn(task.run(stop.clone()));
        let intake = Intake::new(settings.intake, decide, store.clone(), relay, Clock::system());
        let key = KeyConfig { algorithm: KeyAlgorithm::Hs256, kid: None, key: SecretReference::Env("TEST".to_owned()) };
        let auth = AuthConfig { leeway: HumanDuration::secs(0), keys: vec![key], ..AuthConfig::default() };
        let verifier = Verifier::new(&auth, |_| Ok(SecretString::from(SECRET)), Clock::system()).unwrap();
        let api = Api::new(settings.api, Arc::new(verifier), intake.clone(), store.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_http(HttpConfig::default(), listener, api.router(super::document_routes()), stop.clone()));
        let client = Client::builder().timeout(PATIENCE).no_proxy().build().unwrap();
        Self { address, desk, store, intake, client, stop }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of Ana, coordinator of trattoria, handled, closed and broken.
    pub fn ana(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(ana())
    }

    pub async fn get(&self, token: &str, path: &str) -> (u16, Value) {
        read(self.request(Method::GET, path).bearer_auth(token).send().await.unwrap()).await
    }

    /// Gives in a text at trattoria.
    pub async fn give(&self, text: &str) -> (u16, Value) {
        let body = json!({"content": {"text": text}});
        let request = self.ana(Method::POST, "/v1/businesses/trattoria/inputs").json(&body);
        read(request.send().await.unwrap()).await
    }

    /// The same, and waits for the decision.
    pub async fn ask(&self, token: &str, business: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/businesses/{business}/inputs?wait=30");
        read(self.request(Method::POST, &path).bearer_auth(token).json(body).send().await.unwrap()).await
    }

    /// Asks for an input until it is decided.
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
        tokio::time::timeout(PATIENCE, asking).await.expect("it is never decided")
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
    let business = ["trattoria", "handled", "closed", "broken"];
    token("ana", &business.map(|business| (business, "coordinator")))
}

pub fn token(user: &str, businesses: &[(&str, &str)]) -> String {
    let roles: serde_json::Map<String, Value> =
        businesses.iter().map(|(id, role)| ((*id).to_owned(), json!({"roles": [role]}))).collect();
    token_with(json!({"sub": user, "exp": Timestamp::now().as_second() + 3_600, "businesses": roles}))
}

pub fn token_with(claims: Value) -> String {
    let mut all = json!({"iss": "signalbox", "aud": "signalbox"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jsonwebtoken::encode(&Header::default(), &all, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}
