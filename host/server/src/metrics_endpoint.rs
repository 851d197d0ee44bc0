//! `/metrics`, and the rules for who may read it.

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
    /// Which requests are let in.
    pub access: MetricsAccess,
    /// The token that [`MetricsAccess::Token`] asks for.
    pub token: Option<SecretString>,
}

#[derive(Clone)]
struct Rendered {
    door: Arc<MetricsDoor>,
    metrics: PrometheusHandle,
    usage: Usage,
}

/// The route that shows the metrics to requests that `door` lets in.
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
            let (status, why) = refused.told();
            (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{why}\n")).into_response()
        }
    }
}

/// Why the metrics are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refused {
    Off,
    Elsewhere,
    OldVersion,
    WebPage,
    UnknownHeader(HeaderName),
    ForeignHost,
    Token,
}

impl Refused {
    fn told(&self) -> (StatusCode, String) {
        let for_this_machine = |why: &str| (StatusCode::FORBIDDEN, format!("metrics are for this machine only{why}"));
        match self {
            Self::Off => (StatusCode::NOT_FOUND, "there are no metrics here".to_owned()),
            Self::Elsewhere => for_this_machine("; the operator opens them with telemetry.metrics-access"),
            Self::OldVersion => for_this_machine(", and proxies forward requests in HTTP/1.0; ask in HTTP/1.1"),
            Self::WebPage => for_this_machine(", and this request was sent by a web page"),
            Self::UnknownHeader(name) => for_this_machine(&format!(
                ", and a request with the header `{name}` may be one that a proxy has forwarded; ask without it, or let the \
                 operator set telemetry.metrics-access to `token`"
            )),
            Self::ForeignHost => for_this_machine("; ask for them under localhost or a loopback address"),
            Self::Token => {
                (StatusCode::UNAUTHORIZED, "metrics take the bearer token of telemetry.metrics-token".to_owned())
            }
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
                } else if let Some(refused) = forwarded(request) {
                    // Every request that a proxy on this machine forwards seems to come from this machine.
                    Err(refused)
                } else if !is_for_this_machine(request) {
                    // A web page under another name that was made to resolve to this machine.
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

/// The headers that scrapers, command-line clients and browsers send by themselves. Proxies use an open-ended set of
/// header names to say for whom they ask, so a header that is not listed here is taken for a proxy's.
const OF_LOCAL_CLIENTS: [HeaderName; 19] = [
    header::HOST,
    header::USER_AGENT,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::COOKIE,
    header::DNT,
    header::PRAGMA,
    // Browsers name the asking page in it; it is checked separately.
    header::ORIGIN,
    header::UPGRADE_INSECURE_REQUESTS,
    // Prometheus, and scrapers that imitate it.
    HeaderName::from_static("x-prometheus-scrape-timeout-seconds"),
    // A scraper whose own requests are traced.
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
    HeaderName::from_static("priority"),
    HeaderName::from_static("keep-alive"),
];

/// Why a proxy may have forwarded a request: it has a header that no client on this machine sends, it uses HTTP/1.0 as
/// nginx long did towards its upstreams by default, or a web page sent it.
fn forwarded(request: &Request) -> Option<Refused> {
    let headers = request.headers();
    // Only browsers set `sec-` headers; no page and no script can set them.
    let is_known = |name: &HeaderName| OF_LOCAL_CLIENTS.contains(name) || name.as_str().starts_with("sec-");
    if let Some(unknown) = headers.keys().find(|name| !is_known(name)) {
        return Some(Refused::UnknownHeader(unknown.clone()));
    }
    // Browsers send it with every request, also with those without an `Origin`; it is `none` for an address that a
    // person typed.
    let by_a_page = headers.get_all("sec-fetch-site").iter().any(|site| site != "none" && site != "same-origin");
    if by_a_page || headers.contains_key(header::ORIGIN) {
        return Some(Refused::WebPage);
    }
    (request.version() < Version::HTTP_11).then_some(Refused::OldVersion)
}

/// Whether the request's `Host` names this machine as a local client would.
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

/// Compares digests, so that the time of the comparison does not tell how much of a guess is right.
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
        for (site, admitted) in [("none", Ok(())), ("same-origin", Ok(())), ("cross-site", Err(Refused::WebPage))] {
            assert_eq!(local(&[("host", "localhost"), ("sec-fetch-site", site)]), admitted, "{site}");
        }
        assert_eq!(local(&[("host", "localhost"), ("origin", "http://localhost")]), Err(Refused::WebPage));
        let (door, mut old) = (MetricsDoor { access: MetricsAccess::Loopback, token: None }, asked(&[]));
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(door.admit(Some(LOCAL.parse().unwrap()), &old), Err(Refused::OldVersion));
        let mut absolute = asked(&[("host", "localhost")]);
        *absolute.uri_mut() = "http://evil.example.com/metrics".parse().unwrap();
        assert_eq!(door.admit(Some(LOCAL.parse().unwrap()), &absolute), Err(Refused::ForeignHost));
        assert_eq!(door.admit(None, &asked(&[("host", "localhost")])), Err(Refused::Elsewhere));
        assert_eq!(admitted(MetricsAccess::Loopback, None, REMOTE, &[("host", "localhost")]), Err(Refused::Elsewhere));
    }
    #[test]
    fn no_header_by_which_any_proxy_says_for_whom_it_asks_is_admitted() {
        for name in [
            "forwarded",
            "via",
            "x-forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded-host",
            "x-real-ip",
            "client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "fastly-client-ip",
            "x-original-forwarded-for",
            "x-original-url",
            "x-remote-addr",
            "cdn-loop",
            "x-amzn-trace-id",
            "x-envoy-external-address",
            "x-request-id",
            "proxy-connection",
            "a-name-that-a-proxy-makes-up-tomorrow",
        ] {
            let refused = admitted(MetricsAccess::Loopback, None, LOCAL, &[("host", "localhost"), (name, "192.0.2.1")]);
            let refused = refused.unwrap_err();
            let (status, told) = refused.told();
            assert_eq!(status, StatusCode::FORBIDDEN);
            assert!(told.contains(&format!("`{name}`")) && told.contains("telemetry.metrics-access"), "{told}");
        }
    }

    #[test]
    fn what_scrapers_and_people_on_this_machine_send_is_admitted() {
        let host = ("host", "127.0.0.1:8080");
        let clients: [(&str, &[(&'static str, &str)]); 6] = [
            ("curl", &[("user-agent", "curl/8.18.0"), ("accept", "*/*")]),
            (
                "prometheus and what embeds its scraper",
                &[
                    ("user-agent", "Prometheus/3.9.1"),
                    ("accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
                    ("accept-encoding", "gzip"),
                    ("x-prometheus-scrape-timeout-seconds", "10"),
                    ("authorization", "Bearer abc"),
                    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ],
            ),
            (
                "vmagent",
                &[
                    ("user-agent", "vm_promscrape"),
                    ("accept", "text/plain"),
                    ("accept-encoding", "gzip"),
                    ("x-prometheus-scrape-timeout-seconds", "10.000"),
                ],
            ),
            (
                "a client of Python, as Datadog's agent",
                &[
                    ("user-agent", "Datadog Agent/7.70.0"),
                    ("accept-encoding", "gzip, deflate"),
                    ("accept", "text/plain"),
                    ("connection", "keep-alive"),
                ],
            ),
            ("wget", &[("user-agent", "Wget/1.25.0"), ("accept", "*/*"), ("connection", "Keep-Alive")]),
            (
                "a browser into whose address bar a person writes",
                &[
                    ("connection", "keep-alive"),
                    ("cache-control", "max-age=0"),
                    ("sec-ch-ua", "\"Chromium\";v=\"140\""),
                    ("sec-gpc", "1"),
                    ("upgrade-insecure-requests", "1"),
                    ("user-agent", "Mozilla/5.0"),
                    ("accept", "text/html"),
                    ("sec-fetch-site", "none"),
                    ("sec-fetch-mode", "navigate"),
                    ("accept-language", "ro"),
                    ("cookie", "a=b"),
                    ("priority", "u=0, i"),
                ],
            ),
        ];
        for (client, headers) in clients {
            let headers: Vec<_> = [host].into_iter().chain(headers.iter().copied()).collect();
            assert_eq!(admitted(MetricsAccess::Loopback, None, LOCAL, &headers), Ok(()), "{client}");
        }
    }
}
