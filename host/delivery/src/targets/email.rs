//! Notifications by e-mail, over SMTP.

mod config;
mod message;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::{ExposeSecret as _, SecretString};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_model::{NotificationChannel, SecretReference, excerpt, visible_line};
use signalbox_store::EffectKind;
use tokio::time::timeout;

use super::channel_message::ChannelMessage;
use super::channels::configured;
use crate::{AttemptResult, DueEffect, EffectTarget};

pub use config::{EmailConfig, EmailConfigError, EmailEncryption};

/// How long the server may take to say good-bye after it has taken an e-mail.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// So many characters of a server's answer are in a reason.
const EXCERPT: usize = 300;
/// Answers to an e-mail that mean the host, and not this e-mail: credentials or encryption are missing or wrong.
const ABOUT_THE_HOST: [u16; 4] = [530, 534, 535, 538];

/// Sends notifications as e-mails, each over a connection of its own. A pool of connections would need a connection
/// whose attempt was dropped at its deadline to be closed, which the library's pool does not do.
///
/// An e-mail counts as delivered once the server has taken it. After an attempt that failed, it may have been sent
/// nevertheless, and is sent again under the same `Message-ID`.
pub struct EmailTarget {
    server: EmailServer,
    directory: Arc<BusinessDirectory>,
}

/// A server that takes e-mails, with its secrets opened. Cheap to clone.
#[derive(Clone)]
pub struct EmailServer {
    inner: Arc<Server>,
}

struct Server {
    host: String,
    port: u16,
    encryption: EmailEncryption,
    tls: TlsParameters,
    credentials: Option<(String, SecretString)>,
    from: Mailbox,
    /// How long the connection may take until the server is ready for an e-mail.
    connect_timeout: Duration,
}

impl EmailServer {
    /// The configured server; none when there is none. `open` opens the secret that a configuration key refers to, and
    /// `read` the file of certificates.
    pub fn open<E: From<EmailConfigError>>(
        config: &EmailConfig,
        open: impl Fn(&str, &SecretReference) -> Result<SecretString, E>,
        read: impl Fn(&std::path::Path) -> std::io::Result<Vec<u8>>,
    ) -> Result<Option<Self>, E> {
        let Some(host) = config.server.clone() else { return Ok(None) };
        config.check()?;
        let from = config.from.as_deref().unwrap_or_default();
        let from: Mailbox = from.parse().map_err(|_| EmailConfigError::From(from.to_owned()))?;
        let credentials = match (&config.username, &config.password) {
            (Some(username), Some(password)) => Some((username.clone(), open("delivery.email.password", password)?)),
            _ => None,
        };
        let mut tls = TlsParameters::builder(host.clone());
        if let Some(file) = &config.ca_file {
            let unreadable = |reason: String| EmailConfigError::Authorities { file: file.clone(), reason };
            let pem = read(file).map_err(|error| unreadable(error.to_string()))?;
            tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))?);
        }
        let tls = tls.build_rustls().map_err(|error| EmailConfigError::Tls(error.to_string()))?;
        let server = Server {
            host,
            port: config.port.unwrap_or(config.encryption.usual_port()),
            encryption: config.encryption,
            tls,
            credentials,
            from,
            connect_timeout: config.deadline.0 / 2,
        };
        Ok(Some(Self { inner: Arc::new(server) }))
    }

    /// Sends a message to an address, once.
    pub(crate) async fn send(&self, address: &str, message: &ChannelMessage) -> AttemptResult {
        let Ok(to) = address.parse::<Address>() else {
            return AttemptResult::Refused { reason: format!("`{}` is no e-mail address", visible_line(address)) };
        };
        let server = &self.inner;
        let email = match message::email(&server.from, to.clone(), message) {
            Ok(email) => email,
            Err(reason) => return AttemptResult::Refused { reason },
        };
        let Ok(envelope) = Envelope::new(Some(server.from.email.clone()), vec![to]) else {
            return AttemptResult::Refused { reason: "the e-mail has no recipient".to_owned() };
        };
        let mut connection = match timeout(server.connect_timeout, server.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(reason)) => return AttemptResult::Unavailable { reason: server.named(&reason) },
            Err(_) => {
                let reason = format!("was not ready for an e-mail within {} s", server.connect_timeout.as_secs_f64());
                return AttemptResult::Unavailable { reason: server.named(&reason) };
            }
        };
        let result = match connection.send(&envelope, &email).await {
            Ok(_) => AttemptResult::Delivered,
            Err(error) => server.result_of(&error),
        };
        if result == AttemptResult::Delivered {
            // The e-mail is on its way whatever the server says now.
            let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        }
        result
    }
}

