//! A service that decisions may call, with its secrets opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use signalbox_model::SecretReference;
use standardwebhooks::Webhook;
use thiserror::Error;
use url::Url;

use super::config::{ExternalCallConfig, HostPattern};

/// The least bytes of a key, as Standard Webhooks asks for.
const SHORTEST_KEY: usize = 24;
/// What stands before the Base64 of a key.
const KEY_PREFIX: &str = "whsec_";
/// What replaces a secret that a receiver's answer quotes.
const HIDDEN: &str = "[secret]";

/// Why `[delivery.external-calls]` or `[delivery.notification-webhooks]` cannot be used. No text holds a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReceiverError {
    /// A call could have either receiver's secrets.
    #[error("`{host}` is a host of two receivers of external calls, `{first}` and `{second}`; leave it to one of them")]
    TwoReceivers {
        /// The host as it is configured.
        host: String,
        /// The name of a receiver.
        first: String,
        /// The name of another one.
        second: String,
    },
    /// The secret is no key.
    #[error(
        "`{place}.signing-secret` is no key of Standard Webhooks: it is `whsec_` and the Base64 of at least \
         {SHORTEST_KEY} bytes, for example what `openssl rand -base64 32` prints"
    )]
    NoKey {
        /// The receiver's table in the configuration.
        place: String,
    },
    /// No header can hold the secret.
    #[error(
        "`{place}.authorization` cannot be the value of a header; write for example `Bearer` and a token, on one line"
    )]
    NoHeader {
        /// The receiver's table in the configuration.
        place: String,
    },
    /// Nothing can be sent to the secret.
    #[error("`{place}.url` is no URL with a host; write the whole address that the service has given, with https://")]
    NoUrl {
        /// The receiver's table in the configuration.
        place: String,
    },
}

/// The services that decisions may call.
pub struct ExternalCallReceivers(Vec<Receiver>);

/// A service that the host calls.
pub(in crate::targets) struct Receiver {
    hosts: Vec<HostPattern>,
    pub signing: Option<Webhook>,
    pub authorization: Option<HeaderValue>,
    /// What no reason may hold, even if the receiver's answer does.
    secrets: Vec<SecretString>,
}

impl ExternalCallReceivers {
    /// The configured services. `open` opens the secret that a configuration key refers to.
    pub fn open<E: From<ReceiverError>>(
        config: &ExternalCallConfig,
        open: impl Fn(&str, &SecretReference) -> Result<SecretString, E>,
    ) -> Result<Self, E> {
        let mut hosts: Vec<(&HostPattern, &str)> = Vec::new();
        let mut receivers = Vec::with_capacity(config.receivers.len());
        for (name, receiver) in &config.receivers {
            for host in &receiver.hosts {
                if let Some((_, first)) = hosts.iter().find(|(other, first)| *other == host && first != name) {
                    let (host, first, second) = (host.to_string(), (*first).to_owned(), name.clone());
                    return Err(ReceiverError::TwoReceivers { host, first, second }.into());
                }
                hosts.push((host, name));
            }
            let place = format!("delivery.external-calls.receivers.{name}");
            let opened = |key: &str, reference: &Option<SecretReference>| {
                reference.as_ref().map(|reference| open(&format!("{place}.{key}"), reference)).transpose()
            };
            let signing = opened("signing-secret", &receiver.signing_secret)?;
            let authorization = opened("authorization", &receiver.authorization)?;
            receivers.push(Receiver::new(&place, &receiver.hosts, signing, authorization)?);
        }
        Ok(Self(receivers))
    }

    /// Whether nothing may be called.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The receiver of a URL: the one that names its host the most precisely.
    pub(super) fn of(&self, url: &Url) -> Option<&Receiver> {
        let all = self.0.iter().flat_map(|receiver| receiver.hosts.iter().map(move |host| (receiver, host)));
        let matching = all.filter(|(_, host)| host.matches(url));
        matching.max_by_key(|(_, host)| host.precision()).map(|(receiver, _)| receiver)
    }
}

impl Receiver {
    fn new(
        place: &str,
        hosts: &[HostPattern],
        signing: Option<SecretString>,
        authorization: Option<SecretString>,
    ) -> Result<Self, ReceiverError> {
        let mut secrets = Vec::new();
        let signing_key = match &signing {
            Some(secret) => Some(key(secret).ok_or_else(|| ReceiverError::NoKey { place: place.to_owned() })?),
            None => None,
        };
        if let Some(secret) = &signing {
            let text = secret.expose_secret();
            secrets.push(SecretString::from(text.strip_prefix(KEY_PREFIX).unwrap_or(text)));
        }
        let header = match &authorization {
            Some(secret) => {
                let mut value = HeaderValue::from_str(secret.expose_secret())
                    .map_err(|_| ReceiverError::NoHeader { place: place.to_owned() })?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        if let Some(secret) = authorization {
            // Receivers quote the token rather than the whole header. Without a scheme, the whole value is the token.
            let token = secret.expose_secret().rsplit(' ').next().unwrap_or_default();
            secrets.push(SecretString::from(token));
            secrets.insert(0, secret);
        }
        Ok(Self { hosts: hosts.to_vec(), signing: signing_key, authorization: header, secrets })
    }

    /// A receiver whose URL is a secret, as those of chat services are.
    pub fn at(place: &str, url: &SecretString, signing: Option<SecretString>) -> Result<Self, ReceiverError> {
        let mut receiver = Self::new(place, &[], signing, None)?;
        let text = url.expose_secret();
        let parsed = Url::parse(text).ok().filter(Url::has_host);
        let parsed = parsed.ok_or_else(|| ReceiverError::NoUrl { place: place.to_owned() })?;
        receiver.secrets.push(url.clone());
        // Receivers quote the path rather than the whole URL.
        if parsed.path().len() > 1 {
            receiver.secrets.push(SecretString::from(parsed.path()));
        }
        if let Some(query) = parsed.query().filter(|query| !query.is_empty()) {
            receiver.secrets.push(SecretString::from(query));
        }
        Ok(receiver)
    }

    /// A receiver's text without the secrets that it quotes.
    pub fn without_secrets(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(|secret| secret.expose_secret());
        secrets.filter(|secret| !secret.is_empty()).fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

fn key(secret: &SecretString) -> Option<Webhook> {
    let text = secret.expose_secret();
    let key = STANDARD.decode(text.strip_prefix(KEY_PREFIX).unwrap_or(text)).ok()?;
    if key.len() < SHORTEST_KEY {
        return None;
    }
    Webhook::from_bytes(key).ok()
}
