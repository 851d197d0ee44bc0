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

/// The largest key set that is read.
const MAX_KEY_SET_BYTES: usize = 256 * 1024;

/// The most keys that are used of a set, because a token without a `kid` is tried with every key.
const MAX_KEYS: usize = 64;

/// The keys that an issuer publishes. One task fetches them into a cache that all verifications read.
#[derive(Debug)]
pub(super) struct Jwks {
    cache: Arc<ArcSwap<CachedKeys>>,
    refresh_requests: mpsc::Sender<oneshot::Sender<()>>,
    max_age: Duration,
}

#[derive(Debug, Default)]
pub(super) struct CachedKeys {
    pub keys: Vec<Key>,
    /// When the latest fetch ended, whether it succeeded or not.
    attempted_at: Option<Instant>,
    /// Whether the latest fetch succeeded.
    is_fetched: bool,
}

impl Jwks {
    pub fn start(config: &JwksConfig) -> Result<Self, KeyError> {
        let insecure = || KeyError::InsecureJwks(config.url.clone());
        let url = Url::parse(&config.url).ok().filter(is_https_or_loopback).ok_or_else(insecure)?;
        let client = reqwest::Client::builder()
            .timeout(config.timeout.0)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| KeyError::Client(error.to_string()))?;
        let cache = Arc::new(ArcSwap::from_pointee(CachedKeys::default()));
        let (refresh_requests, receiver) = mpsc::channel(64);
        tokio::spawn(run_refresh(client, url, config.min_interval.0, cache.clone(), receiver));
        Ok(Self { cache, refresh_requests, max_age: config.max_age.0 })
    }

    /// The keys of the latest fetch that succeeded.
    pub fn cached(&self) -> Arc<CachedKeys> {
        self.cache.load_full()
    }

    /// Requests a fetch in the background when the latest fetch is older than `max-age`.
    pub fn refresh_if_stale(&self) {
        let is_stale = self.cache.load().attempted_at.is_some_and(|at| at.elapsed() >= self.max_age);
        if is_stale {
            // When the queue is full, a fetch has been requested already.
            let _ = self.refresh_requests.try_send(oneshot::channel().0);
        }
    }

    /// Waits for a fetch, unless the latest is younger than `min-interval`; returns whether the latest fetch succeeded.
    /// Concurrent callers share one fetch.
    pub async fn refresh(&self) -> bool {
        let (done, wait) = oneshot::channel();
        if self.refresh_requests.send(done).await.is_err() || wait.await.is_err() {
            return false;
        }
        self.cache.load().is_fetched
    }
}

fn is_https_or_loopback(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

/// Answers each refresh request once the latest fetch is young enough. Ends when the verifier is dropped.
async fn run_refresh(
    client: reqwest::Client,
    url: Url,
    min_interval: Duration,
    cache: Arc<ArcSwap<CachedKeys>>,
    mut requests: mpsc::Receiver<oneshot::Sender<()>>,
) {
    while let Some(first) = requests.recv().await {
        let before = cache.load_full();
        // After a failed fetch the keys are needed sooner, but an issuer with problems must not be flooded with
        // requests.
        let interval = if before.is_fetched { min_interval } else { min_interval / 10 };
        if before.attempted_at.is_none_or(|at| at.elapsed() >= interval) {
            let (keys, is_fetched) = match fetch(&client, &url).await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), %url, "fetched the issuer's keys");
                    (keys, true)
                }
                Err(reason) => {
                    tracing::warn!(%reason, %url, "cannot fetch the issuer's keys; the known ones stay");
                    (before.keys.clone(), false)
                }
            };
            cache.store(Arc::new(CachedKeys { keys, attempted_at: Some(Instant::now()), is_fetched }));
        }
        // Requests that came during the fetch are answered by it too.
        let _ = first.send(());
        while let Ok(other) = requests.try_recv() {
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
        if body.len() + chunk.len() > MAX_KEY_SET_BYTES {
            return Err(format!("the key set is larger than {MAX_KEY_SET_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    let set: Set = serde_json::from_slice(&body).map_err(|error| format!("the answer is no key set: {error}"))?;
    Ok(verification_keys(set.keys))
}

/// The keys that can verify tokens. Sets have keys for other purposes too, and one that cannot be read must not make
/// the other keys unusable.
fn verification_keys(published: Vec<serde_json::Value>) -> Vec<Key> {
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
