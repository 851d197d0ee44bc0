//! The only way for plugins to send requests to other services: checks the grant, the operator's rules, private
//! addresses and limits. The host sends the external calls of decisions through it too, by [`Egress::post`].
//!
//! Every name is resolved here, and the connection is made to an address that was checked here. The client resolves
//! names with [`GuardedDns`] only, so a DNS answer that changes after the check has no effect. An address in a URL is
//! checked before the request, because it is not resolved.

mod post;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use signalbox_bindings::signalbox::http::http::{Error, Method, Request, Response};
use signalbox_limits::{ConcurrencyLimit, ConcurrencyPermit, LimitReached};
use signalbox_model::find_named;
use url::{Host, Url};

use super::address::{Network, is_public};
use super::grant::HttpGrant;

pub use post::{PostAnswer, PostError};

/// The largest body in either direction, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;
/// The most headers a request may have.
const MOST_HEADERS: usize = 64;
/// The longest URL, in bytes.
const LONGEST_URL: usize = 8 * 1024;
/// Headers that the connection or the host sets.
const RESERVED_HEADERS: [&str; 13] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "idempotency-key",
];

/// The operator's rules.
#[derive(Clone, Debug)]
pub struct EgressRules {
    /// Private networks that plugins may reach nevertheless.
    pub private_networks: Vec<Network>,
    /// Whether `http` URLs are allowed.
    pub allow_plain_http: bool,
    /// Secrets that requests may carry, by the name in `{{secret:NAME}}`.
    pub secrets: BTreeMap<String, EgressSecret>,
    /// Secrets of single businesses, by business and name. They replace shared secrets of the same name.
    pub business_secrets: BTreeMap<String, BTreeMap<String, EgressSecret>>,
    /// The most requests under way at the same time.
    pub requests: usize,
    /// The most requests of one business under way at the same time.
    pub requests_per_business: usize,
}

impl Default for EgressRules {
    fn default() -> Self {
        Self {
            private_networks: Vec::new(),
            allow_plain_http: false,
            secrets: BTreeMap::new(),
            business_secrets: BTreeMap::new(),
            requests: 256,
            requests_per_business: 64,
        }
    }
}

/// A secret that is sent to certain hosts only.
#[derive(Clone, Debug)]
pub struct EgressSecret {
    /// The value that replaces the placeholder.
    pub value: SecretString,
    /// The hosts that may receive it.
    pub hosts: Vec<String>,
}

/// Resolves names.
#[async_trait::async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a host.
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
pub struct SystemLookup;

#[async_trait::async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let host = host.to_owned();
        // A blocking thread inherits the priority of the thread that starts it, which may be a guest's, and serves
        // other work later. So a task of the runtime starts it.
        let found = tokio::spawn(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect::<Vec<_>>()) });
        let found: std::io::Result<Vec<SocketAddr>> = found.await.map_err(std::io::Error::other)?;
        Ok(found?.into_iter().map(|address| address.ip()).collect())
    }
}

/// Sends plugins' requests.
pub struct Egress {
    client: reqwest::Client,
    config: EgressRules,
    networks: Arc<[Network]>,
    /// Requests under way, by business, so that no business holds every connection.
    requests: ConcurrencyLimit<String>,
}

/// Resolves a name, and refuses it when any of its addresses is private: a name with public and private addresses is
/// likely to be an attack.
struct GuardedDns {
    lookup: Arc<dyn Lookup>,
    networks: Arc<[Network]>,
}

/// A name or an address of a private network.
#[derive(Debug, thiserror::Error)]
#[error("{host} leads to the private address {address}")]
struct PrivateAddress {
    host: String,
    address: IpAddr,
}

impl Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, networks) = (self.lookup.clone(), self.networks.clone());
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let addresses = lookup.lookup(&host).await?;
            if let Some(address) = addresses.iter().copied().find(|address| !allowed(*address, &networks)) {
                return Err(Box::new(PrivateAddress { host, address }) as Box<dyn std::error::Error + Send + Sync>);
            }
            let addresses: Vec<SocketAddr> = addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn allowed(address: IpAddr, networks: &[Network]) -> bool {
    is_public(address) || networks.iter().any(|network| network.contains(address))
}

