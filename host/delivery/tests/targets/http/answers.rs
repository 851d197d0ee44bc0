//! What the answers of a receiver mean.

use std::time::Duration;

use signalbox_delivery::{AttemptResult, EffectTarget as _};

use super::service::{Behaviour, Service};
use super::{TOKEN, call, discreet, failed, refused, signing_secret, target, url};

async fn attempt(service: &Service) -> AttemptResult {
    target(service.port).attempt(&call(&url(service.port))).await
}

#[tokio::test]
async fn every_2xx_counts_as_delivered() {
    for status in ["200 OK", "201 Created", "202 Accepted", "204 No Content", "299 Odd"] {
        let service = Service::answering(status, "", "").await;
        assert_eq!(attempt(&service).await, AttemptResult::Delivered, "{status}");
    }
}

#[tokio::test]
async fn a_2xx_counts_whatever_becomes_of_its_body() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    let cut_off = Behaviour::Answers(format!("{head}half").into_bytes());
    let never_ends = Behaviour::Hangs(format!("{head}half").into_bytes());
    let garbage = Behaviour::Answers(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense".to_vec());
    let mut huge = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 8 << 20).into_bytes();
    huge.resize(huge.len() + (1 << 16) + 1, b'x');
    for behaviour in [cut_off, never_ends, garbage, Behaviour::Hangs(huge)] {
        let service = Service::start(&[behaviour]).await;
        assert_eq!(attempt(&service).await, AttemptResult::Delivered);
    }
}

#[tokio::test]
async fn what_may_pass_is_a_failure_that_names_the_host_and_the_status() {
    for status in [
        "408 Request Timeout",
        "425 Too Early",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
    ] {
        let service = Service::answering(status, "", "quoted").await;
        let reason = failed(attempt(&service).await);
        assert_eq!(reason, format!("crm.example:{} answered {status}", service.port));
    }
    for status in ["599 Odd", "600 Odd", "999 Odd"] {
        let service = Service::answering(status, "", "").await;
        failed(attempt(&service).await);
    }
}

#[tokio::test]
async fn any_other_4xx_is_a_refusal_that_quotes_the_answer() {
    for status in ["400 Bad Request", "401 Unauthorized", "404 Not Found", "409 Conflict", "422 Unprocessable Entity"] {
        let service = Service::answering(status, "retry-after: 5\r\n", "{\"error\":\"no such table\"}").await;
        let reason = refused(attempt(&service).await);
        assert_eq!(reason, format!("crm.example:{} answered {status}: {{\"error\":\"no such table\"}}", service.port));
    }
    let silent = Service::answering("410 Gone", "", "").await;
    assert!(refused(attempt(&silent).await).ends_with("410 Gone"));
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let other = Service::answering("200 OK", "", "").await;
    for location in ["http://169.254.169.254/latest".to_owned(), url(other.port), "/elsewhere".to_owned()] {
        for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let service = Service::answering(status, &format!("location: {location}\r\n"), "").await;
            let reason = refused(attempt(&service).await);
            assert!(reason.contains(status) && reason.contains("redirects are not followed"), "{reason}");
            assert_eq!((service.connections(), other.connections()), (1, 0));
        }
    }
}

#[tokio::test]
async fn a_quoted_answer_is_short_cannot_control_a_terminal_and_holds_no_secret_that_it_echoes() {
    let key = signing_secret();
    for body in [
        format!("invalid token {TOKEN}"),
        format!("{{\"authorization\":\"Bearer {TOKEN}\"}}"),
        format!("{key} and {}", key.trim_start_matches("whsec_")),
        format!("{}{TOKEN}", "x".repeat(290)),
        "\u{1b}[31mred\u{202e}\r\nline".to_owned(),
        "y".repeat(100_000),
    ] {
        let service = Service::answering("403 Forbidden", "", &body).await;
        let reason = refused(attempt(&service).await);
        assert!(!reason.contains(&TOKEN[..4]) && reason.chars().count() < 400, "{reason}");
    }
    let bytes = [&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\n"[..], b"\xff\x00\x1b\xfe"].concat();
    let service = Service::start(&[Behaviour::Answers(bytes)]).await;
    refused(attempt(&service).await);
}

#[tokio::test]
async fn the_pause_that_a_receiver_asks_for_is_taken_over_in_both_forms() {
    async fn pause(status: &str, value: &str) -> Option<Duration> {
        let service = Service::answering(status, &format!("retry-after: {value}\r\n"), "").await;
        match attempt(&service).await {
            AttemptResult::Failed { reason, retry_after } => {
                discreet(reason);
                retry_after
            }
            other => panic!("{other:?}"),
        }
    }
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        assert_eq!(pause(status, "120").await, Some(Duration::from_secs(120)));
        let decade = Duration::from_secs(10 * 365 * 86_400);
        assert!(pause(status, "Fri, 31 Dec 2100 23:59:59 GMT").await.unwrap() > decade);
        assert_eq!(
            pause(status, "Wed, 21 Oct 2015 07:28:00 GMT").await,
            Some(Duration::ZERO),
            "a date that has passed"
        );
        assert_eq!(pause(status, "18446744073709551615").await, Some(Duration::from_secs(u64::MAX)));
    }
    for nonsense in ["", "soon", "-5", "1.5", "99999999999999999999", "2100-12-31T23:59:59Z", "\u{e9}"] {
        assert_eq!(pause("503 Service Unavailable", nonsense).await, None, "{nonsense:?}");
    }
}
