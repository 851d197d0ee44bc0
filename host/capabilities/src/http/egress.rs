//! The only way out for plugins: the grant, the operator's list, the guard against private addresses, the limits.
//!
//! Every name is resolved here, and the connection is made to an address that was checked here: the client asks
//! [`GuardedDns`] and nobody else, so an answer that changes between check and connection changes nothing. Addresses
//! written into the URL never reach a resolver and are checked before the request.

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

/// The largest body in either direction, in bytes.
const LARGEST_BODY: usize = 1024 * 1024;
/// The most headers a request may have.
const MOST_HEADERS: usize = 64;
/// The longest URL, in bytes.
const LONGEST_URL: usize = 8 * 1024;
/// Headers that belong to the connection or to the host.
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

/// What the operator allows.
#[derive(Clone, Debug)]
pub struct EgressRules {
    /// Private networks that plugins may reach after all.
    pub private_networks: Vec<Network>,
    /// Allows `http` URLs too.
    pub allow_plain_http: bool,
    /// Secrets that requests may carry, by the name plugins use in `{{secret:NAME}}`.
    pub secrets: BTreeMap<String, EgressSecret>,
    /// The same of single businesses, by business and name, in place of those that all share.
    pub business_secrets: BTreeMap<String, BTreeMap<String, EgressSecret>>,
    /// Requests that may be under way at the same time.
    pub requests: usize,
    /// The same for one business, so that none takes all of them.
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

/// A secret that only leaves towards certain hosts.
#[derive(Clone, Debug)]
pub struct EgressSecret {
    /// What replaces the placeholder.
    pub value: SecretString,
    /// Where it may go.
    pub hosts: Vec<String>,
}

/// Where names are looked up.
#[async_trait::async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of a host.
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// Looks up as the operating system does.
pub struct SystemLookup;

#[async_trait::async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let host = host.to_owned();
        // A thread that may block begins with the rank of the one that wants it, which may be a guest's, and serves
        // others later.
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

/// Resolves a name and refuses it when any of its addresses is private: a name that is half public is a trap.
struct GuardedDns {
    lookup: Arc<dyn Lookup>,
    networks: Arc<[Network]>,
}

/// A name or address that leads where plugins may not go.
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
    /// A way out under the operator's rules.
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

    /// Sends one request for a plugin of a business. The caller keeps the time.
    pub async fn send(
        &self,
        business: &str,
        plugin: &str,
        grants: &[HttpGrant],
        request: Request,
        idempotency_key: &str,
    ) -> Result<Response, Error> {
        let url = self.check_url(&request)?;
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

    /// Counts a request until the permit is dropped, or says why it may not leave now.
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

    fn check_url(&self, request: &Request) -> Result<Url, Error> {
        if request.url.len() > LONGEST_URL {
            return Err(Error::Invalid(format!(
                "the URL has {} bytes; at most {LONGEST_URL} are taken",
                request.url.len()
            )));
        }
        let url = Url::parse(&request.url).map_err(|error| Error::Invalid(format!("the URL is malformed: {error}")))?;
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

    /// The URL parser has already turned every spelling of an address (octal, hex, one number) into an address.
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

    /// A business's own secret of that name, else the one that businesses share.
    fn secret(&self, business: &str, name: &str) -> Option<&EgressSecret> {
        let own = self.config.business_secrets.get(business).and_then(|own| find_named(own, name));
        own.or_else(|| find_named(&self.config.secrets, name)).map(|(_, secret)| secret)
    }

    /// Puts secrets in place of their placeholders, and says whether there were any.
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

/// Tells a refused name from a broken connection by the error at the root.
fn broken(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = source {
        if let Some(private) = inner.downcast_ref::<PrivateAddress>() {
            return Error::Denied(private.to_string());
        }
        source = inner.source();
    }
    Error::Unavailable(error.without_url().to_string())
}

#[cfg(test)]
mod tests;
