use std::net::{IpAddr, Ipv4Addr};

use signalbox_bindings::signalbox::http::http::Method;
use url::{Host, Url};

use super::address::{Network, is_public};

/// One line of an `http` grant: `[METHOD[,METHOD] ]ORIGIN[/PATH]`. Without a method, GET and HEAD.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpGrant {
    methods: Vec<Method>,
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

impl HttpGrant {
    /// Reads a line of a grant.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (methods, url) = match line.trim().split_once(' ') {
            None => (vec![Method::Get, Method::Head], line.trim()),
            Some((methods, url)) => (methods.split(',').map(method).collect::<Result<_, _>>()?, url.trim()),
        };
        let url = Url::parse(url).map_err(|error| format!("it is no URL ({error})"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(format!("the scheme {} cannot be asked; use https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("a grant has no user, password, query or fragment".to_owned());
        }
        let host = url.host_str().ok_or("it names no host")?.to_owned();
        if host.contains('*') {
            return Err("hosts are named one by one, without `*`".to_owned());
        }
        Ok(Self {
            methods,
            scheme: url.scheme().to_owned(),
            host,
            port: url.port_or_known_default().ok_or("it names no port")?,
            path: url.path().to_owned(),
        })
    }

    /// Whether the grant allows a request. The path has to be the granted one or lie below it, compared by segments.
    pub fn allows(&self, method: Method, url: &Url) -> bool {
        let below = match url.path().strip_prefix(self.path.as_str()) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        };
        self.methods.contains(&method)
            && url.scheme() == self.scheme
            && url.host_str() == Some(self.host.as_str())
            && url.port_or_known_default() == Some(self.port)
            && below
    }
}

/// Why the operator's rules forbid a line of a grant, and what to do; none when they do not forbid it, and when the
/// line is not valid.
pub fn forbidden_grant(line: &str, private_networks: &[Network], allow_plain_http: bool) -> Option<(String, String)> {
    let url = Url::parse(line.trim().rsplit(' ').next()?).ok()?;
    if url.scheme() == "http" && !allow_plain_http {
        let message = format!("is granted `{url}`, and plain http is switched off");
        return Some((message, "write https, or set egress.allow-plain-http".to_owned()));
    }
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        // The addresses of other names are known only when a request resolves them.
        Host::Domain(name) if name == "localhost" || name.ends_with(".localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Host::Domain(_) => return None,
    };
    let open = is_public(address) || private_networks.iter().any(|network| network.contains(address));
    let message = format!("is granted `{url}`, which leads to the private address {address}");
    (!open).then(|| (message, format!("add {address} to egress.private-networks, or grant a public address")))
}

fn method(name: &str) -> Result<Method, String> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" => Ok(Method::Post),
        "PUT" => Ok(Method::Put),
        "PATCH" => Ok(Method::Patch),
        "DELETE" => Ok(Method::Delete),
        other => Err(format!("`{other}` is no method; there are GET, HEAD, POST, PUT, PATCH and DELETE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(grant: &str, method: Method, url: &str) -> bool {
        HttpGrant::parse(grant).unwrap().allows(method, &Url::parse(url).unwrap())
    }

    #[test]
    fn a_grant_without_method_only_reads() {
        assert!(allows("https://api.example.com", Method::Get, "https://api.example.com/v1/x?y=1"));
        assert!(!allows("https://api.example.com", Method::Post, "https://api.example.com/v1/x"));
        assert!(allows("POST,PUT https://api.example.com/", Method::Put, "https://api.example.com/v1"));
    }

    #[test]
    fn paths_are_compared_by_segment_after_dots_are_resolved() {
        assert!(allows("https://a.example/v1", Method::Get, "https://a.example/v1/x"));
        assert!(allows("https://a.example/v1", Method::Get, "https://a.example/v1"));
        assert!(!allows("https://a.example/v1", Method::Get, "https://a.example/v11"));
        assert!(!allows("https://a.example/v1/", Method::Get, "https://a.example/v1/../admin"));
        assert!(!allows("https://a.example/v1/", Method::Get, "https://a.example/v1/%2e%2e/admin"));
    }

    #[test]
    fn another_host_port_or_scheme_is_not_granted() {
        for url in [
            "https://b.example/",
            "https://a.example.evil/",
            "https://a.example:8443/",
            "http://a.example/",
            "https://a.example@evil.example/",
        ] {
            assert!(!allows("https://a.example", Method::Get, url), "{url}");
        }
    }

    #[test]
    fn a_grant_that_the_operators_rules_forbid_is_told_with_the_key_that_opens_it() {
        let none: &[Network] = &[];
        let told =
            |line: &str, networks: &[Network], plain| forbidden_grant(line, networks, plain).map(|(_, help)| help);
        assert!(told("http://api.example.com/", none, false).unwrap().contains("egress.allow-plain-http"));
        for private in ["https://10.1.2.3/", "POST https://[::1]:8443/v1", "https://localhost:8080", "https://0x7f.1/"]
        {
            assert!(told(private, none, false).unwrap().contains("egress.private-networks"), "{private}");
        }
        assert_eq!(told("http://api.example.com/", none, true), None);
        assert_eq!(told("GET,POST https://api.example.com/v1/", none, false), None);
        assert_eq!(told("https://10.1.2.3/", &["10.1.0.0/16".parse().unwrap()], false), None);
    }

    #[test]
    fn grants_that_mean_nothing_are_refused() {
        for line in [
            "ftp://a.example",
            "https://*.example",
            "https://u:p@a.example",
            "FETCH https://a.example",
            "a.example",
            "https://a.example/?q=1",
        ] {
            assert!(HttpGrant::parse(line).is_err(), "{line}");
        }
    }
}
