//! `/livez`, `/readyz` and `/metrics`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, StatusCode, Version, header};
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

/// Whether the host is alive and ready.
pub fn routes(health: Health) -> Router {
    let ready = get(|State(health): State<Health>| async move {
        let (ready, report) = health.report();
        (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
    });
    Router::new()
        .route("/livez", get(|| async { Json(json!({ "alive": true })) }))
        .route("/readyz", ready.with_state(health))
}

/// What the host counts, for those who may know.
pub fn metrics_route(door: MetricsDoor, metrics: PrometheusHandle, usage: Usage) -> Router {
    Router::new().route("/metrics", get(render_metrics)).with_state(Rendered { door: Arc::new(door), metrics, usage })
}

async fn render_metrics(
    State(rendered): State<Rendered>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    request: Request,
) -> Response {
    match rendered.door.admit(peer.map(|Extension(ConnectInfo(peer))| peer.ip()), &request) {
        Ok(()) => {
            rendered.usage.measure().await;
            let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (content_type, rendered.metrics.render()).into_response()
        }
        Err(refused) => {
            let (status, why) = refused.words();
            (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{why}\n")).into_response()
        }
    }
}

/// Why the metrics are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Off,
    Elsewhere,
    Forwarded,
    ForeignHost,
    Token,
}

impl Refused {
    fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::Off => (StatusCode::NOT_FOUND, "there are no metrics here"),
            Self::Elsewhere => (
                StatusCode::FORBIDDEN,
                "metrics are for this machine only; the operator opens them with telemetry.metrics-access",
            ),
            Self::Forwarded => (
                StatusCode::FORBIDDEN,
                "metrics are for this machine only, and this request was forwarded for somebody or sent by a web page",
            ),
            Self::ForeignHost => (
                StatusCode::FORBIDDEN,
                "metrics are for this machine only; ask for them under localhost or a loopback address",
            ),
            Self::Token => (StatusCode::UNAUTHORIZED, "metrics take the bearer token of telemetry.metrics-token"),
        }
    }
}

impl MetricsDoor {
    fn admit(&self, peer: Option<IpAddr>, request: &Request) -> Result<(), Refused> {
        match self.access {
            MetricsAccess::Open => Ok(()),
            MetricsAccess::Off => Err(Refused::Off),
            MetricsAccess::Loopback => {
                if !peer.is_some_and(|peer| peer.to_canonical().is_loopback()) {
                    Err(Refused::Elsewhere)
                } else if is_forwarded(request) {
                    // Through a proxy on this machine everybody seems to be local.
                    Err(Refused::Forwarded)
                } else if !is_for_this_machine(request) {
                    // A page of somebody else's name that was made to lead here.
                    Err(Refused::ForeignHost)
                } else {
                    Ok(())
                }
            }
            MetricsAccess::Token => {
                let mut lines = request.headers().get_all(header::AUTHORIZATION).iter();
                let (Some(line), None, Some(token)) = (lines.next(), lines.next(), &self.token) else {
                    return Err(Refused::Token);
                };
                let shown = line.to_str().ok().and_then(|line| line.split_once(' '));
                let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                match shown {
                    Some((_, shown)) if same(shown.trim(), token.expose_secret()) => Ok(()),
                    _ => Err(Refused::Token),
                }
            }
        }
    }
}

/// Headers by which proxies say for whom they ask, beside the family `X-Forwarded-*`.
const FORWARDING: [&str; 9] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
    "x-envoy-external-address",
];

/// Whether somebody else may be behind a request: a proxy says so, a proxy speaks HTTP/1.0 to its upstreams as nginx long did
/// unless it is told otherwise, or a web page asks.
fn is_forwarded(request: &Request) -> bool {
    let names = || request.headers().keys().map(HeaderName::as_str);
    let tells = |name: &str| FORWARDING.contains(&name) || name.starts_with("x-forwarded-");
    request.version() < Version::HTTP_11 || names().any(tells) || request.headers().contains_key(header::ORIGIN)
}

