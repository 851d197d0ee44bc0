use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::redirect;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use url::{Host, Url};

use super::keys::Key;
use super::{JwksConfig, KeyError};

/// A key set with hundreds of keys is a mistake or an attack: a token without a `kid` is tried with every one.
const MAX_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;

/// The keys an issuer publishes. One task fetches them; everybody reads what it found last.
#[derive(Debug)]
pub(super) struct Jwks {
    known: Arc<ArcSwap<KnownKeys>>,
    asks: mpsc::Sender<oneshot::Sender<()>>,
    max_age: Duration,
}

#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    pub keys: Vec<Key>,
    looked_at: Option<Instant>,
    /// Whether the latest look succeeded.
    fetched: bool,
}

impl Jwks {
    pub fn start(config: &JwksConfig) -> Result<Self, KeyError> {
        let insecure = || KeyError::InsecureJwks(config.url.clone());
        let url = Url::parse(&config.url).ok().filter(is_safe).ok_or_else(insecure)?;
        let client = reqwest::Client::builder()
            .timeout(config.timeout.0)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| KeyError::Client(error.to_string()))?;
        let known = Arc::new(ArcSwap::from_pointee(KnownKeys::default()));
        let (asks, inbox) = mpsc::channel(64);
        tokio::spawn(keep(client, url, config.min_interval.0, known.clone(), inbox));
        Ok(Self { known, asks, max_age: config.max_age.0 })
    }

    /// What was found at the latest look that succeeded.
    pub fn known(&self) -> Arc<KnownKeys> {
        self.known.load_full()
    }

    /// Has the keys fetched in the background when the last look is long ago.
    pub fn refresh_when_old(&self) {
        let old = self.known.load().looked_at.is_some_and(|at| at.elapsed() >= self.max_age);
        if old {
            // When the queue is full, somebody else has asked already.
            let _ = self.asks.try_send(oneshot::channel().0);
        }
    }

    /// Looks again, unless somebody just did; says whether the latest look succeeded. Any number of callers share one
    /// fetch.
    pub async fn refresh(&self) -> bool {
        let (done, wait) = oneshot::channel();
        if self.asks.send(done).await.is_err() || wait.await.is_err() {
            return false;
        }
        self.known.load().fetched
    }
}

fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// Answers each ask after a look that is recent enough. Ends with the verifier.
async fn keep(
    client: reqwest::Client,
    url: Url,
    min_interval: Duration,
    known: Arc<ArcSwap<KnownKeys>>,
    mut inbox: mpsc::Receiver<oneshot::Sender<()>>,
) {
    while let Some(first) = inbox.recv().await {
        let before = known.load_full();
        // After a failure the keys are needed sooner, but an issuer in trouble is not to be flooded either.
        let pause = if before.fetched { min_interval } else { min_interval / 10 };
        if before.looked_at.is_none_or(|at| at.elapsed() >= pause) {
            let (keys, fetched) = match fetch(&client, &url).await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), %url, "fetched the issuer's keys");
                    (keys, true)
                }
                Err(reason) => {
                    tracing::warn!(%reason, %url, "cannot fetch the issuer's keys; the known ones stay");
                    (before.keys.clone(), false)
                }
            };
            known.store(Arc::new(KnownKeys { keys, looked_at: Some(Instant::now()), fetched }));
        }
        // Whoever asked meanwhile is answered by the same look.
        let _ = first.send(());
        while let Ok(other) = inbox.try_recv() {
            let _ = other.send(());
        }
    }
}

async fn fetch(client: &reqwest::Client, url: &Url) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let describe = |error: reqwest::Error| error.without_url().to_string();
    let mut response = client.get(url.clone()).send().await.map_err(describe)?;
    if !response.status().is_success() {
        return Err(format!("the answer is {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(format!("the key set is larger than {MAX_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let set: Set = serde_json::from_slice(&body).map_err(|error| format!("the answer is no key set: {error}"))?;
    Ok(usable(set.keys))
}

/// The keys that can verify tokens. Sets hold keys for other purposes too, and one that nobody can read concerns no
/// other.
fn usable(published: Vec<serde_json::Value>) -> Vec<Key> {
    let mut keys = Vec::new();
    for (index, jwk) in published.into_iter().enumerate() {
        let kid =
            jwk.get("kid").and_then(serde_json::Value::as_str).map(|kid| kid.chars().take(64).collect::<String>());
        match Key::from_jwk(jwk) {
            Ok(key) if keys.len() < MAX_KEYS => keys.push(key),
            Ok(_) => tracing::warn!(index, kid, "a published key is passed over: there are more than {MAX_KEYS}"),
            Err(reason) => tracing::debug!(index, kid, "a published key is passed over: {reason}"),
        }
    }
    if keys.is_empty() {
        tracing::warn!("the issuer publishes no key that can verify tokens");
    }
    keys
}
