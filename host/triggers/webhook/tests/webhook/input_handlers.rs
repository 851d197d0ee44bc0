use signalbox_executor::HandlerEvent;
use signalbox_tests_decider::handlers;

use super::host::{Host, SECRET, now, signed};

#[tokio::test]
async fn a_handler_makes_inputs_and_replies_at_once() {
    let host = Host::start().await;
    let body = r#"{"texts":["one","two","three"],"reply":"three tables"}"#;
    let answer = host.deliver("read", "msg_1", body).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "three tables"));
    assert_eq!(answer.headers["content-type"], "text/plain");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    host.decided(3).await;
    let mut started = host.decider.started_texts();
    started.sort();
    assert_eq!(started, ["one", "three", "two"]);

    let again = host.deliver("read", "msg_1", body).await;
    assert_eq!((again.status, again.body.as_str()), (202, "three tables"));
    host.decided(3).await;
    assert_eq!(host.decider.events().len(), 1);
}

#[tokio::test]
async fn a_delivery_that_asks_for_nothing_is_answered_and_not_handled_again() {
    let host = Host::start().await;
    for _ in 0..2 {
        let answer = host.deliver("read", "msg_1", r#"{"do":"nothing","reply":"pong"}"#).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "pong"));
    }
    assert_eq!(host.decider.events().len(), 1);
    host.decided(0).await;
}

#[tokio::test]
async fn a_permanent_refusal_of_a_handler_is_4xx_and_a_temporary_one_503() {
    let host = Host::start().await;
    let cases = [
        ("invalid", 422, "handler_invalid"),
        ("forbidden", 403, "handler_forbidden"),
        ("unavailable", 503, "handler_unavailable"),
        ("broken", 503, "internal"),
    ];
    for (what, status, code) in cases {
        let answer = host.deliver("read", what, &format!(r#"{{"do":"{what}"}}"#)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{what}");
        assert_eq!(answer.retry_after().is_some(), status == 503, "{what}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail.contains("400 guests"), status < 500, "the reason is the sender's business: {detail}");
        assert!(!detail.contains("inside"), "{detail}");
    }
    host.decided(0).await;
}

#[tokio::test]
async fn a_delivery_whose_handler_was_unavailable_is_accepted_when_it_is_sent_again() {
    let host = Host::start().await;
    for what in ["unavailable", "broken"] {
        assert_eq!(host.deliver("read", what, &format!(r#"{{"do":"{what}"}}"#)).await.status, 503, "{what}");
    }
    host.decider.set_handler(handlers::instructions_after_outage);
    for what in ["unavailable", "broken"] {
        assert_eq!(host.deliver("read", what, &format!(r#"{{"do":"{what}"}}"#)).await.status, 202, "{what}");
    }
    host.decided(2).await;
}

#[tokio::test]
async fn a_handler_sees_the_event_without_secrets() {
    let host = Host::start().await;
    let mut headers = signed(SECRET, "msg_1", now(), "{}");
    headers.push(("authorization", "Bearer secret".to_owned()));
    headers.push(("cookie", "session=secret".to_owned()));
    headers.push(("x-event", "table.booked".to_owned()));
    assert_eq!(host.post("/webhooks/trattoria/read", &headers, "{}").await.status, 202);
    let events = host.decider.events();
    let HandlerEvent::Webhook { hook, delivery_id, headers, body } = &events[0].event else { panic!("{events:?}") };
    assert_eq!((hook.as_str(), delivery_id.as_str(), body.as_slice()), ("read", "msg_1", b"{}".as_slice()));
    let value = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!((value("x-event"), value("webhook-id")), (Some("table.booked"), Some("msg_1")));
    for secret in ["authorization", "cookie", "webhook-signature"] {
        assert_eq!(value(secret), None, "{secret}");
    }
}
