//! Where external calls may go.

use std::net::Ipv4Addr;

use signalbox_capabilities::http::{Egress, EgressRules};
use signalbox_delivery::{AttemptResult, EffectTarget as _, HttpTarget, ReceiverError};
use signalbox_store::EffectKind;

use super::service::Service;
use super::{Names, call, crm, receivers, refused, target, target_with, url};

#[tokio::test]
async fn a_host_that_the_operator_has_not_allowed_is_refused_and_never_connected_to() {
    let service = Service::answering("200 OK", "", "").await;
    let (port, names) = (service.port, Names::of(Ipv4Addr::LOCALHOST));
    let toml = format!("{}[receivers.partners]\nhosts = [\"*.partner.example:{port}\"]\n", crm(port));
    let target = target_with(&toml, names.clone());
    for host in [
        format!("other.example:{port}"),
        format!("crm.example.other.example:{port}"),
        format!("acrm.example:{port}"),
        format!("a.crm.example:{port}"),
        format!("partner.example:{port}"),
        format!("evilpartner.example:{port}"),
        format!("127.0.0.1:{port}"),
        "crm.example".to_owned(),
    ] {
        let reason = refused(target.attempt(&call(&format!("http://{host}/v1"))).await);
        assert!(reason.contains(&format!("may not go to {host}")), "{reason}");
        assert!(reason.contains("[delivery.external-calls.receivers.NAME]"), "{reason}");
    }
    assert_eq!((service.connections(), names.questions()), (0, 0));
    let below = format!("http://a.b.partner.example:{port}/");
    assert_eq!(target.attempt(&call(&below)).await, AttemptResult::Delivered);
}

#[tokio::test]
async fn an_allowed_host_that_leads_to_a_private_address_is_refused_with_the_key_that_opens_it() {
    let service = Service::answering("200 OK", "", "").await;
    let port = service.port;
    let toml = format!("[receivers.all]\nhosts = [\"crm.example:{port}\", \"127.0.0.1:{port}\", \"[::1]:{port}\"]\n");
    let rules = EgressRules { allow_plain_http: true, ..EgressRules::default() };
    let egress = Egress::new(rules, Names::of(Ipv4Addr::LOCALHOST)).unwrap();
    let target = HttpTarget::new(egress.into(), receivers(&toml).unwrap());
    for host in ["crm.example", "127.0.0.1", "0x7f.1", "[::1]"] {
        let reason = refused(target.attempt(&call(&format!("http://{host}:{port}/"))).await);
        assert!(reason.contains("private address") && reason.contains("egress.private-networks"), "{reason}");
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn what_is_no_url_of_a_service_is_refused() {
    let service = Service::answering("200 OK", "", "").await;
    let target = target(service.port);
    for target_url in [
        "",
        "crm",
        "/v1/bookings",
        "mailto:ana@crm.example",
        "file:///etc/passwd",
        &format!("ftp://crm.example:{}/", service.port),
        &format!("http://user:word@crm.example:{}/", service.port),
        &format!("{}{}", url(service.port), "x".repeat(10_000)),
    ] {
        let reason = refused(target.attempt(&call(target_url)).await);
        assert!(!reason.contains("user:word"), "{reason}");
    }
    let other = super::due(EffectKind::CancelSchedule { name: "daily".to_owned() });
    refused(target.attempt(&other).await);
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn plain_http_is_refused_unless_the_operator_allows_it() {
    let egress = Egress::new(EgressRules::default(), Names::of(Ipv4Addr::LOCALHOST)).unwrap();
    let target = HttpTarget::new(egress.into(), receivers("[receivers.crm]\nhosts = [\"crm.example\"]\n").unwrap());
    let reason = refused(target.attempt(&call("http://crm.example/")).await);
    assert!(reason.contains("crm.example") && reason.contains("egress.allow-plain-http"), "{reason}");
}

#[test]
fn a_configuration_that_could_send_a_secret_to_the_wrong_receiver_or_none_is_refused_by_its_key() {
    let error = |toml: &str| receivers(toml).err().unwrap();
    let twice = "[receivers.a]\nhosts = [\"*.x.example\"]\n[receivers.b]\nhosts = [\"y.example\", \"*.X.example\"]\n";
    assert!(
        matches!(error(twice), ReceiverError::TwoReceivers { first, second, .. } if (first == "a") && (second == "b"))
    );
    for secret in ["whsec_c2hvcnQ=", "whsec_not base64", "plain text"] {
        let toml = format!("[receivers.crm]\nhosts = []\nsigning-secret = {{ env = \"{secret}\" }}\n");
        let text = error(&toml).to_string();
        assert!(text.contains("delivery.external-calls.receivers.crm.signing-secret"), "{text}");
        assert!(!text.contains(secret), "{text}");
    }
    let text = error("[receivers.crm]\nhosts = []\nauthorization = { env = \"Bearer a\\nword\" }\n").to_string();
    assert!(text.contains("delivery.external-calls.receivers.crm.authorization") && !text.contains("word"), "{text}");
}
