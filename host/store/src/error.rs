use thiserror::Error;

/// Why the store could not do what was asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Tables are not there and may not be created.
    #[error(
        "tables are missing: {}; create them as `signalbox tables` prints them, or allow the host to create them",
        .0.join(", ")
    )]
    MissingTables(Vec<String>),
    /// A table is there, but is not what Signalbox needs.
    #[error("table {table} does not fit: {problem}; compare it with what `signalbox tables` prints")]
    WrongTable {
        /// Its full name.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The embedded store's file cannot be opened.
    #[error("cannot open the embedded store {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The configuration makes no sense.
    #[error("the store's configuration is wrong: {0}")]
    Config(String),
    /// What was asked is malformed; asking again will not help.
    #[error("{0}")]
    Invalid(String),
    /// What was to be written does not fit into an item.
    #[error("{what} is {size} bytes after compression; at most {limit} fit into an item of table {table}")]
    TooLarge {
        /// What was to be written.
        what: String,
        /// The table it belongs to.
        table: String,
        /// Its size in bytes.
        size: usize,
        /// How much fits.
        limit: usize,
    },
    /// The condition of a write does not hold: read again and decide anew.
    #[error("{operation} on table {table} was refused, because the item has changed or is not as expected")]
    ConditionFailed {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// Others kept writing the same item in between, so often that this write was given up; a retry may help.
    #[error(
        "{what} in table {table} was not changed: others wrote it in between {attempts} times; try again in a moment"
    )]
    Contended {
        /// What was to be changed.
        what: String,
        /// The table.
        table: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// There is no such thing to change.
    #[error("{what} is not in table {table}")]
    NotFound {
        /// What was looked for.
        what: String,
        /// The table.
        table: String,
    },
    /// The store is busy; a retry may help.
    #[error("{operation} on table {table} was throttled; try again in a moment")]
    Throttled {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// The store does not answer or fails; a retry may help.
    #[error("{operation} on table {table} failed: {reason}")]
    Unavailable {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What happened.
        reason: String,
    },
    /// No answer came within the deadline. Whether a write happened is unknown; the same call again is safe.
    #[error("{operation} on table {table} took longer than its deadline")]
    Timeout {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// The credentials are missing, or do not cover the call.
    #[error("{operation} on table {table} is not allowed: {reason}; check the store's credentials and policy")]
    Denied {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What the store says.
        reason: String,
    },
    /// The store refused the call as malformed, which is a bug here or a wrong table there.
    #[error("{operation} on table {table} was refused: {reason}")]
    Refused {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What the store says.
        reason: String,
    },
    /// A stored item cannot be read, for example because a newer version wrote it.
    #[error("{what} in table {table} cannot be read: {reason}")]
    Unreadable {
        /// Which item.
        what: String,
        /// The table.
        table: String,
        /// Why.
        reason: String,
    },
}

/// What it takes until what has failed succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A moment.
    Time,
    /// An operator who mends the host's store, its configuration or its bundles; the same may succeed then.
    Operator,
    /// Nothing: the same fails again.
    Nothing,
}

impl StoreError {
    /// What it takes until the same call succeeds.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::Timeout { .. } | Self::Contended { .. } => {
                Remedy::Time
            }
            Self::MissingTables(_)
            | Self::WrongTable { .. }
            | Self::Open { .. }
            | Self::Config(_)
            | Self::ConditionFailed { .. }
            | Self::Denied { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. } => Remedy::Operator,
            Self::Invalid(_) | Self::TooLarge { .. } | Self::NotFound { .. } => Remedy::Nothing,
        }
    }

    /// Whether the same call may succeed in a moment.
    pub fn retryable(&self) -> bool {
        self.remedy() == Remedy::Time
    }

    /// A stable name for metrics, logs and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingTables(_) => "missing-tables",
            Self::WrongTable { .. } => "wrong-table",
            Self::Open { .. } => "open",
            Self::Config(_) => "config",
            Self::Invalid(_) => "invalid",
            Self::TooLarge { .. } => "too-large",
            Self::ConditionFailed { .. } => "condition-failed",
            Self::Contended { .. } => "contended",
            Self::NotFound { .. } => "not-found",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout { .. } => "timeout",
            Self::Denied { .. } => "denied",
            Self::Refused { .. } => "refused",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}
