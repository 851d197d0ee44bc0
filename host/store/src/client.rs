use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::operation::get_item::GetItemInput;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::embedded::Embedded;
use crate::health::Outcomes;
use crate::item::AttributeMap;
use crate::tables::{TableNames, provision, tables};
use crate::timeline::Timeline;
use crate::unreadable::Named;
use crate::{Backend, Config, StoreError};

mod call;
mod failure;
mod read;
mod transact;

pub(crate) use failure::failure;
pub(crate) use read::{Found, Query};
pub(crate) use transact::{Part, Transacted};

/// The deadline of one attempt of a call, including connecting.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(1);
/// The deadline of a call with all its attempts.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// How often the SDK attempts throttled and failed calls, with growing, jittered pauses.
const ATTEMPTS: u32 = 3;

/// The store. Cheap to clone; all clones share one client.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    /// The database, when it runs in this process. Then only operations on tables go through the SDK's client.
    embedded: Option<Embedded>,
    names: TableNames,
    journal_retention: Duration,
    timeline: Timeline,
    /// The name of this process, by which it holds leases.
    instance: String,
    effect_lease: Duration,
    outcomes: Outcomes,
    named: Named,
    announces_changes: AtomicBool,
}

impl Store {
    /// Connects, and checks that the tables exist. Missing tables are created when the configuration allows it;
    /// otherwise the error is [`StoreError::MissingTables`].
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        let (client, embedded) = connect(&config.backend).await?;
        provision::provision(&client, &tables(&config.table_prefix), config.create_tables).await?;
        let names = TableNames::new(&config.table_prefix);
        let (journal_retention, timeline) = (config.journal_retention, Timeline::new(config.wall));
        let instance = ulid::Ulid::new().to_string();
        let (outcomes, named) = (Outcomes::default(), Named::default());
        let effect_lease = config.effect_lease;
        let inner = Inner {
            client,
            embedded,
            names,
            journal_retention,
            timeline,
            instance,
            effect_lease,
            outcomes,
            named,
            announces_changes: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The name of this process, by which it holds leases; each run of a process has its own.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// Whether decisions that are written from now on are announced to other hosts, which read
    /// [`Store::changes_since`]. An announcement costs a write unit, so a host that is alone makes none; a new store
    /// makes none either.
    pub fn announce_changes(&self, announce: bool) {
        self.inner.announces_changes.store(announce, Ordering::SeqCst);
    }

    /// Whether this host announces its changes.
    pub fn announces_changes(&self) -> bool {
        self.inner.announces_changes.load(Ordering::SeqCst)
    }

    pub(crate) fn effect_lease(&self) -> Duration {
        self.inner.effect_lease
    }

    pub(crate) fn timeline(&self) -> &Timeline {
        &self.inner.timeline
    }

    pub(crate) fn outcomes(&self) -> &Outcomes {
        &self.inner.outcomes
    }

    pub(crate) fn named(&self) -> &Named {
        &self.inner.named
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.inner.embedded.is_some()
    }

    pub(crate) fn names(&self) -> &TableNames {
        &self.inner.names
    }

    pub(crate) fn journal_retention(&self) -> Duration {
        self.inner.journal_retention
    }

    /// One item, as of the last finished write.
    pub(crate) async fn item(&self, table: &str, key: AttributeMap) -> Result<Option<AttributeMap>, StoreError> {
        read::check_keys(&key)?;
        let read = GetItemInput::builder().table_name(table).set_key(Some(key)).consistent_read(true);
        let answer = self.send(read).await.map_err(|error| failure("GetItem", table, error))?;
        Ok(answer.item)
    }
}

/// A key of two text attributes.
pub(crate) fn key(partition: (&str, &str), sort: (&str, &str)) -> AttributeMap {
    HashMap::from([partition, sort].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))))
}

async fn connect(backend: &Backend) -> Result<(Client, Option<Embedded>), StoreError> {
    let mut embedded = None;
    let builder =
        match backend {
            // No request leaves the process. The host name cannot exist, so that even a mistake would reach no server,
            // and the credentials are made up.
            Backend::Embedded { path } => Builder::new()
                .endpoint_url("http://embedded.invalid")
                .region(Region::new("local"))
                .http_client(embedded.insert(Embedded::open(path.as_deref()).await?).clone())
                .allow_no_auth(),
            Backend::Endpoint { url, region, access_key, secret } => {
                if !(url.starts_with("http://") || url.starts_with("https://")) {
                    return Err(StoreError::Config(format!("endpoint {url:?} must start with http:// or https://")));
                }
                // Everything is set, so that the SDK reads neither the environment nor the network for it.
                let access_key = access_key.as_deref().unwrap_or("signalbox");
                let secret = secret.as_deref().unwrap_or("signalbox");
                Builder::new()
                    .endpoint_url(url)
                    .region(Region::new(region.clone()))
                    .credentials_provider(Credentials::new(access_key, secret, None, None, "signalbox"))
            }
            Backend::Aws { region } => {
                let mut loader = aws_config::defaults(BehaviorVersion::latest());
                if let Some(region) = region {
                    loader = loader.region(Region::new(region.clone()));
                }
                let shared = loader.load().await;
                if shared.region().is_none() {
                    return Err(StoreError::Config("no AWS region is set; set it here or in AWS_REGION".to_owned()));
                }
                Builder::from(&shared)
            }
        };
    // A call to the database in this process only waits in its queue; abandoning it and queueing again would take
    // longer.
    let attempt = if matches!(backend, Backend::Embedded { .. }) { CALL_DEADLINE } else { ATTEMPT_DEADLINE };
    let config = builder
        .behavior_version(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(deadlines(attempt, CALL_DEADLINE));
    Ok((Client::from_conf(config.build()), embedded))
}

pub(crate) fn deadlines(attempt: Duration, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(attempt).operation_attempt_timeout(attempt).operation_timeout(call).build()
}
