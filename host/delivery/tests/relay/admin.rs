//! Notices of the host itself to its operators.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use signalbox_delivery::{
    AdminConfig, AdminNotices, AttemptResult, EmailConfig, EmailConfigError, EmailServer, Relay, RelayConfig,
};
use signalbox_model::HumanDuration;
use signalbox_sessions::Sessions;
use signalbox_store::EffectState;
use signalbox_tests_support::{DEADLINE, ReceivedEmail, SmtpFault, SmtpServer};
use tokio_util::sync::CancellationToken;

use super::targets::{ScriptedTarget, away};
use super::{Reviewers, World, action, decision, memory};

async fn emails(mail: &SmtpServer, count: usize) -> Vec<ReceivedEmail> {
    let coming = async {
        while mail.received().len() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, coming).await.expect("a notice that does not come");
    mail.received()
}

fn email_server(port: u16) -> EmailServer {
    let config: EmailConfig = toml::from_str(&format!(
        "server = \"127.0.0.1\"\nport = {port}\nencryption = \"none\"\nfrom = \"signalbox@roma.example\""
    ))
    .unwrap();
    let server: Result<_, EmailConfigError> =
        EmailServer::open(&config, |_, _| unreachable!("no secrets"), |path| std::fs::read(path));
    server.unwrap().unwrap()
}

#[tokio::test]
async fn what_needs_an_operator_is_told_in_few_notices_that_are_tried_again_and_delay_nothing() {
    let store = memory().await;
    // The server of e-mail is away when the first notice is to leave.
    let mail = SmtpServer::start(&[Some(("connect", SmtpFault::Drops))]).await.unwrap();
    let admin = AdminConfig {
        email: vec!["operators@roma.example".to_owned()],
        gather: HumanDuration::millis(300),
        interval: HumanDuration::millis(10),
        unavailable_after: HumanDuration::millis(20),
        ..AdminConfig::default()
    };
    let (notices, task) = AdminNotices::new(&admin, "host-1", Some(email_server(mail.port)), None);
    let config = RelayConfig { scan_interval: HumanDuration::millis(10), admin, ..RelayConfig::default() };
    let refuses = || AttemptResult::Refused { reason: "410 Gone, says Ana Popescu".to_owned() };
    let (http, kafka) = (ScriptedTarget::new(move |_| refuses()), ScriptedTarget::new(|_| away()));
    let sessions = Sessions::new(10);
    let (relay, relay_task) = Relay::new(config, store.clone(), sessions.clone(), Arc::new(Reviewers));
    let relay = relay.with_admin_notices(notices.clone());
    let relay_task = relay_task.with_http(http.clone()).with_kafka(kafka.clone()).with_admin_notices(notices);
    let stop = CancellationToken::new();
    let notices_task = tokio::spawn(task.unwrap().run(stop.clone()));
    let task = tokio::spawn(relay_task.run(stop.clone()));
    let world = World { store: store.clone(), sessions, relay, stop, task };

    let call = || action("external_call", "https://crm.example", json!({}));
    let records: Vec<_> = (0..20).map(|n| decision(&format!("d{n}"), vec![call()])).collect();
    let mut given_up = decision("d20", vec![action("resource_action", "table", json!({}))]);
    given_up.decision.metadata =
        json!({"deadLetter": {"reason": "ended_the_host", "attempts": 5}}).as_object().cloned();
    for record in records.iter().chain([&given_up]) {
        store.commit_decision(record).await.unwrap();
        world.relay.committed(&Arc::new(record.clone()));
    }
    for record in &records {
        world.settled(record, EffectState::is_final).await;
    }
    let mut text = String::new();
    let mut count = 0;
    while !(text.contains("kafka: connection refused") && text.contains("decision d20 of business trattoria")) {
        count += 1;
        text = emails(&mail, count).await.into_iter().map(|email| email.text).collect();
    }
    assert!(mail.received().len() <= 4, "21 events and the outage are few notices: {text}");
    assert!(text.contains("Subject: Signalbox host-1: ") && text.contains("effects were given up"), "{text}");
    assert!(!text.contains("Popescu"), "a notice holds no words of receivers: {text}");
    world.end().await;
    notices_task.await.unwrap();
}
