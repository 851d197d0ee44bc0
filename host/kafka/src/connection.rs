use std::fmt;
use std::path::PathBuf;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use signalbox_model::SecretReference;
use thiserror::Error;

/// `[kafka.security]`: how brokers and host know each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct KafkaSecurity {
    /// `plaintext`, `tls`, `sasl-plaintext` or `sasl-tls`.
    pub protocol: KafkaProtocol,
    /// How the password is shown to the brokers: `scram-sha-512` or `plain`.
    pub mechanism: KafkaMechanism,
    /// Who the host is; for `sasl-plaintext` and `sasl-tls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Reference to the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// The certificate authorities that brokers may be signed by, in PEM; without it those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// What lies between host and broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaProtocol {
    /// No protection: every program that reaches the broker's network can read the records.
    #[default]
    Plaintext,
    /// TLS without authentication: every program that reaches the broker may use it.
    Tls,
    /// A password without TLS.
    SaslPlaintext,
    /// A password over TLS.
    SaslTls,
}

/// How a password is shown to the brokers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaMechanism {
    /// The password itself never travels.
    #[default]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    /// The password as it is.
    Plain,
}

/// Why no connection to the brokers can be configured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KafkaConnectionError {
    /// The build lacks OpenSSL.
    #[error(
        "kafka.security asks for {what}, which this build of signalbox cannot speak; build it with \
         `cargo build --package signalbox-server --features kafka-tls`"
    )]
    NoTls {
        /// `TLS` or `SCRAM-SHA-512`.
        what: &'static str,
    },
    /// A key that the protocol needs is not there.
    #[error("kafka.security.protocol = \"{protocol}\" needs `kafka.security.{key}`")]
    Missing {
        /// The protocol.
        protocol: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A key that the protocol does not use.
    #[error(
        "`kafka.security.{key}` is of no use with kafka.security.protocol = \"{protocol}\"; remove it, or choose a \
         protocol that uses it"
    )]
    Unused {
        /// The protocol.
        protocol: &'static str,
        /// The key.
        key: &'static str,
    },
    /// The file of authorities cannot be read.
    #[error("`kafka.security.ca-file` refers to {path}, which cannot be read: {reason}")]
    Authorities {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// librdkafka does not take the configuration.
    #[error("the configuration of Kafka is refused: {0}")]
    Refused(String),
}

/// The settings for connecting to the brokers. Creating it connects to nothing.
#[derive(Clone)]
pub struct KafkaConnection {
    config: ClientConfig,
}

impl KafkaProtocol {
    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "tls",
            Self::SaslPlaintext => "sasl-plaintext",
            Self::SaslTls => "sasl-tls",
        }
    }

    fn native(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslTls => "sasl_ssl",
        }
    }

    fn encrypts(self) -> bool {
        matches!(self, Self::Tls | Self::SaslTls)
    }

    fn authenticates(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslTls)
    }
}

impl KafkaSecurity {
    /// Checks that the keys fit each other and this build.
    fn check(&self) -> Result<(), KafkaConnectionError> {
        let protocol = self.protocol.name();
        let given = [("username", self.username.is_some()), ("password", self.password.is_some())];
        for (key, given) in given {
            match (self.protocol.authenticates(), given) {
                (true, false) => return Err(KafkaConnectionError::Missing { protocol, key }),
                (false, true) => return Err(KafkaConnectionError::Unused { protocol, key }),
                _ => {}
            }
        }
        if self.ca_file.is_some() && !self.protocol.encrypts() {
            return Err(KafkaConnectionError::Unused { protocol, key: "ca-file" });
        }
        if !cfg!(feature = "kafka-tls") {
            if self.protocol.encrypts() {
                return Err(KafkaConnectionError::NoTls { what: "TLS" });
            }
            if self.protocol.authenticates() && self.mechanism == KafkaMechanism::ScramSha512 {
                return Err(KafkaConnectionError::NoTls { what: "SCRAM-SHA-512" });
            }
        }
        Ok(())
    }
}

