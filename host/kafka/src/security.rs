use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::SecretReference;
use thiserror::Error;

/// `[kafka.security]`: how brokers and host know each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct KafkaSecurity {
    /// `plaintext`, `tls`, `sasl-plaintext` or `sasl-tls`.
    pub protocol: KafkaProtocol,
    /// How the host shows who it is: `scram-sha-512` or `plain` with a password, or `aws-msk-iam` with AWS credentials.
    pub mechanism: KafkaMechanism,
    /// Who the host is; for `sasl-plaintext` and `sasl-tls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Reference to the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// The region of the Amazon MSK cluster; for `aws-msk-iam`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_region: Option<String>,
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

/// How the host shows the brokers who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KafkaMechanism {
    /// The password itself never travels.
    #[default]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    /// The password as it is.
    Plain,
    /// IAM of Amazon MSK: short-lived tokens that the host signs with its AWS credentials.
    AwsMskIam,
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
        /// `TLS`, `SCRAM-SHA-512` or `IAM of Amazon MSK`.
        what: &'static str,
    },
    /// A token that is valid for every program that reads it.
    #[error(
        "kafka.security.mechanism = \"aws-msk-iam\" needs kafka.security.protocol = \"sasl-tls\", because its tokens may \
         not travel in the clear"
    )]
    IamNeedsTls,
    /// A key that IAM needs is not there.
    #[error("kafka.security.mechanism = \"aws-msk-iam\" needs `kafka.security.{key}`")]
    MissingForIam {
        /// The key.
        key: &'static str,
    },
    /// A key that IAM does not use, or only IAM uses.
    #[error("`kafka.security.{key}` is of no use with kafka.security.mechanism = \"{mechanism}\"; remove it")]
    UnusedByMechanism {
        /// The key.
        key: &'static str,
        /// The mechanism.
        mechanism: &'static str,
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

impl KafkaProtocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "tls",
            Self::SaslPlaintext => "sasl-plaintext",
            Self::SaslTls => "sasl-tls",
        }
    }

    pub(crate) fn native(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslTls => "sasl_ssl",
        }
    }

    pub(crate) fn encrypts(self) -> bool {
        matches!(self, Self::Tls | Self::SaslTls)
    }

    pub(crate) fn authenticates(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslTls)
    }
}

impl KafkaMechanism {
    fn name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "scram-sha-512",
            Self::Plain => "plain",
            Self::AwsMskIam => "aws-msk-iam",
        }
    }
}

impl KafkaSecurity {
    /// Checks that the keys fit each other and this build.
    pub(crate) fn check(&self) -> Result<(), KafkaConnectionError> {
        if self.uses_iam() {
            self.check_iam()?;
        } else {
            self.check_password()?;
        }
        if self.ca_file.is_some() && !self.protocol.encrypts() {
            return Err(KafkaConnectionError::Unused { protocol: self.protocol.name(), key: "ca-file" });
        }
        if !cfg!(feature = "kafka-tls") {
            if self.uses_iam() {
                return Err(KafkaConnectionError::NoTls { what: "IAM of Amazon MSK" });
            }
            if self.protocol.encrypts() {
                return Err(KafkaConnectionError::NoTls { what: "TLS" });
            }
            if self.protocol.authenticates() && self.mechanism == KafkaMechanism::ScramSha512 {
                return Err(KafkaConnectionError::NoTls { what: "SCRAM-SHA-512" });
            }
        }
        Ok(())
    }

    pub(crate) fn uses_iam(&self) -> bool {
        self.mechanism == KafkaMechanism::AwsMskIam
    }

    fn check_iam(&self) -> Result<(), KafkaConnectionError> {
        if self.protocol != KafkaProtocol::SaslTls {
            return Err(KafkaConnectionError::IamNeedsTls);
        }
        for (key, given) in [("username", self.username.is_some()), ("password", self.password.is_some())] {
            if given {
                return Err(KafkaConnectionError::UnusedByMechanism { key, mechanism: self.mechanism.name() });
            }
        }
        match &self.aws_region {
            Some(region) if !region.is_empty() => Ok(()),
            _ => Err(KafkaConnectionError::MissingForIam { key: "aws-region" }),
        }
    }

    fn check_password(&self) -> Result<(), KafkaConnectionError> {
        let protocol = self.protocol.name();
        if self.aws_region.is_some() {
            let (key, mechanism) = ("aws-region", self.mechanism.name());
            return Err(KafkaConnectionError::UnusedByMechanism { key, mechanism });
        }
        let given = [("username", self.username.is_some()), ("password", self.password.is_some())];
        for (key, given) in given {
            match (self.protocol.authenticates(), given) {
                (true, false) => return Err(KafkaConnectionError::Missing { protocol, key }),
                (false, true) => return Err(KafkaConnectionError::Unused { protocol, key }),
                _ => {}
            }
        }
        Ok(())
    }
}
