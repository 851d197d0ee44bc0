use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, SecretReference};
use thiserror::Error;

use crate::TargetConfig;

/// `[delivery.email]`: the server that takes e-mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct EmailConfig {
    /// The server's name. Without it, notifications by e-mail wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The server's port; without it the usual one of the encryption: 587, 465 or 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    pub encryption: EmailEncryption,
    /// A file of certificates in PEM, of authorities that are trusted besides those of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The user name, when the server asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Reference to the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretReference>,
    /// The sender, for example `Signalbox <signalbox@roma.example>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// E-mails that are sent at a time, each over a connection of its own.
    pub concurrency: usize,
    /// How long one attempt may take; at most half of the lease.
    pub deadline: HumanDuration,
}

/// How a connection to a server of e-mail is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailEncryption {
    /// The connection begins in the clear and has to become TLS before anything is said.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// No encryption. A password is sent without encryption to a loopback address only.
    None,
}

impl EmailEncryption {
    /// The port of servers with this encryption.
    pub(super) fn usual_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self {
            server: None,
            port: None,
            encryption: EmailEncryption::default(),
            ca_file: None,
            username: None,
            password: None,
            from: None,
            concurrency: 8,
            deadline: HumanDuration::secs(15),
        }
    }
}

/// Why `[delivery.email]` cannot be used. No text holds a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EmailConfigError {
    /// The sender cannot be read.
    #[error(
        "`delivery.email.from` is `{0}`; write an address, or a name and an address: `Roma <signalbox@roma.example>`"
    )]
    From(String),
    /// A user name without a password, or the other way round.
    #[error("`delivery.email` has a user name or a password and not both; give both or none")]
    HalfOfCredentials,
    /// The password would be sent in the clear.
    #[error(
        "`delivery.email.encryption` is `none`, so the password would be sent in the clear to {0}; use `starttls` or \
         `tls`, or leave out `username` and `password`"
    )]
    PasswordInTheClear(String),
    /// The authorities' certificates cannot be read.
    #[error("`delivery.email.ca-file` refers to {}, which cannot be read: {reason}", .file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("`delivery.email` cannot use TLS: {0}")]
    Tls(String),
}

impl EmailConfig {
    /// Concurrency and deadline, as the relay reads them.
    pub(crate) fn target(&self) -> TargetConfig {
        TargetConfig { concurrency: self.concurrency, deadline: self.deadline }
    }

    pub(super) fn check(&self) -> Result<(), EmailConfigError> {
        if self.username.is_some() != self.password.is_some() {
            return Err(EmailConfigError::HalfOfCredentials);
        }
        let server = self.server.as_deref().unwrap_or_default();
        if self.encryption == EmailEncryption::None && self.password.is_some() && !is_loopback(server) {
            return Err(EmailConfigError::PasswordInTheClear(server.to_owned()));
        }
        Ok(())
    }
}

fn is_loopback(server: &str) -> bool {
    server == "localhost" || server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
