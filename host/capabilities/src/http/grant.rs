use signalbox_bindings::signalbox::http::http::Method;
use url::Url;

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

    /// Whether the grant allows a request. The path must lie below the granted one, segment by segment.
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
