//! External calls, against a service on the loopback interface. Names lead there by a lookup of the tests' own.

mod allowed;
mod answers;
mod failures;
mod requests;
pub mod service;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde_json::json;
use signalbox_capabilities::http::{Egress, EgressRules, Lookup};
use signalbox_delivery::{
    AttemptResult, DueEffect, ExternalCallConfig, ExternalCallReceivers, HttpTarget, ReceiverError,
};
use signalbox_model::SecretReference;
use signalbox_store::EffectKind;

use super::due;

const TOKEN: &str = "t0ken-of-the-crm";
pub const KEY: &[u8] = b"a key of thirty-two bytes, really";
/// A part of the payload that no reason may hold.
const PRIVATE: &str = "Ana Popescu";

pub fn signing_secret() -> String {
    format!("whsec_{}", STANDARD.encode(KEY))
}

/// The action `act_1`, a call of `url`.
fn call(url: &str) -> DueEffect {
    let action = json!({
        "id": "act_1", "type": "external_call", "target": url, "priority": "medium",
        "payload": {"guest": PRIVATE, "table": 7, "note": "lângă geam"}
    });
    due(EffectKind::Action(serde_json::from_value(action).unwrap()))
}

/// Every name leads to one address; counts the questions.
pub struct Names {
    address: IpAddr,
    questions: AtomicUsize,
}

impl Names {
    pub fn of(address: impl Into<IpAddr>) -> Arc<Self> {
        Arc::new(Self { address: address.into(), questions: AtomicUsize::new(0) })
    }

    fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl Lookup for Names {
    async fn lookup(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        Ok(vec![self.address])
    }
}

/// Receivers by the text of the configuration. Secrets are those of the tests, by the name of their variable.
fn receivers(toml: &str) -> Result<ExternalCallReceivers, ReceiverError> {
    let config: ExternalCallConfig = toml::from_str(toml).unwrap();
    ExternalCallReceivers::open(&config, |_, reference| {
        let SecretReference::Env(name) = reference else { panic!("{reference}") };
        Ok(SecretString::from(match name.as_str() {
            "KEY" => signing_secret(),
            "TOKEN" => format!("Bearer {TOKEN}"),
            other => other.to_owned(),
        }))
    })
}

fn target_with(toml: &str, lookup: Arc<dyn Lookup>) -> HttpTarget {
    let rules = EgressRules {
        private_networks: vec!["127.0.0.1".parse().unwrap()],
        allow_plain_http: true,
        ..EgressRules::default()
    };
    HttpTarget::new(Arc::new(Egress::new(rules, lookup).unwrap()), receivers(toml).unwrap())
}

/// A target that may call `crm.example` at a port, signed and with a token.
fn target(port: u16) -> HttpTarget {
    target_with(&crm(port), Names::of(Ipv4Addr::LOCALHOST))
}

fn crm(port: u16) -> String {
    format!(
        "[receivers.crm]\nhosts = [\"crm.example:{port}\"]\nsigning-secret = {{ env = \"KEY\" }}\n\
         authorization = {{ env = \"TOKEN\" }}\n"
    )
}

fn url(port: u16) -> String {
    format!("http://crm.example:{port}/v1/bookings?source=signalbox")
}

/// The reason of a refusal, in which nothing stands that is nobody else's business.
fn refused(result: AttemptResult) -> String {
    let AttemptResult::Refused { reason } = result else { panic!("{result:?}") };
    discreet(reason)
}

/// The same of a failure that a later attempt may mend.
fn failed(result: AttemptResult) -> String {
    let AttemptResult::Failed { reason, retry_after: None } = result else { panic!("{result:?}") };
    discreet(reason)
}

fn discreet(reason: String) -> String {
    let key = STANDARD.encode(KEY);
    for secret in [TOKEN, key.as_str(), PRIVATE, "Bearer", "v1,", "source=signalbox"] {
        assert!(!reason.contains(secret), "{secret} is in: {reason}");
    }
    assert!(!reason.contains(|character: char| character.is_control()), "{reason:?}");
    reason
}
