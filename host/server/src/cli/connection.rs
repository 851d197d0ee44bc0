use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use signalbox_model::BusinessAccess;

use super::Configured;

/// The host that a command talks to, and the user's token.
#[derive(Debug, Args)]
pub struct Connection {
    /// Where the host is: its `url` or its `websocket` address, as the ready line of `signalbox serve` names them;
    /// without it the address at which `signalbox serve` would listen with this configuration.
    #[arg(long)]
    url: Option<String>,
    /// The user's token; best given in the environment variable, which keeps it out of the list of processes.
    #[arg(long, env = "SIGNALBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How long to wait for each answer, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// Where the host of a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress(String);

impl Connection {
    /// Where the host is: at --url, else where it listens with this configuration.
    pub fn host(&self, configured: &Configured) -> anyhow::Result<HostAddress> {
        match &self.url {
            Some(url) => Ok(HostAddress(url.clone())),
            None => HostAddress::listening(configured.load()?.config.server.listen),
        }
    }

    /// The token; without one, an error that says how to get one.
    pub fn token(&self) -> anyhow::Result<&str> {
        match self.token.as_deref().map(str::trim) {
            Some(token) if !token.is_empty() => crate::config::secrets::given_token(token),
            _ => bail!(
                "no token is given; set SIGNALBOX_TOKEN (or --token) to a token of your issuer, in development to one \
                 of `signalbox token`:\n  export SIGNALBOX_TOKEN=\"$(signalbox token --user ana --business \
                 trattoria-roma:coordinator)\""
            ),
        }
    }

    /// The businesses that the token names. Only the host can verify the token.
    pub fn businesses(&self) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            businesses: BTreeMap<String, BusinessAccess>,
        }
        let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(self.token()?)
            .context("the token is no JWT that names businesses")?;
        if claims.businesses.is_empty() {
            bail!("the token names no business; choose one with --business");
        }
        Ok(claims.businesses.into_keys().collect())
    }
}

impl HostAddress {
    /// An address that a host listens at, as a client on the same machine reaches it.
    fn listening(listen: SocketAddr) -> anyhow::Result<Self> {
        if listen.port() == 0 {
            bail!(
                "server.listen of the configuration has port 0, which takes any free one; give --url with the address that \
                 the ready line of `signalbox serve` names"
            );
        }
        let address = match listen.ip() {
            IpAddr::V4(every) if every.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(every) if every.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            one => one,
        };
        Ok(Self(format!("ws://{}/ws", SocketAddr::new(address, listen.port()))))
    }

    /// Where the host takes WebSocket connections.
    pub fn websocket_url(&self) -> anyhow::Result<Url> {
        let (mut url, secure) = self.parsed()?;
        if url.path() == "/" {
            url.set_path("/ws");
        }
        set_scheme(&mut url, if secure { "wss" } else { "ws" });
        Ok(url)
    }

    /// Where the host's API is: at the same address as the WebSocket.
    pub fn api_url(&self) -> anyhow::Result<Url> {
        let (mut url, secure) = self.parsed()?;
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/ws").unwrap_or(path).to_owned();
        url.set_path(&path);
        set_scheme(&mut url, if secure { "https" } else { "http" });
        Ok(url)
    }

    /// The address, and whether its scheme uses TLS.
    fn parsed(&self) -> anyhow::Result<(Url, bool)> {
        let text = &self.0;
        let url =
            Url::parse(text).with_context(|| format!("`{text}` is no address, such as ws://127.0.0.1:8080/ws"))?;
        match url.scheme() {
            "ws" | "http" => Ok((url, false)),
            "wss" | "https" => Ok((url, true)),
            _ => bail!("`{text}` is not ws://, wss://, http:// or https://"),
        }
    }
}

fn set_scheme(url: &mut Url, scheme: &str) {
    // A change between these four schemes is always possible.
    let _ = url.set_scheme(scheme);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> HostAddress {
        HostAddress(url.to_owned())
    }

    #[test]
    fn a_host_is_reached_where_its_configuration_says_that_it_listens() {
        for (listen, url) in [
            ("127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
            ("0.0.0.0:9000", "ws://127.0.0.1:9000/ws"),
            ("192.0.2.1:80", "ws://192.0.2.1:80/ws"),
            ("[::]:9000", "ws://[::1]:9000/ws"),
        ] {
            assert_eq!(HostAddress::listening(listen.parse().unwrap()).unwrap(), to(url), "{listen}");
        }
        let any = HostAddress::listening("127.0.0.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(any.contains("--url") && any.contains("ready line"), "{any}");
    }

    #[test]
    fn every_address_of_a_host_leads_to_its_websocket_and_its_api() {
        for (given, websocket, api) in [
            ("ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws", "http://127.0.0.1:8080/"),
            ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws", "http://127.0.0.1:8080/"),
            ("http://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws", "http://127.0.0.1:8080/"),
            ("https://desk.example.com", "wss://desk.example.com/ws", "https://desk.example.com/"),
            (
                "wss://desk.example.com/signalbox/ws",
                "wss://desk.example.com/signalbox/ws",
                "https://desk.example.com/signalbox",
            ),
        ] {
            assert_eq!(to(given).websocket_url().unwrap().as_str(), websocket, "{given}");
            assert_eq!(to(given).api_url().unwrap().as_str(), api, "{given}");
        }
        for bad in ["over there", "ftp://desk.example.com/ws"] {
            assert!(to(bad).websocket_url().is_err() && to(bad).api_url().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_token_is_told_with_the_variable_and_the_command_that_makes_one() {
        for token in [None, Some(String::new()), Some(" \n".to_owned())] {
            let error = Connection { url: None, token, timeout: 1 }.token().unwrap_err().to_string();
            assert!(error.contains("SIGNALBOX_TOKEN") && error.contains("signalbox token --user"), "{error}");
        }
    }
}