impl Server {
    /// A connection that is ready for an e-mail. An error is about the server as a whole.
    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        // The server knows the host by the domain that it sends for: a host in a container has no name of its own.
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let wrapped = (self.encryption == EmailEncryption::Tls).then(|| self.tls.clone());
        let server = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(self.connect_timeout), &hello, wrapped, None);
        let mut connection = connecting.await.map_err(|error| format!("cannot be reached: {}", told(&error)))?;
        if self.encryption == EmailEncryption::Starttls {
            let upgraded = connection.starttls(self.tls.clone(), &hello).await;
            upgraded.map_err(|error| format!("does not begin TLS: {}", told(&error)))?;
        }
        if let Some((username, password)) = &self.credentials {
            let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
            // The server's words may quote the credentials, its number cannot.
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(|error| {
                let code = error.status().map_or_else(String::new, |code| format!(" with {code}"));
                format!("refused the user name or password{code}; see delivery.email.username and .password")
            })?;
        }
        Ok(connection)
    }

    /// What an error after the connection was ready means for the e-mail.
    fn result_of(&self, error: &SmtpError) -> AttemptResult {
        let reason = self.named(&format!("did not take the e-mail: {}", told(error)));
        match error.status().map(u16::from) {
            Some(code) if ABOUT_THE_HOST.contains(&code) => AttemptResult::Unavailable { reason },
            Some(_) if error.is_permanent() => AttemptResult::Refused { reason },
            // An error of the library before anything was sent, for example when the server does not take an address
            // that is not in ASCII.
            None if error.is_client() => AttemptResult::Refused { reason },
            // Also a connection that broke: were the server held to be away, an e-mail that makes it break the
            // connection would hold up all others for ever.
            _ => AttemptResult::Failed { reason, retry_after: None },
        }
    }

    fn named(&self, problem: &str) -> String {
        format!("the e-mail server {}:{} {problem}", self.host, self.port)
    }
}

/// An error with its causes, the innermost of which says what happened.
fn told(error: &SmtpError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut words: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        // An outer error often repeats the inner one.
        if !words.iter().any(|word| word.contains(&cause)) {
            words.push(cause);
        }
    }
    excerpt(&visible_line(&words.join(": ")), EXCERPT).into_owned()
}

impl EmailTarget {
    /// A target that sends to the addresses of the businesses' channels.
    pub fn new(server: EmailServer, directory: Arc<BusinessDirectory>) -> Self {
        Self { server, directory }
    }
}

#[async_trait]
impl EffectTarget for EmailTarget {
    fn name(&self) -> &'static str {
        "email"
    }

    async fn attempt(&self, due: &DueEffect) -> AttemptResult {
        let EffectKind::ChannelNotification { channel, .. } = &due.effect.kind else {
            return AttemptResult::Refused { reason: "only notifications leave by e-mail".to_owned() };
        };
        let (business, found) = match configured(&self.directory, due, channel) {
            Ok(found) => found,
            Err(result) => return result,
        };
        let NotificationChannel::Email(address) = found else {
            let reason = format!("channel `{channel}` of the business does not lead to an e-mail address any more");
            return AttemptResult::Refused { reason };
        };
        match ChannelMessage::of(due, &business, "email") {
            Some(message) => self.server.send(&address, &message).await,
            None => AttemptResult::Refused { reason: "the decision has no such notification".to_owned() },
        }
    }
}