impl Egress {
    /// Egress under the operator's rules.
    pub fn new(config: EgressRules, lookup: Arc<dyn Lookup>) -> Result<Self, String> {
        let networks: Arc<[Network]> = config.private_networks.clone().into();
        let client = reqwest::Client::builder()
            .dns_resolver(GuardedDns { lookup, networks: networks.clone() })
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(8)
            .user_agent(concat!("signalbox/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        let requests = ConcurrencyLimit::new(config.requests, config.requests_per_business);
        Ok(Self { client, config, networks, requests })
    }

    /// Sends one request for a plugin of a business. The caller enforces the deadline.
    pub async fn send(
        &self,
        business: &str,
        plugin: &str,
        grants: &[HttpGrant],
        request: Request,
        idempotency_key: &str,
    ) -> Result<Response, Error> {
        let url = self.check_url(&request.url)?;
        if !grants.iter().any(|grant| grant.allows(request.method, &url)) {
            let origin = url.origin().ascii_serialization();
            return Err(Error::Denied(format!("plugin {plugin} has no grant for {:?} {origin}", request.method)));
        }
        self.check_literal_address(&url)?;
        let mut headers = self.headers(business, &url, &request.headers)?;
        if !matches!(request.method, Method::Get | Method::Head) {
            let key = HeaderValue::from_str(idempotency_key)
                .map_err(|_| Error::Invalid("the idempotency key is no header value".to_owned()))?;
            headers.insert("idempotency-key", key);
        }
        let body = request.body.unwrap_or_default();
        if body.len() > LARGEST_BODY {
            return Err(Error::Invalid(format!("the body has {} bytes; at most {LARGEST_BODY} leave", body.len())));
        }
        let _permit = self.permit(business)?;
        let response = self.client.request(method(request.method), url).headers(headers).body(body).send().await;
        read(response.map_err(broken)?).await
    }

    /// Counts a request until the permit is dropped, or says why it may not be sent now.
    fn permit(&self, business: &str) -> Result<ConcurrencyPermit<String>, Error> {
        let EgressRules { requests, requests_per_business, .. } = &self.config;
        let in_words = |limit| match limit {
            LimitReached::Key => {
                format!("business {business} has {requests_per_business} requests under way, as many as one may have")
            }
            LimitReached::Total => format!("{requests} requests are under way, as many as the host sends at a time"),
        };
        self.requests.try_acquire(business.to_owned()).map_err(|limit| Error::Unavailable(in_words(limit)))
    }

    fn check_url(&self, url: &str) -> Result<Url, Error> {
        if url.len() > LONGEST_URL {
            return Err(Error::Invalid(format!("the URL has {} bytes; at most {LONGEST_URL} are taken", url.len())));
        }
        let url = Url::parse(url).map_err(|error| Error::Invalid(format!("the URL is malformed: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" if self.config.allow_plain_http => {}
            "http" => {
                return Err(Error::Denied(
                    "plain http is switched off; use https, or set egress.allow-plain-http".to_owned(),
                ));
            }
            other => return Err(Error::Invalid(format!("the scheme {other} cannot be asked; use https"))),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Invalid(
                "the URL holds a user or password; use a header with {{secret:NAME}}".to_owned(),
            ));
        }
        Ok(url)
    }

    /// Checks an address in the URL. The URL parser has already converted every spelling of it (octal, hex, one
    /// number).
    fn check_literal_address(&self, url: &Url) -> Result<(), Error> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Error::Invalid("the URL names no host".to_owned())),
        };
        if allowed(address, &self.networks) {
            return Ok(());
        }
        Err(Error::Denied(PrivateAddress { host: address.to_string(), address }.to_string()))
    }

    fn headers(&self, business: &str, url: &Url, written: &[(String, String)]) -> Result<HeaderMap, Error> {
        if written.len() > MOST_HEADERS {
            return Err(Error::Invalid(format!("{} headers; at most {MOST_HEADERS} are sent", written.len())));
        }
        let mut headers = HeaderMap::with_capacity(written.len() + 1);
        for (name, value) in written {
            let wrong = |what: &str| Error::Invalid(format!("header `{}` {what}", name.escape_default()));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has a malformed name"))?;
            if RESERVED_HEADERS.contains(&name.as_str()) {
                return Err(wrong("is set by the host"));
            }
            let (value, secret) = self.with_secrets(business, url, value)?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong("has a malformed value"))?;
            value.set_sensitive(secret);
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// The business's own secret with this name, otherwise the shared one.
    fn secret(&self, business: &str, name: &str) -> Option<&EgressSecret> {
        let own = self.config.business_secrets.get(business).and_then(|own| find_named(own, name));
        own.or_else(|| find_named(&self.config.secrets, name)).map(|(_, secret)| secret)
    }

    /// Replaces placeholders by their secrets, and says whether there were any.
    fn with_secrets(&self, business: &str, url: &Url, value: &str) -> Result<(String, bool), Error> {
        let (mut filled, mut rest, mut secret) = (String::new(), value, false);
        while let Some((before, after)) = rest.split_once("{{secret:") {
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| Error::Invalid("a `{{secret:` in a header is not closed by `}}`".to_owned()))?;
            let known = self
                .secret(business, name)
                .filter(|secret| secret.hosts.iter().any(|host| Some(host.as_str()) == url.host_str()))
                .ok_or_else(|| {
                    Error::Denied(format!("secret {name} may not go to {}", url.host_str().unwrap_or("?")))
                })?;
            filled.push_str(before);
            filled.push_str(known.value.expose_secret());
            (rest, secret) = (after, true);
        }
        filled.push_str(rest);
        Ok((filled, secret))
    }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

async fn read(mut response: reqwest::Response) -> Result<Response, Error> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

/// Distinguishes a refused name from a failed connection by the innermost error.
fn broken(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    match private_address(&error) {
        Some(private) => Error::Denied(private.to_string()),
        None => Error::Unavailable(error.without_url().to_string()),
    }
}

fn private_address(error: &reqwest::Error) -> Option<&PrivateAddress> {
    causes(error).find_map(|cause| cause.downcast_ref::<PrivateAddress>())
}

/// An error and what caused it, the outermost first.
fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests;
