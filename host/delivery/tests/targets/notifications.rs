//! Notifications by the channels of a business: an e-mail, and webhooks to Slack and to a program.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::http::{Egress, EgressRules};
use signalbox_delivery::{
    AttemptResult, DueEffect, EffectTarget as _, EmailConfig, EmailConfigError, EmailServer, EmailTarget,
    NotificationWebhookConfig, NotificationWebhookTarget, NotificationWebhooks, ReceiverError,
};
use signalbox_model::SecretReference;
use signalbox_store::{DecisionRecord, Effect, EffectKind};
use signalbox_tests_support::{SmtpFault, SmtpPoint, SmtpServer};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::due;
use super::http::service::Service;
use super::http::{KEY, Names, signing_secret};

/// The part of a chat service's URL that lets anybody write there.
const PATH: &str = "/services/T0/B0/s3cret-path";
const PASSWORD: &str = "p4ssword-of-smtp";

/// The notification `act_1` to the business, by a channel.
fn by_channel(channel: &str, medium: &str) -> DueEffect {
    let payload = json!({
        "subject": "A table is booked", "text": "Table 7 & 8, lângă geam\n.\n<!channel>",
        "generic": {"text": "for programs"}
    });
    let action = json!({
        "id": "act_1", "type": "notification", "target": "business", "payload": payload, "priority": "high"
    });
    let notification = due(EffectKind::Action(serde_json::from_value(action).unwrap()));
    let kind = json!({
        "channelNotification": {"of": "act_1", "channel": channel, "medium": medium, "priority": "high"}
    });
    let effect = Effect::pending(format!("act_1.{channel}"), serde_json::from_value(kind).unwrap());
    let record = DecisionRecord {
        effects: vec![notification.effect, effect.clone()],
        ..Arc::unwrap_or_clone(notification.record)
    };
    DueEffect { record: Arc::new(record), effect }
}

/// The trattoria, whose owner reads e-mails and whose kitchen reads Slack.
fn directory() -> Arc<BusinessDirectory> {
    let info = json!({"businessId": "trattoria", "name": "Trattoria", "type": "restaurant"});
    let notifications = json!({"channels": {
        "owner": {"email": "owner@roma.example"}, "odd": {"email": "no address"},
        "kitchen": {"webhook": "slack"}, "program": {"webhook": "program"}, "gone": {"webhook": "gone"},
    }});
    let read = (serde_json::from_value(info).unwrap(), serde_json::from_value(notifications).unwrap());
    Arc::new(BusinessDirectory::of_notified([read]))
}

fn secret(reference: &SecretReference) -> SecretString {
    let SecretReference::Env(name) = reference else { panic!("{reference}") };
    SecretString::from(match name.as_str() {
        "PASSWORD" => PASSWORD.to_owned(),
        "KEY" => signing_secret(),
        other => other.to_owned(),
    })
}

fn email_server(toml: &str) -> Result<Option<EmailServer>, EmailConfigError> {
    let config: EmailConfig = toml::from_str(toml).unwrap();
    EmailServer::open(&config, |_, reference| Ok(secret(reference)), |path| std::fs::read(path))
}

fn email_target(port: u16, more: &str) -> EmailTarget {
    let toml = format!(
        "server = \"127.0.0.1\"\nport = {port}\nencryption = \"none\"\nfrom = \"Roma <signalbox@roma.example>\"\n\
         deadline = \"1s\"\n{more}"
    );
    EmailTarget::new(email_server(&toml).unwrap().unwrap(), directory())
}

const CREDENTIALS: &str = "username = \"roma\"\npassword = { env = \"PASSWORD\" }\n";

#[tokio::test]
async fn a_notification_arrives_as_an_email_under_its_key() {
    let server = SmtpServer::start(&[]).await.unwrap();
    let result = email_target(server.port, CREDENTIALS).attempt(&by_channel("owner", "email")).await;
    assert_eq!(result, AttemptResult::Delivered);
    let received = server.received();
    let [email] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(
        (email.from.as_str(), email.to.as_slice()),
        ("signalbox@roma.example", &["owner@roma.example".to_owned()][..])
    );
    for (name, value) in [
        ("Subject", "A table is booked"),
        ("Message-ID", "<act_1.owner@roma.example>"),
        ("Signalbox-Idempotency-Key", "act_1.owner"),
        ("Auto-Submitted", "auto-generated"),
    ] {
        assert_eq!(email.header(name), Some(value), "{name} in {}", email.text);
    }
    assert!(server.commands().iter().any(|command| command.starts_with("AUTH PLAIN")), "{:?}", server.commands());
}

