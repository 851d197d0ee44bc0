//! Tokens for Amazon MSK with IAM: a request to connect, signed with the host's AWS credentials.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider;
use rdkafka::client::OAuthToken;

use crate::context::{TokenError, TokenSource};

/// How long the AWS credentials may take; an instance's or a role's come over the network.
const CREDENTIALS_DEADLINE: Duration = Duration::from_secs(30);

/// Librdkafka asks for the name of the user; MSK takes it from the token.
const PRINCIPAL: &str = "signalbox";

/// The tokens for clusters of this region, signed with the credentials that AWS's own programs would use.
pub(crate) fn tokens(region: &str) -> TokenSource {
    let region = Region::new(region.to_owned());
    Arc::new(move || on_a_thread_of_its_own(&region, None))
}

/// Librdkafka asks on the thread that polls it. That may be a thread of a runtime, where nothing may block on another
/// future. A token is valid for 15 minutes, so a thread for each costs nothing.
fn on_a_thread_of_its_own(
    region: &Region,
    credentials: Option<SharedCredentialsProvider>,
) -> Result<OAuthToken, TokenError> {
    let sign = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TokenError::new)?;
        // A timeout can be made only within the runtime.
        let signed = async { tokio::time::timeout(CREDENTIALS_DEADLINE, sign(region.clone(), credentials)).await };
        let signed = runtime.block_on(signed);
        signed.unwrap_or_else(|_| {
            let seconds = CREDENTIALS_DEADLINE.as_secs();
            Err(TokenError::new(format!("AWS gave no credentials within {seconds} s")))
        })
    };
    std::thread::scope(|scope| scope.spawn(sign).join())
        .unwrap_or_else(|_| Err(TokenError::new("the signer of tokens for MSK has panicked")))
}

async fn sign(region: Region, credentials: Option<SharedCredentialsProvider>) -> Result<OAuthToken, TokenError> {
    let credentials = match credentials {
        Some(credentials) => credentials,
        None => {
            let config = aws_config::defaults(BehaviorVersion::latest()).region(region.clone()).load().await;
            let none = || TokenError::new("there is no source of AWS credentials");
            config.credentials_provider().ok_or_else(none)?
        }
    };
    let signed = generate_auth_token_from_credentials_provider(region, credentials).await;
    let (token, lifetime_ms) = signed.map_err(|error| TokenError::new(told(&error)))?;
    Ok(OAuthToken { token, principal_name: PRINCIPAL.to_owned(), lifetime_ms })
}

/// An error with its causes, the first one first.
fn told(error: &dyn Error) -> String {
    let mut told = format!("no token for MSK can be signed, because the AWS credentials cannot be used: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.ends_with(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = error.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use rdkafka::error::KafkaError;
    use rdkafka::producer::{BaseProducer, Producer as _};
    use rdkafka::{ClientConfig, ClientContext};

    use super::*;
    use crate::KafkaContext;

    fn given() -> SharedCredentialsProvider {
        let (session, expires) = (Some("a/session".to_owned()), None);
        SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "a secret key", session, expires, "test"))
    }

    #[derive(Debug)]
    struct WithoutCredentials;

    impl ProvideCredentials for WithoutCredentials {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no role is attached")))
        }
    }

    fn query(token: &str) -> Vec<(String, String)> {
        let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
        let (host, query) = url.split_once('?').unwrap();
        assert!(host.starts_with("https://kafka.eu-central-1.amazonaws.com"), "{url}");
        query.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(a, b)| (a.into(), b.into())).collect()
    }

    #[test]
    fn a_token_is_a_request_to_connect_signed_for_the_region_that_expires_in_fifteen_minutes() {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = on_a_thread_of_its_own(&Region::new("eu-central-1"), Some(given())).unwrap();
        let query = query(&token.token);
        let of = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()).unwrap();
        assert_eq!(of("Action"), "kafka-cluster%3AConnect");
        assert_eq!((of("X-Amz-Algorithm"), of("X-Amz-Expires")), ("AWS4-HMAC-SHA256", "900"));
        let credential = of("X-Amz-Credential");
        assert!(credential.starts_with("AKIDEXAMPLE%2F"), "{credential}");
        assert!(credential.ends_with("%2Feu-central-1%2Fkafka-cluster%2Faws4_request"), "{credential}");
        assert_eq!(of("X-Amz-Security-Token"), "a%2Fsession");
        assert_eq!(of("X-Amz-Signature").len(), 64);
        let lifetime = u64::try_from(token.lifetime_ms).unwrap() / 1_000;
        assert!((before + 900..before + 1_000).contains(&lifetime), "{lifetime} is not 15 minutes after {before}");
        assert!(!format!("{query:?}").contains("a secret key"));
    }

    #[tokio::test]
    async fn a_token_is_made_on_a_thread_of_a_runtime_too() {
        on_a_thread_of_its_own(&Region::new("eu-central-1"), Some(given())).unwrap();
    }

    #[test]
    fn missing_credentials_are_told_with_their_cause() {
        let credentials = Some(SharedCredentialsProvider::new(WithoutCredentials));
        let Err(error) = on_a_thread_of_its_own(&Region::new("eu-central-1"), credentials) else {
            panic!("there is a token");
        };
        let error = error.to_string();
        for part in ["no token for MSK", "AWS credentials", "no role is attached"] {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
    }

    /// Keeps what a client is told beside its log.
    struct Heard {
        inner: KafkaContext,
        errors: Mutex<Vec<String>>,
    }

    impl ClientContext for Heard {
        const ENABLE_REFRESH_OAUTH_TOKEN: bool = KafkaContext::ENABLE_REFRESH_OAUTH_TOKEN;

        fn error(&self, error: KafkaError, reason: &str) {
            self.errors.lock().unwrap().push(reason.to_owned());
            self.inner.error(error, reason);
        }

        fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
            self.inner.generate_oauth_token(config)
        }
    }

    impl rdkafka::producer::ProducerContext for Heard {
        type DeliveryOpaque = ();

        fn delivery(&self, _: &rdkafka::producer::DeliveryResult<'_>, (): ()) {}
    }

    /// A client of brokers that nobody reaches.
    fn client(tokens: TokenSource) -> BaseProducer<Heard> {
        let context = Heard { inner: KafkaContext::new(Some(tokens)), errors: Mutex::default() };
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", "127.0.0.1:1");
        config.set("security.protocol", "sasl_ssl").set("sasl.mechanism", "OAUTHBEARER");
        config.set("ssl.ca.location", "probe");
        config.create_with_context(context).unwrap()
    }

    fn poll_until(client: &BaseProducer<Heard>, holds: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < until, "it never happens; {:?}", client.context().errors.lock().unwrap());
            client.poll(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_client_asks_for_a_token_and_takes_the_one_that_was_signed() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let client = client(Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            on_a_thread_of_its_own(&Region::new("eu-central-1"), Some(given()))
        }));
        poll_until(&client, || asked.load(Ordering::SeqCst) > 0);
        client.poll(Duration::from_millis(200));
        let errors = client.context().errors.lock().unwrap();
        assert!(!errors.iter().any(|error| error.contains("token")), "{errors:?}");
    }

    #[test]
    fn a_missing_token_is_told_with_its_cause() {
        let client = client(Arc::new(|| Err(TokenError::new("AWS gave no credentials within 30 s"))));
        let told = |error: &String| error.contains("token") && error.contains("AWS gave no credentials within 30 s");
        poll_until(&client, || client.context().errors.lock().unwrap().iter().any(told));
    }
}
