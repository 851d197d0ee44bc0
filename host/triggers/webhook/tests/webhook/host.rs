use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;
use signalbox_graph::{Inputs, Verify, VerifyScheme, WebhookInput};
use signalbox_http::{HttpConfig, serve_http};
use signalbox_intake::{Intake, IntakeConfig};
use signalbox_model::{Clock, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Store};
use signalbox_tests_decider::{Script, ScriptedDecider, businesses, handlers};
use signalbox_trigger_webhook::{WebhookConfig, WebhookSecrets, Webhooks};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub const NEXT_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A secret that only the clinic has, once a test gives it one.
pub const CLINICS_SECRET: &str = "whsec_c2lnbmFsYm94LWNsaW5pYy1zZWNyZXQtMzItYnl0ZXM=";
pub const RETIRED_SECRET: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";

/// Far longer than anything here takes, so that only a hang reaches it.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A host with everything but an executor.
pub struct Host {
    pub address: SocketAddr,
    pub decider: Arc<ScriptedDecider>,
    pub store: Store,
    pub intake: Intake,
    pub webhooks: Webhooks,
    client: reqwest::Client,
    stop: CancellationToken,
}

/// What a test may change.
pub struct Settings {
    pub webhooks: WebhookConfig,
    pub intake: IntakeConfig,
    pub clock: Clock,
    /// Secrets `BOOKINGS` of single businesses.
    pub own: Vec<(&'static str, Vec<&'static str>)>,
}

/// The answer to a sender.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub fn retry_after(&self) -> Option<u64> {
        self.headers.get("retry-after").map(|seconds| seconds.to_str().unwrap().parse().unwrap())
    }
}

/// `plain` without a handler and `read` with one by Standard Webhooks, `code` by GitHub, `pay` by Stripe, and `lost`,
/// whose secret is not configured.
pub fn inputs() -> Inputs {
    let hook = |handler: Option<&str>, scheme, secret: &str| WebhookInput {
        handler: handler.map(str::to_owned),
        verify: Verify { scheme, secret: secret.to_owned() },
    };
    let webhook = [
        ("plain", hook(None, VerifyScheme::StandardWebhooks, "BOOKINGS")),
        ("read", hook(Some("reader"), VerifyScheme::StandardWebhooks, "BOOKINGS")),
        ("code", hook(None, VerifyScheme::Github, "CODE")),
        ("pay", hook(None, VerifyScheme::Stripe, "PAYMENTS")),
        ("lost", hook(None, VerifyScheme::Github, "LOST")),
    ];
    Inputs { webhook: webhook.map(|(name, hook)| (name.to_owned(), hook)).into(), ..Inputs::default() }
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
        let mut settings = Settings {
            webhooks: WebhookConfig::default(),
            intake: IntakeConfig::default(),
            clock: Clock::system(),
            own: Vec::new(),
        };
        change(&mut settings);
        let stop = CancellationToken::new();
        let script = businesses()
            .iter()
            .fold(Script::of(businesses()), |script, business| script.deploy(&business.business_id, inputs()));
        let decider = ScriptedDecider::new(store.clone(), script.handler(handlers::instructions));
        let (intake, relay) = decider.intake(settings.intake, Sessions::new(1), settings.clock.clone());
        tokio::spawn(relay.run(stop.clone()));
        let secret = |text: &str| SecretString::from(text);
        let secrets = [
            ("BOOKINGS", vec![secret(SECRET), secret(NEXT_SECRET)]),
            ("CODE", vec![secret("It's a Secret to Everybody")]),
            ("PAYMENTS", vec![secret("whsec_5f6ac4a7d1e2b3c49f80")]),
        ];
        let shared = secrets.map(|(name, secrets)| (name.to_owned(), secrets)).into();
        let own = settings.own.into_iter().map(|(business, secrets)| {
            let secrets = secrets.into_iter().map(secret).collect();
            (business.to_owned(), [("BOOKINGS".to_owned(), secrets)].into())
        });
        let secrets = WebhookSecrets { shared, own: own.collect() };
        let webhooks = Webhooks::new(settings.webhooks, secrets, intake.clone(), store.clone(), settings.clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_http(HttpConfig::default(), listener, webhooks.router(), stop.clone()));
        let client = reqwest::Client::builder().no_proxy().timeout(TEST_TIMEOUT).build().unwrap();
        Self { address, decider, store, intake, webhooks, client, stop }
    }

    pub async fn post(&self, path: &str, headers: &[(&str, String)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.client.post(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.body(body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    /// A delivery by Standard Webhooks, signed now by the published library.
    pub async fn deliver(&self, hook: &str, id: &str, body: &str) -> Answer {
        self.post(&format!("/webhooks/trattoria/{hook}"), &signed(SECRET, id, now(), body), body.to_owned()).await
    }

    /// Sends raw bytes, and reads until the host closes the connection.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(TEST_TIMEOUT, socket.read_to_end(&mut answer)).await.expect("it stays open").unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// Waits until that many decisions are made.
    pub async fn decided(&self, count: usize) {
        let wait = async {
            while self.decider.started_texts().len() < count || !self.store.pending_inputs(1).await.unwrap().is_empty()
            {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, wait).await.expect("it is never decided");
        assert_eq!(self.decider.started_texts().len(), count);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn now() -> i64 {
    Timestamp::now().as_second()
}

pub fn signed(secret: &str, id: &str, time: i64, body: &str) -> Vec<(&'static str, String)> {
    let signature = Webhook::new(secret).unwrap().sign(id, time, body.as_bytes()).unwrap();
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)]
}