#[tokio::test]
async fn an_email_that_is_sent_again_is_the_same_to_the_last_byte() {
    let dropped = Some(("text", SmtpFault::Drops));
    let server = SmtpServer::start(&[dropped]).await.unwrap();
    let (target, effect) = (email_target(server.port, ""), by_channel("owner", "email"));
    assert!(matches!(target.attempt(&effect).await, AttemptResult::Failed { .. }));
    assert_eq!(target.attempt(&effect).await, AttemptResult::Delivered);
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1]);
}

/// The result of an attempt at a server with this fault.
async fn result_of(point: SmtpPoint, fault: SmtpFault) -> AttemptResult {
    let server = SmtpServer::start(&[Some((point, fault))]).await.unwrap();
    let target = email_target(server.port, CREDENTIALS);
    let effect = by_channel("owner", "email");
    let attempt = tokio::time::timeout(Duration::from_secs(20), target.attempt(&effect));
    attempt.await.expect("an attempt at a server that cannot be used ends by itself")
}

#[tokio::test]
async fn what_a_server_says_about_an_email_decides_whether_it_is_sent_again() {
    use SmtpFault::{Answers, Drops};
    for (point, fault) in [
        ("RCPT", Answers("450 4.2.1 mailbox busy")),
        ("MAIL", Answers("421 4.3.2 closing")),
        ("DATA", Answers("451 4.3.0 later")),
        ("text", Answers("452 4.3.1 no space")),
        ("text", Drops),
        ("RCPT", Drops),
        ("RCPT", Answers("\u{7}what is this?")),
    ] {
        let result = result_of(point, fault).await;
        assert!(matches!(result, AttemptResult::Failed { retry_after: None, .. }), "{point} {fault:?}: {result:?}");
    }
    for (point, fault) in [
        ("MAIL", Answers("553 5.1.8 sender refused")),
        ("RCPT", Answers("550 5.1.1 no such user")),
        ("text", Answers("554 5.7.1 spam")),
    ] {
        let result = result_of(point, fault).await;
        let AttemptResult::Refused { reason } = result else { panic!("{point} {fault:?}: {result:?}") };
        let Answers(words) = fault else { unreachable!("all of them are answers") };
        assert!(reason.contains("127.0.0.1:") && reason.contains(words.get(4..).unwrap()), "{reason}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_the_host_says_nothing_about_the_email() {
    use SmtpFault::{Answers, Drops, Hangs};
    for (point, fault) in [
        ("connect", Answers("421 4.3.2 too busy")),
        ("connect", Answers("554 5.3.2 not here")),
        ("connect", Answers("HTTP/1.1 400 Bad Request")),
        ("connect", Hangs),
        ("connect", Drops),
        ("EHLO", Drops),
        ("AUTH", Answers("535 5.7.8 p4ssword-of-smtp is wrong")),
        ("MAIL", Answers("530 5.7.0 log in first")),
    ] {
        let result = result_of(point, fault).await;
        let AttemptResult::Unavailable { reason } = result else { panic!("{point} {fault:?}: {result:?}") };
        assert!(reason.contains("127.0.0.1:") && !reason.contains(PASSWORD), "{reason}");
    }
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let result = email_target(unused, "").attempt(&by_channel("owner", "email")).await;
    assert!(matches!(result, AttemptResult::Unavailable { .. }), "{result:?}");
}

#[tokio::test]
async fn a_server_that_offers_no_tls_is_told_neither_password_nor_email() {
    let server = SmtpServer::start(&[]).await.unwrap();
    let toml =
        format!("server = \"localhost\"\nport = {}\nfrom = \"signalbox@roma.example\"\n{CREDENTIALS}", server.port);
    let target = EmailTarget::new(email_server(&toml).unwrap().unwrap(), directory());
    let result = target.attempt(&by_channel("owner", "email")).await;
    let AttemptResult::Unavailable { reason } = result else { panic!("{result:?}") };
    assert!(reason.contains("STARTTLS"), "{reason}");
    assert!(server.commands().iter().all(|command| command.starts_with("EHLO") || command == "QUIT"));
}

/// A port at which a server of e-mail is reached by TLS, and its certificate in PEM. With `starttls`, the conversation
/// begins in the clear.
async fn behind_tls(server: &SmtpServer, starttls: bool) -> (u16, String) {
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (pem, certificate) = (identity.cert.pem(), identity.cert.der().clone());
    let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), server.port);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if starttls {
                    stream.write_all(b"220 ready\r\n").await.unwrap();
                    for (command, answer) in [("EHLO ", "250-here\r\n250 STARTTLS\r\n"), ("STARTTLS", "220 go on\r\n")]
                    {
                        assert!(line(&mut stream).await.starts_with(command));
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                }
                // A client that does not trust the certificate leaves in the middle of the handshake.
                if let Ok(mut client) = acceptor.accept(stream).await {
                    let mut server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    if starttls {
                        // The client has had a greeting.
                        line(&mut server).await;
                    }
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    (port, pem)
}

/// The next line, read byte by byte, so that nothing after it is taken.
async fn line(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push(char::from(stream.read_u8().await.unwrap()));
    }
    line
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_is_told_nothing_and_one_of_a_given_authority_is() {
    let server = SmtpServer::start(&[]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for (encryption, delivered) in [("tls", 1), ("starttls", 2)] {
        let (port, pem) = behind_tls(&server, encryption == "starttls").await;
        std::fs::write(&file, pem).unwrap();
        let target = |more: &str| {
            let toml = format!(
                "server = \"localhost\"\nport = {port}\nencryption = \"{encryption}\"\n\
                 from = \"signalbox@roma.example\"\n{CREDENTIALS}{more}"
            );
            EmailTarget::new(email_server(&toml).unwrap().unwrap(), directory())
        };
        let before = server.commands().len();
        let result = target("").attempt(&by_channel("owner", "email")).await;
        assert!(matches!(result, AttemptResult::Unavailable { .. }), "{encryption}: {result:?}");
        assert_eq!(server.commands().len(), before, "{encryption}: {:?}", server.commands());
        let trusting = target(&format!("ca-file = {}\n", json!(file.to_string_lossy())));
        let result = trusting.attempt(&by_channel("owner", "email")).await;
        assert_eq!((result, server.received().len()), (AttemptResult::Delivered, delivered), "{encryption}");
    }
}

#[tokio::test]
async fn a_channel_that_leads_nowhere_is_a_refusal_that_names_it() {
    let server = SmtpServer::start(&[]).await.unwrap();
    let target = email_target(server.port, "");
    for (channel, part) in [("fired", "no channel `fired`"), ("kitchen", "`kitchen`"), ("odd", "no e-mail address")] {
        let result = target.attempt(&by_channel(channel, "email")).await;
        let AttemptResult::Refused { reason } = result else { panic!("{result:?}") };
        assert!(reason.contains(part), "{reason}");
    }
    assert!(server.commands().is_empty(), "{:?}", server.commands());
}

#[test]
fn a_configuration_by_which_a_password_would_leak_or_no_email_could_be_sent_is_refused() {
    let error = |toml: &str| match email_server(&format!("server = \"smtp.example\"\n{toml}")) {
        Ok(_) => panic!("{toml} is taken"),
        Err(error) => error.to_string(),
    };
    assert!(error("").contains("delivery.email.from"));
    assert!(error("from = \"roma\"").contains("`roma`"));
    assert!(error("from = \"a@b.example\"\nusername = \"u\"").contains("both or none"));
    let clear = format!("from = \"a@b.example\"\nencryption = \"none\"\n{CREDENTIALS}");
    assert!(error(&clear).contains("in the clear to smtp.example"), "{}", error(&clear));
    assert!(email_server("").unwrap().is_none(), "no server, no e-mails");
}

fn webhooks(port: u16, more: &str) -> Result<NotificationWebhooks, ReceiverError> {
    let config: NotificationWebhookConfig = toml::from_str(&format!(
        "[receivers.slack]\nformat = \"slack\"\nurl = {{ env = \"http://hooks.example:{port}{PATH}\" }}\n\
         [receivers.program]\nformat = \"generic\"\nurl = {{ env = \"http://hooks.example:{port}/notify\" }}\n\
         signing-secret = {{ env = \"KEY\" }}\n{more}"
    ))
    .unwrap();
    let rules = EgressRules {
        private_networks: vec!["127.0.0.1".parse().unwrap()],
        allow_plain_http: true,
        ..EgressRules::default()
    };
    let egress = Arc::new(Egress::new(rules, Names::of(Ipv4Addr::LOCALHOST)).unwrap());
    Ok(NotificationWebhooks::open(&config, egress, |_, reference| Ok(secret(reference)))?.unwrap())
}

fn webhook_target(port: u16) -> NotificationWebhookTarget {
    NotificationWebhookTarget::new(webhooks(port, "").unwrap(), directory())
}

#[tokio::test]
async fn a_notification_arrives_in_the_format_of_slack() {
    let service = Service::answering("200 OK", "", "ok").await;
    let result = webhook_target(service.port).attempt(&by_channel("kitchen", "webhook")).await;
    assert_eq!(result, AttemptResult::Delivered);
    let request = service.received().remove(0);
    assert_eq!(request.line, format!("POST {PATH} HTTP/1.1"));
    assert_eq!(request.header("idempotency-key"), Some("act_1.kitchen"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let text = "A table is booked\nTable 7 &amp; 8, lângă geam\n.\n&lt;!channel&gt;";
    let block = json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}});
    assert_eq!(body, json!({"text": text, "blocks": [block]}));
}

#[tokio::test]
async fn a_program_gets_a_signed_event_with_the_words_that_are_for_it() {
    let service = Service::answering("204 No Content", "", "").await;
    let result = webhook_target(service.port).attempt(&by_channel("program", "webhook")).await;
    assert_eq!(result, AttemptResult::Delivered);
    let request = service.received().remove(0);
    Webhook::from_bytes(KEY.to_vec()).unwrap().verify(&request.body, &request.headers).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["type"], &body["timestamp"]), (&json!("signalbox.notification"), &json!("2026-01-01T00:00:01Z")));
    let mut data = body["data"].clone();
    data.as_object_mut().unwrap().remove("payload");
    let expected = json!({
        "id": "act_1.program", "notificationId": "act_1", "channel": "program", "businessId": "trattoria",
        "decisionId": "dec_1", "decisionCode": "BOOK", "target": "business", "priority": "high",
        "subject": "A table is booked", "text": "for programs",
    });
    assert_eq!(data, expected);
}

