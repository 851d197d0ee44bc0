//! `/livez`, `/readyz` and `/metrics`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signalbox_executor::AbsentBundle;
use signalbox_store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::MetricsAccess;
use crate::usage::Usage;

/// While the store is not well, and after calls of others have failed, it is asked this often; requests to `/readyz` ask
/// nothing and so cannot burden it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// However many calls fail, the store is asked no more often than this.
const AT_MOST_EVERY: Duration = Duration::from_millis(250);

/// Whether the store answered the last check.
pub const STORE_UP: &str = "signalbox_store_up";

/// What readiness depends on.
#[derive(Clone)]
pub struct Health {
    /// What the store's last check said; none is well.
    pub store: watch::Receiver<Option<String>>,
    /// How the bundles stand.
    pub bundles: Arc<dyn Fn() -> BundleStates + Send + Sync>,
    /// Cancelled as soon as the host begins to leave.
    pub leaving: CancellationToken,
}

/// Which business types are served, and which are not.
#[derive(Clone, Debug, Default)]
pub struct BundleStates {
    /// The types that have a bundle.
    pub loaded: Vec<String>,
    /// The bundles that could not be loaded.
    pub absent: Arc<Vec<AbsentBundle>>,
}

impl Health {
    /// Each part with its state, and whether traffic may come. A bundle that could not be loaded keeps none away from the
    /// others: the host is degraded then, and ready.
    pub fn report(&self) -> (bool, Value) {
        let store = self.store.borrow().clone();
        let (leaving, bundles) = (self.leaving.is_cancelled(), (self.bundles)());
        let ready = store.is_none() && !bundles.loaded.is_empty() && !leaving;
        // Anybody may ask, so the folder's path is left out.
        let not_loaded: Vec<Value> = bundles
            .absent
            .iter()
            .map(|bundle| json!({ "businessType": bundle.business_type, "reason": bundle.reason }))
            .collect();
        let degraded = ready && !not_loaded.is_empty();
        let parts = json!({
            "store": { "ok": store.is_none(), "reason": store },
            "bundles": {
                "ok": !bundles.loaded.is_empty() && not_loaded.is_empty(),
                "loaded": bundles.loaded,
                "notLoaded": not_loaded,
            },
            "traffic": { "ok": !leaving, "reason": leaving.then_some("the host is leaving") },
        });
        (ready, json!({ "ready": ready, "degraded": degraded, "parts": parts }))
    }
}