/// Whether a request names this machine as one does who sits at it.
fn is_for_this_machine(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let mut named = hosts.chain(request.uri().authority().map(Authority::as_str)).peekable();
    named.peek().is_some() && named.all(is_loopback_name)
}

fn is_loopback_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
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

    const LOCAL: &str = "::ffff:127.0.0.1";
    const REMOTE: &str = "192.0.2.1";

    fn asked(headers: &[(&'static str, &str)]) -> Request {
        let mut request = Request::new(axum::body::Body::empty());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn admitted(
        access: MetricsAccess,
        token: Option<&str>,
        peer: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(), Refused> {
        let door = MetricsDoor { access, token: token.map(SecretString::from) };
        door.admit(Some(peer.parse().unwrap()), &asked(headers))
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
        let host = ("host", "localhost:8080");
        let forwarded = ("forwarded", "for=192.0.2.1");
        assert_eq!(admitted(MetricsAccess::Open, None, REMOTE, &[host, forwarded]), Ok(()));
        assert_eq!(admitted(MetricsAccess::Off, None, LOCAL, &[host]), Err(Refused::Off));
        let token = |given, headers: &[(&'static str, &str)]| admitted(MetricsAccess::Token, given, REMOTE, headers);
        for shown in ["Bearer abc", "bearer abc", "Bearer  abc "] {
            assert_eq!(token(Some("abc"), &[host, ("authorization", shown)]), Ok(()), "{shown}");
        }
        for shown in ["Bearer abd", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(token(Some("abc"), &[host, ("authorization", shown)]), Err(Refused::Token), "{shown}");
        }
        let twice = [("authorization", "Bearer abc"), ("authorization", "Bearer abc")];
        assert_eq!(token(Some("abc"), &twice), Err(Refused::Token));
        assert_eq!(token(Some("abc"), &[host]), Err(Refused::Token));
        assert_eq!(token(None, &[("authorization", "Bearer ")]), Err(Refused::Token));
    }

    #[test]
    fn being_local_is_not_enough_for_what_was_forwarded_or_names_another_host() {
        let local = |headers: &[(&'static str, &str)]| admitted(MetricsAccess::Loopback, None, LOCAL, headers);
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "[::ffff:127.0.0.1]"] {
            assert_eq!(local(&[("host", host)]), Ok(()), "{host}");
        }
        for host in ["", "signalbox.example.com", "localhost.example.com", "127.0.0.1.nip.io", "192.0.2.1", "0.0.0.0"] {
            assert_eq!(local(&[("host", host)]), Err(Refused::ForeignHost), "{host}");
        }
        assert_eq!(local(&[]), Err(Refused::ForeignHost));
        assert_eq!(local(&[("host", "localhost"), ("host", "evil.example.com")]), Err(Refused::ForeignHost));
        for name in [
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded-port",
            "x-real-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "origin",
        ] {
            assert_eq!(local(&[("host", "localhost"), (name, "x")]), Err(Refused::Forwarded), "{name}");
        }
        let (door, mut old) = (MetricsDoor { access: MetricsAccess::Loopback, token: None }, asked(&[]));
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(door.admit(Some(LOCAL.parse().unwrap()), &old), Err(Refused::Forwarded));
        let mut absolute = asked(&[("host", "localhost")]);
        *absolute.uri_mut() = "http://evil.example.com/metrics".parse().unwrap();
        assert_eq!(door.admit(Some(LOCAL.parse().unwrap()), &absolute), Err(Refused::ForeignHost));
        assert_eq!(door.admit(None, &asked(&[("host", "localhost")])), Err(Refused::Elsewhere));
        assert_eq!(admitted(MetricsAccess::Loopback, None, REMOTE, &[("host", "localhost")]), Err(Refused::Elsewhere));
    }
}
