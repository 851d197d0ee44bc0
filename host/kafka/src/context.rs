use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};
use thiserror::Error;

use crate::KafkaLog;

/// Makes a token for the brokers. librdkafka asks for one when a client is made, and again before it expires.
pub(crate) type TokenSource = Arc<dyn Fn() -> Result<OAuthToken, TokenError> + Send + Sync>;

/// Why there is no token for the brokers.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct TokenError(String);

impl TokenError {
    /// librdkafka takes no text with a null character.
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().replace('\0', ""))
    }
}

/// What a client of the brokers needs while it runs: where its log lines go, and where its tokens come from.
#[derive(Default)]
pub struct KafkaContext {
    log: KafkaLog,
    /// None where the brokers take a password, or nothing.
    tokens: Option<TokenSource>,
}

impl KafkaContext {
    pub(crate) fn new(tokens: Option<TokenSource>) -> Self {
        Self { log: KafkaLog::default(), tokens }
    }

    /// Where librdkafka's lines go.
    pub fn log(&self) -> &KafkaLog {
        &self.log
    }
}

impl ClientContext for KafkaContext {
    // librdkafka asks only a client with the mechanism OAUTHBEARER, which every client with a source of tokens has, and
    // no other.
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, kind: &str, text: &str) {
        self.log.line(level, kind, text);
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.log.error(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        match &self.tokens {
            Some(tokens) => Ok(tokens()?),
            None => Err(Box::new(TokenError::new("no source of tokens is configured"))),
        }
    }
}

impl fmt::Debug for KafkaContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaContext").field("log", &self.log).field("has_tokens", &self.tokens.is_some()).finish()
    }
}
