use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use signalbox_model::BusinessAccess;

/// Which host a command talks to, and as whom.
#[derive(Debug, Args)]
pub struct Connection {
    /// Where the host is: its `url` or its `websocket` address, as the ready line of `signalbox serve` names them.
    #[arg(long, default_value = "ws://127.0.0.1:8080/ws")]
    pub url: String,
    /// The user's token; best kept in the variable, out of the list of processes.
    #[arg(long, env = "SIGNALBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How long to wait for each answer, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

impl Connection {
    /// The token, or how to come by one.
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

    /// The businesses that the token names. Only the host can say whether it holds.
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

    /// Where the host takes WebSocket connections.
    pub fn websocket_url(&self) -> anyhow::Result<Url> {
        let (mut url, secure) = self.parsed()?;
        if url.path() == "/" {
            url.set_path("/ws");
        }
        set_scheme(&mut url, if secure { "wss" } else { "ws" });
        Ok(url)
    }

    /// Where the host's API is: beside the WebSocket.
    pub fn api_url(&self) -> anyhow::Result<Url> {
        let (mut url, secure) = self.parsed()?;
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/ws").unwrap_or(path).to_owned();
        url.set_path(&path);
        set_scheme(&mut url, if secure { "https" } else { "http" });
        Ok(url)
    }

    /// The address, and whether it is one of TLS.
    fn parsed(&self) -> anyhow::Result<(Url, bool)> {
        let text = &self.url;
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
    // Between these four schemes a change is always possible.
    let _ = url.set_scheme(scheme);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> Connection {
        Connection { url: url.to_owned(), token: None, timeout: 1 }
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
            let error = Connection { token, ..to("ws://127.0.0.1:8080/ws") }.token().unwrap_err().to_string();
            assert!(error.contains("SIGNALBOX_TOKEN") && error.contains("signalbox token --user"), "{error}");
        }
    }
}