/// Has the store write something small from time to time until the host is gone, and heeds how the calls of everybody else end.
pub fn watch_store(store: Store, gone: CancellationToken) -> watch::Receiver<Option<String>> {
    // It was opened a moment ago.
    let (sender, receiver) = watch::channel(None);
    metrics::gauge!(STORE_UP).set(1.0);
    let task = async move {
        loop {
            let state = match store.check().await {
                Ok(()) => store.keeps_failing(),
                Err(error) => Some(error.to_string()),
            };
            note_change(sender.borrow().as_deref(), state.as_deref());
            metrics::gauge!(STORE_UP).set(if state.is_none() { 1.0 } else { 0.0 });
            let well = state.is_none();
            sender.send_replace(state);
            if well {
                let failed = tokio::time::timeout(store.check_interval(), store.failing()).await.is_ok();
                if failed {
                    tokio::time::sleep(AT_MOST_EVERY).await;
                }
            } else {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    };
    tokio::spawn(gone.run_until_cancelled_owned(task));
    receiver
}

fn note_change(before: Option<&str>, now: Option<&str>) {
    match (before, now) {
        (None, Some(reason)) => tracing::error!(reason, "the store cannot be relied on; not ready"),
        (Some(_), None) => tracing::info!("the store can be relied on again"),
        _ => {}
    }
}

/// Who may read the metrics, with the token that opens them.
#[derive(Clone)]
pub struct MetricsDoor {
    /// Who may.
    pub access: MetricsAccess,
    /// What [`MetricsAccess::Token`] asks for.
    pub token: Option<SecretString>,
}

#[derive(Clone)]
struct Rendered {
    door: Arc<MetricsDoor>,
    metrics: PrometheusHandle,
    usage: Usage,
}

/// The three routes.
pub fn routes(health: Health, door: MetricsDoor, metrics: PrometheusHandle, usage: Usage) -> Router {
    let ready = get(|State(health): State<Health>| async move {
        let (ready, report) = health.report();
        (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
    });
    Router::new()
        .route("/livez", get(|| async { Json(json!({ "alive": true })) }))
        .route("/readyz", ready.with_state(health))
        .route("/metrics", get(render_metrics).with_state(Rendered { door: Arc::new(door), metrics, usage }))
}

async fn render_metrics(
    State(rendered): State<Rendered>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    match rendered.door.admit(peer.map(|Extension(ConnectInfo(peer))| peer.ip()), &headers) {
        Ok(()) => {
            rendered.usage.measure().await;
            let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (content_type, rendered.metrics.render()).into_response()
        }
        Err(status) => status.into_response(),
    }
}

impl MetricsDoor {
    fn admit(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), StatusCode> {
        match self.access {
            MetricsAccess::Open => Ok(()),
            MetricsAccess::Off => Err(StatusCode::NOT_FOUND),
            MetricsAccess::Loopback => {
                // Through a proxy on this machine everybody seems to be local.
                let forwarded = ["forwarded", "x-forwarded-for", "via"].iter().any(|name| headers.contains_key(*name));
                let local = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
                if local && !forwarded { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
            }
            MetricsAccess::Token => {
                let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
                match (shown, &self.token) {
                    (Some(shown), Some(token)) if same(shown, token.expose_secret()) => Ok(()),
                    _ => Err(StatusCode::UNAUTHORIZED),
                }
            }
        }
    }
}

/// Compared by digest, so that the time it takes says nothing about how much of a guess is right.
fn same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(bundles: &[&str]) -> (watch::Sender<Option<String>>, Health) {
        let (sender, store) = watch::channel(None);
        let loaded = bundles.iter().map(|name| (*name).to_owned()).collect();
        let bundles = BundleStates { loaded, absent: Arc::default() };
        (sender, Health { store, bundles: Arc::new(move || bundles.clone()), leaving: CancellationToken::new() })
    }

    #[test]
    fn the_host_is_ready_while_every_part_is_well() {
        let (store, health) = health(&["restaurant"]);
        assert!(health.report().0);
        store.send_replace(Some("DescribeTable took longer than its deadline".to_owned()));
        let (ready, report) = health.report();
        assert!(!ready);
        assert_eq!(report["parts"]["store"]["reason"], "DescribeTable took longer than its deadline");
        store.send_replace(None);
        assert!(health.report().0);
        health.leaving.cancel();
        let (ready, report) = health.report();
        assert!(!ready);
        assert_eq!(report["parts"]["traffic"]["ok"], false);
        assert_eq!(report["parts"]["store"]["ok"], true);
    }

    #[test]
    fn a_host_without_a_bundle_is_not_ready() {
        let (_store, health) = health(&[]);
        assert_eq!(health.report().1["parts"]["bundles"]["ok"], false);
        assert!(!health.report().0);
    }

    #[test]
    fn a_bundle_that_could_not_be_loaded_is_named_and_keeps_no_traffic_from_the_others() {
        let (_store, mut health) = health(&["clinic"]);
        let absent = AbsentBundle {
            business_type: Some("restaurant".to_owned()),
            folder: "/secret/place".into(),
            reason: "bundle.toml:3:1: unknown key".to_owned(),
        };
        let states = BundleStates { loaded: vec!["clinic".to_owned()], absent: Arc::new(vec![absent]) };
        health.bundles = Arc::new(move || states.clone());
        let (ready, report) = health.report();
        assert!(ready);
        assert_eq!(report["degraded"], true);
        let bundles = &report["parts"]["bundles"];
        assert_eq!((&bundles["ok"], &bundles["loaded"]), (&json!(false), &json!(["clinic"])));
        let told = json!([{ "businessType": "restaurant", "reason": "bundle.toml:3:1: unknown key" }]);
        assert_eq!(bundles["notLoaded"], told);
        assert!(!report.to_string().contains("/secret/place"), "anybody may ask");
    }

    #[test]
    fn metrics_are_for_those_the_operator_lets_in() {
        let door = |access, token: Option<&str>| MetricsDoor { access, token: token.map(SecretString::from) };
        let local: Option<IpAddr> = Some("::ffff:127.0.0.1".parse().unwrap());
        let remote: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
        let none = HeaderMap::new();
        let forwarded = HeaderMap::from_iter([(header::FORWARDED, "for=192.0.2.1".parse().unwrap())]);
        let bearer =
            |token: &str| HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);

        assert_eq!(door(MetricsAccess::Loopback, None).admit(local, &none), Ok(()));
        assert_eq!(door(MetricsAccess::Loopback, None).admit(remote, &none), Err(StatusCode::FORBIDDEN));
        assert_eq!(door(MetricsAccess::Loopback, None).admit(None, &none), Err(StatusCode::FORBIDDEN));
        assert_eq!(door(MetricsAccess::Loopback, None).admit(local, &forwarded), Err(StatusCode::FORBIDDEN));
        assert_eq!(door(MetricsAccess::Open, None).admit(remote, &none), Ok(()));
        assert_eq!(door(MetricsAccess::Off, None).admit(local, &none), Err(StatusCode::NOT_FOUND));
        assert_eq!(door(MetricsAccess::Token, Some("abc")).admit(remote, &bearer("abc")), Ok(()));
        assert_eq!(door(MetricsAccess::Token, Some("abc")).admit(local, &bearer("abd")), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(door(MetricsAccess::Token, Some("abc")).admit(local, &none), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(door(MetricsAccess::Token, None).admit(local, &bearer("")), Err(StatusCode::UNAUTHORIZED));
    }
}
