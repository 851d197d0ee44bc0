use std::fmt;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use secrecy::{ExposeSecret as _, SecretString};

use crate::context::TokenSource;
use crate::{KafkaConnectionError, KafkaContext, KafkaMechanism, KafkaSecurity};

/// The settings for connecting to the brokers. Creating it connects to nothing.
#[derive(Clone)]
pub struct KafkaConnection {
    config: ClientConfig,
    tokens: Option<TokenSource>,
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
        if security.uses_iam() {
            config.set("sasl.mechanism", "OAUTHBEARER");
        } else if security.protocol.authenticates() {
            let is_plain = security.mechanism == KafkaMechanism::Plain;
            config.set("sasl.mechanism", if is_plain { "PLAIN" } else { "SCRAM-SHA-512" });
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
        #[cfg(feature = "kafka-tls")]
        let tokens = security.aws_region.as_deref().map(crate::msk::tokens);
        #[cfg(not(feature = "kafka-tls"))]
        let tokens = None;
        Ok(Self { config, tokens })
    }

    /// A connection to brokers that take the tokens of this source, whether or not they come over TLS.
    #[cfg(all(test, feature = "kafka-tls"))]
    pub(crate) fn with_tokens(brokers: &[String], protocol: crate::KafkaProtocol, tokens: TokenSource) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers.join(",")).set("security.protocol", protocol.native());
        config.set("sasl.mechanism", "OAUTHBEARER");
        Self { config, tokens: Some(tokens) }
    }

    /// The context of a new client of these brokers.
    pub fn context(&self) -> KafkaContext {
        KafkaContext::new(self.tokens.clone())
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
    use signalbox_model::SecretReference;

    use super::*;
    use crate::KafkaProtocol;

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
            ..KafkaSecurity::default()
        }
    }

    fn with_iam() -> KafkaSecurity {
        KafkaSecurity {
            protocol: KafkaProtocol::SaslTls,
            mechanism: KafkaMechanism::AwsMskIam,
            aws_region: Some("eu-central-1".to_owned()),
            ..KafkaSecurity::default()
        }
    }

    #[test]
    fn keys_that_do_not_fit_iam_are_named() {
        let password = Some(SecretReference::Env("P".to_owned()));
        let plain = with_password(KafkaProtocol::SaslPlaintext, KafkaMechanism::Plain);
        let cases = [
            (KafkaSecurity { protocol: KafkaProtocol::SaslPlaintext, ..with_iam() }, "protocol = \"sasl-tls\""),
            (KafkaSecurity { aws_region: None, ..with_iam() }, "needs `kafka.security.aws-region`"),
            (KafkaSecurity { username: Some("a".to_owned()), ..with_iam() }, "`kafka.security.username` is of no use"),
            (KafkaSecurity { password, ..with_iam() }, "`kafka.security.password` is of no use"),
            (KafkaSecurity { aws_region: Some("r".to_owned()), ..plain }, "`kafka.security.aws-region` is of no use"),
        ];
        for (security, expected) in cases {
            let error = connect(&security).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected} is missing in {error}");
        }
    }

    #[cfg(feature = "kafka-tls")]
    #[test]
    fn each_way_to_log_in_over_tls_is_what_librdkafka_is_told() {
        let scram = with_password(KafkaProtocol::SaslTls, KafkaMechanism::ScramSha512);
        let cases = [
            (KafkaSecurity { protocol: KafkaProtocol::Tls, ..KafkaSecurity::default() }, "ssl", None),
            (scram, "sasl_ssl", Some("SCRAM-SHA-512")),
            (with_password(KafkaProtocol::SaslTls, KafkaMechanism::Plain), "sasl_ssl", Some("PLAIN")),
            (with_iam(), "sasl_ssl", Some("OAUTHBEARER")),
        ];
        for (security, protocol, mechanism) in cases {
            let connection = connect(&security).unwrap();
            let config = connection.client_config();
            assert_eq!((config.get("security.protocol"), config.get("sasl.mechanism")), (Some(protocol), mechanism));
            assert_eq!(config.get("ssl.ca.location"), Some("probe"));
            assert_eq!(config.get("sasl.username").is_some(), security.username.is_some());
            // librdkafka was built with what these settings need.
            let client: Result<rdkafka::producer::BaseProducer, _> = config.create();
            assert!(client.is_ok(), "{security:?}: {:?}", client.err());
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
            (with_iam(), "IAM of Amazon MSK"),
        ] {
            let error = connect(&security).unwrap_err();
            assert_eq!(error, KafkaConnectionError::NoTls { what });
            assert!(error.to_string().contains("--features kafka-tls"), "{error}");
        }
    }
}
