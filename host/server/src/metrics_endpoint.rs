//! `/metrics`, and who may read it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::config::MetricsAccess;
use crate::usage::Usage;

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
    // Browsers say so of every request, also of those without an `Origin`; what a person types in is `none`.
    let site = request.headers().get("sec-fetch-site").is_some_and(|site| site != "none" && site != "same-origin");
    let by_a_page = site || request.headers().contains_key(header::ORIGIN);
    request.version() < Version::HTTP_11 || names().any(tells) || by_a_page
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
        for (site, admitted) in [("none", Ok(())), ("same-origin", Ok(())), ("cross-site", Err(Refused::Forwarded))] {
            assert_eq!(local(&[("host", "localhost"), ("sec-fetch-site", site)]), admitted, "{site}");
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