impl KafkaConnection {
    /// The settings for connecting to these brokers; `password` is the value of the secret that the security section
    /// refers to.
    pub fn new(
        brokers: &[String],
        client_id: &str,
        security: &KafkaSecurity,
        password: Option<&SecretString>,
    ) -> Result<Self, KafkaConnectionError> {
        security.check()?;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers.join(","))
            .set("client.id", client_id)
            .set("security.protocol", security.protocol.native())
            .set("socket.keepalive.enable", "true")
            // Brokers close idle connections regularly, so that is not worth a log line.
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Notice);
        if security.protocol.authenticates() {
            let mechanism = match security.mechanism {
                KafkaMechanism::ScramSha512 => "SCRAM-SHA-512",
                KafkaMechanism::Plain => "PLAIN",
            };
            config.set("sasl.mechanism", mechanism);
            config.set("sasl.username", security.username.as_deref().unwrap_or_default());
            config.set("sasl.password", password.map(SecretString::expose_secret).unwrap_or_default());
        }
        if security.protocol.encrypts() {
            let authorities = match &security.ca_file {
                Some(path) => {
                    let path = path.display().to_string();
                    let read = std::fs::read(&path).map_err(|error| error.to_string());
                    if let Err(reason) = read.and_then(|bytes| check_authorities(&bytes)) {
                        return Err(KafkaConnectionError::Authorities { path, reason });
                    }
                    path
                }
                // OpenSSL is linked statically and does not know where this system keeps its certificate authorities.
                None => "probe".to_owned(),
            };
            config.set("ssl.ca.location", authorities);
        }
        Ok(Self { config })
    }

    /// The configuration of every client of these brokers.
    pub fn client_config(&self) -> ClientConfig {
        self.config.clone()
    }
}

/// OpenSSL reads the file itself, and silently skips a first certificate that follows an invisible character. Names and
/// comments between certificates may have any encoding.
fn check_authorities(bytes: &[u8]) -> Result<(), String> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err("it begins with a byte order mark, after which no certificate is found; save it without".to_owned());
    }
    if !bytes.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Err("there is no certificate in PEM in it; save it as UTF-8 text".to_owned());
    }
    Ok(())
}

impl fmt::Debug for KafkaConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The other settings include the password.
        f.debug_struct("KafkaConnection").field("brokers", &self.config.get("bootstrap.servers")).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(security: &KafkaSecurity) -> Result<KafkaConnection, KafkaConnectionError> {
        let password = SecretString::from("s3cret");
        KafkaConnection::new(&["b:9092".to_owned()], "c", security, security.password.is_some().then_some(&password))
    }

    fn with_password(protocol: KafkaProtocol, mechanism: KafkaMechanism) -> KafkaSecurity {
        KafkaSecurity {
            protocol,
            mechanism,
            username: Some("ana".to_owned()),
            password: Some(SecretReference::Env("P".to_owned())),
            ca_file: None,
        }
    }

    #[test]
    fn keys_that_do_not_fit_are_named_with_the_protocol() {
        let cases = [
            (KafkaSecurity { username: Some("a".to_owned()), ..KafkaSecurity::default() }, "`kafka.security.username`"),
            (KafkaSecurity { ca_file: Some("ca".into()), ..KafkaSecurity::default() }, "`kafka.security.ca-file`"),
            (
                KafkaSecurity { password: None, ..with_password(KafkaProtocol::SaslPlaintext, KafkaMechanism::Plain) },
                "needs `kafka.security.password`",
            ),
        ];
        for (security, expected) in cases {
            let error = connect(&security).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(security.protocol.name()), "{error}");
        }
    }

    #[test]
    fn a_password_is_given_to_the_client_and_shown_to_nobody() {
        let connection = connect(&with_password(KafkaProtocol::SaslPlaintext, KafkaMechanism::Plain)).unwrap();
        assert_eq!(connection.client_config().get("sasl.password"), Some("s3cret"));
        assert!(!format!("{connection:?}").contains("s3cret"));
    }

    #[test]
    fn authorities_that_would_silently_be_passed_over_are_refused() {
        let pem = "# Autoridad de Certificaci\u{f3}n\n-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
        assert_eq!(check_authorities(pem.as_bytes()), Ok(()));
        assert!(check_authorities(format!("\u{feff}{pem}").as_bytes()).unwrap_err().contains("byte order mark"));
        let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(check_authorities(&utf16).unwrap_err().contains("UTF-8"));
        assert!(check_authorities(b"").is_err());
    }

    #[cfg(not(feature = "kafka-tls"))]
    #[test]
    fn a_build_without_tls_says_how_to_build_one_with_it() {
        let scram = with_password(KafkaProtocol::SaslPlaintext, KafkaMechanism::ScramSha512);
        for (security, what) in [
            (KafkaSecurity { protocol: KafkaProtocol::Tls, ..KafkaSecurity::default() }, "TLS"),
            (with_password(KafkaProtocol::SaslTls, KafkaMechanism::Plain), "TLS"),
            (scram, "SCRAM-SHA-512"),
        ] {
            let error = connect(&security).unwrap_err();
            assert_eq!(error, KafkaConnectionError::NoTls { what });
            assert!(error.to_string().contains("--features kafka-tls"), "{error}");
        }
    }
}
