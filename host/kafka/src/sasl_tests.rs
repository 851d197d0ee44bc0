//! Logging in at a real broker; `host/kafka/tests/with_sasl_broker.sh` starts one and runs these tests.

use std::env;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use secrecy::SecretString;
use signalbox_model::SecretReference;

use crate::context::{TokenError, TokenSource};
use crate::{KafkaConnection, KafkaMechanism, KafkaProducer, KafkaProtocol, KafkaSecurity, OutgoingRecord, SendError};

/// Far longer than a broker takes that creates the topic first.
const PATIENCE: Duration = Duration::from_secs(60);

fn broker(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} names no broker; see with_sasl_broker.sh"))
}

async fn send(connection: &KafkaConnection, timeout: Duration) -> Result<(), SendError> {
    let producer = KafkaProducer::new(connection, timeout).unwrap();
    producer.send(OutgoingRecord { topic: "logged-in", value: Some(b"1"), ..OutgoingRecord::default() }).await
}

#[tokio::test]
#[ignore = "needs a broker with SCRAM"]
async fn a_broker_takes_the_password_by_scram_and_no_other() {
    let connection = |password: &str| {
        let security = KafkaSecurity {
            protocol: KafkaProtocol::SaslPlaintext,
            mechanism: KafkaMechanism::ScramSha512,
            username: Some("signalbox".to_owned()),
            password: Some(SecretReference::Env("P".to_owned())),
            ..KafkaSecurity::default()
        };
        let brokers = [broker("SIGNALBOX_TEST_KAFKA_SCRAM")];
        KafkaConnection::new(&brokers, "test", &security, Some(&SecretString::from(password))).unwrap()
    };
    send(&connection("s3cret"), PATIENCE).await.unwrap();
    let refused = send(&connection("another"), Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(refused, SendError::Unreachable { .. }), "{refused:?}");
}

/// A token without a signature, as the broker of the test takes it.
fn unsecured(subject: &str) -> OAuthToken {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let part = |json: String| BASE64_URL_SAFE_NO_PAD.encode(json);
    let claims = part(format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + 900));
    let lifetime_ms = i64::try_from((now + 900) * 1_000).unwrap();
    let token = format!("{}.{claims}.", part(r#"{"alg":"none"}"#.to_owned()));
    OAuthToken { token, principal_name: subject.to_owned(), lifetime_ms }
}

#[tokio::test]
#[ignore = "needs a broker with OAUTHBEARER"]
async fn a_broker_takes_the_token_of_the_source_and_without_one_nothing_leaves() {
    let connection = |tokens: TokenSource| {
        let brokers = broker("SIGNALBOX_TEST_KAFKA_OAUTHBEARER");
        KafkaConnection::with_tokens(&[brokers], KafkaProtocol::SaslPlaintext, tokens)
    };
    send(&connection(Arc::new(|| Ok(unsecured("signalbox")))), PATIENCE).await.unwrap();
    let none = connection(Arc::new(|| Err(TokenError::new("no role is attached"))));
    let held_back = send(&none, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(held_back, SendError::Unreachable { .. }), "{held_back:?}");
}
