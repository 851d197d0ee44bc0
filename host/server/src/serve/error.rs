use std::net::SocketAddr;

use signalbox_capabilities::business::DirectoryError;
use signalbox_capabilities::llm::ScriptError;
use signalbox_delivery::{EmailConfigError, ReceiverError};
use signalbox_http::KeyError;
use signalbox_model::ErrorCode;
use signalbox_sandbox::SandboxError;
use signalbox_store::StoreError;
use signalbox_trigger_kafka::KafkaError;
use signalbox_trigger_webhook::HookError;
use thiserror::Error;

use crate::config::ConfigError;
use crate::config::secrets::SecretError;

/// Why the host does not start. Each code has a page under `docs/errors/`.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A secret is not where the configuration says, or is not a valid secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No token could be verified with these keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The business directory cannot be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Bundles have mistakes; the text is the report.
    #[error("bundles are not as they should be, see above")]
    Bundles(String),
    /// A bundle's webhook could not be verified.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Kafka cannot be read as it is configured.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// External calls or notifications cannot be sent as they are configured.
    #[error(transparent)]
    ExternalCalls(#[from] ReceiverError),
    /// E-mails cannot be sent as it is configured.
    #[error(transparent)]
    Email(#[from] EmailConfigError),
    /// A language model cannot be set up.
    #[error("language model `{name}`: {reason}")]
    Model {
        /// Its name in the configuration.
        name: String,
        /// Why.
        reason: String,
    },
    /// The script of a language model has mistakes or cannot be read.
    #[error("language model `{name}`: {error}")]
    Script {
        /// The model's name in the configuration.
        name: String,
        /// What is wrong with the script.
        error: ScriptError,
    },
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The address cannot be taken.
    #[error("cannot listen on {address}: {reason}; free it, or choose another with {key} (port 0 takes any)")]
    Listen {
        /// The configuration key with the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        reason: std::io::Error,
    },
    /// An error that is no mistake in the configuration.
    #[error("{0}")]
    Internal(String),
}

impl StartError {
    /// The error's code, which is also the name of its page.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Config(_) | Self::ExternalCalls(_) | Self::Email(_) => ErrorCode::ConfigInvalid,
            Self::Secret(SecretError::Malformed { .. } | SecretError::Short { .. }) => ErrorCode::SecretMalformed,
            Self::Secret(_) => ErrorCode::SecretMissing,
            Self::Keys(_) => ErrorCode::AuthKeysInvalid,
            Self::Store(StoreError::MissingTables(_)) => ErrorCode::StoreTablesMissing,
            Self::Store(_) => ErrorCode::StoreUnavailable,
            Self::Directory(_) => ErrorCode::BusinessDirectoryInvalid,
            Self::Bundles(_) => ErrorCode::BundleInvalid,
            Self::Hook(_) => ErrorCode::WebhookSecretMissing,
            Self::Kafka(_) => ErrorCode::KafkaInvalid,
            Self::Model { .. } | Self::Script { .. } => ErrorCode::ModelInvalid,
            Self::Sandbox(_) => ErrorCode::SandboxUnavailable,
            Self::Listen { .. } => ErrorCode::ListenFailed,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let config = crate::config::Sources {
            file: Some("/nowhere/signalbox.toml".into()),
            ..crate::config::Sources::default()
        };
        let unset = signalbox_model::SecretReference::Env("SIGNALBOX_UNSET".to_owned());
        let all = [
            StartError::Config(config.load().unwrap_err()),
            StartError::Secret(crate::config::secrets::open("auth.keys", &unset).unwrap_err()),
            StartError::Secret(SecretError::Malformed {
                key: String::new(),
                reference: String::new(),
                problem: signalbox_model::SecretTextError::Utf16,
            }),
            StartError::Keys(KeyError::NoKeys),
            StartError::Store(StoreError::MissingTables(Vec::new())),
            StartError::Store(StoreError::Config(String::new())),
            StartError::Directory(DirectoryError::Unreadable { path: "x".into(), reason: String::new() }),
            StartError::Bundles(String::new()),
            StartError::Hook(HookError::UnknownSecret {
                bundle: String::new(),
                hook: String::new(),
                secret: String::new(),
            }),
            StartError::Kafka(KafkaError::Thread(String::new())),
            StartError::Model { name: String::new(), reason: String::new() },
            StartError::Sandbox(SandboxError::Engine(String::new())),
            StartError::Listen {
                key: "server.listen",
                address: SocketAddr::from(([127, 0, 0, 1], 0)),
                reason: std::io::ErrorKind::AddrInUse.into(),
            },
            StartError::Internal(String::new()),
        ];
        let codes: BTreeSet<String> = all.iter().map(|error| format!("{}.md", error.code())).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let mut pages: BTreeSet<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        // The list of all codes.
        assert!(pages.remove("README.md"));
        assert_eq!(codes, pages);
    }
}
