use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use signalbox_model::Timestamp;

/// Where the tables are.
#[derive(Clone)]
pub enum Backend {
    /// In this process, by SQLite: for the first run, development, tests and small trials on one node.
    Embedded {
        /// The SQLite file; none keeps everything in memory and loses it at exit.
        path: Option<PathBuf>,
    },
    /// At an endpoint that speaks DynamoDB, with fixed credentials.
    Endpoint {
        /// For example `http://127.0.0.1:8000`.
        url: String,
        /// A part of the signature; most servers other than AWS ignore it.
        region: String,
        /// None is a made-up one, which is enough for servers that do not check it.
        access_key: Option<String>,
        /// The secret of the access key.
        secret: Option<String>,
    },
    /// In AWS, with credentials from the environment, profile, container or instance.
    Aws {
        /// None takes the region from the environment.
        region: Option<String>,
    },
}

impl fmt::Debug for Backend {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { path } => f.debug_struct("Embedded").field("path", path).finish(),
            Self::Endpoint { url, region, access_key, .. } => f
                .debug_struct("Endpoint")
                .field("url", url)
                .field("region", region)
                .field("access_key", access_key)
                .finish_non_exhaustive(),
            Self::Aws { region } => f.debug_struct("Aws").field("region", region).finish(),
        }
    }
}

/// The clock from which the store reads the time. Tests use their own.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl WallClock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_fn(Timestamp::now)
    }

    /// A clock that calls `read`.
    pub fn from_fn(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// How long a host that has died delays the effects that it was to attempt.
const EFFECT_LEASE: Duration = Duration::from_secs(30);

/// How to open a [`Store`](crate::Store).
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the tables are.
    pub backend: Backend,
    /// The prefix of every table's name, so that several installations can share one account.
    pub table_prefix: String,
    /// Whether missing tables are created; otherwise the store refuses to start without them.
    pub create_tables: bool,
    /// How long journals are kept.
    pub journal_retention: Duration,
    /// How long a host may attempt the effects of a decision before another host takes them over; longer than any
    /// attempt takes.
    pub effect_lease: Duration,
    /// The clock.
    pub wall: WallClock,
}

impl Config {
    /// This backend with the defaults: prefix `signalbox-`, missing tables are created, journals are kept for 30 days,
    /// and a host attempts effects for 30 seconds before another host takes them over.
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            table_prefix: "signalbox-".to_owned(),
            create_tables: true,
            journal_retention: Duration::from_secs(30 * 24 * 60 * 60),
            effect_lease: EFFECT_LEASE,
            wall: WallClock::system(),
        }
    }

    /// The embedded backend in memory, for tests.
    pub fn memory() -> Self {
        Self::new(Backend::Embedded { path: None })
    }
}
