//! Receivers that give no answer.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use signalbox_capabilities::http::Lookup;
use signalbox_delivery::{AttemptResult, EffectTarget as _};
use tokio::net::TcpListener;

use super::service::{Behaviour, Service, answer};
use super::{call, crm, failed, target, target_with, url};

#[tokio::test]
async fn a_receiver_that_refuses_connections_fails_the_attempt_with_its_name() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let reason = failed(target(port).attempt(&call(&url(port))).await);
    assert!(reason.starts_with(&format!("crm.example:{port} did not answer: ")), "{reason}");
    assert!(reason.to_lowercase().contains("refused"), "{reason}");
}

#[tokio::test]
async fn a_receiver_that_breaks_off_or_answers_garbage_fails_the_attempt() {
    let garbage = |bytes: &[u8]| Behaviour::Answers(bytes.to_vec());
    let headers = "x: y\r\n".repeat(10_000);
    for behaviour in [
        Behaviour::Resets,
        garbage(b""),
        garbage(b"SSH-2.0-OpenSSH_9.6\r\n"),
        garbage(b"HTTP/1.1 200"),
        garbage(b"HTTP/1.1 two hundred\r\n\r\n"),
        garbage(b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"),
        garbage(b"\x00\x1b[31m\xff\xfe"),
        garbage(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()),
    ] {
        let service = Service::start(&[behaviour]).await;
        let reason = failed(target(service.port).attempt(&call(&url(service.port))).await);
        assert!(reason.starts_with(&format!("crm.example:{} did not answer: ", service.port)), "{reason}");
    }
}

#[tokio::test]
async fn a_receiver_without_tls_fails_a_call_by_https() {
    let service = Service::start(&[Behaviour::Resets]).await;
    let https = url(service.port).replace("http:", "https:");
    let reason = failed(target(service.port).attempt(&call(&https)).await);
    assert!(reason.contains("crm.example") && service.received().is_empty(), "{reason}");
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_fails_the_attempt() {
    struct NoNames;
    #[async_trait::async_trait]
    impl Lookup for NoNames {
        async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
            Err(std::io::Error::other("no such name"))
        }
    }
    let target = target_with(&crm(80), std::sync::Arc::new(NoNames));
    let reason = failed(target.attempt(&call("http://crm.example/")).await);
    assert_eq!(reason, "crm.example did not answer: no such name");
}

#[tokio::test]
async fn a_receiver_that_hangs_is_left_when_the_caller_gives_up_and_called_again_later() {
    let service = Service::start(&[Behaviour::Hangs(Vec::new()), answer("200 OK", "", "")]).await;
    let (target, effect) = (target(service.port), call(&url(service.port)));
    let attempt = tokio::time::timeout(Duration::from_millis(500), target.attempt(&effect)).await;
    assert!(attempt.is_err(), "{attempt:?}");
    service.closed_by_client().await;
    assert_eq!(target.attempt(&effect).await, AttemptResult::Delivered);
}