#[tokio::test]
async fn no_reason_holds_the_url_of_a_chat_service() {
    let told = format!("no hook at {PATH}");
    let service = Service::answering("404 Not Found", "", &told).await;
    let result = webhook_target(service.port).attempt(&by_channel("kitchen", "webhook")).await;
    let AttemptResult::Refused { reason } = result else { panic!("{result:?}") };
    assert!(reason.contains("404") && reason.contains("hooks.example") && !reason.contains("s3cret"), "{reason}");
    let busy = Service::answering("429 Too Many Requests", "retry-after: 7\r\n", "").await;
    let result = webhook_target(busy.port).attempt(&by_channel("kitchen", "webhook")).await;
    let AttemptResult::Failed { reason, retry_after } = result else { panic!("{result:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)), "{reason}");
    let result = webhook_target(busy.port).attempt(&by_channel("gone", "webhook")).await;
    assert!(matches!(&result, AttemptResult::Refused { reason } if reason.contains("`gone`")), "{result:?}");
}

#[test]
fn a_receiver_without_a_url_or_with_a_weak_key_is_refused_by_its_place_in_the_configuration() {
    let error = |more: &str| match webhooks(1, more) {
        Ok(_) => panic!("{more} is taken"),
        Err(error) => error.to_string(),
    };
    let receiver = |rest: &str| format!("[receivers.teams]\nformat = \"teams\"\n{rest}");
    let told = error(&receiver("url = { env = \"hooks s3cret\" }"));
    assert!(told.contains("delivery.notification-webhooks.receivers.teams.url") && !told.contains("s3cret"), "{told}");
    let told = error(&receiver("url = { env = \"https://a.example/s3cret\" }\nsigning-secret = { env = \"weak\" }"));
    assert!(told.contains("receivers.teams.signing-secret"), "{told}");
}
